//! K-API-2: every reason that compiling can give is given here, by a snapshot that differs from a good one in one thing.

use super::*;
use crate::model::{Callable, HookName, HookState, Origin, ProcessRules};

/// A reason, the snapshot that leads to it, and where it shows.
fn cases() -> Vec<(Reason, Snapshot, &'static str)> {
    [of_routes(), of_references(), of_secrets(), of_hooks()].concat()
}

fn changed(change: fn(&mut Snapshot)) -> Snapshot {
    let mut snapshot = complete();
    change(&mut snapshot);
    snapshot
}

fn of_routes() -> Vec<(Reason, Snapshot, &'static str)> {
    vec![
        (
            Reason::Conflicted,
            changed(|s| drop(s.routes.insert(name("z"), valid(route("data", &[]))))),
            "BucketRoute default/z Accepted spec.match.bucket",
        ),
        (
            Reason::HostConflict,
            changed(|s| s.process.base_hosts = vec!["s3.example".into(), "data.s3.example".into()]),
            "BucketRoute default/data Accepted spec.match.bucket",
        ),
        (
            Reason::HostNotAllowed,
            edit(|route| route.matches.hosts = vec!["s3.example".into()]),
            "BucketRoute default/data Accepted spec.match.hosts",
        ),
        (
            Reason::PatternNotAllowed,
            changed(|s| {
                s.process.patterns = Some(Vec::new());
                let mut of_pattern = route("data", &["demo"]);
                of_pattern.matches.bucket = crate::s3::BucketMatch::parse("z*").unwrap();
                s.routes.insert(name("z"), valid(of_pattern));
            }),
            "BucketRoute default/z Accepted spec.match.bucket",
        ),
    ]
}

fn of_references() -> Vec<(Reason, Snapshot, &'static str)> {
    let foreign = Reference { namespace: Some("other".into()), name: "keys".into() };
    vec![
        (
            Reason::CredentialNotFound,
            changed(|s| s.credentials.clear()),
            "BucketRoute default/data ResolvedRefs spec.backends[0].credentialRef.name",
        ),
        (
            Reason::ClientNotFound,
            changed(|s| s.clients.clear()),
            "BucketRoute default/data ResolvedRefs spec.access[0].clientRef.name",
        ),
        (
            Reason::RefNotPermitted,
            edit(|route| route.backends[0].credential = foreign),
            "BucketRoute default/data ResolvedRefs spec.backends[0].credentialRef",
        ),
        (
            Reason::EndpointNotAllowed,
            changed(|s| {
                let allowed_endpoints = vec![crate::model::HostPort::parse("elsewhere:1").unwrap()];
                s.process = ProcessRules { allowed_endpoints, ..ProcessRules::default() };
            }),
            "BucketRoute default/data ResolvedRefs spec.backends[0].endpoint",
        ),
        (
            Reason::InvalidCertificateRef,
            with_ca("no pem", CaRefKind::ConfigMap),
            "BucketRoute default/data ResolvedRefs spec.backends[0].tls.caCertificateRefs[0]",
        ),
    ]
}

fn of_secrets() -> Vec<(Reason, Snapshot, &'static str)> {
    vec![
        (
            Reason::SecretNotFound,
            changed(|s| drop(s.secrets.remove(&name("backend")))),
            "CredentialSource default/keys Ready spec.secret.name",
        ),
        (
            Reason::KeyMissing,
            changed(|s| drop(s.secrets.insert(name("demo-1"), BTreeMap::new()))),
            "ClientIdentity default/demo Ready spec.accessKey.secretRefs[0].accessKeyIDKey",
        ),
        (
            Reason::DuplicateAccessKey,
            changed(|s| {
                s.clients.insert(name("twin"), client(&["twin-1"]));
                s.secrets.insert(name("twin-1"), secret("AKIADEMO", "another"));
            }),
            "ClientIdentity default/twin Ready spec.accessKey.secretRefs",
        ),
        (
            Reason::PartiallyProgrammed,
            edit(|route| {
                let credential = Reference::local("gone");
                let second = Backend { name: "second".into(), credential, ..route.backends[0].clone() };
                route.backends.push(second);
            }),
            "BucketRoute default/data Programmed spec.backends",
        ),
        (
            Reason::InsecureBackend,
            edit(|route| {
                route.backends[0].endpoint = Endpoint::parse("https://s3.example.com").unwrap();
                route.backends[0].verification = TlsVerification::Insecure;
            }),
            "BucketRoute default/data InsecureBackend spec.backends[0].tls.verification",
        ),
    ]
}

fn of_hooks() -> Vec<(Reason, Snapshot, &'static str)> {
    let why = "SyntaxError".to_owned();
    let with = |known: Option<HookState>| {
        let mut snapshot = edit(|route| route.hooks = vec![super::hooks::hook("policy")]);
        let known = known.map(|state| (HookName::new("policy").unwrap(), state));
        snapshot.process.hooks = Some(Arc::new(known.into_iter().collect()));
        snapshot
    };
    let refused = "BucketRoute default/data ResolvedRefs spec.hooks[0].name";
    vec![
        (Reason::HookNotFound, with(None), refused),
        (Reason::HookInvalid, with(Some(HookState::Invalid { why: why.clone() })), refused),
        (Reason::HookInvalid, with(Some(HookState::Current { callables: vec![Callable::LookupSecret] })), refused),
        (Reason::HookStale, with(Some(HookState::Stale { callables: vec![Callable::Authorize], why })), refused),
    ]
}

#[test]
fn k_api_2_each_case_gives_its_reason_and_the_good_one_gives_none() {
    assert_eq!(said(&compile(&complete())), Vec::<String>::new());
    for (reason, snapshot, expected) in cases() {
        let compiled = compile(&snapshot);
        let all = [said(&compiled), lines(&compiled.notices)].concat();
        assert!(all.contains(&format!("{expected} {reason}")), "{reason}: {all:?}");
    }
}

#[test]
fn k_api_2_no_reason_is_without_a_case() {
    let covered: BTreeSet<Reason> = cases().into_iter().map(|(reason, ..)| reason).collect();
    let given: BTreeSet<Reason> = Reason::ALL.into_iter().filter(|reason| reason.origin() == Origin::Compile).collect();
    assert_eq!(covered, given);
}
