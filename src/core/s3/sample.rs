//! Heads for tests.

use super::RawHead;

/// A head of these parts with `Host: h`; `lines` are further header lines.
pub fn head(method: &str, target: &str, lines: &[&str]) -> RawHead {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    RawHead::parse_http1(head.as_bytes()).unwrap().0
}

/// A boundary of forms.
pub fn boundary(text: &str) -> super::Boundary {
    super::Boundary::of_content_type(format!("multipart/form-data; boundary={text}").as_bytes()).unwrap()
}
