//! Which routes an operation touches, and whether their policies allow it: the one decision of OSP. The request path
//! turns a yes into a permit ([`super::Question`]); `osp explain` only tells of it ([`super::explain`]). Nothing here can
//! be forwarded with.

use std::sync::Arc;

use super::{Principal, Verdict};
use crate::Denial;
use crate::model::Copies;
use crate::s3::{BucketName, Kind, Needs, Operation, Permission, Query, Resource};
use crate::table::{Asker, Lookup, Part, RouteTable, ServedBackend, ServedRoute, Upstream};

/// Who asks, and by which base host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) principal: &'a Principal,
    pub(super) host: Option<&'a Arc<str>>,
}

/// What an operation touches.
#[derive(Debug)]
pub(super) enum Found {
    /// No bucket.
    Service,
    /// A bucket as a whole, with the route that is for all of it, if there is one.
    Whole(Part, Option<Arc<ServedRoute>>),
    /// One route, and the one of a copy's source.
    Named(Arc<ServedRoute>, Option<Arc<ServedRoute>>),
}

/// An allowed operation.
#[derive(Debug)]
pub(super) enum Judged {
    /// `ListBuckets`.
    Buckets,
    /// `GetBucketLocation`: the routes that allow it.
    Location(Vec<Arc<ServedRoute>>),
    /// `HeadBucket` of a bucket of which only parts have routes: those that allow it.
    Exists(Vec<Arc<ServedRoute>>),
    /// `DeleteObjects`: the keys are yet to be decided.
    Batch,
    /// Goes to the backend.
    Forward(Granted),
    /// A copy that OSP has to make itself: no backend has both its sides.
    Copy {
        /// The source's side.
        from: Granted,
        /// The target's.
        to: Granted,
    },
}

/// A route with the rule that allows.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) route: Arc<ServedRoute>,
    pub(super) rule: usize,
}

/// One (permission, resource) pair that was asked of one route.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) route: &'a Arc<ServedRoute>,
    pub(super) permission: Permission,
    pub(super) resource: &'a Resource,
    pub(super) verdict: Verdict,
}

impl Found {
    /// True when some route that may be touched has a hook.
    pub(super) fn has_hooks(&self) -> bool {
        let any = |route: &Arc<ServedRoute>| !route.hooks.is_empty();
        match self {
            Self::Service => false,
            Self::Whole(part, route) => route.as_ref().is_some_and(any) || part.view().routes().any(any),
            Self::Named(target, source) => any(target) || source.as_ref().is_some_and(any),
        }
    }
}

impl Judged {
    /// The routes whose hooks are asked, in this order: all of them must say yes; but any of those of a bucket as a whole.
    pub(super) fn hooked<'a>(&'a self, found: &'a Found) -> Vec<Arc<ServedRoute>> {
        match (self, found) {
            (Self::Buckets, _) => Vec::new(),
            (Self::Location(routes) | Self::Exists(routes), _) => routes.clone(),
            (Self::Batch, Found::Whole(part, _)) => part.view().routes().cloned().collect(),
            (Self::Copy { from, to }, _) => vec![Arc::clone(&from.route), Arc::clone(&to.route)],
            (Self::Forward(granted), Found::Named(_, source)) => {
                source.iter().chain([&granted.route]).map(Arc::clone).collect()
            }
            (Self::Forward(granted), _) => vec![Arc::clone(&granted.route)],
            (Self::Batch, _) => Vec::new(),
        }
    }
}

impl Granted {
    /// The backend that the operation is written for first.
    ///
    /// # Errors
    /// As [`first_backend`].
    pub(super) fn backend(&self, operation: &Operation, query: &Query) -> Result<&Arc<ServedBackend>, Denial> {
        first_backend(&self.route, operation, query)
    }

    /// Where everything goes but reads of single objects, with the keys for it.
    ///
    /// # Errors
    /// [`Denial::RouteBroken`] when that backend is not usable.
    pub(super) fn home(&self) -> Result<&Upstream, Denial> {
        let backend = self.route.backends.writes().ok_or(Denial::RouteBroken)?;
        Ok(backend.upstream_for(self.rule))
    }
}

/// The backend that an operation on this route is written for first: any usable one for a read of one object, the one
/// that the upload was begun at for a part of it, the one for writes for everything else.
///
/// # Errors
/// [`Denial::RouteBroken`] when the one that it belongs to is not usable, [`Denial::NoSuchUpload`].
pub(super) fn first_backend<'a>(
    route: &'a ServedRoute,
    operation: &Operation,
    query: &Query,
) -> Result<&'a Arc<ServedBackend>, Denial> {
    let backends = &route.backends;
    if let (Some(key), Some(id)) = (operation.key(), operation.upload(query)) {
        return backends.of_upload(key, id);
    }
    let first = if operation.may_read_elsewhere(query) { backends.usable().first() } else { backends.writes() };
    first.ok_or(Denial::RouteBroken)
}

/// Finds the routes. Says nothing yet about whether it is allowed.
///
/// # Errors
/// [`Denial::NoSuchBucket`], [`Denial::RouteBroken`], [`Denial::NotReady`]; [`Denial::AccessDenied`] for a part of a bucket
/// that no route is for.
pub(super) fn find(
    asking: Asking<'_>,
    operation: &Operation,
    query: &Query,
    table: &RouteTable,
) -> Result<Found, Denial> {
    let Some(bucket) = operation.bucket() else { return Ok(Found::Service) };
    if operation.is_about_parts() {
        return whole(asking, bucket, table);
    }
    let target = one(asking, bucket, operation.placed_by(query), table).map_err(|denial| match denial {
        // who may not make or delete buckets learns nothing of which there are
        Denial::NoSuchBucket(_) if operation.manages_buckets() => Denial::AccessDenied,
        other => other,
    })?;
    let source = operation.copy_source();
    let source = source.map(|source| one(asking, &source.bucket, source.key.as_str(), table)).transpose()?;
    Ok(Found::Named(target, source))
}

fn whole(asking: Asking<'_>, bucket: &BucketName, table: &RouteTable) -> Result<Found, Denial> {
    let nothing = |lookup: Lookup| match lookup {
        Lookup::Absent => Denial::NoSuchBucket(bucket.to_string()),
        Lookup::Unknown => Denial::NotReady,
        _ => Denial::RouteBroken,
    };
    let part = table.part(asking.host, asking.principal, bucket).ok_or_else(|| nothing(table.absent()))?;
    let route = match part.view().lookup("") {
        Lookup::Served(route) => Some(route),
        Lookup::Absent => return Err(nothing(table.absent())),
        _ if part.view().is_empty() => return Err(Denial::RouteBroken),
        _ => None,
    };
    Ok(Found::Whole(part, route))
}

fn one(asking: Asking<'_>, bucket: &BucketName, text: &str, table: &RouteTable) -> Result<Arc<ServedRoute>, Denial> {
    let namespace = &asking.principal.identity().namespace;
    let asker = Asker { host: asking.host.map(|host| &**host), namespace };
    match table.lookup(asker, bucket, text) {
        Lookup::Served(route) => Ok(route),
        Lookup::Broken => Err(Denial::RouteBroken),
        Lookup::Elsewhere => Err(Denial::AccessDenied),
        Lookup::Unknown => Err(Denial::NotReady),
        Lookup::Absent => Err(Denial::NoSuchBucket(bucket.to_string())),
    }
}

/// Decides: every needed pair must be allowed. `tell` hears of everything that was asked, in order.
///
/// # Errors
/// [`Denial::AccessDenied`]; [`Denial::RouteBroken`] when only a broken route could allow it; [`Denial::NoSuchUpload`] for
/// an allowed operation on an upload that no backend of the route has; [`Denial::NotImplemented`] for
/// an allowed copy between two backends into a route that does not say [`Copies::Stream`], and for allowed administration of a
/// bucket that is not one at its backend.
pub(super) fn decide(
    principal: &Principal,
    operation: &Operation,
    query: &Query,
    found: &Found,
    mut tell: impl FnMut(&Asked<'_>),
) -> Result<Judged, Denial> {
    let mut ask = |route: &Arc<ServedRoute>, permission: Permission, resource: &Resource| {
        let verdict = route.policy.decide(principal, permission, resource);
        tell(&Asked { route, permission, resource, verdict });
        match verdict {
            Verdict::Allowed(rule) => Some(Granted { route: Arc::clone(route), rule }),
            Verdict::Denied(_) | Verdict::NotGranted => None,
        }
    };
    match (found, operation.needs(query)) {
        (Found::Service, _) if operation.kind() == Kind::ListBuckets => Ok(Judged::Buckets),
        (Found::Service, _) => Err(Denial::Internal("an operation without a route was to be decided")),
        (Found::Whole(part, route), needs) => decide_whole((operation, &needs), part, route.as_ref(), &mut ask),
        (Found::Named(target, source), Needs::All(pairs)) => {
            let (mut to, mut from) = (None, None);
            for (permission, resource) in &pairs {
                // of a copy, the source is what is read and the target what is written
                match source.as_ref().filter(|_| *permission == Permission::Read) {
                    Some(source) => from = Some(ask(source, *permission, resource).ok_or(Denial::AccessDenied)?),
                    None => {
                        let granted = ask(target, *permission, resource).ok_or(Denial::AccessDenied)?;
                        // the entry that grants the operation decides about credentials, not the one for its headers
                        to.get_or_insert(granted);
                    }
                }
            }
            let to = to.ok_or(Denial::AccessDenied)?;
            match (source, from) {
                (None, None) => {
                    let is_of_pattern = to.route.bucket.pattern().is_some();
                    operation.check_scope(&to.backend(operation, query)?.mapping, (to.route.alone, is_of_pattern))?;
                    Ok(Judged::Forward(to))
                }
                (Some(_), Some(from)) => {
                    let target = to.backend(operation, query)?.upstream_for(to.rule);
                    match to.route.backends.copies() {
                        _ if is_one_backend(from.home()?, target, operation) => Ok(Judged::Forward(to)),
                        Copies::Stream => Ok(Judged::Copy { from, to }),
                        Copies::Refuse => Err(Denial::NotImplemented("a copy between two storage backends".to_owned())),
                    }
                }
                _ => Err(Denial::AccessDenied),
            }
        }
        (Found::Named(..), Needs::Nothing | Needs::EachKey(..)) => Err(Denial::AccessDenied),
    }
}

/// A bucket as a whole: any route of it that the caller may use says yes.
fn decide_whole(
    (operation, needs): (&Operation, &Needs),
    part: &Part,
    route: Option<&Arc<ServedRoute>>,
    ask: &mut impl FnMut(&Arc<ServedRoute>, Permission, &Resource) -> Option<Granted>,
) -> Result<Judged, Denial> {
    let bucket = operation.bucket().ok_or(Denial::AccessDenied)?;
    let resource = Resource::Bucket(bucket.clone());
    let (permissions, yes): (&[Permission], fn(_) -> Judged) = match (operation.kind(), needs) {
        (Kind::HeadBucket, Needs::All(_)) => (&[Permission::List], Judged::Exists),
        (Kind::GetBucketLocation, Needs::All(_)) => (&[Permission::List], Judged::Location),
        (Kind::DeleteObjects, Needs::EachKey(_, permissions)) => (permissions, |_| Judged::Batch),
        _ => return Err(Denial::Internal("a part of a bucket was taken for the whole")),
    };
    let is_head = operation.kind() == Kind::HeadBucket;
    // the first permission is the one of the operation
    let mut ask = |route: &Arc<ServedRoute>| {
        let mut granted = permissions.iter().map(|permission| ask(route, *permission, &resource));
        let first = granted.next().flatten();
        if granted.all(|one| one.is_some()) { first } else { None }
    };
    if let Some(granted) = route.filter(|_| is_head).and_then(&mut ask) {
        return Ok(Judged::Forward(granted));
    }
    let is_asked = |other: &Arc<ServedRoute>| is_head && route.is_some_and(|route| Arc::ptr_eq(route, other));
    let mut granting = Vec::new();
    for other in part.view().routes().filter(|other| !is_asked(other)) {
        if ask(other).is_some() {
            granting.push(Arc::clone(other));
            // a route with hooks may yet say no
            if other.hooks.is_empty() {
                break;
            }
        }
    }
    if !granting.is_empty() {
        Ok(yes(granting))
    } else if part.view().has_broken() {
        Err(Denial::RouteBroken)
    } else {
        Err(Denial::AccessDenied)
    }
}

/// A copy within one backend is the backend's work; between two, only the gateway could do it.
fn is_one_backend(from: &Upstream, to: &Upstream, operation: &Operation) -> bool {
    // a source that gives each bucket its own keys would let the target's read the source's bucket
    let is_one_bucket = || operation.copy_source().map(|source| &source.bucket) == operation.bucket();
    from.endpoint == to.endpoint
        && from.credential == to.credential
        && (!to.credential.is_personal() || is_one_bucket())
}
