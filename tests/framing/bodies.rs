//! Bodies whose end is disputed, and bodies that are requests.

use osp_test_support::{ALICE, Payload, Request, Signer, World};

use crate::{assert_last, assert_unharmed, deletion, read, seed, world};

/// An upload in HTTP chunks of 7 bytes.
pub fn chunked_put(world: &World, body: &[u8]) -> Request {
    let put = world.request("PUT", "/alpha/carrier").body(body);
    Signer::new(ALICE).sign(put, Payload::UnsignedTrailer).transfer_chunked(7)
}

/// The body of [`chunked_put`] as one HTTP chunk, so that it can be damaged by hand.
fn one_chunk(world: &World) -> (Vec<u8>, Vec<u8>) {
    let put = chunked_put(world, b"hello");
    let inner = Signer::new(ALICE).sign(world.request("PUT", "/alpha/carrier").body("hello"), Payload::UnsignedTrailer);
    (put.head(), inner.pieces.concat())
}

#[test]
fn h_broken_chunked_framing_ends_the_connection_and_the_upload() {
    let world = world();
    let (head, data) = one_chunk(&world);
    let hidden = deletion(&world).bytes();
    let text = String::from_utf8(data.clone()).unwrap();
    let size = format!("{:x}", data.len());
    let long = format!("{}{size}", "0".repeat(16));
    let framed = |size_line: &str, end: &str| format!("{size_line}{text}{end}").into_bytes();
    let cases = [
        ("a bare LF after the size", framed(&format!("{size}\n"), "\r\n0\r\n\r\n")),
        ("a space after the size", framed(&format!("{size} \r\n"), "\r\n0\r\n\r\n")),
        ("a space before the size", framed(&format!(" {size}\r\n"), "\r\n0\r\n\r\n")),
        ("0x before the size", framed(&format!("0x{size}\r\n"), "\r\n0\r\n\r\n")),
        ("a sign before the size", framed(&format!("+{size}\r\n"), "\r\n0\r\n\r\n")),
        ("a negative size", framed(&format!("-{size}\r\n"), "\r\n0\r\n\r\n")),
        ("no size", framed("\r\n", "\r\n0\r\n\r\n")),
        ("a size of 17 digits", framed(&format!("{long}\r\n"), "\r\n0\r\n\r\n")),
        ("a size beyond 64 bits", framed(&format!("1{}{size}\r\n", "0".repeat(15)), "\r\n0\r\n\r\n")),
        ("a bare LF in an extension", framed(&format!("{size};a\n=b\r\n"), "\r\n0\r\n\r\n")),
        ("a bare CR in an extension", framed(&format!("{size};a\r=b\r\n"), "\r\n0\r\n\r\n")),
        ("an extension without end", framed(&format!("{size};{}\r\n", "a".repeat(5000)), "\r\n0\r\n\r\n")),
        ("data longer than the size", framed(&format!("{size}\r\n"), "X\r\n0\r\n\r\n")),
        ("a bare LF after the data", framed(&format!("{size}\r\n"), "\n0\r\n\r\n")),
        ("a bare LF after the last size", framed(&format!("{size}\r\n"), "\r\n0\n\r\n")),
        ("a bare LF in the trailer", framed(&format!("{size}\r\n"), "\r\n0\r\na: b\n\r\n")),
        ("a bare LF at the end", framed(&format!("{size}\r\n"), "\r\n0\r\n\n")),
        (
            "a trailer without end",
            framed(&format!("{size}\r\n"), &format!("\r\n0\r\na: {}\r\n\r\n", "b".repeat(20_000))),
        ),
    ];
    for (name, body) in &cases {
        seed(&world);
        let before = world.backend.contents();
        let mut connection = world.connect();
        let _ = connection.write(&[&head[..], body, &hidden].concat());
        let response = connection.read_response(false).unwrap_or_else(|error| panic!("{name}: no answer: {error}"));
        assert!((400..500).contains(&response.status), "{name}: {response:?}");
        assert_last(&mut connection, &response, name);
        world.assert_aborted(&before);
        assert_unharmed(&world, name);
    }
}

/// The twin: extensions and trailers are legal, and end where they end.
#[test]
fn h_extensions_and_trailers_are_read_over_and_the_next_request_is_served() {
    let world = world();
    let (head, data) = one_chunk(&world);
    let size = data.len();
    for (start, end) in [
        (format!("{size:x}"), "0\r\n\r\n"),
        (format!("{size:X};name=value"), "0\r\n\r\n"),
        (format!("000{size:x}"), "000\r\n\r\n"),
        (format!("{size:x}"), "0\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"),
    ] {
        seed(&world);
        let mut connection = world.connect();
        let body = [format!("{start}\r\n").as_bytes(), &data, b"\r\n", end.as_bytes()].concat();
        connection.write(&[&head[..], &body, &deletion(&world).bytes()].concat()).unwrap();
        assert_eq!(connection.read_response(false).unwrap().status, 200, "{start} {end}");
        assert_eq!(connection.read_response(false).unwrap().status, 204, "{start} {end}");
        let lines: Vec<String> = world.backend.settled().iter().map(|seen| seen.line()).collect();
        assert_eq!(lines, ["PUT /alpha-at-backend/carrier", "DELETE /alpha-at-backend/victim"]);
        assert_eq!(world.backend.object("alpha-at-backend", "carrier").unwrap(), b"hello");
    }
}

/// CL too short: what is too much is the next message, and that is none.
#[test]
fn h_more_than_the_content_length_is_the_next_message() {
    let world = world();
    let put = Signer::new(ALICE).sign(world.request("PUT", "/alpha/carrier").body("hello"), Payload::Sha256);
    let mut connection = world.connect();
    connection.write(&[put.bytes(), b"more\r\n\r\n".to_vec(), deletion(&world).bytes()].concat()).unwrap();
    assert_eq!(connection.read_response(false).unwrap().status, 200);
    let response = connection.read_response(false).unwrap();
    assert_eq!((response.status, response.code().as_deref()), (400, Some("InvalidRequest")));
    assert_last(&mut connection, &response, "bytes behind a body");
    assert_eq!(world.backend.settled().len(), 1);
    assert_unharmed(&world, "bytes behind a body");
}

/// CL too long: the next request is the rest of the body, and a body with another hash.
#[test]
fn h_less_than_the_content_length_takes_the_next_request_for_body() {
    let world = world();
    let hidden = deletion(&world).bytes();
    let put = Signer::new(ALICE).sign(world.request("PUT", "/alpha/carrier").body("hello"), Payload::Sha256);
    let longer = put.replacing("content-length", &(5 + hidden.len()).to_string());
    let before = world.backend.contents();
    let mut connection = world.connect();
    connection.write(&[longer.bytes(), hidden, read(&world).bytes()].concat()).unwrap();
    let response = connection.read_response(false).unwrap();
    assert_eq!((response.status, response.code().as_deref()), (400, Some("XAmzContentSHA256Mismatch")));
    // the body was read whole: the connection may go on, with the request behind it and with no other one
    match connection.read_response(false) {
        Ok(next) => assert_eq!((next.status, next.body.as_slice()), (200, b"content".as_slice())),
        Err(_) => assert!(connection.is_closed()),
    }
    let aborted = world.backend.settled().into_iter().filter(|seen| seen.head.method == "PUT");
    assert!(aborted.into_iter().all(|seen| !seen.complete));
    assert_eq!(world.backend.contents(), before);
    assert_unharmed(&world, "a body that is too long");
}

/// H: pieces of any size, however they fall on the boundaries of messages, give the same answers and the same requests.
#[test]
fn h_the_pieces_in_which_bytes_arrive_make_no_difference() {
    let world = world();
    let hidden = deletion(&world).bytes();
    let forged = world.request("GET", "/alpha/k");
    let length = Signer::new(ALICE).sign(world.request("PUT", "/alpha/b").body(hidden.clone()), Payload::Sha256);
    let requests = [read(&world), chunked_put(&world, &hidden), forged, length, read(&world)];
    let stream: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
    let expected = ["GET k", "PUT carrier", "PUT b", "GET k"].map(|line| line.replacen(' ', " /alpha-at-backend/", 1));
    for size in [1, 2, 3, 7, 61, 256, 1024, stream.len()] {
        seed(&world);
        let mut connection = world.connect();
        for piece in stream.chunks(size) {
            connection.write(piece).unwrap();
        }
        let statuses: Vec<u16> = requests.iter().map(|_| connection.read_response(false).unwrap().status).collect();
        assert_eq!(statuses, [200, 200, 403, 200, 200], "pieces of {size}");
        let lines: Vec<String> = world.backend.settled().iter().map(|seen| seen.line()).collect();
        assert_eq!(lines, expected, "pieces of {size}");
        assert_eq!(world.backend.object("alpha-at-backend", "b").unwrap(), hidden);
        assert_unharmed(&world, "pieces");
    }
}
