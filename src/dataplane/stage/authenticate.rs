//! Who asks: claim, then proof.

use std::sync::Arc;

use osp_core::access::KeyLookup;
use osp_core::model::ClientSecret;
use osp_core::s3::{RawHead, Target};
use osp_core::sigv4::{AccessKeyId, Scheme, Verified, claim, plus_as_space};
use osp_core::table::RouteTable;
use osp_core::{Denial, Timestamp};

use crate::flight::Facts;

/// The live secrets of keys: those of the table, else what the key look-up has found for this request.
#[derive(Debug)]
pub struct Secrets<'a> {
    table: &'a RouteTable,
    found: Option<Arc<[ClientSecret]>>,
}

impl<'a> Secrets<'a> {
    /// Of the table alone.
    #[must_use]
    pub const fn of(table: &'a RouteTable) -> Self {
        Self { table, found: None }
    }

    /// Asks for a key that the table does not have.
    ///
    /// # Errors
    /// [`Denial::Hook`] when there is no answer.
    pub async fn look_up(self, access_key: &AccessKeyId, lookup: &dyn KeyLookup) -> Result<Self, Denial> {
        if !self.table.secrets(access_key).is_empty() {
            return Ok(self);
        }
        Ok(Self { found: Some(lookup.secrets(access_key).await?), ..self })
    }

    /// Those of a key; none when nobody has it.
    #[must_use]
    pub fn get(&self, access_key: &AccessKeyId) -> &[ClientSecret] {
        match (self.table.secrets(access_key), &self.found) {
            ([], Some(found)) => found,
            (known, _) => known,
        }
    }
}

/// Asks the key look-up for the key of a head, where the table does not have it and the request could still be good.
///
/// # Errors
/// Those of [`claim`] and of [`Secrets::look_up`], and the time's.
pub async fn look_up<'t>(
    (head, target): (&RawHead, &Target),
    table: &'t RouteTable,
    lookup: &dyn KeyLookup,
    now: Timestamp,
) -> Result<Secrets<'t>, Denial> {
    let claim = claim(head, target)?;
    claim.check_time(now)?;
    Secrets::of(table).look_up(claim.access_key(), lookup).await
}

/// Verifies the signature of a head against the live secrets of its key, and returns the target that was signed: where a
/// raw query has a `+`, its other reading is tried when the literal one fails (SIG-5), and then that one is served.
///
/// # Errors
/// Those of [`claim`] and of [`osp_core::sigv4::Claim::verify`].
pub fn verify(
    head: &RawHead,
    target: Target,
    secrets: &Secrets<'_>,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<(Verified, Target), Denial> {
    match prove(head, &target, secrets, now, facts) {
        Err(Denial::SignatureMismatch) => {
            let spaced = plus_as_space(head, &target).ok_or(Denial::SignatureMismatch)?;
            let verified = prove(head, &spaced, secrets, now, facts)?;
            Ok((verified, spaced))
        }
        other => Ok((other?, target)),
    }
}

fn prove(
    head: &RawHead,
    target: &Target,
    secrets: &Secrets<'_>,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<Verified, Denial> {
    let claim = claim(head, target)?;
    facts.presigned = claim.scheme() == Scheme::Presigned;
    let secrets = secrets.get(claim.access_key());
    let verified = claim.verify(secrets, now)?;
    facts.principal = Some(verified.principal().clone());
    Ok(verified)
}
