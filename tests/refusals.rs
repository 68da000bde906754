//! Whose business a refusal of the backend is: the client's, the operator's, or that of a bucket in another region
//! (s3-protocol.md 5, ER-1 ... ER-4; trap 11; RN-6).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::MutexGuard;

use osp_test_support::backend::NAME_IN_REGION;
use osp_test_support::checksum::md5_base64;
use osp_test_support::documents::Route;
use osp_test_support::http2::Session;
use osp_test_support::proxy::Proxy;
use osp_test_support::{
    ALICE, Answer, BACKEND, Backend, Fault, Payload, Request, Response, Rule, Seen, Signer, UploadForm, World,
};

const EVERYTHING: &str = "Read, List, Write, Delete, Admin";
/// The region that the backend takes, as it tells OSP.
const THE_REGION: &str = "eu-test-1";

fn world() -> MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

/// Alice with all permissions in `file`'s one bucket at a backend of its own.
fn bucket(world: &World, name: &str, change: impl FnOnce(Route) -> Route) -> Backend {
    let backend = Backend::start(BACKEND);
    backend.seed("at-backend", "k", b"content");
    let route = Route::new(name, &backend.endpoint(), "at-backend").allow("alice", EVERYTHING, &[]);
    let _ = world.apply(&format!("{name}.yaml"), &change(route).yaml());
    backend
}

fn sign(request: Request) -> Request {
    Signer::new(ALICE).sign(request, Payload::Sha256)
}

fn request(world: &World, method: &str, path: &str, query: &str, body: &str) -> Request {
    world.signed_by(ALICE, (method, path, query), body)
}

fn told(response: &Response) -> (u16, Option<String>, Option<String>) {
    (response.status, response.code(), response.element("Message"))
}

fn assert_opaque(response: &Response) {
    let all = format!("{:?} {}", response.headers, response.text());
    for hidden in ["hidden-", "at-backend", "BACKEND", "eu-test", "wrong-region", "evil.test"] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
}

const LOCK: &str = "Access Denied because object protected by object lock.";
const RETENTION: &str = "<Retention><Mode>GOVERNANCE</Mode></Retention>";

#[test]
fn er_4_a_refusal_that_is_about_the_object_reaches_the_client_in_the_words_of_aws() {
    let world = world();
    let backend = bucket(&world, "locked", |route| route);
    let from = world.gateway.log.len();
    for (method, query, body, answer, expected) in [
        ("DELETE", "versionId=v", "", Answer::error(403, "AccessDenied", LOCK), ("AccessDenied", LOCK)),
        (
            "DELETE",
            "versionId=v",
            "",
            Answer::error(403, "AccessDenied", "forbidden by object lock"),
            ("AccessDenied", LOCK),
        ),
        (
            "DELETE",
            "versionId=v",
            "",
            Answer::error(400, "InvalidRequest", "Object is WORM protected and cannot be overwritten"),
            ("AccessDenied", LOCK),
        ),
        (
            "DELETE",
            "versionId=v",
            "",
            Answer::error(403, "AccessDenied", "Access Denied."),
            ("AccessDenied", "Access Denied"),
        ),
        ("PUT", "retention", RETENTION, Answer::error(403, "AccessDenied", "no"), ("AccessDenied", "Access Denied")),
    ] {
        backend.forget();
        backend.misbehave(Rule::new("/k", Fault::Instead(answer)));
        let response = world.send(&request(&world, method, "/locked/k", query, body));
        let (code, message) = expected;
        assert_eq!(told(&response), (403, Some(code.to_owned()), Some(message.to_owned())), "{method} {query}");
        assert_eq!(response.element("Resource").as_deref(), Some("/locked/k"));
        assert_eq!(response.element("RequestId").as_deref(), response.header("x-amz-request-id"));
        assert_eq!(response.header("connection"), Some("close"), "pingora ends the connection");
        assert_opaque(&response);
        assert_eq!(backend.settled().len(), 1, "a refusal is not tried again");
    }
    // OSP did not stop them
    let is_mine = |one: &serde_json::Value| one["backend_code"] == "AccessDenied" && one["status"] == 403;
    let records = world
        .gateway
        .log
        .records(from, "the records", |records| records.iter().filter(|one| is_mine(one)).count() == 4);
    assert!(records.iter().filter(|one| is_mine(one)).all(|one| one["decision"] == "allow" && one["code"].is_null()));

    let archived =
        "<Error><Code>InvalidObjectState</Code><Message>hidden-1</Message><StorageClass>GLACIER</StorageClass></Error>";
    backend.forget();
    backend.misbehave(Rule::new("/k", Fault::Instead(Answer::xml(403, archived))));
    let response = world.send(&request(&world, "GET", "/locked/k", "", ""));
    assert_eq!((response.status, response.code().as_deref()), (403, Some("InvalidObjectState")));
    assert_eq!(response.element("StorageClass").as_deref(), Some("GLACIER"));
    assert_opaque(&response);
    world.retract("locked.yaml");
}

#[test]
fn trap_11_what_no_rule_takes_for_the_clients_business_is_503() {
    let world = world();
    let backend = bucket(&world, "refused", |route| route);
    for (method, query, body) in [
        ("GET", "", ""),
        ("HEAD", "", ""),
        ("PUT", "", "new"),
        ("DELETE", "", ""),
        ("GET", "retention", ""),
        ("GET", "versionId=v", ""),
    ] {
        backend.forget();
        backend.misbehave(Rule::new("/k", Fault::Instead(Answer::error(403, "AccessDenied", "Access Denied"))));
        let response = world.send(&request(&world, method, "/refused/k", query, body));
        assert_eq!(response.status, 503, "{method} {query}");
        assert!(method == "HEAD" || response.code().as_deref() == Some("ServiceUnavailable"));
        assert_opaque(&response);
    }
    assert_eq!(backend.object("at-backend", "k").unwrap(), b"content");
    world.retract("refused.yaml");
}

#[test]
fn er_2_a_400_to_head_is_a_400_unless_it_names_a_region() {
    let world = world();
    let backend = bucket(&world, "headed", |route| route);
    for (answer, status) in [
        (Answer::new(400, ""), 400),
        (Answer::new(400, "").header("x-amz-bucket-region", THE_REGION), 400),
        (Answer::new(400, "").header("x-minio-error-code", "XMinioInvalidObjectName"), 400),
        (Answer::new(400, "").header("x-minio-error-code", "AuthorizationHeaderMalformed"), 503),
        (Answer::new(403, ""), 503),
    ] {
        backend.forget();
        backend.misbehave(Rule::new("/k", Fault::Instead(answer)));
        let response = world.send(&request(&world, "HEAD", "/headed/k", "", ""));
        assert_eq!((response.status, response.body.len()), (status, 0));
        assert_opaque(&response);
    }
    // The next request on the same client connection gets its own answer.
    backend.forget();
    assert_eq!(world.send(&request(&world, "HEAD", "/headed/k", "", "")).status, 200);
    world.retract("headed.yaml");
}

#[test]
fn er_4_over_http_2_it_is_the_same() {
    let world = world();
    let backend = bucket(&world, "over2", elsewhere);
    let authority = format!("localhost:{}", world.gateway.https().port());
    let mut session = Session::connect(world.gateway.https(), world.authority.client(&[b"h2"])).unwrap();
    let mut ask = |method: &str, body: &str| {
        let request = Request::new(method, &authority, "/over2/k");
        session.exchange(&authority, &sign(if body.is_empty() { request } else { request.body(body) }), false).answer()
    };
    backend.misbehave(Rule::new("/k", Fault::Instead(malformed())).times(1));
    assert_eq!(ask("PUT", "by HTTP/2").status, 200);
    assert_eq!(good(&backend.settled()), [true, true]);
    backend.forget();
    backend.misbehave(Rule::new("/k", Fault::Instead(Answer::error(403, "AccessDenied", LOCK))));
    let response = ask("DELETE", "");
    assert_eq!(told(&response), (403, Some("AccessDenied".to_owned()), Some(LOCK.to_owned())));
    assert_opaque(&response);
    backend.forget();
    // the connection goes on
    assert_eq!(ask("GET", "").text(), "by HTTP/2");
    world.retract("over2.yaml");
}

#[test]
fn an_error_is_awaited_whole_and_never_without_end() {
    let world = world();
    let backend = bucket(&world, "slowly", |route| route);
    let locked = Answer::error(403, "AccessDenied", LOCK);
    let get = request(&world, "GET", "/slowly/k", "", "");
    for (fault, expected) in [
        (Fault::Raw(chunked(&locked.body, 3)), (403, "AccessDenied")),
        (Fault::Raw(until_closed(&locked.body)), (403, "AccessDenied")),
        (Fault::Raw(chunked(b"", 1)), (503, "ServiceUnavailable")),
        (Fault::Raw(endless()), (503, "ServiceUnavailable")),
        (
            Fault::Raw(b"HTTP/1.1 403 No\r\nContent-Length: 1000\r\n\r\n<Error><Code>Acc".to_vec()),
            (502, "InternalError"),
        ),
    ] {
        backend.forget();
        backend.misbehave(Rule::new("/k", fault.clone()));
        let response = world.send(&get);
        assert_eq!((response.status, response.code().as_deref()), (expected.0, Some(expected.1)), "{fault:?}");
        assert!(response.complete, "{response:?}");
    }
    // An early error while the client still sends.
    backend.forget();
    backend.misbehave(Rule::new("/k", Fault::EarlyAnswer(Answer::error(400, "InvalidArgument", "hidden-x"))));
    let response = world.send(&request(&world, "PUT", "/slowly/k", "", &"x".repeat(300_000)));
    assert_eq!((response.status, response.code().as_deref()), (400, Some("InvalidArgument")));
    assert_opaque(&response);
    world.retract("slowly.yaml");
}

fn chunked(body: &[u8], piece: usize) -> Vec<u8> {
    let mut out = b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(piece) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

fn until_closed(body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n", body].concat()
}

/// More than OSP reads of an error, and no end.
fn endless() -> Vec<u8> {
    [b"HTTP/1.1 403 No\r\nContent-Length: 999999999\r\n\r\n<Error>".to_vec(), vec![b' '; 200_000]].concat()
}

#[test]
fn d03_locked_versions_of_a_batch_and_a_batch_that_is_refused() {
    let world = world();
    let backend = bucket(&world, "batch", |route| route);
    let body =
        "<Delete><Object><Key>k</Key><VersionId>v</VersionId></Object><Object><Key>other</Key></Object></Delete>";
    let delete = || {
        let request =
            world.request("POST", "/batch").query("delete").header("Content-MD5", &md5_base64(body.as_bytes()));
        sign(request.body(body))
    };
    let result = format!(
        "<DeleteResult><Error><Key>k</Key><VersionId>v</VersionId><Code>AccessDenied</Code><Message>{LOCK}</Message></Error>\
         <Error><Key>other</Key><Code>AccessDenied</Code><Message>hidden-user may not</Message></Error></DeleteResult>"
    );
    backend.misbehave(Rule::new("delete", Fault::Instead(Answer::xml(200, &result))));
    let response = world.send(&delete());
    assert_eq!(response.status, 200);
    let text = response.text();
    assert!(text.contains(&format!("<Code>AccessDenied</Code><Message>{LOCK}</Message>")), "{text}");
    assert!(text.contains("<Key>other</Key><Code>InternalError</Code>"), "{text}");
    for (answer, status, code) in [
        (Answer::error(403, "AccessDenied", "no"), 503, "ServiceUnavailable"),
        (Answer::error(400, "MalformedXML", "no"), 400, "MalformedXML"),
        (Answer::error(503, "SlowDown", "no"), 503, "SlowDown"),
        (Answer::error(404, "NoSuchBucket", "no"), 404, "NoSuchBucket"),
        (Answer::redirect("http://evil.test/"), 503, "ServiceUnavailable"),
    ] {
        backend.forget();
        backend.misbehave(Rule::new("delete", Fault::Instead(answer)));
        let response = world.send(&delete());
        assert_eq!((response.status, response.code().as_deref()), (status, Some(code)));
        assert_opaque(&response);
    }
    world.retract("batch.yaml");
}

/// Requests at the backend: whether each was beyond reproach.
fn good(seen: &[Seen]) -> Vec<bool> {
    seen.iter().map(|one| one.refused.is_none()).collect()
}

/// What S3 answers to a signature for another region.
fn malformed() -> Answer {
    let body = format!("<Error><Code>AuthorizationHeaderMalformed</Code><Region>{THE_REGION}</Region></Error>");
    Answer::xml(400, &body)
}

fn elsewhere(route: Route) -> Route {
    route.backend_field("region: wrong-region")
}

#[test]
fn rn_6_the_region_of_a_bucket_is_learned_from_the_answer_and_remembered() {
    let world = world();
    let moved = || Answer::redirect("http://evil.test/").header("x-amz-bucket-region", THE_REGION);
    let of_head = || Answer::new(400, "").header("x-amz-bucket-region", THE_REGION);
    let small = "x".repeat(20_000);
    let keys = "<Delete><Object><Key>none</Key></Object></Delete>";
    for (number, (method, path, query, body, answer)) in [
        ("GET", "/k", "", "", malformed()),
        ("HEAD", "/k", "", "", of_head()),
        ("GET", "", "list-type=2", "", malformed()),
        ("PUT", "/new", "", small.as_str(), malformed()),
        ("DELETE", "/gone", "", "", malformed()),
        ("POST", "", "delete", keys, malformed()),
        ("POST", "/k", "uploads", "", Answer { headers: without_region(moved()), ..moved() }),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("elsewhere{number}");
        let backend = bucket(&world, &name, elsewhere);
        backend.misbehave(Rule::new("/", Fault::Instead(answer)).times(1));
        let asked = request(&world, method, &format!("/{name}{path}"), query, body);
        let response = world.send(&asked);
        assert!((200..300).contains(&response.status), "{method} {path}: {response:?} {}", response.text());
        assert_opaque(&response);
        let seen = backend.settled();
        assert_eq!(good(&seen), [true, true], "{seen:?}");
        assert!(seen[0].head.header("authorization").unwrap().contains("/wrong-region/s3/"));
        assert!(seen[1].head.header("authorization").unwrap().contains(&format!("/{THE_REGION}/s3/")));
        // Every later request is right at once, the large ones included.
        backend.forget();
        let put = sign(world.request("PUT", &format!("/{name}/large")).body(vec![7; 500_000]));
        assert_eq!(world.send(&put).status, 200);
        assert_eq!(good(&backend.settled()), [true]);
        world.retract(&format!("{name}.yaml"));
    }
    let log = world.gateway.log.text();
    assert!(log.contains("a bucket is in another region than its route says") && log.contains(THE_REGION), "{log}");
}

/// [`Answer::redirect`] names a region of its own.
fn without_region(answer: Answer) -> Vec<(String, String)> {
    let mut headers = answer.headers;
    headers.retain(|(_, value)| value != "backend-region-9");
    headers
}

#[test]
fn rn_6_a_body_that_cannot_be_sent_again_is_slow_down_and_the_next_one_passes() {
    let world = world();
    let backend = bucket(&world, "streamed", elsewhere);
    backend.misbehave(Rule::new("/large", Fault::Instead(malformed())).times(1));
    let put = sign(world.request("PUT", "/streamed/large").body(vec![7; 500_000]));
    let response = world.send(&put);
    assert_eq!((response.status, response.code().as_deref()), (503, Some("SlowDown")), "{}", response.text());
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_opaque(&response);
    assert_eq!(backend.settled().len(), 1);
    backend.forget();
    assert_eq!(world.send(&put).status, 200);
    assert_eq!(good(&backend.settled()), [true]);
    world.retract("streamed.yaml");
}

#[test]
fn rn_6_a_form_goes_to_the_region_of_its_bucket_as_every_upload_does() {
    let world = world();
    for (size, status) in [(0, 204), (20_000, 204), (500_000, 503)] {
        let name = format!("form{size}");
        let backend = bucket(&world, &name, elsewhere);
        backend.misbehave(Rule::new("/new", Fault::Instead(malformed())).times(1));
        let form = UploadForm::new(ALICE, &name).field("key", "new").signed().file(vec![b'x'; size]);
        let posted = form.request(&world.host(), &format!("/{name}"));
        let response = world.send(&posted);
        assert_eq!(response.status, status, "{size} bytes: {response:?} {}", response.text());
        assert_opaque(&response);
        if status == 503 {
            assert_eq!(response.code().as_deref(), Some("SlowDown"), "not kept, so for the client to repeat");
            assert_eq!(backend.settled().len(), 1);
        } else {
            let seen = backend.settled();
            assert_eq!(good(&seen), [true, true], "{seen:?}");
            assert!(seen[0].head.header("authorization").unwrap().contains("/wrong-region/s3/"));
            assert!(seen[1].head.header("authorization").unwrap().contains(&format!("/{THE_REGION}/s3/")));
            assert_eq!(backend.object("at-backend", "new"), Some(form.file.clone()));
        }
        backend.forget();
        assert_eq!(world.send(&posted).status, 204, "the next one is right at once");
        assert_eq!(good(&backend.settled()), [true]);
        assert_eq!(backend.object("at-backend", "new"), Some(form.file.clone()));
        world.retract(&format!("{name}.yaml"));
    }
    let backend = bucket(&world, "form-circle", elsewhere);
    let form = UploadForm::new(ALICE, "form-circle").field("key", "new").signed();
    backend.misbehave(Rule::new("/", Fault::Instead(malformed())));
    let response = world.send(&form.request(&world.host(), "/form-circle"));
    assert_eq!((response.status, response.code().as_deref()), (503, Some("ServiceUnavailable")));
    assert_eq!(backend.settled().len(), 2, "sent once more, and never again");
    world.retract("form-circle.yaml");
}

#[test]
fn rn_6_a_backend_that_goes_on_redirecting_is_asked_twice() {
    let world = world();
    let backend = bucket(&world, "circle", elsewhere);
    backend.misbehave(Rule::new("/", Fault::Instead(malformed())));
    for attempts in [2, 1] {
        let response = world.send(&request(&world, "GET", "/circle/k", "", ""));
        assert_eq!((response.status, response.code().as_deref()), (503, Some("ServiceUnavailable")));
        assert_opaque(&response);
        assert_eq!(backend.settled().len(), attempts, "the second time nothing new was told");
        backend.forget();
        backend.misbehave(Rule::new("/", Fault::Instead(malformed())));
    }
    // Another region than the one that was learned is learned again.
    backend.forget();
    let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>third-1</Region></Error>";
    backend.misbehave(Rule::new("/", Fault::Instead(Answer::xml(400, body))).times(1));
    assert_eq!(world.send(&request(&world, "GET", "/circle/k", "", "")).status, 503);
    assert!(backend.settled()[1].head.header("authorization").unwrap().contains("/third-1/s3/"));
    world.retract("circle.yaml");
}

#[test]
fn rn_6_only_an_endpoint_of_aws_has_another_host_in_another_region_and_never_a_named_one() {
    let world = world();
    let backend = Backend::start(BACKEND);
    backend.seed("at-backend", "k", b"content");
    let port = backend.address().port();
    let proxy = Proxy::start(None);
    let through = format!("proxy: {{url: \"{}\"}}", proxy.url());
    let route = |bucket: &str, host: &str| {
        let route = Route::new(bucket, &format!("http://{host}:{port}"), "at-backend").allow("alice", EVERYTHING, &[]);
        elsewhere(route).backend_field(&through).yaml()
    };
    let documents = [route("aws", "s3.us-east-1.amazonaws.com"), route("other", "backend.test")];
    let _ = world.apply("hosts.yaml", &documents.join("---\n"));
    for (bucket, hosts) in
        [("aws", vec!["s3.us-east-1.amazonaws.com", NAME_IN_REGION]), ("other", vec!["backend.test", "backend.test"])]
    {
        backend.forget();
        let redirect = Answer::xml(301, "<Error><Code>PermanentRedirect</Code><Endpoint>evil.test</Endpoint></Error>");
        let redirect = redirect.header("Location", "http://evil.test/").header("x-amz-bucket-region", THE_REGION);
        backend.misbehave(Rule::new("/k", Fault::Instead(redirect)).times(1));
        let response = world.send(&request(&world, "GET", &format!("/{bucket}/k"), "", ""));
        assert_eq!((response.status, response.text().as_str()), (200, "content"), "{bucket}");
        let seen = backend.settled();
        let found: Vec<&str> = seen.iter().map(|one| one.head.header("host").unwrap()).collect();
        assert_eq!(found, hosts.iter().map(|host| format!("{host}:{port}")).collect::<Vec<_>>());
    }
    let asked: Vec<String> = proxy.asked().into_iter().map(|(line, _)| line).collect();
    assert!(asked.contains(&format!("CONNECT {NAME_IN_REGION}:{port} HTTP/1.1")), "{asked:?}");
    assert!(asked.iter().all(|line| !line.contains("evil.test")), "{asked:?}");
    world.retract("hosts.yaml");
}

#[test]
fn rn_6_where_endpoints_are_limited_the_host_stays() {
    let world = world();
    let backend = Backend::start(BACKEND);
    let (port, proxy) = (backend.address().port(), Proxy::start(None));
    let proxy_address = proxy.url().trim_start_matches("http://").to_owned();
    let host = format!("s3.us-east-1.amazonaws.com:{port}");
    let source = format!(
        "apiVersion: osp.flexworks.eu/v1alpha1\nkind: CredentialSource\nmetadata: {{name: limited, namespace: team}}\n\
         spec:\n  secret: {{name: backend-key}}\n  allowedEndpoints: [\"{host}\", \"{proxy_address}\"]\n"
    );
    let route = Route::new("limited", &format!("http://{host}"), "at-backend").allow("alice", EVERYTHING, &[]);
    let route = elsewhere(route)
        .backend_field(&format!("proxy: {{url: \"{}\"}}", proxy.url()))
        .backend_field("credentialRef: {name: limited}");
    let _ = world.apply("limited.yaml", &format!("{source}---\n{}", route.yaml()));
    backend.misbehave(Rule::new("/k", Fault::Instead(malformed())).times(2));
    let response = world.send(&request(&world, "GET", "/limited/k", "", ""));
    assert_eq!(response.status, 503, "{}", response.text());
    let seen = backend.settled();
    assert!(!seen.is_empty() && seen.iter().all(|one| one.head.header("host") == Some(host.as_str())), "{seen:?}");
    assert!(seen[1].head.header("authorization").unwrap().contains(&format!("/{THE_REGION}/s3/")));
    world.retract("limited.yaml");
}
