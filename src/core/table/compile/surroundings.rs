//! What routes refer to: everything of a snapshot but the routes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::{Client, Credential, Labels, Object, ObjectName, ProcessRules, SecretData, Shared, Snapshot};

/// All that a route is resolved with. The resolver is given this and not the snapshot: what it finds cannot depend on
/// anything else, so it holds for as long as this stays equal.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) credentials: Shared<BTreeMap<ObjectName, Object<Credential>>>,
    pub(super) clients: Shared<BTreeMap<ObjectName, Object<Client>>>,
    pub(super) secrets: Shared<BTreeMap<ObjectName, SecretData>>,
    pub(super) config_maps: Shared<BTreeMap<ObjectName, BTreeMap<String, String>>>,
    pub(super) namespaces: Shared<BTreeMap<Arc<str>, Labels>>,
    pub(super) process: ProcessRules,
}

impl Surroundings {
    /// Shares all of it with the snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            credentials: snapshot.credentials.clone(),
            clients: snapshot.clients.clone(),
            secrets: snapshot.secrets.clone(),
            config_maps: snapshot.config_maps.clone(),
            namespaces: snapshot.namespaces.clone(),
            process: snapshot.process.clone(),
        }
    }
}

/// Shows no contents: some are secrets.
impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
