//! May they? `Verified` -> [`Question`] -> [`Permit`]: nothing is forwarded without a permit, and only an answered
//! question makes one.

mod permit;
mod policy;
mod principal;
mod question;

pub use permit::{DecidedBatch, PendingBatch, Permit};
pub use policy::{Policy, Rule};
pub use principal::Principal;
pub use question::{Decision, OwnAnswer, Question, Request};
