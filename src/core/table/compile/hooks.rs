//! The hooks that a route names: whether there is anybody to ask.

use std::sync::Arc;

use super::surroundings::Surroundings;
use super::{Rejections, problem};
use crate::model::{
    Callable, CredentialKind, HookName, HookState, ObjectName, Problem, ProcessRules, Reason, Route, RouteHook,
};
use crate::table::ServedRoute;

/// The hooks of a route; `None` when one of them could not answer: leaving it out would let in whom it denies. Nothing is
/// wrong as long as nobody knows which hooks there are.
pub(super) fn resolve(
    process: &ProcessRules,
    route: &Route,
    reject: &mut impl FnMut(Problem),
) -> Option<Arc<[RouteHook]>> {
    let mut are_usable = true;
    for (index, hook) in route.hooks.iter().enumerate() {
        if let Err((reason, why)) = find(process, &hook.name, Callable::Authorize) {
            let message = format!("{why}: the route is not served, because the hook could not be asked");
            reject(problem(format!("spec.hooks[{index}].name"), reason, message));
            are_usable = false;
        }
    }
    are_usable.then(|| route.hooks.clone().into())
}

/// Whether a hook could answer when this function of it is asked, or why not.
pub(super) fn find(process: &ProcessRules, hook: &HookName, asked: Callable) -> Result<(), (Reason, String)> {
    let Some(known) = &process.hooks else { return Ok(()) };
    match known.get(hook) {
        None => Err((Reason::HookNotFound, "the gateway has no hook of this name".to_owned())),
        Some(HookState::Invalid { why }) => Err((Reason::HookInvalid, format!("it does not load: {why}"))),
        Some(state) if !state.callables().contains(&asked) => {
            Err((Reason::HookInvalid, format!("it does not define {}", asked.name())))
        }
        Some(HookState::Current { .. } | HookState::Stale { .. }) => Ok(()),
    }
}

/// What should be known of the hooks of a route that is served.
pub(super) fn notice(process: &ProcessRules, name: &ObjectName, served: &ServedRoute, notices: &mut Rejections) {
    for (index, hook) in served.hooks.iter().enumerate() {
        if let Some(message) = stale(process, &hook.name) {
            let stale = problem(format!("spec.hooks[{index}].name"), Reason::HookStale, message);
            notices.add("BucketRoute", name, "ResolvedRefs", stale);
        }
    }
}

/// The same of the credential sources that ask a hook.
pub(super) fn notice_sources(surroundings: &Surroundings, notices: &mut Rejections) {
    for (name, object) in surroundings.credentials.iter() {
        if let Some(CredentialKind::Python { hook, .. }) = object.valid().map(|source| &source.kind)
            && find(&surroundings.process, hook, Callable::FetchCredentials).is_ok()
            && let Some(message) = stale(&surroundings.process, hook)
        {
            let stale = problem("spec.python.hook", Reason::HookStale, message);
            notices.add("CredentialSource", name, "Ready", stale);
        }
    }
}

/// What there is to say of a hook of which an older text is in force.
fn stale(process: &ProcessRules, hook: &HookName) -> Option<String> {
    match process.hooks.as_ref()?.get(hook)? {
        HookState::Stale { why, .. } => {
            Some(format!("an older text of the hook {hook} is in force: the new one does not load: {why}"))
        }
        HookState::Current { .. } | HookState::Invalid { .. } => None,
    }
}
