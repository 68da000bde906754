//! May they? `Verified` -> [`Question`] -> [`Permit`]: nothing is forwarded without a permit, and only an answered
//! question makes one.

mod explain;
mod judgement;
mod permit;
mod policy;
mod principal;
mod question;

pub use explain::{Check, CheckAnswer, Destination, Explanation, Hypothesis, explain};
pub use permit::{DecidedBatch, PendingBatch, Permit};
pub use policy::{Policy, Rule, Verdict, Who};
pub use principal::Principal;
pub use question::{Decision, OwnAnswer, Question, Request};
