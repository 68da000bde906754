//! May they? `Verified` -> [`Question`] -> [`Permit`]: nothing is forwarded without a permit, and only an answered
//! question makes one.

mod copying;
mod creation;
mod explain;
mod inquiry;
mod judgement;
mod key_lookup;
mod listing;
mod pairs;
mod permit;
mod policy;
mod principal;
mod question;

pub use copying::{PendingCopy, PlannedCopy, SourcePermit, StoredPart, TargetPermit};
pub use creation::PendingCreation;
pub use explain::{Check, CheckAnswer, Destination, Explanation, Hypothesis, explain};
pub use inquiry::{Answering, Hooks, Inquiry, NoHooks, Ruling, is_of_signature, is_secret_header};
pub use key_lookup::{Finding, KeyLookup};
pub use listing::PendingBuckets;
pub use pairs::Pairs;
pub use permit::{DecidedBatch, PendingBatch, Permit};
pub use policy::{Policy, Rule, Verdict, Who};
pub use principal::Principal;
pub use question::{Decision, OwnAnswer, Question, Request};
