//! `BucketRoute` after lowering (kubernetes.md 2.3; the fields that the data plane honours today).

use std::fmt;

use super::ObjectName;
use crate::s3::{BucketName, KeyPrefix, Permissions};

/// One valid `BucketRoute`: references are names still, [`crate::table::compile`] resolves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `namespace/name` of the document.
    pub name: ObjectName,
    /// `spec.match.bucket`.
    pub bucket: BucketName,
    /// `spec.backends[0]`; several backends come later.
    pub backend: Backend,
    /// `spec.access`; empty = nobody.
    pub access: Vec<AccessEntry>,
    /// `spec.deny`; wins over every access entry.
    pub deny: Vec<DenyEntry>,
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
    /// `prefix` put before every key.
    pub prefix: KeyPrefix,
    /// `credentialRef.name`, a `CredentialSource` of the same namespace.
    pub credential: String,
    /// `tls.verification`; default `Full`.
    pub verification: TlsVerification,
    /// `tls.caCertificateRefs`; empty = the system's roots.
    pub ca: Vec<CaRef>,
    /// `trailingChecksums`; default `Forward`.
    pub trailing_checksums: TrailingChecksums,
}

/// Scheme, host and port of a backend. Only parsed URLs without path, query, user info; never a link-local or metadata
/// address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// `https`.
    pub tls: bool,
    /// Host name or IP literal (IPv6 without brackets), lower-case.
    pub host: String,
    /// Port, defaulted by scheme.
    pub port: u16,
}

impl Endpoint {
    /// `host[:port]` as the `Host` header says it: the port only when it is not the scheme's default (RS-4), with
    /// `label.` before the host in virtual-host style.
    #[must_use]
    pub fn authority(&self, label: Option<&str>) -> String {
        let mut out = String::with_capacity(self.host.len() + 8);
        if let Some(label) = label {
            out.push_str(label);
            out.push('.');
        }
        if self.host.contains(':') {
            out.push('[');
            out.push_str(&self.host);
            out.push(']');
        } else {
            out.push_str(&self.host);
        }
        if self.port != if self.tls { 443 } else { 80 } {
            out.push(':');
            out.push_str(&self.port.to_string());
        }
        out
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority(None))
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaRef {
    /// `ConfigMap` or `Secret`.
    pub kind: CaRefKind,
    /// Object name.
    pub name: String,
    /// Key inside it.
    pub key: String,
}

/// Kind of a [`CaRef`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// `clientRef.name`, a `ClientIdentity` of the same namespace.
    pub client: String,
    /// `permissions`, at least one.
    pub permissions: Permissions,
    /// `prefixes` in the client's names; empty = every key.
    pub prefixes: Vec<KeyPrefix>,
}

/// `spec.deny[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyEntry {
    /// `name`, unique in the route.
    pub name: String,
    /// `clientRef.name`; `None` = every client.
    pub client: Option<String>,
    /// `permissions`; omitted = all.
    pub permissions: Permissions,
    /// `prefixes`; empty = every key.
    pub prefixes: Vec<KeyPrefix>,
}
