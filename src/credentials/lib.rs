//! # Fetched credentials
//!
//! What requests to a backend are signed with, where it has an end: tokens of IBM Cloud IAM for an API key, and whatever a
//! Python hook gives for a client and a bucket. The only user of reqwest.
//!
//! **Who may import this crate: the root crate `osp` alone**, whose `wiring.rs` hands it to the data plane as
//! [`osp_core::table::Credentials`]. Of ours, it uses `osp-core` alone: hooks come in behind [`Hooks`].
//!
//! ```text
//!   request --(source, client, bucket)--> Sources: one Entry per key --valid--> at once
//!                                            |  first use: wait, at most 2 s, then 503
//!                                            v
//!                                         Keeper, one task per entry: fetch, sleep, fetch ahead of the end
//!                                            |                        failed: rest, longer each time
//!                            ibmIAM: Issuer (HTTPS form)     python: Hooks, then an Issuer for an API key
//! ```
//!
//! * **Single flight**: the one task of an entry is the only one that ever fetches for it.
//! * **Never somebody else's**: a key is the document, the digest of everything in it, and for hooks the client, the bucket
//!   and the state of the hook. Keys are compared whole.
//! * **Never beyond its end**, by the wall clock and by the monotonic one; refreshed at about 70 % of its life.
//! * **Fails closed**: no credential is 503, never an unsigned request.
//!
//! Read in this order: `sources.rs`, `keeper.rs`, `schedule.rs`, `shelf.rs`, `fetch.rs`, `iam.rs`, `http.rs`.

mod failure;
mod fetch;
mod hook;
mod http;
mod iam;
mod keeper;
mod metrics;
mod moment;
mod schedule;
mod shelf;
mod sources;
#[cfg(test)]
mod tests;

pub use failure::Failure;
pub use hook::{HookAnswer, Hooks};
pub use http::HttpIssuer;
pub use iam::{Exchange, Issuer, Token};
pub use metrics::{Expiries, Metrics};
pub use moment::{Moment, Nature};
pub use sources::{Settings, Sources};

/// A future of a trait.
pub type Boxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
