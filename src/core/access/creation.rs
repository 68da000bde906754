//! `CreateBucket`: allowed by its head, waiting for its document.

use super::Permit;
use super::permit::Grant;
use crate::Denial;
use crate::model::TrailingChecksums;
use crate::payload::Gate;
use crate::s3::{check_creation, creation_xml};

/// An allowed `CreateBucket`. Its document is read, judged and never passed on: the backend gets one of OSP's own.
#[derive(Debug)]
pub struct PendingCreation {
    grant: Box<Grant>,
}

impl PendingCreation {
    pub(super) fn new(mut grant: Box<Grant>) -> Self {
        // what describes the client's document says nothing of the new one
        grant.outgoing.headers.retain(|(name, _)| name.as_str().starts_with("x-amz-"));
        Self { grant }
    }

    /// A gate for the client's body. The body is kept here, not sent on, so it comes out bare.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.grant.obligation.gate(TrailingChecksums::Drop)
    }

    /// Judges a proved body; `region` is the one that OSP gives itself. Gives the permit, and the body for the backend.
    ///
    /// # Errors
    /// Those of [`check_creation`].
    pub fn decide(self, proved_body: &[u8], region: &str) -> Result<(Permit, Vec<u8>), Denial> {
        check_creation(proved_body, region)?;
        let permit = Permit::new(self.grant);
        let body = creation_xml(&permit.upstream().region);
        Ok((permit, body))
    }
}
