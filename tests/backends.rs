//! Several backends behind one bucket: who is asked, when another one is, how often, and over which connection
//! (kubernetes.md 2.3, 2.4; K-CTL-7; security.md 4, row 3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use osp_test_support::backend::NAME;
use osp_test_support::certificate::Authority;
use osp_test_support::documents::{Route, authority, secret_of};
use osp_test_support::proxy::Proxy;
use osp_test_support::{ALICE, Answer, BACKEND, Backend, Fault, Payload, Rule, Signer, World, wait_until};

const EVERYTHING: &str = "Read, List, Write, Delete";

fn world() -> MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

/// A backend of its own, so that no test knows the health that another one left.
fn backend(bucket: &str) -> Backend {
    let backend = Backend::start(BACKEND);
    backend.seed(bucket, "k", bucket.as_bytes());
    backend
}

/// `main` in tier 0 with writes, `second` in tier 1.
fn two(bucket: &str, main: &Backend, second: &Backend) -> Route {
    Route::new(bucket, &main.endpoint(), "at-main")
        .backend("second", &second.endpoint(), "at-second")
        .backend_field("priority: 1")
        .traffic("writes: main")
        .allow("alice", EVERYTHING, &[])
}

fn count(backend: &Backend) -> usize {
    backend.settled().len()
}

/// Status and body of a GET of `/bucket/k`.
fn get(world: &World, bucket: &str) -> (u16, String) {
    let response = world.send(&world.signed("GET", &format!("/{bucket}/k")));
    (response.status, response.text())
}

fn failing(backend: &Backend, answer: Answer) {
    backend.misbehave(Rule::new("/", Fault::Instead(answer)));
}

fn internal_error() -> Answer {
    Answer::error(500, "InternalError", "broken")
}

#[test]
fn k_api_2_4_reads_fail_over_and_nothing_else_does() {
    let world = world();
    let (main, second) = (backend("at-main"), backend("at-second"));
    let _ = world.apply("two.yaml", &two("failover", &main, &second).yaml());
    // The positive twin: as long as it is up, the first tier serves everything.
    for method in ["GET", "HEAD"] {
        assert_eq!(world.send(&world.signed(method, "/failover/k")).status, 200);
    }
    assert_eq!((count(&main), count(&second)), (2, 0));

    let begin = Signer::new(ALICE).sign(world.request("POST", "/failover/k").query("uploads"), Payload::Sha256);
    let upload = world.send(&begin).element("UploadId").unwrap();

    main.misbehave(Rule::new("/", Fault::CloseUnanswered));
    let from = world.gateway.log.len();
    assert_eq!(get(&world, "failover"), (200, "at-second".to_owned()));
    // Records of the requests before may still come.
    let is_mine = |record: &serde_json::Value| record["operation"] == "GetObject" && record["backend"] == "second";
    let records = world.gateway.log.records(from, "the record", |records| records.iter().any(is_mine));
    let record = records.into_iter().find(is_mine).unwrap();
    assert_eq!(record["attempts"], 2, "{record}");
    assert_eq!(world.send(&world.signed("HEAD", "/failover/k")).status, 200);
    let seen = second.settled();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|one| one.refused.is_none() && one.head.target == "/at-second/k"), "{seen:?}");

    second.forget();
    let put = Signer::new(ALICE).sign(world.request("PUT", "/failover/k").body("new"), Payload::Sha256);
    let list = Signer::new(ALICE).sign(world.request("GET", "/failover").query("list-type=2"), Payload::Sha256);
    let parts = world.request("GET", "/failover/k").query(&format!("uploadId={upload}"));
    let parts = Signer::new(ALICE).sign(parts, Payload::Sha256);
    let copy = world.request("PUT", "/failover/copy").header("x-amz-copy-source", "failover/k");
    let copy = Signer::new(ALICE).sign(copy, Payload::Sha256);
    for request in [put, list, parts, copy, world.signed("DELETE", "/failover/k")] {
        let response = world.send(&request);
        assert!(matches!(response.status, 502 | 503), "{} {}: {response:?}", request.method, request.target());
    }
    assert_eq!(second.settled().len(), 0, "what is not a read of one object never fails over");
    assert_eq!(second.object("at-second", "k").unwrap(), b"at-second");
    world.retract("two.yaml");
}

#[test]
fn k_api_2_4_a_broken_backend_leaves_the_other_one_in_service() {
    let world = world();
    let (main, second) = (backend("at-main"), backend("at-second"));
    let broken = Route::new("halfbroken", &main.endpoint(), "at-main")
        .backend_field("credentialRef: {name: absent}")
        .backend("second", &second.endpoint(), "at-second")
        .traffic("writes: main")
        .allow("alice", EVERYTHING, &[]);
    let _ = world.apply("half.yaml", &broken.yaml());
    assert_eq!(get(&world, "halfbroken"), (200, "at-second".to_owned()));
    for (method, target) in [("PUT", "/halfbroken/k"), ("DELETE", "/halfbroken/k"), ("GET", "/halfbroken")] {
        let response = world.send(&world.signed(method, target));
        assert_eq!((response.status, response.code().as_deref()), (503, Some("ServiceUnavailable")), "{method}");
    }
    assert_eq!((count(&main), count(&second)), (0, 1));
    // The positive twin: with its credential back everything is served.
    let _ = world.apply("half.yaml", &two("halfbroken", &main, &second).yaml());
    let put = Signer::new(ALICE).sign(world.request("PUT", "/halfbroken/k").body("new"), Payload::Sha256);
    assert_eq!(world.send(&put).status, 200);
    assert_eq!(main.object("at-main", "k").unwrap(), b"new");
    world.retract("half.yaml");
}

#[test]
fn an_ejected_backend_is_left_out_and_comes_back() {
    let world = world();
    let (main, second) = (backend("at-main"), backend("at-second"));
    let _ = world.apply("eject.yaml", &two("eject", &main, &second).yaml());
    let gauge = |name: &str| world.gateway.metrics().sum(name, &["bucket=\"eject\"", "backend=\"main\""]);
    // What the client causes ejects nobody.
    for _ in 0..8 {
        assert_eq!(world.send(&world.signed("GET", "/eject/absent")).status, 404);
    }
    assert_eq!((count(&main), count(&second), gauge("osp_backend_healthy")), (8, 0, 1.0));

    failing(&main, internal_error());
    for _ in 0..5 {
        assert_eq!(get(&world, "eject").0, 500, "without retries an answer is passed on");
    }
    main.forget();
    failing(&main, internal_error());
    assert_eq!((gauge("osp_backend_healthy"), gauge("osp_backend_ejections_total")), (0.0, 1.0));
    assert!(gauge("osp_backend_failures_total") >= 5.0);
    // A change of the documents forgets nothing.
    let _ = world.apply("eject.yaml", &two("eject", &main, &second).backend_field("weight: 50").yaml());
    for _ in 0..3 {
        assert_eq!(get(&world, "eject"), (200, "at-second".to_owned()));
    }
    assert_eq!(main.settled().len(), 0);
    // Neither is the last one ever given up.
    failing(&second, internal_error());
    for _ in 0..5 {
        let _ = get(&world, "eject");
    }
    main.forget();
    assert_eq!(get(&world, "eject"), (200, "at-main".to_owned()), "all are ejected: the best one is asked anyway");
    assert_eq!(gauge("osp_backend_healthy"), 1.0, "and its answer counts");
    world.retract("eject.yaml");
    assert_eq!(gauge("osp_backend_healthy"), 0.0, "no series of a route that is gone");
}

#[test]
fn a_half_open_backend_gets_one_probe() {
    let world = world();
    let (main, second) = (backend("at-main"), backend("at-second"));
    let _ = world.apply("probe.yaml", &two("probe", &main, &second).yaml());
    failing(&main, internal_error());
    for _ in 0..5 {
        assert_eq!(get(&world, "probe").0, 500);
    }
    main.forget();
    main.misbehave(Rule::new("/", Fault::Late(Duration::from_millis(300))));
    wait_until("the probe", || get(&world, "probe").1 == "at-main");
    assert_eq!(main.settled().len(), 1, "the others went to the second one meanwhile");
    assert_eq!(get(&world, "probe").1, "at-main");
    world.retract("probe.yaml");
}

#[test]
fn row_3_what_is_tried_again_and_what_is_not() {
    let world = world();
    let only = backend("at-main");
    let route = Route::new("retry", &only.endpoint(), "at-main").allow("alice", EVERYTHING, &[]);
    let retrying = route.clone().traffic("retries: {attempts: 3, backoff: 1ms}");
    let _ = world.apply("retry.yaml", &retrying.yaml());
    let put = Signer::new(ALICE).sign(world.request("PUT", "/retry/k").body("at-main"), Payload::Sha256);
    let empty = world.signed("PUT", "/retry/empty");
    let (read, list) = (world.signed("GET", "/retry/k"), world.signed("GET", "/retry"));
    let (head, delete) = (world.signed("HEAD", "/retry/k"), world.signed("DELETE", "/retry/other"));
    for (status, code, again) in [
        (500, "InternalError", true),
        (502, "BadGateway", true),
        (503, "SlowDown", true),
        (504, "GatewayTimeout", true),
        (501, "NotImplemented", false),
        (404, "NoSuchKey", false),
        (412, "PreconditionFailed", false),
    ] {
        for (request, replayable) in
            [(&read, true), (&list, true), (&head, true), (&put, false), (&empty, false), (&delete, false)]
        {
            only.forget();
            only.misbehave(Rule::new("/", Fault::Instead(Answer::error(status, code, "no"))).times(2));
            let response = world.send(request);
            let seen = only.settled();
            let what = format!("{status} {} {}: {response:?} {seen:?}", request.method, request.target());
            if again && replayable {
                assert_eq!((response.status, seen.len()), (200, 3), "{what}");
                assert_eq!(seen[2].refused, None, "{what}");
            } else {
                assert_eq!((response.status, seen.len()), (status, 1), "{what}");
            }
        }
    }
    // The last answer is passed on; without `retries` it is the first.
    for attempts in [3, 1] {
        only.forget();
        failing(&only, Answer::error(503, "SlowDown", "later").header("Retry-After", "7"));
        let response = world.send(&read);
        assert_eq!((response.status, response.code().as_deref()), (503, Some("SlowDown")));
        assert_eq!((response.header("retry-after"), only.settled().len()), (Some("7"), attempts));
        if attempts == 3 {
            let _ = world.apply("retry.yaml", &route.yaml());
        }
    }
    world.retract("retry.yaml");
}

#[test]
fn every_attempt_has_a_date_and_a_signature_of_its_own() {
    let world = world();
    let only = backend("at-main");
    let route = Route::new("fresh", &only.endpoint(), "at-main").traffic("retries: {attempts: 2, backoff: 3s}");
    let _ = world.apply("fresh.yaml", &route.allow("alice", EVERYTHING, &[]).yaml());
    only.misbehave(Rule::new("/", Fault::Instead(internal_error())).times(1));
    let began = Instant::now();
    assert_eq!(get(&world, "fresh"), (200, "at-main".to_owned()));
    assert!(began.elapsed() >= Duration::from_millis(1500), "between the half and the whole of the backoff");
    let [first, again] = only.settled().try_into().unwrap();
    for name in ["x-amz-date", "authorization"] {
        assert!(first.head.header(name).is_some() && first.head.header(name) != again.head.header(name), "{name}");
    }
    assert_eq!(again.refused, None);
    world.retract("fresh.yaml");
}

#[test]
fn a_connection_that_cannot_be_made_is_tried_again_for_writes_too() {
    let world = world();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let route = Route::new("dead", &format!("http://{dead}"), "x").traffic("retries: {attempts: 3, backoff: 1ms}");
    let _ = world.apply("dead.yaml", &route.allow("alice", EVERYTHING, &[]).yaml());
    let from = world.gateway.log.len();
    let put = Signer::new(ALICE).sign(world.request("PUT", "/dead/k").body("new"), Payload::Sha256);
    assert_eq!(world.send(&put).status, 503);
    let records = world
        .gateway
        .log
        .records(from, "the record", |records| records.iter().any(|record| record["operation"] == "PutObject"));
    let record = records.iter().find(|record| record["operation"] == "PutObject").unwrap();
    assert_eq!(record["attempts"], 3, "{record}");
    assert!(world.gateway.metrics().sum("osp_request_retries_total", &["bucket=\"dead\""]) >= 2.0);
    world.retract("dead.yaml");
}

#[test]
fn weights_spread_keys_and_a_key_stays_where_it_is() {
    let world = world();
    let (main, second) = (backend("at-main"), backend("at-second"));
    let keys: Vec<String> = (0..120).map(|key| format!("part-{key}.parquet")).collect();
    for key in &keys {
        main.seed("at-main", key, b"main");
        second.seed("at-second", key, b"second");
    }
    let route = Route::new("weighted", &main.endpoint(), "at-main")
        .backend("second", &second.endpoint(), "at-second")
        .backend_field("weight: 300")
        .traffic("writes: main")
        .traffic("reads: Weighted");
    let _ = world.apply("weighted.yaml", &route.allow("alice", EVERYTHING, &[]).yaml());
    let read = || -> BTreeMap<&str, String> {
        let body = |key: &str| world.send(&world.signed("GET", &format!("/weighted/{key}"))).text();
        keys.iter().map(|key| (key.as_str(), body(key))).collect()
    };
    let first = read();
    let at_main = first.values().filter(|body| *body == "main").count();
    assert!((15..=45).contains(&at_main), "a quarter of 120: {at_main}");
    assert!(first.values().all(|body| body == "main" || body == "second"));
    assert_eq!(read(), first);
    world.retract("weighted.yaml");
}

#[test]
fn time_outs_of_a_backend_are_its_own() {
    let world = world();
    let only = backend("at-main");
    only.seed("at-main", "large", &vec![7; 300_000]);
    let timed = |timeouts: &str| {
        let route = Route::new("timed", &only.endpoint(), "at-main").backend_field(&format!("timeouts: {timeouts}"));
        let _ = world.apply("timed.yaml", &route.allow("alice", EVERYTHING, &[]).yaml());
        only.forget();
    };
    timed("{firstByte: 400ms, idle: 2s}");
    assert_eq!(get(&world, "timed"), (200, "at-main".to_owned()));
    only.misbehave(Rule::new("/k", Fault::Late(Duration::from_secs(4))));
    let put = Signer::new(ALICE).sign(world.request("PUT", "/timed/k").body("at-main"), Payload::Sha256);
    for request in [world.signed("GET", "/timed/k"), put] {
        let began = Instant::now();
        let response = world.send(&request);
        assert_eq!((response.status, response.code().as_deref()), (503, Some("ServiceUnavailable")), "{response:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
    // The positive twin: the body may pause for longer than the head may take...
    only.forget();
    only.misbehave(Rule::new("/large", Fault::Drip(100_000, Duration::from_millis(700))));
    let large = world.signed("GET", "/timed/large");
    let response = world.send(&large);
    assert!(response.status == 200 && response.complete && response.body.len() == 300_000);
    // ... and not for longer than `idle`.
    timed("{firstByte: 400ms, idle: 1s}");
    only.misbehave(Rule::new("/large", Fault::Drip(100_000, Duration::from_secs(3))));
    let cut = world.connect().send(&large);
    assert!(cut.is_err() || cut.is_ok_and(|response| !response.complete), "a silent body was waited for");
    world.retract("timed.yaml");
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let world = world();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", silent.local_addr().unwrap());
    let route = Route::new("silent", &endpoint, "x").backend_field("timeouts: {connect: 200ms}");
    let _ = world.apply("silent.yaml", &route.allow("alice", EVERYTHING, &[]).yaml());
    let began = Instant::now();
    assert_eq!(get(&world, "silent").0, 503);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    world.retract("silent.yaml");
}

const TRUST: &str = "tls: {caCertificateRefs: [{kind: ConfigMap, name: many-ca, key: ca.crt}]";

#[test]
fn b_3_the_server_name_is_asked_for_and_verified() {
    let world = world();
    let ours = Authority::new("names");
    let inner = Backend::start_tls(BACKEND, ours.issue_for(&["inner.test"]).server());
    inner.seed("b", "k", b"inner");
    let route = |bucket: &str, name: &str| {
        let route = Route::new(bucket, &inner.endpoint(), "b").allow("alice", EVERYTHING, &[]);
        route.backend_field(&format!("{TRUST}{name}}}")).yaml()
    };
    let documents = [
        authority("many-ca", ours.pem()),
        route("named", ", serverName: inner.test"),
        route("misnamed", ", serverName: other.test"),
        route("unnamed", ""),
    ];
    let _ = world.apply("names.yaml", &documents.join("---\n"));
    for _ in 0..2 {
        for (bucket, status) in [("named", 200), ("misnamed", 503), ("unnamed", 503)] {
            assert_eq!(get(&world, bucket).0, status, "{bucket}");
        }
    }
    world.retract("names.yaml");
}

#[test]
fn client_certificates_are_shown_and_connections_with_them_are_not_shared() {
    let world = world();
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let strict = Backend::start_tls(BACKEND, servers.issue().server_for_clients_of(&clients));
    strict.seed("b", "k", b"mutual");
    let (good, foreign) = (clients.issue_for(&["osp"]), servers.issue_for(&["osp"]));
    let pair =
        |name: &str, certificate: &str, key: &str| secret_of(name, &[("tls.crt", certificate), ("tls.key", key)]);
    let route = |bucket: &str, certificate: &str| {
        let route = Route::new(bucket, &strict.endpoint(), "b").allow("alice", EVERYTHING, &[]);
        route.backend_field(&format!("{TRUST}{certificate}}}")).yaml()
    };
    let documents = [
        authority("many-ca", servers.pem()),
        pair("good", &good.certificate_pem, &good.key_pem),
        pair("foreign", &foreign.certificate_pem, &foreign.key_pem),
        pair("mixed", &good.certificate_pem, &foreign.key_pem),
        route("mutual", ", clientCertificateRef: {name: good}"),
        route("foreign", ", clientCertificateRef: {name: foreign}"),
        route("mixed", ", clientCertificateRef: {name: mixed}"),
        route("bare", ""),
    ];
    let _ = world.apply("mutual.yaml", &documents.join("---\n"));
    for _ in 0..2 {
        assert_eq!(get(&world, "mutual"), (200, "mutual".to_owned()));
        for bucket in ["foreign", "mixed", "bare"] {
            let status = get(&world, bucket).0;
            assert!(matches!(status, 502 | 503), "{bucket}: {status}");
        }
    }
    assert_eq!(count(&strict), 2);
    world.retract("mutual.yaml");
}

#[test]
fn k_ctl_7_one_host_with_two_ca_bundles_shares_no_connection() {
    let world = world();
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let server = Backend::start_tls(BACKEND, ours.issue().server());
    server.seed("b", "k", b"tls");
    let both = format!("{}{}", ours.pem(), others.pem());
    let route = |bucket: &str, ca: &str| {
        let route = Route::new(bucket, &server.endpoint(), "b").allow("alice", EVERYTHING, &[]);
        route.backend_field(&format!("tls: {{caCertificateRefs: [{{kind: ConfigMap, name: {ca}}}]}}")).yaml()
    };
    let documents = [
        authority("ours", ours.pem()),
        authority("others", others.pem()),
        authority("both", &both),
        route("one", "ours"),
        route("two", "both"),
        route("three", "others"),
    ];
    let _ = world.apply("bundles.yaml", &documents.join("---\n"));
    for _ in 0..3 {
        assert_eq!((get(&world, "one").0, get(&world, "two").0, get(&world, "three").0), (200, 200, 503));
    }
    let connections: Vec<u64> = server.settled().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 6);
    assert!(connections[0] != connections[1], "{connections:?}");
    assert!(connections.chunks(2).all(|pair| pair == &connections[..2]), "reused, each by its own: {connections:?}");
    world.retract("bundles.yaml");
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_to_the_name_of_the_backend() {
    let world = world();
    let ours = Authority::new("behind a proxy");
    let server = Backend::start_tls(BACKEND, ours.issue_for(&[NAME]).server());
    server.seed("b", "k", b"behind");
    let endpoint = format!("https://{NAME}:{}", server.address().port());
    let (open, closed) = (Proxy::start(None), Proxy::start(Some("Basic dXNlcjpwYXNzOndvcmQ=")));
    let route = |bucket: &str, proxy: &str| {
        let route = Route::new(bucket, &endpoint, "b").allow("alice", EVERYTHING, &[]);
        let route = route.backend_field(&format!("{TRUST}}}"));
        if proxy.is_empty() { route.yaml() } else { route.backend_field(&format!("proxy: {{{proxy}}}")).yaml() }
    };
    let through = |proxy: &Proxy, secret: &str| match secret {
        "" => format!("url: \"{}\"", proxy.url()),
        secret => format!("url: \"{}\", credentialsSecretRef: {{name: {secret}}}", proxy.url()),
    };
    let documents = [
        authority("many-ca", ours.pem()),
        secret_of("proxy-auth", &[("username", "user"), ("password", "pass:word")]),
        secret_of("proxy-wrong", &[("username", "user"), ("password", "canary-wrong")]),
        route("open", &through(&open, "")),
        route("closed", &through(&closed, "proxy-auth")),
        route("wrong", &through(&closed, "proxy-wrong")),
        route("direct", ""),
    ];
    let _ = world.apply("proxy.yaml", &documents.join("---\n"));
    let from = world.gateway.log.len();
    // Twice: a connection through one proxy must not serve a route with another one (K-CTL-7).
    for _ in 0..2 {
        for (bucket, status) in [("open", 200), ("closed", 200), ("wrong", 503), ("direct", 503)] {
            let (found, text) = get(&world, bucket);
            assert_eq!(found, status, "{bucket}: {text}");
        }
    }
    let line = format!("CONNECT {NAME}:{} HTTP/1.1", server.address().port());
    assert_eq!(open.asked(), [(line.clone(), None)], "one tunnel, used twice");
    let asked = closed.asked();
    assert_eq!(asked[0], (line, Some("Basic dXNlcjpwYXNzOndvcmQ=".to_owned())));
    let seen = server.settled();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|one| one.refused.is_none() && one.head.header("proxy-authorization").is_none()));
    assert!(seen[0].connection != seen[1].connection);
    let log = world.gateway.log.text();
    assert!(world.gateway.log.len() > from && log.contains("(407)"), "the log says why: {log}");
    assert!(!log.contains("canary-wrong") && !log.contains("dXNlcjpw"));
    world.retract("proxy.yaml");
}
