//! Hooks as policy: what the request path asks (`osp_core::access`), and what the answers count for there.

use std::sync::Arc;

use osp_core::HookFailure;
use osp_core::access::{self, Answering, Inquiry, Ruling};
use osp_core::model::RouteHook;

use crate::crew::Asker;
use crate::decisions::Decisions;
use crate::hooks::Hooks;
use crate::metrics::Metrics;
use crate::outcome::{Denied, NoAnswer, Outcome, Verdict};

/// Every request asks.
impl access::Hooks for Hooks {
    fn decide<'a>(&'a self, hook: &'a RouteHook, inquiry: &'a Arc<Inquiry>) -> Answering<'a> {
        Box::pin(async move { ruling(self.put(hook, inquiry).await) })
    }

    fn shadow(&self, hook: &RouteHook, inquiry: &Arc<Inquiry>) {
        let (hooks, hook, inquiry) = (self.clone(), hook.clone(), Arc::clone(inquiry));
        // bounded like every call: by the queue and the deadline
        tokio::spawn(async move { record(hooks.metrics(), &hook, &inquiry, &hooks.put(&hook, &inquiry).await) });
    }
}

/// Those ask that find no decision.
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

impl Hooks {
    async fn put(&self, hook: &RouteHook, inquiry: &Inquiry) -> Outcome<Verdict> {
        let pinned = self.pin();
        let asker = Asker { client: &inquiry.token, deadline: hook.timeout };
        pinned.authorize(&pinned.inputs(&hook.name, inquiry)?, asker).await
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
        Err(NoAnswer::Overflow) => Err(HookFailure::Overflow),
        Err(other) => Err(HookFailure::NoAnswer(other.label())),
    }
}
