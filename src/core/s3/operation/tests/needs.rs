//! What operations need, and what they are about.

use super::rows::SERVED;
use super::*;

#[test]
fn d04_a_listing_needs_its_prefix() {
    for target in ["/bkt", "/bkt?list-type=2", "/bkt?uploads", "/bkt?versions", "/bkt?prefix="] {
        assert_eq!(told(&needs_of("GET", target, &[])), "List bkt/*", "{target}");
    }
    for target in [
        "/bkt?prefix=a%2F&delimiter=/",
        "/bkt?list-type=2&prefix=a/",
        "/bkt?uploads&prefix=a/&key-marker=b/",
        "/bkt?versions&prefix=a/&key-marker=b/",
    ] {
        assert_eq!(told(&needs_of("GET", target, &[])), "List bkt/a/*", "{target}");
    }
}

#[test]
fn operations_know_what_they_are_about() {
    for (method, target, lines, name, _) in SERVED {
        let operation = classify_with(method, target, lines).unwrap();
        assert_eq!(operation.method().as_str(), *method);
        let path = target.split('?').next().unwrap();
        let level = LEVELS.iter().position(|level| *level == path).unwrap();
        if *name != "Preflight" {
            assert_eq!((operation.bucket().is_some(), operation.key().is_some()), (level > 0, level > 1), "{name}");
            let (bucket, key) = (operation.bucket().cloned(), operation.key().cloned());
            assert_eq!(named(name, bucket, key, operation.copy_source().cloned()), Some(operation.clone()), "{name}");
        }
        let is_own = matches!(*name, "ListBuckets" | "Preflight" | "GetBucketLocation");
        assert_eq!(operation.is_forwarded(), !is_own, "{name}");
        let streams = matches!(*name, "PutObject" | "UploadPart");
        assert_eq!(operation.takes_streaming_payload(), streams, "CH-1 {name}");
        let is_document = (*method == "PUT" && target.contains('?') && !target.contains("uploadId"))
            || matches!(*name, "CompleteMultipartUpload" | "CreateBucket" | "DeleteObjects" | "RestoreObject");
        assert_eq!(operation.takes_body(), streams || is_document, "{name}");
        assert_eq!(operation.is_replayable(), matches!(*method, "GET" | "HEAD"), "{name}");
    }
}

#[test]
fn operations_without_a_request_have_names_and_all_their_parts() {
    let bucket = || BucketName::parse("bkt").ok();
    let key = || ObjectKey::parse(b"k".to_vec()).ok();
    assert!(named("GetObject", bucket(), key(), None).is_some());
    assert!(named("PutBucketPolicy", bucket(), None, None).is_some());
    assert_eq!(named("GetObject", bucket(), None, None), None);
    assert_eq!(named("ListObjects", bucket(), key(), None), None);
    assert_eq!(named("CopyObject", bucket(), key(), None), None);
    for unknown in ["getobject", "", "Preflight", "PutBucketLogging"] {
        assert_eq!(named(unknown, bucket(), None, None), None, "{unknown}");
    }
}

#[test]
fn section_3_1_the_configuration_of_a_bucket_needs_all_of_it() {
    let mapping = |backend_bucket: &str, client_prefix: &str, prefix: &str| crate::s3::Mapping {
        client_bucket: BucketName::parse("bkt").unwrap().into(),
        client_prefix: crate::s3::KeyPrefix::parse(client_prefix).unwrap(),
        backend_bucket: backend_bucket.to_owned(),
        prefix: crate::s3::KeyPrefix::parse(prefix).unwrap(),
        issuer: "a route".into(),
    };
    let (same, renamed) = (mapping("bkt", "", ""), mapping("other", "", ""));
    let shared = [mapping("bkt", "", "p/"), mapping("bkt", "p/", ""), mapping("bkt", "p/", "p/")];
    for (method, target, lines, name, needs) in SERVED {
        let operation = classify_with(method, target, lines).unwrap();
        let configures = needs.ends_with("Admin bkt/*") || needs.starts_with("ManageBuckets");
        let is_policy = *name == "PutBucketPolicy";
        assert_eq!(operation.check_scope(&same, (true, true)), Ok(()), "{name}");
        assert_eq!(operation.check_scope(&renamed, (true, true)).is_ok(), !is_policy, "{name}");
        for (mapping, alone) in shared.iter().map(|mapping| (mapping, true)).chain([(&same, false)]) {
            let checked = operation.check_scope(mapping, (alone, true));
            assert_eq!(checked.is_ok(), !configures, "{name}");
            assert!(checked.is_ok() || matches!(checked, Err(Denial::NotImplemented(_))), "{name}");
        }
        // k_2_4: buckets are made and deleted in routes of patterns alone
        let elsewhere = operation.check_scope(&same, (true, false));
        let expected = if needs.starts_with("ManageBuckets") { Err(Denial::AccessDenied) } else { Ok(()) };
        assert_eq!(elsewhere, expected, "{name}");
    }
}
