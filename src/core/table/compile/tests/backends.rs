//! Several backends: each is resolved on its own.

use std::time::Duration;

use super::*;
use crate::model::{NoProxy, ProcessProxies, ProcessProxy, ProxyRef, Retries};
use crate::table::Proxy;

/// Backends `a` and `b`, writes to `a`; `b` has a credential of its own.
fn two(change: impl FnOnce(&mut Route)) -> Snapshot {
    let mut snapshot = edit(|route| {
        let (mut a, mut b) = (backend("data"), backend("data"));
        (a.name, b.name) = ("a".into(), "b".into());
        (b.credential, b.bucket, b.priority) = (Reference::local("other"), "copy".into(), 1);
        b.endpoint = Endpoint::parse("https://dr.example.com").unwrap();
        route.backends = vec![a, b];
        change(route);
    });
    snapshot.credentials.insert(name("other"), source(keys("other")));
    snapshot.secrets.insert(name("other"), secret("other-key", "other-secret"));
    snapshot
}

fn names(route: &ServedRoute) -> (Vec<&str>, Option<&str>) {
    let usable = route.backends.usable().iter().map(|backend| &*backend.name).collect();
    (usable, route.backends.writes().map(|backend| &*backend.name))
}

fn noted(compiled: &Compiled) -> Vec<String> {
    let line = |one: &Rejection| format!("{} {} {}", one.condition, one.problem.reason, one.problem.message);
    compiled.notices.iter().map(line).collect()
}

#[test]
fn k_api_2_4_all_usable_backends_are_served_in_order_each_with_its_own_mapping_and_credential() {
    let compiled = compile(&two(|_| ()));
    assert_eq!((said(&compiled), noted(&compiled)), (vec![], vec![]));
    let route = served(&compiled, "data");
    assert_eq!(names(&route), (vec!["a", "b"], Some("a")));
    let [a, b] = route.backends.usable() else { panic!() };
    assert_eq!((a.mapping.backend_bucket.as_str(), b.mapping.backend_bucket.as_str()), ("data-real", "copy"));
    assert_eq!((a.place, b.place, a.priority, b.priority), (0, 1, 0, 1));
    assert_ne!(a.upstream.credential, b.upstream.credential);
    assert_ne!(a.upstream.pool_group, b.upstream.pool_group);
}

#[test]
fn k_api_2_4_a_broken_backend_leaves_the_others_usable_and_is_named() {
    for (broken, left, writes) in [("other", "a", Some("a")), ("keys", "b", None)] {
        let mut snapshot = two(|_| ());
        snapshot.credentials.remove(&name(broken));
        let compiled = compile(&snapshot);
        assert_eq!(names(&served(&compiled, "data")), (vec![left], writes), "{broken}");
        let field = if broken == "keys" { 0 } else { 1 };
        let expected = format!(
            "BucketRoute default/data ResolvedRefs spec.backends[{field}].credentialRef.name CredentialNotFound"
        );
        assert_eq!(said(&compiled), [expected]);
        assert_eq!(noted(&compiled), ["Programmed PartiallyProgrammed 1 of 2 backends usable"]);
    }
    let mut none = two(|_| ());
    none.credentials.clear();
    let compiled = compile(&none);
    assert!(is_broken(&compiled, "data"));
    assert_eq!((said(&compiled).len(), noted(&compiled)), (2, vec![]));
}

#[test]
fn an_insecure_backend_is_served_and_noted() {
    let compiled = compile(&two(|route| route.backends[1].verification = TlsVerification::Insecure));
    assert_eq!(names(&served(&compiled, "data")).0, ["a", "b"]);
    assert_eq!(noted(&compiled), ["InsecureBackend InsecureBackend the certificate of this backend is not checked"]);
    assert_eq!(compiled.notices[0].problem.field, "spec.backends[1].tls.verification");
}

pub(super) const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n";

fn with_certificate(certificate: &str, key: &str) -> Snapshot {
    let mut snapshot = two(|route| route.backends[1].client_certificate = Some("egress".into()));
    let data = [("tls.crt", certificate), ("tls.key", key)];
    let data = data.map(|(key, text)| (key.to_owned(), Zeroizing::new(text.as_bytes().to_vec())));
    snapshot.secrets.insert(name("egress"), data.into());
    snapshot
}

#[test]
fn client_certificates_come_from_tls_secrets_or_break_their_backend_only() {
    let compiled = compile(&with_certificate(CERTIFICATES, KEY));
    let route = served(&compiled, "data");
    let certificate = route.backends.usable()[1].upstream.client_certificate.as_ref().unwrap();
    assert_eq!((certificate.chain.len(), certificate.key.as_slice()), (1, &[0x30, 3, 2, 1, 1][..]));
    assert!(!format!("{certificate:?}").contains("48, 3"), "no key is printed");
    let mut absent = with_certificate(CERTIFICATES, KEY);
    absent.secrets.remove(&name("egress"));
    for broken in [with_certificate("", KEY), with_certificate(CERTIFICATES, ""), with_certificate(KEY, KEY), absent] {
        let compiled = compile(&broken);
        assert_eq!(names(&served(&compiled, "data")).0, ["a"]);
        let field = "spec.backends[1].tls.clientCertificateRef.name";
        assert_eq!(said(&compiled), [format!("BucketRoute default/data ResolvedRefs {field} InvalidCertificateRef")]);
    }
}

fn with_proxy(username: &str, password: &str) -> Snapshot {
    let endpoint = Endpoint::parse("http://proxy:3128").unwrap();
    let mut snapshot = two(|route| {
        route.backends[1].proxy = Some(ProxyRef { endpoint, credentials: Some("proxy".into()) });
    });
    let data = [("username", username), ("password", password)];
    let data = data.map(|(key, text)| (key.to_owned(), Zeroizing::new(text.as_bytes().to_vec())));
    snapshot.secrets.insert(name("proxy"), data.into());
    snapshot
}

#[test]
fn proxy_credentials_become_one_header_or_break_their_backend_only() {
    let compiled = compile(&with_proxy("Aladdin", "open:sesame"));
    let route = served(&compiled, "data");
    let proxy = route.backends.usable()[1].upstream.proxy.as_ref().unwrap();
    let header = proxy.authorization.as_ref().unwrap();
    // RFC 7617, 2, with a colon in the password
    header.with_exposed(|text| assert_eq!(text, "Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ=="));
    assert!(!format!("{compiled:?}").contains("QWxh"));
    let mut absent = with_proxy("a", "b");
    absent.secrets.remove(&name("proxy"));
    let mut incomplete = with_proxy("a", "b");
    incomplete.secrets.get_mut(&name("proxy")).unwrap().remove("password");
    for broken in [with_proxy("a:b", "c"), with_proxy("", "c"), with_proxy("a\r\nb", "c"), absent, incomplete] {
        let compiled = compile(&broken);
        assert_eq!(names(&served(&compiled, "data")).0, ["a"]);
        assert!(said(&compiled)[0].contains(" spec.backends[1].proxy.credentialsSecretRef.name "));
    }
}

#[test]
fn c_29_the_proxies_of_the_process_are_for_backends_without_one_of_their_own() {
    let endpoint = |text| Endpoint::parse(text).unwrap();
    let mut snapshot = with_proxy("a", "b");
    let proxy = ProcessProxy { endpoint: endpoint("http://process:3128"), authorization: None };
    snapshot.process.proxies = ProcessProxies { http: Some(proxy.clone()), https: Some(proxy), except: Vec::new() };
    let Entry::Valid(route) = &mut snapshot.routes.get_mut(&name("data")).unwrap().entry else { panic!() };
    route.backends[0].endpoint = endpoint("http://s3.test");
    let hosts = |snapshot: &Snapshot| {
        let compiled = compile(snapshot);
        let proxies =
            served(&compiled, "data").backends.usable().iter().map(|one| one.upstream.proxy.clone()).collect();
        let hosts = |proxies: Vec<Option<_>>| {
            proxies.into_iter().map(|one: Option<Arc<Proxy>>| Some(one?.endpoint.host.clone()))
        };
        hosts(proxies).collect::<Vec<_>>()
    };
    let (process, own) = (Some("process".to_owned()), Some("proxy".to_owned()));
    assert_eq!(hosts(&snapshot), [process, own.clone()]);
    let through = served(&compile(&snapshot), "data").backends.usable()[0].upstream.pool_group;
    snapshot.process.proxies.except = vec![NoProxy::Everything];
    assert_eq!(hosts(&snapshot), [None, own], "NO_PROXY says nothing about what a route asks for");
    let directly = served(&compile(&snapshot), "data").backends.usable()[0].upstream.pool_group;
    assert_ne!(through, directly, "K-CTL-7");
}

#[test]
fn k_ctl_7_names_client_certificates_and_proxies_part_pools() {
    let group = |snapshot: &Snapshot| served(&compile(snapshot), "data").backends.usable()[1].upstream.pool_group;
    let other_key = KEY.replace("MAMCAQE=", "MAMCAQI=");
    let unauthenticated = two(|route| {
        let endpoint = Endpoint::parse("http://proxy:3128").unwrap();
        route.backends[1].proxy = Some(ProxyRef { endpoint, credentials: None });
    });
    let groups = [
        group(&two(|_| ())),
        group(&two(|route| route.backends[1].server_name = Some("other.test".into()))),
        group(&with_certificate(CERTIFICATES, KEY)),
        group(&with_certificate(CERTIFICATES, &other_key)),
        group(&with_proxy("a", "b")),
        group(&with_proxy("a", "c")),
        group(&unauthenticated),
    ];
    assert_eq!(groups.iter().collect::<BTreeSet<_>>().len(), groups.len());
    let same = two(|route| {
        let timeouts = Timeouts { connect: Some(Duration::from_secs(1)), ..Timeouts::default() };
        (route.backends[1].weight, route.backends[1].priority, route.backends[1].timeouts) = (7, 3, timeouts);
    });
    assert_eq!(groups[0], group(&same), "the health of a backend outlives a change of its weight");
}

#[test]
fn every_change_of_the_backends_changes_the_fingerprint() {
    type Change = fn(&mut Route);
    let retries = |attempts, milliseconds| Retries { attempts, backoff: Duration::from_millis(milliseconds) };
    let changes: [Change; 11] = [
        |_| (),
        |route| route.backends[1].priority = 0,
        |route| route.backends[1].weight = 1,
        |route| route.backends[1].name = "c".into(),
        |route| route.backends[1].timeouts.idle = Some(Duration::from_secs(9)),
        |route| route.backends[1].timeouts.first_byte = Some(Duration::from_secs(9)),
        |route| route.backends[1].server_name = Some("other".into()),
        |route| route.traffic.writes = 1,
        |route| route.traffic.reads = Reads::Weighted,
        |route| route.traffic.copies = Copies::Stream,
        |route| route.backends.swap(0, 1),
    ];
    let mut prints: Vec<u64> = changes.iter().map(|change| compile(&two(*change)).table.fingerprint()).collect();
    for given in [retries(2, 100), retries(3, 100), retries(2, 200)] {
        prints.push(compile(&two(|route| route.traffic.retries = Some(given))).table.fingerprint());
    }
    assert_eq!(prints.iter().collect::<BTreeSet<_>>().len(), prints.len());
}
