//! Every operation, one line each: how it looks on the wire, and what it needs.

use crate::model::{Code, DENIED, NOT_IMPLEMENTED, Permission};

/// Where a request points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Service,
    Bucket,
    Object,
    /// An object that every principal with a grant on a prefix may write: the target of a copy.
    OwnObject,
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
    /// Delete, key by key.
    EachKey,
    /// Nobody: a preflight, refused without a look at the sender.
    Preflight,
    /// Nobody here: not served, or not granted to any principal of the matrix. Never reaches the backend.
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

    /// The verdict depends on the key.
    pub fn names_a_key(&self) -> bool {
        matches!(self.need, Need::Listing | Need::Object(_) | Need::Copy | Need::EachKey)
    }
}

/// Known and not served, or needs a permission that no principal of the matrix has.
const REFUSED: Need = Need::Refused(&[NOT_IMPLEMENTED, DENIED]);

const SOURCE: &str = "x-amz-copy-source";

/// The operations that somebody may do.
#[rustfmt::skip]
fn served() -> Vec<Operation> {
    use Level::{Bucket, Object, OwnObject, Service};
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
        row("GetObjectTagging", "GET", Object, "tagging=", Need::Object(Read)),
        row("PutObject", "PUT", Object, "", Need::Object(Write)).body(Body::Object).header("x-amz-meta-colour", "blue").header("content-type", "text/plain"),
        row("CopyObject", "PUT", OwnObject, "", Need::Copy).header(SOURCE, "/vault/{key}"),
        row("DeleteObject", "DELETE", Object, "", Need::Object(Delete)),
        row("CreateMultipartUpload", "POST", Object, "uploads=", Need::Object(Write)).header("x-amz-meta-colour", "blue"),
        row("UploadPart", "PUT", Object, "partNumber=1&uploadId={upload}", Need::Object(Write)).body(Body::Object),
        row("UploadPartCopy", "PUT", OwnObject, "partNumber=2&uploadId={upload}", Need::Copy).header(SOURCE, "vault/{key}"),
        row("CompleteMultipartUpload", "POST", Object, "uploadId={upload}", Need::Object(Write)).body(Body::Parts),
        row("AbortMultipartUpload", "DELETE", Object, "uploadId={upload}", Need::Object(Write)),
        row("ListParts", "GET", Object, "max-parts=5&uploadId={upload}", Need::Object(Write)),
    ]
}

/// The operations that nobody of the matrix may do (D08, D10).
#[rustfmt::skip]
fn refused() -> Vec<Operation> {
    use Level::{Bucket, Object};
    let row = |name, method, level, query| Operation::new(name, method, level, query, REFUSED);
    vec![
        Operation::new("Preflight (bucket)", "OPTIONS", Bucket, "", Need::Preflight).header("origin", "https://a.test").header("access-control-request-method", "PUT"),
        Operation::new("Preflight (object)", "OPTIONS", Object, "", Need::Preflight).header("origin", "https://a.test").header("access-control-request-method", "GET"),
        Operation::new("PostObject", "POST", Bucket, "", Need::Refused(&[NOT_IMPLEMENTED])).header("content-type", "multipart/form-data; boundary=matrix").body(Body::Document),
        row("CreateBucket", "PUT", Bucket, ""),
        row("DeleteBucket", "DELETE", Bucket, ""),
        row("GetBucketAcl", "GET", Bucket, "acl="),
        row("PutBucketAcl", "PUT", Bucket, "acl=").body(Body::Document),
        row("GetBucketPolicy", "GET", Bucket, "policy="),
        row("PutBucketPolicy", "PUT", Bucket, "policy=").body(Body::Document),
        row("DeleteBucketPolicy", "DELETE", Bucket, "policy="),
        row("GetBucketPolicyStatus", "GET", Bucket, "policyStatus="),
        row("GetBucketCors", "GET", Bucket, "cors="),
        row("PutBucketCors", "PUT", Bucket, "cors=").body(Body::Document),
        row("DeleteBucketCors", "DELETE", Bucket, "cors="),
        row("GetBucketLifecycle", "GET", Bucket, "lifecycle="),
        row("PutBucketLifecycle", "PUT", Bucket, "lifecycle=").body(Body::Document),
        row("DeleteBucketLifecycle", "DELETE", Bucket, "lifecycle="),
        row("GetBucketReplication", "GET", Bucket, "replication="),
        row("PutBucketReplication", "PUT", Bucket, "replication=").body(Body::Document),
        row("GetBucketNotification", "GET", Bucket, "notification="),
        row("PutBucketNotification", "PUT", Bucket, "notification=").body(Body::Document),
        row("GetBucketWebsite", "GET", Bucket, "website="),
        row("PutBucketWebsite", "PUT", Bucket, "website=").body(Body::Document),
        row("GetBucketEncryption", "GET", Bucket, "encryption="),
        row("PutBucketEncryption", "PUT", Bucket, "encryption=").body(Body::Document),
        row("GetBucketVersioning", "GET", Bucket, "versioning="),
        row("PutBucketVersioning", "PUT", Bucket, "versioning=").body(Body::Document),
        row("GetBucketTagging", "GET", Bucket, "tagging="),
        row("PutBucketTagging", "PUT", Bucket, "tagging=").body(Body::Document),
        row("PutBucketLogging", "PUT", Bucket, "logging=").body(Body::Document),
        row("PutOwnershipControls", "PUT", Bucket, "ownershipControls=").body(Body::Document),
        row("PutPublicAccessBlock", "PUT", Bucket, "publicAccessBlock=").body(Body::Document),
        row("PutObjectLockConfiguration", "PUT", Bucket, "object-lock=").body(Body::Document),
        row("PutInventory", "PUT", Bucket, "id=a&inventory=").body(Body::Document),
        row("CreateSession", "GET", Bucket, "session="),
        row("PutObjectAcl", "PUT", Object, "acl=").body(Body::Document),
        row("PutObjectRetention", "PUT", Object, "retention=").body(Body::Document),
        row("PutObjectLegalHold", "PUT", Object, "legal-hold=").body(Body::Document),
        row("GetObjectTorrent", "GET", Object, "torrent="),
        row("SelectObjectContent", "POST", Object, "select=&select-type=2").body(Body::Document),
        row("RenameObject", "PUT", Object, "renameObject="),
    ]
}

/// The table.
pub fn all() -> Vec<Operation> {
    let mut all = served();
    all.extend(refused());
    all
}
