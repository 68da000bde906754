//! Heads on the wire, as raw bytes: what pingora would answer by itself, accept or repair has to be refused by the
//! gateway's own front, with S3 XML and a log record, and must never reach a backend (security.md 1, H, HT).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use std::time::{Duration, SystemTime};

use osp_test_support::{ALICE, BASE_HOST, Payload, Request, Signer, World, http2};

fn world() -> std::sync::MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

/// A good signed GET as text, to be damaged.
fn good_head(world: &World) -> String {
    world.backend.seed("alpha-at-backend", "k", b"content");
    String::from_utf8(world.signed("GET", "/alpha/k").head()).unwrap()
}

/// Refused by the head: status 400 and this code, nothing at the backend, one record.
fn refused(world: &World, cases: &[(&str, String)], code: &str) {
    for (name, head) in cases {
        eprintln!("case: {name}");
        let response = world.denied_raw(head.as_bytes(), false, 400, code);
        assert_eq!(response.header("content-type"), Some("application/xml"), "{name} (ER-1)");
    }
}

#[test]
fn the_head_that_the_others_are_made_of_is_served() {
    let world = world();
    good_head(&world);
    let (response, seen) = world.forwarded(&world.signed("GET", "/alpha/k"));
    assert_eq!(response.body, b"content");
    assert_eq!(seen.line(), "GET /alpha-at-backend/k");
}

#[test]
fn ambiguous_framing_is_refused() {
    let world = world();
    let head = good_head(&world);
    let with = |lines: &str| head.replacen("\r\n", &format!("\r\n{lines}\r\n"), 1);
    let cases = [
        ("CL beside TE", with("Content-Length: 3\r\nTransfer-Encoding: chunked") + "0\r\n\r\n"),
        ("CL as a list", with("Content-Length: 3, 3") + "abc"),
        ("CL with a sign", with("Content-Length: +3") + "abc"),
        ("CL in hex", with("Content-Length: 0x3") + "abc"),
        ("CL negative", with("Content-Length: -1")),
        ("TE unknown", with("Transfer-Encoding: xchunked")),
        ("TE list", with("Transfer-Encoding: chunked, identity")),
        ("TE identity first", with("Transfer-Encoding: identity, chunked")),
        ("space before the colon", with("Transfer-Encoding : chunked")),
    ];
    refused(&world, &cases, "InvalidRequest");
}

#[test]
fn sig_16_singleton_headers_may_not_come_twice() {
    let world = world();
    let head = good_head(&world);
    let line = |name: &str| {
        let start = head.to_ascii_lowercase().find(&format!("\r\n{name}:")).unwrap() + 2;
        let end = head[start..].find("\r\n").unwrap() + start;
        head[start..end].to_owned()
    };
    let twice = |name: &str| head.replacen("\r\n", &format!("\r\n{}\r\n", line(name)), 1);
    let mut cases: Vec<(&str, String)> =
        ["host", "authorization", "x-amz-date", "x-amz-content-sha256"].map(|name| (name, twice(name))).into();
    let with = |lines: &str| head.replacen("\r\n", &format!("\r\n{lines}\r\n"), 1);
    cases.push(("another Host", with("Host: other.test")));
    cases.push(("CL twice, equal", with("Content-Length: 3\r\nContent-Length: 3") + "abc"));
    cases.push(("CL twice, differing", with("Content-Length: 3\r\nContent-Length: 4") + "abcd"));
    cases.push(("TE twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") + "0\r\n\r\n"));
    cases.push(("copy source twice", with("x-amz-copy-source: /alpha/a\r\nx-amz-copy-source: /alpha/b")));
    cases.push(("token twice", with("x-amz-security-token: a\r\nx-amz-security-token: b")));
    cases.push(("decoded length twice", with("x-amz-decoded-content-length: 1\r\nx-amz-decoded-content-length: 1")));
    refused(&world, &cases, "InvalidArgument");
}

#[test]
fn malformed_lines_are_refused() {
    let world = world();
    let head = good_head(&world);
    let with = |lines: &str| head.replacen("\r\n", &format!("\r\n{lines}\r\n"), 1);
    let request_line = |line: &str| format!("{line}{}", &head[head.find("\r\n").unwrap()..]);
    let cases = [
        ("obs-fold", with("x-amz-meta-a: b\r\n c")),
        ("obs-fold with a tab", with("x-other: b\r\n\tc")),
        ("a line without a colon", with("nonsense")),
        ("an empty name", with(": value")),
        ("NUL in a value", with("x-other: a\0b")),
        ("bare CR in a value", with("x-other: a\rb")),
        ("underscore in a name", with("x_amz_acl: public-read")),
        ("bare LF", head.replace("\r\n", "\n") + "\r\n\r\n"),
        ("HTTP/1.2", request_line("GET /alpha/k HTTP/1.2")),
        ("HTTP/1.0", request_line("GET /alpha/k HTTP/1.0")),
        ("two spaces", request_line("GET  /alpha/k HTTP/1.1")),
        ("raw space in the target", request_line("GET /alpha/k k HTTP/1.1")),
        ("a fragment", request_line("GET /alpha/k#f HTTP/1.1")),
        ("NUL in the target", request_line("GET /alpha/k\0 HTTP/1.1")),
        ("a relative target", request_line("GET alpha/k HTTP/1.1")),
        ("absolute form with another host", request_line("GET http://other.test/alpha/k HTTP/1.1")),
        ("Connection names a signed header", with("Connection: x-amz-content-sha256")),
        ("Connection names the signature", with("Connection: authorization")),
    ];
    refused(&world, &cases, "InvalidRequest");
}

#[test]
fn a_host_that_is_no_host_is_refused() {
    let world = world();
    let head = good_head(&world);
    let host = world.host();
    for value in ["", "a/b", "user@host", "a b", "host:port", "[::1", "a%2eb"] {
        let case = head.replacen(&format!("Host: {host}"), &format!("Host: {value}"), 1);
        refused(&world, &[(value, case)], "InvalidRequest");
    }
    refused(&world, &[("no Host", head.replacen(&format!("Host: {host}\r\n"), "", 1))], "InvalidRequest");
}

#[test]
fn methods_that_are_about_the_server_are_refused() {
    let world = world();
    let host = world.host();
    for line in [format!("CONNECT {host} HTTP/1.1"), "OPTIONS * HTTP/1.1".to_owned()] {
        world.denied_raw(format!("{line}\r\nHost: {host}\r\n\r\n").as_bytes(), false, 405, "MethodNotAllowed");
    }
    for method in ["TRACE", "PATCH", "BREW"] {
        world.denied_by_head(&world.signed(method, "/alpha/k"), 405, "MethodNotAllowed");
    }
}

#[test]
fn heads_beyond_the_limits_are_refused() {
    let world = world();
    let code = "RequestHeaderSectionTooLarge";
    let many = (0..150).fold(world.request("GET", "/alpha/k"), |request, n| request.header(&format!("a{n}"), "b"));
    world.denied_by_head(&Signer::new(ALICE).sign(many, Payload::Sha256), 400, code);
    let large = world.request("GET", "/alpha/k").header("x-padding", &"p".repeat(70_000));
    world.denied_by_head(&Signer::new(ALICE).sign(large, Payload::Sha256), 400, code);
    let long = world.request("GET", "/alpha/k").query(&format!("prefix={}", "p".repeat(9000)));
    world.denied_by_head(&Signer::new(ALICE).sign(long, Payload::Sha256), 400, code);
    // The twin: many, and not too many.
    world.backend.seed("alpha-at-backend", "k", b"content");
    let some = (0..60).fold(world.request("GET", "/alpha/k"), |request, n| request.header(&format!("a{n}"), "b"));
    world.forwarded(&Signer::new(ALICE).sign(some, Payload::Sha256));
}

#[test]
fn a_head_that_never_ends_is_ended() {
    let world = world();
    world.backend.forget();
    let mut connection = world.connect();
    connection.write(b"GET /alpha/k HTTP/1.1\r\nHost: x\r\n").unwrap();
    // Waits for the gateway's own head deadline, not for a time of this test.
    let ended = connection.read_response(false);
    assert!(ended.is_err() || ended.is_ok_and(|response| response.status == 400));
    assert!(connection.is_closed());
    assert!(world.backend.settled().is_empty());
}

#[test]
fn pipelined_requests_are_decided_one_by_one() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let good = world.signed("GET", "/alpha/k");
    let bad = world.request("GET", "/alpha/k");
    let mut connection = world.connect();
    let batch: Vec<u8> = (0..10).flat_map(|n| if n % 2 == 0 { good.bytes() } else { bad.bytes() }).collect();
    connection.write(&batch).unwrap();
    for n in 0..10 {
        let response = connection.read_response(false).unwrap();
        assert_eq!(response.status, if n % 2 == 0 { 200 } else { 403 }, "answer {n}");
    }
    assert_eq!(world.backend.settled().len(), 5);
}

#[test]
fn a_request_hidden_in_a_body_stays_a_body() {
    let world = world();
    world.backend.seed("alpha-at-backend", "victim", b"safe");
    let hidden = world.signed("DELETE", "/alpha/victim").bytes();
    let put = Signer::new(ALICE).sign(world.request("PUT", "/alpha/carrier").body(hidden.clone()), Payload::Sha256);
    world.forwarded(&put);
    let chunked =
        Signer::new(ALICE).sign(world.request("PUT", "/alpha/carrier").body(hidden), Payload::UnsignedTrailer);
    world.forwarded(&chunked.transfer_chunked(17));
    assert_eq!(world.backend.object("alpha-at-backend", "victim").unwrap(), b"safe");
}

#[test]
fn hop_by_hop_and_forwarding_headers_neither_break_nor_travel() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let mut request = world.signed("GET", "/alpha/k");
    let extra = [
        ("Connection", "keep-alive, te"),
        ("TE", "trailers"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Upgrade", "websocket"),
        ("X-Forwarded-For", "10.1.2.3"),
        ("X-Forwarded-Host", "other.test"),
        ("Forwarded", "for=10.1.2.3"),
        ("Via", "1.1 before"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("Cookie", "a=b"),
        ("X-HTTP-Method-Override", "DELETE"),
    ];
    for (name, value) in extra {
        request = request.header(name, value);
    }
    let (_, seen) = world.forwarded(&request);
    for name in ["keep-alive", "proxy-authorization", "upgrade", "x-forwarded-host", "cookie", "x-http-method-override"]
    {
        assert_eq!(seen.head.count(name), 0, "{name} reached the backend: {:?}", seen.head);
    }
    assert_eq!(seen.head.method, "GET");
}

#[test]
fn virtual_host_style_names_the_bucket_in_the_host() {
    let world = world();
    world.backend.seed("alpha-at-backend", "a/b", b"content");
    let host = format!("alpha.{BASE_HOST}");
    let get = |host: &str, path: &str| Signer::new(ALICE).sign(Request::new("GET", host, path), Payload::Sha256);
    assert_eq!(world.forwarded(&get(&host, "/a/b")).1.line(), "GET /alpha-at-backend/a/b");
    assert_eq!(world.forwarded(&get(BASE_HOST, "/alpha/a/b")).1.line(), "GET /alpha-at-backend/a/b");
    // PRE-6: what is signed for one style is not valid in the other.
    let moved = get(&host, "/abc/b").replacing("host", BASE_HOST);
    world.denied_by_head(&moved, 403, "SignatureDoesNotMatch");
    // A label boundary is needed (S3S-649): this is another host, so path style, and no bucket is called `a`.
    world.denied_by_head(&get(&format!("alpha{BASE_HOST}"), "/nowhere/b"), 404, "NoSuchBucket");
}

#[test]
fn http2_uses_authority_and_refuses_another_host() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let address = world.gateway.https();
    let authority = format!("localhost:{}", address.port());
    let config = || world.authority.client(&[b"h2"]);
    let request = Signer::new(ALICE).sign(Request::new("GET", &authority, "/alpha/k"), Payload::Sha256);
    world.backend.forget();
    for with_host in [false, true] {
        let response = http2::exchange(address, config(), &authority, &request, with_host).answer();
        assert_eq!((response.status, response.body.as_slice()), (200, b"content".as_slice()), "{response:?}");
    }
    assert_eq!(world.backend.settled().len(), 2);
    world.backend.forget();
    // Trap 13: signed for one name, sent to another. A bare refusal is accepted here.
    for authority in ["other.test", "beta.other.test"] {
        match http2::exchange(address, config(), authority, &request, true) {
            http2::Outcome::Answer(response) => assert!((400..500).contains(&response.status), "{response:?}"),
            http2::Outcome::Refused(_) => {}
        }
        let response = http2::exchange(address, config(), authority, &request, false).answer();
        assert_eq!((response.status, response.code().as_deref()), (403, Some("SignatureDoesNotMatch")));
    }
    assert!(world.backend.settled().is_empty());
}

#[test]
fn http2_uploads_work_without_100_continue() {
    let world = world();
    let address = world.gateway.https();
    let authority = format!("localhost:{}", address.port());
    let body = vec![9; 40_000];
    for payload in Payload::ALL {
        let request = Request::new("PUT", &authority, "/alpha/h2").header("Expect", "100-continue").body(body.clone());
        let request = Signer::new(ALICE).sign(request, payload).without("content-length");
        // Without a length the bare modes are refused (RS-9), the aws-chunked ones know theirs (CH-2).
        let expected = if matches!(payload, Payload::Sha256 | Payload::Unsigned) { 411 } else { 200 };
        let answer = http2::exchange(address, world.authority.client(&[b"h2"]), &authority, &request, false).answer();
        assert_eq!(answer.status, expected, "{payload:?} {}", answer.text());
    }
    assert_eq!(world.backend.object("alpha-at-backend", "h2").unwrap(), body);
}

#[test]
fn https_serves_http_1_as_well() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let address = world.gateway.https();
    let host = format!("localhost:{}", address.port());
    let request = Signer::new(ALICE).sign(Request::new("GET", &host, "/alpha/k"), Payload::Sha256);
    let mut connection = osp_test_support::Connection::tls(address, world.authority.client(&[b"http/1.1"]));
    for _ in 0..2 {
        assert_eq!(connection.send(&request).unwrap().body, b"content");
    }
}

#[test]
fn sig_13_the_clock_may_differ_by_15_minutes() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let at = |seconds: i64| {
        let offset = Duration::from_secs(seconds.unsigned_abs());
        let now = SystemTime::now();
        let at = if seconds < 0 { now - offset } else { now + offset };
        Signer::new(ALICE).at(at).sign(world.request("GET", "/alpha/k"), Payload::Sha256)
    };
    for seconds in [-840, 840] {
        world.forwarded(&at(seconds));
    }
    for seconds in [-960, 960, 86_400] {
        let response = world.denied_by_head(&at(seconds), 403, "RequestTimeTooSkewed");
        assert_eq!(response.element("MaxAllowedSkewMilliseconds").as_deref(), Some("900000"));
    }
}
