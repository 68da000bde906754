use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::*;
use crate::access::Principal;
use crate::model::{
    AccessEntry, AddressingStyle, AllowedNamespaces, Backend, BackendCredential, CaRef, CaRefKind, Client, Clients,
    Copies, Cors, Credential, CredentialKind, CredentialOverride, DenyEntry, Endpoint, Reads, Reference, Route,
    RouteMatch, SecretRef, Timeouts, TlsVerification, Traffic, TrailingChecksums,
};
use crate::s3::{BucketName, KeyPrefix, ObjectKey, Permission, Permissions, Resource};
use crate::sigv4::AccessKeyId;
use crate::table::{Asker, Lookup, ServedBackend, ServedRoute, Trust};

mod backends;
mod copies;
mod cors;
mod decisions;
mod events;
mod fetched;
mod hooks;
mod listing;
mod memo;
mod order;
mod ownership;
mod patterns;
mod permits;
mod reasons;
mod references;
mod sharing;
mod signed;
mod size;

fn name(text: &str) -> ObjectName {
    ObjectName::new("default", text)
}

fn bucket(text: &str) -> BucketName {
    BucketName::parse(text).unwrap()
}

fn backend(bucket_name: &str) -> Backend {
    Backend {
        name: "only".into(),
        endpoint: Endpoint::parse("http://127.0.0.1:9000").unwrap(),
        region: "us-east-1".into(),
        addressing: AddressingStyle::Path,
        bucket: format!("{bucket_name}-real"),
        prefix: KeyPrefix::default(),
        credential: Reference::local("keys"),
        verification: TlsVerification::Full,
        ca: vec![],
        trailing_checksums: TrailingChecksums::Forward,
        priority: 0,
        weight: 100,
        server_name: None,
        client_certificate: None,
        proxy: None,
        timeouts: Timeouts::default(),
    }
}

fn route(bucket_name: &str, clients: &[&str]) -> Route {
    Route {
        name: name("unused: the key of the map counts"),
        matches: RouteMatch::whole(bucket(bucket_name)),
        backends: vec![backend(bucket_name)],
        traffic: Traffic { reads: Reads::Priority, writes: 0, retries: None, copies: Copies::Refuse },
        access: clients
            .iter()
            .map(|client| AccessEntry {
                name: (*client).into(),
                clients: Clients::One(Reference::local(client)),
                permissions: Permissions::ALL,
                prefixes: vec![],
                buckets: vec![],
                credentials: vec![],
            })
            .collect(),
        deny: vec![],
        hooks: vec![],
        cors: Cors::default(),
    }
}

fn deny(client: Option<&str>, prefix: &str) -> DenyEntry {
    DenyEntry {
        name: "no".into(),
        clients: client.map(|client| Clients::One(Reference::local(client))),
        permissions: Permissions::ALL,
        prefixes: vec![KeyPrefix::parse(prefix).unwrap()],
    }
}

fn invalid<T>(bucket_name: Option<&str>) -> Object<T> {
    let claim = bucket_name.map_or(Claim::Unreadable, |name| Claim::Match(RouteMatch::whole(bucket(name))));
    Entry::Invalid { claim, problems: vec![problem("spec.x", Reason::Invalid, "unknown")] }.into()
}

fn valid<T>(value: T) -> Object<T> {
    Entry::Valid(value).into()
}

fn client(secrets: &[&str]) -> Object<Client> {
    let secrets = secrets
        .iter()
        .map(|secret| SecretRef {
            name: (*secret).into(),
            access_key_id_key: "AWS_ACCESS_KEY_ID".into(),
            secret_access_key_key: "AWS_SECRET_ACCESS_KEY".into(),
        })
        .collect();
    valid(Client { name: name("unused"), secrets, allowed_namespaces: AllowedNamespaces::Same })
}

fn source(kind: CredentialKind) -> Object<Credential> {
    valid(Credential {
        name: name("unused"),
        kind,
        allowed_namespaces: AllowedNamespaces::Same,
        allowed_endpoints: vec![],
    })
}

fn keys(secret: &str) -> CredentialKind {
    CredentialKind::Secret {
        secret: secret.into(),
        access_key_id_key: "AWS_ACCESS_KEY_ID".into(),
        secret_access_key_key: "AWS_SECRET_ACCESS_KEY".into(),
        session_token_key: None,
    }
}

fn secret(id: &str, key: &str) -> BTreeMap<String, Zeroizing<Vec<u8>>> {
    [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", key)]
        .map(|(name, value)| (name.to_owned(), Zeroizing::new(value.as_bytes().to_vec())))
        .into()
}

/// Route `data` on bucket `data` with client `demo`; everything resolves.
fn complete() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.routes.insert(name("data"), valid(route("data", &["demo"])));
    snapshot.credentials.insert(name("keys"), source(keys("backend")));
    snapshot.clients.insert(name("demo"), client(&["demo-1"]));
    snapshot.secrets.insert(name("backend"), secret("backend-key", "backend-secret"));
    snapshot.secrets.insert(name("demo-1"), secret("AKIADEMO", "demo-secret"));
    snapshot
}

fn edit(change: impl FnOnce(&mut Route)) -> Snapshot {
    let mut snapshot = complete();
    let mut changed = route("data", &["demo"]);
    change(&mut changed);
    snapshot.routes.insert(name("data"), valid(changed));
    snapshot
}

const ANYBODY: Asker<'_> = Asker { host: None, namespace: "default" };

fn lookup(compiled: &Compiled, bucket_name: &str) -> Lookup {
    compiled.table.lookup(ANYBODY, &bucket(bucket_name), "")
}

fn served(compiled: &Compiled, bucket_name: &str) -> Arc<ServedRoute> {
    match lookup(compiled, bucket_name) {
        Lookup::Served(route) => route,
        other => panic!("{bucket_name} is not served: {other:?}, {:?}", compiled.rejections),
    }
}

/// The one backend of a route.
fn only(route: &ServedRoute) -> &ServedBackend {
    let [backend] = route.backends.usable() else { panic!("{:?}", route.backends) };
    backend
}

fn is_broken(compiled: &Compiled, bucket_name: &str) -> bool {
    matches!(lookup(compiled, bucket_name), Lookup::Broken)
}

/// `kind name condition field reason` of every rejection.
fn said(compiled: &Compiled) -> Vec<String> {
    lines(&compiled.rejections)
}

fn lines(of: &[Rejection]) -> Vec<String> {
    let line = |one: &Rejection| {
        format!("{} {} {} {} {}", one.kind, one.name, one.condition, one.problem.field, one.problem.reason)
    };
    of.iter().map(line).collect()
}

fn principal(text: &str) -> Principal {
    Principal::new(name(text))
}

fn may(route: &ServedRoute, who: &str, key: &str) -> bool {
    let named = route.backends.usable()[0].mapping.client_bucket.exact().unwrap().clone();
    let object = Resource::Object(named, ObjectKey::parse(key.into()).unwrap());
    route.policy.allows(&principal(who), Permission::Read, &object)
}

fn holders(compiled: &Compiled, key: &str) -> Vec<String> {
    let key = AccessKeyId::parse(key).unwrap();
    compiled.table.secrets(&key).iter().map(|one| one.principal.identity().name.to_string()).collect()
}

#[test]
fn a_complete_configuration_is_served() {
    let compiled = compile(&complete());
    assert_eq!(said(&compiled), Vec::<String>::new());
    let route = served(&compiled, "data");
    assert_eq!(route.name, name("data"));
    assert_eq!(only(&route).mapping.backend_bucket, "data-real");
    assert!(matches!(only(&route).upstream.credential.fixed(), Some(BackendCredential::Keys { access_key, .. })
        if access_key.as_str() == "backend-key"));
    assert!(may(&route, "demo", "x") && !may(&route, "other", "x"));
    assert_eq!(holders(&compiled, "AKIADEMO"), ["demo"]);
    assert_eq!(compiled.table.visible_to(None, &principal("demo")), [bucket("data")]);
    assert!(matches!(lookup(&compiled, "other"), Lookup::Absent));
}

#[test]
fn law_2_nothing_configured_serves_nothing() {
    let compiled = compile(&Snapshot::default());
    assert_eq!(compiled.table.routes().count(), 0);
    assert!(matches!(lookup(&compiled, "data"), Lookup::Absent));
    assert!(compiled.rejections.is_empty());
}

#[test]
fn k_api_6_an_invalid_route_breaks_its_bucket_and_no_other() {
    let mut snapshot = complete();
    snapshot.routes.insert(name("bad"), invalid(Some("bad-bucket")));
    let compiled = compile(&snapshot);
    assert!(is_broken(&compiled, "bad-bucket"));
    served(&compiled, "data");
    assert!(matches!(lookup(&compiled, "other"), Lookup::Absent));
    assert_eq!(said(&compiled), ["BucketRoute default/bad Accepted spec.x Invalid"]);
    assert_eq!(compiled.table.broken().collect::<Vec<_>>(), ["bad-bucket"]);
}

#[test]
fn k_api_6_an_unreadable_bucket_makes_every_unmatched_name_unknown() {
    let mut snapshot = complete();
    snapshot.routes.insert(name("bad"), invalid(None));
    let compiled = compile(&snapshot);
    assert!(matches!(lookup(&compiled, "other"), Lookup::Unknown));
    served(&compiled, "data");
}

#[test]
fn k_api_3_the_smallest_name_wins_a_bucket() {
    let mut snapshot = complete();
    snapshot.routes.insert(ObjectName::new("a-team", "zzz"), valid(route("data", &[])));
    let compiled = compile(&snapshot);
    // The winner's own namespace has no credential, so the bucket is broken: it does not fall to the other route.
    assert!(is_broken(&compiled, "data"));
    let lost = &compiled.rejections[1];
    assert_eq!(
        (lost.name.clone(), lost.condition, lost.problem.reason),
        (name("data"), "Accepted", Reason::Conflicted)
    );
    assert_eq!(lost.problem.message, "claimed by another route");

    let mut snapshot = complete();
    snapshot.routes.insert(name("later"), valid(route("data", &[])));
    let compiled = compile(&snapshot);
    assert_eq!(served(&compiled, "data").name, name("data"));
    assert_eq!(said(&compiled), ["BucketRoute default/later Accepted spec.match.bucket Conflicted"]);
}

#[test]
fn k_api_3_an_invalid_route_takes_part_in_precedence() {
    for (other, broken) in [("aaa", true), ("zzz", false)] {
        let mut snapshot = complete();
        snapshot.routes.insert(name(other), invalid(Some("data")));
        assert_eq!(is_broken(&compile(&snapshot), "data"), broken, "{other}");
    }
}

#[test]
fn a_missing_client_costs_its_own_access_entry_only() {
    let mut snapshot = edit(|route| route.access.extend(self::route("data", &["gone", "bad"]).access));
    snapshot.clients.insert(name("bad"), invalid(None));
    let compiled = compile(&snapshot);
    let route = served(&compiled, "data");
    assert!(may(&route, "demo", "x") && !may(&route, "gone", "x") && !may(&route, "bad", "x"));
    assert_eq!(
        said(&compiled),
        [
            "BucketRoute default/data ResolvedRefs spec.access[1].clientRef.name ClientNotFound",
            "BucketRoute default/data ResolvedRefs spec.access[2].clientRef.name ClientNotFound",
            "ClientIdentity default/bad Accepted spec.x Invalid",
        ]
    );
}

#[test]
fn law_2_a_deny_entry_with_a_missing_client_breaks_the_route() {
    let compiled = compile(&edit(|route| route.deny.push(deny(Some("gone"), "private/"))));
    assert!(is_broken(&compiled, "data"));
    assert_eq!(said(&compiled), ["BucketRoute default/data ResolvedRefs spec.deny[0].clientRef.name ClientNotFound"]);
    assert_eq!(compiled.table.visible_to(None, &principal("demo")), [bucket("data")]);

    for client in [Some("demo"), None] {
        let compiled = compile(&edit(|route| route.deny.push(deny(client, "private/"))));
        let route = served(&compiled, "data");
        assert!(may(&route, "demo", "x") && !may(&route, "demo", "private/x"));
    }
}

#[test]
fn a_credential_that_cannot_be_resolved_breaks_its_routes() {
    const ROUTE: &str = "BucketRoute default/data ResolvedRefs spec.backends[0].credentialRef.name CredentialNotFound";
    type Damage = fn(&mut Snapshot);
    let cases: [(Damage, &str); 7] = [
        (|s| drop(s.credentials.remove(&name("keys"))), ""),
        (|s| drop(s.credentials.insert(name("keys"), invalid(None))), "Accepted spec.x Invalid"),
        (|s| drop(s.secrets.remove(&name("backend"))), "Ready spec.secret.name SecretNotFound"),
        (|s| drop(s.secrets.insert(name("backend"), BTreeMap::new())), "Ready spec.secret.accessKeyIdKey KeyMissing"),
        (
            |s| drop(s.secrets.insert(name("backend"), secret("a b", "x"))),
            "Ready spec.secret.accessKeyIdKey KeyMissing",
        ),
        (
            |s| drop(s.secrets.insert(name("backend"), secret("a", ""))),
            "Ready spec.secret.secretAccessKeyKey KeyMissing",
        ),
        (
            |s| drop(s.secrets.insert(name("backend"), secret("a", "x\n"))),
            "Ready spec.secret.secretAccessKeyKey KeyMissing",
        ),
    ];
    for (damage, also) in cases {
        let mut snapshot = complete();
        damage(&mut snapshot);
        let compiled = compile(&snapshot);
        assert!(is_broken(&compiled, "data"), "{also}");
        let mut expected = vec![ROUTE.to_owned()];
        expected.extend((!also.is_empty()).then(|| format!("CredentialSource default/keys {also}")));
        assert_eq!(said(&compiled), expected);
    }
}

#[test]
fn k02_references_stay_inside_the_namespace() {
    let mut snapshot = complete();
    let moved = snapshot.secrets.remove(&name("backend")).unwrap();
    snapshot.secrets.insert(ObjectName::new("other", "backend"), moved);
    assert!(is_broken(&compile(&snapshot), "data"));
}

#[test]
fn session_tokens_and_anonymous_sources() {
    let mut snapshot = complete();
    let CredentialKind::Secret { secret, access_key_id_key, secret_access_key_key, .. } = keys("backend") else {
        unreachable!()
    };
    let session_token_key = Some("TOKEN".to_owned());
    let kind = CredentialKind::Secret { secret, access_key_id_key, secret_access_key_key, session_token_key };
    snapshot.credentials.insert(name("keys"), source(kind));
    assert!(is_broken(&compile(&snapshot), "data"));
    let data = snapshot.secrets.get_mut(&name("backend")).unwrap();
    data.insert("TOKEN".into(), Zeroizing::new(b"t".to_vec()));
    let compiled = compile(&snapshot);
    assert!(matches!(
        only(&served(&compiled, "data")).upstream.credential.fixed(),
        Some(BackendCredential::Keys { session_token: Some(_), .. })
    ));

    snapshot.credentials.insert(name("keys"), source(CredentialKind::Anonymous));
    assert_eq!(
        only(&served(&compile(&snapshot), "data")).upstream.credential.fixed(),
        Some(&BackendCredential::Anonymous)
    );
}

#[test]
fn k_api_7_one_missing_secret_of_two_leaves_the_other_live() {
    let mut snapshot = complete();
    snapshot.clients.insert(name("demo"), client(&["demo-1", "demo-2"]));
    let compiled = compile(&snapshot);
    assert_eq!(said(&compiled), ["ClientIdentity default/demo Ready spec.accessKey.secretRefs[1].name SecretNotFound"]);
    assert_eq!(holders(&compiled, "AKIADEMO"), ["demo"]);

    snapshot.secrets.insert(name("demo-2"), secret("AKIADEMO", "another"));
    let compiled = compile(&snapshot);
    assert!(compiled.rejections.is_empty());
    assert_eq!(holders(&compiled, "AKIADEMO"), ["demo", "demo"]);

    snapshot.secrets.insert(name("demo-2"), secret("AKIADEMO", "demo-secret"));
    assert_eq!(holders(&compile(&snapshot), "AKIADEMO"), ["demo"]);
}

#[test]
fn k_api_7_a_shared_access_key_is_a_warning_and_bounded() {
    let mut snapshot = complete();
    for index in 1..=5 {
        snapshot.clients.insert(name(&format!("twin-{index}")), client(&[&format!("twin-{index}")]));
        snapshot.secrets.insert(name(&format!("twin-{index}")), secret("AKIADEMO", &format!("secret {index}")));
    }
    let compiled = compile(&snapshot);
    assert_eq!(holders(&compiled, "AKIADEMO"), ["demo", "twin-1", "twin-2", "twin-3"]);
    let line =
        |who: usize| format!("ClientIdentity default/twin-{who} Ready spec.accessKey.secretRefs DuplicateAccessKey");
    assert_eq!(lines(&compiled.notices), (1..=3).map(line).collect::<Vec<_>>(), "a warning: they work");
    assert_eq!(said(&compiled), (4..=5).map(line).collect::<Vec<_>>(), "these do not");
    assert!(compiled.rejections.iter().all(|one| one.problem.message.contains("not accepted")));
    assert!(!compiled.notices.iter().any(|one| one.problem.message.contains("not accepted")));
    served(&compiled, "data");
}

const CERTIFICATES: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

fn with_ca(pem: &str, kind: CaRefKind) -> Snapshot {
    let mut snapshot = edit(|route| {
        route.backends[0].endpoint = Endpoint::parse("https://s3.example.com").unwrap();
        route.backends[0].ca = vec![CaRef { kind, name: "ca".into(), key: "ca.crt".into() }];
    });
    let data = BTreeMap::from([("ca.crt".to_owned(), pem.to_owned())]);
    match kind {
        CaRefKind::ConfigMap => drop(snapshot.config_maps.insert(name("ca"), data)),
        CaRefKind::Secret => {
            let data = data.into_iter().map(|(key, text)| (key, Zeroizing::new(text.into_bytes()))).collect();
            snapshot.secrets.insert(name("ca"), data);
        }
    }
    snapshot
}

#[test]
fn certificates_come_from_config_maps_and_secrets() {
    for kind in [CaRefKind::ConfigMap, CaRefKind::Secret] {
        let compiled = compile(&with_ca(&CERTIFICATES.repeat(2), kind));
        let expected = Trust::Roots(Arc::new(vec![vec![0x30, 3, 2, 1, 1]; 2]));
        assert_eq!(only(&served(&compiled, "data")).upstream.trust, expected);
    }
}

#[test]
fn law_2_certificates_that_cannot_be_read_break_the_route() {
    let cut = CERTIFICATES.replace("MAMCAQE=", "MAMCAQ==");
    let open = CERTIFICATES.replace("-----END CERTIFICATE-----", "");
    let half = format!("{CERTIFICATES}{open}");
    let key = CERTIFICATES.replace("CERTIFICATE", "PRIVATE KEY");
    for pem in ["", "no pem", cut.as_str(), open.as_str(), half.as_str(), key.as_str()] {
        let compiled = compile(&with_ca(pem, CaRefKind::ConfigMap));
        assert!(is_broken(&compiled, "data"), "{pem}");
        assert_eq!(
            said(&compiled),
            ["BucketRoute default/data ResolvedRefs spec.backends[0].tls.caCertificateRefs[0] InvalidCertificateRef"]
        );
    }
    let mut snapshot = with_ca(CERTIFICATES, CaRefKind::ConfigMap);
    snapshot.config_maps.clear();
    assert!(is_broken(&compile(&snapshot), "data"));
}

#[test]
fn k_ctl_7_pools_are_shared_only_across_equal_endpoint_trust_and_credential() {
    let group = |snapshot: &Snapshot| only(&served(&compile(snapshot), "data")).upstream.pool_group;
    let https = || Endpoint::parse("https://s3.example.com").unwrap();
    let plain = group(&edit(|route| route.backends[0].endpoint = https()));
    assert_eq!(
        plain,
        group(&edit(|route| {
            route.backends[0].endpoint = https();
            route.backends[0].bucket = "another".into();
        }))
    );
    let mut rotated = edit(|route| route.backends[0].endpoint = https());
    rotated.secrets.insert(name("backend"), secret("backend-key", "rotated"));
    let groups = [
        plain,
        group(&complete()),
        group(&rotated),
        group(&with_ca(CERTIFICATES, CaRefKind::ConfigMap)),
        group(&with_ca(&CERTIFICATES.repeat(2), CaRefKind::ConfigMap)),
        group(&edit(|route| {
            route.backends[0].endpoint = https();
            route.backends[0].verification = TlsVerification::Insecure;
        })),
    ];
    assert_eq!(groups.iter().collect::<BTreeSet<_>>().len(), groups.len());
}

#[test]
fn every_change_changes_the_fingerprint() {
    type Change = fn(&mut Snapshot);
    let changes: [Change; 9] = [
        |_| (),
        |s| drop(s.routes.remove(&name("data"))),
        |s| drop(s.routes.insert(name("bad"), invalid(Some("bad")))),
        |s| drop(s.routes.insert(name("bad"), invalid(None))),
        |s| drop(s.secrets.insert(name("backend"), secret("backend-key", "rotated"))),
        |s| drop(s.secrets.insert(name("demo-1"), secret("AKIADEMO", "rotated"))),
        |s| *s = edit(|route| route.backends[0].region = "eu-west-1".into()),
        |s| *s = edit(|route| route.access[0].prefixes = vec![KeyPrefix::parse("a/").unwrap()]),
        |s| *s = edit(|route| route.deny.push(deny(None, "a/"))),
    ];
    let fingerprints = changes.map(|change| {
        let mut snapshot = complete();
        change(&mut snapshot);
        compile(&snapshot).table.fingerprint()
    });
    assert_eq!(fingerprints.iter().collect::<BTreeSet<_>>().len(), changes.len());
    assert_eq!(fingerprints[0], compile(&complete()).table.fingerprint());
}

#[test]
fn no_secret_is_printed() {
    let snapshot = complete();
    let printed = format!("{snapshot:?} {:?}", compile(&snapshot));
    assert!(printed.contains("backend-key"));
    assert!(!printed.contains("backend-secret") && !printed.contains("demo-secret"), "{printed}");
}
