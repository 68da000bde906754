//! `Secret`: `data` in base64 and `stringData`, which wins, as in Kubernetes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use osp_core::model::SecretData;
use zeroize::Zeroizing;

use super::reader::{Fields, Node};
use super::text;

type Pair = (String, Zeroizing<Vec<u8>>);

pub(super) fn contents(fields: &Fields<'_>) -> Option<SecretData> {
    // Of no meaning here, and in every Secret that kubectl writes.
    let kind = fields.optional("type", |node| node.text(|_| Ok::<_, String>(())));
    let immutable = fields.optional("immutable", Node::boolean);
    let data = fields.or_default("data", |node| node.entries(|key, node| pair(key, node, decode)));
    let text = fields.or_default("stringData", |node| node.entries(|key, node| pair(key, node, plain)));
    kind.and(immutable)?;
    Some(data?.into_iter().chain(text?).collect())
}

fn pair(key: &str, node: Node<'_>, value: impl FnOnce(&str) -> Result<Vec<u8>, &'static str>) -> Option<Pair> {
    match text::data_key(key) {
        Ok(key) => Some((key, Zeroizing::new(node.text(value)?))),
        Err(message) => node.refuse(message),
    }
}

fn plain(text: &str) -> Result<Vec<u8>, &'static str> {
    Ok(text.as_bytes().to_vec())
}

/// Line breaks are allowed, as Kubernetes allows them.
fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let joined = Zeroizing::new(text.replace(['\r', '\n'], ""));
    STANDARD.decode(joined.as_bytes()).map_err(|_| "must be base64; plain text belongs in stringData")
}
