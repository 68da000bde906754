//! What requests read: buckets, access keys and policies, resolved and immutable.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::access::{Policy, Principal};
use crate::model::{AddressingStyle, BackendCredential, ClientSecret, Endpoint, ObjectName, TrailingChecksums};
use crate::s3::{BucketName, Mapping};
use crate::sigv4::AccessKeyId;

/// One usable route.
#[derive(Debug)]
pub struct ServedRoute {
    /// The document it came from.
    pub name: ObjectName,
    /// Bucket and prefix renaming.
    pub mapping: Arc<Mapping>,
    /// Where requests go.
    pub upstream: Upstream,
    /// Who may do what.
    pub policy: Policy,
}

/// A backend with everything that a connection and a signature to it need.
#[derive(Debug)]
pub struct Upstream {
    /// Scheme, host, port.
    pub endpoint: Endpoint,
    /// Region that requests are signed for.
    pub region: String,
    /// Path or virtual-host style.
    pub addressing: AddressingStyle,
    /// What requests are signed with.
    pub credential: Arc<BackendCredential>,
    /// Whom to trust.
    pub trust: Trust,
    /// What to do with checksum trailers.
    pub trailing_checksums: TrailingChecksums,
    /// Hash of everything that pooled connections must not be shared across: trust settings and credential.
    pub pool_group: u64,
}

/// Whose certificates a backend connection accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The system's roots.
    System,
    /// These DER certificates and nothing else.
    Roots(Arc<Vec<Vec<u8>>>),
    /// Anything: development only.
    Insecure,
}

/// What the table says of a bucket name.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Serve it.
    Served(Arc<ServedRoute>),
    /// Its route is present and broken: 503.
    Broken,
    /// A route whose bucket could not be read exists, so nobody can know: 503.
    Unknown,
    /// No route: 404.
    Absent,
}

/// The immutable table. One per generation; requests pin an `Arc` of it.
#[derive(Debug, Default)]
pub struct RouteTable {
    pub(super) buckets: HashMap<BucketName, Option<Arc<ServedRoute>>>,
    pub(super) clients: HashMap<AccessKeyId, Vec<ClientSecret>>,
    pub(super) visible: HashMap<Principal, BTreeSet<BucketName>>,
    pub(super) some_bucket_unreadable: bool,
    pub(super) fingerprint: u64,
}

impl RouteTable {
    /// The route of a bucket.
    #[must_use]
    pub fn lookup(&self, bucket: &BucketName) -> Lookup {
        match self.buckets.get(bucket) {
            Some(Some(route)) => Lookup::Served(Arc::clone(route)),
            Some(None) => Lookup::Broken,
            None if self.some_bucket_unreadable => Lookup::Unknown,
            None => Lookup::Absent,
        }
    }

    /// The live secrets of an access key; empty when nobody has it.
    #[must_use]
    pub fn secrets(&self, access_key: &AccessKeyId) -> &[ClientSecret] {
        self.clients.get(access_key).map_or(&[], Vec::as_slice)
    }

    /// The buckets that a principal has any grant on, sorted: what `ListBuckets` shows.
    #[must_use]
    pub fn visible_to(&self, principal: &Principal) -> Vec<BucketName> {
        self.visible.get(principal).map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }

    /// Every usable route, in no particular order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<ServedRoute>> {
        self.buckets.values().flatten()
    }

    /// Every bucket whose route is present and broken, in no particular order.
    pub fn broken(&self) -> impl Iterator<Item = &BucketName> {
        self.buckets.iter().filter(|(_, route)| route.is_none()).map(|(bucket, _)| bucket)
    }

    /// A hash of everything in the table: equal inputs give equal fingerprints on every replica.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
