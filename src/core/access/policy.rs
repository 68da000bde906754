//! The grants of one route: some allow rule must match and no deny rule may. Nothing matches = no.

use super::Principal;
use crate::s3::{KeyPrefix, Permission, Permissions, Resource};

/// One `access` or `deny` entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// `None` = every principal (deny entries only).
    pub principal: Option<Principal>,
    /// What it is about.
    pub permissions: Permissions,
    /// Key prefixes in the client's names; empty = every key.
    pub prefixes: Vec<KeyPrefix>,
}

/// The policy of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    /// `access` entries; empty = nobody.
    pub allow: Vec<Rule>,
    /// `deny` entries; they win.
    pub deny: Vec<Rule>,
}

impl Policy {
    /// Decides one (permission, resource) pair of this route's bucket.
    ///
    /// A listing is allowed only when one granted prefix covers everything that it can show, and denied as soon as it
    /// could show a denied key: results are never filtered, because that would break pagination.
    #[must_use]
    pub fn allows(&self, principal: &Principal, permission: Permission, resource: &Resource) -> bool {
        let about = |rule: &&Rule| rule.is_about(principal, permission);
        let allowed = self.allow.iter().filter(about).any(|rule| match resource {
            Resource::Bucket(_) => true,
            Resource::Prefix(_, text) => rule.any_prefix(|prefix| prefix.covers(text)),
            Resource::Object(_, key) => rule.any_prefix(|prefix| prefix.covers(key.as_str())),
        });
        let denied = self.deny.iter().filter(about).any(|rule| match resource {
            Resource::Bucket(_) => rule.any_prefix(KeyPrefix::is_empty),
            Resource::Prefix(_, text) => rule.any_prefix(|prefix| prefix.overlaps(text)),
            Resource::Object(_, key) => rule.any_prefix(|prefix| prefix.covers(key.as_str())),
        });
        allowed && !denied
    }
}

impl Rule {
    fn is_about(&self, principal: &Principal, permission: Permission) -> bool {
        self.permissions.contains(permission) && self.principal.as_ref().is_none_or(|named| named == principal)
    }

    /// True when the rule has no prefixes (= every key) and the empty prefix passes, or when one of its prefixes does.
    fn any_prefix(&self, test: impl Fn(&KeyPrefix) -> bool) -> bool {
        if self.prefixes.is_empty() { test(&KeyPrefix::default()) } else { self.prefixes.iter().any(test) }
    }
}

#[cfg(test)]
mod tests;
