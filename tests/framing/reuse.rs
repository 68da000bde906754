//! After an early error: the next request on the connection is answered rightly, or the connection is closed (HT, RS-10).

use osp_test_support::{ALICE, BOB, Connection, Payload, Request, Signer, World};

use crate::{assert_unharmed, deletion, read, seed, world};

/// Uploads that the head decides against, with a body that is a request.
fn refused_uploads(world: &World, body: &[u8]) -> Vec<(&'static str, Request)> {
    let put = || world.request("PUT", "/alpha/k").body(body);
    let length = body.len().to_string();
    let mut forged = Signer::new(ALICE).sign(put(), Payload::Sha256);
    forged.path = "/alpha/other".to_owned();
    let list = Signer::new(ALICE).sign(world.request("GET", "/").body(body), Payload::Sha256);
    vec![
        ("anonymous", put().header("Content-Length", &length)),
        ("anonymous in chunks", put().transfer_chunked(1000)),
        ("forged", forged.clone()),
        ("forged in chunks", forged.transfer_chunked(1000)),
        ("not granted", Signer::new(BOB).sign(put(), Payload::Sha256)),
        ("not granted, aws-chunked", Signer::new(BOB).sign(put(), Payload::SignedChunks)),
        (
            "no such bucket",
            Signer::new(ALICE).sign(Request { path: "/nowhere/k".to_owned(), ..put() }, Payload::Sha256),
        ),
        ("no such method", Request { method: "BREW".to_owned(), ..put().header("Content-Length", &length) }),
        ("a listing with a body", list),
        (
            "a deletion with a body",
            Signer::new(ALICE).sign(Request { method: "DELETE".to_owned(), ..put() }, Payload::Sha256),
        ),
    ]
}

/// Reads what is left: one right answer to `follower`, or the end.
fn assert_in_step(connection: &mut Connection, follower: &Request, what: &str) {
    let Ok(response) = connection.send(follower) else {
        assert!(connection.is_closed(), "{what}: neither an answer nor an end");
        return;
    };
    assert_eq!((response.status, response.body.as_slice()), (200, b"content".as_slice()), "{what}");
    connection.finish_writing();
    assert!(connection.read_to_end().is_ok_and(|rest| rest.is_empty()), "{what}: an answer too many");
}

#[test]
fn h_an_early_refusal_leaves_the_connection_in_step_or_closed() {
    let world = world();
    let hidden = deletion(&world).bytes();
    for copies in [1, 200] {
        for (name, request) in refused_uploads(&world, &hidden.repeat(copies)) {
            seed(&world);
            let what = format!("{name}, {copies} hidden");
            let mut connection = world.connect();
            let response = connection.send(&request).unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
            assert!((400..500).contains(&response.status), "{what}: {response:?}");
            assert!(world.backend.settled().is_empty(), "{what}: it reached the backend");
            assert_in_step(&mut connection, &read(&world), &what);
            assert_unharmed(&world, &what);
        }
    }
}

/// RS-10: with `Expect: 100-continue` the body may come or not, whatever the answer was.
#[test]
fn h_a_refusal_instead_of_100_leaves_the_connection_in_step_or_closed() {
    let world = world();
    let hidden = deletion(&world).bytes();
    for (name, request) in refused_uploads(&world, &hidden) {
        for (sends_body, follows) in [(true, true), (true, false), (false, true)] {
            seed(&world);
            let what = format!("{name}, body sent: {sends_body}, followed at once: {follows}");
            let expecting = request.clone().header("Expect", "100-continue");
            let mut connection = world.connect();
            connection.write(&expecting.head()).unwrap();
            // a client that does not wait
            let body = if sends_body { expecting.pieces.concat() } else { Vec::new() };
            let after = if follows { read(&world).bytes() } else { Vec::new() };
            let _ = connection.write(&[body, after].concat());
            let response = connection.read_response(false).unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
            assert!((400..500).contains(&response.status), "{what}: {response:?}");
            assert!(response.interim.is_empty(), "{what}: 100 for a refused request");
            connection.finish_writing();
            let rest = connection.read_to_end().unwrap();
            let text = String::from_utf8_lossy(&rest);
            assert!(rest.is_empty() || (follows && text.starts_with("HTTP/1.1 200 ")), "{what}: {text}");
            assert!(world.backend.settled().iter().all(|seen| seen.line() == "GET /alpha-at-backend/k"), "{what}");
            assert_unharmed(&world, &what);
        }
    }
}

/// H: other expectations, and 100 where it means nothing.
#[test]
fn h_expect_games_do_not_shift_answers() {
    let world = world();
    let put = |expect: &str| {
        let put = world.request("PUT", "/alpha/carrier").header("Expect", expect).body(deletion(&world).bytes());
        Signer::new(ALICE).sign(put, Payload::Sha256)
    };
    for expect in ["200-ok", "100-continue, 200-ok", "100 continue", "100-continue;q=1", ""] {
        seed(&world);
        let mut connection = world.connect();
        connection.write(&[put(expect).bytes(), read(&world).bytes()].concat()).unwrap();
        let response = connection.read_response(false).unwrap();
        assert_eq!((response.status, response.code().as_deref()), (400, Some("InvalidRequest")), "{expect:?}");
        assert!(response.interim.is_empty(), "{expect:?}");
        connection.finish_writing();
        let rest = connection.read_to_end().unwrap();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 200 "), "{expect:?}");
        assert!(world.backend.settled().iter().all(|seen| seen.head.method == "GET"), "{expect:?}");
        assert_unharmed(&world, expect);
    }
    // the twins: in any case, with a body that comes at once, on a request that has none
    for expect in ["100-continue", "100-Continue"] {
        seed(&world);
        let mut connection = world.connect();
        connection.write(&[put(expect).bytes(), read(&world).bytes()].concat()).unwrap();
        assert_eq!(connection.read_response(false).unwrap().status, 200, "{expect}");
        assert_eq!(connection.read_response(false).unwrap().body, b"content", "{expect}");
        let get = Signer::new(ALICE).sign(world.request("GET", "/alpha/k").header("Expect", expect), Payload::Sha256);
        assert_eq!(connection.send(&get).unwrap().body, b"content", "{expect}");
        assert_eq!(connection.send(&read(&world)).unwrap().body, b"content", "{expect}");
        assert_eq!(world.backend.settled().len(), 4, "{expect}");
        assert_unharmed(&world, expect);
    }
}

/// H: a hundred requests at once, some allowed, some not: as many answers, each at its place.
#[test]
fn h_pipelined_requests_keep_their_order() {
    let world = world();
    let (good, anonymous, missing) =
        (read(&world), world.request("GET", "/alpha/k"), world.signed("HEAD", "/alpha/none"));
    let stream: Vec<u8> = (0..99).flat_map(|n| [&good, &anonymous, &missing][n % 3].bytes()).collect();
    let mut connection = world.connect();
    connection.write(&stream).unwrap();
    for n in 0..99 {
        let response = connection.read_response(n % 3 == 2).unwrap();
        assert_eq!(response.status, [200, 403, 404][n % 3], "answer {n}");
    }
    connection.finish_writing();
    assert!(connection.is_closed());
    assert_eq!(world.backend.settled().len(), 66);
}

/// H: an answer to HEAD has no body, so what comes next is the next answer; also when the refusal is the front's.
#[test]
fn h_answers_to_head_have_no_body_that_could_shift_the_next() {
    let world = world();
    let mut connection = world.connect();
    for (head, status) in [(world.request("HEAD", "/alpha/k"), 403), (world.signed("HEAD", "/alpha/none"), 404)] {
        assert_eq!(connection.send(&head).unwrap().status, status);
        assert_eq!(connection.send(&read(&world)).unwrap().body, b"content");
    }
    connection.write(b"HEAD /alpha/k HTTP/1.1\r\nx: y\r\n\r\n").unwrap();
    let response = connection.read_response(true).unwrap();
    assert_eq!((response.status, response.body.len()), (400, 0));
    connection.finish_writing();
    assert!(connection.read_to_end().unwrap().is_empty(), "a body in the answer to HEAD (ER-2)");
}
