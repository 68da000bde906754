//! Every operation, one line each: how it looks on the wire, and what it needs.

use crate::model::{Code, DENIED, FAR_BUCKET, NOT_IMPLEMENTED, Permission};

/// Where a request points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Service,
    Bucket,
    Object,
    /// An object that every principal with a grant on a prefix may write: the target of a copy.
    OwnObject,
    /// The same at the other storage backend.
    FarObject,
    /// A bucket of a pattern.
    Made,
}

/// What the request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Nothing,
    /// Bytes of an object or part.
    Object,
    /// The document of `CompleteMultipartUpload`.
    Parts,
    /// The document of `DeleteObjects`, naming the key.
    Keys,
    /// Any document: it is never read.
    Document,
    /// An empty document of this name.
    Named(&'static str),
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Every proved identity.
    Anyone,
    /// This permission on any part of the bucket.
    Bucket(Permission),
    /// List on the prefix asked for.
    Listing,
    /// This permission on the key.
    Object(Permission),
    /// Read on the source, which is the key; Write on the target.
    Copy,
    /// The same, and then it is not done: the target's route takes no copies from another backend.
    CopyRefused,
    /// Delete, key by key.
    EachKey,
    /// ManageBuckets on all of the bucket.
    ManageBuckets,
    /// Admin on all of the bucket, or on the key.
    Admin,
    /// This permission and Admin on the key.
    WithAdmin(Permission),
    /// Nobody: a preflight, refused without a look at the sender.
    Preflight,
    /// Nobody here: not served. Never reaches the backend.
    Refused(&'static [Code]),
}

/// One line of the table. `{prefix}`, `{key}` and `{upload}` are filled in.
#[derive(Debug, Clone)]
pub struct Operation {
    pub name: &'static str,
    pub method: &'static str,
    pub level: Level,
    pub query: &'static str,
    pub need: Need,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Body,
    /// The gateway answers by itself.
    pub own: bool,
}

impl Operation {
    fn new(name: &'static str, method: &'static str, level: Level, query: &'static str, need: Need) -> Self {
        Self { name, method, level, query, need, headers: Vec::new(), body: Body::Nothing, own: false }
    }

    fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn own(mut self) -> Self {
        self.own = true;
        self
    }

    /// Streaming payloads are legal (CH-1).
    pub fn streams(&self) -> bool {
        self.body == Body::Object
    }

    /// The source of a copy is at the other storage backend.
    pub fn is_from_far(&self) -> bool {
        self.headers.iter().any(|(_, value)| value.contains(FAR_BUCKET))
    }

    /// The verdict depends on the key.
    pub fn names_a_key(&self) -> bool {
        match self.need {
            Need::Listing | Need::Object(_) | Need::Copy | Need::CopyRefused | Need::EachKey | Need::WithAdmin(_) => {
                true
            }
            Need::Admin => self.level == Level::Object,
            _ => false,
        }
    }
}

/// Known and not served; whoever is not granted it may hear of that first.
const REFUSED: Need = Need::Refused(&[NOT_IMPLEMENTED, DENIED]);

/// Not a header: what the form is to have for its field `key`, as it stands in a path.
pub const FORM_KEY: &str = "matrix-form-key";

const SOURCE: &str = "x-amz-copy-source";

/// The operations that somebody may do.
#[rustfmt::skip]
fn served() -> Vec<Operation> {
    use Level::{Bucket, FarObject, Made, Object, OwnObject, Service};
    use Permission::{Delete, List, Read, Write};
    let row = Operation::new;
    vec![
        row("ListBuckets", "GET", Service, "", Need::Anyone).own(),
        row("HeadBucket", "HEAD", Bucket, "", Need::Bucket(List)),
        row("GetBucketLocation", "GET", Bucket, "location=", Need::Bucket(List)).own(),
        row("ListObjects", "GET", Bucket, "prefix={prefix}", Need::Listing),
        row("ListObjectsV2", "GET", Bucket, "list-type=2&prefix={prefix}&max-keys=7", Need::Listing),
        row("ListMultipartUploads", "GET", Bucket, "prefix={prefix}&uploads=", Need::Listing),
        row("DeleteObjects", "POST", Bucket, "delete=", Need::EachKey).body(Body::Keys),
        row("GetObject", "GET", Object, "", Need::Object(Read)),
        row("GetObject (overrides)", "GET", Object, "response-content-type=text%2Fplain&x-id=GetObject", Need::Object(Read)).header("range", "bytes=0-3"),
        row("HeadObject", "HEAD", Object, "", Need::Object(Read)),
        row("GetObject (version)", "GET", Object, "versionId=null", Need::Object(Read)),
        row("GetObjectTagging", "GET", Object, "tagging=", Need::Object(Read)),
        row("PutObjectTagging", "PUT", Object, "tagging=", Need::Object(Write)).body(Body::Named("Tagging")),
        row("DeleteObjectTagging", "DELETE", Object, "tagging=", Need::Object(Write)),
        row("GetObjectAcl", "GET", Object, "acl=", Need::Object(Read)),
        row("GetObjectAttributes", "GET", Object, "attributes=", Need::Object(Read)).header("x-amz-object-attributes", "ETag"),
        row("RestoreObject", "POST", Object, "restore=", Need::Object(Write)).body(Body::Named("RestoreRequest")),
        row("ListObjectVersions", "GET", Bucket, "prefix={prefix}&versions=", Need::Listing),
        row("PutObject", "PUT", Object, "", Need::Object(Write)).body(Body::Object).header("x-amz-meta-colour", "blue").header("content-type", "text/plain"),
        row("PostObject", "POST", Bucket, "", Need::Object(Write)).body(Body::Object).header("content-type", "multipart/form-data; boundary=matrix").header(FORM_KEY, "{key}"),
        row("CopyObject", "PUT", OwnObject, "", Need::Copy).header(SOURCE, "/vault/{key}"),
        row("CopyObject (from another backend)", "PUT", OwnObject, "", Need::Copy).header(SOURCE, "/distant/{key}"),
        row("CopyObject (to another backend)", "PUT", FarObject, "", Need::CopyRefused).header(SOURCE, "/vault/{key}"),
        row("DeleteObject", "DELETE", Object, "", Need::Object(Delete)),
        row("CreateMultipartUpload", "POST", Object, "uploads=", Need::Object(Write)).header("x-amz-meta-colour", "blue"),
        row("UploadPart", "PUT", Object, "partNumber=1&uploadId={upload}", Need::Object(Write)).body(Body::Object),
        row("UploadPartCopy", "PUT", OwnObject, "partNumber=2&uploadId={upload}", Need::Copy).header(SOURCE, "vault/{key}"),
        row("UploadPartCopy (from another backend)", "PUT", OwnObject, "partNumber=2&uploadId={upload}", Need::Copy).header(SOURCE, "distant/{key}"),
        row("CompleteMultipartUpload", "POST", Object, "uploadId={upload}", Need::Object(Write)).body(Body::Parts),
        row("AbortMultipartUpload", "DELETE", Object, "uploadId={upload}", Need::Object(Write)),
        row("CreateBucket (pattern)", "PUT", Made, "", Need::ManageBuckets),
        row("DeleteBucket (pattern)", "DELETE", Made, "", Need::ManageBuckets),
        row("ListParts", "GET", Object, "max-parts=5&uploadId={upload}", Need::Object(Write)),
    ]
}

/// The operations of an administrator (D08, D09), and what only has an answer after one of them.
#[rustfmt::skip]
fn administrative() -> Vec<Operation> {
    use Level::{Bucket, Object};
    let row = |name, method, level, query| Operation::new(name, method, level, query, Need::Admin);
    let put = |name, level, query, document| row(name, "PUT", level, query).body(Body::Named(document));
    let read = |name, query| Operation::new(name, "GET", Object, query, Need::Object(Permission::Read));
    vec![
        put("PutBucketAcl", Bucket, "acl=", "AccessControlPolicy"),
        row("GetBucketAcl", "GET", Bucket, "acl="),
        put("PutBucketCors", Bucket, "cors=", "CORSConfiguration"),
        row("GetBucketCors", "GET", Bucket, "cors="),
        row("DeleteBucketCors", "DELETE", Bucket, "cors="),
        put("PutBucketLifecycleConfiguration", Bucket, "lifecycle=", "LifecycleConfiguration"),
        row("GetBucketLifecycleConfiguration", "GET", Bucket, "lifecycle="),
        row("DeleteBucketLifecycle", "DELETE", Bucket, "lifecycle="),
        put("PutBucketWebsite", Bucket, "website=", "WebsiteConfiguration"),
        row("GetBucketWebsite", "GET", Bucket, "website="),
        put("PutBucketEncryption", Bucket, "encryption=", "ServerSideEncryptionConfiguration"),
        row("GetBucketEncryption", "GET", Bucket, "encryption="),
        put("PutBucketVersioning", Bucket, "versioning=", "VersioningConfiguration"),
        row("GetBucketVersioning", "GET", Bucket, "versioning="),
        put("PutBucketTagging", Bucket, "tagging=", "Tagging"),
        row("GetBucketTagging", "GET", Bucket, "tagging="),
        row("DeleteBucketTagging", "DELETE", Bucket, "tagging="),
        put("PutPublicAccessBlock", Bucket, "publicAccessBlock=", "PublicAccessBlockConfiguration"),
        row("GetPublicAccessBlock", "GET", Bucket, "publicAccessBlock="),
        put("PutObjectLockConfiguration", Bucket, "object-lock=", "ObjectLockConfiguration"),
        row("GetObjectLockConfiguration", "GET", Bucket, "object-lock="),
        put("PutBucketRequestPayment", Bucket, "requestPayment=", "RequestPaymentConfiguration"),
        row("GetBucketRequestPayment", "GET", Bucket, "requestPayment="),
        row("GetBucketAccelerateConfiguration", "GET", Bucket, "accelerate="),
        row("GetBucketIntelligentTieringConfiguration", "GET", Bucket, "id=a&intelligent-tiering="),
        row("ListBucketIntelligentTieringConfigurations", "GET", Bucket, "intelligent-tiering="),
        row("GetBucketOwnershipControls", "GET", Bucket, "ownershipControls="),
        row("GetBucketPolicyStatus", "GET", Bucket, "policyStatus="),
        row("DeleteBucketPolicy", "DELETE", Bucket, "policy="),
        put("PutObjectAcl", Object, "acl=", "AccessControlPolicy"),
        put("PutObjectRetention", Object, "retention=", "Retention"),
        read("GetObjectRetention", "retention="),
        put("PutObjectLegalHold", Object, "legal-hold=", "LegalHold"),
        read("GetObjectLegalHold", "legal-hold="),
        Operation::new("DeleteObject (version)", "DELETE", Object, "versionId=null", Need::WithAdmin(Permission::Delete)),
        Operation::new("PutObject (public)", "PUT", Object, "", Need::WithAdmin(Permission::Write)).body(Body::Object).header("x-amz-acl", "public-read"),
    ]
}

/// The operations that nobody of the matrix may do (D08, D10): not served, or not for a bucket with another name.
#[rustfmt::skip]
fn refused() -> Vec<Operation> {
    use Level::{Bucket, Object, Service};
    let row = |name, method, level, query| Operation::new(name, method, level, query, REFUSED);
    vec![
        Operation::new("Preflight (bucket)", "OPTIONS", Bucket, "", Need::Preflight).header("origin", "https://a.test").header("access-control-request-method", "PUT"),
        Operation::new("Preflight (object)", "OPTIONS", Object, "", Need::Preflight).header("origin", "https://a.test").header("access-control-request-method", "GET"),
        row("CreateBucket", "PUT", Bucket, ""),
        row("DeleteBucket", "DELETE", Bucket, ""),
        row("GetBucketPolicy", "GET", Bucket, "policy="),
        row("PutBucketPolicy", "PUT", Bucket, "policy=").body(Body::Document),
        row("GetBucketReplication", "GET", Bucket, "replication="),
        row("PutBucketReplication", "PUT", Bucket, "replication=").body(Body::Document),
        row("GetBucketNotificationConfiguration", "GET", Bucket, "notification="),
        row("PutBucketNotificationConfiguration", "PUT", Bucket, "notification=").body(Body::Document),
        row("PutBucketLogging", "PUT", Bucket, "logging=").body(Body::Document),
        row("GetBucketInventoryConfiguration", "GET", Bucket, "id=a&inventory="),
        row("GetBucketLogging", "GET", Bucket, "logging="),
        row("GetBucketAbac", "GET", Bucket, "abac="),
        row("PutBucketOwnershipControls", "PUT", Bucket, "ownershipControls=").body(Body::Document),
        row("PutBucketAccelerateConfiguration", "PUT", Bucket, "accelerate=").body(Body::Document),
        row("PutBucketIntelligentTieringConfiguration", "PUT", Bucket, "id=a&intelligent-tiering=").body(Body::Document),
        row("DeleteBucketWebsite", "DELETE", Bucket, "website="),
        row("DeleteBucketEncryption", "DELETE", Bucket, "encryption="),
        row("DeletePublicAccessBlock", "DELETE", Bucket, "publicAccessBlock="),
        row("DeleteBucketOwnershipControls", "DELETE", Bucket, "ownershipControls="),
        row("DeleteBucketIntelligentTieringConfiguration", "DELETE", Bucket, "id=a&intelligent-tiering="),
        row("PutBucketInventoryConfiguration", "PUT", Bucket, "id=a&inventory=").body(Body::Document),
        row("ListBucketInventoryConfigurations", "GET", Bucket, "inventory="),
        row("DeleteBucketInventoryConfiguration", "DELETE", Bucket, "id=a&inventory="),
        row("GetBucketAnalyticsConfiguration", "GET", Bucket, "analytics=&id=a"),
        row("ListBucketAnalyticsConfigurations", "GET", Bucket, "analytics="),
        row("PutBucketAnalyticsConfiguration", "PUT", Bucket, "analytics=&id=a").body(Body::Document),
        row("DeleteBucketAnalyticsConfiguration", "DELETE", Bucket, "analytics=&id=a"),
        row("GetBucketMetricsConfiguration", "GET", Bucket, "id=a&metrics="),
        row("ListBucketMetricsConfigurations", "GET", Bucket, "metrics="),
        row("PutBucketMetricsConfiguration", "PUT", Bucket, "id=a&metrics=").body(Body::Document),
        row("DeleteBucketMetricsConfiguration", "DELETE", Bucket, "id=a&metrics="),
        row("DeleteBucketReplication", "DELETE", Bucket, "replication="),
        row("PutBucketAbac", "PUT", Bucket, "abac=").body(Body::Document),
        row("GetBucketMetadataConfiguration", "GET", Bucket, "metadataConfiguration="),
        row("CreateBucketMetadataConfiguration", "POST", Bucket, "metadataConfiguration=").body(Body::Document),
        row("DeleteBucketMetadataConfiguration", "DELETE", Bucket, "metadataConfiguration="),
        row("GetBucketMetadataTableConfiguration", "GET", Bucket, "metadataTable="),
        row("CreateBucketMetadataTableConfiguration", "POST", Bucket, "metadataTable=").body(Body::Document),
        row("DeleteBucketMetadataTableConfiguration", "DELETE", Bucket, "metadataTable="),
        row("UpdateBucketMetadataInventoryTableConfiguration", "PUT", Bucket, "metadataInventoryTable=").body(Body::Document),
        row("UpdateBucketMetadataJournalTableConfiguration", "PUT", Bucket, "metadataJournalTable=").body(Body::Document),
        row("UpdateBucketMetadataAnnotationTableConfiguration", "PUT", Bucket, "metadataAnnotationTable=").body(Body::Document),
        row("ListDirectoryBuckets", "GET", Service, "x-id=ListDirectoryBuckets"),
        row("CreateSession", "GET", Bucket, "session="),
        row("GetObjectTorrent", "GET", Object, "torrent="),
        row("SelectObjectContent", "POST", Object, "select=&select-type=2").body(Body::Document),
        row("RenameObject", "PUT", Object, "renameObject="),
        row("PutObject (append)", "PUT", Object, "").header("x-amz-write-offset-bytes", "1").body(Body::Object),
        row("UpdateObjectEncryption", "PUT", Object, "encryption=").body(Body::Document),
        row("GetObjectAnnotation", "GET", Object, "annotation="),
        row("PutObjectAnnotation", "PUT", Object, "annotation=").body(Body::Document),
        row("DeleteObjectAnnotation", "DELETE", Object, "annotation="),
        row("WriteGetObjectResponse", "POST", Object, "").header("x-amz-request-route", "r").body(Body::Document),
    ]
}

/// The table.
pub fn all() -> Vec<Operation> {
    let mut all = served();
    all.extend(administrative());
    all.extend(refused());
    all
}
