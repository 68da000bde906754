//! The one answer: decided by a table, whoever has it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use osp_core::Denial;
use osp_core::access::{Explanation, explain as decide};
use osp_core::model::{HookMode, ObjectName, RouteHook};
use osp_core::table::RouteTable;

use super::Asked;

/// What is said of the place where a request goes, and of the one where the gateway itself reads what it copies.
const TO: [&str; 6] = ["route", "backend", "endpoint", "backendBucket", "backendKey", "credential"];
const FROM: [&str; 6] =
    ["sourceRoute", "sourceBackend", "sourceEndpoint", "sourceBackendBucket", "sourceBackendKey", "sourceCredential"];

/// Decides, and says why: one `field: value` a line.
pub(crate) fn told(asked: &Asked, table: &RouteTable) -> String {
    let explanation = decide(asked.hypothesis(), table);
    let mut out = String::new();
    let mut line = |field: &str, value: &str| {
        // A `String` takes everything.
        let _ = writeln!(out, "{field}: {}", on_one_line(value));
    };
    line("decision", if explanation.denial.is_none() { "allow" } else { "deny" });
    line("principal", &asked.principal.to_string());
    line("operation", asked.operation.name());
    if let Some(bucket) = asked.operation.bucket() {
        line("bucket", bucket.as_str());
    }
    if let Some(key) = asked.operation.key() {
        line("key", &key.as_str().escape_debug().to_string());
    }
    if let Some(denial) = &explanation.denial {
        let row = denial.row();
        line("status", &row.status.to_string());
        line("code", row.code);
        line("reason", row.reason);
        line("blame", row.blame.label());
        line("message", &denial.to_string());
    }
    for check in &explanation.checks {
        line("check", &check.to_string());
    }
    for (field, value) in way(&explanation) {
        line(field, &value);
    }
    for bucket in &explanation.buckets {
        line("shows", bucket.as_str());
    }
    for (pattern, route) in &explanation.patterns {
        line("asks", &format!("{pattern} of {route}"));
    }
    if let Some((place, request)) = asked.cross_origin() {
        let word = |granted: bool| if granted { "allow" } else { "deny" };
        // the headers that its script would send are not known here
        line("preflight", word(table.cors_for_anybody(place, &request).is_some()));
        line("cors", word(table.cors_for(&asked.principal.identity().namespace, place, &request).is_some()));
    }
    for problem in problems(asked, explanation.denial.as_ref(), table) {
        line("problem", problem);
    }
    out
}

/// Whom the request would have to pass, and where it would go then.
fn way(explanation: &Explanation) -> Vec<(&'static str, String)> {
    let of_hook = |(route, hook): &(ObjectName, RouteHook)| {
        let shadow = if hook.mode == HookMode::Shadow { " (shadow: decides nothing)" } else { "" };
        ("hook", format!("{} of {route}{shadow}", hook.name))
    };
    let mut lines: Vec<_> = explanation.hooks.iter().map(of_hook).collect();
    if explanation.source.is_some() {
        lines.push(("copiedBy", "gateway".to_owned()));
    }
    for (place, names) in [(&explanation.source, FROM), (&explanation.destination, TO)] {
        let Some(place) = place else { continue };
        let key = place.key.as_deref().map(|key| key.escape_debug().to_string());
        let values = [
            Some(place.route.to_string()),
            Some(place.backend.clone()),
            Some(place.endpoint.clone()),
            Some(place.bucket.clone()),
            key,
            Some(place.credential.to_string()),
        ];
        lines.extend(names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))));
    }
    lines
}

/// What is wrong with the documents that the request needs, where that is why.
fn problems<'t>(asked: &Asked, denial: Option<&Denial>, table: &'t RouteTable) -> BTreeSet<&'t str> {
    let problems = table.problems();
    let source = asked.operation.copy_source().map(|source| &source.bucket);
    let of_buckets =
        || asked.operation.bucket().into_iter().chain(source).flat_map(move |bucket| problems.of_bucket(bucket));
    match denial {
        Some(Denial::RouteBroken | Denial::NoSuchBucket(_)) => of_buckets().collect(),
        Some(Denial::NotReady) => of_buckets().chain(problems.of_any_bucket()).collect(),
        Some(Denial::UnknownAccessKey) => problems.of_client(asked.principal.identity()).collect(),
        _ => BTreeSet::new(),
    }
}

/// C-7: what others have written makes no lines of its own and moves no cursor.
fn on_one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { out.extend(character.escape_debug()) } else { out.push(character) }
    }
    out
}
