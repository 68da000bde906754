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

fn target_of(target: &str) -> Result<Vec<u8>, Denial> {
    RawHead::parse_http1(&head(&format!("GET {target} HTTP/1.1"), &[])).map(|(head, _)| head.target().to_vec())
}

fn host_is(host: &str) -> bool {
    RawHead::parse_http1(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).is_ok()
}

fn is_malformed<T: std::fmt::Debug>(result: Result<T, Denial>) -> bool {
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
