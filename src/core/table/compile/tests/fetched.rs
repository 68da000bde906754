//! C24, C26: sources whose credentials are fetched.

use std::collections::BTreeMap;

use super::signed::{Call, call};
use super::*;
use crate::Denial;
use crate::access::{Decision, Permit};
use crate::model::{
    Callable, CredentialOverride, Endpoint, HookName, HookState, HostPort, NoProxy, ProcessProxy, SecretData,
    TokenEndpoint,
};
use crate::sigv4::SecretKey;
use crate::table::{FetchedKind, FetchedSource, UpstreamCredential};

fn iam() -> CredentialKind {
    CredentialKind::IbmIam {
        secret: "api-key".into(),
        api_key_key: "apikey".into(),
        token_endpoint: TokenEndpoint::of_ibm_cloud(),
        service_instance_id: None,
    }
}

fn python(hook: &str) -> CredentialKind {
    CredentialKind::Python { hook: HookName::new(hook).unwrap(), parameters: BTreeMap::new() }
}

fn api_key(text: &str) -> SecretData {
    [("apikey".to_owned(), Zeroizing::new(text.as_bytes().to_vec()))].into()
}

/// Route `data`, whose credential is of this kind.
fn with_kind(kind: CredentialKind) -> Snapshot {
    let mut snapshot = complete();
    snapshot.credentials.insert(name("keys"), source(kind));
    snapshot.secrets.insert(name("api-key"), api_key("the-api-key"));
    snapshot
}

fn fetched(snapshot: &Snapshot) -> Arc<FetchedSource> {
    match &only(&served(&compile(snapshot), "data")).upstream.credential {
        UpstreamCredential::Fetched(source) => Arc::clone(source),
        fixed => panic!("{fixed:?}"),
    }
}

#[test]
fn c24_an_api_key_is_in_the_table_and_no_token_is() {
    let snapshot = with_kind(iam());
    let source = fetched(&snapshot);
    let FetchedKind::IbmIam { api_key, endpoint, proxy: None, service_instance_id: None } = &source.kind else {
        panic!("{source:?}")
    };
    assert_eq!(*api_key, SecretKey::new("the-api-key".to_owned()).unwrap());
    assert_eq!(endpoint.to_string(), "https://iam.cloud.ibm.com/identity/token");
    assert_eq!(source.source, name("keys"));
    let compiled = compile(&snapshot);
    let text = format!("{source:?} {compiled:?} {snapshot:?}");
    assert!(!text.contains("the-api-key"), "an API key is shown");
}

/// Snapshots whose source differs, each in one thing.
fn different() -> Vec<Snapshot> {
    type Change = fn(&mut Snapshot);
    let of_kind = |change: fn(&mut CredentialKind)| {
        let mut kind = iam();
        change(&mut kind);
        with_kind(kind)
    };
    let change = |change: Change| {
        let mut snapshot = with_kind(iam());
        change(&mut snapshot);
        snapshot
    };
    let proxy =
        || Some(ProcessProxy { endpoint: Endpoint::parse("http://proxy.test:1").unwrap(), authorization: None });
    let mut told = python("hook");
    if let CredentialKind::Python { parameters, .. } = &mut told {
        parameters.insert("a".into(), "1".into());
    }
    vec![
        with_kind(iam()),
        change(|s| drop(s.secrets.insert(name("api-key"), api_key("another-api-key")))),
        change(|s| {
            s.credentials.insert(name("others"), source(iam()));
            let mut changed = route("data", &["demo"]);
            changed.backends[0].credential = Reference::local("others");
            s.routes.insert(name("data"), valid(changed));
        }),
        of_kind(|kind| {
            let CredentialKind::IbmIam { token_endpoint, .. } = kind else { panic!() };
            *token_endpoint = TokenEndpoint::parse("https://iam.test/identity/token").unwrap();
        }),
        of_kind(|kind| {
            let CredentialKind::IbmIam { service_instance_id, .. } = kind else { panic!() };
            *service_instance_id = Some("crn:1".into());
        }),
        {
            let mut snapshot = with_kind(iam());
            snapshot.process.proxies.https = proxy();
            snapshot
        },
        {
            let mut snapshot = with_kind(iam());
            snapshot.process.proxies.https =
                proxy().map(|proxy| ProcessProxy { authorization: SecretKey::new("Basic eA==".to_owned()), ..proxy });
            snapshot
        },
        with_kind(python("hook")),
        with_kind(python("another-hook")),
        with_kind(told),
    ]
}

fn proxy() -> Option<ProcessProxy> {
    Some(ProcessProxy { endpoint: Endpoint::parse("http://proxy.test:1").unwrap(), authorization: None })
}

/// K-CTL-7: what is fetched is shared by those whose document and contents are the same, and nobody else; so are pools.
#[test]
fn c24_sources_are_equal_only_if_the_document_and_all_of_its_contents_are() {
    let different = different();
    for (one, first) in different.iter().enumerate() {
        for (other, second) in different.iter().enumerate() {
            let same = fetched(first) == fetched(second);
            assert_eq!(same, one == other, "{one} {other}");
            let groups = [first, second].map(|s| only(&served(&compile(s), "data")).upstream.pool_group);
            assert_eq!(groups[0] == groups[1], one == other, "pools of {one} and {other}");
            let tables = [first, second].map(|s| compile(s).table.fingerprint());
            assert_eq!(tables[0] == tables[1], one == other, "tables of {one} and {other}");
        }
    }
    let mut direct = with_kind(iam());
    (direct.process.proxies.https, direct.process.proxies.except) = (proxy(), vec![NoProxy::Everything]);
    assert_eq!(fetched(&direct), fetched(&different[0]), "a proxy that is not on the way is no part of it");
}

#[test]
fn c24_what_is_missing_is_said_at_its_field() {
    type Change = fn(&mut Snapshot);
    let cases: [(Change, &str); 5] = [
        (|s| drop(s.secrets.remove(&name("api-key"))), "spec.ibmIAM.apiKeySecretRef.name SecretNotFound"),
        (|s| drop(s.secrets.insert(name("api-key"), SecretData::new())), "spec.ibmIAM.apiKeySecretRef.key KeyMissing"),
        (
            |s| drop(s.secrets.insert(name("api-key"), api_key("with a newline\n"))),
            "spec.ibmIAM.apiKeySecretRef.key KeyMissing",
        ),
        (
            |s| drop(s.secrets.insert(name("api-key"), api_key(&"x".repeat(1025)))),
            "spec.ibmIAM.apiKeySecretRef.key KeyMissing",
        ),
        (
            |s| {
                s.process.allowed_endpoints = vec![HostPort::parse("127.0.0.1:9000").unwrap()];
            },
            "spec.ibmIAM.tokenEndpoint EndpointNotAllowed",
        ),
    ];
    for (change, expected) in cases {
        let mut snapshot = with_kind(iam());
        change(&mut snapshot);
        let compiled = compile(&snapshot);
        let said = said(&compiled);
        assert!(said.iter().any(|one| one.contains(expected)), "{expected}: {said:?}");
        assert!(is_broken(&compiled, "data"), "{expected}");
    }
    let mut allowed = with_kind(iam());
    let hosts = ["127.0.0.1:9000", "iam.cloud.ibm.com:443"];
    allowed.process.allowed_endpoints = hosts.map(|host| HostPort::parse(host).unwrap()).into();
    fetched(&allowed);
}

/// A signature tells nobody the key; a token is one. In one namespace, whoever writes `http://` owns the token.
#[test]
fn c24_a_token_of_another_namespace_is_sent_over_verified_tls_only() {
    let told = |kind: CredentialKind, endpoint: &str, verification: TlsVerification, shared: bool| {
        let owner = if shared { "platform" } else { "default" };
        let endpoint = Endpoint::parse(endpoint).unwrap();
        let mut snapshot = edit(|route| {
            route.backends[0].verification = verification;
            route.backends[0].credential = Reference { namespace: Some(owner.into()), name: "keys".into() };
            route.backends[0].endpoint = endpoint.clone();
        });
        let shared = Credential {
            name: name("unused"),
            kind,
            allowed_namespaces: AllowedNamespaces::All,
            allowed_endpoints: vec![HostPort { host: endpoint.host.clone(), port: endpoint.port }],
        };
        snapshot.credentials.insert(ObjectName::new(owner, "keys"), valid(shared));
        snapshot.secrets.insert(ObjectName::new(owner, "api-key"), api_key("the-api-key"));
        snapshot.secrets.insert(ObjectName::new(owner, "backend"), secret("backend-key", "backend-secret"));
        said(&compile(&snapshot))
    };
    let full = TlsVerification::Full;
    let refused = ["BucketRoute default/data ResolvedRefs spec.backends[0].credentialRef EndpointNotAllowed"];
    assert_eq!(told(iam(), "http://cos.test", full, true), refused);
    assert_eq!(told(iam(), "https://cos.test", TlsVerification::Insecure, true), refused);
    assert_eq!(told(iam(), "https://cos.test", full, true), Vec::<String>::new());
    assert_eq!(told(iam(), "http://cos.test", full, false), Vec::<String>::new());
    assert_eq!(told(keys("backend"), "http://cos.test", full, true), Vec::<String>::new());
}

/// RS-6, trap 6: without a signature nothing tells a backend of frames, and what will be fetched is not known yet.
#[test]
fn c24_checksums_are_not_sent_in_trailers_where_there_may_be_no_signature() {
    for (kind, expected) in [
        (keys("backend"), TrailingChecksums::Forward),
        (iam(), TrailingChecksums::Drop),
        (python("hook"), TrailingChecksums::Drop),
    ] {
        let snapshot = with_kind(kind);
        assert_eq!(only(&served(&compile(&snapshot), "data")).upstream.trailing_checksums, expected);
    }
}

/// K5: a source whose hook could not answer says so, and so do the routes that name it.
#[test]
fn c26_a_hook_that_could_not_answer_is_said_at_its_field() {
    let known = |state: Option<HookState>| {
        let mut snapshot = with_kind(python("hook"));
        let name = HookName::new("hook").unwrap();
        snapshot.process.hooks = Some(Arc::new(state.map(|state| (name, state)).into_iter().collect()));
        compile(&snapshot)
    };
    let fetches = || vec![Callable::FetchCredentials];
    for (state, expected) in [
        (None, "HookNotFound"),
        (Some(HookState::Invalid { why: "SyntaxError".into() }), "HookInvalid"),
        (Some(HookState::Current { callables: vec![Callable::Authorize] }), "HookInvalid"),
    ] {
        let compiled = known(state);
        let expected = format!("CredentialSource default/keys Ready spec.python.hook {expected}");
        assert!(said(&compiled).contains(&expected), "{expected}: {:?}", said(&compiled));
        assert!(is_broken(&compiled, "data"), "{expected}");
    }
    let current = known(Some(HookState::Current { callables: fetches() }));
    let stale = known(Some(HookState::Stale { callables: fetches(), why: "SyntaxError".into() }));
    let notices = |compiled: &Compiled| {
        let line = |one: &Rejection| format!("{} {} {} {}", one.kind, one.name, one.condition, one.problem.reason);
        compiled.notices.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(notices(&stale), ["CredentialSource default/keys Ready HookStale"]);
    assert_eq!(notices(&current), Vec::<String>::new());
    for compiled in [current, stale, compile(&with_kind(python("hook")))] {
        assert_eq!(said(&compiled), Vec::<String>::new());
    }
}

fn permit(snapshot: &Snapshot, target: &str) -> Permit {
    call("GET", target).permit(&compile(snapshot).table)
}

#[test]
fn c26_a_hook_is_told_the_access_key_and_the_clients_bucket_and_pools_are_apart_by_both() {
    let mut snapshot = with_kind(python("hook"));
    let mut other = route("other", &["demo"]);
    other.backends[0].bucket = "data-real".into();
    snapshot.routes.insert(name("other"), valid(other));
    let (one, two) = (permit(&snapshot, "/data/k"), permit(&snapshot, "/other/k"));
    assert_eq!((one.for_whom().access_key, one.for_whom().bucket), ("AKIADEMO", "data"));
    assert_eq!((two.for_whom().access_key, two.for_whom().bucket), ("AKIADEMO", "other"));
    assert_ne!(one.pool_group(), two.pool_group());
    assert_eq!(one.pool_group(), permit(&snapshot, "/data/another").pool_group());
    let shared = with_kind(iam());
    let group = only(&served(&compile(&shared), "data")).upstream.pool_group;
    assert_eq!(permit(&shared, "/data/k").pool_group(), group, "a token is everybody's");
}

/// D01: inside one backend the target's credential reads the source, which is right only where it is the source's as well.
#[test]
fn c26_a_copy_between_buckets_with_keys_of_their_own_is_no_copy_inside_one_backend() {
    let copy = |kind: CredentialKind, source: &str| {
        let mut snapshot = with_kind(kind);
        let mut other = route("other", &["demo"]);
        other.backends[0].bucket = "other-real".into();
        snapshot.routes.insert(name("other"), valid(other));
        let headers = [("x-amz-copy-source", source)];
        Call { headers: &headers, ..call("PUT", "/data/copy") }.decide(&compile(&snapshot).table)
    };
    assert!(matches!(copy(iam(), "other/key"), Ok(Decision::Forward(_))));
    assert!(matches!(copy(keys("backend"), "other/key"), Ok(Decision::Forward(_))));
    assert!(matches!(copy(python("hook"), "data/key"), Ok(Decision::Forward(_))));
    assert!(matches!(copy(python("hook"), "other/key"), Err(Denial::NotImplemented(_))));
}

/// C26: `access[].credentials` may name a source of any kind.
#[test]
fn c26_an_entry_may_have_fetched_credentials_of_its_own() {
    let mut snapshot = edit(|route| {
        let other =
            CredentialOverride { backend: route.backends[0].name.clone(), credential: Reference::local("hook") };
        route.access[0].credentials = vec![other];
    });
    snapshot.credentials.insert(name("hook"), source(python("hook")));
    let permit = permit(&snapshot, "/data/k");
    assert!(
        matches!(&permit.upstream().credential, UpstreamCredential::Fetched(source) if source.source == name("hook"))
    );
}
