//! Who asks: claim, then proof.

use osp_core::s3::{RawHead, Target};
use osp_core::sigv4::{Scheme, Verified, claim, plus_as_space};
use osp_core::table::RouteTable;
use osp_core::{Denial, Timestamp};

use crate::flight::Facts;

/// Verifies the signature of a head against the table's live secrets, and returns the target that was signed: where a
/// raw query has a `+`, its other reading is tried when the literal one fails (SIG-5), and then that one is served.
///
/// # Errors
/// Those of [`claim`] and of [`osp_core::sigv4::Claim::verify`].
pub fn verify(
    head: &RawHead,
    target: Target,
    table: &RouteTable,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<(Verified, Target), Denial> {
    match prove(head, &target, table, now, facts) {
        Err(Denial::SignatureMismatch) => {
            let spaced = plus_as_space(head, &target).ok_or(Denial::SignatureMismatch)?;
            let verified = prove(head, &spaced, table, now, facts)?;
            Ok((verified, spaced))
        }
        other => Ok((other?, target)),
    }
}

fn prove(
    head: &RawHead,
    target: &Target,
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
