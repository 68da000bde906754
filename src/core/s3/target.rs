//! Raw request line and host -> one structured value. The only parser of names in the product (P1).

use super::{BucketName, ObjectKey, Query, RawHead};
use crate::Denial;

/// How the client named the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`.
    Path,
    /// `https://bucket.host/key`.
    VirtualHost,
}

/// The host names under which OSP is reached; `<bucket>.<host>` is implied for each (H-7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseHosts {
    hosts: Vec<String>,
}

impl BaseHosts {
    /// Lower-cases and keeps the names; ports are ignored when matching.
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self { hosts: hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect() }
    }
}

/// What a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Path or virtual-host style.
    pub addressing: Addressing,
    /// `None` for `/`.
    pub bucket: Option<BucketName>,
    /// `None` when a bucket or the service is meant.
    pub key: Option<ObjectKey>,
    /// Decoded query, authentication parameters included.
    pub query: Query,
}

/// Parses the raw target and the host of a head. A host under no base host means path style; an exact base host beats
/// bucket-in-host; the longest base host wins.
///
/// # Errors
/// [`Denial::InvalidUri`], [`Denial::InvalidBucketName`], [`Denial::KeyTooLong`].
pub fn parse(_head: &RawHead, _hosts: &BaseHosts) -> Result<Target, Denial> {
    todo!()
}
