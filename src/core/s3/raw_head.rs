//! The head of a request as it came over the wire: the one input that names are parsed from (SIG-1, H-2).

mod http1;
mod http2;
mod rules;
#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;
use http::Method;

use crate::Denial;

/// How the head travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 is refused; this is 1.1.
    Http1,
    /// HTTP/2: the host is `:authority`.
    Http2,
}

/// How the body of an HTTP/1.1 message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes follow the head (0 when nothing was declared).
    Length(u64),
    /// HTTP chunked transfer coding.
    Chunked,
}

/// One header field: where its name is in the names, and its value in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// Method, raw request target and header fields of one request. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawHead {
    bytes: Bytes,
    method: Method,
    target: Range<usize>,
    /// All field names, in lower case, one after the other: text once and for all, since every stage asks for them.
    names: String,
    fields: Vec<Field>,
    protocol: Protocol,
}

impl RawHead {
    /// Parses one HTTP/1.1 head, from the first byte of the request line to the empty line, both included.
    /// Strict: see security.md section 1 for what is refused.
    ///
    /// # Errors
    /// [`Denial::MalformedHead`], [`Denial::HeadTooLarge`], [`Denial::DuplicateHeader`], and
    /// [`Denial::MethodNotAllowed`] for `CONNECT` and `OPTIONS *`, which name no resource of S3.
    pub fn parse_http1(head: &[u8]) -> Result<(Self, Framing), Denial> {
        http1::parse(head)
    }

    /// From the parts of an HTTP/2 request: `target` is `:path`, `authority` is `:authority`; `fields` in order of
    /// arrival with lower-case names. A `host` field that differs from the authority is refused (trap 13).
    ///
    /// # Errors
    /// As [`Self::parse_http1`].
    pub fn from_http2<'a>(
        method: Method,
        target: &[u8],
        authority: &str,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Denial> {
        http2::assemble(method, target, authority, fields)
    }

    /// The request method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The raw request target: path and query as the client sent them (an absolute-form target was reduced to them).
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.at(&self.target)
    }

    /// How it travelled.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// `Host` or `:authority`, as sent, never empty.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text("host").unwrap_or_default()
    }

    /// All fields in order of arrival: lower-case name, value without surrounding white space. HTTP/2 heads show
    /// `:authority` as `host`.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (self.name(field), self.at(&field.value)))
    }

    /// The first field of this lower-case name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| self.is_named(field, name)).map(|field| self.at(&field.value))
    }

    /// The first field of this lower-case name as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.field(name)?).ok()
    }

    /// Most names differ in length, which needs no look at the text.
    fn is_named(&self, field: &Field, name: &str) -> bool {
        field.name.len() == name.len() && self.name(field) == name
    }

    fn name(&self, field: &Field) -> &str {
        self.names.get(field.name.clone()).unwrap_or_default()
    }

    fn at(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}
