//! One valid `BucketRoute` -> what serves it, or everything that is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::canonical::Canonical;
use super::certificates::{Bundles, Trusted};
use super::credentials::{self, Usable};
use super::{Grantees, Rejections, problem};
use crate::access::{Policy, Principal, Rule};
use crate::model::{
    Backend, BackendCredential, Clients, ObjectName, Problem, Reason, Route, Snapshot, TrailingChecksums,
};
use crate::s3::Mapping;
use crate::table::{ServedRoute, Upstream};

/// Follows the references of routes.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    snapshot: &'a Snapshot,
    credentials: BTreeMap<&'a ObjectName, Usable>,
    bundles: Bundles<'a>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, rejections: &mut Rejections) -> Self {
        Self { snapshot, credentials: credentials::resolve(snapshot, rejections), bundles: Bundles::default() }
    }

    /// The usable route, `None` when it is broken, and whoever has an access entry on it.
    pub(super) fn resolve(
        &mut self,
        name: &'a ObjectName,
        route: &'a Route,
        rejections: &mut Rejections,
    ) -> (Option<ServedRoute>, Grantees) {
        let mut reject = |problem| rejections.add("BucketRoute", name, "ResolvedRefs", problem);
        let allow = self.allow_rules(name, route, &mut reject);
        let grantees = allow.iter().filter_map(|rule| rule.principal.clone()).collect();
        // All of them before the first `?`, so that every problem is reported at once.
        let deny = self.deny_rules(name, route, &mut reject);
        let credential = self.credential(name, &route.backend).map_err(&mut reject).ok();
        let trusted = self.bundles.trust(name, &route.backend, self.snapshot).map_err(&mut reject).ok();
        let served = || {
            let (policy, upstream) = (Policy { allow, deny: deny? }, upstream(&route.backend, &credential?, trusted?));
            let mapping = Mapping {
                client_bucket: route.matches.bucket.clone(),
                backend_bucket: route.backend.bucket.clone(),
                prefix: route.backend.prefix.clone(),
            };
            Some(ServedRoute { name: name.clone(), mapping: Arc::new(mapping), upstream, policy })
        };
        (served(), grantees)
    }

    /// An access entry whose client is missing grants nothing; the others stay.
    fn allow_rules(&self, name: &ObjectName, route: &Route, reject: &mut impl FnMut(Problem)) -> Vec<Rule> {
        let mut rules = Vec::with_capacity(route.access.len());
        for (index, entry) in route.access.iter().enumerate() {
            match self.principal(name, &entry.clients) {
                Some(principal) => rules.push(Rule {
                    principal: Some(principal),
                    permissions: entry.permissions,
                    prefixes: entry.prefixes.clone(),
                }),
                None => reject(client_not_found("access", index, "this entry grants nothing")),
            }
        }
        rules
    }

    /// A deny entry whose client is missing cannot be enforced, so the route is broken (`None`): leaving it out would
    /// let that client in.
    fn deny_rules(&self, name: &ObjectName, route: &Route, reject: &mut impl FnMut(Problem)) -> Option<Vec<Rule>> {
        let mut rules = Some(Vec::with_capacity(route.deny.len()));
        for (index, entry) in route.deny.iter().enumerate() {
            let principal = entry.clients.as_ref().map(|clients| self.principal(name, clients));
            if principal == Some(None) {
                reject(client_not_found("deny", index, "the route is not served, because this deny cannot hold"));
                rules = None;
            } else if let Some(rules) = &mut rules {
                rules.push(Rule {
                    principal: principal.flatten(),
                    permissions: entry.permissions,
                    prefixes: entry.prefixes.clone(),
                });
            }
        }
        rules
    }

    fn principal(&self, route: &ObjectName, clients: &Clients) -> Option<Principal> {
        let Clients::One(reference) = clients else { return None };
        let identity = reference.target(route);
        let is_valid = self.snapshot.clients.get(&identity).is_some_and(|object| object.valid().is_some());
        (is_valid && reference.namespace.is_none()).then(|| Principal::new(identity))
    }

    fn credential(&self, route: &ObjectName, backend: &Backend) -> Result<Usable, Problem> {
        self.credentials.get(&backend.credential.target(route)).cloned().ok_or_else(|| {
            problem(
                "spec.backends[0].credentialRef.name",
                Reason::CredentialNotFound,
                "there is no usable CredentialSource of this name in this namespace",
            )
        })
    }
}

fn client_not_found(list: &str, index: usize, consequence: &str) -> Problem {
    problem(
        format!("spec.{list}[{index}].clientRef.name"),
        Reason::ClientNotFound,
        format!("there is no valid ClientIdentity of this name in this namespace: {consequence}"),
    )
}

fn upstream(backend: &Backend, usable: &Usable, trusted: Trusted) -> Upstream {
    let mut group = Canonical::new("pool group");
    group.text(&backend.endpoint.to_string()).bytes(&trusted.digest).bytes(&usable.digest);
    Upstream {
        endpoint: backend.endpoint.clone(),
        region: backend.region.clone(),
        addressing: backend.addressing,
        credential: Arc::clone(&usable.credential),
        trust: trusted.trust,
        // unsigned requests carry no x-amz-content-sha256, and only that header tells a backend of frames (trap 6)
        trailing_checksums: match *usable.credential {
            BackendCredential::Keys { .. } => backend.trailing_checksums,
            BackendCredential::Anonymous => TrailingChecksums::Drop,
        },
        pool_group: group.short(),
    }
}
