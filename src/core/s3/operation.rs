//! Every request is one of these operations, or it is refused. Nothing is ever passed on unclassified.

mod classify;
mod headers;
mod parameters;
#[cfg(test)]
mod tests;

use http::Method;

pub(super) use self::headers::{Fate, fate};
use super::{BucketName, CopySource, ObjectKey, Query, Semantics, Target};
use crate::Denial;

/// One S3 operation with the names it is about. Source of the operation list: s3-protocol.md section 4.
#[expect(missing_docs, reason = "the fields are what their names and types say")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `GET /`: answered from the caller's grants, never forwarded.
    ListBuckets,
    /// `OPTIONS` on a bucket or object: a CORS preflight, never forwarded.
    Preflight,
    /// `HEAD /bucket`.
    HeadBucket { bucket: BucketName },
    /// `GET /bucket?location`: answered from the configured region.
    GetBucketLocation { bucket: BucketName },
    /// `GET /bucket`, version 1.
    ListObjects { bucket: BucketName },
    /// `GET /bucket?list-type=2`.
    ListObjectsV2 { bucket: BucketName },
    /// `GET /bucket?uploads`.
    ListMultipartUploads { bucket: BucketName },
    /// `POST /bucket?delete`: decided key by key once the body is proved.
    DeleteObjects { bucket: BucketName },
    /// `GET /bucket/key`.
    GetObject { bucket: BucketName, key: ObjectKey },
    /// `HEAD /bucket/key`.
    HeadObject { bucket: BucketName, key: ObjectKey },
    /// `PUT /bucket/key`.
    PutObject { bucket: BucketName, key: ObjectKey },
    /// `PUT /bucket/key` with `x-amz-copy-source`.
    CopyObject { bucket: BucketName, key: ObjectKey, source: CopySource },
    /// `DELETE /bucket/key`.
    DeleteObject { bucket: BucketName, key: ObjectKey },
    /// `POST /bucket/key?uploads`.
    CreateMultipartUpload { bucket: BucketName, key: ObjectKey },
    /// `PUT /bucket/key?partNumber&uploadId`.
    UploadPart { bucket: BucketName, key: ObjectKey },
    /// `PUT /bucket/key?partNumber&uploadId` with `x-amz-copy-source`.
    UploadPartCopy { bucket: BucketName, key: ObjectKey, source: CopySource },
    /// `POST /bucket/key?uploadId`.
    CompleteMultipartUpload { bucket: BucketName, key: ObjectKey },
    /// `DELETE /bucket/key?uploadId`.
    AbortMultipartUpload { bucket: BucketName, key: ObjectKey },
    /// `GET /bucket/key?tagging`.
    GetObjectTagging { bucket: BucketName, key: ObjectKey },
    /// `GET /bucket/key?uploadId`.
    ListParts { bucket: BucketName, key: ObjectKey },
}

/// What a grant may allow. `ManageBuckets` and `Admin` enter with the operations that need them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Contents and metadata of objects.
    Read,
    /// Names of objects and of uploads; the bucket's existence and location.
    List,
    /// Creating and replacing objects, the whole multipart family.
    Write,
    /// Deleting objects.
    Delete,
}

/// A set of [`Permission`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// Every permission.
    pub const ALL: Self = Self(0b1111);

    /// Membership.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(items: I) -> Self {
        Self(items.into_iter().fold(0, |bits, permission| bits | 1 << permission as u8))
    }
}

/// What a permission is needed on, in the client's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The bucket itself; any grant of the permission on any of its prefixes suffices.
    Bucket(BucketName),
    /// All keys of the bucket that begin with this text (a listing; empty = all of them).
    Prefix(BucketName, String),
    /// One object.
    Object(BucketName, ObjectKey),
}

/// Every (permission, resource) pair that an operation needs; all of them must be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// No permission on a named resource: `ListBuckets` (shows what the caller's grants name) and preflights.
    Nothing,
    /// All of these pairs; never empty.
    All(Vec<(Permission, Resource)>),
    /// `DeleteObjects`: [`Permission::Delete`] on each key of the body, decided once the body is proved; the head is
    /// refused at once if the caller may delete nothing in the bucket.
    EachKey(BucketName),
}

impl Operation {
    /// The S3 name of the operation, as in AWS's API reference: a finite set for logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ListBuckets => "ListBuckets",
            Self::Preflight => "Preflight",
            Self::HeadBucket { .. } => "HeadBucket",
            Self::GetBucketLocation { .. } => "GetBucketLocation",
            Self::ListObjects { .. } => "ListObjects",
            Self::ListObjectsV2 { .. } => "ListObjectsV2",
            Self::ListMultipartUploads { .. } => "ListMultipartUploads",
            Self::DeleteObjects { .. } => "DeleteObjects",
            Self::GetObject { .. } => "GetObject",
            Self::HeadObject { .. } => "HeadObject",
            Self::PutObject { .. } => "PutObject",
            Self::CopyObject { .. } => "CopyObject",
            Self::DeleteObject { .. } => "DeleteObject",
            Self::CreateMultipartUpload { .. } => "CreateMultipartUpload",
            Self::UploadPart { .. } => "UploadPart",
            Self::UploadPartCopy { .. } => "UploadPartCopy",
            Self::CompleteMultipartUpload { .. } => "CompleteMultipartUpload",
            Self::AbortMultipartUpload { .. } => "AbortMultipartUpload",
            Self::GetObjectTagging { .. } => "GetObjectTagging",
            Self::ListParts { .. } => "ListParts",
        }
    }
}

/// The operation of this name (as [`Operation::name`] gives it) on this bucket and key, for whoever asks about operations
/// without a request. `None` for an unknown name, or when something is missing or too much.
#[must_use]
pub fn named(
    name: &str,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    source: Option<CopySource>,
) -> Option<Operation> {
    use Operation as O;
    Some(match (name, bucket, key, source) {
        ("ListBuckets", None, None, None) => O::ListBuckets,
        ("HeadBucket", Some(bucket), None, None) => O::HeadBucket { bucket },
        ("GetBucketLocation", Some(bucket), None, None) => O::GetBucketLocation { bucket },
        ("ListObjects", Some(bucket), None, None) => O::ListObjects { bucket },
        ("ListObjectsV2", Some(bucket), None, None) => O::ListObjectsV2 { bucket },
        ("ListMultipartUploads", Some(bucket), None, None) => O::ListMultipartUploads { bucket },
        ("DeleteObjects", Some(bucket), None, None) => O::DeleteObjects { bucket },
        ("GetObject", Some(bucket), Some(key), None) => O::GetObject { bucket, key },
        ("HeadObject", Some(bucket), Some(key), None) => O::HeadObject { bucket, key },
        ("PutObject", Some(bucket), Some(key), None) => O::PutObject { bucket, key },
        ("CopyObject", Some(bucket), Some(key), Some(source)) => O::CopyObject { bucket, key, source },
        ("DeleteObject", Some(bucket), Some(key), None) => O::DeleteObject { bucket, key },
        ("CreateMultipartUpload", Some(bucket), Some(key), None) => O::CreateMultipartUpload { bucket, key },
        ("UploadPart", Some(bucket), Some(key), None) => O::UploadPart { bucket, key },
        ("UploadPartCopy", Some(bucket), Some(key), Some(source)) => O::UploadPartCopy { bucket, key, source },
        ("CompleteMultipartUpload", Some(bucket), Some(key), None) => O::CompleteMultipartUpload { bucket, key },
        ("AbortMultipartUpload", Some(bucket), Some(key), None) => O::AbortMultipartUpload { bucket, key },
        ("GetObjectTagging", Some(bucket), Some(key), None) => O::GetObjectTagging { bucket, key },
        ("ListParts", Some(bucket), Some(key), None) => O::ListParts { bucket, key },
        _ => return None,
    })
}

/// Decides which operation a request is: total, deny by default (traps 9 and 15, CL-1 ... CL-6).
///
/// # Errors
/// [`Denial::NotImplemented`] for what S3 knows and OSP does not serve (sub-resources, `x-amz-*` headers that change
/// meaning), [`Denial::AccessDenied`] for bucket administration and for headers that change rights (ACLs, grants,
/// object lock, governance bypass), [`Denial::MethodNotAllowed`], [`Denial::InvalidArgument`] for conflicting
/// sub-resources, empty or malformed modifiers, [`Denial::InvalidRequest`] for a selector on the wrong level.
pub fn classify(method: &Method, target: &Target, semantics: &Semantics<'_>) -> Result<Operation, Denial> {
    classify::classify(method, target, semantics)
}

impl Operation {
    /// Every (permission, resource) pair that must be allowed. Listings need [`Permission::List`] on
    /// [`Resource::Prefix`] of the `prefix` parameter; copies need `Read` on the source and `Write` on the target.
    #[must_use]
    pub fn needs(&self, query: &Query) -> Needs {
        let one = |permission, resource| Needs::All(vec![(permission, resource)]);
        match self {
            Self::ListBuckets | Self::Preflight => Needs::Nothing,
            Self::HeadBucket { bucket } | Self::GetBucketLocation { bucket } => {
                one(Permission::List, Resource::Bucket(bucket.clone()))
            }
            Self::ListObjects { bucket } | Self::ListObjectsV2 { bucket } | Self::ListMultipartUploads { bucket } => {
                let prefix = query.get("prefix").unwrap_or_default().to_owned();
                one(Permission::List, Resource::Prefix(bucket.clone(), prefix))
            }
            Self::DeleteObjects { bucket } => Needs::EachKey(bucket.clone()),
            // CL-4: whoever may not GET learns nothing by HEAD.
            Self::GetObject { bucket, key }
            | Self::HeadObject { bucket, key }
            | Self::GetObjectTagging { bucket, key } => {
                one(Permission::Read, Resource::Object(bucket.clone(), key.clone()))
            }
            Self::PutObject { bucket, key }
            | Self::CreateMultipartUpload { bucket, key }
            | Self::UploadPart { bucket, key }
            | Self::CompleteMultipartUpload { bucket, key }
            | Self::AbortMultipartUpload { bucket, key }
            | Self::ListParts { bucket, key } => one(Permission::Write, Resource::Object(bucket.clone(), key.clone())),
            Self::DeleteObject { bucket, key } => {
                one(Permission::Delete, Resource::Object(bucket.clone(), key.clone()))
            }
            Self::CopyObject { bucket, key, source } | Self::UploadPartCopy { bucket, key, source } => {
                Needs::All(vec![
                    (Permission::Read, Resource::Object(source.bucket.clone(), source.key.clone())),
                    (Permission::Write, Resource::Object(bucket.clone(), key.clone())),
                ])
            }
        }
    }

    /// The client-facing bucket, `None` for the service level.
    #[must_use]
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::ListBuckets | Self::Preflight => None,
            Self::HeadBucket { bucket }
            | Self::GetBucketLocation { bucket }
            | Self::ListObjects { bucket }
            | Self::ListObjectsV2 { bucket }
            | Self::ListMultipartUploads { bucket }
            | Self::DeleteObjects { bucket }
            | Self::GetObject { bucket, .. }
            | Self::GetObjectTagging { bucket, .. }
            | Self::HeadObject { bucket, .. }
            | Self::PutObject { bucket, .. }
            | Self::CopyObject { bucket, .. }
            | Self::DeleteObject { bucket, .. }
            | Self::CreateMultipartUpload { bucket, .. }
            | Self::UploadPart { bucket, .. }
            | Self::UploadPartCopy { bucket, .. }
            | Self::CompleteMultipartUpload { bucket, .. }
            | Self::AbortMultipartUpload { bucket, .. }
            | Self::ListParts { bucket, .. } => Some(bucket),
        }
    }

    /// The client-facing key, if the operation is about one object.
    #[must_use]
    pub fn key(&self) -> Option<&ObjectKey> {
        match self {
            Self::ListBuckets
            | Self::Preflight
            | Self::HeadBucket { .. }
            | Self::GetBucketLocation { .. }
            | Self::ListObjects { .. }
            | Self::ListObjectsV2 { .. }
            | Self::ListMultipartUploads { .. }
            | Self::DeleteObjects { .. } => None,
            Self::GetObject { key, .. }
            | Self::GetObjectTagging { key, .. }
            | Self::HeadObject { key, .. }
            | Self::PutObject { key, .. }
            | Self::CopyObject { key, .. }
            | Self::DeleteObject { key, .. }
            | Self::CreateMultipartUpload { key, .. }
            | Self::UploadPart { key, .. }
            | Self::UploadPartCopy { key, .. }
            | Self::CompleteMultipartUpload { key, .. }
            | Self::AbortMultipartUpload { key, .. }
            | Self::ListParts { key, .. } => Some(key),
        }
    }

    /// The source of a copy.
    #[must_use]
    pub fn copy_source(&self) -> Option<&CopySource> {
        match self {
            Self::CopyObject { source, .. } | Self::UploadPartCopy { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The HTTP method, the same towards clients and backends.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::Preflight => Method::OPTIONS,
            Self::HeadBucket { .. } | Self::HeadObject { .. } => Method::HEAD,
            Self::ListBuckets
            | Self::GetBucketLocation { .. }
            | Self::ListObjects { .. }
            | Self::ListObjectsV2 { .. }
            | Self::ListMultipartUploads { .. }
            | Self::GetObject { .. }
            | Self::GetObjectTagging { .. }
            | Self::ListParts { .. } => Method::GET,
            Self::PutObject { .. }
            | Self::CopyObject { .. }
            | Self::UploadPart { .. }
            | Self::UploadPartCopy { .. } => Method::PUT,
            Self::DeleteObject { .. } | Self::AbortMultipartUpload { .. } => Method::DELETE,
            Self::DeleteObjects { .. } | Self::CreateMultipartUpload { .. } | Self::CompleteMultipartUpload { .. } => {
                Method::POST
            }
        }
    }

    /// True when a backend answers it; `ListBuckets`, `Preflight` and `GetBucketLocation` are answered by OSP.
    #[must_use]
    pub const fn is_forwarded(&self) -> bool {
        !matches!(self, Self::ListBuckets | Self::Preflight | Self::GetBucketLocation { .. })
    }

    /// True when the operation takes a request body (`PutObject`, `UploadPart`, `CompleteMultipartUpload`,
    /// `DeleteObjects`); any other operation with a body is refused.
    #[must_use]
    pub fn takes_body(&self) -> bool {
        self.takes_streaming_payload()
            || matches!(self, Self::CompleteMultipartUpload { .. } | Self::DeleteObjects { .. })
    }

    /// True when `STREAMING-*` payloads are legal: `PutObject` and `UploadPart` (CH-1).
    #[must_use]
    pub fn takes_streaming_payload(&self) -> bool {
        matches!(self, Self::PutObject { .. } | Self::UploadPart { .. })
    }

    /// True for reads of one object that any copy of it can answer: `GetObject` and `HeadObject` without a version, since
    /// version ids belong to one backend (kubernetes.md 2.4).
    #[must_use]
    pub fn may_read_elsewhere(&self, query: &Query) -> bool {
        matches!(self, Self::GetObject { .. } | Self::HeadObject { .. }) && query.get("versionId").is_none()
    }

    /// True when sending the request twice does no harm: GET, HEAD and listings.
    #[must_use]
    pub fn is_replayable(&self) -> bool {
        matches!(self.method(), Method::GET | Method::HEAD)
    }
}
