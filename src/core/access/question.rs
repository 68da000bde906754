//! One verified request, one operation, one table: the question, and the only way to an answer.

use std::sync::Arc;

use super::permit::Grant;
use super::{PendingBatch, Permit, Principal};
use crate::Denial;
use crate::model::TrailingChecksums;
use crate::payload::Obligation;
use crate::s3::{BucketName, Needs, Operation, Outgoing, Permission, Query, Resource, Semantics};
use crate::sigv4::Verified;
use crate::table::{Lookup, RouteTable, ServedRoute};

/// Headers of multipart uploads that make sense only with the checksums that a route drops (RS-6).
const CHECKSUM_SETTINGS: [&str; 3] = ["x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-mp-object-size"];

/// What is asked for, beside who asks.
#[derive(Debug)]
pub struct Request<'a> {
    /// The classified operation.
    pub operation: Operation,
    /// Its decoded query.
    pub query: &'a Query,
    /// Its headers, hoisted ones included.
    pub semantics: &'a Semantics<'a>,
    /// Length of the HTTP body; `None` when it was not declared.
    pub content_length: Option<u64>,
}

/// A question about one [`Verified`], one operation and the routes that it touches. Cannot be answered for another.
#[derive(Debug)]
pub struct Question {
    principal: Principal,
    operation: Operation,
    needs: Needs,
    routes: Option<Routes>,
    obligation: Obligation,
    outgoing: Option<Outgoing>,
    query: Query,
    visible: Vec<BucketName>,
}

/// The routes that an operation touches.
#[derive(Debug)]
struct Routes {
    target: Arc<ServedRoute>,
    source: Option<Arc<ServedRoute>>,
}

/// What a yes looks like.
#[derive(Debug)]
pub enum Decision {
    /// Forward this request.
    Forward(Permit),
    /// `DeleteObjects`: prove the body, then decide each key.
    Batch(PendingBatch),
    /// OSP answers by itself.
    Answer(OwnAnswer),
}

/// Answers that need no backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnAnswer {
    /// The buckets that the caller has grants on, sorted.
    Buckets(Vec<BucketName>),
    /// The gateway's region, for `GetBucketLocation`.
    Location,
}

impl Question {
    /// Finds the routes and reads what the body has to prove. Says nothing yet about whether it is allowed.
    ///
    /// # Errors
    /// [`Denial::NoSuchBucket`], [`Denial::RouteBroken`], [`Denial::NotReady`], those of [`Obligation::new`] and of
    /// [`Outgoing::build`].
    pub fn ask(verified: Verified, request: Request<'_>, table: &RouteTable) -> Result<Self, Denial> {
        let Request { operation, query, semantics, content_length } = request;
        let (principal, payload) = verified.into_parts();
        let obligation = Obligation::new(payload, &operation, semantics, content_length)?;
        let routes = Routes::find(&operation, table)?;
        let outgoing = match &routes {
            Some(routes) if operation.is_forwarded() => Some(routes.outgoing(&operation, query, semantics)?),
            _ => None,
        };
        let visible = if operation == Operation::ListBuckets { table.visible_to(&principal) } else { Vec::new() };
        let needs = operation.needs(query);
        Ok(Self { principal, operation, needs, routes, obligation, outgoing, query: query.clone(), visible })
    }

    /// Answers from the grants of the routes: every needed pair must be allowed.
    ///
    /// # Errors
    /// [`Denial::AccessDenied`], or [`Denial::NotImplemented`] for an allowed copy between two backends.
    pub fn answer(self) -> Result<Decision, Denial> {
        let allowed = match &self.needs {
            Needs::Nothing => self.routes.is_none(),
            Needs::All(pairs) => !pairs.is_empty() && pairs.iter().all(|pair| self.allows(pair)),
            Needs::EachKey(bucket) => self.allows(&(Permission::Delete, Resource::Bucket(bucket.clone()))),
        };
        if !allowed {
            return Err(Denial::AccessDenied);
        }
        let Self { principal, operation, needs, routes, obligation, outgoing, query, visible } = self;
        let Some(routes) = routes else {
            return match operation {
                Operation::ListBuckets => Ok(Decision::Answer(OwnAnswer::Buckets(visible))),
                _ => Err(Denial::Internal("an operation without a route was allowed")),
            };
        };
        if operation == (Operation::GetBucketLocation { bucket: routes.target.mapping.client_bucket.clone() }) {
            return Ok(Decision::Answer(OwnAnswer::Location));
        }
        routes.refuse_two_backends()?;
        let outgoing = outgoing.ok_or(Denial::Internal("a forwarded operation has no outgoing request"))?;
        let grant = Box::new(Grant { principal, operation, route: routes.target, outgoing, obligation, query });
        match needs {
            Needs::EachKey(_) => Ok(Decision::Batch(PendingBatch::new(grant))),
            Needs::All(_) | Needs::Nothing => Ok(Decision::Forward(Permit::new(grant))),
        }
    }

    fn allows(&self, (permission, resource): &(Permission, Resource)) -> bool {
        let (Resource::Bucket(bucket) | Resource::Prefix(bucket, _) | Resource::Object(bucket, _)) = resource;
        let Some(routes) = &self.routes else { return false };
        [Some(&routes.target), routes.source.as_ref()]
            .into_iter()
            .flatten()
            .find(|route| route.mapping.client_bucket == *bucket)
            .is_some_and(|route| route.policy.allows(&self.principal, *permission, resource))
    }
}

impl Routes {
    fn find(operation: &Operation, table: &RouteTable) -> Result<Option<Self>, Denial> {
        let Some(bucket) = operation.bucket() else { return Ok(None) };
        let target = served(table, bucket)?;
        let source = operation.copy_source().map(|source| served(table, &source.bucket)).transpose()?;
        Ok(Some(Self { target, source }))
    }

    fn outgoing(&self, operation: &Operation, query: &Query, semantics: &Semantics<'_>) -> Result<Outgoing, Denial> {
        let mappings = (&*self.target.mapping, self.source.as_ref().map(|source| &*source.mapping));
        let upstream = &self.target.upstream;
        let mut outgoing = Outgoing::build(operation, query, semantics, upstream.addressing, mappings)?;
        if upstream.trailing_checksums == TrailingChecksums::Drop {
            outgoing.headers.retain(|(name, _)| !CHECKSUM_SETTINGS.contains(&name.as_str()));
        }
        Ok(outgoing)
    }

    /// A copy within one backend is the backend's work; between two it would need the gateway to stream (501).
    fn refuse_two_backends(&self) -> Result<(), Denial> {
        let Some(source) = &self.source else { return Ok(()) };
        let (from, to) = (&source.upstream, &self.target.upstream);
        if from.endpoint == to.endpoint && from.credential == to.credential {
            Ok(())
        } else {
            Err(Denial::NotImplemented("a copy between two storage backends".to_owned()))
        }
    }
}

fn served(table: &RouteTable, bucket: &BucketName) -> Result<Arc<ServedRoute>, Denial> {
    match table.lookup(bucket) {
        Lookup::Served(route) => Ok(route),
        Lookup::Broken => Err(Denial::RouteBroken),
        Lookup::Unknown => Err(Denial::NotReady),
        Lookup::Absent => Err(Denial::NoSuchBucket(bucket.to_string())),
    }
}
