//! The permit: the only thing that a peer or a signature can be had for.

use std::sync::Arc;

use super::Principal;
use crate::Denial;
use crate::payload::{Announcement, Gate, Obligation};
use crate::s3::Permission;
use crate::s3::{DeleteEntry, DeleteOutcome, DeleteRequest, Operation, Outgoing, Query, Resource};
use crate::table::{ServedRoute, Upstream};

/// Everything that was asked and found, before and after the decision.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) principal: Principal,
    pub(super) operation: Operation,
    pub(super) route: Arc<ServedRoute>,
    pub(super) outgoing: Outgoing,
    pub(super) obligation: Obligation,
    pub(super) query: Query,
}

/// Proof that this principal may do this operation on this route: carries the very request that goes to the backend, so
/// nothing but what was decided can be sent. No `Default`, no `Clone`, no public fields, no `From`.
#[derive(Debug)]
pub struct Permit {
    grant: Box<Grant>,
}

impl Permit {
    pub(super) fn new(grant: Box<Grant>) -> Self {
        Self { grant }
    }

    /// Who may.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.grant.principal
    }

    /// What.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.grant.operation
    }

    /// Where.
    #[must_use]
    pub fn route(&self) -> &Arc<ServedRoute> {
        &self.grant.route
    }

    /// The backend.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.grant.route.upstream
    }

    /// The backend request.
    #[must_use]
    pub fn outgoing(&self) -> &Outgoing {
        &self.grant.outgoing
    }

    /// The client's query, for what responses echo.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.grant.query
    }

    /// True when body bytes have to pass a gate.
    #[must_use]
    pub fn expects_body(&self) -> bool {
        !self.grant.obligation.is_empty()
    }

    /// True when the backend would have its whole request before the client's frames are proved (an empty object in
    /// frames): the body has to go through its gate before anything is sent.
    #[must_use]
    pub fn proves_before_sending(&self) -> bool {
        self.grant.obligation.proves_before_sending(self.upstream().trailing_checksums)
    }

    /// How the body is announced to the backend.
    #[must_use]
    pub fn announcement(&self) -> Announcement {
        self.grant.obligation.announce(self.upstream().trailing_checksums)
    }

    /// A fresh gate, for every attempt.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.grant.obligation.gate(self.upstream().trailing_checksums)
    }
}

/// A `DeleteObjects` whose caller may delete something in the bucket; the keys are decided once the body is proved.
#[derive(Debug)]
pub struct PendingBatch {
    grant: Box<Grant>,
}

/// A `DeleteObjects` with every key decided.
#[derive(Debug)]
pub struct DecidedBatch {
    /// For the allowed keys; `None` when every key was refused.
    pub permit: Option<Permit>,
    /// The body for the backend: the allowed keys under its names.
    pub body: Vec<u8>,
    /// The refused keys, in the client's names.
    pub refused: Vec<DeleteOutcome>,
    /// The client asked for a quiet answer.
    pub quiet: bool,
}

impl PendingBatch {
    pub(super) fn new(grant: Box<Grant>) -> Self {
        Self { grant }
    }

    /// A gate for the client's body. The body is kept here, not sent on, so it comes out bare.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.grant.obligation.gate(crate::model::TrailingChecksums::Drop)
    }

    /// Decides each key of a proved body (D03).
    ///
    /// # Errors
    /// [`Denial::MalformedXml`] and the others of [`DeleteRequest::parse`] and [`DeleteRequest::render`].
    pub fn decide(self, proved_body: &[u8]) -> Result<DecidedBatch, Denial> {
        let DeleteRequest { objects, quiet } = DeleteRequest::parse(proved_body)?;
        let route = Arc::clone(&self.grant.route);
        let (allowed, refused): (Vec<DeleteEntry>, Vec<DeleteEntry>) = objects.into_iter().partition(|entry| {
            let object = Resource::Object(route.mapping.client_bucket.clone(), entry.key.clone());
            route.policy.allows(&self.grant.principal, Permission::Delete, &object)
        });
        let body = DeleteRequest::render(&allowed, &route.mapping)?;
        let refused = refused
            .into_iter()
            .map(|entry| DeleteOutcome::Failed {
                key: entry.key.as_str().to_owned(),
                code: Denial::AccessDenied.row().code.to_owned(),
                message: Denial::AccessDenied.to_string(),
            })
            .collect();
        let permit = (!allowed.is_empty()).then(|| Permit::new(self.grant));
        Ok(DecidedBatch { permit, body, refused, quiet })
    }
}
