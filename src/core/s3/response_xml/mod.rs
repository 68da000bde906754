//! Backend response bodies, rewritten while they stream: backend names out, client names in (3.2, RN-1 ... RN-5).
//!
//! `rules` says which elements name something, `rewriter` replaces them, `wrapping` the ids and tokens among them, `shape`
//! spares both most of the work of a long list, `error_body` and `error_codes` say what a client learns of a backend's
//! error, `refusal` whose business it is.

mod error_body;
mod error_codes;
mod refusal;
mod rewriter;
mod rules;
mod shape;
mod wrapping;

use std::sync::Arc;

use self::rewriter::Rewriter;
use super::xml::{Broken, Scanner};
use super::{Mapping, Operation, Query};
use crate::Denial;

pub use self::error_body::ErrorBody;
pub(super) use self::refusal::entry_error;
pub use self::refusal::{Meaning, Refusal, is_ambiguous};

/// Which XML document a successful answer to an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XmlDocument {
    /// `ListBucketResult`, versions 1 and 2.
    ListObjects,
    /// `ListMultipartUploadsResult`.
    ListMultipartUploads,
    /// `ListVersionsResult`.
    ListVersions,
    /// `ListPartsResult`.
    ListParts,
    /// `InitiateMultipartUploadResult`.
    CreateMultipartUpload,
    /// `CompleteMultipartUploadResult`, or `Error` after a 200 and leading white space.
    CompleteMultipartUpload,
    /// `CopyObjectResult` or `CopyPartResult`, or `Error` after a 200 and leading white space.
    Copy,
    /// `AccessControlPolicy`, of a bucket or of an object.
    AccessControl,
    /// `ServerSideEncryptionConfiguration`.
    Encryption,
    /// A document that names nothing and is passed on as it is, if one of these is its root: a backend that does not know
    /// a sub-resource answers with a listing or with the object.
    Checked(&'static [&'static str]),
}

impl XmlDocument {
    /// The document that a 2xx answer to `operation` carries; `None` when the body is object data or empty, or when OSP
    /// reads it whole (`DeleteObjects`).
    #[must_use]
    pub const fn of(operation: &Operation) -> Option<Self> {
        operation.answer()
    }
}

/// What the rewriter needs to know about the request, in the client's names.
#[derive(Debug, Clone)]
pub struct ResponseNames {
    /// The route's renaming.
    pub mapping: Arc<Mapping>,
    /// The key of the request, if any.
    pub key: Option<String>,
    /// `scheme://authority` under which the client reached OSP, without a bucket in it, for `<Location>` (which is
    /// always in path style).
    pub base_url: String,
    /// The client's query: echoed parameters (`prefix`, `marker`, ...) and whether it asked for `encoding-type=url`.
    pub query: Query,
    /// For errors inside a 200.
    pub request_id: String,
}

/// A streaming rewriter with bounded memory: keeps order and unknown elements, replaces what section 3.2 names, drops
/// keys outside the prefix and backend identities (`Owner`, `Initiator` become a stable OSP id). White space that a
/// backend trickles before its document is passed on at once (trap 10). Comments are dropped.
///
/// Memory: one token (16 KiB), one list entry (64 KiB), its tags (18 KiB) and those of four others (2 KiB each), the known
/// fields of one error.
#[derive(Debug)]
pub struct ResponseXml {
    scanner: Scanner,
    rewriter: Rewriter,
    /// After an error nothing more may come out.
    broken: bool,
}

impl ResponseXml {
    /// A rewriter for one response.
    #[must_use]
    pub fn new(document: XmlDocument, names: ResponseNames) -> Self {
        Self { scanner: Scanner::new(), rewriter: Rewriter::new(document, names), broken: false }
    }

    /// Feeds the next piece and appends to `out` what can be released.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for anything that is not the well-formed, DTD-free document expected.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Denial> {
        if self.broken || self.read(piece, out).is_err() {
            self.broken = true;
            return Err(Denial::UpstreamMisbehaved);
        }
        Ok(())
    }

    fn read(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Self { scanner, rewriter, .. } = self;
        while !piece.is_empty() {
            if scanner.is_between_children() {
                piece = rewriter.known_entries(piece, out)?;
            }
            piece = scanner.push_to_child(piece, &mut |path, item| rewriter.item(path, item, out))?;
        }
        Ok(())
    }

    /// Ends the document; nothing is ever held back beyond its last byte, so `out` gets nothing.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] when it is not complete.
    pub fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), Denial> {
        if self.broken || self.scanner.finish().is_err() {
            self.broken = true;
            return Err(Denial::UpstreamMisbehaved);
        }
        Ok(())
    }

    /// The code of an `<Error>` that came inside a 200, once it is complete: as the client gets it, one of a finite set.
    #[must_use]
    pub const fn embedded_error(&self) -> Option<&str> {
        self.rewriter.embedded_error()
    }
}

#[cfg(test)]
mod tests;
