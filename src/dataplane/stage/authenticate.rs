//! Who asks: claim, then proof.

use osp_core::s3::{RawHead, Target};
use osp_core::sigv4::{Scheme, Verified, claim};
use osp_core::table::RouteTable;
use osp_core::{Denial, Timestamp};

use crate::flight::Facts;

/// Verifies the signature of a head against the table's live secrets.
///
/// # Errors
/// Those of [`claim`] and of [`osp_core::sigv4::Claim::verify`].
pub fn verify(
    (head, target): (&RawHead, &Target),
    table: &RouteTable,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<Verified, Denial> {
    let claim = claim(head, target)?;
    facts.presigned = claim.scheme() == Scheme::Presigned;
    let secrets = table.secrets(claim.access_key());
    let verified = claim.verify(secrets, now)?;
    facts.principal = Some(verified.principal().clone());
    Ok(verified)
}
