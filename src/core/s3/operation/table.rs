//! Every operation of S3 (s3-protocol.md 4.1, 4.2): the one place that says what OSP does with it. `docs/operations.md` is
//! printed from here.

use super::Permission::{Admin, Delete, List, ManageBuckets, Read, Write};
use super::row::{Body, Family, Kind, Level, Mark, Need, Refusal, Row, Scope, Verb};
use crate::s3::XmlDocument as Xml;

use Refusal::NotImplemented;
use Verb::{Get, Head, Options, Post, Put};

/// Parameters of `GetObject` and `HeadObject` that become headers of the answer, and the version; no others may (D13).
const OF_A_READ: &[&str] = &[
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "versionId",
];
const VERSION: &[&str] = &["versionId"];
const ID: &[&str] = &["id"];

/// What comes with a new object.
const NEW: &[Family] = &[Family::Acl, Family::Lock, Family::Tags, Family::CustomerKey];
const COPIED: &[Family] =
    &[Family::Acl, Family::Lock, Family::Tags, Family::TagsOfCopy, Family::CustomerKey, Family::SourceCustomerKey];
const ENCRYPTED: &[Family] = &[Family::CustomerKey];

const NAMES: &str = "names in the answer";
const COPIES: &str =
    "the source is named anew; an error may come after a 200; between two backends only where the route allows it";
const NAMES_AND_OWNERS: &str = "names and owners in the answer";
const ACCOUNTS: &str = "accounts in the answer are `osp`; ids in a request are the backend's";
const OTHER_BUCKET: &str = "its document names other buckets, on which nobody's permission is asked";
const METADATA_TABLES: &str = "S3 Metadata tables";
/// SeaweedFS 4 and `website`, older Ceph RGW (`RGWHandler_REST_Bucket_S3::op_delete`) and the others.
const FALLS_THROUGH: &str = "a backend that does not know it would delete the bucket";
/// The same of `op_put` and of SeaweedFS.
const MAKES_A_BUCKET: &str = "a backend that does not know it would make a bucket of it";
const EXPRESS: &str = "directory buckets only";

const fn bucket(verb: Verb, selector: &'static str, name: &'static str) -> Row {
    Row::at(verb, Level::Bucket, selector, name)
}

const fn object(verb: Verb, selector: &'static str, name: &'static str) -> Row {
    Row::at(verb, Level::Object, selector, name)
}

/// Configuration of a bucket, passed on for routes that have the backend's bucket to themselves.
const fn configuration(verb: Verb, selector: &'static str, name: &'static str) -> Row {
    let body = if matches!(verb, Put) { Body::Document } else { Body::Nothing };
    bucket(verb, selector, name).needs(Need::WholeBucket(Admin)).scope(Scope::WholeBucket).body(body)
}

/// The same, refused for everybody.
const fn not_served(verb: Verb, selector: &'static str, name: &'static str, note: &'static str) -> Row {
    bucket(verb, selector, name).needs(Need::WholeBucket(Admin)).refused(NotImplemented, note)
}

/// Ordered: the rows of one (method, level, selector) with a mark before the one without.
pub(in crate::s3) static ROWS: &[Row] = &[
    // --- objects, what most requests are about first
    object(Get, "", "GetObject").kind(Kind::GetObject).needs(Need::Object(Read)).with(OF_A_READ).headers(ENCRYPTED),
    object(Put, "", "CopyObject")
        .marked(Mark::Header("x-amz-copy-source"))
        .needs(Need::Copy)
        .headers(COPIED)
        .answers(Xml::Copy, COPIES),
    object(Put, "", "PutObject (append)")
        .marked(Mark::Header("x-amz-write-offset-bytes"))
        .refused(NotImplemented, EXPRESS),
    object(Put, "", "PutObject").needs(Need::Object(Write)).body(Body::Object).headers(NEW),
    object(Head, "", "HeadObject").kind(Kind::HeadObject).needs(Need::Object(Read)).with(OF_A_READ).headers(ENCRYPTED),
    object(Verb::Delete, "", "DeleteObject").needs(Need::Object(Delete)).with(VERSION).headers(&[Family::Bypass]),
    object(Put, "uploadId", "UploadPartCopy")
        .marked(Mark::Header("x-amz-copy-source"))
        .needs(Need::Copy)
        .with(&["partNumber"])
        .requires(&["partNumber"])
        .headers(&[Family::CustomerKey, Family::SourceCustomerKey])
        .answers(Xml::Copy, COPIES),
    object(Put, "uploadId", "UploadPart")
        .needs(Need::Object(Write))
        .body(Body::Object)
        .with(&["partNumber"])
        .requires(&["partNumber"])
        .headers(ENCRYPTED),
    object(Post, "uploads", "CreateMultipartUpload")
        .needs(Need::Object(Write))
        .headers(NEW)
        .answers(Xml::CreateMultipartUpload, NAMES),
    object(Post, "uploadId", "CompleteMultipartUpload")
        .needs(Need::Object(Write))
        .body(Body::Completion)
        .headers(ENCRYPTED)
        .answers(Xml::CompleteMultipartUpload, "names in the answer; an error may come after a 200"),
    object(Verb::Delete, "uploadId", "AbortMultipartUpload").needs(Need::Object(Write)),
    object(Get, "uploadId", "ListParts")
        .needs(Need::Object(Write))
        .with(&["max-parts", "part-number-marker"])
        .headers(ENCRYPTED)
        .answers(Xml::ListParts, NAMES_AND_OWNERS),
    object(Get, "attributes", "GetObjectAttributes")
        .checked(&[
            "GetObjectAttributesResponse",
            "GetObjectAttributesOutput",
            "GetObjectAttributesResult",
            // MinIO: the name of the type in its source
            "getObjectAttributesResponse",
        ])
        .needs(Need::Object(Read))
        .with(VERSION)
        .headers(&[Family::Attributes, Family::CustomerKey]),
    object(Get, "tagging", "GetObjectTagging").checked(&["Tagging"]).needs(Need::Object(Read)).with(VERSION),
    object(Put, "tagging", "PutObjectTagging").needs(Need::Object(Write)).with(VERSION).body(Body::Document),
    object(Verb::Delete, "tagging", "DeleteObjectTagging").needs(Need::Object(Write)).with(VERSION),
    object(Get, "acl", "GetObjectAcl").needs(Need::Object(Read)).with(VERSION).answers(Xml::AccessControl, ACCOUNTS),
    object(Put, "acl", "PutObjectAcl")
        .needs(Need::Object(Admin))
        .with(VERSION)
        .body(Body::Document)
        .headers(&[Family::Acl])
        .note(ACCOUNTS),
    object(Get, "retention", "GetObjectRetention")
        .checked(&["Retention", "ObjectLockRetention"])
        .needs(Need::Object(Read))
        .with(VERSION),
    object(Put, "retention", "PutObjectRetention")
        .needs(Need::Object(Admin))
        .with(VERSION)
        .body(Body::Document)
        .headers(&[Family::Bypass]),
    object(Get, "legal-hold", "GetObjectLegalHold")
        .checked(&["LegalHold", "ObjectLockLegalHold"])
        .needs(Need::Object(Read))
        .with(VERSION),
    object(Put, "legal-hold", "PutObjectLegalHold").needs(Need::Object(Admin)).with(VERSION).body(Body::Document),
    object(Post, "restore", "RestoreObject")
        .needs(Need::Object(Write))
        .with(VERSION)
        .body(Body::Restoration)
        .note("in place only: a document with an `OutputLocation` is refused"),
    object(Get, "torrent", "GetObjectTorrent").refused(NotImplemented, "torrents name the backend"),
    object(Post, "select", "SelectObjectContent").refused(NotImplemented, "its answer cannot be rewritten"),
    object(Get, "annotation", "GetObjectAnnotation").refused(NotImplemented, "annotations"),
    object(Put, "annotation", "PutObjectAnnotation").refused(NotImplemented, "annotations"),
    object(Verb::Delete, "annotation", "DeleteObjectAnnotation").refused(NotImplemented, "annotations"),
    object(Put, "encryption", "UpdateObjectEncryption").refused(NotImplemented, "keys are the backend's"),
    object(Put, "renameObject", "RenameObject").refused(NotImplemented, EXPRESS),
    object(Post, "", "WriteGetObjectResponse")
        .marked(Mark::Header("x-amz-request-route"))
        .refused(NotImplemented, "S3 Object Lambda; in path style its path is no bucket name"),
    // --- listings and batches
    bucket(Get, "list-type", "ListObjectsV2")
        .needs(Need::Listing)
        .with(&["continuation-token", "delimiter", "encoding-type", "fetch-owner", "max-keys", "prefix", "start-after"])
        .answers(Xml::ListObjects, NAMES_AND_OWNERS),
    bucket(Get, "", "ListObjects")
        .needs(Need::Listing)
        .with(&["delimiter", "encoding-type", "marker", "max-keys", "prefix"])
        .answers(Xml::ListObjects, NAMES_AND_OWNERS),
    bucket(Get, "versions", "ListObjectVersions")
        .needs(Need::Listing)
        .with(&["delimiter", "encoding-type", "key-marker", "max-keys", "prefix", "version-id-marker"])
        .answers(Xml::ListVersions, NAMES_AND_OWNERS),
    bucket(Get, "uploads", "ListMultipartUploads")
        .needs(Need::Listing)
        .with(&["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker"])
        .answers(Xml::ListMultipartUploads, NAMES_AND_OWNERS),
    bucket(Post, "delete", "DeleteObjects")
        .kind(Kind::DeleteObjects)
        .needs(Need::EachKey)
        .body(Body::Document)
        .headers(&[Family::Bypass])
        .adapted("keys that may not be deleted get an error of their own in the answer"),
    bucket(Post, "", "PostObject")
        .marked(Mark::Form)
        .needs(Need::Object(Write))
        .body(Body::Object)
        .headers(NEW)
        .adapted("becomes a PutObject once its policy is proved; the file must be the last field of the form"),
    // --- the service and buckets themselves
    Row::at(Get, Level::Service, "", "ListDirectoryBuckets")
        .marked(Mark::Value("x-id", "ListDirectoryBuckets"))
        .refused(NotImplemented, EXPRESS),
    Row::at(Get, Level::Service, "", "ListBuckets")
        .kind(Kind::ListBuckets)
        .with(&["bucket-region", "continuation-token", "max-buckets", "prefix"])
        .own("the buckets that the caller has any grant on; those of patterns as their backends list them"),
    bucket(Head, "", "HeadBucket")
        .kind(Kind::HeadBucket)
        .needs(Need::PartOfBucket(List))
        .adapted("the region is OSP's; a bucket that only has routes for prefixes is answered for by OSP"),
    bucket(Get, "location", "GetBucketLocation")
        .kind(Kind::GetBucketLocation)
        .needs(Need::PartOfBucket(List))
        .own("the region that OSP is configured with"),
    bucket(Put, "", "CreateBucket")
        .kind(Kind::CreateBucket)
        .needs(Need::WholeBucket(ManageBuckets))
        .scope(Scope::OfPattern)
        .body(Body::Creation)
        .headers(&[Family::Acl, Family::NewBucket])
        .adapted("its document is the route's: a bucket is made where the backend is"),
    bucket(Verb::Delete, "", "DeleteBucket").needs(Need::WholeBucket(ManageBuckets)).scope(Scope::OfPattern),
    Row::at(Options, Level::Bucket, "", "Preflight")
        .kind(Kind::Preflight)
        .own("by `spec.cors` of the route, before anybody has signed; `403 AccessForbidden` where no rule grants it"),
    // --- configuration of buckets
    configuration(Get, "accelerate", "GetBucketAccelerateConfiguration").checked(&["AccelerateConfiguration"]),
    not_served(Put, "accelerate", "PutBucketAccelerateConfiguration", MAKES_A_BUCKET),
    configuration(Get, "acl", "GetBucketAcl").answers(Xml::AccessControl, ACCOUNTS),
    configuration(Put, "acl", "PutBucketAcl").headers(&[Family::Acl]).note(ACCOUNTS),
    configuration(Get, "cors", "GetBucketCors")
        .checked(&["CORSConfiguration"])
        .note("the backend's rules: `spec.cors` is what counts for requests through OSP"),
    configuration(Put, "cors", "PutBucketCors")
        .note("the backend's rules: `spec.cors` is what counts for requests through OSP"),
    configuration(Verb::Delete, "cors", "DeleteBucketCors"),
    configuration(Get, "encryption", "GetBucketEncryption").answers(Xml::Encryption, "without the id of the key"),
    configuration(Put, "encryption", "PutBucketEncryption"),
    not_served(Verb::Delete, "encryption", "DeleteBucketEncryption", FALLS_THROUGH),
    configuration(Get, "intelligent-tiering", "GetBucketIntelligentTieringConfiguration")
        .checked(&["IntelligentTieringConfiguration"])
        .marked(Mark::Parameter("id"))
        .with(ID),
    configuration(Get, "intelligent-tiering", "ListBucketIntelligentTieringConfigurations")
        .checked(&[
            "ListBucketIntelligentTieringConfigurationsOutput",
            "ListBucketIntelligentTieringConfigurationsResult",
        ])
        .with(&["continuation-token"]),
    not_served(Put, "intelligent-tiering", "PutBucketIntelligentTieringConfiguration", MAKES_A_BUCKET),
    not_served(Verb::Delete, "intelligent-tiering", "DeleteBucketIntelligentTieringConfiguration", FALLS_THROUGH),
    configuration(Get, "lifecycle", "GetBucketLifecycleConfiguration").checked(&["LifecycleConfiguration"]),
    configuration(Put, "lifecycle", "PutBucketLifecycleConfiguration").note("its rules can delete objects"),
    configuration(Verb::Delete, "lifecycle", "DeleteBucketLifecycle"),
    configuration(Get, "object-lock", "GetObjectLockConfiguration").checked(&["ObjectLockConfiguration"]),
    configuration(Put, "object-lock", "PutObjectLockConfiguration"),
    configuration(Get, "ownershipControls", "GetBucketOwnershipControls").checked(&["OwnershipControls"]),
    not_served(Put, "ownershipControls", "PutBucketOwnershipControls", MAKES_A_BUCKET),
    not_served(Verb::Delete, "ownershipControls", "DeleteBucketOwnershipControls", FALLS_THROUGH),
    // s3-protocol.md 4.1: whatever it names would be passed on unread
    not_served(Get, "policy", "GetBucketPolicy", "its answer names accounts and resources of the backend"),
    configuration(Put, "policy", "PutBucketPolicy")
        .scope(Scope::SameName)
        .note("the backend applies it to those who talk to it directly and to OSP's own keys"),
    configuration(Verb::Delete, "policy", "DeleteBucketPolicy"),
    configuration(Get, "policyStatus", "GetBucketPolicyStatus").checked(&["PolicyStatus"]),
    configuration(Get, "publicAccessBlock", "GetPublicAccessBlock").checked(&["PublicAccessBlockConfiguration"]),
    configuration(Put, "publicAccessBlock", "PutPublicAccessBlock"),
    not_served(Verb::Delete, "publicAccessBlock", "DeletePublicAccessBlock", FALLS_THROUGH),
    configuration(Get, "requestPayment", "GetBucketRequestPayment").checked(&["RequestPaymentConfiguration"]),
    configuration(Put, "requestPayment", "PutBucketRequestPayment"),
    configuration(Get, "tagging", "GetBucketTagging").checked(&["Tagging"]),
    configuration(Put, "tagging", "PutBucketTagging"),
    configuration(Verb::Delete, "tagging", "DeleteBucketTagging"),
    configuration(Get, "versioning", "GetBucketVersioning").checked(&["VersioningConfiguration"]),
    configuration(Put, "versioning", "PutBucketVersioning"),
    configuration(Get, "website", "GetBucketWebsite").checked(&["WebsiteConfiguration"]),
    configuration(Put, "website", "PutBucketWebsite"),
    not_served(Verb::Delete, "website", "DeleteBucketWebsite", FALLS_THROUGH),
    not_served(Get, "abac", "GetBucketAbac", "attribute-based access is the backend's"),
    not_served(Put, "abac", "PutBucketAbac", "attribute-based access is the backend's"),
    not_served(Get, "analytics", "GetBucketAnalyticsConfiguration", OTHER_BUCKET).marked(Mark::Parameter("id")),
    not_served(Get, "analytics", "ListBucketAnalyticsConfigurations", OTHER_BUCKET),
    not_served(Put, "analytics", "PutBucketAnalyticsConfiguration", OTHER_BUCKET),
    not_served(Verb::Delete, "analytics", "DeleteBucketAnalyticsConfiguration", OTHER_BUCKET),
    not_served(Get, "inventory", "GetBucketInventoryConfiguration", OTHER_BUCKET).marked(Mark::Parameter("id")),
    not_served(Get, "inventory", "ListBucketInventoryConfigurations", OTHER_BUCKET),
    not_served(Put, "inventory", "PutBucketInventoryConfiguration", OTHER_BUCKET),
    not_served(Verb::Delete, "inventory", "DeleteBucketInventoryConfiguration", OTHER_BUCKET),
    not_served(Get, "logging", "GetBucketLogging", OTHER_BUCKET),
    not_served(Put, "logging", "PutBucketLogging", OTHER_BUCKET),
    not_served(Get, "metrics", "GetBucketMetricsConfiguration", "its filter names access points")
        .marked(Mark::Parameter("id")),
    not_served(Get, "metrics", "ListBucketMetricsConfigurations", "its filter names access points"),
    not_served(Put, "metrics", "PutBucketMetricsConfiguration", "its filter names access points"),
    not_served(Verb::Delete, "metrics", "DeleteBucketMetricsConfiguration", "its filter names access points"),
    not_served(Get, "notification", "GetBucketNotificationConfiguration", "events name the backend's bucket and keys"),
    not_served(Put, "notification", "PutBucketNotificationConfiguration", "events name the backend's bucket and keys"),
    not_served(Get, "replication", "GetBucketReplication", OTHER_BUCKET),
    not_served(Put, "replication", "PutBucketReplication", OTHER_BUCKET),
    not_served(Verb::Delete, "replication", "DeleteBucketReplication", OTHER_BUCKET),
    not_served(Get, "metadataConfiguration", "GetBucketMetadataConfiguration", METADATA_TABLES),
    not_served(Post, "metadataConfiguration", "CreateBucketMetadataConfiguration", METADATA_TABLES),
    not_served(Verb::Delete, "metadataConfiguration", "DeleteBucketMetadataConfiguration", METADATA_TABLES),
    not_served(Get, "metadataTable", "GetBucketMetadataTableConfiguration", METADATA_TABLES),
    not_served(Post, "metadataTable", "CreateBucketMetadataTableConfiguration", METADATA_TABLES),
    not_served(Verb::Delete, "metadataTable", "DeleteBucketMetadataTableConfiguration", METADATA_TABLES),
    not_served(Put, "metadataInventoryTable", "UpdateBucketMetadataInventoryTableConfiguration", METADATA_TABLES),
    not_served(Put, "metadataJournalTable", "UpdateBucketMetadataJournalTableConfiguration", METADATA_TABLES),
    not_served(Put, "metadataAnnotationTable", "UpdateBucketMetadataAnnotationTableConfiguration", METADATA_TABLES),
    not_served(Get, "session", "CreateSession", EXPRESS),
];
