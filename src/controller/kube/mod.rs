//! The API server as a source of documents, and statuses back to it.
//!
//! ```text
//! follow: one task for each scope --Message--> following: store (one lowered entry for each object) --compile--> table
//!                                                                    |
//!                                       conditions (pure) -> board of differences -> status: the Lease holder writes
//! ```
//!
//! Read `source.rs` and `following.rs` first. Everything that decides something is a value without clock and network:
//! `Pace` (pauses of a watch), `Progress` (is a watch in step), `Store`, `conditions`, `Elector` (who holds the Lease).
//!
//! A watch that ends is no news (the server ends each after a minute), an API server that is away changes nothing: what is
//! known stays in force, `osp_config_age_seconds` tells.

mod build;
mod client;
mod conditions;
mod disk;
mod election;
mod farewell;
mod follow;
mod following;
mod lease;
mod metrics;
mod named;
mod object;
mod once;
mod references;
mod resilient;
mod scope;
mod source;
mod status;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use osp_core::Timestamp;
use osp_core::model::ProcessRules;

pub use client::{ClientError, Cluster};
pub use farewell::Stop;
pub use metrics::Metrics;
pub use once::{OnceError, once};
pub use scope::WatchMode;
pub use source::Source;

/// Reads the wall clock: the only way in which time of day comes into this module (law 3).
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the source has to know of its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Class, base hosts, tenancy: objects of another class are none of its business.
    pub process: ProcessRules,
    /// Which watches there are.
    pub watch: WatchMode,
    /// Whether labels of Namespaces are watched.
    pub namespace_labels: bool,
    /// Which statuses are written, if any.
    pub statuses: Option<LeaseName>,
    /// Where the last good inputs are kept, if anywhere.
    pub snapshot_dir: Option<PathBuf>,
}

/// The Lease of those who may write statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace; the one of the pod when `None`.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What this replica calls itself; no other one may be called the same.
    pub identity: String,
}

/// A table that was put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Of the inputs: equal on replicas that have seen the same.
    pub hash: String,
    /// Of the table.
    pub fingerprint: u64,
    /// Number of buckets that are served.
    pub served: usize,
    /// Number of buckets that answer 503.
    pub broken: usize,
    /// Number of problems.
    pub problems: usize,
}
