//! `CredentialSource` after lowering, and what it resolves to.

use super::{AllowedNamespaces, HostPort, ObjectName};
use crate::sigv4::{AccessKeyId, SecretKey};

/// One valid `CredentialSource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// `namespace/name` of the document.
    pub name: ObjectName,
    /// The member of the union.
    pub kind: CredentialKind,
    /// `allowedNamespaces`: whose routes may name it.
    pub allowed_namespaces: AllowedNamespaces,
    /// `allowedEndpoints`: where requests may be signed with it; empty = everywhere, only if it is not shared.
    pub allowed_endpoints: Vec<HostPort>,
}

/// Exactly one member of the union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// `secret`: a Secret of the same namespace and the names of its keys.
    Secret {
        /// Name of the Secret.
        secret: String,
        /// Default `AWS_ACCESS_KEY_ID`.
        access_key_id_key: String,
        /// Default `AWS_SECRET_ACCESS_KEY`.
        secret_access_key_key: String,
        /// Absent = no session token.
        session_token_key: Option<String>,
    },
    /// `anonymous`: requests go unsigned.
    Anonymous,
}

/// What requests to a backend are signed with. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendCredential {
    /// An access key pair.
    Keys {
        /// Public key id of the backend.
        access_key: AccessKeyId,
        /// Its secret.
        secret: SecretKey,
        /// `x-amz-security-token`, if the pair is temporary.
        session_token: Option<SecretKey>,
    },
    /// Requests go unsigned.
    Anonymous,
}
