//! Every operation of S3 is a row, and every request is one of them or refused.

use super::*;

/// Every operation that is served: method, target, headers, name, and what it needs. Written from s3-protocol.md 4.1, 4.2
/// and 11, not from the table.
pub(super) const SERVED: &[(&str, &str, &[&str], &str, &str)] = &[
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
pub(super) const REFUSED: &[(&str, &str, &[&str], &str, &str)] = &[
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
    let told = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    assert!(page == std::fs::read_to_string(told).unwrap(), "`osp operations --write docs/operations.md` writes it");
    // what nobody may do needs nothing
    for row in table::ROWS.iter().filter(|row| !row.is_served()) {
        let line = page.lines().find(|line| line.starts_with(&format!("| {} | ", row.name))).unwrap();
        assert_eq!(line.split(" | ").nth(2).map(str::trim), Some(""), "{line}");
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
    let twice: Permissions = [Permission::Write, Permission::Write].into_iter().collect();
    assert!(twice.contains(Permission::Write), "named twice is named");
    let before: Permissions =
        [Permission::Read, Permission::List, Permission::Write, Permission::Delete].into_iter().collect();
    assert!(!before.contains(Permission::Admin) && !before.contains(Permission::ManageBuckets));
}
