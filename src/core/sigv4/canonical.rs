//! The canonical request and the string to sign: one implementation, for verifying clients and for signing to backends.

use std::borrow::Cow;

use super::Scope;
use super::signing_key::push_hex;
use crate::Denial;
use crate::s3::{Query, decode, encode_key, encode_query};

/// The parts of a canonical request, already canonical one by one.
#[derive(Debug, Clone)]
pub struct CanonicalRequest<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Canonical URI: encoded once, not normalised.
    pub uri: &'a str,
    /// Canonical query without `X-Amz-Signature`.
    pub query: &'a str,
    /// (lower-case name, canonical value), sorted by name.
    pub headers: &'a [(&'a str, Cow<'a, [u8]>)],
    /// Literal of `x-amz-content-sha256`, or `UNSIGNED-PAYLOAD`.
    pub payload: &'a str,
}

impl CanonicalRequest<'_> {
    /// Appends the canonical request's bytes.
    pub fn render(&self, out: &mut Vec<u8>) {
        for line in [self.method, self.uri, self.query] {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        for (name, value) in self.headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out.push(b'\n');
        for (position, (name, _)) in self.headers.iter().enumerate() {
            if position > 0 {
                out.push(b';');
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(self.payload.as_bytes());
    }

    /// `a;b;c`: the signed header names.
    #[must_use]
    pub fn signed_headers(&self) -> String {
        let mut list = String::with_capacity(128);
        for (name, _) in self.headers {
            if !list.is_empty() {
                list.push(';');
            }
            list.push_str(name);
        }
        list
    }
}

/// Makes the canonical request in `buffer` the string to sign: `AWS4-HMAC-SHA256 \n date \n scope \n
/// hex(sha256(canonical request))`. `date` is `YYYYMMDDTHHMMSSZ`.
pub fn replace_by_string_to_sign(buffer: &mut Vec<u8>, date: &[u8], scope: &Scope) {
    let hash = sha256(buffer);
    buffer.clear();
    push_string_to_sign(&hash, date, scope, buffer);
}

fn push_string_to_sign(hash: &[u8; 32], date: &[u8], scope: &Scope, out: &mut Vec<u8>) {
    out.extend_from_slice(b"AWS4-HMAC-SHA256\n");
    out.extend_from_slice(date);
    out.push(b'\n');
    scope.render(out);
    out.push(b'\n');
    push_hex(hash, out);
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}

/// The canonical URI of a raw path: decoded once, encoded once, never normalised (SIG-2, SIG-3).
pub(super) fn canonical_path(raw: &[u8]) -> Result<Cow<'_, str>, Denial> {
    if let Some(text) = as_text(raw, |byte| is_unreserved(byte) || byte == b'/') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(raw.len() + raw.len() / 2);
    encode_key(&decode(raw)?, &mut out);
    Ok(Cow::Owned(out))
}

/// The other canonical URI that SIG-3 allows: the path as received, for clients that sign `!'()*,:@&=+$;` bare. Only
/// when it has such a byte. It decodes to the same key as [`canonical_path`], so it gives no authority.
pub(super) fn path_as_received(raw: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(raw).ok()?;
    let encoded = raw.iter().all(|&byte| is_unreserved(byte) || matches!(byte, b'/' | b'%'));
    (!encoded).then_some(text)
}

/// The canonical query of decoded parameters: all but `X-Amz-Signature`, sorted by encoded name, then value; empty and
/// repeated ones stay (SIG-5). Made from the very value that the request is classified by, so the two cannot differ.
pub(super) fn canonical_query(query: &Query) -> String {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = query
        .pairs()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("X-Amz-Signature"))
        .map(|(name, value)| (encode_component(name), encode_component(value)))
        .collect();
    pairs.sort_unstable();
    let mut out = String::with_capacity(pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
    for (name, value) in &pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// Adds the canonical value of a header's next occurrence: repeated headers are one header with commas (SIG-6).
pub fn join_values(first: &mut Cow<'_, [u8]>, next: &[u8]) {
    let joined = first.to_mut();
    joined.push(b',');
    joined.extend_from_slice(next);
}

/// A header value with every run of spaces and tabs made one space (SIG-6). The ends are already trimmed.
#[must_use]
pub fn canonical_value(value: &[u8]) -> Cow<'_, [u8]> {
    let is_white = |byte: u8| matches!(byte, b' ' | b'\t');
    let mut previous = b'x';
    let canonical = memchr::memchr2(b' ', b'\t', value).is_none()
        || value.iter().all(|&byte| {
            let fine = byte != b'\t' && (byte != b' ' || previous != b' ');
            previous = byte;
            fine
        });
    if canonical {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    for word in value.split(|&byte| is_white(byte)).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    Cow::Owned(out)
}

fn encode_component(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_unreserved) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    encode_query(text.as_bytes(), &mut out);
    Cow::Owned(out)
}

/// These bytes as text, if all of them are `allowed` (ASCII only).
fn as_text(bytes: &[u8], allowed: impl Fn(u8) -> bool) -> Option<&str> {
    bytes.iter().all(|&byte| allowed(byte)).then(|| std::str::from_utf8(bytes).ok()).flatten()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests;
