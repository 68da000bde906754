//! `x-amz-copy-source`: decoded once, authorised, and written anew (trap 1, s3-protocol.md 3.1).

use super::{BucketName, ObjectKey};
use crate::Denial;

/// The object that a copy reads, in the client's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// Client-facing bucket.
    pub bucket: BucketName,
    /// Key as the client names it.
    pub key: ObjectKey,
}

impl CopySource {
    /// Parses `b/k`, `/b/k`, `b%2Fk`; ARNs and `?versionId=` are refused.
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`], [`Denial::InvalidBucketName`], [`Denial::KeyTooLong`],
    /// [`Denial::NotImplemented`] for versions and access points.
    pub fn parse(_header: &[u8]) -> Result<Self, Denial> {
        todo!()
    }
}
