//! Client names <-> backend names of one route (s3-protocol.md section 3).

use std::borrow::Cow;
use std::sync::Arc;

use super::key::MAX_KEY_BYTES;
use super::{BucketMatch, BucketName, KeyPrefix, ObjectKey, fill_template};
use crate::Denial;

/// How one route renames: bucket `client_bucket` becomes `backend_bucket`, key `client_prefix` + `k` becomes `prefix` +
/// `k`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// What clients say; a pattern until one of its buckets is named.
    pub client_bucket: BucketMatch,
    /// What every key of the route begins with for clients (`match.prefix`), may be empty.
    pub client_prefix: KeyPrefix,
    /// What the backend says: any non-empty text (Ceph tenants have colons in it). Of a pattern, the template.
    pub backend_bucket: String,
    /// What it begins with at the backend instead, may be empty.
    pub prefix: KeyPrefix,
    /// Route, backend and endpoint as one text: whose ids and tokens are wrapped here. Never shown.
    pub issuer: Arc<str>,
}

impl Mapping {
    /// The renaming of one bucket, of a mapping of a pattern that covers it; `None` when the backend cannot have a bucket of
    /// that name.
    #[must_use]
    pub fn of_bucket(&self, bucket: &BucketName) -> Option<Self> {
        let backend_bucket = fill_template(&self.backend_bucket, bucket)?;
        Some(Self { client_bucket: bucket.clone().into(), backend_bucket, ..self.clone() })
    }

    /// The backend's key.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] when the result has more than 1,024 bytes, [`Denial::Internal`] for a key that is not of this
    /// route.
    pub fn backend_key(&self, key: &ObjectKey) -> Result<String, Denial> {
        self.backend_text(key.as_str())
    }

    /// The backend's text for the prefix of a listing.
    ///
    /// # Errors
    /// As [`Self::backend_key`]: no key could begin with it, or it shows more than this route.
    pub fn backend_text(&self, client: &str) -> Result<String, Denial> {
        let Some(rest) = client.strip_prefix(self.client_prefix.as_str()) else {
            return Err(Denial::Internal("a name was to be mapped by the route of others"));
        };
        let prefix = self.prefix.as_str();
        if prefix.len() + rest.len() > MAX_KEY_BYTES {
            return Err(Denial::KeyTooLong);
        }
        Ok([prefix, rest].concat())
    }

    /// The backend's text for where a listing begins (a marker); `None` when it begins before the first key of the route.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] as above; [`Denial::InvalidArgument`] for one behind the last key of the route: no page
    /// that OSP gave out leads there.
    pub fn backend_marker(&self, client: &str) -> Result<Option<String>, Denial> {
        match self.client_prefix.as_str() {
            own if client.starts_with(own) => self.backend_text(client).map(Some),
            own if client < own => Ok(None),
            _ => Err(Denial::InvalidArgument(
                "The listing begins behind the last key that its prefix allows.".to_owned(),
            )),
        }
    }

    /// The client's text for a backend key, prefix or marker; `None` when it lies outside the prefix (RN-3: dropped).
    #[must_use]
    pub fn client_text<'a>(&self, backend: &'a str) -> Option<Cow<'a, str>> {
        let rest = backend.strip_prefix(self.prefix.as_str())?;
        Some(if self.client_prefix.is_empty() {
            Cow::Borrowed(rest)
        } else {
            Cow::Owned([self.client_prefix.as_str(), rest].concat())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(prefix: &str) -> Mapping {
        Mapping {
            client_bucket: BucketName::parse("client").unwrap().into(),
            client_prefix: KeyPrefix::default(),
            backend_bucket: "tenant:backend".to_owned(),
            prefix: KeyPrefix::parse(prefix).unwrap(),
            issuer: "a route".into(),
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
                assert_eq!(mapping(prefix).client_text(&backend).as_deref(), Some(text));
            }
        }
    }

    #[test]
    fn rn_3_names_outside_the_prefix_have_no_client_name() {
        assert_eq!(mapping("p/").client_text("p/").as_deref(), Some(""));
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

    #[test]
    fn rn_3_the_backends_prefix_replaces_the_clients() {
        let mapping = Mapping { client_prefix: KeyPrefix::parse("raw/").unwrap(), ..mapping("tenants/a/") };
        assert_eq!(mapping.backend_key(&key("raw/x")).unwrap(), "tenants/a/x");
        assert_eq!(mapping.backend_text("raw/").unwrap(), "tenants/a/");
        assert_eq!(mapping.client_text("tenants/a/x").as_deref(), Some("raw/x"));
        assert_eq!(mapping.client_text("tenants/b/x"), None);
        for outside in ["x", "ra", "", "rawx"] {
            assert!(matches!(mapping.backend_text(outside), Err(Denial::Internal(_))), "{outside}");
        }
        let fits = format!("raw/{}", "k".repeat(1014));
        assert!(mapping.backend_key(&key(&fits)).is_ok());
        assert_eq!(mapping.backend_key(&key(&format!("{fits}k"))), Err(Denial::KeyTooLong));
    }

    #[test]
    fn markers_outside_the_prefix_begin_at_the_first_key_or_are_refused() {
        let mapping = Mapping { client_prefix: KeyPrefix::parse("raw/").unwrap(), ..mapping("p/") };
        assert_eq!(mapping.backend_marker("raw/x"), Ok(Some("p/x".to_owned())));
        for before in ["", "a", "raw", "raw!"] {
            assert_eq!(mapping.backend_marker(before), Ok(None), "{before}");
        }
        for behind in ["raw0", "rax", "z"] {
            assert!(matches!(mapping.backend_marker(behind), Err(Denial::InvalidArgument(_))), "{behind}");
        }
    }
}
