//! The requests that a copy between backends is made of: each is about one side, and its permit is of the type of that side.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::Denial;
use crate::access::judgement::Granted;
use crate::access::permit::Grant;
use crate::access::{Permit, Principal};
use crate::payload::Obligation;
use crate::s3::{Needs, Operation, Outgoing, OutgoingHeaders, Query};
use crate::sigv4::AccessKeyId;
use crate::table::ServedBackend;

/// Leave to read a copy's source, in one request. The target's permit is of another type, so that neither can stand for the
/// other.
#[derive(Debug)]
pub struct SourcePermit(Permit);

/// Leave to write a copy's target, in one request.
#[derive(Debug)]
pub struct TargetPermit(Permit);

/// What was asked, by whom.
#[derive(Debug)]
pub(in crate::access) struct Asked {
    pub(in crate::access) principal: Principal,
    pub(in crate::access) access_key: AccessKeyId,
    pub(in crate::access) operation: Operation,
    pub(in crate::access) query: Query,
    pub(in crate::access) obligation: Obligation,
}

/// One of the two backends, and the rule that allows its use.
#[derive(Debug)]
pub(in crate::access) struct Side {
    granted: Granted,
    backend: Arc<ServedBackend>,
}

/// What was decided.
#[derive(Debug)]
pub(super) struct Sides {
    asked: Asked,
    from: Side,
    to: Side,
}

impl Side {
    pub(in crate::access) const fn new(granted: Granted, backend: Arc<ServedBackend>) -> Self {
        Self { granted, backend }
    }

    fn is_encrypted(&self) -> bool {
        self.backend.upstream_for(self.granted.rule).endpoint.tls
    }
}

impl Sides {
    /// # Errors
    /// [`Denial::InsecureChannel`] for a customer's key and a side without TLS.
    pub(super) fn new(asked: Asked, (from, to): (Side, Side)) -> Result<Self, Denial> {
        if asked.operation.demands_secure_channel() && !(from.is_encrypted() && to.is_encrypted()) {
            return Err(Denial::InsecureChannel);
        }
        Ok(Self { asked, from, to })
    }

    /// True for `UploadPartCopy`.
    pub(super) fn is_part(&self) -> bool {
        self.asked.operation.upload(&self.asked.query).is_some()
    }

    /// The version of the source that was asked for.
    pub(super) fn version(&self) -> Option<&str> {
        self.asked.operation.copy_source()?.version.as_deref()
    }

    /// A permit for a step that reads the source.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`]; [`Denial::Internal`] for a step that is none, or does something else.
    pub(super) fn of_source(
        &self,
        step: &str,
        query: String,
        headers: OutgoingHeaders,
    ) -> Result<SourcePermit, Denial> {
        match self.permit(step, query, headers)? {
            (permit, true) => Ok(SourcePermit(permit)),
            (_, false) => Err(Denial::Internal("a copy was to change its source")),
        }
    }

    /// A permit for a step that writes the target.
    ///
    /// # Errors
    /// As [`Self::of_source`].
    pub(super) fn of_target(
        &self,
        step: &str,
        query: String,
        headers: OutgoingHeaders,
    ) -> Result<TargetPermit, Denial> {
        match self.permit(step, query, headers)? {
            (permit, false) => Ok(TargetPermit(permit)),
            (_, true) => Err(Denial::Internal("a copy was to read its target")),
        }
    }

    /// A permit for one step, if the decision about the copy covers it, and whether it is about the source.
    fn permit(&self, step: &str, query: String, headers: OutgoingHeaders) -> Result<(Permit, bool), Denial> {
        let Asked { principal, access_key, operation: copy, query: asked, obligation } = &self.asked;
        let (operation, is_of_source) = copy.step_of_copy(step).ok_or(Denial::Internal("a copy has no such step"))?;
        let (Needs::All(needed), Needs::All(decided)) = (operation.needs(&Query::default()), copy.needs(asked)) else {
            return Err(Denial::Internal("a step of a copy needs nothing that could be decided"));
        };
        if !needed.iter().all(|pair| decided.contains(pair)) {
            return Err(Denial::Internal("a step of a copy needs what was not decided"));
        }
        let Side { granted, backend } = if is_of_source { &self.from } else { &self.to };
        let place = (backend.upstream.addressing, &*backend.mapping);
        let outgoing = Outgoing::of_step(&operation, (query, headers), place)?;
        let permit = Permit::new(Box::new(Grant {
            principal: principal.clone(),
            access_key: access_key.clone(),
            operation,
            granted: granted.clone(),
            backend: Arc::clone(backend),
            anywhere: false,
            outgoing,
            obligation: obligation.clone(),
            query: asked.clone(),
        }));
        Ok((permit, is_of_source))
    }
}

impl SourcePermit {
    /// For a request whose answer is no part of the new object.
    #[must_use]
    pub fn into_permit(self) -> Permit {
        self.0
    }
}

impl TargetPermit {
    /// For a request that brings no bytes of the source.
    #[must_use]
    pub fn into_permit(self) -> Permit {
        self.0
    }
}

impl Deref for SourcePermit {
    type Target = Permit;

    fn deref(&self) -> &Permit {
        &self.0
    }
}

impl DerefMut for SourcePermit {
    fn deref_mut(&mut self) -> &mut Permit {
        &mut self.0
    }
}

impl Deref for TargetPermit {
    type Target = Permit;

    fn deref(&self) -> &Permit {
        &self.0
    }
}

impl DerefMut for TargetPermit {
    fn deref_mut(&mut self) -> &mut Permit {
        &mut self.0
    }
}
