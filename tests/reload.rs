//! Documents change while requests run: in force within a second, for everything that begins after, without harm to what
//! is under way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use osp_test_support::documents::{Route, client, credential};
use osp_test_support::{ALICE, BACKEND, Backend, Key, Payload, Request, Signer, World, wait_until};

/// A change is in force within this time.
const LIMIT: Duration = Duration::from_secs(1);
const EVERYTHING: &str = "Read, List, Write, Delete";

fn world() -> std::sync::MutexGuard<'static, World> {
    let world = World::shared(env!("CARGO_BIN_EXE_osp"));
    world.backend.seed("alpha-at-backend", "k", b"content");
    world
}

fn get(world: &World, path: &str) -> u16 {
    world.send(&world.signed("GET", path)).status
}

fn route(bucket: &str, backend: &Backend, backend_bucket: &str) -> String {
    Route::new(bucket, &backend.endpoint(), backend_bucket).allow("alice", EVERYTHING, &[]).yaml()
}

#[test]
fn a_new_route_serves_within_a_second_and_a_removed_one_ends() {
    let world = world();
    assert_eq!(get(&world, "/fresh/k"), 404);
    let mut kept = world.connect();
    assert_eq!(kept.send(&world.signed("GET", "/fresh/k")).unwrap().status, 404);
    let took = world.apply("fresh.yaml", &route("fresh", &world.backend, "alpha-at-backend"));
    assert!(took < LIMIT, "{took:?}");
    assert_eq!(get(&world, "/fresh/k"), 200);
    // The connection is older than the table.
    assert_eq!(kept.send(&world.signed("GET", "/fresh/k")).unwrap().status, 200);
    world.retract("fresh.yaml");
    assert_eq!(get(&world, "/fresh/k"), 404);
}

#[test]
fn a_file_that_is_not_yaml_refuses_the_whole_change() {
    let world = world();
    let refused = |world: &World| world.gateway.metrics().sum("osp_config_reloads_total", &["outcome=\"refused\""]);
    let before = refused(&world);
    let log_before = world.gateway.log.len();
    // A good new document beside the broken file does not get in either.
    world.config.write("beside.yaml", &route("beside", &world.backend, "alpha-at-backend"));
    world.config.write("broken.yaml", "spec: [unclosed\n  - : :\n\tx");
    wait_until("the refusal to be counted", || refused(&world) > before);
    wait_until("the log to name the file", || {
        world.gateway.log.text().lines().skip(log_before).any(|line| line.contains("broken.yaml"))
    });
    assert_eq!(get(&world, "/alpha/k"), 200);
    world.config.remove("broken.yaml");
    wait_until("the rest to be applied", || get(&world, "/beside/k") == 200);
    world.retract("beside.yaml");
}

#[test]
fn an_invalid_document_breaks_its_own_bucket_only() {
    let world = world();
    let good = route("wounded", &world.backend, "alpha-at-backend");
    let invalid = [
        good.replace("permissions: [Read", "permissions: [Reed"),
        good.replace("region:", "reegion:"),
        good.replace("http://", "ftp://"),
        good.replace("addressingStyle: Path", "addressingStyle: 7"),
        good.replace("credentialRef: {name: backend}", "credentialRef: {name: absent}"),
        format!("{good}  hooks: [{{name: later}}]\n"),
    ];
    for text in invalid {
        assert_ne!(text, good);
        let _ = world.apply("wounded.yaml", &text);
        let response = world.send(&world.signed("GET", "/wounded/k"));
        assert_eq!((response.status, response.code().as_deref()), (503, Some("ServiceUnavailable")), "{text}");
        assert!(response.header("retry-after").is_some(), "{response:?}");
        assert_eq!(get(&world, "/alpha/k"), 200, "{text}");
    }
    // A client that is not there takes nothing from the others: the route serves, and nobody is granted anything.
    let _ = world.apply("wounded.yaml", &good.replace("clientRef: {name: alice}", "clientRef: {name: nobody}"));
    world.denied_by_head(&world.signed("GET", "/wounded/k"), 403, "AccessDenied");
    // Never 404: Hadoop would take that for "does not exist".
    let _ = world.apply("wounded.yaml", &good);
    assert_eq!(get(&world, "/wounded/k"), 200);
    world.retract("wounded.yaml");
}

#[test]
fn the_same_object_twice_makes_both_invalid() {
    let world = world();
    let good = route("twin", &world.backend, "alpha-at-backend");
    let _ = world.apply("twin.yaml", &good);
    assert_eq!(get(&world, "/twin/k"), 200);
    let _ = world.apply("twin-again.yaml", &good);
    assert_eq!(get(&world, "/twin/k"), 503);
    world.retract("twin-again.yaml");
    assert_eq!(get(&world, "/twin/k"), 200);
    world.retract("twin.yaml");
}

#[test]
fn a_client_whose_key_goes_is_refused_within_a_second() {
    let world = world();
    let carol = Key { id: "OSPTESTCAROL00000001", secret: "canary-carol-secret-1" };
    let route =
        Route::new("carols", &world.backend.endpoint(), "alpha-at-backend").allow("carol", EVERYTHING, &[]).yaml();
    let documents = format!("{}---\n{route}", client("carol", carol));
    let _ = world.apply("carol.yaml", &documents);
    let request = || Signer::new(carol).sign(world.request("GET", "/carols/k"), Payload::Sha256);
    assert_eq!(world.send(&request()).status, 200);
    let rotated = Key { secret: "canary-carol-secret-2", ..carol };
    let took = world.apply("carol.yaml", &format!("{}---\n{route}", client("carol", rotated)));
    assert!(took < LIMIT, "{took:?}");
    // SIG-17: no cached key outlives its secret.
    world.denied_by_head(&request(), 403, "SignatureDoesNotMatch");
    let renewed = Signer::new(rotated).sign(world.request("GET", "/carols/k"), Payload::Sha256);
    assert_eq!(world.send(&renewed).status, 200);
    world.retract("carol.yaml");
    world.denied_by_head(&request(), 403, "InvalidAccessKeyId");
}

#[test]
fn a_backend_key_that_changes_is_used_at_once() {
    let world = world();
    let other = Key { id: "BACKENDKEY0000000002", secret: "canary-backend-secret-2" };
    let second = Backend::start(other);
    second.seed("b", "k", b"second");
    let with = |key: Key| {
        let route = Route::new("rekeyed", &second.endpoint(), "b").allow("alice", EVERYTHING, &[]).yaml();
        let route = route.replace("credentialRef: {name: backend}", "credentialRef: {name: second}");
        format!("{}---\n{route}", credential("second", key))
    };
    let _ = world.apply("rekeyed.yaml", &with(BACKEND));
    assert_eq!(get(&world, "/rekeyed/k"), 503, "trap 11: the backend refuses the old key");
    let _ = world.apply("rekeyed.yaml", &with(other));
    assert_eq!(get(&world, "/rekeyed/k"), 200);
    world.retract("rekeyed.yaml");
}

#[test]
fn a_transfer_under_way_keeps_its_table() {
    let world = world();
    let second = Backend::start(BACKEND);
    second.create_bucket("b");
    let _ = world.apply("moving.yaml", &route("moving", &world.backend, "beta"));
    let body = vec![5; 500_000];
    let request = Signer::new(ALICE).sign(world.request("PUT", "/moving/upload").body(body.clone()), Payload::Sha256);
    let mut connection = world.connect();
    connection.write(&request.head()).unwrap();
    connection.write(&request.pieces[0][..100_000]).unwrap();
    let _ = world.backend.wait_for("the upload to begin", |seen| !seen.is_empty());
    let _ = world.apply("moving.yaml", &route("moving", &second, "b"));
    connection.write(&request.pieces[0][100_000..]).unwrap();
    assert_eq!(connection.read_response(false).unwrap().status, 200);
    assert_eq!(world.backend.object("beta", "upload").as_deref(), Some(body.as_slice()));
    assert_eq!(second.object("b", "upload"), None);
    // The next request of the same connection follows the new table.
    assert_eq!(connection.send(&world.signed("GET", "/moving/upload")).unwrap().status, 404);
    world.retract("moving.yaml");
}

#[test]
fn a_route_moves_under_load_without_a_failure() {
    const EACH_SIDE: usize = 500;
    let world = world();
    let (a, b) = (Backend::start(BACKEND), Backend::start(BACKEND));
    a.seed("b", "k", b"A");
    b.seed("b", "k", b"B");
    let _ = world.apply("load.yaml", &route("load", &a, "b"));
    let (host, address) = (world.host(), world.gateway.http());
    let (moved, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let worker = || {
        let mut connection = osp_test_support::Connection::plain(address);
        let (mut answers, mut after) = (Vec::new(), 0);
        while !done.load(Ordering::Relaxed) {
            let put = Request::new("PUT", &host, "/load/written").body("x");
            let written = connection.send(&Signer::new(ALICE).sign(put, Payload::Sha256)).unwrap();
            assert_eq!(written.status, 200, "a PUT failed: {}", written.text());
            let get = Signer::new(ALICE).sign(Request::new("GET", &host, "/load/k"), Payload::Sha256);
            let response = connection.send(&get).unwrap();
            assert_eq!(response.status, 200, "a GET failed: {}", response.text());
            answers.push((response.text(), Instant::now()));
            after += usize::from(moved.load(Ordering::Relaxed));
            if after >= EACH_SIDE {
                done.store(true, Ordering::Relaxed);
            }
        }
        answers
    };
    let (answers, moved_at) = std::thread::scope(|scope| {
        let running = scope.spawn(worker);
        let _ = a.wait_for("operations on the first side", |seen| seen.len() >= 2 * EACH_SIDE);
        let moved_at = Instant::now();
        world.config.write("load.yaml", &route("load", &b, "b"));
        moved.store(true, Ordering::Relaxed);
        (running.join().unwrap(), moved_at)
    });
    let first_b = answers.iter().position(|(text, _)| text == "B").expect("the route moved");
    assert!(answers[..first_b].iter().all(|(text, _)| text == "A"));
    assert!(answers[first_b..].iter().all(|(text, _)| text == "B"), "back to A after the switch");
    assert!(first_b >= EACH_SIDE && answers.len() - first_b >= EACH_SIDE / 2, "{first_b} of {}", answers.len());
    let took = answers[first_b].1.saturating_duration_since(moved_at);
    assert!(took <= LIMIT, "{took:?}");
    world.retract("load.yaml");
}
