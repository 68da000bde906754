//! Which routes have their buckets to themselves. The configuration of a bucket is about every key in it, so who may
//! change it cannot be decided by one route of several (s3-protocol.md 3.1).

use std::collections::HashMap;

use crate::model::{Backend, Claim, Endpoint, Entry, ObjectName, Route, Snapshot};
use crate::s3::BucketName;

/// Who uses what. A route of another namespace counts when it uses the same credential: nobody takes a bucket's
/// administration away from others by naming it.
#[derive(Debug, Default)]
pub(super) struct Sharing<'a> {
    /// Routes of one namespace with the same client bucket, valid or not.
    claims: HashMap<(&'a str, &'a BucketName), usize>,
    /// The one route of this user for a bucket of a backend; `None` when there are several.
    users: HashMap<(&'a Endpoint, &'a str, User<'a>), Option<&'a ObjectName>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum User<'a> {
    Namespace(&'a str),
    /// Namespace and name of a `CredentialSource`.
    Credential(&'a str, &'a str),
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
            *sharing.claims.entry((&name.namespace, bucket)).or_default() += 1;
        }
        sharing
    }

    fn note(&mut self, name: &'a ObjectName, route: &'a Route) {
        for backend in &route.backends {
            for user in users(name, route, backend) {
                let only = self.users.entry((&backend.endpoint, &backend.bucket, user)).or_insert(Some(name));
                *only = only.filter(|other| *other == name);
            }
        }
    }

    /// True when no other route is about this route's bucket, by the client's name or by a backend's.
    pub(super) fn is_alone(&self, name: &ObjectName, route: &Route) -> bool {
        let claims = self.claims.get(&(&*name.namespace, &route.matches.bucket)).copied().unwrap_or_default();
        claims <= 1
            && route.backends.iter().all(|backend| {
                users(name, route, backend)
                    .all(|user| self.users.get(&(&backend.endpoint, &*backend.bucket, user)) == Some(&Some(name)))
            })
    }
}

/// The namespace of a route, and every `CredentialSource` by which it reaches this backend.
fn users<'a>(name: &'a ObjectName, route: &'a Route, backend: &'a Backend) -> impl Iterator<Item = User<'a>> {
    let overrides = route.access.iter().flat_map(|entry| &entry.credentials);
    let overrides = overrides.filter(|other| other.backend == backend.name).map(|other| &other.credential);
    let credentials = std::iter::once(&backend.credential).chain(overrides);
    let credentials = credentials.map(|reference| {
        User::Credential(reference.namespace.as_deref().unwrap_or(&name.namespace), &reference.name)
    });
    std::iter::once(User::Namespace(&name.namespace)).chain(credentials)
}
