//! Why nothing was fetched, and what follows from it.

use std::time::Duration;

use osp_core::CredentialFault;

/// Why nothing was fetched. Carries nothing that an issuer or a hook said: it might be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The issuer refuses what it was shown (400, 401, 403).
    #[error("the issuer refuses what it is shown")]
    Refused,
    /// It cannot be reached, or answers with another error.
    #[error("the issuer cannot be reached, or fails")]
    Unreachable,
    /// It takes too long.
    #[error("the issuer takes too long")]
    Timeout,
    /// Its answer is no usable credential.
    #[error("the answer is no usable credential")]
    Malformed,
    /// The hook has no answer.
    #[error("the hook has no answer")]
    Hook,
    /// Hooks are off, or there is no hook of this name that fetches credentials.
    #[error("there is no such hook")]
    NoHook,
    /// Too many wait already.
    #[error("too many wait already")]
    Busy,
}

/// How long to rest after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It needs a person: 30 s to 15 min.
    Long,
    /// It may pass by itself: 1 s to 60 s.
    Short,
}

impl Rest {
    /// The first rest and the longest.
    pub const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Long => (Duration::from_secs(30), Duration::from_secs(15 * 60)),
            Self::Short => (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}

impl Failure {
    /// Every failure.
    pub const ALL: [Self; 7] =
        [Self::Refused, Self::Unreachable, Self::Timeout, Self::Malformed, Self::Hook, Self::NoHook, Self::Busy];

    /// Value of the `outcome` label of metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Hook => "hook",
            Self::NoHook => "no_hook",
            Self::Busy => "busy",
        }
    }

    /// The other way round, of what an inner fetch ended with.
    pub(crate) const fn of(fault: CredentialFault) -> Self {
        match fault {
            CredentialFault::Refused | CredentialFault::Exposed => Self::Refused,
            CredentialFault::Unreachable => Self::Unreachable,
            CredentialFault::Timeout => Self::Timeout,
            CredentialFault::Hook => Self::Hook,
            CredentialFault::NoHook => Self::NoHook,
            CredentialFault::TooMany => Self::Busy,
        }
    }

    pub(crate) const fn rest(self) -> Rest {
        match self {
            Self::Refused => Rest::Long,
            _ => Rest::Short,
        }
    }

    /// What it means to a request that needs the credential.
    #[must_use]
    pub const fn fault(self) -> CredentialFault {
        match self {
            Self::Refused => CredentialFault::Refused,
            Self::Unreachable | Self::Malformed => CredentialFault::Unreachable,
            Self::Timeout => CredentialFault::Timeout,
            Self::Hook => CredentialFault::Hook,
            Self::NoHook => CredentialFault::NoHook,
            Self::Busy => CredentialFault::TooMany,
        }
    }
}
