//! What pingora is told of an HTTP/1 request: the message, not what it asks for.
//!
//! The backend request is regenerated from the permit, so whatever pingora knew of the client's target and headers it
//! would read a second time, copy for the backend and throw away. It gets the fields that frame the message and keep the
//! connection, in the client's bytes; what it has never seen it cannot pass on or print.

use osp_core::s3::RawHead;

/// The fields that pingora acts on: how long the body is, whether the connection stays, who waits for `100 Continue`.
const ABOUT_THE_MESSAGE: [&str; 4] = ["connection", "content-length", "transfer-encoding", "expect"];

/// Appends the outline of `head`: a head of its own, with `/` for the target and without a host, which pingora needs
/// only for what it forwards.
pub fn render(head: &RawHead, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method().as_str().as_bytes());
    out.extend_from_slice(b" / HTTP/1.1\r\n");
    for (name, value) in head.fields().filter(|(name, _)| ABOUT_THE_MESSAGE.contains(name)) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outline(head: &str) -> String {
        let (head, _) = RawHead::parse_http1(head.as_bytes()).unwrap();
        let mut out = Vec::new();
        render(&head, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_of_the_object_or_the_client_reaches_pingora() {
        let head = "PUT /secret-bucket/key?X-Amz-Signature=0 HTTP/1.1\r\nHost: s3.test:9000\r\nAuthorization: AWS4\r\n\
                    x-amz-meta-a: b\r\nRange: bytes=0-1\r\nUpgrade: h2c\r\nTE: trailers\r\nX-Forwarded-For: 1.2.3.4\r\n\
                    Connection:  close\r\nConnection: keep-alive\r\nEXPECT: 100-continue\r\ncontent-length: 7\r\n\r\n";
        assert_eq!(
            outline(head),
            "PUT / HTTP/1.1\r\nconnection: close\r\nconnection: keep-alive\r\n\
             expect: 100-continue\r\ncontent-length: 7\r\n\r\n"
        );
    }

    /// Any one of these may stand in a head; some of them together may not.
    const LINES: [&str; 12] = [
        "Content-Length: 0",
        "content-length: 18446744073709551615",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "expect: other",
        "Connection: close, transfer-encoding",
        "connection: \t keep-alive",
        "Connection: \u{e9}",
        "x-amz-date: 20260101T000000Z",
        "Upgrade: websocket",
        "x-length: 5",
        "User-Agent: content-length: 5",
    ];

    proptest! {
        /// SIG-16: pingora must not see another message than the one that was checked.
        #[test]
        fn the_outline_is_read_as_the_same_message(
            method in "(GET|HEAD|PUT|POST|DELETE|OPTIONS|PATCH|X-1)",
            lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..8),
        ) {
            let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let text = format!("{method} /a/b?c=d HTTP/1.1\r\nHost: s3.test\r\n{lines}\r\n");
            let Ok((head, framing)) = RawHead::parse_http1(text.as_bytes()) else { return Ok(()) };
            let mut out = Vec::new();
            render(&head, &mut out);
            // the checks want a host
            out.truncate(out.len() - 2);
            out.extend_from_slice(b"Host: s3.test\r\n\r\n");
            let (read, read_framing) = RawHead::parse_http1(&out).unwrap();
            prop_assert_eq!(read_framing, framing);
            prop_assert_eq!(read.method(), head.method());
            prop_assert_eq!(read.target(), b"/");
            let kept = |head: &RawHead| -> Vec<(String, Vec<u8>)> {
                let fields = head.fields().filter(|(name, _)| ABOUT_THE_MESSAGE.contains(name));
                fields.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
            };
            prop_assert_eq!(kept(&read), kept(&head));
            prop_assert_eq!(read.fields().count(), kept(&head).len() + 1);
        }
    }
}
