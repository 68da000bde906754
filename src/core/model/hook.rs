//! Hooks: functions of the gateway's operator that routes, credential sources and the gateway itself name. What they are
//! written in is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A hook, by the name of its file without ending. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookName(Arc<str>);

impl HookName {
    /// As long as a DNS label, because routes name hooks in Kubernetes objects.
    pub const MAX_LENGTH: usize = 63;

    /// A name of letters, digits, `-` and `_`, which neither begins nor ends with `-` or `_`; `None` for any other.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let ends = name.bytes().next().into_iter().chain(name.bytes().next_back());
        let fits = !name.is_empty()
            && name.len() <= Self::MAX_LENGTH
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && ends.into_iter().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The functions that a hook may define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Callable {
    /// May this client do this?
    Authorize,
    /// The secret of an access key id.
    LookupSecret,
    /// The backend credentials for a client and a bucket.
    FetchCredentials,
}

impl Callable {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Authorize, Self::LookupSecret, Self::FetchCredentials];

    /// Its name in Python, and the value of the `callable` label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::LookupSecret => "lookup_secret",
            Self::FetchCredentials => "fetch_credentials",
        }
    }

    /// The function of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|callable| callable.name() == name)
    }
}

/// What there is to say of one hook: for the conditions of whatever names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookState {
    /// The newest text is in force.
    Current {
        /// The functions that it defines.
        callables: Vec<Callable>,
    },
    /// An older text is in force, because the newest one does not load.
    Stale {
        /// The functions that the older text defines.
        callables: Vec<Callable>,
        /// What is wrong with the new one.
        why: String,
    },
    /// No text has ever loaded: there is no answer to any question.
    Invalid {
        /// What is wrong with it.
        why: String,
    },
}

impl HookState {
    /// Every value of [`Self::label`].
    pub const LABELS: [&str; 3] = ["current", "stale", "invalid"];

    /// Value of the `state` label of metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Current { .. } => "current",
            Self::Stale { .. } => "stale",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// The functions that can be asked.
    #[must_use]
    pub fn callables(&self) -> &[Callable] {
        match self {
            Self::Current { callables } | Self::Stale { callables, .. } => callables,
            Self::Invalid { .. } => &[],
        }
    }
}

/// What there is to say of every hook.
pub type HookStates = BTreeMap<HookName, HookState>;

/// `spec.hooks[]`: a hook that a route asks, beside its grants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteHook {
    /// `name`.
    pub name: HookName,
    /// `timeout`; `None` = the gateway's.
    pub timeout: Option<Duration>,
    /// `mode`.
    pub mode: HookMode,
}

/// What the answer of a hook is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookMode {
    /// It decides.
    #[default]
    Enforce,
    /// It is recorded, and decides nothing.
    Shadow,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_have_names_that_routes_can_say() {
        for name in ["a", "policy", "deny-pii", "deny_pii2", "A1"] {
            assert_eq!(HookName::new(name).map(|name| name.to_string()).as_deref(), Some(name));
        }
        let long = "a".repeat(64);
        for name in ["", "-a", "a-", "_a", "a.b", "a/b", "..", "\u{e4}", "a b", &long] {
            assert_eq!(HookName::new(name), None, "{name}");
        }
    }
}
