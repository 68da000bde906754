//! What can be wrong with a copy that OSP makes itself, beside what can be wrong with every request.
//! Source: AWS "CopyObject" (`API_CopyObject.html`) and "Error responses" (`ErrorResponses.html`).

use super::Blame::{Client, Upstream};
use super::{Row, row};

/// Why a copy stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyFault {
    /// The source is not as the request wants it; carries the name of the header that says so.
    #[error("At least one of the pre-conditions you specified did not hold")]
    Condition(&'static str),
    /// The source was replaced while it was read.
    #[error("A conflicting conditional operation is currently in progress against this resource. Please try again.")]
    SourceChanged,
    /// The gateway makes as many copies as it may.
    #[error("Please reduce your request rate.")]
    TooMany,
}

impl CopyFault {
    /// Part of [`super::Denial::row`].
    pub(super) const fn row(&self) -> Row {
        match self {
            Self::Condition(_) => row(412, "PreconditionFailed", Client, "precondition"),
            Self::SourceChanged => row(409, "OperationAborted", Upstream, "source_changed"),
            Self::TooMany => row(503, "SlowDown", Client, "too_many_copies"),
        }
    }

    /// Part of [`super::Denial::details`].
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Condition(header) => vec![("Condition", (*header).to_owned())],
            Self::SourceChanged | Self::TooMany => Vec::new(),
        }
    }
}
