//! `BucketRoute`: what clients see and where it goes.

use osp_core::model::{
    AccessEntry, AddressingStyle, Backend, CaRef, CaRefKind, ClientScope, CredentialOverride, DenyEntry, Endpoint,
    ObjectName, Route, RouteMatch, TlsVerification, TrailingChecksums,
};
use osp_core::s3::{BucketName, KeyPrefix, Permission, Permissions};

use super::reader::{Fields, Node};
use super::reference::{clients, reference};
use super::{class_name, text};

const MAX_BACKENDS: usize = 8;
const MAX_ENTRIES: usize = 64;
const MAX_HOSTS: usize = 16;
const MAX_OVERRIDES: usize = 8;
const MAX_PREFIXES: usize = 64;
const MAX_CA_REFS: usize = 8;
const PERMISSIONS: usize = 6;

pub(super) fn spec(fields: &Fields<'_>, name: &ObjectName) -> Option<Route> {
    fields.required("spec", |node| {
        node.object(|spec| {
            let class = class_name(spec);
            let matches = spec.required("match", |node| node.object(route_match));
            let backend = spec.required("backends", |node| backends(node, matches.as_ref()));
            let access = spec.or_default("access", |node| node.named_list(0..=MAX_ENTRIES, access_entry));
            let deny = spec.or_default("deny", |node| node.named_list(0..=MAX_ENTRIES, deny_entry));
            overrides_fit(spec, backend.as_ref(), access.as_deref())?;
            class?;
            Some(Route { name: name.clone(), matches: matches?, backend: backend?, access: access?, deny: deny? })
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
fn overrides_fit(spec: &Fields<'_>, backend: Option<&Backend>, access: Option<&[AccessEntry]>) -> Option<()> {
    let Some(backend) = backend else { return Some(()) };
    let mut fits = Some(());
    for (index, entry) in access.unwrap_or_default().iter().enumerate() {
        for (place, other) in entry.credentials.iter().enumerate() {
            if other.backend != backend.name {
                fits =
                    spec.refuse(&format!("access[{index}].credentials[{place}].backend"), "is no backend of the route");
            }
        }
    }
    fits
}

fn backends(node: Node<'_>, matches: Option<&RouteMatch>) -> Option<Backend> {
    let place = node.clone();
    let mut backends = node.named_list(1..=MAX_BACKENDS, |node| backend(node, matches))?.into_iter();
    match (backends.next(), backends.next()) {
        (Some(only), None) => Some(only),
        _ => place.unsupported("more than one backend is not supported yet"),
    }
}

fn backend(node: Node<'_>, matches: Option<&RouteMatch>) -> Option<Backend> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::label));
        let endpoint = fields.required("endpoint", |node| node.text(Endpoint::parse));
        let region = fields.optional("region", |node| node.text(text::region));
        let addressing = fields.or_default("addressingStyle", |node| {
            node.word(&[("Path", AddressingStyle::Path), ("VirtualHost", AddressingStyle::VirtualHost)])
        });
        let bucket = match fields.optional("bucket", |node| node.text(text::backend_bucket)) {
            Some(None) => matches.map(|same| same.bucket.as_str().to_owned()),
            given => given.flatten(),
        };
        let prefix = match fields.optional("prefix", |node| node.text(text::any_prefix)) {
            Some(None) => matches.map(|same| same.prefix.clone()),
            given => given.flatten(),
        };
        let credential = fields.required("credentialRef", reference);
        let tls = fields.optional("tls", tls);
        let trailing_checksums = fields.or_default("trailingChecksums", |node| {
            node.word(&[("Forward", TrailingChecksums::Forward), ("Drop", TrailingChecksums::Drop)])
        });
        let tls_fits = tls_fits(fields, endpoint.as_ref(), matches!(tls, Some(Some(_))));
        let host_fits = host_fits(fields, endpoint.as_ref(), addressing, bucket.as_deref());
        let (verification, ca) = tls?.unwrap_or_default();
        tls_fits.and(host_fits)?;
        Some(Backend {
            name: name?,
            endpoint: endpoint?,
            region: region?.unwrap_or_else(|| "us-east-1".to_owned()),
            addressing: addressing?,
            bucket: bucket?,
            prefix: prefix?,
            credential: credential?,
            verification,
            ca,
            trailing_checksums: trailing_checksums?,
        })
    })
}

fn tls_fits(fields: &Fields<'_>, endpoint: Option<&Endpoint>, has_tls: bool) -> Option<()> {
    match endpoint {
        Some(endpoint) if has_tls && !endpoint.tls => fields.refuse("tls", "means nothing with an http endpoint"),
        _ => Some(()),
    }
}

/// In virtual-host style the bucket is a part of a host name (C28).
fn host_fits(
    fields: &Fields<'_>,
    endpoint: Option<&Endpoint>,
    addressing: Option<AddressingStyle>,
    bucket: Option<&str>,
) -> Option<()> {
    let (Some(endpoint), Some(AddressingStyle::VirtualHost), Some(bucket)) = (endpoint, addressing, bucket) else {
        return Some(());
    };
    let refuse = |why: &str| fields.refuse("addressingStyle", why);
    if endpoint.address().is_some() {
        refuse("VirtualHost needs an endpoint with a host name, not an address")
    } else if BucketName::parse(bucket).is_err() {
        refuse("VirtualHost needs a backend bucket that can be part of a host name")
    } else if endpoint.tls && bucket.contains('.') {
        refuse("VirtualHost over https cannot serve a bucket with a dot: no wildcard certificate covers it; use Path")
    } else {
        Some(())
    }
}

fn tls(node: Node<'_>) -> Option<(TlsVerification, Vec<CaRef>)> {
    node.object(|fields| {
        let verification = fields.or_default("verification", |node| {
            node.word(&[("Full", TlsVerification::Full), ("Insecure", TlsVerification::Insecure)])
        });
        let ca = fields.or_default("caCertificateRefs", |node| node.list(1..=MAX_CA_REFS, ca_ref));
        match (verification?, ca?) {
            (TlsVerification::Insecure, ca) if !ca.is_empty() => {
                fields.refuse("caCertificateRefs", "mean nothing with verification Insecure")
            }
            settings => Some(settings),
        }
    })
}

fn ca_ref(node: Node<'_>) -> Option<CaRef> {
    node.object(|fields| {
        let kind = fields
            .required("kind", |node| node.word(&[("ConfigMap", CaRefKind::ConfigMap), ("Secret", CaRefKind::Secret)]));
        let name = fields.required("name", |node| node.text(text::object_name));
        let key = fields.optional("key", |node| node.text(text::data_key));
        Some(CaRef { kind: kind?, name: name?, key: key?.unwrap_or_else(|| "ca.crt".to_owned()) })
    })
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
        ("Admin", None),
    ];
    let words = node.list(1..=PERMISSIONS, |node| {
        let place = node.clone();
        match node.word(&WORDS)? {
            Some(permission) => Some(permission),
            None => place.unsupported("ManageBuckets and Admin are not supported yet"),
        }
    })?;
    Some(words.into_iter().collect())
}

/// An empty list is refused: it would mean every key, which a list that a template left empty rarely means.
fn prefixes(node: Node<'_>) -> Option<Vec<KeyPrefix>> {
    node.list(1..=MAX_PREFIXES, |node| node.text(text::prefix))
}
