//! The error body of S3 (ER-1).

use crate::Denial;

/// What the error body says beside the denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorContext<'a> {
    /// Decoded path as the client named it (`/bucket/key`); may be empty when the head was unreadable.
    pub resource: &'a str,
    /// The same id as in `x-amz-request-id` and in the access log.
    pub request_id: &'a str,
}

/// Renders `<Error>` with code, message, details, resource, request id and host id; every text is escaped and
/// characters that XML 1.0 cannot hold become U+FFFD.
#[must_use]
pub fn error_xml(_denial: &Denial, _context: ErrorContext<'_>) -> Vec<u8> {
    todo!()
}
