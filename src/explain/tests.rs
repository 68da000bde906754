use osp_test_support::documents::ConfigDir;

use super::*;

const DOCUMENTS: &str = "
{apiVersion: osp.flexworks.eu/v1alpha1, kind: BucketRoute, metadata: {name: raw, namespace: team}, spec: {
  match: {bucket: data, prefix: raw/},
  backends: [{name: main, endpoint: 'http://127.0.0.1:9000', bucket: real, prefix: tenants/a/, credentialRef: {name: k}}],
  access: [{name: spark, clientRef: {name: spark}, permissions: [Read, List, Delete]}],
  deny: [{name: no-secrets, prefixes: [raw/secret/]}]}}
---
{apiVersion: osp.flexworks.eu/v1alpha1, kind: BucketRoute, metadata: {name: broken, namespace: team}, spec: {
  match: {bucket: broken},
  backends: [{name: main, endpoint: 'http://127.0.0.1:9000', credentialRef: {name: gone}}]}}
---
{apiVersion: osp.flexworks.eu/v1alpha1, kind: CredentialSource, metadata: {name: k, namespace: team}, spec: {anonymous: {}}}
---
{apiVersion: osp.flexworks.eu/v1alpha1, kind: ClientIdentity, metadata: {name: spark, namespace: team},
 spec: {accessKey: {secretRefs: [{name: spark-key}]}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: spark-key, namespace: team},
 stringData: {AWS_ACCESS_KEY_ID: AKIASPARK, AWS_SECRET_ACCESS_KEY: secret}}
";

fn ask(operation: &str, bucket: Option<&str>, key: Option<&str>, prefix: Option<&str>) -> String {
    let dir = ConfigDir::default();
    dir.write("all.yaml", DOCUMENTS);
    let text = |text: Option<&str>| text.map(str::to_owned);
    explain(&Explain {
        client: "team/spark".to_owned(),
        operation: operation.to_owned(),
        bucket: text(bucket),
        key: text(key),
        prefix: text(prefix),
        config_dir: dir.path().to_owned(),
        ..Explain::default()
    })
    .unwrap()
}

#[test]
fn an_allowed_request_shows_entry_route_backend_and_credential() {
    assert_eq!(
        ask("GetObject", Some("data"), Some("raw/x"), None),
        "decision: allow\nprincipal: team/spark\noperation: GetObject\nbucket: data\nkey: raw/x\n\
         check: Read on data/raw/x: allowed by access entry \"spark\" of team/raw\nroute: team/raw\nbackend: main\n\
         endpoint: http://127.0.0.1:9000\nbackendBucket: real\nbackendKey: tenants/a/x\ncredential: team/k\n"
    );
    assert!(ask("ListObjectsV2", Some("data"), None, Some("raw/x")).contains("allowed by access entry"));
    assert!(ask("ListBuckets", None, None, None).ends_with("operation: ListBuckets\nshows: data\n"));
}

#[test]
fn a_denied_request_shows_the_words_of_the_access_log_and_the_entry() {
    let denied = "status: 403\ncode: AccessDenied\nreason: denied\nblame: client\nmessage: Access Denied\n";
    for (operation, key, prefix, check) in [
        (
            "GetObject",
            Some("raw/secret/x"),
            None,
            "check: Read on data/raw/secret/x: denied by deny entry \"no-secrets\"",
        ),
        ("PutObject", Some("raw/x"), None, "check: Write on data/raw/x: no access entry of team/raw allows it"),
        ("ListObjectsV2", None, Some("raw/"), "check: List on data/raw/*: denied by deny entry \"no-secrets\""),
        ("GetObject", Some("other"), None, ""),
        ("ListObjectsV2", None, None, ""),
    ] {
        let told = ask(operation, Some("data"), key, prefix);
        assert!(told.starts_with("decision: deny\n") && told.contains(denied) && told.contains(check), "{told}");
        assert!(!told.contains("route:") && !told.contains("endpoint:"), "{told}");
    }
    let gone = ask("GetObject", Some("absent"), Some("x"), None);
    assert!(gone.contains("status: 404\ncode: NoSuchBucket\nreason: no_such_bucket\n"), "{gone}");
}

#[test]
fn a_broken_route_is_explained_by_its_problems() {
    let told = ask("GetObject", Some("broken"), Some("x"), None);
    assert!(told.contains("status: 503\ncode: ServiceUnavailable\nreason: route_broken\nblame: operator\n"), "{told}");
    assert!(
        told.contains("problem: all.yaml#2 BucketRoute team/broken spec.backends[0].credentialRef.name: "),
        "{told}"
    );
}

#[test]
fn everything_that_is_typed_wrongly_is_said() {
    let typed = Explain {
        client: "spark".to_owned(),
        operation: "Nonsense".to_owned(),
        bucket: Some("A".to_owned()),
        key: Some("k".repeat(1025)),
        ..Explain::default()
    };
    let Err(Failure::Config(errors)) = explain(&typed) else { panic!() };
    assert_eq!(errors.iter().map(|error| error.place.as_str()).collect::<Vec<_>>(), ["--client", "--bucket", "--key"]);
    let without_key = Explain {
        client: "a/b".to_owned(),
        operation: "GetObject".to_owned(),
        bucket: Some("data".to_owned()),
        ..Explain::default()
    };
    let Err(Failure::Config(errors)) = explain(&without_key) else { panic!() };
    assert_eq!(errors[0].place, "--operation");
}
