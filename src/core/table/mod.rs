//! The compiled routing table: pure [`compile`], immutable [`RouteTable`], and the one `ArcSwap` that it lives in.

mod backend;
mod bucket;
mod compile;
mod cors;
mod fetched;
mod health;
mod live;
mod patterns;
mod problems;
mod route_table;
mod selection;

pub use backend::{Backends, ClientCertificate, Proxy, ServedBackend, Trust, Upstream};
pub use bucket::Asker;
pub use compile::{Compiled, Compiler, Rejection, compile};
pub use cors::CorsPlace;
pub use fetched::{Credentials, FetchedKind, FetchedSource, Fetching, ForWhom, UpstreamCredential};
pub use health::{Admission, Change, Health, Outcome, RetryBudget};
pub use live::{Publisher, Reader, live};
pub use problems::Problems;
pub(crate) use route_table::Part;
pub use route_table::{Lookup, RouteTable, ServedRoute};
pub use selection::{Tried, choose};
