//! `ConfigMap`: text by key.

use std::collections::BTreeMap;

use super::reader::{Fields, Node};
use super::text;

pub(super) fn contents(fields: &Fields<'_>) -> Option<BTreeMap<String, String>> {
    let immutable = fields.optional("immutable", Node::boolean);
    let data = fields.or_default("data", |node| {
        node.entries(|key, node| match text::data_key(key) {
            Ok(key) => Some((key, node.text(|text| Ok::<_, String>(text.to_owned()))?)),
            Err(message) => node.refuse(message),
        })
    });
    immutable?;
    Some(data?.into_iter().collect())
}
