//! Why there is no credential for a backend. The client learns only that it should come again.
//! Source of the code: AWS "Error responses" (`ErrorResponses.html`), `ServiceUnavailable`.

use super::Blame::{Gateway, Hook, Operator, Upstream};
use super::{Row, row};

/// Why a credential could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CredentialFault {
    /// Whoever issues it refuses what the `CredentialSource` has.
    #[error("The credentials of the storage backend cannot be had at the moment.")]
    Refused,
    /// Whoever issues it cannot be reached or answers nonsense.
    #[error("The credentials of the storage backend cannot be had at the moment.")]
    Unreachable,
    /// It takes too long.
    #[error("The credentials of the storage backend cannot be had at the moment.")]
    Timeout,
    /// The hook gave none that can be used.
    #[error("The credentials of the storage backend cannot be had at the moment.")]
    Hook,
    /// Hooks are off, or this hook is not there.
    #[error("The credentials of the storage backend cannot be had at the moment.")]
    NoHook,
    /// What was fetched may not be sent over the connection that the route asks for.
    #[error("The credentials of the storage backend may not be used over this connection.")]
    Exposed,
    /// More are wanted at once than the gateway fetches.
    #[error("Please reduce your request rate.")]
    TooMany,
}

impl CredentialFault {
    /// Part of [`super::Denial::row`].
    pub(super) const fn row(self) -> Row {
        match self {
            Self::Refused => row(503, "ServiceUnavailable", Operator, "credential_refused"),
            Self::Unreachable => row(503, "ServiceUnavailable", Upstream, "credential_unreachable"),
            Self::Timeout => row(503, "ServiceUnavailable", Upstream, "credential_timeout"),
            Self::Hook => row(503, "ServiceUnavailable", Hook, "credential_hook"),
            Self::NoHook => row(503, "ServiceUnavailable", Operator, "credential_no_hook"),
            Self::Exposed => row(503, "ServiceUnavailable", Operator, "credential_exposed"),
            Self::TooMany => row(503, "SlowDown", Gateway, "credential_too_many"),
        }
    }
}
