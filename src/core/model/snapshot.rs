//! Everything that was configured at one moment: the input of [`crate::table::compile`].

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Client, Credential, ObjectName, Route};
use crate::s3::BucketName;

/// A document that was present: valid, or invalid with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<T> {
    /// Lowered without a problem.
    Valid(T),
    /// Present and invalid: what it claims is broken (503), not absent (404).
    Invalid {
        /// `spec.match.bucket` of a route, when at least that could be read.
        bucket: Option<BucketName>,
        /// At least one.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong, with the place. Contains no secret values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Field path, such as `spec.backends[0].endpoint`; empty for the whole document.
    pub field: String,
    /// One of the reasons of kubernetes.md 2.4, such as `Invalid` or `CredentialNotFound`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// Secret data by key; wiped when dropped, never printed.
pub type SecretData = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// Everything configured at one moment. Maps, so that no order of events can show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// `BucketRoute`s.
    pub routes: BTreeMap<ObjectName, Entry<Route>>,
    /// `CredentialSource`s.
    pub credentials: BTreeMap<ObjectName, Entry<Credential>>,
    /// `ClientIdentity`s.
    pub clients: BTreeMap<ObjectName, Entry<Client>>,
    /// `Secret`s.
    pub secrets: BTreeMap<ObjectName, SecretData>,
    /// `ConfigMap`s.
    pub config_maps: BTreeMap<ObjectName, BTreeMap<String, String>>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("routes", &self.routes)
            .field("credentials", &self.credentials)
            .field("clients", &self.clients)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("config_maps", &self.config_maps.keys().collect::<Vec<_>>())
            .finish()
    }
}
