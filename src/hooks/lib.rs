//! # Python hooks
//!
//! Policy, key lookup and backend credentials as plain Python functions, mounted by the operator of the gateway. The only
//! user of pyo3: nothing of Python leaves this crate, and no thread that moves bytes ever waits for Python's lock.
//!
//! **Who may import this crate: the root crate `osp` alone**, whose `wiring.rs` hands it to the data plane and to
//! credential sources behind their own traits. `osp-core`, `osp-controller`, `osp-credentials` and `osp-dataplane` may not
//! (`.ci/check`). Of ours, it uses `osp-core` alone.
//!
//! ```text
//!   policy.py  --directory--> texts --plan--> Crew (ArcSwap) --pin--> Pinned, one per request
//!                                     each text loads in            |  inputs(hook, question): what was declared, the cache key
//!                                     a worker first                |  authorize(inputs, asker)
//!                                                                   v
//!                               Queue: bounded, fair shares of hooks and clients
//!                              /                                          \
//!               process: one task per worker                    thread: attached for life
//!               frames over a socketpair, kill                  supervisor abandons, interrupts
//!                              \                                          /
//!                               the SDK's _rules.py: how to call, what answers mean
//!                                                   |
//!                                       Outcome: yes, no, or no answer
//! ```
//!
//! Fails closed everywhere: only `True` (or the SDK's `allow()`) is a yes; anything else that is returned is a no; and
//! every way of not answering is an [`NoAnswer`], an `Err` that nobody can mistake for one.
//!
//! [`Decisions`] in front of this keeps a [`Verdict`] by the [`Inputs`] that it was asked with: they hold exactly what the
//! hook was given, its name, and the revision of its text. [`Lookups`] keeps secrets of clients. Both ask once where many
//! ask the same at once.
//!
//! Read in this order: `question.rs`, `outcome.rs`, `crew.rs`, `hooks.rs`, `queue.rs`, then `process/` and `thread/`; or
//! `decisions.rs` and `lookups.rs` on `shelf.rs` (what is kept) and `flights.rs` (what is under way).

mod allowance;
mod crew;
mod decisions;
mod directory;
mod flights;
mod hooks;
mod id;
mod log;
mod lookups;
mod metrics;
mod outcome;
mod plan;
mod policy;
mod process;
mod python;
mod question;
mod queue;
mod sdk;
mod settings;
mod shelf;
mod state;
mod thread;
mod wire;

pub use crew::{Asker, Pinned};
pub use decisions::{Clock, DecisionSettings, Decisions};
pub use hooks::{Change, Checked, Hooks, check};
pub use id::Revision;
pub use lookups::{Found, LookupSettings, Lookups};
pub use metrics::Metrics;
pub use outcome::{BackendCredentials, Denied, NoAnswer, Outcome, Verdict};
pub use process::child::serve_if_worker;
pub use question::Inputs;
pub use settings::{Isolation, Settings};
