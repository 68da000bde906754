use super::*;
use crate::s3::{BaseHosts, parse};

/// What `Semantics` says of a head with this query and these lines, as sorted text; `host` is left out.
fn read(query: &str, lines: &[&str]) -> Result<Vec<(String, String)>, Denial> {
    let head = format!("PUT /bucket/key?{query} HTTP/1.1\r\nHost: h\r\n{}\r\n", lines.join("\r\n") + "\r\n");
    let head = head.replace("\r\n\r\n\r\n", "\r\n\r\n");
    let (head, _) = RawHead::parse_http1(head.as_bytes()).unwrap();
    let target = parse(&head, &BaseHosts::default()).unwrap();
    let semantics = Semantics::read(&head, &target)?;
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    Ok(semantics.headers().filter(|(name, _)| *name != "host").map(|(n, v)| (n.to_owned(), text(v))).collect())
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn pre_4_parameters_become_headers_whatever_their_case() {
    let found = read("X-Amz-Copy-Source=other%2Fkey&prefix=p", &["x-amz-acl: private"]).unwrap();
    assert_eq!(found, [pair("x-amz-acl", "private"), pair("x-amz-copy-source", "other/key")]);
}
