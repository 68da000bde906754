//! `BucketRoute.spec.cors`.

use std::collections::BTreeSet;

use osp_core::model::{Cors, CorsMethod, CorsRule};

use super::reader::{Fields, Node};
use super::text;

const MAX_RULES: usize = 32;
const MAX_ORIGINS: usize = 32;
const MAX_HEADERS: usize = 64;
/// A day: no browser keeps the answer to a preflight for longer.
const MAX_AGE_SECONDS: u32 = 86_400;

pub(super) fn rules(node: Node<'_>) -> Option<Cors> {
    node.list(0..=MAX_RULES, |node| node.object(rule)).map(Cors::from)
}

fn rule(fields: &Fields<'_>) -> Option<CorsRule> {
    let origins =
        fields.required("allowedOrigins", |node| node.list(1..=MAX_ORIGINS, |node| node.text(text::origin_pattern)));
    let methods = fields.required("allowedMethods", methods);
    let headers =
        fields.or_default("allowedHeaders", |node| node.list(1..=MAX_HEADERS, |node| node.text(text::header_pattern)));
    let exposed =
        fields.or_default("exposeHeaders", |node| node.list(1..=MAX_HEADERS, |node| node.text(text::header_name)));
    let age = fields.optional("maxAgeSeconds", |node| node.integer(0..=MAX_AGE_SECONDS));
    Some(CorsRule { origins: origins?, methods: methods?, headers: headers?, exposed: exposed?, max_age_seconds: age? })
}

fn methods(node: Node<'_>) -> Option<BTreeSet<CorsMethod>> {
    let known = CorsMethod::EVERY.map(|method| (method.word(), method));
    let words = node.list(1..=known.len(), |node| node.word(&known))?;
    Some(words.into_iter().collect())
}
