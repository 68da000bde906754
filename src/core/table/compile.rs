//! Snapshot -> table and rejections: pure, total, the same for every order of the same documents.

use super::RouteTable;
use crate::model::{ObjectName, Problem, Snapshot};

/// The result of compiling.
#[derive(Debug)]
pub struct Compiled {
    /// What to serve.
    pub table: RouteTable,
    /// One for each thing that was refused, sorted.
    pub rejections: Vec<Rejection>,
}

/// One thing that is wrong with one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// `BucketRoute`, `CredentialSource` or `ClientIdentity`.
    pub kind: &'static str,
    /// Which document.
    pub name: ObjectName,
    /// Condition type that it turns false: `Accepted`, `ResolvedRefs` or `Ready`.
    pub condition: &'static str,
    /// Where, why, what.
    pub problem: Problem,
}

/// Compiles a snapshot. Never fails: what cannot be served is broken in the table and named in the rejections
/// (kubernetes.md 2.4).
#[must_use]
pub fn compile(_snapshot: &Snapshot) -> Compiled {
    todo!()
}
