//! Client names <-> backend names of one route (s3-protocol.md section 3).

use super::key::MAX_KEY_BYTES;
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
    pub fn backend_key(&self, key: &ObjectKey) -> Result<String, Denial> {
        self.backend_text(key.as_str())
    }

    /// The backend's text for the prefix or marker of a listing, which may be empty.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] when the result has more than 1,024 bytes: no key could begin with it.
    pub fn backend_text(&self, client: &str) -> Result<String, Denial> {
        let prefix = self.prefix.as_str();
        if prefix.len() + client.len() > MAX_KEY_BYTES {
            return Err(Denial::KeyTooLong);
        }
        Ok([prefix, client].concat())
    }

    /// The client's text for a backend key, prefix or marker; `None` when it lies outside the prefix (RN-3: dropped).
    #[must_use]
    pub fn client_text<'a>(&self, backend: &'a str) -> Option<&'a str> {
        backend.strip_prefix(self.prefix.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(prefix: &str) -> Mapping {
        Mapping {
            client_bucket: BucketName::parse("client").unwrap(),
            backend_bucket: "tenant:backend".to_owned(),
            prefix: KeyPrefix::parse(prefix).unwrap(),
        }
    }

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn rn_3_there_and_back_again() {
        for prefix in ["", "p/", "p"] {
            for text in ["k", "/k", "../k", "p/k"] {
                let backend = mapping(prefix).backend_key(&key(text)).unwrap();
                assert_eq!(backend, format!("{prefix}{text}"));
                assert_eq!(mapping(prefix).client_text(&backend), Some(text));
            }
        }
    }

    #[test]
    fn rn_3_names_outside_the_prefix_have_no_client_name() {
        assert_eq!(mapping("p/").client_text("p/"), Some(""));
        for backend in ["", "p", "q/k", "P/k", "/p/k"] {
            assert_eq!(mapping("p/").client_text(backend), None, "{backend}");
        }
    }

    #[test]
    fn the_backend_key_has_at_most_1024_bytes() {
        assert!(mapping("p/").backend_key(&key(&"k".repeat(1022))).is_ok());
        assert_eq!(mapping("p/").backend_key(&key(&"k".repeat(1023))), Err(Denial::KeyTooLong));
        assert_eq!(mapping("p/").backend_text(&"k".repeat(1023)), Err(Denial::KeyTooLong));
    }
}
