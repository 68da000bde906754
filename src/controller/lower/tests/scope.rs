//! The fields that say who owns what and who may refer to whom.

use osp_core::model::{AllowedNamespaces, ClientScope, Credential, HostPort, LabelSelector};

use super::*;

fn match_of(fields: Value) -> Value {
    with(route(), "/spec/match", fields)
}

fn access(fields: &Value) -> Value {
    let mut entry = json!({"name": "x", "permissions": ["Read"]});
    entry.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    with(route(), "/spec/access", json!([entry]))
}

fn deny(fields: Value) -> Value {
    with(route(), "/spec/deny", json!([fields]))
}

fn role(value: &str) -> LabelSelector {
    LabelSelector { match_labels: Labels::from([("role".to_owned(), value.to_owned())]) }
}

#[test]
fn the_match_of_a_route_is_read() {
    let route = valid_route(&match_of(json!({
        "bucket": "data", "hosts": ["S3.example.com", "a.example.com", "s3.example.com"], "prefix": "raw/",
        "clientScope": "SameNamespace",
    })));
    assert_eq!(route.matches.hosts, ["a.example.com", "s3.example.com"], "a set: order and repetition say nothing");
    assert_eq!((route.matches.prefix.as_str(), route.matches.scope), ("raw/", ClientScope::SameNamespace));
    assert_eq!(
        route.backends[0].prefix.as_str(),
        "raw/",
        "keys stay what they are unless the backend's prefix says else"
    );
    let whole = valid_route(&match_of(json!({"bucket": "data", "hosts": [], "prefix": "", "clientScope": "Any"})));
    assert_eq!(whole.matches, RouteMatch::whole(BucketName::parse("data").unwrap()));
}

#[test]
fn the_prefix_of_a_backend_replaces_that_of_the_match() {
    let route = match_of(json!({"bucket": "data", "prefix": "raw/"}));
    for (prefix, expected) in [("tenants/a/", "tenants/a/"), ("", "")] {
        let route = with(route.clone(), "/spec/backends/0/prefix", json!(prefix));
        assert_eq!(valid_route(&route).backends[0].prefix.as_str(), expected);
    }
}

#[test]
fn a_match_that_cannot_be_read_is_refused_by_its_field() {
    for (fields, expected) in [
        (json!({"bucket": "data", "hosts": ["*.example.com"]}), "spec.match.hosts[0] Invalid"),
        (json!({"bucket": "data", "hosts": ["s3.example.com:443"]}), "spec.match.hosts[0] Invalid"),
        (json!({"bucket": "data", "hosts": ["10.0.0.1"]}), "spec.match.hosts[0] Invalid"),
        (json!({"bucket": "data", "hosts": vec!["a.b"; 17]}), "spec.match.hosts Invalid"),
        (json!({"bucket": "data", "prefix": "x".repeat(1025)}), "spec.match.prefix Invalid"),
        (json!({"bucket": "data", "clientScope": "Mine"}), "spec.match.clientScope Invalid"),
        (json!({"bucket": "d*a"}), "spec.match.bucket Invalid"),
        (json!({"bucket": "da*", "prefix": "raw/"}), "spec.match.prefix Invalid"),
    ] {
        assert_eq!(said(&match_of(fields)), [expected]);
    }
}

/// A route of a pattern with this backend bucket and access entry.
fn of_pattern(bucket: Option<&str>, entry: &Value) -> Value {
    let mut route = match_of(json!({"bucket": "team-*"}));
    let backend = route["spec"]["backends"][0].as_object_mut().unwrap();
    match bucket {
        Some(bucket) => drop(backend.insert("bucket".to_owned(), json!(bucket))),
        None => drop(backend.remove("bucket")),
    }
    let mut access = json!({"name": "x", "clientRef": {"name": "a"}, "permissions": ["Read"]});
    access.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
    with(route, "/spec/access", json!([access]))
}

#[test]
fn k_2_4_a_pattern_has_a_template_at_each_backend() {
    for (bucket, expected) in [
        (None, "{bucket}"),
        (Some("prod-{bucket}"), "prod-{bucket}"),
        (Some("{bucket}.prod"), "{bucket}.prod"),
        (Some("tenant:{bucket}"), "tenant:{bucket}"),
    ] {
        let route = valid_route(&of_pattern(bucket, &json!({})));
        assert_eq!(route.matches.bucket.as_str(), "team-*");
        assert_eq!(route.backends[0].bucket, expected);
    }
    let long = format!("{}{{bucket}}", "a".repeat(61));
    for bucket in [
        "prod",
        "",
        "{bucket}{bucket}",
        "{bucket}-{x}",
        "Prod-{bucket}",
        "prod_{bucket}",
        ":{bucket}",
        "-{bucket}",
        &long,
    ] {
        assert_eq!(said(&of_pattern(Some(bucket), &json!({}))), ["spec.backends[0].bucket Invalid"], "{bucket}");
    }
    for (second, endpoint, expected) in [
        ("{bucket}-replica", "http://127.0.0.1:9000", vec!["spec.backends[1].bucket Invalid"]),
        ("x:{bucket}-replica", "http://127.0.0.1:9000", vec!["spec.backends[1].bucket Invalid"]),
        ("replica-{bucket}", "http://127.0.0.1:9000", vec![]),
        ("x:{bucket}", "http://127.0.0.1:9000", vec![]),
        ("{bucket}-replica", "http://127.0.0.1:9001", vec![]),
    ] {
        let mut two = of_pattern(None, &json!({}));
        let mut other = two["spec"]["backends"][0].clone();
        other["name"] = json!("other");
        other["endpoint"] = json!(endpoint);
        other["bucket"] = json!(second);
        two["spec"]["backends"].as_array_mut().unwrap().push(other);
        two["spec"]["traffic"] = json!({"writes": "other"});
        let told = match lowered(&two) {
            Lowered::Document(_, Document::Route(Object { entry: Entry::Valid(_), .. })) => Vec::new(),
            _ => said(&two),
        };
        assert_eq!(told, expected, "{second} at {endpoint}");
    }
    let exact = with(route(), "/spec/backends/0/bucket", json!("prod-{bucket}"));
    assert_eq!(said(&exact), ["spec.backends[0].bucket Invalid"], "one bucket has one name");
}

#[test]
fn k_2_4_entries_of_a_pattern_name_buckets_of_it_and_give_their_management() {
    let entry = json!({"buckets": ["team-a-*", "team-b"], "permissions": ["ManageBuckets"]});
    let route = valid_route(&of_pattern(None, &entry));
    assert_eq!(
        route.access[0].buckets.iter().map(osp_core::s3::BucketMatch::as_str).collect::<Vec<_>>(),
        ["team-a-*", "team-b"]
    );
    assert!(route.access[0].permissions.contains(osp_core::s3::Permission::ManageBuckets));
    for (buckets, expected) in [
        (json!([]), "spec.access[0].buckets Invalid"),
        (json!(["other"]), "spec.access[0].buckets[0] Invalid"),
        (json!(["team-a", "x*"]), "spec.access[0].buckets[1] Invalid"),
        (json!(["team-*-a"]), "spec.access[0].buckets[0] Invalid"),
    ] {
        assert_eq!(said(&of_pattern(None, &json!({"buckets": buckets}))), [expected]);
    }
    let of_one = json!({"clientRef": {"name": "a"}, "buckets": ["data"]});
    assert_eq!(said(&access(&of_one)), ["spec.access[0].buckets Invalid"], "the route is about one bucket");
}

#[test]
fn entries_name_one_client_or_select_some() {
    let one = valid_route(&access(&json!({"clientRef": {"name": "spark", "namespace": "platform"}})));
    let foreign = Reference { namespace: Some("platform".to_owned()), name: "spark".to_owned() };
    assert_eq!(one.access[0].clients, Clients::One(foreign));
    let some = json!({"clientSelector": {"matchLabels": {"role": "reader"}}});
    assert_eq!(valid_route(&access(&some)).access[0].clients, Clients::Selected(role("reader")));
    let deny_some = json!({"name": "x", "clientSelector": {"matchLabels": {"role": "reader"}}});
    assert_eq!(valid_route(&deny(deny_some)).deny[0].clients, Some(Clients::Selected(role("reader"))));
}

#[test]
fn law_2_entries_that_are_about_nobody_or_anybody_are_refused() {
    for (fields, expected) in [
        (json!({}), "spec.access[0] Invalid"),
        (json!({"clientRef": {"name": "a"}, "clientSelector": {"matchLabels": {"a": "b"}}}), "spec.access[0] Invalid"),
        (json!({"clientSelector": {}}), "spec.access[0].clientSelector.matchLabels Invalid"),
        (json!({"clientSelector": {"matchLabels": {}}}), "spec.access[0].clientSelector.matchLabels Invalid"),
        (
            json!({"clientSelector": {"matchLabels": {"a b": "c"}}}),
            "spec.access[0].clientSelector.matchLabels.a b Invalid",
        ),
        (json!({"clientSelector": {"matchLabels": {"a": 1}}}), "spec.access[0].clientSelector.matchLabels.a Invalid"),
        (
            json!({"clientSelector": {"matchLabels": {"a": "b"}, "matchExpressions": []}}),
            "spec.access[0].clientSelector.matchExpressions Invalid",
        ),
        (json!({"clientRef": {"name": "a", "namespace": "B"}}), "spec.access[0].clientRef.namespace Invalid"),
    ] {
        assert_eq!(said(&access(&fields)), [expected]);
        if fields != json!({}) {
            let mut entry = fields.clone();
            entry.as_object_mut().unwrap().insert("name".to_owned(), json!("x"));
            assert_eq!(said(&deny(entry)), [expected.replace("access", "deny")]);
        }
    }
}

#[test]
fn other_credentials_are_for_backends_of_the_route() {
    let clients = json!({"name": "c"});
    let of = |credentials: Value| access(&json!({"clientRef": clients, "credentials": credentials}));
    let route = valid_route(&of(json!([{"backend": "a", "credentialRef": {"name": "ro", "namespace": "platform"}}])));
    let other = &route.access[0].credentials[0];
    assert_eq!((other.backend.as_str(), other.credential.namespace.as_deref()), ("a", Some("platform")));
    let one = json!({"backend": "a", "credentialRef": {"name": "ro"}});
    for (credentials, expected) in [
        (json!([{"backend": "b", "credentialRef": {"name": "ro"}}]), "spec.access[0].credentials[0].backend Invalid"),
        (json!([one.clone(), one]), "spec.access[0].credentials Invalid"),
        (json!([]), "spec.access[0].credentials Invalid"),
    ] {
        assert_eq!(said(&of(credentials)), [expected]);
    }
}

fn consenting(kind: &str, fields: &Value) -> Value {
    let mut spec = match kind {
        "CredentialSource" => json!({"anonymous": {}}),
        _ => json!({"accessKey": {"secretRefs": [{"name": "key"}]}}),
    };
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    document(kind, spec)
}

fn consent(value: &Value) -> AllowedNamespaces {
    match lowered(value) {
        Lowered::Document(_, Document::Credential(Object { entry: Entry::Valid(source), .. })) => {
            source.allowed_namespaces
        }
        Lowered::Document(_, Document::Client(Object { entry: Entry::Valid(client), .. })) => client.allowed_namespaces,
        other => panic!("{other:?}"),
    }
}

#[test]
fn k_api_4_consent_is_same_selector_or_all() {
    let endpoints = json!(["minio.svc:9000"]);
    for kind in ["CredentialSource", "ClientIdentity"] {
        let of = |allowed: Value| {
            let mut fields = json!({"allowedNamespaces": allowed});
            if kind == "CredentialSource" {
                fields.as_object_mut().unwrap().insert("allowedEndpoints".to_owned(), endpoints.clone());
            }
            consenting(kind, &fields)
        };
        assert_eq!(consent(&consenting(kind, &json!({}))), AllowedNamespaces::Same);
        assert_eq!(consent(&of(json!({"from": "Same"}))), AllowedNamespaces::Same);
        assert_eq!(consent(&of(json!({"from": "All"}))), AllowedNamespaces::All);
        let selector = json!({"from": "Selector", "selector": {"matchLabels": {"role": "x"}}});
        assert_eq!(consent(&of(selector)), AllowedNamespaces::Selector(role("x")));
        for (allowed, field) in [
            (json!({}), "from"),
            (json!({"from": "Some"}), "from"),
            (json!({"from": "Selector"}), "selector"),
            (json!({"from": "All", "selector": {"matchLabels": {"a": "b"}}}), "selector"),
            (json!({"from": "Selector", "selector": {"matchLabels": {}}}), "selector.matchLabels"),
        ] {
            assert_eq!(said(&of(allowed)), [format!("spec.allowedNamespaces.{field} Invalid")], "{kind}");
        }
    }
}

#[test]
fn k_api_5_a_shared_source_names_its_endpoints() {
    let shared = consenting("CredentialSource", &json!({"allowedNamespaces": {"from": "All"}}));
    assert_eq!(said(&shared), ["spec.allowedEndpoints Invalid"]);
    let own = consenting("CredentialSource", &json!({"allowedEndpoints": ["MinIO.svc:9000", "[::1]:80"]}));
    let Lowered::Document(_, Document::Credential(Object { entry: Entry::Valid(source), .. })) = lowered(&own) else {
        panic!()
    };
    let Credential { allowed_endpoints, .. } = source;
    assert_eq!(allowed_endpoints, ["minio.svc:9000", "[::1]:80"].map(|text| HostPort::parse(text).unwrap()));
    for endpoint in ["minio", "http://minio:80", "169.254.169.254:80"] {
        let wrong = consenting("CredentialSource", &json!({"allowedEndpoints": [endpoint]}));
        assert_eq!(said(&wrong), ["spec.allowedEndpoints[0] Invalid"], "{endpoint}");
    }
}
