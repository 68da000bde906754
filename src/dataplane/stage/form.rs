//! Uploads by a form: the fields before the file are read, then proved and decided as every other request is.

use std::time::Duration;

use bytes::Bytes;
use osp_core::access::{Decision, Hooks, KeyLookup, Permit, Question, Request};
use osp_core::s3::{Form, FormReader, Receipt, Semantics, Target, classify_form};
use osp_core::sigv4::{ProvedForm, Verified, claim_form};
use osp_core::table::RouteTable;
use osp_core::{Denial, FormFault, Timestamp};
use pingora_error::{Error, ErrorType};
use pingora_proxy::Session;

use super::authenticate::Secrets;
use crate::flight::Facts;

/// Reads the body up to the first byte of the file, all of it within `stall`: at most 20 KiB are to come, from whom nobody
/// knows yet. Returns what has come of the file as well.
///
/// # Errors
/// Those of [`FormReader::push`]; [`FormFault::Malformed`] for a body without a file, [`Denial::RequestTimeout`],
/// [`Denial::IncompleteBody`].
pub async fn fields(session: &mut Session, mut reader: FormReader, stall: Duration) -> Result<(Form, Bytes), Denial> {
    let reading = async {
        loop {
            match session.read_request_body().await {
                Ok(Some(piece)) => {
                    if let Some(found) = reader.push(&piece)? {
                        return Ok(found);
                    }
                }
                Ok(None) => return Err(Denial::Form(FormFault::Malformed("it ends before its file"))),
                Err(error) => return Err(broken(&error)),
            }
        }
    };
    pingora_timeout::timeout(stall, reading).await.map_err(|_| Denial::RequestTimeout)?
}

/// What it means that a body cannot be read on. Over HTTP/1 pingora's own time-out may come before ours, which is as long.
#[must_use]
pub fn broken(error: &Error) -> Denial {
    if *error.etype() == ErrorType::ReadTimedout { Denial::RequestTimeout } else { Denial::IncompleteBody }
}

/// Verifies the policy of a form against the live secrets of its key, and the form against the policy.
///
/// # Errors
/// Those of [`claim_form`], of [`Secrets::look_up`] and of [`osp_core::sigv4::FormClaim::verify`].
pub async fn verify(
    (form, target): (Form, &Target),
    table: &RouteTable,
    lookup: Option<&dyn KeyLookup>,
    now: Timestamp,
    facts: &mut Facts,
) -> Result<(Verified, ProvedForm), Denial> {
    let claim = claim_form(form, target)?;
    let mut secrets = Secrets::of(table);
    if let Some(lookup) = lookup {
        claim.check_time(now)?;
        secrets = secrets.look_up(claim.access_key(), lookup).await?;
    }
    let secrets = secrets.get(claim.access_key());
    let (verified, form) = claim.verify(secrets, now)?;
    facts.principal = Some(verified.principal().clone());
    Ok((verified, form))
}

/// Decides about what a proved form asks for: a `PutObject` by another name.
///
/// # Errors
/// Those of [`classify_form`], [`ProvedForm::receipt`], [`Question::ask`] and [`Question::answer`].
pub async fn decide(
    (verified, form): (Verified, ProvedForm),
    (target, secure): (&Target, bool),
    table: &RouteTable,
    hooks: &dyn Hooks,
    facts: &mut Facts,
) -> Result<(Permit, Receipt), Denial> {
    let semantics = Semantics::of_form(&form)?;
    let operation = classify_form(&form, target, &semantics)?;
    facts.key = operation.key().cloned();
    let receipt = form.receipt()?;
    let (host, query) = (target.base_host.as_ref(), &target.query);
    // the proof knows the length of the file
    let (content_length, address) = (None, facts.client);
    let request = Request { operation, host, query, semantics: &semantics, content_length, secure, address };
    match Question::ask(verified, request, table)?.answer(hooks).await? {
        Decision::Forward(permit) => Ok((permit, receipt)),
        Decision::Batch(_) | Decision::Create(_) | Decision::Copy(_) | Decision::Buckets(_) | Decision::Answer(_) => {
            Err(Denial::Internal("a form was decided as something else"))
        }
    }
}
