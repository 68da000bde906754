use super::*;
use crate::s3::sample::head;
use crate::s3::{BaseHosts, parse};

/// Classifies a request of these parts.
fn classify_with(method: &str, target: &str, lines: &[&str]) -> Result<Operation, Denial> {
    let head = head(method, target, lines);
    let target = parse(&head, &BaseHosts::default()).unwrap();
    let semantics = Semantics::read(&head, &target)?;
    classify(head.method(), &target, &semantics)
}

/// The name of the operation, or the S3 code of the refusal.
fn outcome(method: &str, target: &str, lines: &[&str]) -> &'static str {
    match classify_with(method, target, lines) {
        Ok(operation) => operation.name(),
        Err(denial) => denial.row().code,
    }
}

fn put_with(line: &str) -> &'static str {
    outcome("PUT", "/bkt/key", &[line])
}

const METHODS: [&str; 9] = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"];
const LEVELS: [&str; 3] = ["/", "/bkt", "/bkt/key"];

/// Every combination that is served; whatever is not listed here is refused.
const SERVED: [(&str, &str, &str, &str); 21] = [
    ("GET", "/", "", "ListBuckets"),
    ("HEAD", "/bkt", "", "HeadBucket"),
    ("GET", "/bkt", "", "ListObjects"),
    ("GET", "/bkt", "list-type=2", "ListObjectsV2"),
    ("GET", "/bkt", "location", "GetBucketLocation"),
    ("GET", "/bkt", "uploads", "ListMultipartUploads"),
    ("POST", "/bkt", "delete", "DeleteObjects"),
    ("GET", "/bkt/key", "", "GetObject"),
    ("HEAD", "/bkt/key", "", "HeadObject"),
    ("GET", "/bkt/key", "partNumber=1", "GetObject"),
    ("HEAD", "/bkt/key", "partNumber=1", "HeadObject"),
    ("PUT", "/bkt/key", "", "PutObject"),
    ("DELETE", "/bkt/key", "", "DeleteObject"),
    ("POST", "/bkt/key", "uploads", "CreateMultipartUpload"),
    ("PUT", "/bkt/key", "partNumber=1&uploadId=u", "UploadPart"),
    ("POST", "/bkt/key", "uploadId=u", "CompleteMultipartUpload"),
    ("DELETE", "/bkt/key", "uploadId=u", "AbortMultipartUpload"),
    ("GET", "/bkt/key", "tagging", "GetObjectTagging"),
    ("GET", "/bkt/key", "uploadId=u", "ListParts"),
    ("OPTIONS", "/bkt", "", "Preflight"),
    ("OPTIONS", "/bkt/key", "", "Preflight"),
];

#[test]
fn cl_1_cl_6_the_classifier_is_total_and_denies_by_default() {
    let mut queries = vec![String::new(), "list-type=2".into(), "uploadId=u".into(), "partNumber=1".into()];
    queries.extend(["partNumber=1&uploadId=u", "versionId=v", "unknown", "=", "?"].map(str::to_owned));
    queries.extend(parameters::SELECTORS.iter().map(|selector| selector.name.to_owned()));
    let mut served = 0;
    for method in METHODS {
        for level in LEVELS {
            for query in &queries {
                let found = outcome(method, &format!("{level}?{query}"), &[]);
                let expected = SERVED.iter().find(|row| (row.0, row.1, row.2) == (method, level, query.as_str()));
                let is_preflight = method == "OPTIONS" && level != "/";
                match expected {
                    Some(row) => assert_eq!(found, row.3, "{method} {level}?{query}"),
                    None if is_preflight => assert_eq!(found, "Preflight", "{method} {level}?{query}"),
                    None => assert!(
                        matches!(
                            found,
                            "AccessDenied"
                                | "NotImplemented"
                                | "MethodNotAllowed"
                                | "InvalidArgument"
                                | "InvalidRequest"
                        ),
                        "{method} {level}?{query} is {found}"
                    ),
                }
                served += usize::from(expected.is_some());
            }
        }
    }
    assert_eq!(served, SERVED.len(), "every served row was tried");
}

#[test]
fn d08_d10_bucket_administration_is_forbidden() {
    for (method, target) in [
        ("PUT", "/bkt"),
        ("DELETE", "/bkt"),
        ("GET", "/bkt?acl"),
        ("PUT", "/bkt?policy"),
        ("PUT", "/bkt?lifecycle"),
        ("DELETE", "/bkt?cors"),
        ("GET", "/bkt?versioning"),
        ("PUT", "/bkt?tagging"),
        ("GET", "/bkt?analytics&id=1"),
        ("GET", "/bkt?object-lock"),
        ("HEAD", "/bkt?acl"),
    ] {
        assert_eq!(outcome(method, target, &[]), "AccessDenied", "{method} {target}");
    }
    assert_eq!(outcome("HEAD", "/bkt", &[]), "HeadBucket");
}

#[test]
fn d07_d08_what_s3_knows_and_osp_does_not_is_not_implemented() {
    for (method, target) in [
        ("GET", "/bkt?versions"),
        ("GET", "/bkt?session"),
        ("GET", "/bkt/key?acl"),
        ("PUT", "/bkt/key?tagging"),
        ("PUT", "/bkt/key?retention"),
        ("PUT", "/bkt/key?legal-hold"),
        ("GET", "/bkt/key?attributes"),
        ("GET", "/bkt/key?torrent"),
        ("POST", "/bkt/key?restore"),
        ("POST", "/bkt/key?select&select-type=2"),
        ("PUT", "/bkt/key?renameObject"),
        ("GET", "/bkt/key?versionId=v"),
        ("GET", "/bkt/key?versionId=null"),
        ("DELETE", "/bkt/key?versionId=v"),
        ("PUT", "/bkt/key?brandNew"),
        ("GET", "/bkt?Prefix=p"),
        ("GET", "/?brandNew"),
    ] {
        assert_eq!(outcome(method, target, &[]), "NotImplemented", "{method} {target}");
    }
    assert_eq!(
        classify_with("PUT", "/bkt/key?brandNew=1", &[]),
        Err(Denial::NotImplemented("the query parameter brandNew".to_owned()))
    );
}

#[test]
fn d11_a_form_upload_is_not_implemented() {
    assert_eq!(outcome("POST", "/bkt", &["content-type: multipart/form-data; boundary=x"]), "NotImplemented");
    assert_eq!(outcome("POST", "/bkt", &["content-type: text/xml"]), "MethodNotAllowed");
    assert_eq!(outcome("POST", "/bkt/key", &["content-type: multipart/form-data"]), "MethodNotAllowed");
}

#[test]
fn trap_9_two_sub_resources_conflict() {
    let conflict = Err(Denial::InvalidArgument("Conflicting query string parameters".to_owned()));
    for (method, target) in [
        ("GET", "/bkt?acl&policy"),
        ("GET", "/bkt?list-type=2&versions"),
        ("GET", "/bkt?location&location"),
        ("GET", "/bkt/key?uploadId=u&tagging"),
        ("POST", "/bkt/key?uploads&uploadId=u"),
        ("PUT", "/bkt/key?partNumber=1&uploadId=u&acl"),
    ] {
        assert_eq!(classify_with(method, target, &[]), conflict, "{method} {target}");
    }
}

#[test]
fn cl_3_a_selector_on_the_wrong_level_is_an_invalid_request() {
    for (method, target) in [
        ("GET", "/bkt/key?uploads"),
        ("GET", "/bkt/key?versions"),
        ("GET", "/bkt/key?location"),
        ("GET", "/bkt/key?list-type=2"),
        ("POST", "/bkt/key?delete"),
        ("PUT", "/bkt/key?policy"),
        ("GET", "/bkt?torrent"),
        ("POST", "/bkt?restore"),
        ("GET", "/?location"),
        ("GET", "/?acl"),
    ] {
        assert_eq!(outcome(method, target, &[]), "InvalidRequest", "{method} {target}");
    }
}

#[test]
fn trap_15_upload_ids_in_odd_places_are_refused() {
    for (method, target) in [
        ("PUT", "/bkt/key?uploadId=u"),
        ("PUT", "/bkt/key?partNumber=1"),
        ("GET", "/bkt?uploadId=u"),
        ("DELETE", "/bkt?uploadId=u"),
        ("PUT", "/bkt?partNumber=1&uploadId=u"),
        ("HEAD", "/bkt/key?uploadId=u"),
        ("GET", "/bkt/key?partNumber=1&uploadId=u"),
        ("DELETE", "/bkt/key?partNumber=1&uploadId=u"),
        ("POST", "/bkt/key?partNumber=1&uploadId=u"),
        ("GET", "/?uploadId=u"),
    ] {
        let found = outcome(method, target, &[]);
        // CreateBucket and DeleteBucket are not even looked at: the level decides first.
        assert_eq!(found, "InvalidRequest", "{method} {target}");
    }
    for (method, target) in [
        ("PUT", "/bkt/key?partNumber=1&uploadId="),
        ("PUT", "/bkt/key?partNumber=1&uploadId"),
        ("DELETE", "/bkt/key?uploadId="),
        ("POST", "/bkt/key?uploadId="),
        ("GET", "/bkt/key?uploadId="),
    ] {
        assert_eq!(outcome(method, target, &[]), "InvalidArgument", "{method} {target}");
    }
}

#[test]
fn an_empty_version_is_not_the_same_as_none() {
    assert_eq!(outcome("GET", "/bkt/key?versionId=", &[]), "InvalidArgument");
    assert_eq!(outcome("GET", "/bkt/key?versionId", &[]), "InvalidArgument");
    assert_eq!(outcome("GET", "/bkt?versionId=v", &[]), "InvalidRequest");
    assert_eq!(outcome("GET", "/bkt/key", &[]), "GetObject");
}

#[test]
fn parameters_have_possible_values() {
    for (target, good) in [
        ("/bkt/key?partNumber=10000", true),
        ("/bkt/key?partNumber=0", false),
        ("/bkt/key?partNumber=10001", false),
        ("/bkt/key?partNumber=+1", false),
        ("/bkt/key?partNumber=", false),
        ("/bkt?max-keys=0", true),
        ("/bkt?max-keys=2147483647", true),
        ("/bkt?max-keys=2147483648", false),
        ("/bkt?max-keys=-1", false),
        ("/bkt?max-keys=blah", false),
        ("/bkt?encoding-type=url", true),
        ("/bkt?encoding-type=xml", false),
        ("/bkt?list-type=2&max-keys=7&fetch-owner=true&start-after=a&continuation-token=t", true),
        ("/bkt?list-type=3", false),
        ("/bkt?prefix=a&prefix=b", false),
        ("/bkt?prefix=a&delimiter=/&marker=m", true),
        ("/bkt?uploads&key-marker=a&upload-id-marker=b&max-uploads=1&prefix=&delimiter=", true),
        ("/bkt/key?uploadId=u&max-parts=1&part-number-marker=0", true),
        ("/bkt/key?response-content-type=a%2Fb&response-expires=x", true),
        ("/bkt/key?response-content-type=a%0d%0ab", false),
    ] {
        let found = classify_with("GET", target, &[]);
        match found {
            Ok(_) => assert!(good, "{target}"),
            Err(Denial::InvalidArgument(_)) => assert!(!good, "{target}"),
            Err(denial) => unreachable!("{target}: {denial:?}"),
        }
    }
}

#[test]
fn cl_2_modifiers_go_with_their_operation_only() {
    for (method, target) in [
        ("GET", "/bkt?start-after=a"),
        ("GET", "/bkt?list-type=2&marker=a"),
        ("PUT", "/bkt/key?prefix=a"),
        ("PUT", "/bkt/key?response-content-type=a"),
        ("DELETE", "/bkt/key?partNumber=1"),
        ("HEAD", "/bkt?prefix=a"),
    ] {
        assert_eq!(outcome(method, target, &[]), "InvalidRequest", "{method} {target}");
    }
}

#[test]
fn cl_2_x_id_is_inert() {
    assert_eq!(outcome("GET", "/bkt/key?x-id=DeleteObject", &[]), "GetObject");
    assert_eq!(outcome("PUT", "/bkt/key?x-id=CopyObject", &[]), "PutObject");
    assert_eq!(outcome("GET", "/?x-id=ListBuckets", &[]), "ListBuckets");
}

#[test]
fn presigned_parameters_select_nothing() {
    let query =
        "X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=s";
    assert_eq!(outcome("GET", &format!("/bkt/key?{query}"), &[]), "GetObject");
}

#[test]
fn trap_3_a_copy_source_in_the_query_is_a_copy() {
    let source = CopySource::parse(b"src/k").unwrap();
    let (bucket, key) = (BucketName::parse("bkt").unwrap(), ObjectKey::parse(b"key".to_vec()).unwrap());
    let copy = Operation::CopyObject { bucket: bucket.clone(), key: key.clone(), source: source.clone() };
    assert_eq!(classify_with("PUT", "/bkt/key?X-Amz-Copy-Source=src%2Fk", &[]), Ok(copy.clone()));
    assert_eq!(classify_with("PUT", "/bkt/key", &["x-amz-copy-source: /src/k"]), Ok(copy));
    assert_eq!(
        classify_with("PUT", "/bkt/key?partNumber=1&uploadId=u", &["x-amz-copy-source: src/k"]),
        Ok(Operation::UploadPartCopy { bucket, key, source })
    );
}

#[test]
fn cl_3_a_copy_source_goes_with_put_only() {
    for (method, target) in [
        ("GET", "/bkt/key"),
        ("HEAD", "/bkt/key"),
        ("DELETE", "/bkt/key"),
        ("POST", "/bkt/key?uploads"),
        ("POST", "/bkt/key?uploadId=u"),
        ("GET", "/bkt"),
        ("GET", "/"),
        ("POST", "/bkt?delete"),
    ] {
        assert_eq!(outcome(method, target, &["x-amz-copy-source: src/k"]), "InvalidArgument", "{method} {target}");
        assert_ne!(outcome(method, target, &[]), "InvalidArgument", "{method} {target}");
    }
    assert_eq!(outcome("PUT", "/bkt/key", &["x-amz-copy-source:"]), "InvalidArgument");
}

#[test]
fn d09_headers_that_change_rights_are_forbidden() {
    assert_eq!(put_with("x-amz-acl: private"), "PutObject");
    for line in [
        "x-amz-acl: public-read",
        "x-amz-acl: bucket-owner-full-control",
        "x-amz-acl:",
        "x-amz-grant-read: id=1",
        "x-amz-grant-full-control: id=1",
        "x-amz-object-lock-mode: GOVERNANCE",
        "x-amz-object-lock-legal-hold: OFF",
        "x-amz-bypass-governance-retention: true",
    ] {
        assert_eq!(put_with(line), "AccessDenied", "{line}");
    }
    let hoisted = outcome("PUT", "/bkt/key?X-Amz-Acl=public-read", &[]);
    assert_eq!(hoisted, "AccessDenied");
}

#[test]
fn d09_headers_that_osp_does_not_know_are_named_in_the_refusal() {
    for name in [
        "x-amz-tagging",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-copy-source-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-context",
        "x-amz-website-redirect-location",
        "x-amz-write-offset-bytes",
        "x-amz-rename-source",
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
        "x-amz-request-payer",
        "x-amz-mfa",
        "x-amz-if-match-size",
        "x-amz-checksum-sha512",
        "x-amz-brand-new",
        "x-amz-",
    ] {
        assert_eq!(
            classify_with("PUT", "/bkt/key", &[&format!("{name}: 1")]),
            Err(Denial::NotImplemented(format!("the header {name}")))
        );
    }
}

#[test]
fn headers_that_are_known_pass() {
    for line in [
        "x-amz-meta-anything: 1",
        "x-amz-storage-class: STANDARD",
        "x-amz-checksum-crc32: AAAAAA==",
        "x-amz-checksum-algorithm: crc32c",
        "x-amz-checksum-type: FULL_OBJECT",
        "x-amz-sdk-checksum-algorithm: CRC32",
        "x-amz-server-side-encryption: AES256",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: k",
        "x-amz-tagging-directive: COPY",
        "x-amz-metadata-directive: REPLACE",
        "x-amz-user-agent: js",
        "x-amz-te: append-md5",
        "x-amzn-trace-id: Root=1",
        "amz-sdk-invocation-id: 1",
        "x-http-method-override: DELETE",
    ] {
        assert_eq!(put_with(line), "PutObject", "{line}");
    }
    for line in [
        "x-amz-server-side-encryption: rot13",
        "x-amz-tagging-directive: REPLACE",
        "x-amz-te: trailers",
        "x-amz-checksum-algorithm: XXHASH64",
    ] {
        assert_eq!(put_with(line), "NotImplemented", "{line}");
    }
    assert_eq!(put_with("x-amz-metadata-directive: MOVE"), "InvalidArgument");
}

fn needs_of(method: &str, target: &str, lines: &[&str]) -> Needs {
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    classify_with(method, target, lines).unwrap().needs(&Query::parse(query.as_bytes()).unwrap())
}

#[test]
fn cl_7_every_operation_needs_its_pairs() {
    let bucket = |name: &str| BucketName::parse(name).unwrap();
    let object = |name: &str, key: &str| Resource::Object(bucket(name), ObjectKey::parse(key.into()).unwrap());
    let all = |pairs: &[(Permission, Resource)]| Needs::All(pairs.to_vec());
    let list = |prefix: &str| all(&[(Permission::List, Resource::Prefix(bucket("bkt"), prefix.to_owned()))]);

    assert_eq!(needs_of("GET", "/", &[]), Needs::Nothing);
    assert_eq!(needs_of("OPTIONS", "/bkt/key", &[]), Needs::Nothing);
    for target in ["/bkt", "/bkt?list-type=2", "/bkt?uploads", "/bkt?prefix="] {
        assert_eq!(needs_of("GET", target, &[]), list(""), "{target}");
    }
    for target in ["/bkt?prefix=a%2F&delimiter=/", "/bkt?list-type=2&prefix=a/", "/bkt?uploads&prefix=a/&key-marker=b/"]
    {
        assert_eq!(needs_of("GET", target, &[]), list("a/"), "{target}");
    }
    for (method, target) in [("HEAD", "/bkt"), ("GET", "/bkt?location")] {
        assert_eq!(needs_of(method, target, &[]), all(&[(Permission::List, Resource::Bucket(bucket("bkt")))]));
    }
    assert_eq!(needs_of("POST", "/bkt?delete", &[]), Needs::EachKey(bucket("bkt")));
    for (method, target, permission) in [
        ("GET", "/bkt/key", Permission::Read),
        ("HEAD", "/bkt/key", Permission::Read),
        ("PUT", "/bkt/key", Permission::Write),
        ("POST", "/bkt/key?uploads", Permission::Write),
        ("PUT", "/bkt/key?partNumber=1&uploadId=u", Permission::Write),
        ("POST", "/bkt/key?uploadId=u", Permission::Write),
        ("DELETE", "/bkt/key?uploadId=u", Permission::Write),
        ("GET", "/bkt/key?uploadId=u", Permission::Write),
        ("DELETE", "/bkt/key", Permission::Delete),
    ] {
        assert_eq!(needs_of(method, target, &[]), all(&[(permission, object("bkt", "key"))]), "{method} {target}");
    }
    // D01, D02: the source is as much a part of a copy as its target.
    let both = all(&[(Permission::Read, object("src", "k")), (Permission::Write, object("bkt", "key"))]);
    for target in ["/bkt/key", "/bkt/key?partNumber=1&uploadId=u"] {
        assert_eq!(needs_of("PUT", target, &["x-amz-copy-source: src%2Fk"]), both);
    }
}

#[test]
fn operations_know_what_they_are_about() {
    for (method, target, _, name) in SERVED.map(|row| (row.0, format!("{}?{}", row.1, row.2), row.2, row.3)) {
        let operation = classify_with(method, &target, &[]).unwrap();
        assert_eq!(operation.method().as_str(), method);
        let level = LEVELS.iter().position(|level| target.starts_with(&format!("{level}?"))).unwrap();
        if name != "Preflight" {
            assert_eq!((operation.bucket().is_some(), operation.key().is_some()), (level > 0, level > 1), "{name}");
        }
        let is_own = matches!(name, "ListBuckets" | "Preflight" | "GetBucketLocation");
        assert_eq!(operation.is_forwarded(), !is_own, "{name}");
        let streams = matches!(name, "PutObject" | "UploadPart");
        assert_eq!(operation.takes_streaming_payload(), streams, "CH-1 {name}");
        let has_body = streams || matches!(name, "CompleteMultipartUpload" | "DeleteObjects");
        assert_eq!(operation.takes_body(), has_body, "{name}");
        assert_eq!(operation.is_replayable(), matches!(method, "GET" | "HEAD"), "{name}");
    }
}

#[test]
fn the_parameters_of_every_operation_are_sorted_and_known() {
    for row in SERVED {
        let operation = classify_with(row.0, &format!("{}?{}", row.1, row.2), &[]).unwrap();
        let parameters = operation.parameters();
        assert!(parameters.is_sorted(), "{}", row.3);
        let mut encoded = String::new();
        parameters.iter().for_each(|name| crate::s3::encode_query(name.as_bytes(), &mut encoded));
        assert_eq!(encoded, parameters.concat(), "no name needs encoding");
    }
}
