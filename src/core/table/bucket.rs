//! One client-facing bucket name: which route serves which part of it, on which host, for whom.
//!
//! Lookups are on the path of every request and allocate nothing.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::{Lookup, ServedRoute};
use crate::access::{Principal, Who};
use crate::s3::{KeyPrefix, without_empty_segments};

/// From where a request asks: what of it, beside the names, decides about the route.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The base host that it came by; `None` for any other host.
    pub host: Option<&'a str>,
    /// The namespace of the client.
    pub namespace: &'a str,
}

/// What stands in one place of a bucket.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// This route serves it.
    Served(Arc<ServedRoute>),
    /// Its route is broken; these have grants on it.
    Broken(Arc<[Who]>),
}

/// The places of one host and scope, by key prefix.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefixes(pub(super) BTreeMap<KeyPrefix, Place>);

/// The places of one host, by scope.
#[derive(Debug, Clone, Default)]
pub(super) struct Scopes {
    /// Of routes with `clientScope: SameNamespace`, by namespace.
    pub(super) tenants: HashMap<Arc<str>, Prefixes>,
    /// Of the others.
    pub(super) any: Prefixes,
    /// The namespace that owns `any`.
    owner: Option<Arc<str>>,
}

/// Where a route stands, as far as hosts go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostKey {
    /// On a host that it names.
    Named(Arc<str>),
    /// It names none: on a host that only some namespaces may use, this being one of them.
    Reserved(Arc<str>),
    /// It names none: on every host that is nobody's in particular.
    Open,
}

/// Host, tenant if it is for one, and prefix: where something stands in a bucket.
pub(super) type Spot<'a> = (HostKey, Option<&'a Arc<str>>, &'a KeyPrefix);

/// Everything about one bucket name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    named: HashMap<Arc<str>, Scopes>,
    reserved: HashMap<Arc<str>, Scopes>,
    open: Scopes,
    /// Namespaces of routes that claim the name and have no place here: who finds nothing is told 503, not 404.
    pub(super) unplaced: BTreeSet<Arc<str>>,
}

/// What one asker can see of the places of one bucket or pattern, and who owns what it sees on the host that it names.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen<'a> {
    /// By [`OWN_NAMED`], [`ANY_NAMED`], [`OWN_REST`], [`ANY_REST`].
    pub(super) groups: [Option<&'a Prefixes>; 4],
    pub(super) owner: Option<&'a str>,
    pub(super) unplaced: bool,
    /// Namespaces of which a route of this very bucket has no place.
    pub(super) claimants: Option<&'a BTreeSet<Arc<str>>>,
}

/// Of the asker's own namespace, on the host that was named.
const OWN_NAMED: usize = 0;
/// Everybody's, there.
const ANY_NAMED: usize = 1;
/// Of the asker's own namespace, of routes that name no host.
const OWN_REST: usize = 2;
/// Everybody's, of routes that name no host.
const ANY_REST: usize = 3;

/// The part of a bucket that one asker can see, in the order of precedence: of each host and scope, first what is about this
/// very bucket, then what is about a pattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    groups: [Option<&'a Prefixes>; 8],
    unplaced: bool,
    claimants: Option<&'a BTreeSet<Arc<str>>>,
}

impl Place {
    /// True when some entry of its route grants this principal something.
    pub(super) fn has_entry_of(&self, principal: &Principal) -> bool {
        match self {
            Self::Served(route) => route.policy.allow.iter().any(|rule| rule.who.includes(principal)),
            Self::Broken(grantees) => grantees.iter().any(|who| who.includes(principal)),
        }
    }
}

impl Prefixes {
    /// The longest prefix that `text` begins with.
    fn longest(&self, text: &str) -> Option<&Place> {
        let mut bound = text;
        loop {
            // Prefixes of `text` sort before it, longer ones later; what sorts between the longest one and `text` begins
            // with it, too. So whatever is no prefix of `text` shortens the search to what both have in common.
            let (prefix, place) = self.0.range::<str, _>((Bound::Unbounded, Bound::Included(bound))).next_back()?;
            if text.starts_with(prefix.as_str()) {
                return Some(place);
            }
            bound = common_start(prefix.as_str(), bound);
        }
    }
}

pub(super) fn common_start<'a>(one: &str, other: &'a str) -> &'a str {
    let same = one.chars().zip(other.char_indices()).find(|(left, (_, right))| left != right);
    let end = same.map_or(one.len().min(other.len()), |(_, (at, _))| at);
    other.get(..end).unwrap_or_default()
}

impl Borrow<str> for KeyPrefix {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Scopes {
    fn find(&self, tenant: Option<&Arc<str>>) -> Option<&Prefixes> {
        match tenant {
            Some(namespace) => self.tenants.get(namespace),
            None => Some(&self.any),
        }
    }
}

impl Bucket {
    /// What stands in exactly this place.
    pub(super) fn place(&self, host: &HostKey, tenant: Option<&Arc<str>>, prefix: &KeyPrefix) -> Option<&Place> {
        let scopes = match host {
            HostKey::Named(host) => self.named.get(host)?,
            HostKey::Reserved(host) => self.reserved.get(host)?,
            HostKey::Open => &self.open,
        };
        scopes.find(tenant)?.0.get(prefix)
    }

    /// Puts something of this namespace in a place.
    pub(super) fn put(
        &mut self,
        host: &HostKey,
        (namespace, is_tenant): (&Arc<str>, bool),
        prefix: &KeyPrefix,
        place: Place,
    ) {
        let scopes = match host {
            HostKey::Named(host) => self.named.entry(Arc::clone(host)).or_default(),
            HostKey::Reserved(host) => self.reserved.entry(Arc::clone(host)).or_default(),
            HostKey::Open => &mut self.open,
        };
        let group = if is_tenant {
            scopes.tenants.entry(Arc::clone(namespace)).or_default()
        } else {
            scopes.owner = Some(Arc::clone(namespace));
            &mut scopes.any
        };
        group.0.insert(prefix.clone(), place);
    }

    /// What this asker sees; `is_reserved` says whether the host is for some namespaces only.
    pub(super) fn seen<'a>(&'a self, asker: Asker<'_>, is_reserved: bool) -> Seen<'a> {
        let named = asker.host.and_then(|host| self.named.get(host));
        let rest = match asker.host {
            Some(host) if is_reserved => self.reserved.get(host),
            _ => Some(&self.open),
        };
        let own = |scopes: Option<&'a Scopes>| scopes.and_then(|scopes| scopes.tenants.get(asker.namespace));
        let any = |scopes: Option<&'a Scopes>| scopes.map(|scopes| &scopes.any);
        Seen {
            groups: [own(named), any(named), own(rest), any(rest)],
            owner: named.and_then(|scopes| scopes.owner.as_deref()),
            unplaced: !self.unplaced.is_empty(),
            claimants: Some(&self.unplaced),
        }
    }

    /// The namespaces that have places for their own clients, where requests by this host look.
    pub(super) fn tenants(&self, host: Option<&str>, is_reserved: bool) -> impl Iterator<Item = &Arc<str>> {
        let named = host.and_then(|host| self.named.get(host));
        let rest = if is_reserved { host.and_then(|host| self.reserved.get(host)) } else { Some(&self.open) };
        named.into_iter().chain(rest).flat_map(|scopes| scopes.tenants.keys())
    }

    /// True when some route, or what a broken one left, stands in it: a refused claim alone takes nothing from anybody.
    pub(super) fn is_placed(&self) -> bool {
        let scopes = self.named.values().chain(self.reserved.values()).chain([&self.open]);
        let mut groups = scopes.flat_map(|scopes| scopes.tenants.values().chain([&scopes.any]));
        groups.any(|prefixes| !prefixes.0.is_empty())
    }

    /// True when something in it answers 503.
    pub(super) fn is_broken(&self) -> bool {
        let scopes = self.named.values().chain(self.reserved.values()).chain([&self.open]);
        let groups = scopes.flat_map(|scopes| scopes.tenants.values().chain([&scopes.any]));
        let mut places = groups.flat_map(|prefixes| prefixes.0.values()).peekable();
        match places.peek() {
            Some(_) => places.any(|place| matches!(place, Place::Broken(_))),
            None => !self.unplaced.is_empty(),
        }
    }

    /// Everything that stands anywhere in it, with its place: in the order of places.
    pub(super) fn places(&self) -> Vec<(Spot<'_>, &Place)> {
        let hosts = self.named.iter().map(|(host, scopes)| (HostKey::Named(Arc::clone(host)), scopes));
        let reserved = self.reserved.iter().map(|(host, scopes)| (HostKey::Reserved(Arc::clone(host)), scopes));
        let all = hosts.chain(reserved).chain([(HostKey::Open, &self.open)]);
        let places = all.flat_map(|(host, scopes)| {
            let tenants = scopes.tenants.iter().map(|(namespace, prefixes)| (Some(namespace), prefixes));
            tenants.chain([(None, &scopes.any)]).flat_map(move |(tenant, prefixes)| {
                let host = host.clone();
                prefixes.0.iter().map(move |(prefix, place)| ((host.clone(), tenant, prefix), place))
            })
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        places
    }
}

impl<'a> View<'a> {
    /// Of what is about this very bucket, and what is about patterns that cover it.
    pub(super) fn of(namespace: &str, exact: Seen<'a>, patterns: Seen<'a>) -> Self {
        // Inside one owner, an exact host comes first. What somebody else has on that host never comes before what a
        // namespace keeps for its own clients.
        let order = if exact.owner.or(patterns.owner) == Some(namespace) {
            [OWN_NAMED, ANY_NAMED, OWN_REST, ANY_REST]
        } else {
            [OWN_NAMED, OWN_REST, ANY_NAMED, ANY_REST]
        };
        let group = |of: &Seen<'a>, index: usize| of.groups.get(index).copied().flatten();
        let [first, second, third, fourth] = order.map(|index| (group(&exact, index), group(&patterns, index)));
        let groups = [first.0, first.1, second.0, second.1, third.0, third.1, fourth.0, fourth.1];
        View { groups, unplaced: exact.unplaced || patterns.unplaced, claimants: exact.claimants }
    }

    fn groups(&self) -> impl Iterator<Item = &'a Prefixes> + '_ {
        self.groups.iter().flatten().copied()
    }

    /// The route of a key, or of a listing of everything that begins with `text`: the first group in the order of
    /// precedence that has one, and in it the longest prefix. A text that another route is for as soon as a backend leaves
    /// its empty segments out has none.
    pub(crate) fn lookup(&self, text: &str) -> Lookup {
        let found = self.literal(text);
        match (&found, without_empty_segments(text).map(|another| self.literal(&another))) {
            (Lookup::Served(route), Some(Lookup::Served(other))) if route.name != other.name => Lookup::Elsewhere,
            (Lookup::Served(_), Some(Lookup::Broken)) => Lookup::Broken,
            _ => found,
        }
    }

    fn literal(&self, text: &str) -> Lookup {
        let mut places =
            self.groups.iter().enumerate().filter_map(|(index, group)| Some((index, group.as_ref()?.longest(text)?)));
        match places.next() {
            Some((index, Place::Served(route)))
                if is_of_patterns(index) && self.is_claimed_by(&route.name.namespace) =>
            {
                Lookup::Broken
            }
            Some((_, Place::Served(route))) => Lookup::Served(Arc::clone(route)),
            Some((_, Place::Broken(_))) => Lookup::Broken,
            None if self.groups().any(|prefixes| !prefixes.0.is_empty()) => Lookup::Elsewhere,
            None if self.unplaced => Lookup::Broken,
            None => Lookup::Absent,
        }
    }

    /// True when the namespace has a route of this very bucket that has no place: nobody knows what it was to keep from its
    /// pattern.
    fn is_claimed_by(&self, namespace: &str) -> bool {
        self.claimants.is_some_and(|claimants| claimants.contains(namespace))
    }

    /// Everything that the asker can reach in the bucket: what a place with precedence covers is not reached.
    pub(super) fn reachable(self) -> impl Iterator<Item = &'a Place> {
        self.reachable_by_group().map(|(_, place)| place)
    }

    fn reachable_by_group(self) -> impl Iterator<Item = (usize, &'a Place)> {
        self.groups.into_iter().enumerate().flat_map(move |(index, prefixes)| {
            prefixes.into_iter().flat_map(|prefixes| &prefixes.0).filter_map(move |(prefix, place)| {
                let mut before = self.groups.iter().take(index).flatten();
                (!before.any(|group| group.longest(prefix.as_str()).is_some())).then_some((index, place))
            })
        })
    }

    /// The usable routes that the asker can reach.
    pub(crate) fn routes(self) -> impl Iterator<Item = &'a Arc<ServedRoute>> {
        self.reachable().filter_map(|place| match place {
            Place::Served(route) => Some(route),
            Place::Broken(_) => None,
        })
    }

    /// True when the asker sees no place at all.
    pub(crate) fn is_empty(self) -> bool {
        self.reachable().next().is_none()
    }

    /// True when some route that the asker could reach is broken.
    pub(crate) fn has_broken(self) -> bool {
        self.reachable().any(|place| matches!(place, Place::Broken(_)))
    }

    /// True when the bucket shows in the list of this principal: some entry grants something, on a route that can be
    /// reached. A broken one shows, too: leaving it out would tell its users that it is gone. Which buckets of a pattern there
    /// are only their backend knows, so routes of patterns do not count here.
    pub(super) fn shows(self, principal: &Principal) -> bool {
        let is_exact = |(index, _): &(usize, &Place)| !is_of_patterns(*index);
        self.reachable_by_group().filter(is_exact).any(|(_, place)| place.has_entry_of(principal))
    }
}

/// True for the groups of a [`View`] that are of patterns: exact ones and they take turns.
const fn is_of_patterns(index: usize) -> bool {
    !index.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Prefixes {
        let place = |text: &&str| {
            let who = Principal::new(crate::model::ObjectName::new("team", text));
            (KeyPrefix::parse(text).unwrap(), Place::Broken(Arc::new([Who::One(who)])))
        };
        Prefixes(texts.iter().map(place).collect())
    }

    fn longest(prefixes: &Prefixes, text: &str) -> Option<String> {
        prefixes.longest(text).map(|place| match place {
            Place::Broken(who) => match &who[..] {
                [Who::One(who)] => who.identity().name.to_string(),
                _ => unreachable!(),
            },
            Place::Served(_) => unreachable!(),
        })
    }

    #[test]
    fn p05_the_longest_literal_prefix_is_found() {
        let some = prefixes(&["raw/", "raw/2026/", "raw/2026/11", "rb", "é/", "ê"]);
        for (text, expected) in [
            ("raw/x", Some("raw/")),
            ("raw/2026/12", Some("raw/2026/")),
            ("raw/2026/11/22", Some("raw/2026/11")),
            ("raw/2026/", Some("raw/2026/")),
            ("raw/2026", Some("raw/")),
            ("raw", None),
            ("", None),
            ("s", None),
            ("rbx", Some("rb")),
            ("é/x", Some("é/")),
            ("éx", None),
            ("ë", None),
        ] {
            assert_eq!(longest(&some, text).as_deref(), expected, "{text}");
        }
        assert_eq!(longest(&prefixes(&["", "b"]), "a").as_deref(), Some(""));
        assert_eq!(longest(&prefixes(&[]), "a"), None);
    }

    proptest::proptest! {
        #[test]
        fn the_longest_prefix_is_what_trying_all_of_them_finds(
            some in proptest::collection::btree_set("[abé]{0,4}", 0..12), text in "[abcé]{0,6}",
        ) {
            let texts: Vec<&str> = some.iter().map(String::as_str).collect();
            let expected = texts.iter().filter(|prefix| text.starts_with(**prefix)).max_by_key(|prefix| prefix.len());
            let found = longest(&prefixes(&texts), &text);
            proptest::prop_assert_eq!(found.as_deref(), expected.copied());
        }
    }
}
