//! HTTP/2 requests that are none: pseudo headers, connection headers and lengths (security.md 1, H). A stream that is
//! refused, reset or takes its connection along never reaches the backend, and its sister stream is answered rightly or
//! not at all.

use osp_test_support::{ALICE, Payload, Request, Signer, World};

use crate::frames::{END_HEADERS, END_STREAM, End, Raw};
use crate::{assert_unharmed, seed, world};

const WHOLE: u8 = END_STREAM | END_HEADERS;

type Fields = Vec<(String, String)>;

fn authority(world: &World) -> String {
    format!("localhost:{}", world.gateway.https().port())
}

/// The fields of a signed request, pseudo headers first.
fn fields(world: &World, method: &str, path: &str) -> Fields {
    let authority = authority(world);
    let request = Signer::new(ALICE).sign(Request::new(method, &authority, path), Payload::Sha256);
    let pseudo = [(":method", method), (":scheme", "https"), (":authority", &authority), (":path", path)];
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let signed = request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    pseudo.into_iter().chain(signed.filter(|(name, _)| name != "host")).collect()
}

fn set(mut fields: Fields, name: &str, value: &str) -> Fields {
    for field in fields.iter_mut().filter(|(other, _)| other == name) {
        value.clone_into(&mut field.1);
    }
    fields
}

fn without(mut fields: Fields, name: &str) -> Fields {
    fields.retain(|(other, _)| other != name);
    fields
}

/// The same with a field more: at the front, where pseudo headers belong, or at the end.
fn and(mut fields: Fields, (name, value): (&str, &str), at_end: bool) -> Fields {
    let at = if at_end { fields.len() } else { 0 };
    fields.insert(at, (name.to_owned(), value.to_owned()));
    fields
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Every abuse of a head, made of a deletion that would be allowed.
#[expect(clippy::too_many_lines, reason = "a table")]
fn abuses(world: &World) -> Vec<(String, Fields)> {
    let good = || fields(world, "DELETE", "/alpha/victim");
    let mut cases: Vec<(String, Fields)> = Vec::new();
    for name in [":method", ":scheme", ":path", ":authority"] {
        cases.push((format!("no {name}"), without(good(), name)));
        let value = good().into_iter().find(|(other, _)| other == name).unwrap().1;
        cases.push((format!("{name} twice"), and(good(), (name, &value), false)));
        // nobody reads the scheme: whether the channel is encrypted is known of the channel
        if name != ":scheme" {
            cases.push((format!("{name} empty"), set(good(), name, "")));
        }
        cases.push((format!("{name} at the end"), and(without(good(), name), (name, &value), true)));
    }
    for (name, value) in
        [(":status", "200"), (":host", "x"), (":protocol", "websocket"), (":", "x"), (":Method", "GET")]
    {
        cases.push((format!("pseudo header {name}"), and(good(), (name, value), false)));
    }
    for path in [
        "alpha/victim",
        "*",
        "https://localhost/alpha/victim",
        "/alpha/victim HTTP/1.1\r\nx: y",
        "/alpha/victim\r\n",
        "/alpha/victim\0",
        "/alpha/victim ",
        "/alpha/vic\ttim",
        "//other.test/alpha/victim\n",
    ] {
        cases.push((format!(":path {path:?}"), set(good(), ":path", path)));
    }
    for method in ["CONNECT", "DELETE /alpha/victim HTTP/1.1\r\nx: y\r\n\r\nDELETE", "DEL ETE", "delete\0"] {
        cases.push((format!(":method {method:?}"), set(good(), ":method", method)));
    }
    for value in ["a@localhost", "localhost/alpha", "localhost:x", "local host", "localhost\r\nx: y", "other.test"] {
        cases.push((format!(":authority {value:?}"), set(good(), ":authority", value)));
    }
    for (name, value) in [
        ("connection", "close"),
        ("connection", "x-amz-content-sha256"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("host", "other.test"),
        ("content-length", "5"),
        ("content-length", "+0"),
        ("content-length", "0, 5"),
        ("content-length", "x"),
        ("x-amz-date", "20260101T000000Z"),
        ("X-Upper", "v"),
        ("x amz", "v"),
        ("x\r\nhost", "v"),
        ("", "v"),
        ("x-a", "b\r\nx-amz-acl: public-read"),
        ("x-a", "b\nc"),
        ("x-a", "b\0c"),
        ("x_amz_acl", "public-read"),
    ] {
        cases.push((format!("{name:?}: {value:?}"), and(good(), (name, value), true)));
    }
    let lengths = and(and(good(), ("content-length", "0"), true), ("content-length", "5"), true);
    cases.push(("two content-length".to_owned(), lengths));
    let many = (0..150).fold(good(), |fields, n| and(fields, (&format!("x-{n}"), "v"), true));
    cases.push(("150 fields".to_owned(), many));
    cases.push(("16 KiB in one field".to_owned(), and(good(), ("x-a", &"v".repeat(16_000)), true)));
    cases
}

#[test]
fn h_a_head_that_http2_forbids_reaches_no_backend_and_harms_no_other_stream() {
    let world = world();
    let sister = fields(&world, "GET", "/alpha/k");
    let cases = abuses(&world);
    let mut survived = 0;
    for (name, bad) in &cases {
        seed(&world);
        let mut raw = Raw::connect(&world);
        raw.headers(1, WHOLE, &borrowed(bad));
        raw.headers(3, WHOLE, &borrowed(&sister));
        raw.until(&[1, 3]);
        let refused = match raw.end(1) {
            None | Some(End::Reset) => true,
            Some(End::Answered(status)) => status.is_none_or(|status| status >= 400),
        };
        // 16 KiB of a header are large, and no attack: the deletion of nothing but itself is what was asked for
        assert!(refused || name.starts_with("16 KiB"), "{name}: {:?}", raw.end(1));
        let lines: Vec<String> = world.backend.settled().iter().map(|seen| seen.line()).collect();
        if !refused {
            assert!(lines.contains(&"DELETE /alpha-at-backend/victim".to_owned()), "{name}: {lines:?}");
            continue;
        }
        match raw.end(3) {
            Some(end) => {
                survived += 1;
                assert_eq!((end, raw.body(3).as_str()), (&End::Answered(Some(200)), "content"), "{name}");
                assert_eq!(lines, ["GET /alpha-at-backend/k"], "{name}");
            }
            // the connection is gone: the sister may have been on its way
            None => {
                assert!(raw.gone && lines.iter().all(|line| line == "GET /alpha-at-backend/k"), "{name}: {lines:?}")
            }
        }
        assert_unharmed(&world, name);
    }
    println!("{} heads that HTTP/2 forbids; {survived} connections went on", cases.len());
    assert!(survived > 0, "no connection survived: nothing was proved of the streams beside a refused one");
}

/// The twin: the very head that was damaged, whole, and with what may be added to it.
#[test]
fn h_the_head_that_the_others_are_made_of_is_served() {
    let world = world();
    let host = authority(&world);
    for (name, value) in [("te", "trailers"), ("host", host.as_str()), ("cookie", "a=b"), ("content-length", "0")] {
        seed(&world);
        let mut raw = Raw::connect(&world);
        raw.headers(1, WHOLE, &borrowed(&and(fields(&world, "DELETE", "/alpha/victim"), (name, value), true)));
        raw.until(&[1]);
        assert_eq!(raw.end(1), Some(&End::Answered(Some(204))), "{name}");
        assert_eq!(world.backend.object("alpha-at-backend", "victim"), None, "{name}");
    }
}

/// H: a body that is longer or shorter than its content-length is no upload.
#[test]
fn h_data_must_be_as_long_as_content_length_says() {
    let world = world();
    let authority = authority(&world);
    let put = |length: usize| {
        let put = Request::new("PUT", &authority, "/alpha/carrier").header("content-length", &length.to_string());
        let signed = Signer::new(ALICE).sign_literal(put, "UNSIGNED-PAYLOAD");
        let pseudo =
            [(":method", "PUT"), (":scheme", "https"), (":authority", &authority), (":path", "/alpha/carrier")];
        let mut fields: Fields = pseudo.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (name, value) in signed.headers {
            let name = name.to_ascii_lowercase();
            // the signer adds the length of the body that it was given: none
            if name != "host" && fields.iter().all(|(other, _)| *other != name) {
                fields.push((name, value));
            }
        }
        fields
    };
    for (declared, sent) in [(5, 4), (5, 6), (5, 0), (0, 5)] {
        seed(&world);
        let before = world.backend.contents();
        let mut raw = Raw::connect(&world);
        raw.headers(1, END_HEADERS, &borrowed(&put(declared)));
        raw.data(1, END_STREAM, &b"DELETE /"[..sent]);
        raw.headers(3, WHOLE, &borrowed(&fields(&world, "GET", "/alpha/k")));
        raw.until(&[1, 3]);
        let what = format!("{sent} bytes of {declared}");
        let refused = match raw.end(1) {
            None | Some(End::Reset) => true,
            Some(End::Answered(status)) => status.is_none_or(|status| status >= 400),
        };
        assert!(refused, "{what}: {:?}", raw.end(1));
        assert!(raw.gone || raw.body(3) == "content", "{what}: {:?}, {:?}", raw.end(1), raw.end(3));
        assert!(world.backend.settled().iter().all(|seen| seen.head.method == "GET" || !seen.complete), "{what}");
        assert_eq!(world.backend.contents(), before, "{what}");
        assert_unharmed(&world, &what);
    }
    // the twin
    let mut raw = Raw::connect(&world);
    raw.headers(1, END_HEADERS, &borrowed(&put(5)));
    raw.data(1, END_STREAM, b"hello");
    raw.until(&[1]);
    assert_eq!(raw.end(1), Some(&End::Answered(Some(200))), "{}", raw.body(1));
    assert_eq!(world.backend.object("alpha-at-backend", "carrier").unwrap(), b"hello");
}

/// H: a head in many frames is one head, and nothing may come between them.
#[test]
fn h_a_header_block_is_not_interrupted() {
    let world = world();
    let head = fields(&world, "DELETE", "/alpha/victim");
    let (first, second) = head.split_at(4);
    let mut raw = Raw::connect(&world);
    raw.headers(1, END_STREAM, &borrowed(first));
    raw.data(1, 0, b"between");
    raw.continuation(1, END_HEADERS, &borrowed(second));
    raw.until(&[1]);
    assert!(raw.gone || raw.end(1) == Some(&End::Reset), "{:?}", raw.end(1));
    assert!(world.backend.settled().is_empty());
    assert_unharmed(&world, "DATA between HEADERS and CONTINUATION");
    // the twin
    let mut raw = Raw::connect(&world);
    raw.headers(1, END_STREAM, &borrowed(first));
    raw.continuation(1, END_HEADERS, &borrowed(second));
    raw.until(&[1]);
    assert_eq!(raw.end(1), Some(&End::Answered(Some(204))), "{}", raw.body(1));
}
