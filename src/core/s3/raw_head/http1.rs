//! HTTP/1.1 heads, read from the very bytes of the connection and stricter than any server library (H-2).

use std::ops::Range;

use bytes::Bytes;
use http::Method;

use super::rules::Names;
use super::{Field, Framing, Protocol, RawHead, rules};
use crate::Denial;

/// See [`RawHead::parse_http1`].
pub(super) fn parse(head: &[u8]) -> Result<(RawHead, Framing), Denial> {
    if head.len() > rules::MAX_HEAD_BYTES {
        return Err(Denial::HeadTooLarge);
    }
    let mut lines = Lines { head, at: 0 };
    let (method, target) = request_line(&lines.next()?)?;
    let mut names = Names::default();
    let fields = fields(&mut lines, &mut names)?;
    let bytes = Bytes::copy_from_slice(head);
    let mut head = RawHead { bytes, method, target, names: names.into_text()?, fields, protocol: Protocol::Http1 };
    rules::check_head(&head)?;
    head.target = origin_form(&head)?;
    rules::check_target(head.target())?;
    let framing = framing(&head)?;
    Ok((head, framing))
}

/// One line without its CRLF, and where it begins in the head.
struct Line<'a> {
    start: usize,
    text: &'a [u8],
}

struct Lines<'a> {
    head: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Line<'a>, Denial> {
        let rest = self.head.get(self.at..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return Err(Denial::MalformedHead("it ends within a line"));
        };
        let Some(text) = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")) else {
            return Err(Denial::MalformedHead("a line ends without CR"));
        };
        let line = Line { start: self.at, text };
        self.at += end + 1;
        Ok(line)
    }
}

/// `METHOD SP target SP HTTP/1.1`, exactly; the target's range is still as sent.
fn request_line(line: &Line<'_>) -> Result<(Method, Range<usize>), Denial> {
    const WRONG: Denial = Denial::MalformedHead("the request line is not METHOD TARGET HTTP/1.1");
    let method_end = memchr::memchr(b' ', line.text).ok_or(WRONG)?;
    let target_end = memchr::memrchr(b' ', line.text).filter(|&end| end > method_end + 1).ok_or(WRONG)?;
    if line.text.get(target_end + 1..) != Some(b"HTTP/1.1") {
        return Err(WRONG);
    }
    let method = line.text.get(..method_end).and_then(|name| Method::from_bytes(name).ok()).ok_or(WRONG)?;
    // CONNECT and `OPTIONS *` are about the server, not about a bucket.
    let target = line.text.get(method_end + 1..target_end).unwrap_or_default();
    if method == Method::CONNECT || (method == Method::OPTIONS && target == b"*") {
        return Err(Denial::MethodNotAllowed);
    }
    Ok((method, line.start + method_end + 1..line.start + target_end))
}

/// Reads the fields up to the empty line, which must end the head.
fn fields(lines: &mut Lines<'_>, names: &mut Names) -> Result<Vec<Field>, Denial> {
    let is_plain = rules::is_plain(lines.head);
    let mut fields = Vec::with_capacity(24);
    loop {
        let line = lines.next()?;
        if line.text.is_empty() {
            break;
        }
        if fields.len() == rules::MAX_FIELDS {
            return Err(Denial::HeadTooLarge);
        }
        // A folded line (obs-fold) has a space in its name, or no colon: no token either way.
        let Some(colon) = memchr::memchr(b':', line.text) else {
            return Err(Denial::MalformedHead("a header line has no colon"));
        };
        let (name, range) = names.push(line.text.get(..colon).unwrap_or_default())?;
        let value = rules::trim_start(line.text.get(colon + 1..).unwrap_or_default());
        let start = line.start + line.text.len() - value.len();
        let value = rules::trim_end(value);
        if !is_plain {
            rules::check_value(name, value)?;
        }
        fields.push(Field { name: range, value: start..start + value.len() });
    }
    if lines.at == lines.head.len() { Ok(fields) } else { Err(Denial::MalformedHead("bytes follow the empty line")) }
}

/// Reduces `http://host/path?query` to `/path?query`; the authority must be the one of `Host`.
fn origin_form(head: &RawHead) -> Result<Range<usize>, Denial> {
    let target = head.target();
    let range = head.target.clone();
    if target.first() == Some(&b'/') {
        return Ok(range);
    }
    let authority_at = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .map(<[u8]>::len)
        .ok_or(Denial::MalformedHead("the request target is neither a path nor a URL"))?;
    let rest = target.get(authority_at..).unwrap_or_default();
    let path_at = memchr::memchr(b'/', rest).ok_or(Denial::MalformedHead("the request target has no path"))?;
    let authority = rest.get(..path_at).unwrap_or_default();
    if !authority.eq_ignore_ascii_case(head.host().as_bytes()) {
        return Err(Denial::MalformedHead("the authority of the request target differs from Host"));
    }
    Ok(range.start + authority_at + path_at..range.end)
}

fn framing(head: &RawHead) -> Result<Framing, Denial> {
    match (head.field("content-length"), head.field("transfer-encoding")) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(length), None) => rules::parse_length(length).map(Framing::Length),
        (None, Some(b"chunked")) => Ok(Framing::Chunked),
        (None, Some(_)) => Err(Denial::MalformedHead("Transfer-Encoding is not exactly chunked")),
        (Some(_), Some(_)) => Err(Denial::MalformedHead("both Content-Length and Transfer-Encoding are present")),
    }
}
