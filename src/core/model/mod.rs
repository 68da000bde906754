//! Validated domain values: what the operator configured, after lowering and before compiling. Plain data.

mod address;
mod backend;
mod client;
mod cors;
mod credential;
mod duration;
mod endpoint;
mod hook;
mod name;
mod process;
mod proxies;
mod reason;
mod reference;
mod region;
mod route;
mod shared;
mod snapshot;
mod token_endpoint;

pub use address::forbidden_address;
pub use backend::{
    AddressingStyle, Backend, CaRef, CaRefKind, Copies, ProxyRef, Reads, Retries, Timeouts, TlsVerification, Traffic,
    TrailingChecksums,
};
pub use client::{Client, ClientSecret, SecretRef};
pub use cors::{Cors, CorsGrant, CorsMethod, CorsRequest, CorsRule, Wildcard};
pub use credential::{BackendCredential, Credential, CredentialKind};
pub use duration::{format_duration, parse_duration};
pub use endpoint::Endpoint;
pub use hook::{Callable, HookMode, HookName, HookState, HookStates, RouteHook};
pub use name::ObjectName;
pub use process::{DEFAULT_CLASS, HostPort, HostRule, PatternRule, ProcessRules};
pub use proxies::{NoProxy, ProcessProxies, ProcessProxy, basic_authorization};
pub use reason::{Origin, Reason};
pub use reference::{AllowedNamespaces, Clients, LabelSelector, Labels, NAMESPACE_NAME_LABEL, Reference};
pub use region::Region;
pub use route::{AccessEntry, ClientScope, CredentialOverride, DenyEntry, Route, RouteMatch};
pub use shared::{Routes, Shared};
pub use snapshot::{Claim, Document, Entry, Kind, Object, Problem, SecretData, Snapshot};
pub use token_endpoint::TokenEndpoint;
