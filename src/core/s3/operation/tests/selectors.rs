//! Levels, sub-resources and parameters: what of a target chooses the operation.

use super::*;

#[test]
fn d08_a_method_that_a_sub_resource_does_not_have_is_not_allowed() {
    for (method, target) in [
        ("HEAD", "/bkt?acl"),
        ("DELETE", "/bkt?acl"),
        ("POST", "/bkt?policy"),
        ("PUT", "/bkt?policyStatus"),
        ("DELETE", "/bkt?versioning"),
        ("HEAD", "/bkt/key?tagging"),
        ("DELETE", "/bkt/key?acl"),
        ("GET", "/bkt/key?restore"),
        ("POST", "/bkt/key?tagging"),
        ("PUT", "/bkt?uploads"),
        ("DELETE", "/bkt/key?uploads"),
    ] {
        assert_eq!(outcome(method, target, &[]), "MethodNotAllowed", "{method} {target}");
    }
}

#[test]
fn d08_what_s3_does_not_know_is_named_in_the_refusal() {
    for (method, target) in [("PUT", "/bkt/key?brandNew"), ("GET", "/bkt?Prefix=p"), ("GET", "/?brandNew")] {
        assert_eq!(outcome(method, target, &[]), "NotImplemented", "{method} {target}");
    }
    assert_eq!(
        classify_with("PUT", "/bkt/key?brandNew=1", &[]),
        Err(Denial::NotImplemented("the query parameter brandNew".to_owned()))
    );
}

#[test]
fn d11_a_form_is_never_what_its_head_says() {
    let form = "content-type: multipart/form-data; boundary=x";
    assert_eq!(classify_with("POST", "/bkt", &[form]), Err(Denial::MultipleAuthentication), "credentials in a head");
    let announced = |method, target: &str, lines: &[&str]| {
        let head = head(method, target, lines);
        is_form_upload(&head, &parse(&head, &BaseHosts::default()).unwrap())
    };
    assert!(announced("POST", "/bkt", &[form]) && announced("POST", "/bkt/?x-id=PostObject", &[form]));
    for (method, target, line) in [
        ("PUT", "/bkt", form),
        ("POST", "/bkt/key", form),
        ("POST", "/bkt?delete", form),
        ("POST", "/", form),
        ("POST", "/bkt", "content-type: text/xml"),
    ] {
        assert!(!announced(method, target, &[line]), "{method} {target} {line}");
    }
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
fn d07_a_version_goes_with_operations_on_objects_that_are_there() {
    for (method, query) in [
        ("GET", ""),
        ("HEAD", ""),
        ("DELETE", ""),
        ("GET", "tagging"),
        ("PUT", "tagging"),
        ("DELETE", "tagging"),
        ("GET", "acl"),
        ("PUT", "acl"),
        ("GET", "attributes"),
        ("GET", "retention"),
        ("PUT", "retention"),
        ("GET", "legal-hold"),
        ("PUT", "legal-hold"),
        ("POST", "restore"),
    ] {
        let plain = outcome(method, &format!("/bkt/key?{query}"), &[]);
        for version in ["v", "null"] {
            assert_eq!(outcome(method, &format!("/bkt/key?{query}&versionId={version}"), &[]), plain);
        }
        for empty in ["versionId=", "versionId"] {
            assert_eq!(outcome(method, &format!("/bkt/key?{query}&{empty}"), &[]), "InvalidArgument", "{method}");
        }
    }
    for (method, target) in
        [("PUT", "/bkt/key?"), ("POST", "/bkt/key?uploads&"), ("PUT", "/bkt/key?partNumber=1&uploadId=u&")]
    {
        assert_eq!(outcome(method, &format!("{target}versionId=v"), &[]), "InvalidArgument", "{method} {target}");
        assert_eq!(outcome(method, &format!("{target}versionId="), &[]), "InvalidArgument", "{method} {target}");
    }
    assert_eq!(outcome("GET", "/bkt?versionId=v", &[]), "InvalidRequest");
    assert_eq!(outcome("GET", "/bkt?versions&key-marker=k&version-id-marker=v", &[]), "ListObjectVersions");
    assert_eq!(outcome("GET", "/bkt?versions&version-id-marker=v", &[]), "InvalidArgument");
}

#[test]
fn d07_deleting_a_version_needs_admin_on_top() {
    let needs = |target: &str| {
        let version = Query::parse(target.split_once('?').unwrap().1.as_bytes()).unwrap();
        told(&classify_with("DELETE", target, &[]).unwrap().needs(&version))
    };
    assert_eq!(needs("/bkt/key?x-id=DeleteObject"), "Delete bkt/key");
    assert_eq!(needs("/bkt/key?versionId=v"), "Delete bkt/key, Admin bkt/key");
    assert_eq!(needs("/bkt/key?versionId=null"), "Delete bkt/key, Admin bkt/key");
    assert_eq!(needs("/bkt/key?tagging&versionId=v"), "Write bkt/key");
    let batch = classify_with("POST", "/bkt?delete", &[]).unwrap();
    assert_eq!(batch.of_entry(false), [Permission::Delete]);
    assert_eq!(batch.of_entry(true), [Permission::Delete, Permission::Admin]);
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
        ("/bkt?prefix=a%0d%0ab", true),
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

/// Where an upload goes on is said by its id (s3-protocol.md 11), and by nothing else.
#[test]
fn an_upload_is_named_by_the_operations_that_go_on_with_it() {
    for (method, target, id) in [
        ("PUT", "/bkt/key?partNumber=1&uploadId=u", Some("u")),
        ("GET", "/bkt/key?uploadId=u", Some("u")),
        ("POST", "/bkt/key?uploadId=u", Some("u")),
        ("DELETE", "/bkt/key?uploadId=u", Some("u")),
        ("POST", "/bkt/key?uploads", None),
        ("GET", "/bkt/key", None),
        ("PUT", "/bkt/key?tagging", None),
    ] {
        let (_, query) = target.split_once('?').unwrap_or((target, ""));
        let query = Query::parse(query.as_bytes()).unwrap();
        assert_eq!(classify_with(method, target, &[]).unwrap().upload(&query), id, "{method} {target}");
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
    let copied = |name| named(name, Some(bucket.clone()), Some(key.clone()), Some(source.clone())).unwrap();
    let copy = copied("CopyObject");
    assert_eq!(classify_with("PUT", "/bkt/key?X-Amz-Copy-Source=src%2Fk", &[]), Ok(copy.clone()));
    assert_eq!(classify_with("PUT", "/bkt/key", &["x-amz-copy-source: /src/k"]), Ok(copy));
    assert_eq!(
        classify_with("PUT", "/bkt/key?partNumber=1&uploadId=u", &["x-amz-copy-source: src/k"]),
        Ok(copied("UploadPartCopy"))
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
