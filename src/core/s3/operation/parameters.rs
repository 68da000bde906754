//! The query parameters of S3: which of them select an operation, which belong to one, which values they may have.

use super::Operation;
use crate::Denial;
use crate::s3::Query;
use crate::s3::semantics::is_amz_parameter;

/// What happens to a request with this sub-resource at one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the operations of [`Operation`], if the method fits.
    Served,
    /// Bucket configuration: clients may not read or change it.
    Administration,
    /// Known to S3, not served here.
    NotServed,
    /// S3 does not have it at this level.
    WrongLevel,
}

/// A parameter that selects an operation: a request has at most one (CL-2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) name: &'static str,
    pub(super) at_bucket: Verdict,
    pub(super) at_object: Verdict,
}

const fn selector(name: &'static str, at_bucket: Verdict, at_object: Verdict) -> Selector {
    Selector { name, at_bucket, at_object }
}

const fn administration(name: &'static str) -> Selector {
    selector(name, Verdict::Administration, Verdict::WrongLevel)
}

/// The selectors of s3-protocol.md 4.1 and 4.2.
pub(super) const SELECTORS: [Selector; 42] = {
    use Verdict::{Administration, NotServed, Served, WrongLevel};
    [
        selector("delete", Served, WrongLevel),
        selector("list-type", Served, WrongLevel),
        selector("location", Served, WrongLevel),
        selector("uploadId", WrongLevel, Served),
        selector("uploads", Served, Served),
        selector("session", NotServed, WrongLevel),
        selector("versions", NotServed, WrongLevel),
        selector("annotation", WrongLevel, NotServed),
        selector("attributes", WrongLevel, NotServed),
        selector("legal-hold", WrongLevel, NotServed),
        selector("renameObject", WrongLevel, NotServed),
        selector("restore", WrongLevel, NotServed),
        selector("retention", WrongLevel, NotServed),
        selector("select", WrongLevel, NotServed),
        selector("torrent", WrongLevel, NotServed),
        selector("acl", Administration, NotServed),
        selector("encryption", Administration, NotServed),
        selector("tagging", Administration, Served),
        administration("abac"),
        administration("accelerate"),
        administration("analytics"),
        administration("cors"),
        administration("intelligent-tiering"),
        administration("inventory"),
        administration("lifecycle"),
        administration("logging"),
        administration("metadataAnnotationTable"),
        administration("metadataConfiguration"),
        administration("metadataInventoryTable"),
        administration("metadataJournalTable"),
        administration("metadataTable"),
        administration("metrics"),
        administration("notification"),
        administration("object-lock"),
        administration("ownershipControls"),
        administration("policy"),
        administration("policyStatus"),
        administration("publicAccessBlock"),
        administration("replication"),
        administration("requestPayment"),
        administration("versioning"),
        administration("website"),
    ]
};

/// Parameters that go with some operation and select none, beside those [`OF_ONE_OBJECT`].
const MODIFIERS: [&str; 19] = [
    "bucket-region",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "id",
    "key-marker",
    "marker",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "select-type",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
];

/// Parameters of `GetObject` and `HeadObject` that become headers of the answer; no others may (D13).
const OF_ONE_OBJECT: &[&str] = &[
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
];

impl Operation {
    /// The parameters that belong to this operation, its selector included, sorted: a request has no others, and its
    /// backend request neither.
    pub(in crate::s3) const fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::ListBuckets => &["bucket-region", "continuation-token", "max-buckets", "prefix"],
            Self::ListObjects { .. } => &["delimiter", "encoding-type", "marker", "max-keys", "prefix"],
            Self::ListObjectsV2 { .. } => &[
                "continuation-token",
                "delimiter",
                "encoding-type",
                "fetch-owner",
                "list-type",
                "max-keys",
                "prefix",
                "start-after",
            ],
            Self::ListMultipartUploads { .. } => {
                &["delimiter", "encoding-type", "key-marker", "max-uploads", "prefix", "upload-id-marker", "uploads"]
            }
            Self::GetObject { .. } | Self::HeadObject { .. } => OF_ONE_OBJECT,
            Self::UploadPart { .. } | Self::UploadPartCopy { .. } => &["partNumber", "uploadId"],
            Self::CompleteMultipartUpload { .. } | Self::AbortMultipartUpload { .. } => &["uploadId"],
            Self::ListParts { .. } => &["max-parts", "part-number-marker", "uploadId"],
            Self::CreateMultipartUpload { .. } => &["uploads"],
            Self::GetBucketLocation { .. } => &["location"],
            Self::DeleteObjects { .. } => &["delete"],
            Self::GetObjectTagging { .. } => &["tagging"],
            Self::Preflight
            | Self::HeadBucket { .. }
            | Self::PutObject { .. }
            | Self::CopyObject { .. }
            | Self::DeleteObject { .. } => &[],
        }
    }
}

/// The one selector of a query, if there is any.
///
/// # Errors
/// [`Denial::InvalidArgument`] for two of them, or one of them twice.
pub(super) fn selector_of(query: &Query) -> Result<Option<&'static Selector>, Denial> {
    let mut found = None;
    for (name, _) in query.pairs().filter(|(name, _)| !is_amz_parameter(name)) {
        let Some(selector) = SELECTORS.iter().find(|selector| selector.name == name) else { continue };
        if found.replace(selector).is_some() {
            return Err(Denial::InvalidArgument("Conflicting query string parameters".to_owned()));
        }
    }
    Ok(found)
}

/// Checks that every parameter belongs to `operation`, appears once and has a possible value.
///
/// # Errors
/// [`Denial::NotImplemented`] for an unknown parameter or a version, [`Denial::InvalidRequest`] for one that belongs to
/// other operations, [`Denial::InvalidArgument`] for repetitions and impossible values.
pub(super) fn check(operation: &Operation, query: &Query) -> Result<(), Denial> {
    // `x-id` says again which operation it is; `x-amz-*` are read as headers or by the signature check.
    let named = || query.pairs().filter(|(name, _)| *name != "x-id" && !is_amz_parameter(name));
    for (index, (name, value)) in named().enumerate() {
        if !operation.parameters().contains(&name) {
            return Err(foreign(operation, name, value));
        }
        if named().take(index).any(|(earlier, _)| earlier == name) {
            return Err(Denial::InvalidArgument(format!("The parameter {name} may appear only once.")));
        }
        check_value(name, value)?;
    }
    Ok(())
}

/// Why a parameter that does not belong to the operation is refused.
fn foreign(operation: &Operation, name: &str, value: &str) -> Denial {
    if name == "versionId" && operation.key().is_some() {
        return if value.is_empty() {
            Denial::InvalidArgument("Version id cannot be the empty string".to_owned())
        } else {
            Denial::NotImplemented("versionId".to_owned())
        };
    }
    if MODIFIERS.contains(&name) || OF_ONE_OBJECT.contains(&name) {
        Denial::InvalidRequest(format!("The parameter {name} does not go with {}.", operation.name()))
    } else {
        Denial::NotImplemented(format!("the query parameter {name}"))
    }
}

fn check_value(name: &str, value: &str) -> Result<(), Denial> {
    let (possible, message) = match name {
        "uploadId" => (!value.is_empty(), "Upload id cannot be the empty string"),
        "list-type" => (value == "2", "The value of list-type must be 2"),
        "encoding-type" => (value == "url", "Invalid Encoding Method specified in Request"),
        "partNumber" => (
            number(value).is_some_and(|number| (1..=10_000).contains(&number)),
            "Part number must be an integer between 1 and 10000, inclusive",
        ),
        "max-keys" | "max-uploads" | "max-parts" | "part-number-marker" => {
            (number(value).is_some(), "A limit or marker is not an integer or not within its range")
        }
        _ if name.starts_with("response-") => {
            (!value.chars().any(char::is_control), "A response header override holds a control character")
        }
        _ => (true, ""),
    };
    if possible { Ok(()) } else { Err(Denial::InvalidArgument(message.to_owned())) }
}

/// Digits only (no sign, as `parse` would take), at most 2,147,483,647.
fn number(digits: &str) -> Option<i32> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
