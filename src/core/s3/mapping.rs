//! Client names <-> backend names of one route (s3-protocol.md section 3).

use super::{BucketName, KeyPrefix, ObjectKey};
use crate::Denial;

/// How one route renames: bucket `client_bucket` becomes `backend_bucket`, key `k` becomes `prefix` + `k`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// What clients say.
    pub client_bucket: BucketName,
    /// What the backend says: any non-empty text (Ceph tenants have colons in it).
    pub backend_bucket: String,
    /// Put before every key, may be empty.
    pub prefix: KeyPrefix,
}

impl Mapping {
    /// The backend's key.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] when the result has more than 1,024 bytes.
    pub fn backend_key(&self, _key: &ObjectKey) -> Result<String, Denial> {
        todo!()
    }

    /// The client's text for a backend key, prefix or marker; `None` when it lies outside the prefix (RN-3: dropped).
    #[must_use]
    pub fn client_text<'a>(&self, backend: &'a str) -> Option<&'a str> {
        backend.strip_prefix(self.prefix.as_str())
    }
}
