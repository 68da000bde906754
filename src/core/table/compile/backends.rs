//! `spec.backends[]` -> the usable ones: each on its own, so that one broken reference leaves the others in service.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::canonical::{Canonical, Digest};
use super::certificates::Trusted;
use super::credentials::{Usable, value};
use super::resolve::{Granted, Resolver};
use super::surroundings::Surroundings;
use super::{Rejections, problem};
use crate::model::{
    AddressingStyle, Backend, BackendCredential, ObjectName, Problem, ProcessProxy, ProxyRef, Reason, Route,
    TlsVerification, Traffic, TrailingChecksums, basic_authorization,
};
use crate::s3::Mapping;
use crate::table::{Backends, ClientCertificate, Proxy, ServedBackend, ServedRoute, Upstream};

/// Longest user name and password for a proxy: both go into one header.
const MAX_PROXY_SECRET_BYTES: usize = 1024;

/// Everything that a backend refers to, found.
struct Found {
    credential: Usable,
    trusted: Trusted,
    client_certificate: Option<Arc<ClientCertificate>>,
    proxy: Option<Arc<Proxy>>,
    /// The operator of the process has not limited where backends may be.
    anywhere: bool,
}

/// The usable backends of a route; `None` when there is none. Problems name their backend.
pub(super) fn resolve(
    resolver: &mut Resolver<'_>,
    name: &ObjectName,
    route: &Route,
    (granted, reject): (&Granted<'_>, &mut impl FnMut(Problem)),
) -> Option<Backends> {
    let mut usable: Vec<Arc<ServedBackend>> = Vec::with_capacity(route.backends.len());
    let mut writes = None;
    for (index, backend) in route.backends.iter().enumerate() {
        let mut report =
            |wrong: Problem| reject(Problem { field: format!("spec.backends[{index}].{}", wrong.field), ..wrong });
        let Some(found) = find(resolver, name, backend, &mut report) else { continue };
        let mapping = Mapping {
            client_bucket: route.matches.bucket.clone(),
            client_prefix: route.matches.prefix.clone(),
            backend_bucket: backend.bucket.clone(),
            prefix: backend.prefix.clone(),
            // no name has a line break in it
            issuer: format!("{name}\n{}\n{}", backend.name, backend.endpoint).into(),
        };
        let served = Arc::new(ServedBackend {
            name: backend.name.as_str().into(),
            place: u8::try_from(usable.len()).unwrap_or(u8::MAX),
            priority: backend.priority,
            weight: backend.weight,
            mapping: Arc::new(mapping),
            overrides: Arc::new(overrides(resolver, name, backend, (granted, &found))),
            upstream: Arc::new(upstream(backend, &found.credential, &found)),
        });
        if index == route.traffic.writes {
            writes = Some(Arc::clone(&served));
        }
        usable.push(served);
    }
    let Traffic { reads, retries, copies, writes: _ } = route.traffic;
    let complete = usable.len() == route.backends.len();
    (!usable.is_empty()).then_some(Backends { usable, complete, writes, reads, retries, copies })
}

/// What the owner of a served route should know about its backends.
pub(super) fn notice(name: &ObjectName, route: &Route, served: &ServedRoute, notices: &mut Rejections) {
    let (usable, all) = (served.backends.usable().len(), route.backends.len());
    if usable < all {
        let message = format!("{usable} of {all} backends usable");
        let partially = problem("spec.backends", Reason::PartiallyProgrammed, message);
        notices.add("BucketRoute", name, "Programmed", partially);
    }
    for (index, backend) in route.backends.iter().enumerate() {
        if backend.verification == TlsVerification::Insecure {
            let field = format!("spec.backends[{index}].tls.verification");
            let message = "the certificate of this backend is not checked";
            notices.add("BucketRoute", name, "InsecureBackend", problem(field, Reason::InsecureBackend, message));
        }
    }
}

/// Every reference of one backend, or `None` after all that is wrong was reported.
fn find(
    resolver: &mut Resolver<'_>,
    name: &ObjectName,
    backend: &Backend,
    report: &mut impl FnMut(Problem),
) -> Option<Found> {
    // all of them before the first `?`
    let credential = resolver.credential(name, backend, &backend.credential);
    let credential = credential.map_err(|wrong| report(wrong.at("credentialRef"))).ok();
    let is_allowed = resolver.process_allows(backend).map_err(&mut *report).ok();
    let trusted = resolver.bundles.trust(name, backend, resolver.surroundings).map_err(&mut *report).ok();
    let client_certificate = optional(backend.client_certificate.as_ref(), |secret| {
        client_certificate(&name.sibling(secret), resolver.surroundings).map_err(&mut *report)
    });
    let proxy = match &backend.proxy {
        given @ Some(_) => {
            optional(given.as_ref(), |given| proxy(name, given, resolver.surroundings).map_err(&mut *report))
        }
        None => {
            Some(resolver.surroundings.process.proxies.to(&backend.endpoint).map(|given| Arc::new(of_process(given))))
        }
    };
    is_allowed?;
    Some(Found {
        credential: credential?,
        trusted: trusted?,
        client_certificate: client_certificate?,
        proxy: proxy?,
        anywhere: resolver.surroundings.process.allowed_endpoints.is_empty(),
    })
}

/// `Some(None)` when it is not asked for, `None` when it is and cannot be had.
#[expect(clippy::option_option, reason = "absent and broken are not the same")]
fn optional<A, T>(given: Option<A>, read: impl FnOnce(A) -> Result<T, ()>) -> Option<Option<Arc<T>>> {
    match given.map(read) {
        None => Some(None),
        Some(Ok(value)) => Some(Some(Arc::new(value))),
        Some(Err(())) => None,
    }
}

fn client_certificate(secret: &ObjectName, surroundings: &Surroundings) -> Result<ClientCertificate, Problem> {
    let wrong = |what: &str| problem("tls.clientCertificateRef.name", Reason::InvalidCertificateRef, what);
    let data = surroundings.secrets.get(secret).ok_or_else(|| wrong("there is no such Secret in this namespace"))?;
    let part = |key: &str| data.get(key).ok_or_else(|| wrong(&format!("the Secret has no key {key}")));
    let chain = CertificateDer::pem_slice_iter(part("tls.crt")?)
        .map(|item| item.ok().map(|der| der.to_vec()).filter(|der| super::certificates::is_one_sequence(der)))
        .collect::<Option<Vec<_>>>()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| wrong("tls.crt is no chain of PEM certificates"))?;
    let key = PrivateKeyDer::from_pem_slice(part("tls.key")?).map_err(|_| wrong("tls.key is no PEM private key"))?;
    Ok(ClientCertificate { chain, key: Zeroizing::new(key.secret_der().to_vec()) })
}

fn of_process(given: &ProcessProxy) -> Proxy {
    Proxy { endpoint: given.endpoint.clone(), authorization: given.authorization.clone() }
}

fn proxy(route: &ObjectName, given: &ProxyRef, surroundings: &Surroundings) -> Result<Proxy, Problem> {
    const FIELD: &str = "proxy.credentialsSecretRef.name";
    let endpoint = given.endpoint.clone();
    let Some(secret) = &given.credentials else { return Ok(Proxy { endpoint, authorization: None }) };
    let data = surroundings.secrets.get(&route.sibling(secret));
    let data = data.ok_or_else(|| {
        problem(
            FIELD,
            Reason::CredentialNotFound,
            "there is no such Secret with username and password in this namespace",
        )
    })?;
    let text = |text: &str| (1..=MAX_PROXY_SECRET_BYTES).contains(&text.len()).then(|| Zeroizing::new(text.to_owned()));
    // Basic knows no colon in the user's name (RFC 7617, 2)
    let username = value(data, "username", FIELD, |name| text(name).filter(|name| !name.contains(':')))?;
    let password = value(data, "password", FIELD, text)?;
    let header = basic_authorization(&username, &password);
    let header = header.ok_or_else(|| problem(FIELD, Reason::KeyMissing, "username and password are too long"))?;
    Ok(Proxy { endpoint, authorization: Some(header) })
}

/// The other upstreams that some rules lead to: the same backend with other keys.
fn overrides(
    resolver: &Resolver<'_>,
    name: &ObjectName,
    backend: &Backend,
    (granted, found): (&Granted<'_>, &Found),
) -> BTreeMap<usize, Upstream> {
    let mut others = BTreeMap::new();
    for (index, (_, credentials)) in granted.iter().enumerate() {
        let other = credentials.iter().find(|other| other.backend == backend.name);
        let usable = other.and_then(|other| resolver.credential(name, backend, &other.credential).ok());
        if let Some(usable) = usable {
            others.insert(index, upstream(backend, &usable, found));
        }
    }
    others
}

fn upstream(backend: &Backend, usable: &Usable, found: &Found) -> Upstream {
    let Found { trusted, client_certificate, proxy, .. } = found;
    let mut group = Canonical::new("pool group");
    group.text(&backend.endpoint.to_string()).bytes(&trusted.digest).bytes(&usable.digest);
    group.text(backend.server_name.as_deref().unwrap_or_default());
    group.bytes(&client_certificate.as_deref().map(certificate_digest).unwrap_or_default());
    group.bytes(&proxy.as_deref().map(proxy_digest).unwrap_or_default());
    if proxy.is_some() && backend.addressing == AddressingStyle::VirtualHost {
        // a tunnel leads to one host, and the bucket is a part of its name
        group.text(&backend.bucket);
    }
    Upstream {
        source: usable.source.clone(),
        endpoint: backend.endpoint.clone(),
        region: backend.region.clone(),
        may_change_host: found.anywhere && usable.anywhere,
        addressing: backend.addressing,
        credential: usable.credential.clone(),
        trust: trusted.trust.clone(),
        server_name: backend.server_name.clone(),
        client_certificate: client_certificate.clone(),
        proxy: proxy.clone(),
        timeouts: backend.timeouts,
        // Requests without a signature carry no x-amz-content-sha256, and only that header tells a backend of frames
        // (trap 6). What will be fetched is not known yet, and how a body is proved is decided before.
        trailing_checksums: match usable.credential.fixed() {
            Some(BackendCredential::Keys { .. }) => backend.trailing_checksums,
            _ => TrailingChecksums::Drop,
        },
        pool_group: group.short(),
    }
}

fn certificate_digest(certificate: &ClientCertificate) -> Digest {
    let mut canonical = Canonical::new("client certificate");
    canonical.number(certificate.chain.len());
    for one in &certificate.chain {
        canonical.bytes(one);
    }
    canonical.bytes(&certificate.key);
    canonical.digest()
}

fn proxy_digest(proxy: &Proxy) -> Digest {
    let mut canonical = Canonical::new("proxy");
    canonical.text(&proxy.endpoint.to_string());
    match &proxy.authorization {
        Some(header) => canonical.text("with credentials").secret(header),
        None => canonical.text("without credentials"),
    };
    canonical.digest()
}
