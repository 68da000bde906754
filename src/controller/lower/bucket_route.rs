//! `BucketRoute`: what clients see and where it goes.

use osp_core::model::{
    AccessEntry, Backend, ClientScope, Clients, CredentialOverride, DenyEntry, ObjectName, Route, RouteMatch,
};
use osp_core::s3::{BucketMatch, KeyPrefix, Permission, Permissions, templates_meet};

use super::reader::{Fields, Node};
use super::reference::{clients, reference};
use super::{backend, class_name, cors, hook, text};

const MAX_ENTRIES: usize = 64;
const MAX_HOSTS: usize = 16;
const MAX_OVERRIDES: usize = 8;
const MAX_PREFIXES: usize = 64;
const MAX_BUCKETS: usize = 64;

pub(super) fn spec(fields: &Fields<'_>, name: &ObjectName) -> Option<Route> {
    fields.required("spec", |node| {
        node.object(|spec| {
            let class = class_name(spec);
            let matches = spec.required("match", |node| node.object(route_match));
            let backends = spec.required("backends", |node| backend::list(node, matches.as_ref()));
            let traffic = backend::traffic(spec, backends.as_deref());
            let of = matches.as_ref().map(|matches| &matches.bucket);
            let access =
                spec.or_default("access", |node| node.named_list(0..=MAX_ENTRIES, |node| access_entry(node, of)));
            let deny = spec.or_default("deny", |node| node.named_list(0..=MAX_ENTRIES, deny_entry));
            let hooks = spec.or_default("hooks", hook::list);
            let cors = spec.or_default("cors", cors::rules);
            overrides_fit(spec, backends.as_deref(), access.as_deref())?;
            templates_apart(spec, of, backends.as_deref())?;
            class?;
            Some(Route {
                name: name.clone(),
                matches: matches?,
                backends: backends?,
                traffic: traffic?,
                access: access?,
                deny: deny?,
                hooks: hooks?,
                cors: cors?,
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
    let of_pattern = matches!(bucket, Some(BucketMatch::Pattern(_)));
    if of_pattern && prefix.as_ref().is_some_and(|prefix| !prefix.is_empty()) {
        return fields.refuse("prefix", "means nothing with a pattern: its routes are for whole buckets");
    }
    let mut hosts = hosts?;
    hosts.sort_unstable();
    hosts.dedup();
    Some(RouteMatch { bucket: bucket?, hosts, prefix: prefix?, scope: scope? })
}

/// Two backends at one endpoint must never have one bucket for two names: whoever may use the one name would have the
/// other's objects.
fn templates_apart(spec: &Fields<'_>, of: Option<&BucketMatch>, backends: Option<&[Backend]>) -> Option<()> {
    let (Some(BucketMatch::Pattern(pattern)), Some(backends)) = (of, backends) else { return Some(()) };
    let local = |backend: &Backend| backend.bucket.rsplit(':').next().map(str::to_owned);
    let mut apart = Some(());
    for (index, backend) in backends.iter().enumerate() {
        let meets = |earlier: &&Backend| {
            earlier.endpoint == backend.endpoint
                && local(earlier) != local(backend)
                && templates_meet((pattern, &earlier.bucket), (pattern, &backend.bucket))
        };
        if backends.iter().take(index).any(|earlier| meets(&earlier)) {
            let reason = "may be the bucket of another name at another backend of the same endpoint";
            apart = spec.refuse(&format!("backends[{index}].bucket"), reason);
        }
    }
    apart
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

/// `of` is the bucket or pattern of the route, if it can be read.
fn access_entry(node: Node<'_>, of: Option<&BucketMatch>) -> Option<AccessEntry> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::label));
        let everybody =
            fields.optional("principal", |node| node.word(&[("Authenticated", ())]).map(|()| Clients::Authenticated));
        let clients = match (clients(fields), everybody) {
            (Some(Some(clients)), Some(None)) | (Some(None), Some(Some(clients))) => Some(clients),
            (Some(_), Some(_)) => fields.refuse_object("must have one of clientRef, clientSelector, principal"),
            _ => None,
        };
        let permissions = fields.required("permissions", |node| permissions(node, of));
        let prefixes = fields.or_default("prefixes", prefixes);
        let buckets = fields.or_default("buckets", |node| buckets(node, of));
        let credentials = fields.or_default("credentials", credentials);
        Some(AccessEntry {
            name: name?,
            clients: clients?,
            permissions: permissions?,
            prefixes: prefixes?,
            buckets: buckets?,
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
        // who denies may deny what nobody can do
        let permissions = fields.optional("permissions", |node| permissions(node, None));
        let prefixes = fields.or_default("prefixes", prefixes);
        let permissions = permissions?.unwrap_or(Permissions::ALL);
        Some(DenyEntry { name: name?, clients: clients?, permissions, prefixes: prefixes? })
    })
}

fn permissions(node: Node<'_>, of: Option<&BucketMatch>) -> Option<Permissions> {
    let known = Permission::EVERY.map(|permission| (permission.word(), permission));
    let words = node.list(1..=Permission::EVERY.len(), |node| {
        let place = node.clone();
        match node.word(&known)? {
            Permission::ManageBuckets if of.is_some_and(|of| of.pattern().is_none()) => place
                .unsupported("ManageBuckets is for routes of patterns: the bucket of this route is made by its route"),
            permission => Some(permission),
        }
    })?;
    Some(words.into_iter().collect())
}

/// Which buckets of the pattern. What is none of them would grant nothing, which nobody writes on purpose.
fn buckets(node: Node<'_>, of: Option<&BucketMatch>) -> Option<Vec<BucketMatch>> {
    if of.is_some_and(|of| of.pattern().is_none()) {
        return node.refuse("means nothing without a pattern: the route is about one bucket");
    }
    node.list(1..=MAX_BUCKETS, |node| {
        node.text(|text| match text::client_bucket(text)? {
            bucket if of.is_some_and(|of| !of.overlaps(&bucket)) => Err("is no bucket of the pattern of this route"),
            bucket => Ok(bucket),
        })
    })
}

/// An empty list is refused: it would mean every key, which a list that a template left empty rarely means.
fn prefixes(node: Node<'_>) -> Option<Vec<KeyPrefix>> {
    node.list(1..=MAX_PREFIXES, |node| node.text(text::prefix))
}
