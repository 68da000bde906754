//! What would be decided, and why: the request path's own decision ([`super::judgement`]), told instead of done. It starts
//! from a name where the request path has a proof, so nothing can be forwarded with what it gives.

use std::fmt;
use std::sync::Arc;

use super::judgement::{Asked, Asking, Found, Granted, Judged, decide, find};
use super::{Principal, Verdict};
use crate::Denial;
use crate::model::{ObjectName, RouteHook};
use crate::s3::{BucketMatch, BucketName, Kind, ObjectKey, Operation, Permission, Query, Resource};
use crate::table::{RouteTable, ServedBackend};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Hypothesis<'a> {
    /// Who would have signed.
    pub principal: &'a Principal,
    /// The base host that the request would come by, if any.
    pub host: Option<&'a Arc<str>>,
    /// What would be asked for.
    pub operation: &'a Operation,
    /// Its query, for listings.
    pub query: &'a Query,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Why not; `None` = it is allowed.
    pub denial: Option<Denial>,
    /// Everything that was asked of a route, in order.
    pub checks: Vec<Check>,
    /// Where it would go; `None` when it is denied, or when OSP answers by itself.
    pub destination: Option<Destination>,
    /// Where the gateway would read the source of a copy that no backend can make; `None` for all other requests.
    pub source: Option<Destination>,
    /// The hooks that would be asked, in order, each with its route. They have not been asked.
    pub hooks: Vec<(ObjectName, RouteHook)>,
    /// `ListBuckets`: what it would show.
    pub buckets: Vec<BucketName>,
    /// `ListBuckets`: the routes of patterns whose backends would be asked for more, with the pattern.
    pub patterns: Vec<(BucketMatch, ObjectName)>,
}

/// One thing that was asked of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The route.
    pub route: ObjectName,
    /// What is needed.
    pub permission: Permission,
    /// On what.
    pub resource: Resource,
    /// What the route's policy says.
    pub answer: CheckAnswer,
}

/// What a policy says, by the name of the entry that says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckAnswer {
    /// This `access` entry.
    Allowed(String),
    /// This `deny` entry.
    Denied(String),
    /// No `access` entry allows it.
    NotGranted,
}

/// Where an allowed request would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The route.
    pub route: ObjectName,
    /// `name` of the backend.
    pub backend: String,
    /// Scheme, host and port.
    pub endpoint: String,
    /// The bucket there.
    pub bucket: String,
    /// The key there, of an operation on one object.
    pub key: Option<String>,
    /// The `CredentialSource` that signs.
    pub credential: ObjectName,
}

/// Decides as the request path does, for somebody who is taken at their word.
#[must_use]
pub fn explain(asked: Hypothesis<'_>, table: &RouteTable) -> Explanation {
    let Hypothesis { principal, host, operation, query } = asked;
    let (mut checks, mut hooks) = (Vec::new(), Vec::new());
    let outcome = if table.can_sign(principal) {
        find(Asking { principal, host }, operation, query, table).and_then(|found| {
            let judged = decide(principal, operation, query, &found, |asked| checks.push(Check::of(asked)))?;
            hooks = judged.hooked(&found);
            Ok((destination(&judged, &found, (operation, query))?, source(&judged, operation)?))
        })
    } else {
        // Nobody can ask in the name of an identity without a live secret.
        Err(Denial::UnknownAccessKey)
    };
    let listed = outcome.is_ok() && operation.kind() == Kind::ListBuckets;
    let name = host.map(|host| &**host);
    let buckets = if listed { table.visible_to(name, principal) } else { Vec::new() };
    let asked = if listed { table.patterns_of(name, principal) } else { Vec::new() };
    // as the request path: one that cannot be asked is one too few
    let is_broken = asked.iter().any(|route| route.as_ref().is_none_or(|route| route.backends.writes().is_none()));
    let outcome = if is_broken { Err(Denial::RouteBroken) } else { outcome };
    let patterns = asked.into_iter().flatten().map(|route| (route.bucket.clone(), route.name.clone())).collect();
    let (denial, (destination, source)) = match outcome {
        Ok(places) => (None, places),
        Err(denial) => (Some(denial), (None, None)),
    };
    let hooks = hooks.iter().flat_map(|route| route.hooks.iter().map(|hook| (route.name.clone(), hook.clone())));
    Explanation { denial, checks, destination, source, hooks: hooks.collect(), buckets, patterns }
}

fn destination(
    judged: &Judged,
    found: &Found,
    (operation, query): (&Operation, &Query),
) -> Result<Option<Destination>, Denial> {
    let (Judged::Forward(granted) | Judged::Copy { to: granted, .. }, Found::Named(..) | Found::Whole(..)) =
        (judged, found)
    else {
        return Ok(None);
    };
    place(granted, granted.backend(operation, query)?, operation.key()).map(Some)
}

fn source(judged: &Judged, operation: &Operation) -> Result<Option<Destination>, Denial> {
    let (Judged::Copy { from, .. }, Some(source)) = (judged, operation.copy_source()) else { return Ok(None) };
    let backend = from.route.backends.writes().ok_or(Denial::RouteBroken)?;
    place(from, backend, Some(&source.key)).map(Some)
}

fn place(granted: &Granted, backend: &ServedBackend, key: Option<&ObjectKey>) -> Result<Destination, Denial> {
    let (upstream, mapping) = (backend.upstream_for(granted.rule), &backend.mapping);
    Ok(Destination {
        route: granted.route.name.clone(),
        backend: backend.name.to_string(),
        endpoint: upstream.endpoint.to_string(),
        bucket: mapping.backend_bucket.clone(),
        // too long for the backend: the request path says the same
        key: key.map(|key| mapping.backend_key(key)).transpose()?,
        credential: upstream.source.clone(),
    })
}

impl Check {
    fn of(asked: &Asked<'_>) -> Self {
        let policy = &asked.route.policy;
        let name = |rules: &[super::Rule], index: usize| rules.get(index).map(|rule| rule.name.clone());
        let answer = match asked.verdict {
            Verdict::Allowed(index) => CheckAnswer::Allowed(name(&policy.allow, index).unwrap_or_default()),
            Verdict::Denied(index) => CheckAnswer::Denied(name(&policy.deny, index).unwrap_or_default()),
            Verdict::NotGranted => CheckAnswer::NotGranted,
        };
        Self { route: asked.route.name.clone(), permission: asked.permission, resource: asked.resource.clone(), answer }
    }
}

/// One line: `Read on data/raw/x: allowed by access entry "spark" of team/data`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { route, permission, resource, answer } = self;
        write!(f, "{permission:?} on ")?;
        match resource {
            Resource::Bucket(bucket) => write!(f, "{bucket}")?,
            Resource::Prefix(bucket, prefix) => write!(f, "{bucket}/{}*", prefix.escape_debug())?,
            Resource::Object(bucket, key) => write!(f, "{bucket}/{}", key.as_str().escape_debug())?,
        }
        match answer {
            CheckAnswer::Allowed(entry) => write!(f, ": allowed by access entry {entry:?} of {route}"),
            CheckAnswer::Denied(entry) => write!(f, ": denied by deny entry {entry:?} of {route}"),
            CheckAnswer::NotGranted => write!(f, ": no access entry of {route} allows it"),
        }
    }
}
