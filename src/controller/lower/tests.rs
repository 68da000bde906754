use osp_core::model::{
    AddressingStyle, CaRefKind, Clients, CredentialKind, HookName, Reference, Route, RouteMatch, TlsVerification,
    TokenEndpoint, TrailingChecksums,
};
use osp_core::s3::{BucketName, KeyPrefix, Permission, Permissions};
use serde_json::json;

use super::*;

mod backends;
mod cors;
mod scope;

const EVERY: Permissions = Permissions::ALL;

fn document(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": "osp.flexworks.eu/v1alpha1", "kind": kind, "metadata": {"name": "one"}, "spec": spec})
}

/// The smallest valid route.
fn route() -> Value {
    document(
        "BucketRoute",
        json!({
            "match": {"bucket": "data"},
            "backends": [{"name": "a", "endpoint": "http://127.0.0.1:9000", "credentialRef": {"name": "keys"}}],
        }),
    )
}

/// `value` with the element at a JSON pointer set; a last part `-` appends to a list.
fn with(mut value: Value, pointer: &str, new: Value) -> Value {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.insert(last.to_owned(), new)),
        Value::Array(items) if last == "-" => items.push(new),
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = new,
        other => panic!("{other}"),
    }
    value
}

fn without(mut value: Value, parent: &str, field: &str) -> Value {
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    value
}

fn lowered(value: &Value) -> Lowered {
    lower(value, &name(value).unwrap_or_else(|| ObjectName::new("default", "fallback")))
}

fn valid_route(value: &Value) -> Route {
    match lowered(value) {
        Lowered::Document(_, Document::Route(Object { entry: Entry::Valid(route), .. })) => route,
        other => panic!("{other:?}"),
    }
}

fn problems(value: &Value) -> Vec<Problem> {
    match lowered(value) {
        Lowered::Document(_, document) => match document {
            Document::Route(Object { entry: Entry::Invalid { problems, .. }, .. })
            | Document::Credential(Object { entry: Entry::Invalid { problems, .. }, .. })
            | Document::Client(Object { entry: Entry::Invalid { problems, .. }, .. }) => problems,
            other => panic!("valid: {other:?}"),
        },
        Lowered::Broken(_, problems) => problems,
        Lowered::Unknown(problem) => vec![problem],
    }
}

/// `field reason` of every problem.
fn said(value: &Value) -> Vec<String> {
    problems(value).iter().map(|one| format!("{} {}", one.field, one.reason)).collect()
}

#[test]
fn the_smallest_route_has_the_documented_defaults() {
    let route = valid_route(&route());
    assert_eq!(route.name, ObjectName::new("default", "one"));
    assert_eq!(route.matches.bucket.as_str(), "data");
    let backend = route.backends[0].clone();
    assert_eq!((backend.region.as_str(), backend.bucket.as_str(), backend.prefix.as_str()), ("us-east-1", "data", ""));
    assert_eq!((backend.addressing, backend.verification), (AddressingStyle::Path, TlsVerification::Full));
    assert_eq!((backend.trailing_checksums, backend.ca), (TrailingChecksums::Forward, vec![]));
    assert!(route.access.is_empty() && route.deny.is_empty());
}

#[test]
fn every_supported_field_of_a_route_is_read() {
    let full = json!({
        "apiVersion": "osp.flexworks.eu/v1alpha1", "kind": "BucketRoute",
        "metadata": {"name": "a.b-c", "namespace": "team", "labels": {"x": "y"}, "annotations": {"x": "y"}},
        "spec": {
            "match": {"bucket": "data"},
            "backends": [{
                "name": "main", "endpoint": "https://s3.example.com:8443", "region": "eu-de",
                "addressingStyle": "VirtualHost", "bucket": "real-data", "prefix": "p/",
                "credentialRef": {"name": "keys"}, "trailingChecksums": "Drop",
                "tls": {"verification": "Full", "caCertificateRefs": [
                    {"kind": "ConfigMap", "name": "corp", "key": "bundle.pem"}, {"kind": "Secret", "name": "more"}]},
            }],
            "access": [{"name": "one", "clientRef": {"name": "spark"}, "permissions": ["Read", "List"],
                        "prefixes": ["raw/"]}],
            "deny": [{"name": "all"}, {"name": "some", "clientRef": {"name": "spark"}, "permissions": ["Write"],
                      "prefixes": ["raw/secret/"]}],
        },
    });
    let route = valid_route(&full);
    assert_eq!(route.name, ObjectName::new("team", "a.b-c"));
    let backend = &route.backends[0];
    assert_eq!(backend.endpoint.to_string(), "https://s3.example.com:8443");
    assert_eq!(
        (backend.addressing, backend.trailing_checksums),
        (AddressingStyle::VirtualHost, TrailingChecksums::Drop)
    );
    assert_eq!(
        (backend.bucket.as_str(), backend.prefix.as_str(), backend.region.as_str()),
        ("real-data", "p/", "eu-de")
    );
    assert_eq!((backend.ca[0].kind, backend.ca[0].key.as_str()), (CaRefKind::ConfigMap, "bundle.pem"));
    assert_eq!((backend.ca[1].kind, backend.ca[1].key.as_str()), (CaRefKind::Secret, "ca.crt"));
    let access = &route.access[0];
    assert_eq!(access.permissions, [Permission::Read, Permission::List].into_iter().collect());
    let spark = Clients::One(Reference::local("spark"));
    assert_eq!((&access.clients, access.prefixes[0].as_str()), (&spark, "raw/"));
    assert_eq!((&route.deny[0].clients, route.deny[0].permissions, route.deny[0].prefixes.len()), (&None, EVERY, 0));
    assert_eq!(route.deny[1].clients, Some(spark));
    assert!(!route.deny[1].permissions.contains(Permission::Read));
}

#[test]
fn all_problems_of_a_document_are_reported_at_once() {
    let broken = json!({
        "apiVersion": "osp.flexworks.eu/v2", "kind": "BucketRoute", "metadata": {"name": "One", "uid": "x"},
        "status": {},
        "spec": {
            "match": {"bucket": "data", "hosts": ["*"]},
            "backends": [{"name": "a", "endpoint": "http://169.254.169.254", "credentialRef": {}, "weight": -1}],
            "access": [{"name": "x", "clientRef": {"name": "y"}, "permissions": []}],
            "newer": [],
        },
    });
    assert_eq!(
        said(&broken),
        [
            "apiVersion Invalid",
            "metadata.name Invalid",
            "metadata.uid Invalid",
            "spec.access[0].permissions Invalid",
            "spec.backends[0].credentialRef.name Invalid",
            "spec.backends[0].endpoint Invalid",
            "spec.backends[0].weight Invalid",
            "spec.match.hosts[0] Invalid",
            "spec.newer Invalid",
            "status Invalid",
        ]
    );
    let Lowered::Document(_, Document::Route(Object { entry: Entry::Invalid { claim, .. }, .. })) = lowered(&broken)
    else {
        panic!()
    };
    assert_eq!(
        claim,
        Claim::Bucket(BucketName::parse("data").unwrap().into(), KeyPrefix::default()),
        "`match` itself has a problem"
    );
}

#[test]
fn law_2_each_wrong_value_is_refused_at_its_place() {
    let a = "/spec/backends/0";
    let b = "spec.backends[0]";
    let cases = [
        ("/spec/match/bucket".to_owned(), json!("Data"), "spec.match.bucket".to_owned()),
        ("/spec/match/bucket".to_owned(), json!("te*am"), "spec.match.bucket".to_owned()),
        ("/spec/match/bucket".to_owned(), json!(123), "spec.match.bucket".to_owned()),
        ("/spec/match/prefix".to_owned(), json!("x".repeat(1025)), "spec.match.prefix".to_owned()),
        ("/spec/match/newer".to_owned(), json!("x"), "spec.match.newer".to_owned()),
        ("/spec/deny".to_owned(), Value::Null, "spec.deny".to_owned()),
        ("/spec/deny".to_owned(), json!({}), "spec.deny".to_owned()),
        ("/spec/deny".to_owned(), json!([{"name": "x", "prefixes": []}]), "spec.deny[0].prefixes".to_owned()),
        ("/spec/deny".to_owned(), json!([{"name": "x", "prefixes": null}]), "spec.deny[0].prefixes".to_owned()),
        ("/spec/deny".to_owned(), json!([{"name": "x", "clientRef": null}]), "spec.deny[0].clientRef".to_owned()),
        ("/spec/deny".to_owned(), json!([{"name": "x"}, {"name": "x"}]), "spec.deny[1].name".to_owned()),
        ("/spec/deny".to_owned(), json!([{"name": "x", "prefix": "a"}]), "spec.deny[0].prefix".to_owned()),
        ("/spec/hooks".to_owned(), json!([{"name": "a.b"}]), "spec.hooks[0].name".to_owned()),
        ("/spec/hooks".to_owned(), json!([{"name": "a"}, {"name": "a"}]), "spec.hooks[1].name".to_owned()),
        ("/spec/hooks".to_owned(), json!([{"name": "a", "timeout": "9ms"}]), "spec.hooks[0].timeout".to_owned()),
        (
            "/spec/hooks".to_owned(),
            json!([{"name": "a", "failurePolicy": "Allow"}]),
            "spec.hooks[0].failurePolicy".to_owned(),
        ),
        ("/spec/hooks".to_owned(), json!([{"name": "a", "mode": "Off"}]), "spec.hooks[0].mode".to_owned()),
        ("/spec/backends".to_owned(), json!([]), "spec.backends".to_owned()),
        ("/spec".to_owned(), json!([]), "spec".to_owned()),
        ("/metadata/namespace".to_owned(), json!("a.b"), "metadata.namespace".to_owned()),
        ("/metadata/labels".to_owned(), json!({"a": 1}), "metadata.labels.a".to_owned()),
        (format!("{a}/endpoint"), json!("s3.example.com"), format!("{b}.endpoint")),
        (format!("{a}/region"), json!("eu/de"), format!("{b}.region")),
        (format!("{a}/addressingStyle"), json!("path"), format!("{b}.addressingStyle")),
        (format!("{a}/bucket"), json!(".."), format!("{b}.bucket")),
        (format!("{a}/bucket"), json!("a/b"), format!("{b}.bucket")),
        (format!("{a}/prefix"), json!("x".repeat(1025)), format!("{b}.prefix")),
        (format!("{a}/credentialRef"), json!({"name": "a", "namespace": "B"}), format!("{b}.credentialRef.namespace")),
        (format!("{a}/credentialRef"), json!({"name": "../x"}), format!("{b}.credentialRef.name")),
        (format!("{a}/trailingChecksums"), json!("Keep"), format!("{b}.trailingChecksums")),
        (format!("{a}/tls"), json!({}), format!("{b}.tls")),
        (format!("{a}/addressingStyle"), json!("VirtualHost"), format!("{b}.addressingStyle")),
    ];
    for (pointer, value, field) in cases {
        let changed = with(route(), &pointer, value.clone());
        assert_eq!(said(&changed), [format!("{field} Invalid")], "{pointer} = {value}");
    }
    for (parent, field) in [("/spec", "match"), ("/spec", "backends"), (a, "endpoint"), (a, "name"), ("", "spec")] {
        assert_eq!(problems(&without(route(), parent, field))[0].message, "is required", "{field}");
    }
}

#[test]
fn an_empty_access_prefix_or_list_is_no_grant_of_every_key() {
    let access = |prefixes: Value| {
        let entry = json!({"name": "x", "clientRef": {"name": "y"}, "permissions": ["Read"], "prefixes": prefixes});
        with(route(), "/spec/access", json!([entry]))
    };
    for prefixes in [json!([]), json!([""]), Value::Null] {
        assert_eq!(problems(&access(prefixes)).len(), 1);
    }
    assert_eq!(valid_route(&access(json!(["a"]))).access[0].prefixes.len(), 1);
}

#[test]
fn what_is_known_and_not_supported_says_so() {
    let access = json!([{"name": "x", "clientRef": {"name": "y"}, "permissions": ["Read", "ManageBuckets"]}]);
    assert_eq!(said(&with(route(), "/spec/access", access)), ["spec.access[0].permissions[1] UnsupportedValue"]);
}

#[test]
fn c28_virtual_host_style_needs_a_bucket_that_fits_into_a_host() {
    let style = |endpoint: &str, bucket: &str| {
        let route = with(route(), "/spec/backends/0/endpoint", json!(endpoint));
        let route = with(route, "/spec/backends/0/addressingStyle", json!("VirtualHost"));
        with(route, "/spec/backends/0/bucket", json!(bucket))
    };
    for (endpoint, bucket) in [("https://s3.example.com", "data"), ("http://s3.example.com", "my.data")] {
        valid_route(&style(endpoint, bucket));
    }
    for (endpoint, bucket) in [
        ("https://s3.example.com", "my.data"),
        ("http://s3.example.com", "Data"),
        ("http://s3.example.com", "tenant:data"),
        ("http://127.0.0.1:9000", "data"),
        ("http://[::1]:9000", "data"),
    ] {
        assert_eq!(said(&style(endpoint, bucket)), ["spec.backends[0].addressingStyle Invalid"], "{endpoint} {bucket}");
    }
}

#[test]
fn tls_settings_must_mean_something() {
    let tls = |tls: Value| {
        let route = with(route(), "/spec/backends/0/endpoint", json!("https://s3.example.com"));
        with(route, "/spec/backends/0/tls", tls)
    };
    let ca = json!([{"kind": "ConfigMap", "name": "ca"}]);
    assert_eq!(
        valid_route(&tls(json!({"verification": "Insecure"}))).backends[0].verification,
        TlsVerification::Insecure
    );
    assert_eq!(valid_route(&tls(json!({"caCertificateRefs": ca}))).backends[0].ca.len(), 1);
    let both = tls(json!({"verification": "Insecure", "caCertificateRefs": ca}));
    assert_eq!(said(&both), ["spec.backends[0].tls.caCertificateRefs Invalid"]);
    assert_eq!(said(&tls(json!({"verification": "None"}))), ["spec.backends[0].tls.verification Invalid"]);
    assert_eq!(said(&tls(json!({"caCertificateRefs": []}))), ["spec.backends[0].tls.caCertificateRefs Invalid"]);
}

#[test]
fn lists_are_bounded() {
    let entries = |count: usize| {
        let entry = |index| json!({"name": format!("e{index}")});
        with(route(), "/spec/deny", Value::Array((0..count).map(entry).collect()))
    };
    assert_eq!(valid_route(&entries(64)).deny.len(), 64);
    assert_eq!(said(&entries(65)), ["spec.deny Invalid"]);
}

#[test]
fn the_bucket_of_a_broken_route_is_read_when_it_can_be() {
    let whole = RouteMatch::whole(BucketName::parse("data").unwrap());
    let claimed = claim(&json!({"spec": {"match": {"bucket": "data"}, "backends": 1}}));
    assert_eq!(claimed, Claim::Match(whole.clone()));
    let newer = claim(&json!({"spec": {"match": {"bucket": "data", "newer": 1}}}));
    assert_eq!(newer, Claim::Bucket(whole.bucket, whole.prefix), "something of this bucket, and nobody knows what");
    let of_names = claim(&json!({"spec": {"match": {"bucket": "da*"}, "backends": 1}}));
    assert!(matches!(of_names, Claim::Match(names) if names.bucket.as_str() == "da*"));
    for spec in [json!({"match": {"bucket": "d*a"}}), json!({"match": "data"}), json!(null), json!({"bucket": "data"})]
    {
        assert_eq!(claim(&json!({"spec": spec})), Claim::Unreadable, "{spec}");
    }
}

#[test]
fn credential_sources() {
    let kind = |spec: Value| match lowered(&document("CredentialSource", spec)) {
        Lowered::Document(_, Document::Credential(Object { entry: Entry::Valid(source), .. })) => source.kind,
        other => panic!("{other:?}"),
    };
    let keys = |id: &str, secret: &str, token: Option<&str>| CredentialKind::Secret {
        secret: "s".into(),
        access_key_id_key: id.into(),
        secret_access_key_key: secret.into(),
        session_token_key: token.map(str::to_owned),
    };
    assert_eq!(kind(json!({"anonymous": {}})), CredentialKind::Anonymous);
    let iam = |key: &str, endpoint: &str, instance: Option<&str>| CredentialKind::IbmIam {
        secret: "s".into(),
        api_key_key: key.into(),
        token_endpoint: TokenEndpoint::parse(endpoint).unwrap(),
        service_instance_id: instance.map(str::to_owned),
    };
    let least = json!({"ibmIAM": {"apiKeySecretRef": {"name": "s"}}});
    assert_eq!(kind(least), iam("apikey", "https://iam.cloud.ibm.com/identity/token", None));
    let most = json!({"apiKeySecretRef": {"name": "s", "key": "k"}, "tokenEndpoint": "http://iam.test:80/t", "serviceInstanceId": "crn:1"});
    assert_eq!(kind(json!({"ibmIAM": most})), iam("k", "http://iam.test/t", Some("crn:1")));
    let python = |parameters: &[(&str, &str)]| CredentialKind::Python {
        hook: HookName::new("keys_of-1").unwrap(),
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    assert_eq!(kind(json!({"python": {"hook": "keys_of-1"}})), python(&[]));
    let told = json!({"hook": "keys_of-1", "parameters": {"a": "1", "b.c": ""}});
    assert_eq!(kind(json!({"python": told})), python(&[("a", "1"), ("b.c", "")]));
    assert_eq!(kind(json!({"secret": {"name": "s"}})), keys("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", None));
    let named = json!({"name": "s", "accessKeyIdKey": "i", "secretAccessKeyKey": "k", "sessionTokenKey": "t"});
    assert_eq!(kind(json!({"secret": named})), keys("i", "k", Some("t")));
    for (spec, expected) in [
        (json!({}), vec!["spec Invalid"]),
        (json!({"secret": {"name": "s"}, "anonymous": {}}), vec!["spec Invalid"]),
        (json!({"vault": {}}), vec!["spec Invalid", "spec.vault Invalid"]),
        (json!({"secret": {}}), vec!["spec.secret.name Invalid"]),
        (json!({"anonymous": true}), vec!["spec.anonymous Invalid"]),
        (json!({"ibmIAM": {}}), vec!["spec.ibmIAM.apiKeySecretRef Invalid"]),
        (json!({"ibmIAM": {"apiKeySecretRef": {"key": "k"}}}), vec!["spec.ibmIAM.apiKeySecretRef.name Invalid"]),
        (
            json!({"ibmIAM": {"apiKeySecretRef": {"name": "s"}, "tokenEndpoint": "http://169.254.169.254/t", "serviceInstanceId": "a b"}}),
            vec!["spec.ibmIAM.serviceInstanceId Invalid", "spec.ibmIAM.tokenEndpoint Invalid"],
        ),
        (json!({"ibmIAM": {"apiKeySecretRef": {"name": "s"}}, "python": {"hook": "h"}}), vec!["spec Invalid"]),
        (json!({"python": {"hook": "../evil"}}), vec!["spec.python.hook Invalid"]),
        (json!({"python": {"hook": "h", "parameters": {"-": "x"}}}), vec!["spec.python.parameters.- Invalid"]),
        (json!({"python": {"hook": "h", "parameters": {"a": 1}}}), vec!["spec.python.parameters.a Invalid"]),
        (json!({"secret": {"name": "s", "accessKeyIDKey": "i"}}), vec!["spec.secret.accessKeyIDKey Invalid"]),
    ] {
        assert_eq!(said(&document("CredentialSource", spec.clone())), expected, "{spec}");
    }
}

#[test]
fn client_identities() {
    let refs = |refs: Value| document("ClientIdentity", json!({"accessKey": {"secretRefs": refs}}));
    let Lowered::Document(_, Document::Client(Object { entry: Entry::Valid(client), .. })) =
        lowered(&refs(json!([{"name": "a"}, {"name": "b", "accessKeyIDKey": "i", "secretAccessKeyKey": "k"}])))
    else {
        panic!()
    };
    assert_eq!(
        (client.secrets[0].name.as_str(), client.secrets[0].access_key_id_key.as_str()),
        ("a", "AWS_ACCESS_KEY_ID")
    );
    assert_eq!(
        (client.secrets[1].access_key_id_key.as_str(), client.secrets[1].secret_access_key_key.as_str()),
        ("i", "k")
    );
    let field = "spec.accessKey.secretRefs";
    for (list, expected) in [
        (json!([]), format!("{field} Invalid")),
        (json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]), format!("{field} Invalid")),
        (json!([{"name": "a"}, {"name": "a"}]), format!("{field}[1].name Invalid")),
        (json!([{"name": "a", "accessKeyIdKey": "i"}]), format!("{field}[0].accessKeyIdKey Invalid")),
    ] {
        assert_eq!(said(&refs(list)), [expected]);
    }
    assert_eq!(said(&document("ClientIdentity", json!({"serviceAccount": {}}))).len(), 2);
}

#[test]
fn secrets_and_config_maps() {
    let secret = |fields: Value| {
        let mut value = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
        value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        value
    };
    let Lowered::Document(None, Document::Secret(data)) = lowered(&secret(json!({
        "type": "Opaque", "immutable": true, "data": {"a": "b2xk", "b": "\nYg\n==\n"}, "stringData": {"a": "new"},
    }))) else {
        panic!()
    };
    assert_eq!((data["a"].as_slice(), data["b"].as_slice()), (&b"new"[..], &b"b"[..]));
    assert_eq!(said(&secret(json!({"data": {"a": "not base64"}}))), ["data.a Invalid"]);
    assert_eq!(
        said(&secret(json!({"stringData": {"a": 1, "b/c": "x"}}))),
        ["stringData.a Invalid", "stringData.b/c Invalid"]
    );

    let mut map = secret(json!({"kind": "ConfigMap", "data": {"ca.crt": "x"}}));
    assert!(matches!(lowered(&map), Lowered::Document(None, Document::ConfigMap(data)) if data["ca.crt"] == "x"));
    map["binaryData"] = json!({});
    assert_eq!(said(&map), ["binaryData Invalid"]);
}

#[test]
fn k06_no_message_repeats_a_value() {
    let misplaced = "hunter2-hunter2";
    for value in [
        with(route(), "/spec/backends/0/endpoint", json!(format!("http://user:{misplaced}@host"))),
        with(route(), "/spec/backends/0/region", json!(format!("/{misplaced}"))),
        with(route(), "/spec/backends/0/addressingStyle", json!(misplaced)),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": misplaced}}),
    ] {
        let problems = problems(&value);
        assert!(!problems.is_empty() && !format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn names_of_fields_are_shown_escaped_and_bounded() {
    let mut value = route();
    value["spec"]["x\n\u{1b}[2J"] = json!(1);
    value["spec"]["y".repeat(1000)] = json!(1);
    let problems = problems(&value);
    assert_eq!(problems[0].field, r"spec.x\n\u{1b}[2J");
    assert_eq!(problems[1].field.len(), "spec.".len() + 80);
}

#[test]
fn unknown_kinds() {
    for value in [json!({"kind": "Pod"}), json!({}), json!({"kind": 1})] {
        assert_eq!(said(&value), ["kind Invalid"]);
    }
}

#[test]
fn k_api_3_creation_time_labels_and_class_are_read() {
    let metadata = json!({"name": "one", "creationTimestamp": "2026-11-21T10:00:00Z", "labels": {"a": "b"}});
    let classed = with(with(route(), "/metadata", metadata), "/spec/className", json!("blue"));
    let Lowered::Document(class, Document::Route(object)) = lowered(&classed) else { panic!() };
    assert_eq!((class.as_deref(), object.created), (Some("blue"), Timestamp::parse_rfc3339("2026-11-21T10:00:00Z")));
    assert_eq!(object.labels, Labels::from([("a".to_owned(), "b".to_owned())]));
    assert!(object.valid().is_some());

    for (time, created) in [(json!(null), None), (json!("now"), Some(i64::MAX)), (json!(3), Some(i64::MAX))] {
        let timed = with(route(), "/metadata/creationTimestamp", time);
        let Lowered::Document(class, Document::Route(object)) = lowered(&timed) else { panic!() };
        assert_eq!((class.as_deref(), object.created.map(Timestamp::unix_seconds)), (Some("osp"), created));
        assert_eq!(object.valid().is_some(), created.is_none(), "what cannot be read is invalid, and the youngest");
    }
    for class in [json!(""), json!("A"), json!(1), json!(null), json!("a".repeat(64))] {
        let unreadable = with(route(), "/spec/className", class);
        assert_eq!(said(&unreadable), ["spec.className Invalid"]);
        assert!(matches!(lowered(&unreadable), Lowered::Document(None, _)), "present for every class");
    }
}

#[test]
fn k_api_3_a_document_of_another_class_leaves_the_snapshot_and_is_counted() {
    let mut snapshot = Snapshot::default();
    let one = ObjectName::new("default", "one");
    for (class, routes, others) in [("osp", 1, 0), ("blue", 0, 1), ("osp", 1, 0)] {
        let document = with(route(), "/spec/className", json!(class));
        assert!(lower(&document, &one).put(one.clone(), &mut snapshot).is_empty());
        assert_eq!((snapshot.routes.len(), snapshot.of_other_classes()), (routes, others), "{class}");
    }
}

#[test]
fn a_namespace_is_its_labels() {
    let document = json!({"apiVersion": "v1", "kind": "Namespace", "spec": {"finalizers": ["kubernetes"]},
        "metadata": {"name": "team-a", "labels": {"tenant": "true"}}, "status": {"phase": "Active"}});
    assert_eq!(name(&document), Some(ObjectName::new("", "team-a")));
    let mut snapshot = Snapshot::default();
    assert!(lowered(&document).put(name(&document).unwrap(), &mut snapshot).is_empty());
    assert_eq!(snapshot.namespaces["team-a"]["tenant"], "true");
    let broken = with(document.clone(), "/metadata/labels/tenant", json!(true));
    assert_eq!(said(&broken), ["metadata.labels.tenant Invalid"]);
    assert_eq!(lowered(&broken).put(name(&document).unwrap(), &mut snapshot).len(), 1);
    assert!(snapshot.namespaces.is_empty(), "what was known of it before is not kept");
}
