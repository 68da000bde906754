//! `spec.backends[]` and `spec.traffic` of a `BucketRoute` after lowering (kubernetes.md 2.3).

use std::time::Duration;

use super::{Endpoint, Reference};
use crate::s3::KeyPrefix;

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
    /// `bucket`; default: the client's name. Ceph tenants (`tenant:bucket`) are allowed. In a route of a pattern: a template
    /// with exactly one [`crate::s3::PLACEHOLDER`]; default: nothing else.
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
    /// `priority`, 0 to 7, default 0: reads go to the lowest tier that has a usable backend.
    pub priority: u8,
    /// `weight`, 0 to 1000, default 100: the share of the reads inside its tier.
    pub weight: u16,
    /// `tls.serverName`: the name that is asked for and that the certificate must carry; default: the endpoint's host.
    pub server_name: Option<String>,
    /// `tls.clientCertificateRef.name`, a Secret of type `kubernetes.io/tls` of the same namespace.
    pub client_certificate: Option<String>,
    /// `proxy`.
    pub proxy: Option<ProxyRef>,
    /// `timeouts`.
    pub timeouts: Timeouts,
}

/// `proxy`: an HTTP proxy that is asked (`CONNECT`) for every connection to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRef {
    /// `url`, `http` only.
    pub endpoint: Endpoint,
    /// `credentialsSecretRef.name`, a Secret with `username` and `password` of the same namespace.
    pub credentials: Option<String>,
}

/// `timeouts`; `None` = the process's own limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// `connect`: until a new connection is usable, proxy and TLS handshake included.
    pub connect: Option<Duration>,
    /// `firstByte`: from the end of the request to the head of the answer.
    pub first_byte: Option<Duration>,
    /// `idle`: longest silence while a body moves. At least `first_byte`.
    pub idle: Option<Duration>,
}

/// `spec.traffic`: which backend is asked, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// `reads`; default `Priority`.
    pub reads: Reads,
    /// Index in [`super::Route::backends`] of the backend that `writes` names: everything but reads of single objects goes
    /// there.
    pub writes: usize,
    /// `retries`; `None` = what the process does.
    pub retries: Option<Retries>,
    /// `copyBetweenBackends`; default `Refuse`.
    pub copies: Copies,
}

/// `traffic.copyBetweenBackends`: what becomes of a copy into the route whose source another storage backend has. No backend
/// can do it for OSP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Copies {
    /// 501 `NotImplemented`.
    #[default]
    Refuse,
    /// OSP reads the source and writes the target: the bytes pass through it, and are paid for like those of a read and a
    /// write.
    Stream,
}

/// `traffic.reads`: how reads of single objects choose inside a tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Reads {
    /// The healthy backend with the greatest weight, the first of the list among equals.
    #[default]
    Priority,
    /// By a hash of the key, in proportion to the weights: the same key always finds the same backend.
    Weighted,
}

/// `traffic.retries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retries {
    /// `attempts`, 1 to 5: all of them, the first included.
    pub attempts: usize,
    /// `backoff` before the same backend is asked again; doubled each time.
    pub backoff: Duration,
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
