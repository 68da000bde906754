//! The canonical request and the string to sign: one implementation, for verifying clients and for signing to backends.

use super::Scope;
use crate::Timestamp;

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
    pub headers: &'a [(&'a str, std::borrow::Cow<'a, [u8]>)],
    /// Literal of `x-amz-content-sha256`, or `UNSIGNED-PAYLOAD`.
    pub payload: &'a str,
}

impl CanonicalRequest<'_> {
    /// Appends the canonical request's bytes.
    pub fn render(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// `a;b;c`: the signed header names.
    #[must_use]
    pub fn signed_headers(&self) -> String {
        todo!()
    }
}

/// `AWS4-HMAC-SHA256 \n date \n scope \n hex(sha256(canonical request))`.
#[must_use]
pub fn string_to_sign(_date: Timestamp, _scope: &Scope, _canonical_request: &[u8]) -> String {
    todo!()
}
