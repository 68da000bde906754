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
const COPY: &[&str] = &["x-amz-copy-source: src/k"];

/// Every operation that is served: method, target, headers, name, and what it needs. Written from s3-protocol.md 4.1, 4.2
/// and 11, not from the table.
const SERVED: &[(&str, &str, &[&str], &str, &str)] = &[
    ("GET", "/", &[], "ListBuckets", ""),
    ("OPTIONS", "/bkt", &[], "Preflight", ""),
    ("HEAD", "/bkt", &[], "HeadBucket", "List bkt"),
    ("GET", "/bkt?location", &[], "GetBucketLocation", "List bkt"),
    ("GET", "/bkt", &[], "ListObjects", "List bkt/*"),
    ("GET", "/bkt?list-type=2", &[], "ListObjectsV2", "List bkt/*"),
    ("GET", "/bkt?versions", &[], "ListObjectVersions", "List bkt/*"),
    ("GET", "/bkt?uploads", &[], "ListMultipartUploads", "List bkt/*"),
    ("POST", "/bkt?delete", &[], "DeleteObjects", "each Delete bkt"),
    ("GET", "/bkt/key", &[], "GetObject", "Read bkt/key"),
    ("HEAD", "/bkt/key", &[], "HeadObject", "Read bkt/key"),
    ("PUT", "/bkt/key", &[], "PutObject", "Write bkt/key"),
    ("PUT", "/bkt/key", COPY, "CopyObject", "Read src/k, Write bkt/key"),
    ("DELETE", "/bkt/key", &[], "DeleteObject", "Delete bkt/key"),
    ("POST", "/bkt/key?uploads", &[], "CreateMultipartUpload", "Write bkt/key"),
    ("PUT", "/bkt/key?partNumber=1&uploadId=u", &[], "UploadPart", "Write bkt/key"),
    ("PUT", "/bkt/key?partNumber=1&uploadId=u", COPY, "UploadPartCopy", "Read src/k, Write bkt/key"),
    ("POST", "/bkt/key?uploadId=u", &[], "CompleteMultipartUpload", "Write bkt/key"),
    ("DELETE", "/bkt/key?uploadId=u", &[], "AbortMultipartUpload", "Write bkt/key"),
    ("GET", "/bkt/key?uploadId=u", &[], "ListParts", "Write bkt/key"),
    ("GET", "/bkt/key?attributes", &[], "GetObjectAttributes", "Read bkt/key"),
    ("GET", "/bkt/key?tagging", &[], "GetObjectTagging", "Read bkt/key"),
    ("PUT", "/bkt/key?tagging", &[], "PutObjectTagging", "Write bkt/key"),
    ("DELETE", "/bkt/key?tagging", &[], "DeleteObjectTagging", "Write bkt/key"),
    ("GET", "/bkt/key?acl", &[], "GetObjectAcl", "Read bkt/key"),
    ("PUT", "/bkt/key?acl", &[], "PutObjectAcl", "Admin bkt/key"),
    ("GET", "/bkt/key?retention", &[], "GetObjectRetention", "Read bkt/key"),
    ("PUT", "/bkt/key?retention", &[], "PutObjectRetention", "Admin bkt/key"),
    ("GET", "/bkt/key?legal-hold", &[], "GetObjectLegalHold", "Read bkt/key"),
    ("PUT", "/bkt/key?legal-hold", &[], "PutObjectLegalHold", "Admin bkt/key"),
    ("POST", "/bkt/key?restore", &[], "RestoreObject", "Write bkt/key"),
    ("PUT", "/bkt", &[], "CreateBucket", "ManageBuckets bkt/*"),
    ("DELETE", "/bkt", &[], "DeleteBucket", "ManageBuckets bkt/*"),
    ("GET", "/bkt?accelerate", &[], "GetBucketAccelerateConfiguration", "Admin bkt/*"),
    ("GET", "/bkt?acl", &[], "GetBucketAcl", "Admin bkt/*"),
    ("PUT", "/bkt?acl", &[], "PutBucketAcl", "Admin bkt/*"),
    ("GET", "/bkt?cors", &[], "GetBucketCors", "Admin bkt/*"),
    ("PUT", "/bkt?cors", &[], "PutBucketCors", "Admin bkt/*"),
    ("DELETE", "/bkt?cors", &[], "DeleteBucketCors", "Admin bkt/*"),
    ("GET", "/bkt?encryption", &[], "GetBucketEncryption", "Admin bkt/*"),
    ("PUT", "/bkt?encryption", &[], "PutBucketEncryption", "Admin bkt/*"),
    ("GET", "/bkt?intelligent-tiering&id=1", &[], "GetBucketIntelligentTieringConfiguration", "Admin bkt/*"),
    ("GET", "/bkt?intelligent-tiering", &[], "ListBucketIntelligentTieringConfigurations", "Admin bkt/*"),
    ("GET", "/bkt?lifecycle", &[], "GetBucketLifecycleConfiguration", "Admin bkt/*"),
    ("PUT", "/bkt?lifecycle", &[], "PutBucketLifecycleConfiguration", "Admin bkt/*"),
    ("DELETE", "/bkt?lifecycle", &[], "DeleteBucketLifecycle", "Admin bkt/*"),
    ("GET", "/bkt?object-lock", &[], "GetObjectLockConfiguration", "Admin bkt/*"),
    ("PUT", "/bkt?object-lock", &[], "PutObjectLockConfiguration", "Admin bkt/*"),
    ("GET", "/bkt?ownershipControls", &[], "GetBucketOwnershipControls", "Admin bkt/*"),
    ("PUT", "/bkt?policy", &[], "PutBucketPolicy", "Admin bkt/*"),
    ("DELETE", "/bkt?policy", &[], "DeleteBucketPolicy", "Admin bkt/*"),
    ("GET", "/bkt?policyStatus", &[], "GetBucketPolicyStatus", "Admin bkt/*"),
    ("GET", "/bkt?publicAccessBlock", &[], "GetPublicAccessBlock", "Admin bkt/*"),
    ("PUT", "/bkt?publicAccessBlock", &[], "PutPublicAccessBlock", "Admin bkt/*"),
    ("GET", "/bkt?requestPayment", &[], "GetBucketRequestPayment", "Admin bkt/*"),
    ("PUT", "/bkt?requestPayment", &[], "PutBucketRequestPayment", "Admin bkt/*"),
    ("GET", "/bkt?tagging", &[], "GetBucketTagging", "Admin bkt/*"),
    ("PUT", "/bkt?tagging", &[], "PutBucketTagging", "Admin bkt/*"),
    ("DELETE", "/bkt?tagging", &[], "DeleteBucketTagging", "Admin bkt/*"),
    ("GET", "/bkt?versioning", &[], "GetBucketVersioning", "Admin bkt/*"),
    ("PUT", "/bkt?versioning", &[], "PutBucketVersioning", "Admin bkt/*"),
    ("GET", "/bkt?website", &[], "GetBucketWebsite", "Admin bkt/*"),
    ("PUT", "/bkt?website", &[], "PutBucketWebsite", "Admin bkt/*"),
];

/// Every operation that S3 has and OSP refuses, or (a form) serves by another way than by its head: method, target, headers, name, S3 code.
const REFUSED: &[(&str, &str, &[&str], &str, &str)] = &[
    ("GET", "/?x-id=ListDirectoryBuckets", &[], "ListDirectoryBuckets", "NotImplemented"),
    ("POST", "/bkt", &["content-type: multipart/form-data; boundary=x"], "PostObject", "InvalidArgument"),
    ("GET", "/bkt?abac", &[], "GetBucketAbac", "NotImplemented"),
    ("PUT", "/bkt?abac", &[], "PutBucketAbac", "NotImplemented"),
    ("GET", "/bkt?analytics&id=1", &[], "GetBucketAnalyticsConfiguration", "NotImplemented"),
    ("GET", "/bkt?analytics", &[], "ListBucketAnalyticsConfigurations", "NotImplemented"),
    ("PUT", "/bkt?analytics&id=1", &[], "PutBucketAnalyticsConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?analytics&id=1", &[], "DeleteBucketAnalyticsConfiguration", "NotImplemented"),
    ("PUT", "/bkt?accelerate", &[], "PutBucketAccelerateConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?encryption", &[], "DeleteBucketEncryption", "NotImplemented"),
    ("PUT", "/bkt?intelligent-tiering&id=1", &[], "PutBucketIntelligentTieringConfiguration", "NotImplemented"),
    ("PUT", "/bkt?ownershipControls", &[], "PutBucketOwnershipControls", "NotImplemented"),
    ("DELETE", "/bkt?publicAccessBlock", &[], "DeletePublicAccessBlock", "NotImplemented"),
    ("DELETE", "/bkt?website", &[], "DeleteBucketWebsite", "NotImplemented"),
    ("DELETE", "/bkt?intelligent-tiering&id=1", &[], "DeleteBucketIntelligentTieringConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?ownershipControls", &[], "DeleteBucketOwnershipControls", "NotImplemented"),
    ("GET", "/bkt?inventory&id=1", &[], "GetBucketInventoryConfiguration", "NotImplemented"),
    ("GET", "/bkt?inventory", &[], "ListBucketInventoryConfigurations", "NotImplemented"),
    ("PUT", "/bkt?inventory&id=1", &[], "PutBucketInventoryConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?inventory&id=1", &[], "DeleteBucketInventoryConfiguration", "NotImplemented"),
    ("GET", "/bkt?logging", &[], "GetBucketLogging", "NotImplemented"),
    ("GET", "/bkt?policy", &[], "GetBucketPolicy", "NotImplemented"),
    ("PUT", "/bkt?logging", &[], "PutBucketLogging", "NotImplemented"),
    ("GET", "/bkt?metrics&id=1", &[], "GetBucketMetricsConfiguration", "NotImplemented"),
    ("GET", "/bkt?metrics", &[], "ListBucketMetricsConfigurations", "NotImplemented"),
    ("PUT", "/bkt?metrics&id=1", &[], "PutBucketMetricsConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?metrics&id=1", &[], "DeleteBucketMetricsConfiguration", "NotImplemented"),
    ("GET", "/bkt?notification", &[], "GetBucketNotificationConfiguration", "NotImplemented"),
    ("PUT", "/bkt?notification", &[], "PutBucketNotificationConfiguration", "NotImplemented"),
    ("GET", "/bkt?replication", &[], "GetBucketReplication", "NotImplemented"),
    ("PUT", "/bkt?replication", &[], "PutBucketReplication", "NotImplemented"),
    ("DELETE", "/bkt?replication", &[], "DeleteBucketReplication", "NotImplemented"),
    ("GET", "/bkt?metadataConfiguration", &[], "GetBucketMetadataConfiguration", "NotImplemented"),
    ("POST", "/bkt?metadataConfiguration", &[], "CreateBucketMetadataConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?metadataConfiguration", &[], "DeleteBucketMetadataConfiguration", "NotImplemented"),
    ("GET", "/bkt?metadataTable", &[], "GetBucketMetadataTableConfiguration", "NotImplemented"),
    ("POST", "/bkt?metadataTable", &[], "CreateBucketMetadataTableConfiguration", "NotImplemented"),
    ("DELETE", "/bkt?metadataTable", &[], "DeleteBucketMetadataTableConfiguration", "NotImplemented"),
    ("PUT", "/bkt?metadataInventoryTable", &[], "UpdateBucketMetadataInventoryTableConfiguration", "NotImplemented"),
    ("PUT", "/bkt?metadataJournalTable", &[], "UpdateBucketMetadataJournalTableConfiguration", "NotImplemented"),
    ("PUT", "/bkt?metadataAnnotationTable", &[], "UpdateBucketMetadataAnnotationTableConfiguration", "NotImplemented"),
    ("GET", "/bkt?session", &[], "CreateSession", "NotImplemented"),
    ("GET", "/bkt/key?torrent", &[], "GetObjectTorrent", "NotImplemented"),
    ("POST", "/bkt/key?select&select-type=2", &[], "SelectObjectContent", "NotImplemented"),
    ("GET", "/bkt/key?annotation", &[], "GetObjectAnnotation", "NotImplemented"),
    ("PUT", "/bkt/key?annotation", &[], "PutObjectAnnotation", "NotImplemented"),
    ("DELETE", "/bkt/key?annotation", &[], "DeleteObjectAnnotation", "NotImplemented"),
    ("PUT", "/bkt/key?encryption", &[], "UpdateObjectEncryption", "NotImplemented"),
    ("PUT", "/bkt/key?renameObject", &["x-amz-rename-source: /bkt/k"], "RenameObject", "NotImplemented"),
    ("PUT", "/bkt/key", &["x-amz-write-offset-bytes: 1"], "PutObject (append)", "NotImplemented"),
    ("POST", "/bkt/WriteGetObjectResponse", &["x-amz-request-route: r"], "WriteGetObjectResponse", "NotImplemented"),
];

/// `Read bkt/key, Write other/key`.
fn told(needs: &Needs) -> String {
    let pair = |(permission, resource): &(Permission, Resource)| match resource {
        Resource::Bucket(bucket) => format!("{permission:?} {bucket}"),
        Resource::Prefix(bucket, text) => format!("{permission:?} {bucket}/{text}*"),
        Resource::Object(bucket, key) => format!("{permission:?} {bucket}/{}", key.as_str()),
    };
    match needs {
        Needs::Nothing => String::new(),
        Needs::All(pairs) => pairs.iter().map(pair).collect::<Vec<_>>().join(", "),
        Needs::EachKey(bucket, permissions) => {
            let words: Vec<String> = permissions.iter().map(|permission| format!("{permission:?}")).collect();
            format!("each {} {bucket}", words.join(" and "))
        }
    }
}

#[test]
fn cl_1_cl_7_every_row_is_classified_and_needs_what_the_page_says() {
    for (method, target, lines, name, needs) in SERVED {
        assert_eq!(outcome(method, target, lines), *name, "{method} {target}");
        assert_eq!(told(&needs_of(method, target, lines)), *needs, "{name}");
    }
    for (method, target, lines, name, code) in REFUSED {
        assert_eq!(outcome(method, target, lines), *code, "{method} {target}");
        if *code == "NotImplemented" {
            let refused = Err(Denial::NotImplemented((*name).to_owned()));
            assert_eq!(classify_with(method, target, lines), refused, "{method} {target}");
        }
    }
    let mut tested: Vec<&str> = SERVED.iter().map(|row| row.3).chain(REFUSED.iter().map(|row| row.3)).collect();
    let mut rows: Vec<&str> = table::ROWS.iter().map(|row| row.name).collect();
    tested.sort_unstable();
    rows.sort_unstable();
    assert_eq!(tested, rows, "each row once, no row without a test");
    rows.dedup();
    assert_eq!(rows.len(), table::ROWS.len(), "a name is one operation's");
}

#[test]
fn the_table_is_in_order() {
    for (index, row) in table::ROWS.iter().enumerate() {
        let same = |other: &&Row| (other.verb, other.level, other.selector) == (row.verb, row.level, row.selector);
        let hidden = table::ROWS[..index].iter().filter(same).any(|earlier| earlier.mark == row::Mark::Nothing);
        assert!(!hidden, "{} stands behind a row without a mark", row.name);
        assert!(row.modifiers.is_sorted(), "{}", row.name);
        assert!(row.required.iter().all(|name| row.has(name)), "{}", row.name);
        let written = matches!(row.verb, row::Verb::Put | row::Verb::Post);
        assert!(written || row.body == Body::Nothing, "{} has no body in S3", row.name);
    }
}

#[test]
fn cl_1_cl_6_the_classifier_is_total_and_denies_by_default() {
    let mut queries = vec![String::new(), "list-type=2".into(), "uploadId=u".into(), "partNumber=1".into()];
    queries.extend(["partNumber=1&uploadId=u", "versionId=v", "unknown", "=", "?", "id=1"].map(str::to_owned));
    queries.extend(table::ROWS.iter().filter_map(|row| row.selector).map(str::to_owned));
    queries.extend(table::ROWS.iter().filter_map(|row| row.selector).map(|selector| format!("{selector}&id=1")));
    queries.sort_unstable();
    queries.dedup();
    // modifiers that change nothing of which operation it is
    let also = [
        ("GET", "/bkt/key?partNumber=1", "GetObject"),
        ("HEAD", "/bkt/key?partNumber=1", "HeadObject"),
        ("GET", "/bkt/key?versionId=v", "GetObject"),
        ("HEAD", "/bkt/key?versionId=v", "HeadObject"),
        ("DELETE", "/bkt/key?versionId=v", "DeleteObject"),
    ];
    let mut served = 0;
    for (method, level, query) in METHODS
        .iter()
        .flat_map(|method| LEVELS.iter().map(move |level| (method, level)))
        .flat_map(|(method, level)| queries.iter().map(move |query| (method, level, query)))
    {
        let target = if query.is_empty() { (*level).to_owned() } else { format!("{level}?{query}") };
        let found = outcome(method, &target, &[]);
        let row = SERVED.iter().find(|row| (row.0, row.1) == (*method, target.as_str()) && row.2.is_empty());
        let more = also.iter().find(|row| (row.0, row.1) == (*method, target.as_str()));
        let is_preflight = *method == "OPTIONS" && *level != "/";
        match row.map(|row| row.3).or(more.map(|row| row.2)) {
            _ if is_preflight => assert_eq!(found, "Preflight", "{method} {target}"),
            Some(name) => assert_eq!(found, name, "{method} {target}"),
            None => assert!(
                matches!(
                    found,
                    "AccessDenied" | "NotImplemented" | "MethodNotAllowed" | "InvalidArgument" | "InvalidRequest"
                ),
                "{method} {target} is {found}"
            ),
        }
        served += usize::from(row.is_some());
    }
    let plain = SERVED.iter().filter(|row| row.2.is_empty()).count();
    assert_eq!(served, plain, "every served row was tried");
}

#[test]
fn c15_no_answer_about_a_sub_resource_is_taken_on_trust() {
    for (method, target, lines, name, _) in SERVED {
        let (_, query) = target.split_once('?').unwrap_or_default();
        let is_read = *method == "GET" && !query.is_empty();
        let operation = classify_with(method, target, lines).unwrap();
        // the location is OSP's own answer
        let read = is_read && *name != "GetBucketLocation";
        assert!(!read || operation.answer().is_some(), "{name}: a listing or an object could come instead");
    }
}

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

fn needs_of(method: &str, target: &str, lines: &[&str]) -> Needs {
    let (_, query) = target.split_once('?').unwrap_or((target, ""));
    classify_with(method, target, lines).unwrap().needs(&Query::parse(query.as_bytes()).unwrap())
}

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

#[test]
fn the_parameters_of_every_operation_are_sorted_and_known() {
    for (method, target, lines, name, _) in SERVED {
        let operation = classify_with(method, target, lines).unwrap();
        let parameters: Vec<&str> = operation.parameters().collect();
        assert!(parameters.is_sorted(), "{name}: {parameters:?}");
        assert!(operation.row.selector.is_none_or(|selector| parameters.contains(&selector)), "{name}");
        let mut encoded = String::new();
        parameters.iter().for_each(|name| crate::s3::encode_query(name.as_bytes(), &mut encoded));
        assert_eq!(encoded, parameters.concat(), "no name needs encoding");
    }
}

#[test]
fn the_page_has_every_operation_once() {
    let page = operations_page();
    for row in table::ROWS {
        assert_eq!(page.matches(&format!("\n| {} | `{} /", row.name, row.verb.method())).count(), 1, "{}", row.name);
    }
    for line in [
        "| UploadPartCopy | `PUT /bucket/key?uploadId&partNumber` with `x-amz-copy-source` | Read on the source, Write | adapted |",
        "| PutObjectAcl | `PUT /bucket/key?acl` | Admin | passed on |",
        "| DeleteBucket | `DELETE /bucket` | ManageBuckets, whole bucket | passed on | *patterns only* |",
        "| GetBucketPolicyStatus | `GET /bucket?policyStatus` | Admin, whole bucket | passed on | *no prefix* |",
    ] {
        assert!(page.contains(line), "{line}");
    }
}

#[test]
fn permissions_are_a_set_and_a_grant_has_what_it_names() {
    for permission in Permission::EVERY {
        assert!(Permissions::ALL.contains(permission));
        let one: Permissions = [permission].into_iter().collect();
        assert_eq!(
            Permission::EVERY.into_iter().filter(|other| one.contains(*other)).collect::<Vec<_>>(),
            [permission]
        );
    }
    let before: Permissions =
        [Permission::Read, Permission::List, Permission::Write, Permission::Delete].into_iter().collect();
    assert!(!before.contains(Permission::Admin) && !before.contains(Permission::ManageBuckets));
}
