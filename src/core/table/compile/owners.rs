//! Which namespace owns which names and patterns, and on which hosts (kubernetes.md 2.4): whoever comes first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::model::Snapshot;
use crate::s3::{BucketMatch, BucketName};
use crate::table::bucket::HostKey;

/// A namespace, and the hosts on which a bucket is its own.
type Owner = (Arc<str>, Arc<[HostKey]>);

/// Everything that is owned.
#[derive(Debug)]
pub(super) struct Owners {
    names: HashMap<BucketName, Vec<Owner>>,
    /// The names, sorted: only where there are patterns, which have to be compared with what they cover.
    sorted: Option<BTreeSet<BucketName>>,
    /// By what the names of a pattern begin with.
    patterns: BTreeMap<Arc<str>, Vec<Owner>>,
    /// Lengths of these beginnings.
    lengths: BTreeSet<usize>,
}

impl Owners {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let has_patterns =
            snapshot.routes.iter().any(|(_, route)| matches!(route.bucket(), Some(BucketMatch::Pattern(_))));
        let sorted = has_patterns.then(BTreeSet::new);
        Self {
            names: HashMap::with_capacity(snapshot.routes.len()),
            sorted,
            patterns: BTreeMap::new(),
            lengths: BTreeSet::new(),
        }
    }

    /// True when the names belong to this namespace on all of these hosts: from now on, if nobody had one of them before.
    /// `overlap` says whether two sets of hosts have one in common.
    pub(super) fn own(
        &mut self,
        bucket: &BucketMatch,
        namespace: &Arc<str>,
        hosts: &Arc<[HostKey]>,
        overlap: impl Fn(&[HostKey], &[HostKey]) -> bool,
    ) -> bool {
        let is_taken =
            |owners: &Vec<Owner>| owners.iter().any(|(owner, theirs)| owner != namespace && overlap(hosts, theirs));
        let owners = match bucket {
            BucketMatch::Exact(name) => {
                let is_covered = self.beginnings_of(name.as_str()).any(is_taken);
                let owners = self.names.entry(name.clone()).or_default();
                if is_covered || is_taken(owners) {
                    return false;
                }
                if let Some(sorted) = &mut self.sorted {
                    sorted.insert(name.clone());
                }
                owners
            }
            BucketMatch::Pattern(pattern) => {
                let literal = pattern.literal();
                let taken = self.beginnings_of(literal).any(is_taken)
                    || self.longer_than(literal).any(is_taken)
                    || self.names_that_begin(literal).any(is_taken);
                if taken {
                    return false;
                }
                self.lengths.insert(literal.len());
                self.patterns.entry(literal.into()).or_default()
            }
        };
        if !owners.iter().any(|(owner, theirs)| owner == namespace && theirs == hosts) {
            owners.push((Arc::clone(namespace), Arc::clone(hosts)));
        }
        true
    }

    /// Owners of the patterns whose names begin as this text does, the text itself included.
    fn beginnings_of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a Vec<Owner>> {
        let lengths = self.lengths.range(..=text.len());
        lengths.filter_map(move |length| self.patterns.get(text.get(..*length)?))
    }

    /// Owners of the patterns that this one covers.
    fn longer_than<'a>(&'a self, literal: &'a str) -> impl Iterator<Item = &'a Vec<Owner>> {
        let from = self.patterns.range::<str, _>((Bound::Excluded(literal), Bound::Unbounded));
        from.take_while(move |(longer, _)| longer.starts_with(literal)).map(|(_, owners)| owners)
    }

    /// Owners of the names that this pattern covers.
    fn names_that_begin<'a>(&'a self, literal: &'a str) -> impl Iterator<Item = &'a Vec<Owner>> {
        let from = self
            .sorted
            .iter()
            .flat_map(move |sorted| sorted.range::<str, _>((Bound::Included(literal), Bound::Unbounded)));
        from.take_while(move |name| name.as_str().starts_with(literal)).filter_map(|name| self.names.get(name))
    }
}

/// True when two sets of hosts have one in common; `is_open` says whether a host is nobody's in particular.
pub(super) fn overlap(some: &[HostKey], others: &[HostKey], is_open: impl Fn(&Arc<str>) -> bool) -> bool {
    let meet = |one: &HostKey, other: &HostKey| match (one, other) {
        (HostKey::Open, HostKey::Open) => true,
        (HostKey::Open, HostKey::Named(host)) | (HostKey::Named(host), HostKey::Open) => is_open(host),
        (HostKey::Open, HostKey::Reserved(_)) | (HostKey::Reserved(_), HostKey::Open) => false,
        (HostKey::Named(one) | HostKey::Reserved(one), HostKey::Named(other) | HostKey::Reserved(other)) => {
            one == other
        }
    };
    some.iter().any(|one| others.iter().any(|other| meet(one, other)))
}
