//! Which routes have their buckets to themselves. The configuration of a bucket is about every key in it, so who may
//! change it cannot be decided by one route of several (s3-protocol.md 3.1). The same holds for making and deleting it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::canonical::Canonical;
use crate::model::{Backend, Endpoint, Object, ObjectName, Route, Snapshot};
use crate::s3::{BucketMatch, BucketName, BucketPattern, read_template, templates_meet};

/// Who uses what. A route of another namespace counts when it uses the same credential: nobody takes a bucket's
/// administration away from others by naming it.
#[derive(Debug, Default)]
pub(super) struct Sharing<'a> {
    /// Of each route, in the order of names: whether another one has a use in common with it.
    met: Vec<bool>,
    /// Patterns of one namespace, valid or not.
    patterns: HashMap<&'a str, Vec<&'a BucketPattern>>,
    /// Routes of patterns by where their buckets are. Few: where there are none, nothing else is collected.
    templates: HashMap<(&'a Endpoint, User<'a>), Vec<Template<'a>>>,
    /// Buckets of routes of one bucket by where they are, for those templates.
    named: HashMap<(&'a Endpoint, User<'a>), BTreeSet<&'a str>>,
    nothing: Arc<BTreeSet<String>>,
}

/// What one document uses: the client bucket or pattern that it claims in its namespace, valid or not, and each bucket of a
/// backend, once for each of its users. Each as 128 bits of SHA-256, so that thousands are compared at once. The buckets of
/// a route of a pattern are not known; see [`Template`].
#[derive(Debug)]
pub(super) struct Uses(Box<[u128]>);

/// What other routes mean for one: everything that becomes of a route and is not decided by itself and by what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Neighbours {
    /// No other route is about its bucket, by the client's name or by a backend's.
    pub(super) alone: bool,
    /// Of a route of a pattern: buckets of its backends that other routes are about, too.
    pub(super) shared: Arc<BTreeSet<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum User<'a> {
    Namespace(&'a str),
    /// Namespace and name of a `CredentialSource`.
    Credential(&'a str, &'a str),
}

/// What a route of a pattern calls its buckets at one backend.
#[derive(Debug, Clone, Copy)]
struct Template<'a> {
    route: &'a ObjectName,
    pattern: &'a BucketPattern,
    text: &'a str,
}

impl Template<'_> {
    /// True when it makes this name of some bucket.
    fn makes(&self, name: &str) -> bool {
        // whatever the tenant: a credential may stand for one
        let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
        read_template(self.text, local).is_some_and(|bucket: BucketName| self.pattern.covers(&bucket))
    }

    fn meets(&self, other: &Self) -> bool {
        templates_meet((self.pattern, self.text), (other.pattern, other.text))
    }
}

impl Uses {
    pub(super) fn of(name: &ObjectName, object: &Object<Route>) -> Self {
        let claim = object.bucket().map(|bucket| {
            let mut claim = Canonical::new("client bucket");
            claim.text(&name.namespace).text(bucket.as_str());
            claim.long()
        });
        let exact = object.valid().filter(|route| route.matches.bucket.exact().is_some());
        let of_backends = exact.into_iter().flat_map(|route| {
            let of_backend = |backend| users(name, route, backend).map(move |user| user.of(backend));
            route.backends.iter().flat_map(of_backend)
        });
        let uses: BTreeSet<u128> = claim.into_iter().chain(of_backends).collect();
        Self(uses.into_iter().collect())
    }
}

impl User<'_> {
    /// Its use of the bucket of this backend.
    fn of(self, backend: &Backend) -> u128 {
        let mut rendered = Canonical::new("backend bucket");
        rendered.text(&backend.endpoint.to_string()).text(&backend.bucket);
        match self {
            Self::Namespace(namespace) => rendered.text("namespace").text(namespace),
            Self::Credential(namespace, name) => rendered.text("credential").text(namespace).text(name),
        };
        rendered.long()
    }
}

impl<'a> Sharing<'a> {
    /// `uses` are those of the routes, in their order.
    pub(super) fn new<'u>(snapshot: &'a Snapshot, uses: impl Iterator<Item = &'u Uses>) -> Self {
        let mut sharing = Self { met: met(uses), ..Self::default() };
        for (name, object) in &snapshot.routes {
            let Some(BucketMatch::Pattern(pattern)) = object.bucket() else { continue };
            sharing.patterns.entry(&name.namespace).or_default().push(pattern);
            if let Some(route) = object.valid() {
                sharing.note_templates((name, pattern), route);
            }
        }
        if !sharing.templates.is_empty() {
            sharing.note_names(snapshot);
        }
        sharing
    }

    fn note_templates(&mut self, (name, pattern): (&'a ObjectName, &'a BucketPattern), route: &'a Route) {
        for backend in &route.backends {
            for user in users(name, route, backend) {
                let template = Template { route: name, pattern, text: &backend.bucket };
                self.templates.entry((&backend.endpoint, user)).or_default().push(template);
            }
        }
    }

    /// The buckets beside the templates.
    fn note_names(&mut self, snapshot: &'a Snapshot) {
        let valid = snapshot.routes.iter().filter_map(|(name, object)| Some((name, object.valid()?)));
        for (name, route) in valid.filter(|(_, route)| route.matches.bucket.exact().is_some()) {
            for backend in &route.backends {
                for user in users(name, route, backend) {
                    let place = (&backend.endpoint, user);
                    if self.templates.contains_key(&place) {
                        self.named.entry(place).or_default().insert(&backend.bucket);
                    }
                }
            }
        }
    }

    /// Of each route, in the order of names: whether another one claims the same or is about a backend's same bucket.
    pub(super) fn met(&self) -> impl Iterator<Item = bool> {
        self.met.iter().copied()
    }

    /// What this route has beside it.
    pub(super) fn neighbours(&self, (name, route): (&ObjectName, &Route), is_met: bool) -> Neighbours {
        Neighbours { alone: !is_met && self.is_beside_patterns(name, route), shared: self.others_in(name, route) }
    }

    /// True when no pattern of others is about this route's bucket, by the client's name or by a backend's. Of a pattern: when
    /// no other pattern meets it; single buckets are looked at when they are named ([`Self::others_in`]).
    fn is_beside_patterns(&self, name: &ObjectName, route: &Route) -> bool {
        let mut patterns = self.patterns.get(&*name.namespace).into_iter().flatten();
        match &route.matches.bucket {
            BucketMatch::Exact(bucket) => {
                !patterns.any(|pattern| pattern.covers(bucket))
                    && route.backends.iter().all(|backend| !self.is_made(name, route, backend))
            }
            BucketMatch::Pattern(pattern) => {
                let overlaps = |other: &&&BucketPattern| pattern.contains(other) || other.contains(pattern);
                patterns.filter(overlaps).count() <= 1
                    && route.backends.iter().all(|backend| !self.meets_others((name, pattern), route, backend))
            }
        }
    }

    /// True when a template makes the name of this backend's bucket.
    fn is_made(&self, name: &ObjectName, route: &Route, backend: &Backend) -> bool {
        !self.templates.is_empty()
            && users(name, route, backend).any(|user| {
                let templates = self.templates.get(&(&backend.endpoint, user));
                templates.is_some_and(|of| of.iter().any(|one| one.makes(&backend.bucket)))
            })
    }

    fn meets_others(&self, (name, pattern): (&ObjectName, &BucketPattern), route: &Route, backend: &Backend) -> bool {
        let own = Template { route: name, pattern, text: &backend.bucket };
        users(name, route, backend).any(|user| {
            let others = self.templates.get(&(&backend.endpoint, user)).into_iter().flatten();
            others.filter(|other| other.route != name).any(|other| own.meets(other))
        })
    }

    /// Of a route of a pattern: the buckets of its backends that other routes are about, too.
    fn others_in(&self, name: &ObjectName, route: &Route) -> Arc<BTreeSet<String>> {
        let BucketMatch::Pattern(pattern) = &route.matches.bucket else { return Arc::clone(&self.nothing) };
        let of_backend = |backend: &Backend| {
            let own = Template { route: name, pattern, text: &backend.bucket };
            let named = users(name, route, backend).filter_map(|user| self.named.get(&(&backend.endpoint, user)));
            named.flatten().filter(|other| own.makes(other)).map(|other| (*other).to_owned()).collect::<Vec<_>>()
        };
        Arc::new(route.backends.iter().flat_map(of_backend).collect())
    }
}

/// Of each route, whether another one has a use in common with it.
fn met<'u>(uses: impl Iterator<Item = &'u Uses>) -> Vec<bool> {
    let (mut all, mut met) = (Vec::new(), Vec::new());
    for (route, Uses(uses)) in uses.enumerate() {
        all.extend(uses.iter().map(|one| (*one, route)));
        met.push(false);
    }
    all.sort_unstable();
    for same in all.chunk_by(|(one, _), (other, _)| one == other).filter(|same| same.len() > 1) {
        for (_, route) in same {
            if let Some(is_met) = met.get_mut(*route) {
                *is_met = true;
            }
        }
    }
    met
}

/// The namespace of a route, and every `CredentialSource` by which it reaches this backend.
fn users<'a>(name: &'a ObjectName, route: &'a Route, backend: &'a Backend) -> impl Iterator<Item = User<'a>> {
    let overrides = route.access.iter().flat_map(|entry| &entry.credentials);
    let overrides = overrides.filter(|other| other.backend == backend.name).map(|other| &other.credential);
    let credentials = std::iter::once(&backend.credential).chain(overrides);
    let credentials = credentials
        .map(|reference| User::Credential(reference.namespace.as_deref().unwrap_or(&name.namespace), &reference.name));
    std::iter::once(User::Namespace(&name.namespace)).chain(credentials)
}
