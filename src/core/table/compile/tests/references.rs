//! K-API-4, K02: who may name whom. Everything that is not consented to is denied in the same words, whether or not
//! there is anything on the other side.

use super::*;
use crate::model::{HostPort, LabelSelector, Labels, NAMESPACE_NAME_LABEL, ProcessRules, ProxyRef};

fn selector(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Labels::from([(key.to_owned(), value.to_owned())]) }
}

fn foreign(name: &str) -> Reference {
    Reference { namespace: Some("platform".to_owned()), name: name.to_owned() }
}

/// Consent, and whether it covers a route of `default` when its Namespace object (label `tenant=true`) is known.
fn consents() -> Vec<(&'static str, Option<AllowedNamespaces>, bool)> {
    vec![
        ("never", Some(AllowedNamespaces::Same), false),
        ("all", Some(AllowedNamespaces::All), true),
        ("by label", Some(AllowedNamespaces::Selector(selector("tenant", "true"))), true),
        ("by another label", Some(AllowedNamespaces::Selector(selector("tenant", "false"))), false),
        ("by name", Some(AllowedNamespaces::Selector(selector(NAMESPACE_NAME_LABEL, "default"))), true),
        ("by another name", Some(AllowedNamespaces::Selector(selector(NAMESPACE_NAME_LABEL, "x"))), false),
        ("invalid", None, false),
    ]
}

/// `complete()` with a source and an identity in `platform` that consent like this; `None` = they are invalid.
fn world(consent: Option<&AllowedNamespaces>, exists: bool) -> Snapshot {
    let mut snapshot = complete();
    let labels = Labels::from([("tenant".to_owned(), "true".to_owned())]);
    snapshot.namespaces.insert("default".into(), labels);
    if !exists {
        return snapshot;
    }
    let platform = |name: &str| ObjectName::new("platform", name);
    let endpoint = HostPort::parse("127.0.0.1:9000").unwrap();
    let (source, identity) = match consent {
        None => (invalid(None), invalid(None)),
        Some(consent) => (
            valid(Credential {
                name: platform("keys"),
                kind: keys("backend"),
                allowed_namespaces: consent.clone(),
                allowed_endpoints: vec![endpoint],
            }),
            valid(Client { allowed_namespaces: consent.clone(), ..client(&["demo-1"]).valid().unwrap().clone() }),
        ),
    };
    snapshot.credentials.insert(platform("keys"), source);
    snapshot.clients.insert(platform("partner"), identity);
    snapshot.secrets.insert(platform("backend"), secret("platform-key", "platform-secret"));
    snapshot.secrets.insert(platform("demo-1"), secret("AKIAPARTNER", "partner-secret"));
    snapshot
}

fn with(mut snapshot: Snapshot, change: impl FnOnce(&mut Route)) -> Snapshot {
    let Entry::Valid(route) = &mut snapshot.routes.get_mut(&name("data")).unwrap().entry else { panic!() };
    change(route);
    snapshot
}

/// Everything that the route's owner is told.
fn told(compiled: &Compiled) -> Vec<Rejection> {
    compiled.rejections.iter().filter(|one| one.kind == "BucketRoute").cloned().collect()
}

type Change = fn(&mut Route);

/// Where a reference may stand, and whether the route still serves without it.
const PLACES: [(&str, Change, bool); 4] = [
    ("spec.backends[0].credentialRef", |route| route.backends[0].credential = foreign("keys"), false),
    (
        "spec.access[1].clientRef",
        |route| {
            let clients = Clients::One(foreign("partner"));
            route.access.push(AccessEntry { name: "partner".into(), clients, ..route.access[0].clone() });
        },
        true,
    ),
    (
        "spec.deny[0].clientRef",
        |route| route.deny.push(DenyEntry { clients: Some(Clients::One(foreign("partner"))), ..deny(None, "x/") }),
        false,
    ),
    (
        "spec.access[1].credentials[0].credentialRef",
        |route| {
            let credentials = vec![CredentialOverride { backend: "only".into(), credential: foreign("keys") }];
            route.access.push(AccessEntry { name: "other-keys".into(), credentials, ..route.access[0].clone() });
        },
        true,
    ),
];

#[test]
fn k_api_4_the_matrix_of_consent() {
    for (field, change, survives) in PLACES {
        let missing = compile(&with(world(None, false), change));
        let denied = told(&missing);
        assert_eq!(denied.len(), 1, "{field}");
        assert_eq!((denied[0].problem.field.as_str(), denied[0].problem.reason), (field, Reason::RefNotPermitted));
        assert!(denied[0].problem.message.starts_with("not permitted"), "{}", denied[0].problem.message);
        for (word, consent, permitted) in consents() {
            let compiled = compile(&with(world(consent.as_ref(), true), change));
            if permitted {
                assert_eq!(told(&compiled), [], "{field} {word}");
                served(&compiled, "data");
            } else {
                assert_eq!(told(&compiled), denied, "{field} {word}: the same words, whether it exists or not");
                assert_eq!(is_broken(&compiled, "data"), !survives, "{field} {word}");
            }
            // Withdrawn: the next table knows nothing of it.
            let withdrawn = compile(&with(world(Some(&AllowedNamespaces::Same), true), change));
            assert_eq!(told(&withdrawn), denied, "{field} {word}");
        }
    }
}

#[test]
fn k_api_4_a_selector_by_label_needs_the_namespace_object_and_one_by_name_does_not() {
    let (_, change, _) = PLACES[0];
    for (word, consent, permitted) in consents() {
        let mut snapshot = with(world(consent.as_ref(), true), change);
        snapshot.namespaces.clear();
        let compiled = compile(&snapshot);
        assert_eq!(told(&compiled).is_empty(), permitted && word != "by label", "{word}");
    }
}

#[test]
fn k02_secrets_are_read_beside_the_object_that_names_them_and_nowhere_else() {
    let (_, change, _) = PLACES[0];
    let compiled = compile(&with(world(Some(&AllowedNamespaces::All), true), change));
    assert!(
        matches!(only(&served(&compiled, "data")).upstream.credential.fixed(), Some(BackendCredential::Keys { access_key, .. })
        if access_key.as_str() == "platform-key")
    );
    let mut snapshot = with(world(Some(&AllowedNamespaces::All), true), change);
    snapshot.secrets.remove(&ObjectName::new("platform", "backend"));
    let compiled = compile(&snapshot);
    assert!(is_broken(&compiled, "data"), "default/backend is not taken instead");
    assert_eq!(told(&compiled)[0].problem.reason, Reason::CredentialNotFound);
}

#[test]
fn a_namespace_may_be_written_out_and_is_then_no_border() {
    let own = Reference { namespace: Some("default".to_owned()), name: "keys".to_owned() };
    let compiled = compile(&edit(|route| route.backends[0].credential = own));
    assert_eq!(said(&compiled), Vec::<String>::new());
    let gone = Reference { namespace: Some("default".to_owned()), name: "gone".to_owned() };
    let compiled = compile(&edit(|route| route.backends[0].credential = gone));
    assert_eq!(told(&compiled)[0].problem.reason, Reason::CredentialNotFound);
}

/// With these `allowedEndpoints` of source and process the route is served, or broken because of one field.
fn assert_allowed(
    mut snapshot: Snapshot,
    (of_source, of_process): (Vec<HostPort>, Vec<HostPort>),
    field: Option<&str>,
) {
    snapshot.process = ProcessRules { allowed_endpoints: of_process, ..ProcessRules::default() };
    let Entry::Valid(source) = &mut snapshot.credentials.get_mut(&name("keys")).unwrap().entry else { panic!() };
    source.allowed_endpoints = of_source;
    let compiled = compile(&snapshot);
    let expected = field.map(|field| format!("BucketRoute default/data ResolvedRefs {field} EndpointNotAllowed"));
    assert_eq!(said(&compiled), expected.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(is_broken(&compiled, "data"), expected.is_some());
}

#[test]
fn k_api_5_endpoints_are_those_that_credential_and_process_allow() {
    let allowed = HostPort::parse("127.0.0.1:9000").unwrap();
    let other = HostPort::parse("127.0.0.1:9001").unwrap();
    for (of_source, of_process, field) in [
        (vec![], vec![], None),
        (vec![other.clone(), allowed.clone()], vec![allowed.clone()], None),
        (vec![other.clone()], vec![], Some("spec.backends[0].credentialRef")),
        (vec![], vec![other.clone()], Some("spec.backends[0].endpoint")),
    ] {
        assert_allowed(complete(), (of_source, of_process), field);
    }
}

#[test]
fn k_api_5_the_proxy_on_the_way_has_to_be_allowed_as_well() {
    let backend = HostPort::parse("127.0.0.1:9000").unwrap();
    let proxy = HostPort::parse("proxy.corp:3128").unwrap();
    for (of_source, of_process, field) in [
        (vec![], vec![], None),
        (vec![backend.clone(), proxy.clone()], vec![proxy.clone(), backend.clone()], None),
        (vec![backend.clone()], vec![], Some("spec.backends[0].credentialRef")),
        (vec![], vec![backend.clone()], Some("spec.backends[0].endpoint")),
    ] {
        let snapshot = with(complete(), |route| {
            let endpoint = Endpoint::parse("http://proxy.corp:3128").unwrap();
            route.backends[0].proxy = Some(ProxyRef { endpoint, credentials: None });
        });
        assert_allowed(snapshot, (of_source, of_process), field);
    }
}

#[test]
fn law_2_a_shared_credential_that_names_no_endpoints_goes_nowhere() {
    let (_, change, _) = PLACES[0];
    let mut snapshot = with(world(Some(&AllowedNamespaces::All), true), change);
    let keys = snapshot.credentials.get_mut(&ObjectName::new("platform", "keys")).unwrap();
    let Entry::Valid(source) = &mut keys.entry else { panic!() };
    source.allowed_endpoints.clear();
    assert_eq!(told(&compile(&snapshot))[0].problem.reason, Reason::EndpointNotAllowed);
}

/// `complete()` with identities of `role=reader` in two namespaces, and a route that selects them.
fn selecting(change: impl FnOnce(&mut Route, Clients)) -> Snapshot {
    let mut snapshot = complete();
    let readers = Clients::Selected(selector("role", "reader"));
    for (namespace, identity, role) in
        [("default", "reader", "reader"), ("default", "writer", "writer"), ("thief", "reader", "reader")]
    {
        let identity_name = ObjectName::new(namespace, identity);
        let mut object = client(&[identity]);
        object.labels = Labels::from([("role".to_owned(), role.to_owned())]);
        snapshot.clients.insert(identity_name.clone(), object);
        snapshot.secrets.insert(identity_name, secret(&format!("AKIA{namespace}{identity}"), "secret"));
    }
    with(snapshot, |route| change(route, readers))
}

fn reads(compiled: &Compiled, who: ObjectName, key: &str) -> bool {
    let route = served(compiled, "data");
    let object = Resource::Object(bucket("data"), ObjectKey::parse(key.into()).unwrap());
    route.policy.allows(&Principal::new(who), Permission::Read, &object)
}

#[test]
fn k_api_4_a_selector_selects_in_the_routes_own_namespace_only() {
    let compiled = compile(&selecting(|route, readers| route.access[0].clients = readers));
    assert!(reads(&compiled, name("reader"), "k"));
    assert!(!reads(&compiled, name("writer"), "k") && !reads(&compiled, name("demo"), "k"));
    assert!(!reads(&compiled, ObjectName::new("thief", "reader"), "k"), "a label that somebody gave itself");
    assert_eq!(compiled.table.visible_to(None, &principal("reader")), [bucket("data")]);
    assert_eq!(compiled.table.visible_to(None, &principal("writer")), []);
    assert_eq!(compiled.table.visible_to(None, &Principal::new(ObjectName::new("thief", "reader"))), []);
}

#[test]
fn a_deny_by_selector_holds_for_its_members_and_wins() {
    let compiled = compile(&selecting(|route, readers| {
        route.access[0].clients = Clients::One(Reference::local("reader"));
        route.access.push(self::route("data", &["writer"]).access[0].clone());
        route.deny.push(DenyEntry { clients: Some(readers), ..deny(None, "secret/") });
    }));
    assert!(reads(&compiled, name("reader"), "k") && !reads(&compiled, name("reader"), "secret/k"));
    assert!(reads(&compiled, name("writer"), "secret/k"));
    // Nobody is selected: nobody is denied, and the route serves.
    let nobody = Clients::Selected(selector("role", "nobody"));
    let compiled = compile(&edit(|route| route.deny.push(DenyEntry { clients: Some(nobody), ..deny(None, "x/") })));
    assert!(reads(&compiled, name("demo"), "x/k"));
}

#[test]
fn an_access_entry_may_lead_to_other_keys_of_the_backend() {
    let mut snapshot = edit(|route| {
        let credentials =
            vec![CredentialOverride { backend: "only".into(), credential: Reference::local("read-only") }];
        route.access.insert(0, AccessEntry { credentials, ..self::route("data", &["reader"]).access[0].clone() });
    });
    snapshot.clients.insert(name("reader"), client(&["reader-1"]));
    snapshot.secrets.insert(name("reader-1"), secret("AKIAREADER", "reader-secret"));
    snapshot.credentials.insert(name("read-only"), source(keys("read-only")));
    snapshot.secrets.insert(name("read-only"), secret("read-only-key", "x"));
    let compiled = compile(&snapshot);
    assert_eq!(said(&compiled), Vec::<String>::new());
    let route = served(&compiled, "data");
    let key_of = |rule: usize| match only(&route).upstream_for(rule).credential.fixed() {
        Some(BackendCredential::Keys { access_key, .. }) => access_key.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!((key_of(0).as_str(), key_of(1).as_str()), ("read-only-key", "backend-key"));
    assert_ne!(only(&route).upstream_for(0).pool_group, only(&route).upstream_for(1).pool_group, "K-CTL-7");

    // What cannot be had is not replaced by the route's own key.
    snapshot.credentials.remove(&name("read-only"));
    let compiled = compile(&snapshot);
    assert!(!reads(&compiled, name("reader"), "k") && reads(&compiled, name("demo"), "k"));
    let field = "spec.access[0].credentials[0].credentialRef.name";
    assert_eq!(said(&compiled), [format!("BucketRoute default/data ResolvedRefs {field} CredentialNotFound")]);
}

#[test]
fn k_api_7_a_copied_access_key_id_disables_nobody() {
    let mut snapshot = complete();
    // Older ones, and many of them, in one other namespace; the victim has a time, they have none.
    snapshot.clients.get_mut(&name("demo")).unwrap().created = Some(crate::Timestamp::from_unix_seconds(9));
    for index in 0..9 {
        let thief = ObjectName::new("a-thief", &format!("copy-{index}"));
        snapshot.clients.insert(thief.clone(), client(&[&thief.name, &format!("{}-more", thief.name)]));
        for secret_name in [thief.name.to_string(), format!("{}-more", thief.name)] {
            snapshot.secrets.insert(thief.sibling(&secret_name), secret("AKIADEMO", &format!("guess {secret_name}")));
        }
    }
    let compiled = compile(&snapshot);
    let holders: BTreeSet<String> = compiled
        .table
        .secrets(&AccessKeyId::parse("AKIADEMO").unwrap())
        .iter()
        .map(|one| one.principal.to_string())
        .collect();
    assert_eq!(holders.len(), 4);
    assert!(holders.contains("default/demo"), "{holders:?}");
    assert!(compiled.rejections.iter().all(|one| one.name != name("demo")));
}
