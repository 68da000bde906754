//! Bodies of `DeleteObjects`: parsed, decided key by key, written anew, merged (D03, s3-protocol.md 4.3).

use super::{Mapping, ObjectKey};
use crate::Denial;

/// One `<Object>` of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteEntry {
    /// The client's key.
    pub key: ObjectKey,
}

/// A parsed `<Delete>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRequest {
    /// 1 to 1,000 objects, in order.
    pub objects: Vec<DeleteEntry>,
    /// `<Quiet>true</Quiet>`: the answer names only errors.
    pub quiet: bool,
}

/// What happened to one key, in the client's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// `<Deleted>`.
    Deleted(String),
    /// `<Error>` with code and message.
    Failed { key: String, code: String, message: String },
}

impl DeleteRequest {
    /// Parses a body of at most 2 MiB; no DTD, depth bounded, 1 to 1,000 keys, versions refused.
    ///
    /// # Errors
    /// [`Denial::MalformedXml`], [`Denial::KeyTooLong`], [`Denial::NotImplemented`] for `<VersionId>` and conditional
    /// elements.
    pub fn parse(_body: &[u8]) -> Result<Self, Denial> {
        todo!()
    }

    /// The body for the backend: these objects under the backend's names, not quiet (so that every key is answered).
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`].
    pub fn render(_objects: &[DeleteEntry], _mapping: &Mapping) -> Result<Vec<u8>, Denial> {
        todo!()
    }
}

impl DeleteOutcome {
    /// Reads a backend's `<DeleteResult>` and gives the client's names; keys outside the mapping are dropped.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for anything that is no `DeleteResult`.
    pub fn parse_result(_body: &[u8], _mapping: &Mapping) -> Result<Vec<Self>, Denial> {
        todo!()
    }

    /// The client's `<DeleteResult>`; quiet hides `Deleted`, never errors.
    #[must_use]
    pub fn render_result(_outcomes: &[Self], _quiet: bool) -> Vec<u8> {
        todo!()
    }
}
