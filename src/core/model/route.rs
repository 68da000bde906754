//! `BucketRoute` after lowering (kubernetes.md 2.3; the fields that the data plane honours today).

use super::{Clients, Endpoint, ObjectName, Reference};
use crate::s3::{BucketName, KeyPrefix, Permissions};

/// One valid `BucketRoute`: references are names still, [`crate::table::compile`] resolves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `namespace/name` of the document.
    pub name: ObjectName,
    /// `spec.match`.
    pub matches: RouteMatch,
    /// `spec.backends[0]`; several backends come later.
    pub backend: Backend,
    /// `spec.access`; empty = nobody.
    pub access: Vec<AccessEntry>,
    /// `spec.deny`; wins over every access entry.
    pub deny: Vec<DenyEntry>,
}

/// `spec.match`: which requests a route is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteMatch {
    /// `bucket`, as clients say it.
    pub bucket: BucketName,
    /// `hosts`: base hosts, lower case, sorted, each once; empty = all that the route's namespace may use.
    pub hosts: Vec<String>,
    /// `prefix` of keys, as clients say them; empty = every key.
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
    pub fn whole(bucket: BucketName) -> Self {
        Self { bucket, hosts: Vec::new(), prefix: KeyPrefix::default(), scope: ClientScope::Any }
    }
}

/// `spec.backends[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// `name`, unique in the route.
    pub name: String,
    /// `endpoint`.
    pub endpoint: Endpoint,
    /// `region` that requests to it are signed for; default `us-east-1`.
    pub region: String,
    /// `addressingStyle`; default `Path`.
    pub addressing: AddressingStyle,
    /// `bucket`; default: the client's name. Ceph tenants (`tenant:bucket`) are allowed.
    pub bucket: String,
    /// `prefix` of keys at the backend, in place of `match.prefix`; default: `match.prefix`.
    pub prefix: KeyPrefix,
    /// `credentialRef`, a `CredentialSource`.
    pub credential: Reference,
    /// `tls.verification`; default `Full`.
    pub verification: TlsVerification,
    /// `tls.caCertificateRefs`; empty = the system's roots.
    pub ca: Vec<CaRef>,
    /// `trailingChecksums`; default `Forward`.
    pub trailing_checksums: TrailingChecksums,
}

/// How the backend's bucket is named in requests to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AddressingStyle {
    /// `https://endpoint/bucket/key`.
    #[default]
    Path,
    /// `https://bucket.endpoint/key`.
    VirtualHost,
}

/// Whether a backend's certificate is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TlsVerification {
    /// Chain and name.
    #[default]
    Full,
    /// Nothing: for development.
    Insecure,
}

/// What happens with checksum trailers (s3-protocol.md 11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TrailingChecksums {
    /// Re-framed and passed on.
    #[default]
    Forward,
    /// Verified here and dropped, with every other checksum header of uploads (RS-6): for backends that know none.
    Drop,
}

/// Where a CA bundle (PEM) stands, in the route's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaRef {
    /// `ConfigMap` or `Secret`.
    pub kind: CaRefKind,
    /// Object name.
    pub name: String,
    /// Key inside it.
    pub key: String,
}

/// Kind of a [`CaRef`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaRefKind {
    /// A `ConfigMap`.
    ConfigMap,
    /// A `Secret`.
    Secret,
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
