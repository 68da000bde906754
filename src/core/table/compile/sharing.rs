//! Which routes have their buckets to themselves. The configuration of a bucket is about every key in it, so who may
//! change it cannot be decided by one route of several (s3-protocol.md 3.1). The same holds for making and deleting it.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Backend, Claim, Endpoint, Entry, ObjectName, Route, Snapshot};
use crate::s3::{BucketMatch, BucketName, BucketPattern, read_template, templates_meet};

/// Who uses what. A route of another namespace counts when it uses the same credential: nobody takes a bucket's
/// administration away from others by naming it.
#[derive(Debug, Default)]
pub(super) struct Sharing<'a> {
    /// Routes of one namespace with the same client bucket or pattern, valid or not.
    claims: HashMap<(&'a str, &'a BucketMatch), usize>,
    /// The one route of this user for a bucket of a backend; `None` when there are several.
    users: HashMap<(&'a Endpoint, &'a str, User<'a>), Option<&'a ObjectName>>,
    /// Patterns of one namespace, valid or not.
    patterns: HashMap<&'a str, Vec<&'a BucketPattern>>,
    /// Routes of patterns by where their buckets are. Few: where there are none, nothing else is collected.
    templates: HashMap<(&'a Endpoint, User<'a>), Vec<Template<'a>>>,
    /// Buckets of routes of one bucket by where they are, for those templates.
    named: HashMap<(&'a Endpoint, User<'a>), BTreeSet<&'a str>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
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

impl<'a> Sharing<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut sharing = Self::default();
        for (name, object) in &snapshot.routes {
            let bucket = match &object.entry {
                Entry::Valid(route) => {
                    sharing.note(name, route);
                    &route.matches.bucket
                }
                Entry::Invalid { claim: Claim::Match(matches), .. } => &matches.bucket,
                Entry::Invalid { claim: Claim::Bucket(bucket, _), .. } => bucket,
                Entry::Invalid { claim: Claim::Unreadable, .. } => continue,
            };
            if let BucketMatch::Pattern(pattern) = bucket {
                sharing.patterns.entry(&name.namespace).or_default().push(pattern);
            }
            *sharing.claims.entry((&name.namespace, bucket)).or_default() += 1;
        }
        if !sharing.templates.is_empty() {
            sharing.note_names(snapshot);
        }
        sharing
    }

    fn note(&mut self, name: &'a ObjectName, route: &'a Route) {
        for backend in &route.backends {
            for user in users(name, route, backend) {
                if let BucketMatch::Pattern(pattern) = &route.matches.bucket {
                    let template = Template { route: name, pattern, text: &backend.bucket };
                    self.templates.entry((&backend.endpoint, user)).or_default().push(template);
                    continue;
                }
                let only = self.users.entry((&backend.endpoint, &backend.bucket, user)).or_insert(Some(name));
                *only = only.filter(|other| *other == name);
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

    /// True when no other route is about this route's bucket, by the client's name or by a backend's. Of a pattern: when no
    /// other pattern meets it; single buckets are looked at when they are named ([`Self::others_in`]).
    pub(super) fn is_alone(&self, name: &ObjectName, route: &Route) -> bool {
        let claims = self.claims.get(&(&*name.namespace, &route.matches.bucket)).copied().unwrap_or_default();
        let mut patterns = self.patterns.get(&*name.namespace).into_iter().flatten();
        match &route.matches.bucket {
            BucketMatch::Exact(bucket) => {
                claims <= 1
                    && !patterns.any(|pattern| pattern.covers(bucket))
                    && route.backends.iter().all(|backend| self.is_only_user(name, route, backend))
            }
            BucketMatch::Pattern(pattern) => {
                let overlaps = |other: &&&BucketPattern| pattern.contains(other) || other.contains(pattern);
                claims <= 1
                    && patterns.filter(overlaps).count() <= 1
                    && route.backends.iter().all(|backend| !self.meets_others((name, pattern), route, backend))
            }
        }
    }

    fn is_only_user(&self, name: &ObjectName, route: &Route, backend: &Backend) -> bool {
        users(name, route, backend).all(|user| {
            let place = (&backend.endpoint, user);
            let is_made = self.templates.get(&place).is_some_and(|of| of.iter().any(|one| one.makes(&backend.bucket)));
            let (endpoint, user) = place;
            !is_made && self.users.get(&(endpoint, &*backend.bucket, user)) == Some(&Some(name))
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
    pub(super) fn others_in(&self, name: &ObjectName, route: &Route) -> BTreeSet<String> {
        let BucketMatch::Pattern(pattern) = &route.matches.bucket else { return BTreeSet::new() };
        let of_backend = |backend: &Backend| {
            let own = Template { route: name, pattern, text: &backend.bucket };
            let named = users(name, route, backend).filter_map(|user| self.named.get(&(&backend.endpoint, user)));
            named.flatten().filter(|other| own.makes(other)).map(|other| (*other).to_owned()).collect::<Vec<_>>()
        };
        route.backends.iter().flat_map(of_backend).collect()
    }
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
