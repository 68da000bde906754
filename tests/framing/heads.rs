//! Heads that two readers could end or read differently: refused, the connection closed, nothing after them read.

use osp_test_support::World;

use crate::{assert_last, assert_unharmed, deletion, read, seed, world};

const MALFORMED: &str = "InvalidRequest";
const TWICE: &str = "InvalidArgument";
const TOO_LARGE: &str = "RequestHeaderSectionTooLarge";

/// What stands on the connection before the bad head.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    AnsweredGet,
    AnsweredChunkedPut,
    PipelinedGet,
}

/// One attack: what it is, the bytes instead of a good head (and of what it claims to be a body), the code.
type Case = (&'static str, Vec<u8>, &'static str);

/// A good head with these lines added after its request line, then these bytes for a body.
fn with(world: &World, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = String::from_utf8(read(world).head()).unwrap();
    [head.replacen("\r\n", &format!("\r\n{lines}\r\n"), 1).as_bytes(), body].concat()
}

/// A good head with another request line.
fn line(world: &World, request_line: &str) -> Vec<u8> {
    let head = String::from_utf8(read(world).head()).unwrap();
    let (_, fields) = head.split_once("\r\n").unwrap();
    format!("{request_line}\r\n{fields}").into_bytes()
}

/// H, HT: everything by which front and back have ever disagreed about the end of a message.
fn framing_cases(world: &World) -> Vec<Case> {
    let hidden = deletion(world).bytes();
    // as the reader of Transfer-Encoding and the reader of Content-Length would have it
    let chunked = [b"0\r\n\r\n".as_slice(), &hidden].concat();
    let length = chunked.len();
    let mut cases: Vec<Case> = Vec::new();
    for (name, lines) in [
        ("CL.TE", format!("Content-Length: {length}\r\nTransfer-Encoding: chunked")),
        ("TE.CL", format!("Transfer-Encoding: chunked\r\nContent-Length: {length}")),
        ("CL.0 with TE", "Content-Length: 0\r\nTransfer-Encoding: chunked".to_owned()),
        ("TE in capitals", "TRANSFER-ENCODING: CHUNKED".to_owned()),
        ("TE with a parameter", "Transfer-Encoding: chunked;q=1".to_owned()),
        ("TE quoted", "Transfer-Encoding: \"chunked\"".to_owned()),
        ("TE empty", "Transfer-Encoding:".to_owned()),
        ("TE identity", "Transfer-Encoding: identity".to_owned()),
        ("TE xchunked", "Transfer-Encoding: xchunked".to_owned()),
        ("TE list", "Transfer-Encoding: gzip, chunked".to_owned()),
        ("TE trailing comma", "Transfer-Encoding: chunked,".to_owned()),
        ("TE behind a vertical tab", "Transfer-Encoding: \x0bchunked".to_owned()),
        ("TE name with a space", "Transfer-Encoding : chunked".to_owned()),
        ("TE name with a tab", "Transfer-Encoding\t: chunked".to_owned()),
        ("TE folded name", "Transfer-Encoding\r\n : chunked".to_owned()),
        ("TE folded value", "Transfer-Encoding:\r\n chunked".to_owned()),
        ("TE behind a bare LF", "x-a: b\nTransfer-Encoding: chunked".to_owned()),
        ("TE behind a bare CR", "x-a: b\rTransfer-Encoding: chunked".to_owned()),
        ("TE behind a NUL", "x-a: b\0\r\nTransfer-Encoding: chunked".to_owned()),
        ("TE with an underscore", "Transfer_Encoding: chunked".to_owned()),
        ("CL with a sign", "Content-Length: +5".to_owned()),
        ("CL negative", "Content-Length: -5".to_owned()),
        ("CL in hex", "Content-Length: 0x5".to_owned()),
        ("CL with an exponent", "Content-Length: 5e0".to_owned()),
        ("CL as a fraction", "Content-Length: 5.0".to_owned()),
        ("CL as a list", "Content-Length: 5, 5".to_owned()),
        ("CL in two words", "Content-Length: 0 5".to_owned()),
        ("CL beyond 64 bits", "Content-Length: 18446744073709551621".to_owned()),
        ("CL empty", "Content-Length:".to_owned()),
        ("CL with an underscore", "Content_Length: 5".to_owned()),
        ("CL folded", "Content-Length:\r\n 5".to_owned()),
        ("CL behind a bare LF", "x-a: b\nContent-Length: 5".to_owned()),
        ("obs-fold", "x-amz-meta-a: b\r\n c".to_owned()),
        ("obs-fold with a tab", "x-a: b\r\n\tc".to_owned()),
        ("no colon", "nonsense".to_owned()),
        ("Connection takes the signature away", "Connection: close, authorization".to_owned()),
    ] {
        cases.push((name, with(world, &lines, &chunked), MALFORMED));
    }
    for (name, lines) in [
        ("CL twice, equal", "Content-Length: 5\r\nContent-Length: 5"),
        ("CL twice, differing", "Content-Length: 5\r\nContent-Length: 0"),
        ("CL twice, apart", "Content-Length: 0\r\nx-a: b\r\ncontent-length: 5"),
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("TE twice, one unknown", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow"),
        ("Host twice", "Host: other.test"),
        ("Expect twice", "Expect: 100-continue\r\nExpect: 100-continue"),
    ] {
        cases.push((name, with(world, lines, &chunked), TWICE));
    }
    cases
}

/// P03, HT: request lines that are no origin form for this host, or no request line.
fn line_cases(world: &World) -> Vec<Case> {
    let host = world.host();
    let mut cases: Vec<Case> = Vec::new();
    for (name, text) in [
        ("absolute form, other host", "GET http://other.test/alpha/k HTTP/1.1".to_owned()),
        ("absolute form, user info", format!("GET http://a@{host}/alpha/k HTTP/1.1")),
        ("absolute form, other scheme", format!("GET ftp://{host}/alpha/k HTTP/1.1")),
        ("absolute form without a path", format!("GET http://{host} HTTP/1.1")),
        ("absolute form, query only", format!("GET http://{host}?/alpha/k HTTP/1.1")),
        ("scheme-relative in a list", format!("GET http://{host}/alpha/k,http://other.test/ HTTP/1.1 HTTP/1.1")),
        ("authority form", format!("GET {host} HTTP/1.1")),
        ("asterisk form", "GET * HTTP/1.1".to_owned()),
        ("HTTP/0.9", "GET /alpha/k".to_owned()),
        ("HTTP/1.0", "GET /alpha/k HTTP/1.0".to_owned()),
        ("HTTP/1.2", "GET /alpha/k HTTP/1.2".to_owned()),
        ("HTTP/2.0", "GET /alpha/k HTTP/2.0".to_owned()),
        ("http/1.1", "GET /alpha/k http/1.1".to_owned()),
        ("the preface of HTTP/2", "PRI * HTTP/2.0".to_owned()),
        ("two requests in one line", "GET /alpha/k HTTP/1.1 DELETE /alpha/victim HTTP/1.1".to_owned()),
        ("a tab for a space", "GET\t/alpha/k\tHTTP/1.1".to_owned()),
        ("a space before", " GET /alpha/k HTTP/1.1".to_owned()),
        ("an empty line before", "\r\nGET /alpha/k HTTP/1.1".to_owned()),
        ("a bare LF after it", "GET /alpha/k HTTP/1.1\nx-a: b".to_owned()),
        ("a bare CR within", "GET /alpha/k\rHTTP/1.1 HTTP/1.1".to_owned()),
        ("a NUL within", "GET /alpha/k\0 HTTP/1.1".to_owned()),
    ] {
        cases.push((name, line(world, &text), MALFORMED));
    }
    let head = String::from_utf8(read(world).head()).unwrap();
    cases.push(("bare LF everywhere", head.replace("\r\n", "\n").into_bytes(), MALFORMED));
    cases.push(("LF CR", head.replace("\r\n", "\n\r").into_bytes(), MALFORMED));
    cases.push(("an empty line of bare LF", head.replacen("\r\n\r\n", "\r\n\n", 1).into_bytes(), MALFORMED));
    cases
}

/// R: heads beyond the limits of H-3.
fn large_cases(world: &World) -> Vec<Case> {
    let filler = "a".repeat(70_000);
    let many: String = (0..120).map(|n| format!("x-{n}: b\r\n")).collect();
    vec![
        ("no end of the request line", filler.clone().into_bytes(), TOO_LARGE),
        ("no end of a header", [b"GET / HTTP/1.1\r\nx: ", filler.as_bytes()].concat(), TOO_LARGE),
        ("a large header", with(world, &format!("x-a: {filler}"), b""), TOO_LARGE),
        ("many headers", with(world, many.trim_end(), b""), TOO_LARGE),
        ("a long target", line(world, &format!("GET /alpha/{} HTTP/1.1", "k".repeat(8200))), TOO_LARGE),
    ]
}

/// Sends what stands before, then the bad bytes and a deletion in one write, and judges.
fn attack(world: &World, before: Before, (name, bytes, code): &Case) {
    let what = format!("{name}, after {before:?}");
    seed(world);
    let (get, put) = (read(world), crate::bodies::chunked_put(world, b"body"));
    let mut connection = world.connect();
    let mut expected: Vec<&str> = Vec::new();
    match before {
        Before::Nothing => {}
        Before::AnsweredGet => {
            assert_eq!(connection.send(&get).unwrap().status, 200, "{what}");
            expected.push("GET /alpha-at-backend/k");
        }
        Before::AnsweredChunkedPut => {
            assert_eq!(connection.send(&put).unwrap().status, 200, "{what}");
            expected.push("PUT /alpha-at-backend/carrier");
        }
        Before::PipelinedGet => expected.push("GET /alpha-at-backend/k"),
    }
    let pipelined = if matches!(before, Before::PipelinedGet) { get.bytes() } else { Vec::new() };
    // the gateway may close while a large head is still being written
    let _ = connection.write(&[&pipelined, bytes, &deletion(world).bytes()[..]].concat());
    if !pipelined.is_empty() {
        assert_eq!(connection.read_response(false).unwrap().status, 200, "{what}");
    }
    let response = connection.read_response(false).unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
    assert_eq!((response.status, response.code().as_deref()), (400, Some(*code)), "{what}: {}", response.text());
    assert_last(&mut connection, &response, &what);
    let lines: Vec<String> = world.backend.settled().iter().map(|seen| seen.line()).collect();
    assert_eq!(lines, expected, "{what}");
    assert_unharmed(world, &what);
}

fn attack_everywhere(world: &World, cases: &[Case]) {
    for case in cases {
        for before in [Before::Nothing, Before::AnsweredGet, Before::AnsweredChunkedPut, Before::PipelinedGet] {
            attack(world, before, case);
        }
    }
    println!("{} bad heads, each in 4 places of a connection", cases.len());
}

#[test]
fn h_ambiguous_framing_ends_the_connection_wherever_it_comes() {
    let world = world();
    attack_everywhere(&world, &framing_cases(&world));
}

#[test]
fn h_malformed_request_lines_end_the_connection_wherever_they_come() {
    let world = world();
    attack_everywhere(&world, &line_cases(&world));
}

#[test]
fn r_heads_beyond_the_limits_end_the_connection_wherever_they_come() {
    let world = world();
    attack_everywhere(&world, &large_cases(&world));
}

/// The twin of all of them: the parts that they are made of are no reason to refuse.
#[test]
fn h_the_same_conversation_without_the_attack_is_served_to_its_end() {
    let world = world();
    let host = world.host();
    for good in [
        read(&world).head(),
        with(&world, "x-a: b", b""),
        with(&world, "Content-Length: 0", b""),
        with(&world, "transfer-encoding-like: chunked\r\ncontent-length-like: 5", b""),
        line(&world, &format!("GET http://{host}/alpha/k HTTP/1.1")),
    ] {
        seed(&world);
        let what = String::from_utf8_lossy(&good).into_owned();
        let mut connection = world.connect();
        connection.write(&[good, deletion(&world).bytes()].concat()).unwrap();
        assert_eq!(connection.read_response(false).unwrap().status, 200, "{what}");
        assert_eq!(connection.read_response(false).unwrap().status, 204, "{what}");
        assert_eq!(world.backend.settled().len(), 2, "{what}");
        assert_eq!(world.backend.object("alpha-at-backend", "victim"), None, "{what}");
    }
}
