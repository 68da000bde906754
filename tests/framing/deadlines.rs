//! Clients that send or take next to nothing (security.md 2.6 R). The gateway here has the shortest time-outs that can be
//! set; every test waits for its answer or its end of the connection, never for a time.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use osp_test_support::connection::PATIENCE;
use osp_test_support::documents::Route;
use osp_test_support::{ALICE, Connection, Fault, Payload, Request, Rule, Signer, UploadForm, World, wait_until};

use crate::frames::{END_HEADERS, END_STREAM, End, Raw};
use crate::{assert_last, assert_unharmed, read, seed};

/// Between two bytes of a client that drips.
const DRIP: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(1);

fn world() -> MutexGuard<'static, World> {
    static WORLD: OnceLock<Mutex<World>> = OnceLock::new();
    let settings = "clientHeadTimeout: 1s\nclientStallTimeout: 1s\nclientIdleTimeout: 1s\n";
    let world = WORLD.get_or_init(|| Mutex::new(World::start_with(env!("CARGO_BIN_EXE_osp"), settings)));
    let world = world.lock().unwrap_or_else(PoisonError::into_inner);
    world.wait_quiet();
    seed(&world);
    world
}

/// Sends byte after byte until an answer or the end comes; how many bytes that were.
fn drip(connection: &mut Connection, bytes: impl Iterator<Item = u8>) -> usize {
    let start = Instant::now();
    for (count, byte) in bytes.enumerate() {
        if connection.write(&[byte]).is_err() || connection.hears_within(DRIP) {
            return count;
        }
        assert!(start.elapsed() < PATIENCE, "the gateway lets a client drip");
    }
    panic!("all bytes were taken");
}

/// `400 RequestTimeout`, and the connection ends.
fn assert_timed_out(connection: &mut Connection, what: &str) {
    let response = connection.read_response(false).unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
    assert_eq!((response.status, response.code().as_deref()), (400, Some("RequestTimeout")), "{what}");
    assert_last(connection, &response, what);
}

#[test]
fn r_a_head_that_drips_is_cut_off_whatever_it_drips() {
    let world = world();
    let head = String::from_utf8(read(&world).head()).unwrap();
    let (line, _) = head.split_once("\r\n").unwrap();
    let endless = format!("{line}\r\n").into_bytes().into_iter().chain(b"x-a: b\r\n".iter().copied().cycle());
    let empty_lines = std::iter::repeat_n(b'\n', 1).chain(std::iter::repeat(b'\r'));
    let cases: [(&str, Box<dyn Iterator<Item = u8>>); 3] = [
        ("a request line", Box::new(b"GET /".iter().copied().chain(std::iter::repeat(b'a')))),
        ("headers", Box::new(endless)),
        ("no line at all", Box::new(empty_lines)),
    ];
    for (what, bytes) in cases {
        let start = Instant::now();
        let mut connection = world.connect();
        drip(&mut connection, bytes);
        assert!(start.elapsed() >= LIMIT, "{what}: too early");
        assert_timed_out(&mut connection, what);
    }
    assert!(world.backend.settled().is_empty());
    assert_unharmed(&world, "dripping heads");
}

/// The deadline is for each head, and a request before it does not lengthen it.
#[test]
fn r_half_a_head_after_an_answer_is_cut_off() {
    let world = world();
    let mut connection = world.connect();
    connection.write(&[read(&world).bytes(), b"GET /alpha/k HT".to_vec()].concat()).unwrap();
    assert_eq!(connection.read_response(false).unwrap().body, b"content");
    assert_timed_out(&mut connection, "half a head");
    assert_eq!(world.backend.settled().len(), 1);
}

#[test]
fn r_a_connection_without_a_request_is_closed_without_a_word() {
    let world = world();
    let mut connections = [world.connect(), world.connect()];
    assert_eq!(connections[1].send(&read(&world)).unwrap().status, 200);
    for connection in &mut connections {
        assert!(connection.is_closed());
    }
}

/// Every way to announce a body that never comes whole.
fn uploads(world: &World) -> Vec<(&'static str, Request)> {
    let put = || world.request("PUT", "/alpha/k").body(vec![b'x'; 3000]);
    let batch = "<Delete><Object><Key>victim</Key></Object></Delete>".to_owned() + &" ".repeat(3000);
    let batch = world.request("POST", "/alpha").query("delete=").body(batch);
    let signer = Signer::new(ALICE);
    vec![
        ("an upload", signer.sign(put(), Payload::Sha256)),
        ("an upload of unsigned bytes", signer.sign(put(), Payload::Unsigned)),
        ("an upload in signed chunks", signer.sign(put(), Payload::SignedChunks)),
        ("an upload in HTTP chunks", signer.sign(put(), Payload::UnsignedTrailer).transfer_chunked(100)),
        ("a batch of deletions", signer.sign(batch, Payload::Sha256)),
        ("a form", form().request(&world.host(), "/alpha")),
    ]
}

fn form() -> UploadForm {
    UploadForm::new(ALICE, "alpha").field("key", "k").signed().file(vec![b'x'; 3000])
}

/// What a body that was given up may have left behind.
fn assert_given_up(world: &World, before: &[(String, String, String)], what: &str) {
    let seen = world.backend.settled();
    assert!(seen.len() <= 1 && seen.iter().all(|one| !one.complete), "{what}: {seen:?}");
    assert_eq!(world.backend.contents(), before, "{what}");
    assert_unharmed(world, what);
    world.backend.forget();
}

#[test]
fn r_a_body_that_stops_is_given_up() {
    let world = world();
    let before = world.backend.contents();
    for (what, request) in uploads(&world) {
        let mut connection = world.connect();
        connection.write(&request.head()).unwrap();
        connection.write(&request.pieces.concat()[..200]).unwrap();
        assert_timed_out(&mut connection, what);
        assert_given_up(&world, &before, what);
    }
}

/// Its fields are all there and right: the backend has begun to get it.
#[test]
fn r_a_form_that_stops_in_its_file_is_given_up() {
    let world = world();
    let before = world.backend.contents();
    let form = form();
    let request = form.request(&world.host(), "/alpha");
    for sent in [form.before_file().len(), form.before_file().len() + 1000, form.body().len() - 1] {
        let mut connection = world.connect();
        connection.write(&request.head()).unwrap();
        connection.write(&form.body()[..sent]).unwrap();
        assert_timed_out(&mut connection, "a form");
        assert_given_up(&world, &before, "a form");
    }
    assert_eq!(world.send(&request).status, 204, "its twin");
    seed(&world);
}

/// Never silent for long, and below 1 KiB a second.
#[test]
fn r_a_body_that_drips_is_given_up() {
    let world = world();
    let before = world.backend.contents();
    for (what, request) in uploads(&world) {
        let mut connection = world.connect();
        connection.write(&request.head()).unwrap();
        let taken = drip(&mut connection, request.pieces.concat().into_iter());
        assert!(taken < 1024, "{what}: {taken} bytes");
        assert_timed_out(&mut connection, what);
        assert_given_up(&world, &before, what);
    }
}

/// The twin: slow, and fast enough.
#[test]
fn r_a_body_that_comes_slowly_is_taken() {
    let world = world();
    let request =
        Signer::new(ALICE).sign(world.request("PUT", "/alpha/slow").body(vec![b'x'; 400_000]), Payload::SignedChunks);
    let mut connection = world.connect();
    connection.write(&request.head()).unwrap();
    let start = Instant::now();
    for piece in request.pieces.concat().chunks(4000) {
        connection.write(piece).unwrap();
        if start.elapsed() < 2 * LIMIT {
            assert!(!connection.hears_within(DRIP), "an answer before the end");
        }
    }
    assert_eq!(connection.read_response(false).unwrap().status, 200);
    assert!(start.elapsed() > LIMIT, "it was not slow");
    assert_eq!(world.backend.object("alpha-at-backend", "slow").unwrap().len(), 400_000);
}

#[test]
fn r_a_client_that_takes_no_answer_is_given_up() {
    let world = world();
    // more than what sockets buffer
    world.backend.seed("alpha-at-backend", "large", &vec![7; 48 << 20]);
    let mut connection = world.connect();
    connection.write(&world.signed("GET", "/alpha/large").bytes()).unwrap();
    let active = || world.gateway.metrics().sum("osp_active_connections", &[]);
    let _ = world.backend.wait_for("the transfer to begin", |seen| !seen.is_empty());
    wait_until("the gateway to give it up", || active() == 0.0);
    let response = connection.read_response(false);
    assert!(response.is_err() || response.is_ok_and(|response| !response.complete), "it was sent to its end");
    world.backend.remove("alpha-at-backend", "large");
}

#[test]
fn r_http2_without_its_preface_is_closed() {
    let world = world();
    for sent in [&b""[..], b"PRI * HTTP/2.0", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut connection = Raw::silent(&world);
        connection.write(sent).unwrap();
        assert!(connection.read_to_end().is_ok(), "{sent:?}");
    }
}

#[test]
fn r_an_http2_head_without_end_is_closed() {
    let world = world();
    let mut raw = Raw::connect(&world);
    raw.headers(1, END_STREAM, &[(":method", "GET")]);
    raw.until(&[1]);
    assert!(raw.gone);
    assert!(world.backend.settled().is_empty());
}

/// pingora has no time-out for silence in a body over HTTP/2; what ends it must not be held against the backend.
#[test]
fn r_an_http2_body_that_stops_is_given_up_and_no_backend_is_blamed() {
    let world = world();
    let endpoint = world.backend.endpoint();
    let route = Route::new("stalled", &endpoint, "alpha-at-backend").backend_field("timeouts: {idle: 1s}").allow(
        "alice",
        "Read, Write",
        &[],
    );
    let _ = world.apply("stalled.yaml", &route.yaml());
    seed(&world);
    let before = world.backend.contents();
    let failures = || world.gateway.metrics().sum("osp_backend_failures_total", &[]);
    let failures_before = failures();
    let authority = format!("localhost:{}", world.gateway.https().port());
    let put = Request::new("PUT", &authority, "/stalled/k").body(vec![b'x'; 3000]);
    let signed = Signer::new(ALICE).sign(put, Payload::Sha256);
    let mut fields = vec![
        (":method".to_owned(), "PUT".to_owned()),
        (":scheme".to_owned(), "https".to_owned()),
        (":authority".to_owned(), authority.clone()),
        (":path".to_owned(), "/stalled/k".to_owned()),
    ];
    let headers = signed.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    fields.extend(headers.filter(|(name, _)| name != "host"));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut raw = Raw::connect(&world);
    raw.headers(1, END_HEADERS, &fields);
    raw.data(1, 0, &[b'x'; 200]);
    raw.until(&[1]);
    assert_eq!(raw.end(1), Some(&End::Answered(Some(400))), "{}", raw.body(1));
    assert!(raw.body(1).contains("<Code>RequestTimeout</Code>"), "{}", raw.body(1));
    assert_given_up(&world, &before, "an upload over HTTP/2");
    assert_eq!(failures(), failures_before, "the backend was blamed for its client");
    world.retract("stalled.yaml");
}

/// The client has long sent all that it has to say when the second try begins.
#[test]
fn r_a_slow_backend_is_not_the_clients_time_out() {
    let world = world();
    let route = Route::new("hesitant", &world.backend.endpoint(), "alpha-at-backend");
    let route = route.backend_field("timeouts: {firstByte: 2s}").allow("alice", "Read, Write", &[]);
    let _ = world.apply("hesitant.yaml", &route.yaml());
    seed(&world);
    world.backend.misbehave(Rule::new("/k", Fault::Late(Duration::from_secs(5))).times(1));
    let get = Signer::new(ALICE).sign(world.request("GET", "/hesitant/k"), Payload::Sha256);
    let answer = world.send(&get);
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.retract("hesitant.yaml");
}

/// Two hundred of them at once: a good client is served meanwhile.
#[test]
fn r_slow_clients_do_not_keep_others_waiting() {
    let world = world();
    let mut slow: Vec<Connection> = (0..200).map(|_| world.connect()).collect();
    for connection in &mut slow {
        connection.write(b"GET /alpha/k HTTP/1.1\r\nHost: ").unwrap();
    }
    let (response, _) = world.forwarded(&read(&world));
    assert_eq!(response.body, b"content");
    for connection in &mut slow {
        assert_timed_out(connection, "one of 200");
    }
}
