//! Names: which file, which of its functions.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A hook, by the name of its file without `.py`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookId(Arc<str>);

impl HookId {
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

impl fmt::Display for HookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The functions that a hook may define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|callable| callable.name() == name)
    }
}

/// Which text of a hook is in force: another one after every change of its file. Part of every cache key, so that what an
/// older text decided is not used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(crate) u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_have_names_that_routes_can_say() {
        for name in ["a", "policy", "deny-pii", "deny_pii2", "A1"] {
            assert_eq!(HookId::new(name).map(|id| id.to_string()).as_deref(), Some(name));
        }
        let long = "a".repeat(64);
        for name in ["", "-a", "a-", "_a", "a.b", "a/b", "..", "ä", "a b", &long] {
            assert_eq!(HookId::new(name), None, "{name}");
        }
    }
}
