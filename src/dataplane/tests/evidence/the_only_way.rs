//! The positive twin: the way that exists compiles.
use http::HeaderMap;
use osp_core::access::{Decision, Hooks, PendingCopy, Permit, Question, Request, SourcePermit, TargetPermit};
use osp_core::payload::Transit;
use osp_core::s3::{Operation, Semantics, Target, classify_form};
use osp_core::sigv4::{Claim, FormClaim, ProvedForm, Verified};
use osp_core::table::RouteTable;
use osp_core::{Denial, Timestamp};

async fn decide(
    claim: Claim<'_>,
    request: Request<'_>,
    table: &RouteTable,
    hooks: &dyn Hooks,
    now: Timestamp,
) -> Result<Decision, Denial> {
    let verified: Verified = claim.verify(&[], now)?;
    Question::ask(verified, request, table)?.answer(hooks).await
}

fn classify(claim: FormClaim, target: &Target, now: Timestamp) -> Result<(Verified, Operation), Denial> {
    let (verified, form): (Verified, ProvedForm) = claim.verify(&[], now)?;
    let semantics = Semantics::of_form(&form)?;
    Ok((verified, classify_form(&form, target, &semantics)?))
}

fn forward(permit: &mut Permit) {
    if let Some(another) = permit.candidates().first().cloned() {
        let _ = permit.redirect(&another);
    }
    let _ = (permit.upstream(), permit.outgoing(), permit.gate());
}

fn copy(copy: PendingCopy, head: &HeaderMap) -> Result<Transit, Denial> {
    let _: Permit = copy.look()?.into_permit();
    let planned = copy.plan(head)?;
    let (source, target): (SourcePermit, TargetPermit) = (planned.read(0)?, planned.put()?);
    Ok(planned.transit(0, &source, &target))
}

/// Compiling is the proof; this keeps the functions from being unused.
pub fn compiles() {
    let _ = (decide, classify, forward, copy);
}
