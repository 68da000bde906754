//! What comes of asking a hook.

use osp_core::sigv4::SecretKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What a hook said, or why there is no answer. An `Err` is never a yes: the request is answered 503.
pub type Outcome<T> = Result<T, NoAnswer>;

/// The answer of `authorize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The function returned `True`, or the typed `allow()`.
    Allow,
    /// Anything else that it returned: 403.
    Deny(Denied),
    /// The typed `allow_keys`, for a `DeleteObjects`: one per key of the question, in its order.
    Split(Vec<bool>),
}

/// Why it is no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denied {
    /// The function says so. The text is for the log; it is empty in the plain form.
    Said(String),
    /// It returned something that is neither `True` nor `False`: of this type, or with this flaw.
    NotTrue(String),
}

impl Denied {
    /// Value of the `outcome` label of metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Said(_) => "false",
            Self::NotTrue(_) => "not_true",
        }
    }
}

/// The answer of `fetch_credentials`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendCredentials {
    /// A key pair to sign with.
    Keys {
        /// Not a secret.
        access_key: String,
        /// Its secret.
        secret_key: SecretKey,
        /// Of temporary credentials.
        session_token: Option<SecretKey>,
        /// Seconds since 1970; `None` = the hook does not know.
        expires_at: Option<u64>,
    },
    /// An IBM Cloud API key, to be exchanged for a token.
    ApiKey(SecretKey),
}

/// Why there is no answer. Texts are for the log and hold no secret of OSP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NoAnswer {
    /// Not within the deadline.
    #[error("no answer within the deadline")]
    Timeout,
    /// Too many calls wait already, altogether or of this client: 503 `SlowDown`.
    #[error("too many calls are waiting")]
    Overflow,
    /// The function raised.
    #[error("{kind} was raised: {detail}")]
    Raised {
        /// Name of the exception's class.
        kind: String,
        /// Message and line.
        detail: String,
    },
    /// The function returned a value of a wrong type (`authorize`: see [`Denied::NotTrue`]).
    #[error("{kind} was returned instead of {wanted}")]
    WrongType {
        /// Name of its class.
        kind: String,
        /// What would have been right.
        wanted: String,
    },
    /// The function returned text that cannot be what it should be.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
    /// The worker process ended during the call.
    #[error("the worker ended: {0}")]
    WorkerLost(String),
    /// There is no hook of this name, or none that ever loaded.
    #[error("no such hook")]
    NoHook,
    /// The hook does not define this function.
    #[error("the hook does not define this function")]
    NoCallable,
    /// The inputs are larger than a worker takes.
    #[error("the inputs are too large")]
    TooLarge,
    /// Hooks are being shut down, or no worker can be had.
    #[error("no worker")]
    Stopped,
}

impl NoAnswer {
    /// Value of the `outcome` label of metrics: a finite set.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Overflow => "overflow",
            Self::Raised { .. } => "raised",
            Self::WrongType { .. } => "wrong_type",
            Self::Malformed(_) => "malformed",
            Self::WorkerLost(_) => "worker_lost",
            Self::NoHook => "no_hook",
            Self::NoCallable => "no_callable",
            Self::TooLarge => "too_large",
            Self::Stopped => "stopped",
        }
    }

    /// The worker's memory is used up: its next calls would fail as well.
    pub(crate) fn is_exhaustion(&self) -> bool {
        matches!(self, Self::Raised { kind, .. } if kind == "MemoryError")
    }
}

/// What the interpreter's side says, in whichever isolation. The only thing that becomes an [`Outcome`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Allow,
    Deny(Denied),
    Split(Vec<bool>),
    Secret(Hidden),
    Unknown,
    Keys { access_key: String, secret_key: Hidden, session_token: Option<Hidden>, expires_at: Option<u64> },
    ApiKey(Hidden),
    NoAnswer(NoAnswer),
}

/// A secret between Python and a [`SecretKey`]: not printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(Zeroizing<String>);

impl Hidden {
    pub(crate) fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }

    fn into_key(mut self) -> Outcome<SecretKey> {
        SecretKey::new(std::mem::take(&mut *self.0)).ok_or_else(|| NoAnswer::Malformed("an empty secret".to_owned()))
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(redacted)")
    }
}

impl Answer {
    /// As the answer of `authorize`. An answer to another question is none: a worker that mixes them up is not believed.
    pub(crate) fn verdict(self) -> Outcome<Verdict> {
        match self {
            Self::Allow => Ok(Verdict::Allow),
            Self::Deny(why) => Ok(Verdict::Deny(why)),
            Self::Split(each) => Ok(Verdict::Split(each)),
            other => Err(other.out_of_place()),
        }
    }

    /// As the answer of `lookup_secret`; `None`: nobody has this access key.
    pub(crate) fn secret(self) -> Outcome<Option<SecretKey>> {
        match self {
            Self::Secret(secret) => secret.into_key().map(Some),
            Self::Unknown => Ok(None),
            other => Err(other.out_of_place()),
        }
    }

    /// As the answer of `fetch_credentials`.
    pub(crate) fn credentials(self) -> Outcome<BackendCredentials> {
        match self {
            Self::Keys { access_key, secret_key, session_token, expires_at } => Ok(BackendCredentials::Keys {
                access_key,
                secret_key: secret_key.into_key()?,
                session_token: session_token.map(Hidden::into_key).transpose()?,
                expires_at,
            }),
            Self::ApiKey(key) => key.into_key().map(BackendCredentials::ApiKey),
            other => Err(other.out_of_place()),
        }
    }

    /// Value of the `outcome` label of metrics.
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(why) => why.label(),
            Self::Split(_) => "split",
            Self::Secret(_) => "secret",
            Self::Unknown => "unknown",
            Self::Keys { .. } => "keys",
            Self::ApiKey(_) => "api_key",
            Self::NoAnswer(why) => why.label(),
        }
    }

    fn out_of_place(self) -> NoAnswer {
        match self {
            Self::NoAnswer(why) => why,
            _ => NoAnswer::Malformed("an answer to another question".to_owned()),
        }
    }
}
