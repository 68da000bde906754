//! The backend request, serialised from the structured value and never from what the client sent (trap 1).

use http::{HeaderName, HeaderValue, Method};

use super::{Mapping, Operation, Query, Semantics};
use crate::Denial;
use crate::model::AddressingStyle;

/// Headers that are passed on, the client's values: entity, conditional and range headers, known `x-amz-*`, telemetry.
/// Names that name a bucket or key are already rewritten; identity, routing, hop-by-hop and framing headers are absent
/// (s3-protocol.md 2.1).
pub type OutgoingHeaders = Vec<(HeaderName, HeaderValue)>;

/// Method, request target and headers of the backend request, still unsigned and without body framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// HTTP method.
    pub method: Method,
    /// Bucket label to put before the endpoint's host in virtual-host style; `None` in path style.
    pub bucket_label: Option<String>,
    /// Canonical URI: `/`, percent-encoded once, bucket included in path style. What is sent is what is signed.
    pub path: String,
    /// Canonical query: encoded and sorted, without `?`; empty when there is none.
    pub query: String,
    /// Passed-on headers.
    pub headers: OutgoingHeaders,
}

/// True for the headers outside `x-amz-*` that a backend gets as the client sent them (2.1).
pub(super) fn is_passed_on(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-type"
            | "expires"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "if-unmodified-since"
            | "range"
            | "user-agent"
    )
}

impl Outgoing {
    /// Builds the backend request of `operation` under `mapping`; `source` maps the bucket of a copy's source and is
    /// `None` for every other operation.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] when the prefix makes a key too long, [`Denial::Internal`] for operations that are
    /// answered without a backend.
    pub fn build(
        _operation: &Operation,
        _query: &Query,
        _semantics: &Semantics<'_>,
        _style: AddressingStyle,
        _mappings: (&Mapping, Option<&Mapping>),
    ) -> Result<Self, Denial> {
        todo!()
    }
}
