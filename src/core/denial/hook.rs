//! What hooks say that is no yes.

use super::Blame::{Client, Hook};
use super::{Row, row};
use crate::model::HookName;

/// Why a hook keeps a request from going on. The texts in it are for the log: they are the operator's, not the client's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookFault {
    /// It says no.
    #[error("Access Denied")]
    Denied {
        /// Which one.
        hook: HookName,
        /// Its words; may be empty.
        why: String,
    },
    /// It has not answered, which is never a yes.
    #[error("{}", .why.message())]
    Failed {
        /// Which one.
        hook: HookName,
        /// What happened instead.
        why: HookFailure,
    },
}

/// Why a hook has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookFailure {
    /// Too many questions wait already, or come in a second.
    Overflow,
    /// Anything else: one word of a finite set, for the log.
    NoAnswer(&'static str),
}

impl HookFailure {
    const fn message(self) -> &'static str {
        match self {
            Self::Overflow => "Please reduce your request rate.",
            Self::NoAnswer(_) => "The gateway cannot decide about this request at the moment.",
        }
    }

    /// The word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::NoAnswer(word) => word,
        }
    }
}

impl HookFault {
    /// The hook, and what it says or why it says nothing.
    #[must_use]
    pub fn told(&self) -> (&HookName, &str) {
        match self {
            Self::Denied { hook, why } => (hook, why),
            Self::Failed { hook, why } => (hook, why.label()),
        }
    }

    pub(super) const fn row(&self) -> Row {
        match self {
            Self::Denied { .. } => row(403, "AccessDenied", Client, "hook_denied"),
            Self::Failed { why: HookFailure::Overflow, .. } => row(503, "SlowDown", Hook, "hook_overflow"),
            Self::Failed { .. } => row(503, "ServiceUnavailable", Hook, "hook_failed"),
        }
    }
}
