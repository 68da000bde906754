use osp_test_support::documents::ConfigDir;

use super::*;
use crate::args::ExplainedRequest;

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
---
{apiVersion: osp.flexworks.eu/v1alpha1, kind: ClientIdentity, metadata: {name: keyless, namespace: team},
 spec: {accessKey: {secretRefs: [{name: gone}]}}}
";

fn ask_of(client: &str, operation: &str, bucket: Option<&str>, key: Option<&str>, prefix: Option<&str>) -> String {
    let dir = ConfigDir::default();
    dir.write("all.yaml", DOCUMENTS);
    let text = |text: Option<&str>| text.map(str::to_owned);
    let request = ExplainedRequest {
        client: client.to_owned(),
        operation: operation.to_owned(),
        bucket: text(bucket),
        key: text(key),
        prefix: text(prefix),
        ..ExplainedRequest::default()
    };
    explain(&Explain { request, config_dir: Some(dir.path().to_owned()), ..Explain::default() }).unwrap()
}

fn ask(operation: &str, bucket: Option<&str>, key: Option<&str>, prefix: Option<&str>) -> String {
    ask_of("team/spark", operation, bucket, key, prefix)
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
fn s3_7_13_what_a_page_of_another_origin_may_is_said_when_it_is_asked() {
    let rules = "{allowedOrigins: ['https://*.test'], allowedMethods: [GET]}";
    let dir = ConfigDir::default();
    dir.write("all.yaml", &DOCUMENTS.replacen("prefix: raw/}", &format!("prefix: raw/}}, cors: [{rules}]"), 1));
    let told = |operation: &str, key: &str, origin: Option<&str>| {
        let text = |text: &str| Some(text.to_owned());
        let (client, operation, origin) = ("team/spark".to_owned(), operation.to_owned(), origin.map(str::to_owned));
        let request =
            ExplainedRequest { client, operation, bucket: text("data"), key: text(key), origin, ..<_>::default() };
        explain(&Explain { request, config_dir: Some(dir.path().to_owned()), ..Explain::default() }).unwrap()
    };
    let granted = told("GetObject", "raw/x", Some("https://app.test"));
    assert!(granted.ends_with("credential: team/k\npreflight: allow\ncors: allow\n"), "{granted}");
    // the page may read a denial, too
    let denied = told("GetObject", "raw/secret/x", Some("https://app.test"));
    assert!(denied.starts_with("decision: deny\n") && denied.ends_with("preflight: allow\ncors: allow\n"), "{denied}");
    for (operation, key, origin) in [
        ("GetObject", "raw/x", "https://app.other"),
        ("DeleteObject", "raw/x", "https://app.test"),
        ("GetObject", "elsewhere", "https://app.test"),
    ] {
        let told = told(operation, key, Some(origin));
        assert!(told.ends_with("preflight: deny\ncors: deny\n"), "{told}");
    }
    assert!(!told("GetObject", "raw/x", None).contains("cors: "));
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
fn a_client_that_nobody_can_be_is_explained_by_its_problems() {
    let told = ask_of("team/keyless", "GetObject", Some("data"), Some("raw/x"), None);
    assert!(told.contains("code: InvalidAccessKeyId\n"), "{told}");
    let problem = "problem: all.yaml#6 ClientIdentity team/keyless spec.accessKey.secretRefs[0].name: SecretNotFound: ";
    assert!(told.contains(problem), "{told}");
    let nobody = ask_of("team/nobody", "GetObject", Some("data"), Some("raw/x"), None);
    assert!(nobody.contains("code: InvalidAccessKeyId\n") && !nobody.contains("problem:"), "{nobody}");
}

fn ask_for_copy(more: &str, (bucket, key): (&str, &str), source: &str) -> String {
    let dir = ConfigDir::default();
    dir.write("all.yaml", DOCUMENTS);
    dir.write("more.yaml", more);
    let request = ExplainedRequest {
        client: "team/spark".to_owned(),
        operation: "CopyObject".to_owned(),
        bucket: Some(bucket.to_owned()),
        key: Some(key.to_owned()),
        source: Some(source.to_owned()),
        ..ExplainedRequest::default()
    };
    explain(&Explain { request, config_dir: Some(dir.path().to_owned()), ..Explain::default() }).unwrap()
}

#[test]
fn a_broken_source_of_a_copy_is_explained_by_its_problems() {
    let told = ask_for_copy("", ("data", "raw/x"), "broken/x");
    assert!(told.contains("reason: route_broken\n") && told.contains("problem: all.yaml#2 BucketRoute"), "{told}");
}

/// s3-protocol.md 3.1.
#[test]
fn a_copy_between_backends_shows_both_places_and_who_makes_it() {
    let far = |copies: &str| {
        format!(
            "{{apiVersion: osp.flexworks.eu/v1alpha1, kind: BucketRoute, metadata: {{name: far, namespace: team}}, spec: {{
               match: {{bucket: far}}, traffic: {{copyBetweenBackends: {copies}}},
               backends: [{{name: away, endpoint: 'http://127.0.0.1:9001', bucket: there, credentialRef: {{name: k}}}}],
               access: [{{name: spark, clientRef: {{name: spark}}, permissions: [Write]}}]}}}}"
        )
    };
    let told = ask_for_copy(&far("Stream"), ("far", "x"), "data/raw/y");
    let (checks, places) = told.split_once("copiedBy: ").expect(&told);
    assert!(checks.contains("Read on data/raw/y: allowed") && checks.contains("Write on far/x: allowed"), "{told}");
    assert_eq!(
        places,
        "gateway\nsourceRoute: team/raw\nsourceBackend: main\nsourceEndpoint: http://127.0.0.1:9000\n\
         sourceBackendBucket: real\nsourceBackendKey: tenants/a/y\nsourceCredential: team/k\nroute: team/far\n\
         backend: away\nendpoint: http://127.0.0.1:9001\nbackendBucket: there\nbackendKey: x\ncredential: team/k\n"
    );
    let told = ask_for_copy(&far("Refuse"), ("far", "x"), "data/raw/y");
    assert!(told.contains("code: NotImplemented\n") && !told.contains("copiedBy"), "{told}");
}

#[test]
fn c_7_what_is_typed_makes_no_line_of_its_own() {
    let told = ask_of("team/x\ndecision: allow\u{1b}[2J", "ListBuckets", None, None, None);
    assert_eq!(told.lines().filter(|line| line.starts_with("decision: ")).count(), 1, "{told}");
    assert!(told.contains("principal: team/x\\ndecision: allow\\u{1b}[2J\n"), "{told}");
}

#[test]
fn everything_that_is_typed_wrongly_is_said() {
    let typed = |request: ExplainedRequest| Explain { request, config_dir: Some(".".into()), ..Explain::default() };
    let wrong = typed(ExplainedRequest {
        client: "spark".to_owned(),
        operation: "Nonsense".to_owned(),
        bucket: Some("A".to_owned()),
        key: Some("k".repeat(1025)),
        ..ExplainedRequest::default()
    });
    let Err(Failure::Config(errors)) = explain(&wrong) else { panic!() };
    assert_eq!(errors.iter().map(|error| error.place.as_str()).collect::<Vec<_>>(), ["--client", "--bucket", "--key"]);
    let without_key = typed(ExplainedRequest {
        client: "a".to_owned(),
        operation: "GetObject".to_owned(),
        bucket: Some("data".to_owned()),
        ..ExplainedRequest::default()
    });
    let Err(Failure::Config(errors)) = explain(&without_key) else { panic!() };
    assert_eq!(errors.iter().map(|error| error.place.as_str()).collect::<Vec<_>>(), ["--client", "--operation"]);
}

/// A listener that gives this answer to one request.
fn answering(answer: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });
    address
}

fn ask_at(admin: &str) -> Result<String, Failure> {
    let request = ExplainedRequest { client: "a/b".to_owned(), ..ExplainedRequest::default() };
    explain(&Explain { request, admin: Some(admin.to_owned()), ..Explain::default() })
}

#[test]
fn whoever_is_asked_and_cannot_answer_is_told_of_clearly() {
    let good = answering("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\ndecision: allow\n");
    assert_eq!(ask_at(&good).unwrap(), "decision: allow\n");
    for (answer, expected) in [
        ("HTTP/1.1 400 Bad Request\r\ncontent-length: 17\r\n\r\nkey: bad\nhost: x\n", "key: bad\nhost: x"),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno\n", "ADDRESS: no: run `osp explain` where OSP runs"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "ADDRESS: there is no /explain"),
        ("HTTP/1.1 503 x\r\ncontent-length: 3\r\n\r\nno\n", "ADDRESS: 503 Service Unavailable: no"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nno", "ADDRESS: no answer of OSP's admin listener: "),
        ("SSH-2.0-x\r\n\r\n", "ADDRESS: no answer of OSP's admin listener: "),
    ] {
        let address = answering(answer);
        let Err(Failure::Explain(told)) = ask_at(&address) else { panic!("{answer}") };
        assert!(told.starts_with(&expected.replace("ADDRESS", &address)), "{answer}: {told}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let Err(Failure::Explain(told)) = ask_at(&closed) else { panic!() };
    assert!(told.starts_with(&format!("{closed}: cannot connect: ")), "{told}");
    for nonsense in ["9090", "http://127.0.0.1:9090", "127.0.0.1:0", ""] {
        let Err(Failure::Config(errors)) = ask_at(nonsense) else { panic!("{nonsense}") };
        assert_eq!(errors[0].place, "--admin", "{nonsense}");
    }
}
