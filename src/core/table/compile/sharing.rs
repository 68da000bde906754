//! Which routes have their buckets to themselves. The configuration of a bucket is about every key in it, so who may
//! change it cannot be decided by one route of several (s3-protocol.md 3.1).

use std::collections::HashMap;

use crate::model::{Backend, Claim, Endpoint, Entry, ObjectName, Route, Snapshot};
use crate::s3::BucketName;

/// Counts what documents are about. A route of another namespace counts when it uses the same credential: nobody takes
/// a bucket's administration away from others by naming it.
#[derive(Debug, Default)]
pub(super) struct Sharing<'a> {
    /// Routes of one namespace with the same client bucket, valid or not.
    claims: HashMap<(&'a str, &'a BucketName), usize>,
    /// What each bucket of a backend is used by.
    users: HashMap<(&'a Endpoint, &'a str), Vec<User<'a>>>,
}

#[derive(Debug)]
struct User<'a> {
    route: &'a ObjectName,
    credentials: Vec<ObjectName>,
}

impl<'a> Sharing<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut sharing = Self::default();
        for (name, object) in &snapshot.routes {
            let bucket = match &object.entry {
                Entry::Valid(route) => {
                    for backend in &route.backends {
                        let user = User { route: name, credentials: credentials(name, route, backend) };
                        sharing.users.entry((&backend.endpoint, &backend.bucket)).or_default().push(user);
                    }
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

    /// True when no other route is about this route's bucket, by the client's name or by a backend's.
    pub(super) fn is_alone(&self, name: &ObjectName, route: &Route) -> bool {
        let claims = self.claims.get(&(&*name.namespace, &route.matches.bucket)).copied().unwrap_or_default();
        claims <= 1
            && route.backends.iter().all(|backend| {
                let mine = credentials(name, route, backend);
                let users = self.users.get(&(&backend.endpoint, backend.bucket.as_str()));
                users.into_iter().flatten().filter(|user| user.route != name).all(|other| {
                    other.route.namespace != name.namespace && !other.credentials.iter().any(|one| mine.contains(one))
                })
            })
    }
}

/// Every `CredentialSource` by which a route reaches this backend.
fn credentials(name: &ObjectName, route: &Route, backend: &Backend) -> Vec<ObjectName> {
    let overrides = route.access.iter().flat_map(|entry| &entry.credentials);
    let overrides = overrides.filter(|other| other.backend == backend.name).map(|other| &other.credential);
    std::iter::once(&backend.credential).chain(overrides).map(|reference| reference.target(name)).collect()
}
