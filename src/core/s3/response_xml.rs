//! Backend response bodies, rewritten while they stream: backend names out, client names in (3.2, RN-1 ... RN-5).

use std::sync::Arc;

use super::{ErrorContext, Mapping, Operation, Query};
use crate::Denial;

/// Which XML document a successful answer to an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XmlDocument {
    /// `ListBucketResult`, versions 1 and 2.
    ListObjects,
    /// `ListMultipartUploadsResult`.
    ListMultipartUploads,
    /// `ListPartsResult`.
    ListParts,
    /// `InitiateMultipartUploadResult`.
    CreateMultipartUpload,
    /// `CompleteMultipartUploadResult`, or `Error` after a 200 and leading white space.
    CompleteMultipartUpload,
    /// `CopyObjectResult` or `CopyPartResult`, or `Error` after a 200 and leading white space.
    Copy,
}

impl XmlDocument {
    /// The document that a 2xx answer to `operation` carries; `None` when the body is object data or empty.
    #[must_use]
    pub fn of(_operation: &Operation) -> Option<Self> {
        todo!()
    }
}

/// What the rewriter needs to know about the request, in the client's names.
#[derive(Debug, Clone)]
pub struct ResponseNames {
    /// The route's renaming.
    pub mapping: Arc<Mapping>,
    /// The key of the request, if any.
    pub key: Option<String>,
    /// `scheme://authority` under which the client reached OSP, for `<Location>`.
    pub base_url: String,
    /// The client's query: echoed parameters (`prefix`, `marker`, ...) and whether it asked for `encoding-type=url`.
    pub query: Query,
    /// For errors inside a 200.
    pub request_id: String,
}

/// A streaming rewriter with bounded memory: keeps order and unknown elements, replaces what section 3.2 names, drops
/// keys outside the prefix and backend identities (`Owner`, `Initiator` become a stable OSP id). White space that a
/// backend trickles before its document is passed on at once (trap 10).
#[derive(Debug)]
pub struct ResponseXml {
    _document: XmlDocument,
    _names: ResponseNames,
}

impl ResponseXml {
    /// A rewriter for one response.
    #[must_use]
    pub fn new(document: XmlDocument, names: ResponseNames) -> Self {
        Self { _document: document, _names: names }
    }

    /// Feeds the next piece and appends to `out` what can be released.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for anything that is not the well-formed, DTD-free document expected.
    pub fn push(&mut self, _piece: &[u8], _out: &mut Vec<u8>) -> Result<(), Denial> {
        todo!()
    }

    /// Ends the document.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] when it is not complete.
    pub fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), Denial> {
        todo!()
    }

    /// The code of an `<Error>` that came inside a 200, once seen.
    #[must_use]
    pub fn embedded_error(&self) -> Option<&str> {
        todo!()
    }
}

/// A backend's error body (status >= 300), collected up to 64 KiB and written anew with the client's names: code and
/// message pass when they are about the object, codes about OSP's own credentials, region or address become
/// `InternalError` (trap 11), identities and host ids are dropped.
#[derive(Debug, Default)]
pub struct ErrorBody {
    _collected: Vec<u8>,
}

impl ErrorBody {
    /// Feeds a piece; what exceeds 64 KiB is dropped.
    pub fn push(&mut self, _piece: &[u8]) {}

    /// The client's body for a backend answer of this `status`. Unreadable or empty bodies give the generic code of the
    /// status (404 `NoSuchKey` for object operations, 412 `PreconditionFailed`, ...).
    #[must_use]
    pub fn finish(self, _status: u16, _operation: &Operation, _context: ErrorContext<'_>) -> Vec<u8> {
        todo!()
    }
}
