//! Headers that change what an operation needs, or whether it is served.

use super::*;

/// What is needed on top of the operation's own permission, or the code of the refusal.
fn demanded(method: &str, target: &str, line: &str) -> String {
    match classify_with(method, target, &[line]) {
        Ok(operation) => told(&operation.needs(&Query::default())),
        Err(denial) => denial.row().code.to_owned(),
    }
}

#[test]
fn d09_headers_that_change_rights_need_admin_where_they_mean_something() {
    for line in [
        "x-amz-acl: public-read",
        "x-amz-acl: bucket-owner-full-control",
        "x-amz-acl:",
        "x-amz-acl: Private",
        "x-amz-grant-read: id=1",
        "x-amz-grant-full-control: id=1",
        "x-amz-object-lock-mode: GOVERNANCE",
        "x-amz-object-lock-retain-until-date: 2030-01-01T00:00:00Z",
        "x-amz-object-lock-legal-hold: OFF",
    ] {
        for (method, target) in [("PUT", "/bkt/key"), ("POST", "/bkt/key?uploads")] {
            assert_eq!(demanded(method, target, line), "Write bkt/key, Admin bkt/key", "{line}");
        }
        for (method, target) in
            [("GET", "/bkt/key"), ("PUT", "/bkt/key?tagging"), ("PUT", "/bkt/key?partNumber=1&uploadId=u")]
        {
            assert_eq!(demanded(method, target, line), "AccessDenied", "{method} {target} {line}");
        }
    }
    assert_eq!(demanded("PUT", "/bkt/key", "x-amz-acl: private"), "Write bkt/key");
    assert_eq!(demanded("GET", "/bkt/key", "x-amz-acl: private"), "Read bkt/key");
    assert_eq!(demanded("PUT", "/bkt/key?X-Amz-Acl=public-read", "x-amz-meta-a: b"), "Write bkt/key, Admin bkt/key");
    assert_eq!(demanded("PUT", "/bkt?acl", "x-amz-grant-read: id=1"), "Admin bkt/*");
    let copy = classify_with("PUT", "/bkt/key", &["x-amz-copy-source: src/k", "x-amz-acl: public-read"]).unwrap();
    assert_eq!(told(&copy.needs(&Query::default())), "Read src/k, Write bkt/key, Admin bkt/key");
}

#[test]
fn d09_a_governance_lock_is_bypassed_by_admins_only() {
    let bypass = "x-amz-bypass-governance-retention: true";
    for (method, target, needs) in [
        ("DELETE", "/bkt/key", "Delete bkt/key, Admin bkt/key"),
        ("DELETE", "/bkt/key?versionId=v", "Delete bkt/key, Admin bkt/key"),
        ("POST", "/bkt?delete", "each Delete and Admin bkt"),
        ("PUT", "/bkt/key?retention", "Admin bkt/key"),
        ("PUT", "/bkt/key", "AccessDenied"),
        ("PUT", "/bkt/key?legal-hold", "AccessDenied"),
        ("GET", "/bkt/key", "AccessDenied"),
    ] {
        assert_eq!(demanded(method, target, bypass), needs, "{method} {target}");
    }
    for quiet in ["x-amz-bypass-governance-retention: false", "x-amz-meta-a: b"] {
        assert_eq!(demanded("DELETE", "/bkt/key", quiet), "Delete bkt/key");
    }
}

#[test]
fn tags_go_with_new_objects() {
    for (method, target) in [("PUT", "/bkt/key"), ("POST", "/bkt/key?uploads")] {
        assert_eq!(demanded(method, target, "x-amz-tagging: a=b"), "Write bkt/key");
        assert_eq!(demanded(method, target, "x-amz-tagging-directive: REPLACE"), "InvalidRequest");
    }
    let copy =
        |directive: &str| outcome("PUT", "/bkt/key", &["x-amz-copy-source: src/k", directive, "x-amz-tagging: a=b"]);
    assert_eq!(copy("x-amz-tagging-directive: REPLACE"), "CopyObject");
    assert_eq!(copy("x-amz-tagging-directive: COPY"), "CopyObject");
    assert_eq!(copy("x-amz-tagging-directive: MOVE"), "InvalidArgument");
    for (method, target) in [("GET", "/bkt/key"), ("PUT", "/bkt/key?partNumber=1&uploadId=u")] {
        assert_eq!(demanded(method, target, "x-amz-tagging: a=b"), "InvalidRequest");
    }
}

#[test]
fn a_key_of_the_customers_demands_a_secure_channel() {
    let key = "x-amz-server-side-encryption-customer-key: c2VjcmV0";
    let source = "x-amz-copy-source-server-side-encryption-customer-key: c2VjcmV0";
    let secure = |method: &str, target: &str, lines: &[&str]| {
        classify_with(method, target, lines).map(|operation| operation.demands_secure_channel())
    };
    for (method, target) in [
        ("GET", "/bkt/key"),
        ("HEAD", "/bkt/key"),
        ("PUT", "/bkt/key"),
        ("PUT", "/bkt/key?partNumber=1&uploadId=u"),
        ("POST", "/bkt/key?uploads"),
        ("GET", "/bkt/key?attributes"),
    ] {
        assert_eq!(secure(method, target, &[key]), Ok(true), "{method} {target}");
        assert_eq!(secure(method, target, &[]), Ok(false), "{method} {target}");
    }
    assert_eq!(secure("PUT", "/bkt/key", &[COPY[0], source]), Ok(true));
    assert_eq!(outcome("PUT", "/bkt/key", &[source]), "InvalidRequest");
    assert_eq!(outcome("DELETE", "/bkt/key", &[key]), "InvalidRequest");
    let get = classify_with("GET", "/bkt/key", &[key]).unwrap();
    assert!(!get.may_read_elsewhere(&Query::default()), "one backend gets the key");
    assert!(classify_with("GET", "/bkt/key", &[]).unwrap().may_read_elsewhere(&Query::default()));
}

#[test]
fn attributes_are_asked_for_by_header() {
    for line in ["x-amz-object-attributes: ETag,ObjectSize", "x-amz-max-parts: 5", "x-amz-part-number-marker: 1"] {
        assert_eq!(outcome("GET", "/bkt/key?attributes", &[line]), "GetObjectAttributes", "{line}");
    }
    assert_eq!(outcome("GET", "/bkt/key", &["x-amz-object-attributes: ETag"]), "InvalidRequest");
    // the paging of attributes is the backend's; of a listing it asks for what may be left out
    for name in ["x-amz-max-parts", "x-amz-part-number-marker", "x-amz-optional-object-attributes"] {
        let listing = classify_with("GET", "/bkt?list-type=2", &[&format!("{name}: 1")]).unwrap();
        assert_eq!(listing.fate(name, b"1"), Ok(Some(Fate::Consumed)), "{name}");
    }
    let attributes = classify_with("GET", "/bkt/key?attributes", &[]).unwrap();
    for name in ["x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker"] {
        assert_eq!(attributes.fate(name, b"1"), Ok(Some(Fate::PassedOn)), "{name}");
    }
}

/// RN-5: the conditions of a copy are about its source, and the backend's to judge.
#[test]
fn the_conditions_of_a_copy_are_passed_on() {
    for name in ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"] {
        let name = format!("x-amz-copy-source-{name}");
        let copy = classify_with("PUT", "/bkt/key", &[COPY[0], &format!("{name}: x")]).unwrap();
        assert_eq!(copy.fate(&name, b"x"), Ok(Some(Fate::PassedOn)), "{name}");
    }
}

#[test]
fn d09_headers_that_osp_does_not_know_are_named_in_the_refusal() {
    for name in [
        "x-amz-server-side-encryption-context",
        "x-amz-website-redirect-location",
        "x-amz-rename-source",
        "x-amz-object-lock-brand-new",
        "x-amz-grant-brand-new",
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
        "x-amz-request-payer",
        "x-amz-mfa",
        "x-amz-if-match-size",
        "x-amz-checksum-xxhash32",
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
        "x-amz-checksum-xxhash128: AAAAAAAAAAAAAAAAAAAAAA==",
        "x-amz-checksum-algorithm: crc32c",
        "x-amz-checksum-algorithm: XXHASH64",
        "x-amz-checksum-type: FULL_OBJECT",
        "x-amz-sdk-checksum-algorithm: CRC32",
        "x-amz-server-side-encryption: AES256",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: k",
        "x-amz-tagging-directive: COPY",
        "x-amz-metadata-directive: REPLACE",
        "x-amz-user-agent: js",
        "x-amz-te: append-md5",
        "x-amz-api-version: 2006-03-01",
        "x-amzn-trace-id: Root=1",
        "amz-sdk-invocation-id: 1",
        "x-http-method-override: DELETE",
    ] {
        assert_eq!(put_with(line), "PutObject", "{line}");
    }
    for line in [
        "x-amz-server-side-encryption: rot13",
        "x-amz-te: trailers",
        "x-amz-api-version: 2030-01-01",
        "x-amz-checksum-algorithm: XXHASH32",
    ] {
        assert_eq!(put_with(line), "NotImplemented", "{line}");
    }
    assert_eq!(put_with("x-amz-metadata-directive: MOVE"), "InvalidArgument");
}

/// s3-protocol.md 4.1 and 11: what makes a new bucket more than a bucket needs Admin on top.
#[test]
fn d09_headers_of_a_new_bucket_need_admin() {
    let needs = |line: &str| {
        let operation = classify_with("PUT", "/bkt", &[line]).unwrap();
        match operation.needs(&Query::default()) {
            Needs::All(pairs) => pairs.into_iter().map(|(permission, _)| permission).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    for line in [
        "x-amz-acl: public-read",
        "x-amz-grant-read: id=1",
        "x-amz-bucket-object-lock-enabled: true",
        "x-amz-object-ownership: ObjectWriter",
    ] {
        assert_eq!(needs(line), [Permission::ManageBuckets, Permission::Admin], "{line}");
    }
    assert_eq!(needs("x-amz-acl: private"), [Permission::ManageBuckets]);
    for line in ["x-amz-bucket-object-lock-enabled: true", "x-amz-object-ownership: ObjectWriter"] {
        assert_eq!(classify_with("PUT", "/bkt/key", &[line]).unwrap_err(), Denial::AccessDenied, "{line}");
        assert_eq!(classify_with("DELETE", "/bkt", &[line]).unwrap_err(), Denial::AccessDenied, "{line}");
    }
    assert!(matches!(classify_with("PUT", "/bkt", &["x-amz-bucket-namespace: x"]), Err(Denial::NotImplemented(_))));
    // what a backend that does not know a parameter would take for the making of a bucket
    for target in ["/bkt?partNumber=1", "/bkt?versionId=1", "/bkt?nonsense", "/bkt?prefix=a"] {
        assert!(
            classify_with("PUT", target, &[]).is_err() && classify_with("DELETE", target, &[]).is_err(),
            "{target}"
        );
    }
}
