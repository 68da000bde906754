use proptest::prelude::*;

use super::*;

/// A head with `Host: s3.test`, this request line and these further lines.
fn head(request_line: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = format!("{request_line}\r\nHost: s3.test\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn with(lines: &[&str]) -> Result<(RawHead, Framing), Denial> {
    RawHead::parse_http1(&head("PUT /b/k HTTP/1.1", lines))
}

fn framing_of(lines: &[&str]) -> Result<Framing, Denial> {
    with(lines).map(|(_, framing)| framing)
}

fn target_of(target: &str) -> Result<Vec<u8>, Denial> {
    RawHead::parse_http1(&head(&format!("GET {target} HTTP/1.1"), &[])).map(|(head, _)| head.target().to_vec())
}

fn host_is_accepted(host: &str) -> bool {
    match RawHead::parse_http1(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()) {
        Ok((head, _)) => head.host() == host,
        Err(denial) => !matches!(denial, Denial::MalformedHead(_)),
    }
}

fn is_malformed<T: std::fmt::Debug>(result: &Result<T, Denial>) -> bool {
    matches!(result, Err(Denial::MalformedHead(_)))
}

#[test]
fn a_head_is_read_as_it_came() {
    let (head, framing) =
        with(&["X-Amz-Meta-A:  one two\t", "x-amz-meta-a: B", "Content-Length: 7", "Empty:"]).unwrap();
    assert_eq!(head.method(), Method::PUT);
    assert_eq!(head.target(), b"/b/k");
    assert_eq!(head.host(), "s3.test");
    assert_eq!(head.protocol(), Protocol::Http1);
    assert_eq!(framing, Framing::Length(7));
    let fields: Vec<_> = head.fields().collect();
    let expected: [(&str, &[u8]); 5] = [
        ("host", b"s3.test"),
        ("x-amz-meta-a", b"one two"),
        ("x-amz-meta-a", b"B"),
        ("content-length", b"7"),
        ("empty", b""),
    ];
    assert_eq!(fields, expected);
    assert_eq!(head.text("x-amz-meta-a"), Some("one two"));
    assert_eq!(head.field("absent"), None);
}

#[test]
fn h2_the_bytes_of_the_head_are_exactly_one_head() {
    let good = head("GET /b HTTP/1.1", &["a: b"]);
    assert!(RawHead::parse_http1(&good).is_ok());
    for end in 0..good.len() {
        assert!(is_malformed(&RawHead::parse_http1(&good[..end])), "cut at {end}");
    }
    let mut pipelined = good.clone();
    pipelined.extend_from_slice(b"GET");
    assert!(is_malformed(&RawHead::parse_http1(&pipelined)));
    let with_empty_line_before = [b"\r\n", good.as_slice()].concat();
    assert!(is_malformed(&RawHead::parse_http1(&with_empty_line_before)));
}

#[test]
fn h2_line_endings_are_crlf_and_nothing_else() {
    for good in ["a: b", "a: b\t \t", "a:\tb"] {
        assert_eq!(with(&[good]).unwrap().0.field("a"), Some(&b"b"[..]));
    }
    // Bare LF, bare CR, CR before CRLF, NUL, DEL, obs-fold by space and by tab.
    for bad in
        ["a: b\nc: d", "a: b\rc: d", "a: b\r", "\ra: b", "a: \r", "a: \0", "a: b\x7f", "a: b\r\n c", "a: b\r\n\tc"]
    {
        assert!(is_malformed(&with(&[bad])), "{bad:?}");
    }
    assert!(is_malformed(&RawHead::parse_http1(b"GET / HTTP/1.1\nHost: s3.test\n\n")));
    assert!(is_malformed(&RawHead::parse_http1(b"GET / HTTP/1.1\r\nHost: s3.test\r\n\n")));
}

#[test]
fn h2_header_names_are_tokens() {
    for good in ["a!#$%&'*+-.^`|~9: v", "A: v"] {
        assert!(with(&[good]).is_ok(), "{good}");
    }
    for bad in ["a : v", " a: v", ": v", "a", "a b: v", "a\t: v", "a(b: v", "\u{e9}: v", "a\0: v", "Content-Length : 3"]
    {
        assert!(is_malformed(&with(&[bad])), "{bad:?}");
    }
}

#[test]
fn underscores_are_for_user_metadata_only() {
    assert!(with(&["x-amz-meta-my_key: v"]).is_ok());
    for bad in ["x_amz_acl: private", "X-Amz_Acl: private", "x-amz-copy_source: b/k", "some_name: v"] {
        assert!(is_malformed(&with(&[bad])), "{bad}");
    }
}

#[test]
fn obs_text_is_allowed_where_no_name_or_right_depends_on_it() {
    assert_eq!(with(&["content-disposition: \u{e9}"]).unwrap().0.text("content-disposition"), Some("\u{e9}"));
    for bad in ["x-amz-copy-source: b/\u{e9}", "x-amz-meta-a: \u{e9}", "authorization: \u{e9}"] {
        assert!(is_malformed(&with(&[bad])), "{bad}");
    }
}

#[test]
fn the_request_line_has_exactly_one_form() {
    for good in ["GET / HTTP/1.1", "PATCH /b HTTP/1.1", "get /b HTTP/1.1", "OPTIONS /b HTTP/1.1"] {
        assert!(RawHead::parse_http1(&head(good, &[])).is_ok(), "{good}");
    }
    for bad in [
        "",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET / HTTP/1.0",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / http/1.1",
        "GET  HTTP/1.1",
        "GET HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET /a b HTTP/1.1",
    ] {
        assert!(is_malformed(&RawHead::parse_http1(&head(bad, &[]))), "{bad:?}");
    }
}

#[test]
fn p02_target_bytes_are_kept_and_impossible_ones_refused() {
    for good in ["/", "/b//k", "/b/../k", "/b/%00%zz", "/b/\u{e9}", "/b/a\\b;c", "/b?a=%20+"] {
        assert_eq!(target_of(good).unwrap(), good.as_bytes());
    }
    for bad in ["/a#b", "/a\0b", "/a\tb", "/a\x7f", "b/k", "?a", "*", "//\x01"] {
        assert!(is_malformed(&target_of(bad)), "{bad:?}");
    }
}

#[test]
fn h1_an_absolute_target_is_reduced_when_it_names_the_same_host() {
    for good in ["http://s3.test/b/k?a=b", "https://S3.TEST/b/k?a=b", "HTTP://s3.test/b/k?a=b"] {
        assert_eq!(target_of(good).unwrap(), b"/b/k?a=b");
    }
    for bad in [
        "http://other.test/b",
        "http://s3.test:80/b",
        "http://user@s3.test/b",
        "http://s3.test",
        "http://s3.test?/b",
        "http:///b",
        "ftp://s3.test/b",
    ] {
        assert!(is_malformed(&target_of(bad)), "{bad}");
    }
}

#[test]
fn h1_methods_about_the_server_are_not_served() {
    for line in ["OPTIONS * HTTP/1.1", "CONNECT s3.test:443 HTTP/1.1", "CONNECT / HTTP/1.1"] {
        assert_eq!(RawHead::parse_http1(&head(line, &[])).unwrap_err(), Denial::MethodNotAllowed, "{line}");
    }
    assert!(is_malformed(&target_of("*")));
}

#[test]
fn h2_the_body_ends_in_exactly_one_way() {
    assert_eq!(framing_of(&[]), Ok(Framing::Length(0)));
    assert_eq!(framing_of(&["Content-Length: 18446744073709551615"]), Ok(Framing::Length(u64::MAX)));
    assert_eq!(framing_of(&["Transfer-Encoding: chunked"]), Ok(Framing::Chunked));
    for bad in ["+3", "-3", "0x3", "3, 3", "3 3", "", "18446744073709551616", "\u{663}"] {
        assert!(is_malformed(&framing_of(&[&format!("Content-Length: {bad}")])), "{bad:?}");
    }
    for bad in ["xchunked", "chunked, identity", "identity, chunked", "Chunked", "gzip", "", "chunked,"] {
        assert!(is_malformed(&framing_of(&[&format!("Transfer-Encoding: {bad}")])), "{bad:?}");
    }
    assert!(is_malformed(&framing_of(&["Content-Length: 3", "Transfer-Encoding: chunked"])));
    assert!(is_malformed(&framing_of(&["Transfer-Encoding: chunked", "Content-Length: 0"])));
}

#[test]
fn sig_16_singletons_are_not_repeated() {
    for name in [
        "Host",
        "authorization",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "x-amz-copy-source",
        "content-length",
        "x-amz-decoded-content-length",
        "transfer-encoding",
        "content-md5",
        "x-amz-acl",
        "x-amz-metadata-directive",
    ] {
        let line = format!("{name}: 1");
        let twice = with(&[&line, "between: 1", &line.to_uppercase()]);
        assert_eq!(twice.unwrap_err(), Denial::DuplicateHeader(name.to_ascii_lowercase()));
    }
    for name in ["x-amz-date", "authorization", "content-length"] {
        assert!(with(&[&format!("{name}: 1")]).is_ok(), "{name}");
    }
    for name in ["x-amz-meta-a", "cookie", "if-none-match"] {
        let line = format!("{name}: 1");
        assert!(with(&[&line, &line]).is_ok(), "{name}");
    }
}

#[test]
fn p03_hosts_are_names_or_addresses_with_a_port_at_most() {
    for good in ["s3.test", "S3.Test.", "a_b:6190", "127.0.0.1:80", "[::1]", "[::1]:6190", "1", "xn--bcher-kva.test"] {
        assert!(host_is_accepted(good), "{good}");
    }
    for bad in [
        "",
        " ",
        "a/b",
        "user@s3.test",
        "s3.test:",
        "s3.test:80:80",
        "s3.test:x",
        "s3.test:123456",
        ":80",
        "a b",
        "a,b",
        "a%2eb",
        "b\u{fc}cher.test",
        "[::1",
        "::1",
        "[::1]x",
        "[1.2.3.4]",
        "[]",
        "a?b",
    ] {
        assert!(!host_is_accepted(bad), "{bad:?}");
    }
    assert!(is_malformed(&RawHead::parse_http1(b"GET / HTTP/1.1\r\na: b\r\n\r\n")));
}

#[test]
fn connection_cannot_take_away_a_header_that_means_something() {
    for good in ["keep-alive", "close, Upgrade", "te", "x-private", "transfer-encoding", ""] {
        assert!(with(&[&format!("Connection: {good}")]).is_ok(), "{good}");
    }
    for bad in [
        "x-amz-content-sha256",
        "close, Authorization",
        "X-Amz-Copy-Source",
        "if-none-match",
        "host",
        "range",
        "x-forwarded-for",
        "a,b,c,d,e,f,g,h,i",
    ] {
        assert!(is_malformed(&with(&[&format!("Connection: {bad}")])), "{bad}");
    }
}

#[test]
fn h3_heads_have_limits() {
    let fields = |count: usize| (0..count).map(|n| format!("a{n}: v")).collect::<Vec<_>>();
    let parse = |lines: &[String]| with(&lines.iter().map(String::as_str).collect::<Vec<_>>()).map(|_| ());
    assert_eq!(parse(&fields(99)), Ok(()));
    assert_eq!(parse(&fields(100)), Err(Denial::HeadTooLarge));

    assert_eq!(target_of(&format!("/{}", "a".repeat(8191))).map(|target| target.len()), Ok(8192));
    assert_eq!(target_of(&format!("/{}", "a".repeat(8192))), Err(Denial::HeadTooLarge));

    let overhead = head("PUT /b/k HTTP/1.1", &["a: "]).len();
    assert_eq!(parse(&[format!("a: {}", "v".repeat(65536 - overhead))]), Ok(()));
    assert_eq!(parse(&[format!("a: {}", "v".repeat(65537 - overhead))]), Err(Denial::HeadTooLarge));
}

/// An HTTP/2 request to `s3.test`.
fn http2(target: &str, fields: &[(&str, &str)]) -> Result<RawHead, Denial> {
    let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    RawHead::from_http2(Method::GET, target.as_bytes(), "s3.test", fields)
}

#[test]
fn trap_13_the_host_of_http2_is_its_authority() {
    let same = http2("/b/k?x", &[("host", "s3.test"), ("x-amz-date", " d "), ("content-length", "3")]).unwrap();
    assert_eq!(same.protocol(), Protocol::Http2);
    assert_eq!(same.target(), b"/b/k?x");
    assert_eq!(same.host(), "s3.test");
    let expected: [(&str, &[u8]); 3] = [("host", b"s3.test"), ("x-amz-date", b"d"), ("content-length", b"3")];
    assert_eq!(same.fields().collect::<Vec<_>>(), expected);
    for host in ["other.test", "s3.test:443", ""] {
        assert!(is_malformed(&http2("/b", &[("host", host)])), "{host}");
    }
    assert!(is_malformed(&RawHead::from_http2(Method::GET, b"/b", "", std::iter::empty())));
    assert!(is_malformed(&RawHead::from_http2(Method::GET, b"/b", "user@s3.test", std::iter::empty())));
}

#[test]
fn http2_heads_obey_the_same_rules() {
    assert!(http2("/b", &[("te", "trailers"), ("cookie", "a"), ("cookie", "b")]).is_ok());
    for bad in [
        ("Upper", "v"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip"),
        ("upgrade", "h2c"),
        ("x_amz_acl", "v"),
        ("a", "b\r\nc: d"),
        ("a b", "v"),
        ("content-length", "+3"),
    ] {
        assert!(is_malformed(&http2("/b", &[bad])), "{bad:?}");
    }
    let twice = http2("/b", &[("x-amz-date", "a"), ("x-amz-date", "a")]);
    assert_eq!(twice, Err(Denial::DuplicateHeader("x-amz-date".to_owned())));
    for target in ["b", "/a b", "/a#b", "http://s3.test/b"] {
        assert!(is_malformed(&http2(target, &[])), "{target}");
    }
    let any = RawHead::from_http2(Method::OPTIONS, b"*", "s3.test", std::iter::empty());
    assert_eq!(any, Err(Denial::MethodNotAllowed));
    let many = vec![("a", "b"); 100];
    assert_eq!(http2("/b", &many), Err(Denial::HeadTooLarge));
    assert!(http2("/b", &many[1..]).is_ok());
    let large = "v".repeat(65536);
    assert_eq!(http2("/b", &[("a", &large)]), Err(Denial::HeadTooLarge));
}

/// Targets of plain bytes only are not given to the HTTP library: it would take every one of them.
#[test]
fn the_short_cut_for_targets_takes_what_the_http_library_takes() {
    for byte in (0..=255).filter(|&byte| rules::is_plain_in_targets(byte)) {
        for target in [vec![b'/', byte], vec![b'/', b'?', byte]] {
            assert!(http::uri::PathAndQuery::try_from(target.as_slice()).is_ok(), "{byte:#x}");
            assert!(byte > b' ' && byte != 0x7f && byte != b'#', "{byte:#x}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
        let _ = RawHead::parse_http1(&bytes);
    }

    #[test]
    fn any_bytes_in_a_head_are_parsed_or_refused(
        line in "[A-Z]{1,4} /[ -~]{0,20} HTTP/1.1",
        lines in "(([a-z]{1,3}|\\PC|content-length|host|te|x-amz-a)(:| |\r|\n|\r\n)([ -~]|[\0-\x1f\x7f\u{e9}]){0,3}\r\n){0,6}",
    ) {
        let text = format!("{line}\r\nhost: h\r\n{lines}\r\n");
        if let Ok((head, _)) = RawHead::parse_http1(text.as_bytes()) {
            prop_assert_eq!(head.host(), "h");
            prop_assert!(head.fields().all(|(name, _)| !name.is_empty()));
            // the look at the whole head at once lets nothing through that the look at each field refuses
            prop_assert!(head.fields().all(|(name, value)| rules::check_value(name.as_bytes(), value).is_ok()));
        }
    }

    /// H-2: the look at all bytes in pairs says what the rule says, and what it takes no look at a value refuses.
    #[test]
    fn plain_heads_are_those_without_control_bytes_whose_line_ends_are_whole(
        text in prop::collection::vec(prop::sample::select(&b" ~a\t\r\n\x1f\x7f\x80"[..]), 0..70),
        ends in prop::collection::vec(0..70_usize, 0..4),
    ) {
        let mut text = text;
        for at in ends {
            text.splice(at.min(text.len())..at.min(text.len()), *b"\r\n");
        }
        let without_ends = String::from_utf8_lossy(&text).replace("\r\n", "");
        let by_rule = text.is_ascii() && without_ends.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        prop_assert_eq!(rules::is_plain(&text), by_rule);
        let mut lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        prop_assert!(!by_rule || lines.all(|line| rules::check_value(b"x-amz-a", line).is_ok()));
    }

    #[test]
    fn what_was_put_in_comes_out(fields in prop::collection::vec(("[a-z][a-z0-9-]{0,9}", "[!-~]([ -~]{0,9}[!-~])?"), 0..9)) {
        let lines: Vec<String> = fields.iter().map(|(name, value)| format!("q-{name}:{value} ")).collect();
        let (head, _) = with(&lines.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let expected = fields.iter().map(|(name, value)| (format!("q-{name}"), value.clone().into_bytes()));
        let found = head.fields().skip(1).map(|(name, value)| (name.to_owned(), value.to_vec()));
        prop_assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}
