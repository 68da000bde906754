//! References, selectors and consent: who names whom.

use osp_core::model::{AllowedNamespaces, Clients, HostPort, LabelSelector, Labels, Reference};

use super::reader::{Fields, Node};
use super::text;

/// More labels than any selector needs; each is compared with every identity of a namespace.
const MAX_LABELS: usize = 16;
const MAX_ENDPOINTS: usize = 16;

/// `{name, namespace?}`.
pub(super) fn reference(node: Node<'_>) -> Option<Reference> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::object_name));
        let namespace = fields.optional("namespace", |node| node.text(text::label));
        Some(Reference { namespace: namespace?, name: name? })
    })
}

/// At most one of `clientRef` and `clientSelector`: `Some(None)` when there is neither.
#[expect(clippy::option_option, reason = "absent and broken are not the same")]
pub(super) fn clients(fields: &Fields<'_>) -> Option<Option<Clients>> {
    let one = fields.optional("clientRef", reference);
    let selected = fields.optional("clientSelector", selector);
    match (one?, selected?) {
        (Some(_), Some(_)) => fields.refuse_object("must have one of clientRef, clientSelector, not both"),
        (Some(reference), None) => Some(Some(Clients::One(reference))),
        (None, Some(selector)) => Some(Some(Clients::Selected(selector))),
        (None, None) => Some(None),
    }
}

/// `{matchLabels: {...}}`. An empty one is refused: in Kubernetes it selects everything, which an oversight should not.
pub(super) fn selector(node: Node<'_>) -> Option<LabelSelector> {
    node.object(|fields| {
        let match_labels = fields.required("matchLabels", |node| {
            let place = node.clone();
            let pairs = node.entries(|key, node| {
                let place = node.clone();
                let value = node.text(text::label_value)?;
                match text::label_key(key) {
                    Ok(key) => Some((key, value)),
                    Err(message) => place.refuse(message),
                }
            })?;
            match pairs.len() {
                1..=MAX_LABELS => Some(pairs.into_iter().collect::<Labels>()),
                _ => place.refuse(format!("must have 1 to {MAX_LABELS} labels")),
            }
        });
        Some(LabelSelector { match_labels: match_labels? })
    })
}

/// Words of `allowedNamespaces.from`.
#[derive(Clone, Copy)]
enum From {
    Same,
    Selector,
    All,
}

/// `allowedNamespaces`; absent = `Same`.
pub(super) fn allowed_namespaces(spec: &Fields<'_>) -> Option<AllowedNamespaces> {
    spec.or_default("allowedNamespaces", |node| {
        node.object(|fields| {
            let words = [("Same", From::Same), ("Selector", From::Selector), ("All", From::All)];
            let from = fields.required("from", |node| node.word(&words));
            let selector = fields.optional("selector", selector);
            match (from?, selector?) {
                (From::Selector, Some(selector)) => Some(AllowedNamespaces::Selector(selector)),
                (From::Selector, None) => fields.refuse("selector", "is required with from: Selector"),
                (_, Some(_)) => fields.refuse("selector", "means nothing without from: Selector"),
                (From::Same, None) => Some(AllowedNamespaces::Same),
                (From::All, None) => Some(AllowedNamespaces::All),
            }
        })
    })
}

/// `allowedEndpoints`; absent = anywhere.
pub(super) fn allowed_endpoints(spec: &Fields<'_>) -> Option<Vec<HostPort>> {
    spec.or_default("allowedEndpoints", |node| node.list(0..=MAX_ENDPOINTS, |node| node.text(HostPort::parse)))
}
