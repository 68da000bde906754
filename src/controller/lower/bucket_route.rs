//! `BucketRoute`: what clients see and where it goes.

use osp_core::model::{
    AccessEntry, Backend, ClientScope, CredentialOverride, DenyEntry, ObjectName, Route, RouteMatch,
};
use osp_core::s3::{KeyPrefix, Permission, Permissions};

use super::reader::{Fields, Node};
use super::reference::{clients, reference};
use super::{backend, class_name, text};

const MAX_ENTRIES: usize = 64;
const MAX_HOSTS: usize = 16;
const MAX_OVERRIDES: usize = 8;
const MAX_PREFIXES: usize = 64;
const PERMISSIONS: usize = 6;

pub(super) fn spec(fields: &Fields<'_>, name: &ObjectName) -> Option<Route> {
    fields.required("spec", |node| {
        node.object(|spec| {
            let class = class_name(spec);
            let matches = spec.required("match", |node| node.object(route_match));
            let backends = spec.required("backends", |node| backend::list(node, matches.as_ref()));
            let traffic = backend::traffic(spec, backends.as_deref());
            let access = spec.or_default("access", |node| node.named_list(0..=MAX_ENTRIES, access_entry));
            let deny = spec.or_default("deny", |node| node.named_list(0..=MAX_ENTRIES, deny_entry));
            overrides_fit(spec, backends.as_deref(), access.as_deref())?;
            class?;
            Some(Route {
                name: name.clone(),
                matches: matches?,
                backends: backends?,
                traffic: traffic?,
                access: access?,
                deny: deny?,
            })
        })
    })
}

pub(super) fn route_match(fields: &Fields<'_>) -> Option<RouteMatch> {
    let bucket = fields.required("bucket", |node| node.text(text::client_bucket));
    let hosts = fields.or_default("hosts", |node| node.list(0..=MAX_HOSTS, |node| node.text(text::host)));
    let prefix = fields.or_default("prefix", |node| node.text(text::any_prefix));
    let scope = fields.or_default("clientScope", |node| {
        node.word(&[("Any", ClientScope::Any), ("SameNamespace", ClientScope::SameNamespace)])
    });
    let mut hosts = hosts?;
    hosts.sort_unstable();
    hosts.dedup();
    Some(RouteMatch { bucket: bucket?, hosts, prefix: prefix?, scope: scope? })
}

/// Overrides name backends of the route.
fn overrides_fit(spec: &Fields<'_>, backends: Option<&[Backend]>, access: Option<&[AccessEntry]>) -> Option<()> {
    let Some(backends) = backends else { return Some(()) };
    let mut fits = Some(());
    for (index, entry) in access.unwrap_or_default().iter().enumerate() {
        for (place, other) in entry.credentials.iter().enumerate() {
            if !backends.iter().any(|backend| backend.name == other.backend) {
                fits =
                    spec.refuse(&format!("access[{index}].credentials[{place}].backend"), "is no backend of the route");
            }
        }
    }
    fits
}

fn access_entry(node: Node<'_>) -> Option<AccessEntry> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::label));
        let clients = clients(fields).and_then(|clients| match clients {
            Some(clients) => Some(clients),
            None => fields.refuse_object("must have one of clientRef, clientSelector"),
        });
        let permissions = fields.required("permissions", permissions);
        let prefixes = fields.or_default("prefixes", prefixes);
        let credentials = fields.or_default("credentials", credentials);
        Some(AccessEntry {
            name: name?,
            clients: clients?,
            permissions: permissions?,
            prefixes: prefixes?,
            credentials: credentials?,
        })
    })
}

/// A list of overrides, one for each backend at most.
fn credentials(node: Node<'_>) -> Option<Vec<CredentialOverride>> {
    let place = node.clone();
    let overrides = node.list(1..=MAX_OVERRIDES, |node| {
        node.object(|fields| {
            let backend = fields.required("backend", |node| node.text(text::label));
            let credential = fields.required("credentialRef", reference);
            Some(CredentialOverride { backend: backend?, credential: credential? })
        })
    })?;
    let backends: std::collections::BTreeSet<&str> = overrides.iter().map(|one| one.backend.as_str()).collect();
    if backends.len() == overrides.len() { Some(overrides) } else { place.refuse("must name each backend once") }
}

fn deny_entry(node: Node<'_>) -> Option<DenyEntry> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::label));
        let clients = clients(fields);
        let permissions = fields.optional("permissions", permissions);
        let prefixes = fields.or_default("prefixes", prefixes);
        let permissions = permissions?.unwrap_or(Permissions::ALL);
        Some(DenyEntry { name: name?, clients: clients?, permissions, prefixes: prefixes? })
    })
}

fn permissions(node: Node<'_>) -> Option<Permissions> {
    const WORDS: [(&str, Option<Permission>); PERMISSIONS] = [
        ("Read", Some(Permission::Read)),
        ("List", Some(Permission::List)),
        ("Write", Some(Permission::Write)),
        ("Delete", Some(Permission::Delete)),
        ("ManageBuckets", None),
        ("Admin", Some(Permission::Admin)),
    ];
    let words = node.list(1..=PERMISSIONS, |node| {
        let place = node.clone();
        match node.word(&WORDS)? {
            Some(permission) => Some(permission),
            None => place.unsupported("ManageBuckets is not supported yet: no route makes buckets"),
        }
    })?;
    Some(words.into_iter().collect())
}

/// An empty list is refused: it would mean every key, which a list that a template left empty rarely means.
fn prefixes(node: Node<'_>) -> Option<Vec<KeyPrefix>> {
    node.list(1..=MAX_PREFIXES, |node| node.text(text::prefix))
}
