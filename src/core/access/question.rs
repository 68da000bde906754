//! One verified request, one operation, one table: the question, and the only way to an answer.

use std::net::IpAddr;
use std::sync::Arc;

use super::copying::{Asked, Side};
use super::inquiry::{Draft, Sender};
use super::judgement::{Asking, Found, Judged, decide, find, first_backend};
use super::permit::{Batch, Grant};
use super::{Hooks, PendingBatch, PendingBuckets, PendingCopy, PendingCreation, Permit, Principal};
use crate::Denial;
use crate::payload::Obligation;
use crate::s3::{BucketName, Kind, ListedBucket, Operation, Outgoing, Query, Semantics};
use crate::sigv4::{AccessKeyId, Scheme, Signer, Verified};
use crate::table::{RouteTable, ServedRoute};

/// What is asked for, beside who asks.
#[derive(Debug)]
pub struct Request<'a> {
    /// The classified operation.
    pub operation: Operation,
    /// The base host that the request came by, if any.
    pub host: Option<&'a Arc<str>>,
    /// Its decoded query.
    pub query: &'a Query,
    /// Its headers, hoisted ones included.
    pub semantics: &'a Semantics<'a>,
    /// Length of the HTTP body; `None` when it was not declared. Of a form it is not asked: the proof knows how long its file
    /// is.
    pub content_length: Option<u64>,
    /// The client's connection is encrypted.
    pub secure: bool,
    /// Its address, if it is known.
    pub address: Option<IpAddr>,
}

/// A question about one [`Verified`], one operation and the routes that it touches. Cannot be answered for another.
#[derive(Debug)]
pub struct Question {
    principal: Principal,
    access_key: AccessKeyId,
    operation: Operation,
    found: Found,
    obligation: Obligation,
    outgoing: Result<Option<Outgoing>, Denial>,
    query: Query,
    listed: Listed,
    /// For the hooks of the routes, if there are any.
    draft: Option<Box<Draft>>,
}

/// Of `ListBuckets`: what the caller has grants on.
#[derive(Debug, Default)]
struct Listed {
    host: Option<Arc<str>>,
    exact: Vec<BucketName>,
    /// `None` stands for one that is broken.
    patterns: Vec<Option<Arc<ServedRoute>>>,
}

/// What a yes looks like.
#[derive(Debug)]
pub enum Decision {
    /// Forward this request.
    Forward(Permit),
    /// `DeleteObjects`: prove the body, then decide each key.
    Batch(PendingBatch),
    /// `CreateBucket`: prove the body, then write the backend's.
    Create(PendingCreation),
    /// A copy between two backends: read the one and write the other.
    Copy(PendingCopy),
    /// `ListBuckets`: ask the backends of patterns first.
    Buckets(PendingBuckets),
    /// OSP answers by itself.
    Answer(OwnAnswer),
}

/// Answers that need no backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnAnswer {
    /// The buckets that the caller has grants on, sorted.
    Buckets(Vec<ListedBucket>),
    /// The gateway's region, for `GetBucketLocation`.
    Location,
    /// Yes, for `HeadBucket`: the bucket exists, and no single backend holds all of it.
    Exists,
}

impl Question {
    /// Finds the routes and reads what the body has to prove. Says nothing yet about whether it is allowed.
    ///
    /// # Errors
    /// [`Denial::NoSuchBucket`], [`Denial::RouteBroken`], [`Denial::NotReady`], [`Denial::AccessDenied`] for a part of a
    /// bucket that no route is for, [`Denial::InsecureChannel`], those of [`Obligation::new`], and [`Denial::Internal`] for a
    /// form's proof with another request than its form, or the other way round.
    pub fn ask(verified: Verified, request: Request<'_>, table: &RouteTable) -> Result<Self, Denial> {
        let Request { operation, host, query, semantics, content_length, secure, address } = request;
        if operation.is_form_upload() != (verified.scheme() == Scheme::Form) {
            return Err(Denial::Internal("a proof was to be used for a request of another kind"));
        }
        if operation.demands_secure_channel() && !secure {
            return Err(Denial::InsecureChannel);
        }
        let (principal, Signer { access_key, secret }, payload) = verified.into_parts();
        let obligation = Obligation::new(payload, &operation, semantics, content_length)?;
        let found = find(Asking { principal: &principal, host }, &operation, query, table)?;
        let outgoing = outgoing(&found, &operation, query, semantics);
        let listed = match operation.kind() {
            Kind::ListBuckets => {
                let name = host.map(|host| &**host);
                let (exact, patterns) = (table.visible_to(name, &principal), table.patterns_of(name, &principal));
                Listed { host: host.cloned(), exact, patterns }
            }
            _ => Listed::default(),
        };
        let sender = Sender { principal: &principal, access_key: &access_key, secret, address };
        let draft = found.has_hooks().then(|| Box::new(Draft::new(sender, &operation, query, semantics)));
        let query = query.clone();
        Ok(Self { principal, access_key, operation, found, obligation, outgoing, query, listed, draft })
    }

    /// Answers from the grants of the routes, and from their hooks once the grants allow it: every needed pair must be
    /// allowed, and every hook of every route that it touches must say yes. The keys of a batch are decided later.
    ///
    /// # Errors
    /// [`Denial::AccessDenied`], [`Denial::Hook`], [`Denial::RouteBroken`] when only a broken route could allow it, [`Denial::NoSuchUpload`],
    /// [`Denial::NotImplemented`] for an allowed copy between two backends that is refused, and for administration of a bucket
    /// that is not one at its backend, [`Denial::InsecureChannel`], or those of [`Outgoing::build`] and [`PendingCopy`].
    pub async fn answer(self, hooks: &dyn Hooks) -> Result<Decision, Denial> {
        let judged = decide(&self.principal, &self.operation, &self.query, &self.found, |_| {})?;
        let mut asked = self;
        if let Some(draft) = asked.draft.take() {
            // boxed: most requests have no hooks, and this future is moved by value
            asked.draft = Box::pin(ask_hooks(draft, &judged, &asked.operation, (&asked.found, hooks))).await?;
        }
        asked.allowed(judged)
    }

    /// What a yes looks like.
    fn allowed(self, judged: Judged) -> Result<Decision, Denial> {
        let Self { principal, access_key, operation, found, obligation, outgoing, query, listed, draft } = self;
        // only now: what a backend's longer names make impossible is nothing for those who may not ask
        let forwarded = || outgoing?.ok_or(Denial::RouteBroken);
        match (judged, found) {
            (Judged::Buckets, _) if listed.patterns.is_empty() => {
                let buckets = listed.exact.into_iter().map(ListedBucket::from).collect();
                Ok(Decision::Answer(OwnAnswer::Buckets(buckets)))
            }
            (Judged::Buckets, _) => {
                let Listed { host, exact, patterns } = listed;
                let asked = (&operation, &query, &obligation);
                PendingBuckets::new((principal, access_key, host), asked, exact, patterns).map(Decision::Buckets)
            }
            (Judged::Location(_), _) => Ok(Decision::Answer(OwnAnswer::Location)),
            (Judged::Exists(_), _) => Ok(Decision::Answer(OwnAnswer::Exists)),
            (Judged::Forward(granted), _) => {
                let backend = Arc::clone(granted.backend(&operation, &query)?);
                if operation.demands_secure_channel() && !backend.upstream_for(granted.rule).endpoint.tls {
                    return Err(Denial::InsecureChannel);
                }
                let anywhere = operation.may_read_elsewhere(&query);
                let outgoing = forwarded()?;
                let makes_bucket = operation.kind() == Kind::CreateBucket;
                let grant =
                    Grant { principal, access_key, operation, granted, backend, anywhere, outgoing, obligation, query };
                Ok(match Box::new(grant) {
                    grant if makes_bucket => Decision::Create(PendingCreation::new(grant)),
                    grant => Decision::Forward(Permit::new(grant)),
                })
            }
            (Judged::Copy { from, to }, _) => {
                let target = Arc::clone(to.backend(&operation, &query)?);
                // a copy reads what its route calls the truth, as within one backend
                let source = Arc::clone(from.route.backends.writes().ok_or(Denial::RouteBroken)?);
                let (from, to) = (Side::new(from, source), Side::new(to, target));
                let asked = Asked { principal, access_key, operation, query, obligation };
                PendingCopy::new(asked, (from, to), forwarded()?).map(Decision::Copy)
            }
            (Judged::Batch, Found::Whole(part, _)) => {
                let outgoing = forwarded()?;
                let batch = Batch { principal, access_key, operation, part, outgoing, obligation, query, draft };
                Ok(Decision::Batch(PendingBatch::new(Box::new(batch))))
            }
            (Judged::Batch, _) => Err(Denial::Internal("a batch of no bucket was allowed")),
        }
    }
}

/// Asks the hooks of every route that an allowed operation touches. Where one of several routes is enough, one is enough
/// here. Gives the draft back where there is more to ask.
async fn ask_hooks(
    draft: Box<Draft>,
    judged: &Judged,
    operation: &Operation,
    (found, hooks): (&Found, &dyn Hooks),
) -> Result<Option<Box<Draft>>, Denial> {
    let (to, from) = match (judged, found) {
        // the lists of buckets are about grants; the keys of a batch are asked about when they are known
        (Judged::Buckets | Judged::Batch, _) => return Ok(Some(draft)),
        (Judged::Location(routes) | Judged::Exists(routes), _) => {
            let mut answer = Err(Denial::AccessDenied);
            for route in routes {
                answer = draft.ask(hooks, route).await;
                if answer.is_ok() {
                    break;
                }
            }
            return answer.map(|()| None);
        }
        (Judged::Copy { from, to }, _) => (&to.route, Some(&from.route)),
        (Judged::Forward(granted), Found::Named(_, source)) => (&granted.route, source.as_ref()),
        (Judged::Forward(granted), _) => (&granted.route, None),
    };
    if let Some(route) = from {
        let source = operation.copy_source().ok_or(Denial::AccessDenied)?;
        draft.ask_source(hooks, route, source).await?;
    }
    draft.ask_at_last(hooks, to).await.map(|()| None)
}

/// The backend request; of a batch, for any of the routes, because the keys decide which one it is.
fn outgoing(
    found: &Found,
    operation: &Operation,
    query: &Query,
    semantics: &Semantics<'_>,
) -> Result<Option<Outgoing>, Denial> {
    if !operation.is_forwarded() {
        return Ok(None);
    }
    // without a backend there is nothing to write: the answer says why, to those who may ask
    let build = |target: &ServedRoute, source: Option<&Arc<ServedRoute>>| {
        let source = source.map(|source| source.backends.writes());
        let (Ok(backend), None | Some(Some(_))) = (first_backend(target, operation, query), source) else {
            return Ok(None);
        };
        let mappings = (&*backend.mapping, source.flatten().map(|source| &*source.mapping));
        Outgoing::build(operation, query, semantics, backend.upstream.addressing, mappings).map(Some)
    };
    match (found, operation.kind()) {
        (Found::Service, _) => Ok(None),
        (Found::Named(target, source), _) => build(target, source.as_ref()),
        (Found::Whole(part, _), Kind::DeleteObjects) => {
            match part.view().routes().find(|route| route.backends.writes().is_some()) {
                Some(any) => build(any, None),
                None => Ok(None),
            }
        }
        (Found::Whole(_, Some(route)), _) => build(route, None),
        (Found::Whole(_, None), _) => Ok(None),
    }
}
