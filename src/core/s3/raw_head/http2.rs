//! HTTP/2 requests, brought into the same representation as HTTP/1.1 heads.

use bytes::Bytes;
use http::Method;

use super::rules::Names;
use super::{Field, Protocol, RawHead, rules};
use crate::Denial;

/// Fields about one connection, which HTTP/2 does not have (RFC 9113, 8.2.2).
const CONNECTION_FIELDS: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// See [`RawHead::from_http2`].
pub(super) fn assemble<'a>(
    method: Method,
    target: &[u8],
    authority: &str,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<RawHead, Denial> {
    // `*` and CONNECT are about the server, not about a bucket.
    if method == Method::CONNECT || (method == Method::OPTIONS && target == b"*") {
        return Err(Denial::MethodNotAllowed);
    }
    rules::check_target(target)?;
    let mut parts = Parts { bytes: target.to_vec(), names: Names::default(), fields: Vec::with_capacity(24) };
    parts.push("host", authority.as_bytes())?;
    for (name, value) in fields {
        check_http2_field(name, value, authority)?;
        if name != "host" {
            parts.push(name, value)?;
        }
    }
    let head = RawHead {
        bytes: Bytes::from(parts.bytes),
        method,
        target: 0..target.len(),
        names: parts.names.into_text()?,
        fields: parts.fields,
        protocol: Protocol::Http2,
    };
    rules::check_head(&head)?;
    if let Some(length) = head.field("content-length") {
        rules::parse_length(length)?;
    }
    Ok(head)
}

struct Parts {
    bytes: Vec<u8>,
    names: Names,
    fields: Vec<Field>,
}

impl Parts {
    fn push(&mut self, name: &str, value: &[u8]) -> Result<(), Denial> {
        let value = rules::trim(value);
        let (name, range) = self.names.push(name.as_bytes())?;
        rules::check_value(name, value)?;
        let start = self.bytes.len();
        let end = start + value.len();
        if self.fields.len() == rules::MAX_FIELDS || range.end + end > rules::MAX_HEAD_BYTES {
            return Err(Denial::HeadTooLarge);
        }
        self.bytes.extend_from_slice(value);
        self.fields.push(Field { name: range, value: start..end });
        Ok(())
    }
}

fn check_http2_field(name: &str, value: &[u8], authority: &str) -> Result<(), Denial> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Denial::MalformedHead("a header name is not lower-case"));
    }
    if CONNECTION_FIELDS.contains(&name) || (name == "te" && value != b"trailers") {
        return Err(Denial::MalformedHead("HTTP/2 has no headers about the connection"));
    }
    if name == "host" && value != authority.as_bytes() {
        return Err(Denial::MalformedHead("Host differs from :authority"));
    }
    Ok(())
}
