//! Hooks as policy: what the request path asks (`osp_core::access`), and what the answers count for there.

use std::sync::Arc;

use osp_core::access::{Answering, Finding, Inquiry, KeyLookup, Ruling};
use osp_core::model::RouteHook;
use osp_core::sigv4::AccessKeyId;
use osp_core::{HookFailure, HookFault, access};

use crate::decisions::Decisions;
use crate::lookups::{Found, Lookups};
use crate::metrics::Metrics;
use crate::outcome::{Denied, NoAnswer, Outcome, Verdict};

impl access::Hooks for Decisions {
    fn decide<'a>(&'a self, hook: &'a RouteHook, inquiry: &'a Arc<Inquiry>) -> Answering<'a> {
        Box::pin(async move { ruling(self.authorize(&hook.name, inquiry, hook.timeout).await) })
    }

    fn shadow(&self, hook: &RouteHook, inquiry: &Arc<Inquiry>) {
        let (decisions, hook, inquiry) = (self.clone(), hook.clone(), Arc::clone(inquiry));
        tokio::spawn(async move {
            let outcome = decisions.authorize(&hook.name, &inquiry, hook.timeout).await;
            record(decisions.metrics(), &hook, &inquiry, &outcome);
        });
    }
}

impl KeyLookup for Lookups {
    fn secrets<'a>(&'a self, access_key: &'a AccessKeyId) -> Finding<'a> {
        Box::pin(async move {
            let failed = |why| HookFault::Failed { hook: self.hook().clone(), why: failure(&why) };
            let found = self.secret(access_key).await.map_err(failed)?;
            Ok(found.map_or_else(|| Arc::new([]) as _, Found::into_secrets))
        })
    }
}

/// What a hook in shadow would have decided.
fn record(metrics: &Metrics, hook: &RouteHook, inquiry: &Inquiry, outcome: &Outcome<Verdict>) {
    let outcome = match outcome {
        Ok(Verdict::Allow) => "allow",
        Ok(Verdict::Deny(_)) => "deny",
        Ok(Verdict::Split(_)) => "split",
        Err(_) => "no_answer",
    };
    metrics.shadowed(hook.name.as_str(), outcome);
    if outcome != "allow" {
        let Inquiry { principal, operation, bucket, .. } = inquiry;
        tracing::info!(hook = %hook.name, outcome, principal, operation, bucket, "a hook in shadow");
    }
}

fn ruling(outcome: Outcome<Verdict>) -> Result<Ruling, HookFailure> {
    match outcome {
        Ok(Verdict::Allow) => Ok(Ruling::Allow),
        Ok(Verdict::Deny(Denied::Said(why))) => Ok(Ruling::Deny(why)),
        Ok(Verdict::Deny(Denied::NotTrue(what))) => Ok(Ruling::Deny(format!("not True: {what}"))),
        Ok(Verdict::Split(each)) => Ok(Ruling::Split(each)),
        Err(why) => Err(failure(&why)),
    }
}

fn failure(why: &NoAnswer) -> HookFailure {
    match why {
        NoAnswer::Overflow => HookFailure::Overflow,
        other => HookFailure::NoAnswer(other.label()),
    }
}
