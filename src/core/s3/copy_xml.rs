//! The documents of a copy between backends: what OSP reads of a target's upload, and what it writes.

use super::xml::{Item, NAMESPACE, Scanner, element, unescape};
use super::{ErrorBody, Operation, form};
use crate::payload::ChecksumAlgorithm;
use crate::{Denial, Timestamp};

/// The id of an upload that a backend has begun: of `<InitiateMultipartUploadResult>`.
///
/// # Errors
/// [`Denial::UpstreamMisbehaved`] for anything else.
pub fn upload_id(body: &[u8]) -> Result<String, Denial> {
    let id = text(body, ["InitiateMultipartUploadResult", "UploadId"]);
    id.filter(|id| !id.is_empty()).ok_or(Denial::UpstreamMisbehaved)
}

/// The entity tag of what a completed upload has made: of `<CompleteMultipartUploadResult>`. Empty where the backend does not
/// tell it, as Ceph RGW may: the object is there all the same.
///
/// # Errors
/// What an `<Error>` inside the success says (trap 10), [`Denial::UpstreamMisbehaved`] for anything else.
pub fn upload_result(body: &[u8], operation: &Operation) -> Result<String, Denial> {
    if let Some(etag) = text(body, ["CompleteMultipartUploadResult", "ETag"]) {
        return Ok(etag);
    }
    let mut error = ErrorBody::default();
    error.push(body);
    // its own status would have been one of these, but the backend had begun with 200
    let told = error.backend_code().map(|_| error.denial(500, operation));
    Err(told.unwrap_or(Denial::UpstreamMisbehaved))
}

/// The value of `x-amz-tagging` for the tags of an object, as `GetObjectTagging` tells them.
///
/// # Errors
/// [`Denial::UpstreamMisbehaved`] for anything else.
pub(crate) fn tags(body: &[u8]) -> Result<String, Denial> {
    let document = std::str::from_utf8(body).map_err(|_| Denial::UpstreamMisbehaved)?;
    form::tagging_header(document).map_err(|_| Denial::UpstreamMisbehaved)
}

/// The document that completes an upload: of each part its entity tag, and its checksum if it has one.
pub(crate) fn completion(
    parts: impl Iterator<Item = (String, Option<String>)>,
    algorithm: Option<ChecksumAlgorithm>,
) -> Vec<u8> {
    let mut body = format!("<CompleteMultipartUpload xmlns=\"{NAMESPACE}\">").into_bytes();
    for (index, (etag, checksum)) in parts.enumerate() {
        body.extend_from_slice(b"<Part>");
        if let (Some(algorithm), Some(checksum)) = (algorithm, checksum) {
            element(&algorithm.element(), &checksum, &mut body);
        }
        element("ETag", &etag, &mut body);
        element("PartNumber", &(index + 1).to_string(), &mut body);
        body.extend_from_slice(b"</Part>");
    }
    body.extend_from_slice(b"</CompleteMultipartUpload>");
    body
}

/// `<CopyObjectResult>` or `<CopyPartResult>`, without a declaration; without an entity tag if it is empty.
pub(crate) fn result(
    is_part: bool,
    (etag, modified): (&str, Timestamp),
    checksum: Option<(ChecksumAlgorithm, &str)>,
) -> Vec<u8> {
    let root = if is_part { "CopyPartResult" } else { "CopyObjectResult" };
    let mut body = format!("<{root} xmlns=\"{NAMESPACE}\">").into_bytes();
    element("LastModified", &modified.iso8601(), &mut body);
    if !etag.is_empty() {
        element("ETag", etag, &mut body);
    }
    if let Some((algorithm, value)) = checksum {
        element(&algorithm.element(), value, &mut body);
    }
    body.extend_from_slice(format!("</{root}>").as_bytes());
    body
}

/// The text of an element right below the root, empty if there is none; `None` unless the document is whole and begins with
/// this root.
fn text(body: &[u8], [root, name]: [&str; 2]) -> Option<String> {
    let mut found: Option<String> = None;
    let read = Scanner::read(body, &mut |path, item| {
        match (path, item) {
            ([only], Item::Open { .. }) if only.local() == root => found = Some(String::new()),
            ([_, inner], Item::Text(raw)) if inner.local() == name => {
                found.iter_mut().try_for_each(|text| unescape(raw).map(|more| text.push_str(&more)))?;
            }
            _ => {}
        }
        Ok(())
    });
    found.filter(|_| read.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::{BucketName, ObjectKey, named};

    #[test]
    fn an_upload_id_is_read_or_there_is_none() {
        let answer = |inside: &str| {
            format!("<InitiateMultipartUploadResult xmlns=\"x\">{inside}</InitiateMultipartUploadResult>")
        };
        assert_eq!(upload_id(answer("<Key>k</Key><UploadId>a&amp;b</UploadId>").as_bytes()), Ok("a&b".to_owned()));
        for broken in ["", "<Error/>", &answer(""), &answer("<UploadId/>"), &answer("<UploadId>a")] {
            assert_eq!(upload_id(broken.as_bytes()), Err(Denial::UpstreamMisbehaved), "{broken}");
        }
        let other = "<ListBucketResult><UploadId>a</UploadId></ListBucketResult>";
        assert_eq!(upload_id(other.as_bytes()), Err(Denial::UpstreamMisbehaved));
    }

    #[test]
    fn trap_10_a_completed_upload_may_say_error_after_all() {
        let (bucket, key) = (BucketName::parse("bkt").unwrap(), ObjectKey::parse(b"k".to_vec()).unwrap());
        let complete = named("CompleteMultipartUpload", Some(bucket), Some(key), None).unwrap();
        let read = |body: &str| upload_result(body.as_bytes(), &complete);
        let good = "  <CompleteMultipartUploadResult><ETag>&quot;t-2&quot;</ETag></CompleteMultipartUploadResult>";
        assert_eq!(read(good), Ok("\"t-2\"".to_owned()));
        // Ceph RGW 19: the object is there, its tag is not told
        let silent = "<CompleteMultipartUploadResult><Key>k</Key><ETag></ETag></CompleteMultipartUploadResult>";
        assert_eq!(read(silent), Ok(String::new()));
        let error = read("\n<Error><Code>InternalError</Code><Message>hidden-bucket</Message></Error>").unwrap_err();
        assert_eq!((error.row().code, error.to_string().contains("hidden")), ("InternalError", false));
        let cut = good.strip_suffix('>').unwrap();
        for broken in ["", "<html/>", "<a><CompleteMultipartUploadResult/></a>", cut] {
            assert_eq!(read(broken), Err(Denial::UpstreamMisbehaved), "{broken}");
        }
    }

    #[test]
    fn s3_copy_documents_are_awss() {
        let crc = ChecksumAlgorithm::named("crc32").unwrap();
        let parts = [("\"a\"".to_owned(), Some("AAAAAA==".to_owned())), ("\"b\"".to_owned(), None)];
        let body = String::from_utf8(completion(parts.into_iter(), Some(crc))).unwrap();
        let expected = "<Part><ChecksumCRC32>AAAAAA==</ChecksumCRC32><ETag>&quot;a&quot;</ETag><PartNumber>1</PartNumber>\
                        </Part><Part><ETag>&quot;b&quot;</ETag><PartNumber>2</PartNumber></Part>";
        assert!(body.contains(expected), "{body}");
        let at = Timestamp::from_unix_seconds(0);
        let told = String::from_utf8(result(true, ("\"a\"", at), None)).unwrap();
        let expected =
            "<LastModified>1970-01-01T00:00:00.000Z</LastModified><ETag>&quot;a&quot;</ETag></CopyPartResult>";
        assert!(told.starts_with("<CopyPartResult ") && told.ends_with(expected), "{told}");
        let told = String::from_utf8(result(false, ("e", at), Some((crc, "AAAAAA==")))).unwrap();
        assert!(told.ends_with("<ETag>e</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></CopyObjectResult>"), "{told}");
        let told = String::from_utf8(result(false, ("", at), None)).unwrap();
        assert!(told.ends_with("Z</LastModified></CopyObjectResult>"), "{told}");
    }
}
