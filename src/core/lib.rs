//! The pure heart of OSP: S3 names, `SigV4`, payload proofs, the routing table and permits.
//!
//! Nothing here does IO, reads a clock, an environment variable or a random number: time is an
//! argument ([`Timestamp`]), bytes come in and bytes go out. Read the modules in this order:
//! [`s3`] (what a request names), [`sigv4`] (who asks), [`access`] (may they), [`payload`] (is the
//! body what was signed), [`model`] and [`table`] (what the operator configured), [`denial`] (why a
//! request stops).

#![deny(missing_docs)]

pub mod access;
pub mod denial;
pub mod model;
pub mod payload;
#[cfg(any(test, fuzzing))]
pub mod properties;
pub mod s3;
pub mod sigv4;
pub mod table;
mod timestamp;

pub use denial::{Blame, CopyFault, CredentialFault, Denial, FormFault, HookFailure, HookFault};
pub use timestamp::Timestamp;
