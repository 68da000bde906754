//! Routes of patterns: which of them are about a bucket, found by what its name begins with. The longest beginning wins.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::ServedRoute;
use super::bucket::{Asker, Bucket, Place, Prefixes, Seen, common_start};
use crate::access::Principal;
use crate::s3::{BucketName, BucketPattern, KeyPrefix};

/// Everything about patterns.
#[derive(Debug, Default)]
pub(super) struct Patterns(BTreeMap<Arc<str>, Covered>);

/// Everything about one pattern. Its places are those of the whole bucket, and its routes name no bucket yet.
#[derive(Debug)]
pub(super) struct Covered {
    pub(super) pattern: BucketPattern,
    pub(super) places: Bucket,
    /// Namespaces with a route that claims the pattern and has no place here: their clients are told 503 where they find
    /// nothing, as with exact names. Nobody else is: a claim that was refused must not change what others are told.
    pub(super) unplaced: BTreeSet<Arc<str>>,
}

/// What patterns make of one bucket, for one asker.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    groups: [Prefixes; 4],
    owner: Option<Arc<str>>,
    unplaced: bool,
}

impl Patterns {
    /// True when there is none, as in most tables.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything about this pattern, from now on.
    pub(super) fn entry(&mut self, pattern: &BucketPattern) -> &mut Covered {
        let new = || Covered { pattern: pattern.clone(), places: Bucket::default(), unplaced: BTreeSet::new() };
        self.0.entry(pattern.literal().into()).or_insert_with(new)
    }

    /// Every pattern, sorted.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Covered> {
        self.0.values()
    }

    /// The patterns that cover a name, the longest first.
    pub(super) fn covering<'a>(&'a self, bucket: &'a BucketName) -> impl Iterator<Item = &'a Covered> {
        let name = bucket.as_str();
        let mut bound = Bound::Included(name);
        std::iter::from_fn(move || {
            loop {
                let (literal, covered) = self.0.range::<str, _>((Bound::Unbounded, bound)).next_back()?;
                if name.starts_with(&**literal) {
                    // the next one is shorter, and begins this one
                    bound = Bound::Excluded(literal);
                    return Some(covered);
                }
                let (Bound::Included(before) | Bound::Excluded(before)) = bound else { return None };
                bound = Bound::Included(common_start(literal, before));
            }
        })
    }

    /// What they make of a bucket for this asker; `None` when none of them covers it. `is_named` says that other routes are
    /// about this very bucket.
    pub(super) fn of_bucket(
        &self,
        bucket: &BucketName,
        (asker, is_reserved): (Asker<'_>, bool),
        is_named: bool,
    ) -> Option<Overlay> {
        let mut overlay = None;
        let mut decided = [false; 4];
        for covered in self.covering(bucket) {
            let Overlay { groups, owner, unplaced } = overlay.get_or_insert_with(Overlay::default);
            let seen = covered.places.seen(asker, is_reserved);
            *unplaced |= covered.unplaced.contains(asker.namespace);
            if owner.is_none() {
                *owner = seen.owner.map(Arc::from);
            }
            for ((group, decided), places) in groups.iter_mut().zip(&mut decided).zip(seen.groups) {
                let Some(place) = places.and_then(|places| places.0.get("")).filter(|_| !*decided) else { continue };
                // A name that the backend cannot have is not left to the next pattern: this one is about it.
                *decided = true;
                if let Some(place) = of_bucket(place, bucket, is_named) {
                    group.0.insert(KeyPrefix::default(), place);
                }
            }
        }
        overlay
    }

    /// Every place of a pattern that this asker can reach for some name, with the pattern, where this principal has entries.
    pub(super) fn listed<'a>(
        &'a self,
        (asker, is_reserved): (Asker<'a>, bool),
        principal: &'a Principal,
    ) -> impl Iterator<Item = &'a Place> {
        self.iter()
            .flat_map(move |covered| covered.places.seen(asker, is_reserved).groups)
            .flatten()
            .flat_map(|places| places.0.values())
            .filter(|place| place.has_entry_of(principal))
    }
}

fn of_bucket(place: &Place, bucket: &BucketName, is_named: bool) -> Option<Place> {
    match place {
        Place::Served(route) => route.of_bucket(bucket, is_named).map(|route| Place::Served(Arc::new(route))),
        Place::Broken(grantees) => Some(Place::Broken(Arc::clone(grantees))),
    }
}

impl Overlay {
    pub(super) fn seen(&self) -> Seen<'_> {
        Seen {
            groups: self.groups.each_ref().map(|group| (!group.0.is_empty()).then_some(group)),
            owner: self.owner.as_deref(),
            unplaced: self.unplaced,
            claimants: None,
        }
    }
}

impl ServedRoute {
    /// Another number when the route is another one.
    pub(crate) fn version(&self) -> u64 {
        self.digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }

    /// The route of one bucket, of a route of a pattern that covers it; `None` when its backends cannot have a bucket of that
    /// name. It is alone with it when nobody else is about the name (`is_named`), here or at the backends.
    fn of_bucket(&self, bucket: &BucketName, is_named: bool) -> Option<Self> {
        let backends = self.backends.of_bucket(bucket)?;
        let is_shared = |name: &str| self.shared.contains(name);
        let alone =
            self.alone && !is_named && !backends.usable().iter().any(|one| is_shared(&one.mapping.backend_bucket));
        Some(Self {
            name: self.name.clone(),
            bucket: self.bucket.clone(),
            alone,
            shared: Arc::clone(&self.shared),
            backends,
            policy: Arc::clone(&self.policy),
            hooks: Arc::clone(&self.hooks),
            cors: self.cors.clone(),
            digest: self.digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patterns(literals: &[&str]) -> Patterns {
        let mut patterns = Patterns::default();
        for literal in literals {
            patterns.entry(&BucketPattern::parse(&format!("{literal}*")).unwrap());
        }
        patterns
    }

    fn covering(patterns: &Patterns, name: &str) -> Vec<String> {
        let name = BucketName::parse(name).unwrap();
        patterns.covering(&name).map(|covered| covered.pattern.literal().to_owned()).collect()
    }

    #[test]
    fn k_2_4_the_longest_literal_comes_first() {
        let some = patterns(&["", "team-", "team-a-", "team-b", "teb", "x"]);
        assert_eq!(covering(&some, "team-a-1"), ["team-a-", "team-", ""]);
        assert_eq!(covering(&some, "team-c"), ["team-", ""]);
        assert_eq!(covering(&some, "abc"), [""]);
        assert_eq!(covering(&patterns(&["team-"]), "tea"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn covering_finds_what_trying_all_of_them_finds(
            some in proptest::collection::btree_set("([ab][ab-]{0,3})?", 0..12), name in "[ab][ab-]{1,6}[ab]",
        ) {
            let literals: Vec<&str> = some.iter().map(String::as_str).collect();
            let mut expected: Vec<&str> = literals.iter().filter(|one| name.starts_with(**one)).copied().collect();
            expected.sort_by_key(|literal| std::cmp::Reverse(literal.len()));
            prop_assert_eq!(covering(&patterns(&literals), &name), expected);
        }
    }
}
