//! Which elements of S3's answers name something of the backend (s3-protocol.md 3.2).

use super::XmlDocument;
use crate::s3::xml::ElementName;

/// What stands in an element whose text is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The bucket.
    Bucket,
    /// The key of the request.
    RequestKey,
    /// The key of a list entry: without a place in the client's names the whole entry is dropped.
    EntryKey,
    /// The same of a common prefix.
    EntryPrefix,
    /// The upload that a list entry is about: wrapped for its key.
    EntryUpload,
    /// The upload that has been begun: wrapped for the key of the request.
    NewUpload,
    /// The upload after which the next page begins: wrapped for the key of [`Self::NextMarker`].
    NextUpload,
    /// The token of the next page: wrapped with the last name of this one.
    NextToken,
    /// Where the next page begins; dropped when it has no place in the client's names.
    NextMarker,
    /// The echo of this query parameter of the request.
    Echo(&'static str),
    /// The same where nothing of the backend's own echo may be seen: what it got is not what the client sent.
    Given(&'static str),
    /// `url` when names are percent-encoded; passed on.
    EncodingType,
    /// An id or name of an account at the backend.
    Identity,
    /// The URL of the object.
    Location,
    /// Something of the backend that clients have no word for, or no business with: Ceph's tenants, ids of keys.
    Dropped,
}

/// True when a document of this kind may have this root element.
pub fn is_root(document: XmlDocument, name: &str) -> bool {
    match document {
        XmlDocument::ListObjects => name == "ListBucketResult",
        XmlDocument::ListMultipartUploads => name == "ListMultipartUploadsResult",
        XmlDocument::ListVersions => name == "ListVersionsResult",
        XmlDocument::ListParts => name == "ListPartsResult",
        XmlDocument::CreateMultipartUpload => name == "InitiateMultipartUploadResult",
        XmlDocument::CompleteMultipartUpload => name == "CompleteMultipartUploadResult",
        XmlDocument::Copy => matches!(name, "CopyObjectResult" | "CopyPartResult"),
        XmlDocument::AccessControl => name == "AccessControlPolicy",
        XmlDocument::Encryption => name == "ServerSideEncryptionConfiguration",
        XmlDocument::Checked(roots) => roots.contains(&name),
    }
}

/// True when the root element may be an `Error` although the status was 200.
pub const fn may_be_error(document: XmlDocument) -> bool {
    matches!(document, XmlDocument::CompleteMultipartUpload | XmlDocument::Copy)
}

/// True for a list entry, which is passed on or dropped as a whole.
pub fn is_entry(document: XmlDocument, path: &[ElementName]) -> bool {
    let [_, entry] = path else { return false };
    match document {
        XmlDocument::ListObjects => matches!(entry.local(), "Contents" | "CommonPrefixes"),
        XmlDocument::ListMultipartUploads => matches!(entry.local(), "Upload" | "CommonPrefixes"),
        XmlDocument::ListVersions => matches!(entry.local(), "Version" | "DeleteMarker" | "CommonPrefixes"),
        _ => false,
    }
}

/// What the element at the end of `path` names, if anything. Position counts: a `Key` is a key in `Contents` only.
pub fn field(document: XmlDocument, path: &[ElementName]) -> Option<Field> {
    match path {
        [_, name] => top_level(document, name.local()),
        [_, parent, name] => second_level(document, parent.local(), name.local()),
        [_, entry, owner, name] => match (document, entry.local(), owner.local()) {
            (XmlDocument::ListObjects, "Contents", "Owner")
            | (XmlDocument::ListMultipartUploads, "Upload", "Owner" | "Initiator")
            | (XmlDocument::ListVersions, "Version" | "DeleteMarker", "Owner") => Some(Field::Identity),
            (XmlDocument::Encryption, "Rule", "ApplyServerSideEncryptionByDefault") => key_id(name.local()),
            _ => None,
        },
        [_, _, _, grantee, name] if document == XmlDocument::AccessControl && grantee.local() == "Grantee" => {
            // what is left is the URI of a group of all stores
            matches!(name.local(), "ID" | "DisplayName" | "EmailAddress").then_some(Field::Identity)
        }
        _ => None,
    }
}

fn top_level(document: XmlDocument, name: &str) -> Option<Field> {
    use XmlDocument::{
        CompleteMultipartUpload, CreateMultipartUpload, ListMultipartUploads, ListObjects, ListParts, ListVersions,
    };
    match (document, name) {
        (ListObjects | ListVersions, "Name") => Some(Field::Bucket),
        (ListObjects, "Marker") => Some(Field::Echo("marker")),
        (ListObjects, "StartAfter") => Some(Field::Echo("start-after")),
        (ListMultipartUploads | ListVersions, "KeyMarker") => Some(Field::Echo("key-marker")),
        (ListObjects | ListMultipartUploads | ListVersions, "Prefix") => Some(Field::Echo("prefix")),
        (ListObjects | ListMultipartUploads | ListVersions, "EncodingType") => Some(Field::EncodingType),
        (ListObjects, "NextMarker") | (ListMultipartUploads | ListVersions, "NextKeyMarker") => Some(Field::NextMarker),
        (ListObjects, "ContinuationToken") => Some(Field::Given("continuation-token")),
        (ListObjects, "NextContinuationToken") => Some(Field::NextToken),
        (ListMultipartUploads, "UploadIdMarker") => Some(Field::Given("upload-id-marker")),
        (ListMultipartUploads, "NextUploadIdMarker") => Some(Field::NextUpload),
        (ListParts, "UploadId") => Some(Field::Given("uploadId")),
        (CreateMultipartUpload, "UploadId") => Some(Field::NewUpload),
        (ListMultipartUploads | ListParts | CreateMultipartUpload | CompleteMultipartUpload, "Bucket") => {
            Some(Field::Bucket)
        }
        (ListParts | CreateMultipartUpload | CompleteMultipartUpload, "Key") => Some(Field::RequestKey),
        (CompleteMultipartUpload, "Location") => Some(Field::Location),
        (
            ListObjects
            | ListMultipartUploads
            | ListVersions
            | ListParts
            | CreateMultipartUpload
            | CompleteMultipartUpload,
            "Tenant",
        ) => Some(Field::Dropped),
        _ => None,
    }
}

fn key_id(name: &str) -> Option<Field> {
    (name == "KMSMasterKeyID").then_some(Field::Dropped)
}

fn second_level(document: XmlDocument, parent: &str, name: &str) -> Option<Field> {
    match (document, parent, name) {
        (XmlDocument::ListObjects, "Contents", "Key")
        | (XmlDocument::ListMultipartUploads, "Upload", "Key")
        | (XmlDocument::ListVersions, "Version" | "DeleteMarker", "Key") => Some(Field::EntryKey),
        (
            XmlDocument::ListObjects | XmlDocument::ListMultipartUploads | XmlDocument::ListVersions,
            "CommonPrefixes",
            "Prefix",
        ) => Some(Field::EntryPrefix),
        (XmlDocument::ListMultipartUploads, "Upload", "UploadId") => Some(Field::EntryUpload),
        (XmlDocument::ListParts, "Owner" | "Initiator", _) | (XmlDocument::AccessControl, "Owner", _) => {
            Some(Field::Identity)
        }
        _ => None,
    }
}
