//! `CredentialSource` after lowering, and what it resolves to.

use std::collections::BTreeMap;

use super::{AllowedNamespaces, HookName, HostPort, ObjectName, TokenEndpoint};
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
    /// `ibmIAM`: an IBM Cloud API key in a Secret of the same namespace, exchanged for tokens.
    IbmIam {
        /// Name of the Secret.
        secret: String,
        /// Its entry with the API key; default `apikey`.
        api_key_key: String,
        /// Where it is exchanged.
        token_endpoint: TokenEndpoint,
        /// `ibm-service-instance-id` of requests that are about no bucket yet.
        service_instance_id: Option<String>,
    },
    /// `python`: a hook is asked for each client and bucket.
    Python {
        /// Name of the hook.
        hook: HookName,
        /// What the hook is told beside them.
        parameters: BTreeMap<String, String>,
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
    /// An OAuth token: `Authorization: Bearer` in place of a signature (IBM COS, "API requests and responses").
    Bearer {
        /// The token.
        token: SecretKey,
        /// `ibm-service-instance-id` of `CreateBucket` and `ListBuckets`.
        service_instance_id: Option<String>,
    },
    /// Requests go unsigned.
    Anonymous,
}
