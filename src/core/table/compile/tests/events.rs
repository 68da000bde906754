//! Histories of a small world in which everything meets: two namespaces whose routes, of names and of patterns, overlap in
//! buckets, hosts, prefixes and backends, and refer to each other's objects.

use proptest::prelude::*;
use proptest::sample::select;

use super::backends::KEY;
use super::*;
use crate::Timestamp;
use crate::model::{
    ClientScope, HostPort, HostRule, LabelSelector, Labels, PatternRule, ProcessRules, ProxyRef, SecretData,
};
use crate::s3::{BucketMatch, BucketPattern};

/// What a source reports: an object with its new contents, or that it is gone.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Route(ObjectName, Option<Object<Route>>),
    Client(ObjectName, Option<Object<Client>>),
    Source(ObjectName, Option<Object<Credential>>),
    Secret(ObjectName, Option<SecretData>),
    ConfigMap(ObjectName, Option<BTreeMap<String, String>>),
    Namespace(&'static str, Option<Labels>),
    Incomplete(bool),
    Rules(Box<ProcessRules>),
}

impl Event {
    pub(super) fn apply(&self, snapshot: &mut Snapshot) {
        fn put<K: Ord, T: Clone>(map: &mut BTreeMap<K, T>, key: K, value: Option<&T>) {
            match value {
                Some(value) => drop(map.insert(key, value.clone())),
                None => drop(map.remove(&key)),
            }
        }
        match self {
            Self::Route(key, Some(route)) => drop(snapshot.routes.insert(key.clone(), route.clone())),
            Self::Route(key, None) => drop(snapshot.routes.remove(key)),
            Self::Client(key, client) => put(&mut snapshot.clients, key.clone(), client.as_ref()),
            Self::Source(key, source) => put(&mut snapshot.credentials, key.clone(), source.as_ref()),
            Self::Secret(key, data) => put(&mut snapshot.secrets, key.clone(), data.as_ref()),
            Self::ConfigMap(key, data) => put(&mut snapshot.config_maps, key.clone(), data.as_ref()),
            Self::Namespace(key, labels) => put(&mut snapshot.namespaces, (*key).into(), labels.as_ref()),
            Self::Incomplete(incomplete) => snapshot.incomplete = *incomplete,
            Self::Rules(rules) => snapshot.process = ProcessRules::clone(rules),
        }
    }

    /// What it is about.
    pub(super) fn object(&self) -> (u8, ObjectName) {
        let unnamed = || ObjectName::new("", "");
        match self {
            Self::Route(key, _) => (0, key.clone()),
            Self::Client(key, _) => (1, key.clone()),
            Self::Source(key, _) => (2, key.clone()),
            Self::Secret(key, _) => (3, key.clone()),
            Self::ConfigMap(key, _) => (4, key.clone()),
            Self::Namespace(key, _) => (5, ObjectName::new("", key)),
            Self::Incomplete(_) => (6, unnamed()),
            Self::Rules(_) => (7, unnamed()),
        }
    }

    /// That its object is gone.
    pub(super) fn gone(&self) -> Self {
        match self {
            Self::Route(key, _) => Self::Route(key.clone(), None),
            Self::Client(key, _) => Self::Client(key.clone(), None),
            Self::Source(key, _) => Self::Source(key.clone(), None),
            Self::Secret(key, _) => Self::Secret(key.clone(), None),
            Self::ConfigMap(key, _) => Self::ConfigMap(key.clone(), None),
            Self::Namespace(key, _) => Self::Namespace(key, None),
            Self::Incomplete(_) => Self::Incomplete(false),
            Self::Rules(_) => Self::Rules(Box::default()),
        }
    }
}

/// Both namespaces with everything that routes refer to, and no route.
pub(super) fn world() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.process = rules(false, false, false);
    for namespace in NAMESPACES {
        let named = |name: &str| ObjectName::new(namespace, name);
        snapshot.clients.insert(named("demo"), client(&["demo-1"]));
        snapshot.clients.insert(named("other"), Object { labels: reader(), ..client(&["other-1"]) });
        snapshot.credentials.insert(named("keys"), source(keys("backend")));
        snapshot.secrets.insert(named("demo-1"), secret("AKIADEMO", &format!("demo of {namespace}")));
        snapshot.secrets.insert(named("other-1"), secret("AKIAOTHER", &format!("other of {namespace}")));
        snapshot.secrets.insert(named("backend"), secret("backend-key", "backend-secret"));
        snapshot.secrets.insert(named("tls"), tls(1));
        snapshot.config_maps.insert(named("ca"), bundle(1));
    }
    snapshot
}

/// One change of that world; most of them are of routes.
pub(super) fn event() -> impl Strategy<Value = Event> {
    let labels = select(vec![None, Some(Labels::new()), Some(tenant())]);
    prop_oneof![
        12 => (named(&["one", "two", "three", "four"]), proptest::option::weighted(0.85, object()))
            .prop_map(|(key, route)| Event::Route(key, route)),
        1 => (named(&["demo", "other"]), proptest::option::of(identity()))
            .prop_map(|(key, client)| Event::Client(key, client)),
        1 => (named(&["keys", "more"]), proptest::option::of(credential()))
            .prop_map(|(key, source)| Event::Source(key, source)),
        1 => (named(&["demo-1", "other-1", "backend"]), proptest::option::of(select(vec!["some", "another"])))
            .prop_map(|(key, text)| Event::Secret(key, text.map(|text| secret("AKIASAME", text)))),
        1 => (named(&["tls"]), contents()).prop_map(|(key, contents)| Event::Secret(key, contents.map(tls))),
        1 => (named(&["ca"]), contents()).prop_map(|(key, contents)| Event::ConfigMap(key, contents.map(bundle))),
        1 => (select(NAMESPACES.to_vec()), labels).prop_map(|(namespace, labels)| Event::Namespace(namespace, labels)),
        1 => any::<bool>().prop_map(Event::Incomplete),
        1 => any::<(bool, bool, bool)>()
            .prop_map(|(hosts, patterns, endpoints)| Event::Rules(rules(hosts, patterns, endpoints).into())),
    ]
}

const NAMESPACES: [&str; 2] = ["a", "b"];

fn tenant() -> Labels {
    Labels::from([("tenant".to_owned(), "true".to_owned())])
}

fn reader() -> Labels {
    Labels::from([("role".to_owned(), "reader".to_owned())])
}

/// Different ones of what certificates and proxies need; none of it is certificates.
fn contents() -> impl Strategy<Value = Option<usize>> {
    select(vec![None, Some(0), Some(1), Some(2)])
}

fn bundle(contents: usize) -> BTreeMap<String, String> {
    BTreeMap::from([("ca.crt".to_owned(), CERTIFICATES.repeat(contents))])
}

fn tls(contents: usize) -> SecretData {
    let certificates = CERTIFICATES.repeat(contents);
    [
        ("ca.crt", &*certificates),
        ("tls.crt", &*certificates),
        ("tls.key", KEY),
        ("username", "u"),
        ("password", &*certificates),
    ]
    .map(|(key, text)| (key.to_owned(), Zeroizing::new(text.as_bytes().to_vec())))
    .into()
}

/// What the operator may limit to tenants: a host, patterns; and where backends may be.
fn rules(hosts: bool, patterns: bool, endpoints: bool) -> ProcessRules {
    let namespaces = || LabelSelector { match_labels: tenant() };
    let pattern = BucketPattern::parse("data-*").unwrap();
    let allowed = HostPort { host: "127.0.0.1".to_owned(), port: 9000 };
    ProcessRules {
        base_hosts: vec!["h1".to_owned(), "h2".to_owned(), "logs.h1".to_owned()],
        hosts: hosts.then(|| HostRule { host: "h2".to_owned(), namespaces: namespaces() }).into_iter().collect(),
        patterns: patterns.then(|| vec![PatternRule { pattern, namespaces: namespaces() }]),
        allowed_endpoints: endpoints.then_some(allowed).into_iter().collect(),
        ..ProcessRules::default()
    }
}

fn named(names: &'static [&'static str]) -> impl Strategy<Value = ObjectName> {
    (select(NAMESPACES.to_vec()), select(names)).prop_map(|(namespace, name)| ObjectName::new(namespace, name))
}

fn identity() -> impl Strategy<Value = Object<Client>> {
    let secrets: [&[&str]; 3] = [&["demo-1"], &["demo-1", "other-1"], &["absent"]];
    let valid = (select(secrets.to_vec()), any::<bool>(), consent()).prop_map(|(secrets, is_reader, consent)| {
        let mut object = client(secrets);
        let Entry::Valid(client) = &mut object.entry else { unreachable!() };
        client.allowed_namespaces = consent;
        Object { labels: if is_reader { reader() } else { Labels::new() }, ..object }
    });
    prop_oneof![5 => valid, 1 => Just(invalid(None))]
}

fn credential() -> impl Strategy<Value = Object<Credential>> {
    let kinds = vec![keys("backend"), keys("demo-1"), CredentialKind::Anonymous];
    let ports = vec![None, Some(9000), Some(9001)];
    let valid = (select(kinds), consent(), select(ports)).prop_map(|(kind, consent, port)| {
        let mut object = source(kind);
        let Entry::Valid(source) = &mut object.entry else { unreachable!() };
        source.allowed_namespaces = consent;
        source.allowed_endpoints.extend(port.map(|port| HostPort { host: "127.0.0.1".to_owned(), port }));
        object
    });
    prop_oneof![5 => valid, 1 => Just(invalid(None))]
}

fn consent() -> impl Strategy<Value = AllowedNamespaces> {
    let selector = AllowedNamespaces::Selector(LabelSelector { match_labels: tenant() });
    select(vec![AllowedNamespaces::Same, AllowedNamespaces::All, selector])
}

/// A document of a route: usually a valid one, of any age.
fn object() -> impl Strategy<Value = Object<Route>> {
    let claims = prop_oneof![
        2 => matches().prop_map(Claim::Match),
        1 => matches().prop_map(|matches| Claim::Bucket(matches.bucket, matches.prefix)),
        1 => Just(Claim::Unreadable),
    ];
    let problems = vec![problem("spec.x", Reason::Invalid, "unknown")];
    let invalid = claims.prop_map(move |claim| Entry::Invalid { claim, problems: problems.clone() });
    let entry = prop_oneof![7 => one_route().prop_map(Entry::Valid), 1 => invalid];
    (entry, proptest::option::of(1..4_i64))
        .prop_map(|(entry, age)| Object { created: age.map(Timestamp::from_unix_seconds), ..Object::from(entry) })
}

fn matches() -> impl Strategy<Value = RouteMatch> {
    let name = |text: &str| BucketMatch::from(bucket(text));
    let pattern = |text: &str| BucketMatch::from(BucketPattern::parse(text).unwrap());
    let buckets =
        vec![name("data-1"), name("data-2"), name("logs"), pattern("data-*"), pattern("data-1*"), pattern("*")];
    let hosts: [&[&str]; 5] = [&[], &["h1"], &["h2"], &["h1", "h2"], &["nowhere"]];
    let prefixes = ["", "raw/", "raw/x/"].map(|text| KeyPrefix::parse(text).unwrap());
    let hosts = prop_oneof![2 => Just(hosts[0]), 1 => select(hosts.to_vec())];
    let scope = prop_oneof![3 => Just(ClientScope::Any), 1 => Just(ClientScope::SameNamespace)];
    (select(buckets), hosts, select(prefixes.to_vec()), scope).prop_map(|(bucket, hosts, prefix, scope)| {
        let prefix = if bucket.pattern().is_some() { KeyPrefix::default() } else { prefix };
        RouteMatch { bucket, hosts: hosts.iter().map(|&host| host.to_owned()).collect(), prefix, scope }
    })
}

fn reference(name: &'static str) -> impl Strategy<Value = Reference> {
    let of = |namespace: Option<&str>, name: &str| Reference {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    };
    prop_oneof![
        4 => Just(of(None, name)),
        1 => Just(of(Some("a"), name)),
        1 => Just(of(None, "more")),
    ]
}

fn clients() -> impl Strategy<Value = Clients> {
    let selected = Clients::Selected(LabelSelector { match_labels: reader() });
    prop_oneof![3 => reference("demo").prop_map(Clients::One), 1 => Just(selected)]
}

fn one_route() -> impl Strategy<Value = Route> {
    let names = select(vec!["data-1", "data-2", "prod-data-1", "logs"]);
    let templates = select(vec!["{bucket}", "prod-{bucket}"]);
    let beside = (proptest::option::of(ca()), any::<bool>(), proptest::option::of(any::<bool>()));
    let one = (names, templates, 9000..9002_u16, reference("keys"), beside);
    let backends = proptest::collection::vec(one, 1..3);
    let access = proptest::collection::vec((clients(), proptest::option::weighted(0.2, reference("keys"))), 0..3);
    let denied = proptest::option::weighted(0.2, proptest::option::of(clients()));
    let cors = select(vec![None, None, Some("https://app.test"), Some("*")]);
    (matches(), backends, access, denied, cors).prop_map(|(matches, backends, access, denied, cors)| {
        let mut route = route("unused", &[]);
        let is_pattern = matches.bucket.pattern().is_some();
        route.backends = backends
            .into_iter()
            .zip(["first", "second"])
            .map(|((own, template, port, credential, (ca, has_certificate, proxied)), name)| Backend {
                name: name.to_owned(),
                endpoint: Endpoint::parse(&format!("https://127.0.0.1:{port}")).unwrap(),
                bucket: if is_pattern { template } else { own }.to_owned(),
                credential,
                ca: ca.into_iter().collect(),
                client_certificate: has_certificate.then(|| "tls".to_owned()),
                proxy: proxied.map(|has_password| proxy(port, has_password)),
                ..backend("unused")
            })
            .collect();
        route.access = access.into_iter().map(|(clients, other)| entry(clients, other)).collect();
        route.deny = denied.into_iter().map(|clients| DenyEntry { clients, ..deny(None, "private/") }).collect();
        Route { matches, cors: cors.map(super::cors::rules).unwrap_or_default(), ..route }
    })
}

fn ca() -> impl Strategy<Value = CaRef> {
    select(vec![(CaRefKind::ConfigMap, "ca"), (CaRefKind::Secret, "tls")]).prop_map(|(kind, name)| CaRef {
        kind,
        name: name.to_owned(),
        key: "ca.crt".to_owned(),
    })
}

fn proxy(port: u16, has_password: bool) -> ProxyRef {
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    ProxyRef { endpoint, credentials: has_password.then(|| "tls".to_owned()) }
}

fn entry(clients: Clients, other: Option<Reference>) -> AccessEntry {
    let credentials =
        other.into_iter().map(|credential| CredentialOverride { backend: "first".to_owned(), credential });
    AccessEntry {
        name: "some".to_owned(),
        clients,
        permissions: Permissions::ALL,
        prefixes: vec![],
        buckets: vec![],
        credentials: credentials.collect(),
    }
}
