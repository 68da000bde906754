//! `--watch-mode Named`: which of the objects that are referred to are watched, when they are too many.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::scope::Scope;
use super::store::Key;

/// Watches of single objects at the same time. Each is a connection and a place in the API server's memory, and whoever may
/// write a route makes them; whoever needs more wants another mode.
pub const MOST_NAMED: usize = 500;

/// What is watched by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Named {
    /// One watch for each.
    pub watched: BTreeSet<Scope>,
    /// Referred to, and not watched.
    pub beyond: BTreeSet<Key>,
}

/// Watches `most` of the references: one of each namespace in turn, in their order, so that what one namespace refers to
/// is no other one's trouble. Depends on nothing but the references, so replicas agree.
#[must_use]
pub fn share(references: impl IntoIterator<Item = Key>, most: usize) -> Named {
    let mut waiting: BTreeMap<_, VecDeque<Key>> = BTreeMap::new();
    for key in references {
        waiting.entry(key.1.namespace.clone()).or_default().push_back(key);
    }
    let mut named = Named::default();
    while !waiting.is_empty() {
        for key in waiting.values_mut().filter_map(VecDeque::pop_front) {
            if named.watched.len() < most {
                named.watched.insert(Scope::single(&key));
            } else {
                named.beyond.insert(key);
            }
        }
        waiting.retain(|_, keys| !keys.is_empty());
    }
    named
}

#[cfg(test)]
mod tests {
    use osp_core::model::{Kind, ObjectName};

    use super::*;

    fn keys(namespace: &str, names: &[&str]) -> Vec<Key> {
        names.iter().map(|name| (Kind::Secret, ObjectName::new(namespace, name))).collect()
    }

    fn watched(named: &Named) -> Vec<String> {
        named.watched.iter().map(|scope| scope.to_string()).collect()
    }

    #[test]
    fn k_pkg_3_within_the_limit_everything_is_watched() {
        let named = share([keys("a", &["2", "1"]), keys("b", &["1"])].concat(), 3);
        assert_eq!(watched(&named), ["Secret a/1", "Secret a/2", "Secret b/1"]);
        assert!(named.beyond.is_empty());
    }

    #[test]
    fn k_pkg_3_beyond_the_limit_each_namespace_keeps_its_share_in_the_order_given() {
        let greedy = keys("a", &["9", "8", "7", "6", "5", "4"]);
        let named = share([greedy.clone(), keys("b", &["1", "2"])].concat(), 5);
        assert_eq!(watched(&named), ["Secret a/7", "Secret a/8", "Secret a/9", "Secret b/1", "Secret b/2"]);
        assert_eq!(named.beyond, greedy.into_iter().skip(3).collect());
    }
}
