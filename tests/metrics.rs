//! The ten metrics of the brief (C40-C49) with exact values, and labels that nobody outside can add to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::time::Duration;

use osp_test_support::gateway::Metrics;
use osp_test_support::{ALICE, BOB, Connection, Payload, Request, STRANGER, Signer, World, wait_until};

const MIB: usize = 1024 * 1024;

fn world() -> std::sync::MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

/// A request is counted after its answer has left: waits until `count` more are there than in `before`.
fn settled(world: &World, before: &Metrics, count: usize) -> Metrics {
    let total = |metrics: &Metrics| metrics.sum("osp_requests_total", &[]);
    wait_until("all requests to be counted", || total(&world.gateway.metrics()) >= total(before) + count as f64);
    world.gateway.metrics()
}

#[test]
fn c40_to_c49_have_exact_values() {
    let world = world();
    let before = world.gateway.metrics();
    let mut connection = world.connect();
    let mut sent_out = 0;
    let mut send = |request: Request, status| {
        let response = connection.send(&request).unwrap();
        assert_eq!(response.status, status, "{}", response.text());
        sent_out += response.body.len();
    };
    for n in 0..10 {
        let put = world.request("PUT", &format!("/alpha/metric-{n}")).body(vec![n as u8; MIB]);
        send(Signer::new(ALICE).sign(put, Payload::ALL[n % 5]), 200);
    }
    for n in 0..20 {
        send(world.signed("GET", &format!("/alpha/metric-{}", n % 10)), 200);
    }
    for _ in 0..3 {
        send(Signer::new(BOB).sign(world.request("GET", "/alpha/metric-0"), Payload::Sha256), 403);
    }
    for _ in 0..2 {
        send(Signer::new(ALICE).presign(world.request("GET", "/alpha/metric-0"), Duration::from_secs(60)), 200);
    }
    let mut tampered = Signer::new(ALICE).presign(world.request("GET", "/alpha/metric-0"), Duration::from_secs(60));
    tampered.path = "/alpha/metric-1".to_owned();
    send(tampered, 403);
    let after = settled(&world, &before, 36);
    let grew = |name: &str, labels: &[&str]| after.sum(name, labels) - before.sum(name, labels);
    let alpha = "bucket=\"alpha\"";
    assert_eq!(grew("osp_requests_total", &["method=\"PUT\"", alpha, "status=\"200\""]), 10.0, "C40 {after:?}");
    assert_eq!(grew("osp_requests_total", &["method=\"GET\"", alpha, "status=\"200\""]), 22.0, "C40 {after:?}");
    assert_eq!(grew("osp_requests_total", &["method=\"GET\"", alpha, "status=\"403\""]), 4.0, "C40 {after:?}");
    assert_eq!(grew("osp_requests_total", &[]), 36.0, "C40");
    assert_eq!(grew("osp_request_errors_total", &["method=\"GET\"", alpha]), 4.0, "C41 {after:?}");
    assert_eq!(grew("osp_request_errors_total", &[]), 4.0, "C41: errors are counted once");
    assert_eq!(
        grew("osp_transfer_bytes_total", &["direction=\"in\"", alpha]),
        (10 * MIB) as f64,
        "C42: object bytes {after:?}"
    );
    assert_eq!(grew("osp_transfer_bytes_total", &["direction=\"out\"", alpha]), sent_out as f64, "C42 {after:?}");
    assert_eq!(grew("osp_presigned_url_hits_total", &[alpha]), 2.0, "C43 {after:?}");
    assert_eq!(grew("osp_presigned_url_rejected_total", &[alpha]), 1.0, "C44 {after:?}");
    assert!(after.sum("osp_memory_bytes", &[]) > 1_000_000.0, "C46");
    assert_eq!(after.sum("osp_build_info", &["version=", "rustc="]), 1.0, "C47");
    assert_eq!(grew("osp_request_duration_seconds_count", &["method=\"PUT\"", alpha]), 10.0, "C48");
    assert_eq!(grew("osp_request_duration_seconds_count", &["method=\"GET\"", alpha]), 26.0, "C48");
    assert!(grew("osp_request_duration_seconds_sum", &[alpha]) > 0.0, "C48");
    assert_eq!(grew("osp_response_size_bytes_count", &["method=\"GET\"", alpha]), 26.0, "C49");
    assert_eq!(grew("osp_response_size_bytes_sum", &["method=\"GET\"", alpha]), sent_out as f64, "C49");
}

#[test]
fn c45_active_connections_return_to_zero() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let active = || world.gateway.metrics().sum("osp_active_connections", &[]);
    wait_until("the connections of other tests to go", || active() == 0.0);
    let mut connections: Vec<Connection> = (0..5).map(|_| world.connect()).collect();
    for connection in &mut connections {
        assert_eq!(connection.send(&world.signed("GET", "/alpha/k")).unwrap().status, 200);
    }
    assert_eq!(active(), 5.0);
    // One breaks off within a head, one within a body, the rest just leave.
    connections[0].write(b"GET /alpha/k HT").unwrap();
    let put = Signer::new(ALICE).sign(world.request("PUT", "/alpha/k").body(vec![0; 1000]), Payload::Sha256);
    connections[1].write(&put.head()).unwrap();
    drop(connections);
    wait_until("the gauge to return to zero", || active() == 0.0);
}

#[test]
fn c_5_names_from_outside_make_no_series() {
    let world = world();
    // Every kind of refusal has its series once.
    let probe = |n: usize| {
        let bucket = format!("unknown-{n}");
        vec![
            world.signed("GET", &format!("/{bucket}/k")),
            world.request("GET", &format!("/{bucket}/k")),
            Signer::new(STRANGER).sign(world.request("GET", &format!("/{bucket}/k")), Payload::Sha256),
            world.signed("GET", "/NOT%20A%20BUCKET/k"),
            world.request(&format!("BREW{n}"), &format!("/{bucket}/k")),
            Signer::new(ALICE).presign(world.request("GET", &format!("/{bucket}/k")), Duration::from_secs(60)),
        ]
    };
    let send = |n| {
        for request in probe(n) {
            assert!((400..500).contains(&world.send(&request).status));
        }
    };
    let start = world.gateway.metrics();
    send(0);
    let before = settled(&world, &start, 6);
    for n in 1..=50 {
        send(n);
    }
    let after = settled(&world, &before, 300);
    assert_eq!(after.series(), before.series());
    let unrouted = |metrics: &Metrics| metrics.sum("osp_requests_total", &["bucket=\"_unrouted\""]);
    assert_eq!(unrouted(&after) - unrouted(&before), 300.0, "{after:?}");
    assert!(after.series().iter().all(|series| !series.contains("unknown-") && !series.contains("BREW")));
}

#[test]
fn every_answer_has_an_id_of_its_own() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let mut connection = world.connect();
    let mut ids: Vec<String> = (0..20)
        .map(|n| {
            let path = if n % 2 == 0 { "/alpha/k" } else { "/alpha/absent" };
            let response = connection.send(&world.signed("GET", path)).unwrap();
            response.header("x-amz-request-id").expect("an id").to_owned()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    assert!(ids.iter().all(|id| !id.starts_with("BACKEND")), "the backend's ids stay inside: {ids:?}");
}

#[test]
fn the_access_log_says_what_happened() {
    let world = world();
    let from = world.gateway.log.len();
    let put = world.request("PUT", "/alpha/logged").body(vec![1; 5000]);
    let response = world.send(&Signer::new(ALICE).sign(put, Payload::SignedChunksTrailer));
    let id = response.header("x-amz-request-id").unwrap().to_owned();
    let records = world.gateway.log.records(from, "the record", |records| !records.is_empty());
    let record = &records[0];
    assert_eq!(record["request_id"], id.as_str(), "{record}");
    assert_eq!(record["principal"], "team/alice", "{record}");
    assert_eq!((&record["operation"], &record["bucket"]), (&"PutObject".into(), &"alpha".into()), "{record}");
    assert_eq!((&record["decision"], &record["status"]), (&"allow".into(), &200.into()), "{record}");
    assert_eq!(record["bytes_in"], 5000, "{record}");
    assert!(record["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1")), "{record}");
    assert!(record["duration_ms"].is_number(), "{record}");
    assert_eq!(record.get("signature"), None);
}

#[test]
fn c_7_nothing_from_outside_breaks_a_log_line() {
    let world = world();
    let request = world
        .request("GET", "/alpha/%0d%0a%1b%5b31m%7b%22decision%22%3a%22allow%22%7d")
        .header("User-Agent", "evil\u{9}\"agent\\")
        .header("X-Forwarded-For", "8.8.8.8");
    world.denied_by_head(&request, 403, "AccessDenied");
    let text = world.gateway.log.text();
    assert!(!text.contains('\u{1b}'), "an escape sequence in the log");
    assert!(!text.contains("8.8.8.8"), "an untrusted client named its own address");
}
