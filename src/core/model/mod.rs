//! Validated domain values: what the operator configured, after lowering and before compiling. Plain data.

mod client;
mod credential;
mod name;
mod route;
mod snapshot;

pub use client::{Client, ClientSecret, SecretRef};
pub use credential::{BackendCredential, Credential, CredentialKind};
pub use name::ObjectName;
pub use route::{
    AccessEntry, AddressingStyle, Backend, CaRef, CaRefKind, DenyEntry, Endpoint, Route, TlsVerification,
    TrailingChecksums,
};
pub use snapshot::{Entry, Problem, Snapshot};
