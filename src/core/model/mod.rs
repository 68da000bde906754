//! Validated domain values: what the operator configured, after lowering and before compiling. Plain data.

mod address;
mod client;
mod credential;
mod endpoint;
mod name;
mod route;
mod snapshot;

pub use address::forbidden_address;
pub use client::{Client, ClientSecret, SecretRef};
pub use credential::{BackendCredential, Credential, CredentialKind};
pub use endpoint::Endpoint;
pub use name::ObjectName;
pub use route::{
    AccessEntry, AddressingStyle, Backend, CaRef, CaRefKind, DenyEntry, Route, TlsVerification, TrailingChecksums,
};
pub use snapshot::{Entry, Problem, SecretData, Snapshot};
