//! One valid `BucketRoute` -> what serves it, or everything that is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificates::Bundles;
use super::credentials::{self, Usable};
use super::references::{Missing, References, Selections};
use super::sharing::Neighbours;
use super::surroundings::Surroundings;
use super::{Rejections, backends, canonical, hooks, problem};
use crate::access::{Policy, Rule, Who};
use crate::model::{
    Backend, CredentialKind, CredentialOverride, HostPort, ObjectName, Problem, Reason, Reference, Route,
    TlsVerification,
};
use crate::s3::{KeyPrefix, Permissions};
use crate::table::ServedRoute;

/// Makes routes servable.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    pub(super) surroundings: &'a Surroundings,
    references: References<'a>,
    usable: BTreeMap<&'a ObjectName, Usable>,
    pub(super) bundles: Bundles,
}

/// What became of one route. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// `None` when it is broken.
    pub(super) served: Option<Arc<ServedRoute>>,
    /// Whoever has an access entry on it.
    pub(super) grantees: Arc<[Who]>,
    /// References that lead nowhere.
    pub(super) problems: Arc<[Problem]>,
}

/// The entries of one list, with the overrides of each.
pub(super) type Granted<'a> = Vec<(Rule, &'a [CredentialOverride])>;

impl<'a> Resolver<'a> {
    /// With what earlier ones found in the same surroundings.
    pub(super) fn new(
        surroundings: &'a Surroundings,
        (selections, bundles): (Selections, Bundles),
        rejections: &mut Rejections,
    ) -> Self {
        Self {
            surroundings,
            references: References::new(surroundings, selections),
            usable: credentials::resolve(surroundings, rejections),
            bundles,
        }
    }

    /// What later ones may use.
    pub(super) fn into_found(self) -> (Selections, Bundles) {
        (self.references.into_selections(), self.bundles)
    }

    /// What serves this route. Nothing else is asked than what it is given: see [`super::memo`].
    pub(super) fn resolve(&mut self, name: &ObjectName, route: &Route, neighbours: &Neighbours) -> Resolved {
        let mut problems = Vec::new();
        let mut reject = |problem| problems.push(problem);
        let granted = self.allow_rules(name, route, &mut reject);
        let grantees = granted.iter().map(|(rule, _)| rule.who.clone()).collect();
        // All of them before the first `?`, so that every problem is reported at once.
        let deny = self.deny_rules(name, route, &mut reject);
        let hooks = hooks::resolve(&self.surroundings.process, route, &mut reject);
        let backends = backends::resolve(self, name, route, (&granted, &mut reject));
        let allow = granted.into_iter().map(|(rule, _)| rule).collect();
        let served = || {
            let (policy, backends, hooks) = (Arc::new(Policy { allow, deny: deny? }), backends?, hooks?);
            let (bucket, Neighbours { alone, shared }) = (route.matches.bucket.clone(), neighbours.clone());
            let (cors, digest) = (route.cors.clone(), canonical::Digest::default());
            let name = name.clone();
            let served = ServedRoute { name, bucket, alone, shared, backends, policy, hooks, cors, digest };
            Some(Arc::new(ServedRoute { digest: canonical::of_route(&served), ..served }))
        };
        Resolved { served: served(), grantees, problems: problems.into() }
    }

    /// An access entry whose client or credential is missing grants nothing; the others stay.
    fn allow_rules<'r>(
        &mut self,
        name: &ObjectName,
        route: &'r Route,
        reject: &mut impl FnMut(Problem),
    ) -> Granted<'r> {
        const CONSEQUENCE: &str = "this entry grants nothing";
        let mut granted = Vec::with_capacity(route.access.len());
        for (index, entry) in route.access.iter().enumerate() {
            let who = self.references.clients(name, &entry.clients);
            let who = who.map_err(|missing| reject(client_missing("access", index, missing, CONSEQUENCE))).ok();
            let mut are_usable = true;
            for (place, other) in entry.credentials.iter().enumerate() {
                // lowering has seen to it that there is one
                let Some(backend) = route.backends.iter().find(|backend| backend.name == other.backend) else {
                    continue;
                };
                if let Err(wrong) = self.credential(name, backend, &other.credential) {
                    let problem = wrong.at(&format!("spec.access[{index}].credentials[{place}].credentialRef"));
                    reject(Problem { message: format!("{}: {CONSEQUENCE}", problem.message), ..problem });
                    are_usable = false;
                }
            }
            if let Some(who) = who.filter(|_| are_usable) {
                let rule = rule(&entry.name, who, entry.permissions, &entry.prefixes);
                granted.push((Rule { buckets: entry.buckets.clone(), ..rule }, &*entry.credentials));
            }
        }
        granted
    }

    /// A deny entry whose client is missing cannot be enforced, so the route is broken (`None`): leaving it out would
    /// let that client in.
    fn deny_rules(&mut self, name: &ObjectName, route: &Route, reject: &mut impl FnMut(Problem)) -> Option<Vec<Rule>> {
        let mut rules = Some(Vec::with_capacity(route.deny.len()));
        for (index, entry) in route.deny.iter().enumerate() {
            let who = match &entry.clients {
                None => Ok(Who::Everyone),
                Some(clients) => self.references.clients(name, clients),
            };
            match (who, &mut rules) {
                (Ok(who), Some(rules)) => rules.push(rule(&entry.name, who, entry.permissions, &entry.prefixes)),
                (Ok(_), None) => {}
                (Err(missing), _) => {
                    let consequence = "the route is not served, because this deny cannot hold";
                    reject(client_missing("deny", index, missing, consequence));
                    rules = None;
                }
            }
        }
        rules
    }

    /// What a backend may be signed for with: consent, health and endpoint of the source agree.
    pub(super) fn credential(
        &self,
        name: &ObjectName,
        backend: &Backend,
        reference: &Reference,
    ) -> Result<Usable, Wrong> {
        let (found, source) = self.references.credential(name, reference).map_err(Wrong::Missing)?;
        let is_shared = found.namespace != name.namespace;
        let allowed = &source.allowed_endpoints;
        // A credential that is shared must say where it may be sent: the route's author chooses the endpoint.
        let anywhere = allowed.is_empty() && !is_shared;
        if !anywhere && !all_hops_are_among(allowed, backend) {
            return Err(Wrong::Endpoint);
        }
        if is_shared && is_readable_on_the_way(backend) && matches!(source.kind, CredentialKind::IbmIam { .. }) {
            return Err(Wrong::Exposed);
        }
        let unusable = if is_shared { Wrong::Unusable } else { Wrong::Missing(Missing::NotFound) };
        self.usable.get(&found).cloned().ok_or(unusable)
    }

    pub(super) fn process_allows(&self, backend: &Backend) -> Result<(), Problem> {
        let allowed = &self.surroundings.process.allowed_endpoints;
        if allowed.is_empty() || all_hops_are_among(allowed, backend) {
            return Ok(());
        }
        let message = "this gateway does not connect there, or not to the proxy";
        Err(problem("endpoint", Reason::EndpointNotAllowed, message))
    }
}

/// Somebody between OSP and the backend can read what is sent. A signature tells nobody the key; a token is one.
fn is_readable_on_the_way(backend: &Backend) -> bool {
    !backend.endpoint.tls || backend.verification == TlsVerification::Insecure
}

/// The backend, and the proxy on the way if there is one: the route's author chooses both, and the author of a proxy can
/// read along wherever the author of the route weakens TLS.
fn all_hops_are_among(allowed: &[HostPort], backend: &Backend) -> bool {
    let mut hops = std::iter::once(&backend.endpoint).chain(backend.proxy.as_ref().map(|proxy| &proxy.endpoint));
    hops.all(|hop| allowed.iter().any(|one| one.is_of(hop)))
}

/// Why a credential cannot be used.
#[derive(Debug)]
pub(super) enum Wrong {
    Missing(Missing),
    /// It consents, and its Secret is missing.
    Unusable,
    Endpoint,
    /// It is somebody else's token, and this backend's connection does not keep it secret.
    Exposed,
}

impl Wrong {
    /// The problem of the reference at this place.
    pub(super) fn at(&self, field: &str) -> Problem {
        match self {
            Self::Missing(Missing::NotPermitted) => not_permitted(field),
            Self::Missing(Missing::NotFound) => problem(
                format!("{field}.name"),
                Reason::CredentialNotFound,
                "there is no usable CredentialSource of this name in this namespace",
            ),
            Self::Unusable => {
                let message = "the CredentialSource is not usable: its owner has to act";
                problem(format!("{field}.name"), Reason::CredentialNotFound, message)
            }
            Self::Exposed => {
                let message = "tokens of another namespace are sent over https with verification Full only";
                problem(field, Reason::EndpointNotAllowed, message)
            }
            Self::Endpoint => {
                let message = "the endpoint, or the proxy, is not among the allowedEndpoints of the CredentialSource";
                problem(field, Reason::EndpointNotAllowed, message)
            }
        }
    }
}

/// Says nothing about the other side: not even whether it is there.
fn not_permitted(field: &str) -> Problem {
    problem(field, Reason::RefNotPermitted, "not permitted")
}

fn client_missing(list: &str, index: usize, missing: Missing, consequence: &str) -> Problem {
    let field = format!("spec.{list}[{index}].clientRef");
    match missing {
        Missing::NotPermitted => {
            let problem = not_permitted(&field);
            Problem { message: format!("{}: {consequence}", problem.message), ..problem }
        }
        Missing::NotFound => problem(
            format!("{field}.name"),
            Reason::ClientNotFound,
            format!("there is no valid ClientIdentity of this name in this namespace: {consequence}"),
        ),
    }
}

fn rule(name: &str, who: Who, permissions: Permissions, prefixes: &[KeyPrefix]) -> Rule {
    Rule { name: name.to_owned(), who, permissions, prefixes: prefixes.to_vec(), buckets: Vec::new() }
}
