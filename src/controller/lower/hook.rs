//! `spec.hooks` of a route: who is asked beside its grants.

use std::ops::RangeInclusive;
use std::time::Duration;

use osp_core::model::{HookMode, HookName, RouteHook};

use super::reader::Node;
use super::text;

/// More would make every request wait too long: they are asked one after the other.
const MAX_HOOKS: usize = 8;
/// A shorter one is over before any process answers; for a longer one no client waits.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10);

pub(super) fn list(node: Node<'_>) -> Option<Vec<RouteHook>> {
    node.named_list(0..=MAX_HOOKS, |node| {
        node.object(|fields| {
            let name = fields.required("name", |node| node.text(name));
            let timeout = fields.optional("timeout", |node| node.text(|text| text::duration(text, &TIMEOUT)));
            let failure_policy = fields.optional("failurePolicy", |node| node.word(&[("Deny", ())]));
            let mode = fields
                .or_default("mode", |node| node.word(&[("Enforce", HookMode::Enforce), ("Shadow", HookMode::Shadow)]));
            failure_policy?;
            Some(RouteHook { name: name?, timeout: timeout?, mode: mode? })
        })
    })
}

/// The name of a hook.
pub(super) fn name(text: &str) -> Result<HookName, &'static str> {
    HookName::new(text).ok_or("must be 1 to 63 of A-Z a-z 0-9 - _, with a letter or digit at both ends")
}
