//! The grants of one route: some allow rule must match and no deny rule may. Nothing matches = no.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Principal;
use crate::s3::{BucketMatch, BucketName, KeyPrefix, Permission, Permissions, Resource, without_empty_segments};

/// One `access` or `deny` entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// `name` of the entry.
    pub name: String,
    /// Whom it is about.
    pub who: Who,
    /// What it is about.
    pub permissions: Permissions,
    /// Key prefixes in the client's names; empty = every key.
    pub prefixes: Vec<KeyPrefix>,
    /// Buckets of a pattern; empty = all that the route is for.
    pub buckets: Vec<BucketMatch>,
}

/// Whom a [`Rule`] is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// Every principal: `principal: Authenticated`, and deny entries without clients.
    Everyone,
    /// One.
    One(Principal),
    /// Those that a selector found, shared by all rules with the same one.
    These(Arc<BTreeSet<Principal>>),
}

/// What a [`Policy`] says to one question. Rules are named by their place in the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This `allow` rule, the first that matches.
    Allowed(usize),
    /// This `deny` rule, although something allows it.
    Denied(usize),
    /// No rule allows it.
    NotGranted,
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
    /// True when this pair is allowed: see [`Self::decide`].
    #[must_use]
    pub fn allows(&self, principal: &Principal, permission: Permission, resource: &Resource) -> bool {
        matches!(self.decide(principal, permission, resource), Verdict::Allowed(_))
    }

    /// Decides one (permission, resource) pair of this route's bucket.
    ///
    /// A listing is allowed only when one granted prefix covers everything that it can show, and denied as soon as it
    /// could show a denied key: results are never filtered, because that would break pagination.
    #[must_use]
    pub fn decide(&self, principal: &Principal, permission: Permission, resource: &Resource) -> Verdict {
        let about = |rule: &Rule| {
            rule.permissions.contains(permission)
                && rule.who.includes(principal)
                && rule.is_about_bucket(resource.bucket())
        };
        let allowed = self.allow.iter().position(|rule| {
            about(rule)
                && match resource {
                    Resource::Bucket(_) => true,
                    Resource::Prefix(_, text) => rule.any_prefix(|prefix| prefix.covers(text)),
                    Resource::Object(_, key) => rule.any_prefix(|prefix| prefix.covers(key.as_str())),
                }
        });
        let Some(allowed) = allowed else { return Verdict::NotGranted };
        // some backends take `a//b` for `a/b`: what is denied under one of its names is denied under all of them
        let text = match resource {
            Resource::Bucket(_) => "",
            Resource::Prefix(_, text) => text,
            Resource::Object(_, key) => key.as_str(),
        };
        let another = if self.deny.is_empty() { None } else { without_empty_segments(text) };
        let is_any = |test: &dyn Fn(&str) -> bool| test(text) || another.as_deref().is_some_and(test);
        let denied = self.deny.iter().position(|rule| {
            about(rule)
                && match resource {
                    Resource::Bucket(_) => rule.any_prefix(KeyPrefix::is_empty),
                    Resource::Prefix(..) => is_any(&|text| rule.any_prefix(|prefix| prefix.overlaps(text))),
                    Resource::Object(..) => is_any(&|text| rule.any_prefix(|prefix| prefix.covers(text))),
                }
        });
        denied.map_or(Verdict::Allowed(allowed), Verdict::Denied)
    }
}

impl Who {
    /// True when it is about this principal.
    #[must_use]
    pub fn includes(&self, principal: &Principal) -> bool {
        match self {
            Self::Everyone => true,
            Self::One(named) => named == principal,
            Self::These(selected) => selected.contains(principal),
        }
    }
}

impl Rule {
    /// True when it is about this bucket of its route.
    #[must_use]
    pub fn is_about_bucket(&self, bucket: &BucketName) -> bool {
        self.buckets.is_empty() || self.buckets.iter().any(|some| some.covers(bucket))
    }

    /// True when the rule has no prefixes (= every key) and the empty prefix passes, or when one of its prefixes does.
    fn any_prefix(&self, test: impl Fn(&KeyPrefix) -> bool) -> bool {
        if self.prefixes.is_empty() { test(&KeyPrefix::default()) } else { self.prefixes.iter().any(test) }
    }
}

#[cfg(test)]
mod tests;
