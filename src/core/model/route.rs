//! `BucketRoute` after lowering (kubernetes.md 2.3; the fields that the data plane honours today).

use super::{Backend, Clients, Cors, ObjectName, Reference, RouteHook, Traffic};
use crate::s3::{BucketMatch, KeyPrefix, Permissions};

/// One valid `BucketRoute`: references are names still, [`crate::table::compile`] resolves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `namespace/name` of the document.
    pub name: ObjectName,
    /// `spec.match`.
    pub matches: RouteMatch,
    /// `spec.backends`: 1 to 8, each with a name of its own.
    pub backends: Vec<Backend>,
    /// `spec.traffic`.
    pub traffic: Traffic,
    /// `spec.access`; empty = nobody.
    pub access: Vec<AccessEntry>,
    /// `spec.deny`; wins over every access entry.
    pub deny: Vec<DenyEntry>,
    /// `spec.hooks`: who is asked beside all of these; each name once.
    pub hooks: Vec<RouteHook>,
    /// `spec.cors`; empty = no page of another origin may read an answer.
    pub cors: Cors,
}

/// `spec.match`: which requests a route is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteMatch {
    /// `bucket`, as clients say it: a name, or a pattern of names.
    pub bucket: BucketMatch,
    /// `hosts`: base hosts, lower case, sorted, each once; empty = all that the route's namespace may use.
    pub hosts: Vec<String>,
    /// `prefix` of keys, as clients say them; empty = every key, as always with a pattern.
    pub prefix: KeyPrefix,
    /// `clientScope`; default `Any`.
    pub scope: ClientScope,
}

/// Whose requests a route is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientScope {
    /// Everybody's.
    #[default]
    Any,
    /// Those of clients of the route's own namespace: two tenants may each have a bucket of one name.
    SameNamespace,
}

impl RouteMatch {
    /// The whole bucket, for everybody, on every host.
    #[must_use]
    pub fn whole(bucket: impl Into<BucketMatch>) -> Self {
        Self { bucket: bucket.into(), hosts: Vec::new(), prefix: KeyPrefix::default(), scope: ClientScope::Any }
    }
}

/// `spec.access[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// `name`, unique in the route.
    pub name: String,
    /// `clientRef` or `clientSelector`.
    pub clients: Clients,
    /// `permissions`, at least one.
    pub permissions: Permissions,
    /// `prefixes` in the client's names; empty = every key.
    pub prefixes: Vec<KeyPrefix>,
    /// `buckets`, in routes of a pattern: which of the names; empty = all of them.
    pub buckets: Vec<BucketMatch>,
    /// `credentials`: other backend keys for these clients.
    pub credentials: Vec<CredentialOverride>,
}

/// `spec.access[].credentials[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialOverride {
    /// `backend`, one of the route's.
    pub backend: String,
    /// `credentialRef`, instead of the backend's own.
    pub credential: Reference,
}

/// `spec.deny[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyEntry {
    /// `name`, unique in the route.
    pub name: String,
    /// `clientRef` or `clientSelector`; `None` = every client.
    pub clients: Option<Clients>,
    /// `permissions`; omitted = all.
    pub permissions: Permissions,
    /// `prefixes`; empty = every key.
    pub prefixes: Vec<KeyPrefix>,
}
