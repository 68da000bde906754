//! Validated domain values: what the operator configured, after lowering and before compiling. Plain data.

mod address;
mod client;
mod credential;
mod endpoint;
mod name;
mod process;
mod reason;
mod reference;
mod route;
mod snapshot;

pub use address::forbidden_address;
pub use client::{Client, ClientSecret, SecretRef};
pub use credential::{BackendCredential, Credential, CredentialKind};
pub use endpoint::Endpoint;
pub use name::ObjectName;
pub use process::{DEFAULT_CLASS, HostPort, HostRule, ProcessRules};
pub use reason::{Origin, Reason};
pub use reference::{AllowedNamespaces, Clients, LabelSelector, Labels, NAMESPACE_NAME_LABEL, Reference};
pub use route::{
    AccessEntry, AddressingStyle, Backend, CaRef, CaRefKind, ClientScope, CredentialOverride, DenyEntry, Route,
    RouteMatch, TlsVerification, TrailingChecksums,
};
pub use snapshot::{Claim, Document, Entry, Kind, Object, Problem, SecretData, Snapshot};
