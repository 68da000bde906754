//! `spec.backends[]` and `spec.traffic` of a `BucketRoute`: where requests go.

use std::ops::RangeInclusive;
use std::time::Duration;

use osp_core::model::{
    AddressingStyle, Backend, CaRef, CaRefKind, Copies, Endpoint, ProxyRef, Reads, Retries, RouteMatch, Timeouts,
    TlsVerification, Traffic, TrailingChecksums,
};
use osp_core::s3::{BucketMatch, BucketName, BucketPattern, PLACEHOLDER};

use super::reader::{Fields, Node};
use super::reference::reference;
use super::text;

const MAX_BACKENDS: usize = 8;
const MAX_CA_REFS: usize = 8;
const MAX_PRIORITY: u8 = 7;
const MAX_WEIGHT: u16 = 1000;
const DEFAULT_WEIGHT: u16 = 100;
const MAX_ATTEMPTS: u8 = 5;
const DEFAULT_ATTEMPTS: u8 = 2;
const DEFAULT_BACKOFF: Duration = Duration::from_millis(100);
/// A backend across the world answers a SYN within a second; more than a minute is a mistake.
const CONNECT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const FIRST_BYTE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
const IDLE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const BACKOFF: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(10);

pub(super) fn list(node: Node<'_>, matches: Option<&RouteMatch>) -> Option<Vec<Backend>> {
    node.named_list(1..=MAX_BACKENDS, |node| backend(node, matches))
}

/// `traffic` may be left out with one backend; with more, `writes` has to name one: nothing else could know where the
/// truth is.
pub(super) fn traffic(spec: &Fields<'_>, backends: Option<&[Backend]>) -> Option<Traffic> {
    let several = backends.is_some_and(|backends| backends.len() > 1);
    let only = Traffic { reads: Reads::Priority, writes: 0, retries: None, copies: Copies::Refuse };
    let given = spec.optional("traffic", |node| {
        node.object(|fields| {
            let reads = fields
                .or_default("reads", |node| node.word(&[("Priority", Reads::Priority), ("Weighted", Reads::Weighted)]));
            let writes = fields.optional("writes", |node| node.text(|text| place(text, backends)));
            let retries = fields.optional("retries", retries);
            let copies = fields.or_default("copyBetweenBackends", |node| {
                node.word(&[("Refuse", Copies::Refuse), ("Stream", Copies::Stream)])
            });
            let writes = match writes? {
                None if several => fields.refuse("writes", "is required with more than one backend"),
                other => Some(other.unwrap_or(0)),
            };
            Some(Traffic { reads: reads?, writes: writes?, retries: retries?, copies: copies? })
        })
    })?;
    match given {
        None if several => spec.refuse("traffic.writes", "is required with more than one backend"),
        other => Some(other.unwrap_or(only)),
    }
}

/// Where the backend of this name stands. With backends that could not be read nobody knows, and they are reported
/// already.
fn place(name: &str, backends: Option<&[Backend]>) -> Result<usize, &'static str> {
    let Some(backends) = backends else { return Ok(0) };
    backends.iter().position(|backend| backend.name == name).ok_or("must be the name of one of the backends")
}

fn retries(node: Node<'_>) -> Option<Retries> {
    node.object(|fields| {
        let attempts = fields.optional("attempts", |node| node.integer(1..=MAX_ATTEMPTS));
        let backoff = fields.optional("backoff", |node| node.text(|text| text::duration(text, &BACKOFF)));
        Some(Retries {
            attempts: attempts?.unwrap_or(DEFAULT_ATTEMPTS).into(),
            backoff: backoff?.unwrap_or(DEFAULT_BACKOFF),
        })
    })
}

fn timeouts(node: Node<'_>) -> Option<Timeouts> {
    node.object(|fields| {
        let read = |name, bounds: &'static RangeInclusive<Duration>| {
            fields.optional(name, |node| node.text(|text| text::duration(text, bounds)))
        };
        let (connect, first_byte, idle) =
            (read("connect", &CONNECT), read("firstByte", &FIRST_BYTE), read("idle", &IDLE));
        let timeouts = Timeouts { connect: connect?, first_byte: first_byte?, idle: idle? };
        match (timeouts.first_byte, timeouts.idle) {
            (Some(first_byte), Some(idle)) if idle < first_byte => {
                fields.refuse("idle", "must be at least as long as firstByte")
            }
            _ => Some(timeouts),
        }
    })
}

fn proxy(node: Node<'_>) -> Option<ProxyRef> {
    node.object(|fields| {
        let endpoint = fields.required("url", |node| {
            node.text(|text| match Endpoint::parse(text)? {
                endpoint if endpoint.tls => Err("must begin with http://: OSP speaks to proxies in plain text"),
                endpoint => Ok(endpoint),
            })
        });
        let credentials = fields.optional("credentialsSecretRef", secret);
        Some(ProxyRef { endpoint: endpoint?, credentials: credentials? })
    })
}

fn backend(node: Node<'_>, matches: Option<&RouteMatch>) -> Option<Backend> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::label));
        let endpoint = fields.required("endpoint", |node| node.text(Endpoint::parse));
        let region = fields.optional("region", |node| node.text(text::region));
        let addressing = fields.or_default("addressingStyle", |node| {
            node.word(&[("Path", AddressingStyle::Path), ("VirtualHost", AddressingStyle::VirtualHost)])
        });
        let bucket = bucket(fields, matches);
        let prefix = match fields.optional("prefix", |node| node.text(text::any_prefix)) {
            Some(None) => matches.map(|same| same.prefix.clone()),
            given => given.flatten(),
        };
        let credential = fields.required("credentialRef", reference);
        let tls = fields.optional("tls", tls);
        let proxy = fields.optional("proxy", proxy);
        let timeouts = fields.or_default("timeouts", timeouts);
        let priority = fields.optional("priority", |node| node.integer(0..=MAX_PRIORITY));
        let weight = fields.optional("weight", |node| node.integer(0..=MAX_WEIGHT));
        let trailing_checksums = fields.or_default("trailingChecksums", |node| {
            node.word(&[("Forward", TrailingChecksums::Forward), ("Drop", TrailingChecksums::Drop)])
        });
        let tls_fits = tls_fits(fields, endpoint.as_ref(), matches!(tls, Some(Some(_))));
        let pattern = matches.and_then(|matches| matches.bucket.pattern());
        let named = bucket.as_deref().map(|bucket| sample(bucket, pattern));
        let host_fits = host_fits(fields, endpoint.as_ref(), addressing, named.as_deref());
        let Tls { verification, ca, server_name, client_certificate } = tls?.unwrap_or_default();
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
            priority: priority?.unwrap_or(0),
            weight: weight?.unwrap_or(DEFAULT_WEIGHT),
            server_name,
            client_certificate,
            proxy: proxy?,
            timeouts: timeouts?,
        })
    })
}

/// The backend's bucket, or the template of its buckets. Without a `match` that can be read nobody knows which it has to be.
fn bucket(fields: &Fields<'_>, matches: Option<&RouteMatch>) -> Option<String> {
    let grammar = |text: &str| match matches.map(|matches| &matches.bucket) {
        Some(BucketMatch::Exact(_)) => text::backend_bucket(text),
        Some(BucketMatch::Pattern(_)) => text::bucket_template(text),
        None => text::backend_bucket(text).or_else(|_| text::bucket_template(text)),
    };
    match fields.optional("bucket", |node| node.text(grammar)) {
        Some(None) => matches.map(|same| match &same.bucket {
            BucketMatch::Exact(bucket) => bucket.as_str().to_owned(),
            BucketMatch::Pattern(_) => PLACEHOLDER.to_owned(),
        }),
        given => given.flatten(),
    }
}

/// A bucket as the template names it, with a dot in it if every bucket of the pattern has one.
fn sample(bucket: &str, pattern: Option<&BucketPattern>) -> String {
    let has_dot = pattern.is_some_and(|pattern| pattern.literal().contains('.'));
    bucket.replace(PLACEHOLDER, if has_dot { "a.a" } else { "a0a" })
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

#[derive(Default)]
struct Tls {
    verification: TlsVerification,
    ca: Vec<CaRef>,
    server_name: Option<String>,
    client_certificate: Option<String>,
}

fn tls(node: Node<'_>) -> Option<Tls> {
    node.object(|fields| {
        let verification = fields.or_default("verification", |node| {
            node.word(&[("Full", TlsVerification::Full), ("Insecure", TlsVerification::Insecure)])
        });
        let ca = fields.or_default("caCertificateRefs", |node| node.list(1..=MAX_CA_REFS, ca_ref));
        let server_name = fields.optional("serverName", |node| node.text(text::host_name));
        let client_certificate = fields.optional("clientCertificateRef", secret);
        match (verification?, ca?) {
            (TlsVerification::Insecure, ca) if !ca.is_empty() => {
                fields.refuse("caCertificateRefs", "mean nothing with verification Insecure")
            }
            (verification, ca) => {
                Some(Tls { verification, ca, server_name: server_name?, client_certificate: client_certificate? })
            }
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

/// `{name: ...}`: a Secret of the route's namespace, the only one that is ever read.
fn secret(node: Node<'_>) -> Option<String> {
    node.object(|fields| fields.required("name", |node| node.text(text::object_name)))
}
