//! `x-amz-copy-source`: decoded once, authorised, and written anew (trap 1, s3-protocol.md 3.1).

use super::{BucketName, ObjectKey, decode};
use crate::Denial;

/// The object that a copy reads, in the client's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// Client-facing bucket.
    pub bucket: BucketName,
    /// Key as the client names it.
    pub key: ObjectKey,
    /// Version at the backend.
    pub version: Option<String>,
}

impl CopySource {
    /// Parses `b/k`, `/b/k`, `b%2Fk`, each with or without `?versionId=v`; ARNs are refused.
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`], [`Denial::InvalidBucketName`], [`Denial::KeyTooLong`],
    /// [`Denial::NotImplemented`] for access points.
    pub fn parse(header: &[u8]) -> Result<Self, Denial> {
        let raw = header.strip_prefix(b"/").unwrap_or(header);
        // Only a literal `?` separates a version; `%3FversionId%3D` belongs to the key, as on AWS.
        let (raw, version) = match memchr::memchr(b'?', raw) {
            None => (raw, None),
            Some(at) => {
                let (name, version) = raw.split_at_checked(at).ok_or_else(malformed)?;
                let version = version.strip_prefix(b"?versionId=").ok_or_else(malformed)?;
                (name, Some(text(version).filter(|version| !version.is_empty()).ok_or_else(malformed)?))
            }
        };
        let name = text(raw).ok_or_else(malformed)?;
        if name.starts_with("arn:") {
            return Err(Denial::NotImplemented("x-amz-copy-source with an ARN".to_owned()));
        }
        let (bucket, key) = name.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(malformed)?;
        Ok(Self { bucket: BucketName::parse(bucket)?, key: ObjectKey::parse(key.as_bytes().to_vec())?, version })
    }
}

fn text(raw: &[u8]) -> Option<String> {
    decode(raw).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

fn malformed() -> Denial {
    Denial::InvalidArgument(
        "Copy Source must mention the source bucket and key, URL-encoded: sourcebucket/sourcekey".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &str) -> (String, String) {
        let source = CopySource::parse(header.as_bytes()).unwrap();
        (source.bucket.to_string(), source.key.to_string())
    }

    fn source(bucket: &str, key: &str) -> (String, String) {
        (bucket.to_owned(), key.to_owned())
    }

    #[test]
    fn d01_every_way_of_writing_it_names_the_same_object() {
        for header in ["bkt/a/b", "/bkt/a/b", "bkt%2Fa%2Fb", "bkt/a%2fb", "/bkt%2Fa/b", "%62kt/a/b"] {
            assert_eq!(names(header), source("bkt", "a/b"), "{header}");
        }
    }

    #[test]
    fn d01_the_key_is_decoded_once_and_kept() {
        assert_eq!(names("bkt/a+b%2Bc%20d"), source("bkt", "a+b+c d"));
        assert_eq!(names("bkt/..%2F..%2Fother/%252e"), source("bkt", "../../other/%2e"));
        assert_eq!(names("bkt//k"), source("bkt", "/k"));
        assert_eq!(names("bkt/k%3FversionId%3Dx"), source("bkt", "k?versionId=x"));
        assert_eq!(names("bkt/\u{e9}"), names("bkt/%C3%A9"));
    }

    #[test]
    fn d01_what_names_no_object_is_refused() {
        for header in ["", "/", "bkt", "/bkt", "bkt/", "/bkt/", "bkt/k?acl", "bkt/k?versionid=x", "bkt/%", "bkt/%C0%AF"]
        {
            assert!(matches!(CopySource::parse(header.as_bytes()), Err(Denial::InvalidArgument(_))), "{header}");
        }
        for header in ["//bkt/k", "%2Fbkt/k", "../bkt/k", "Bkt/k", "bkt%00/k"] {
            assert_eq!(CopySource::parse(header.as_bytes()), Err(Denial::InvalidBucketName), "{header}");
        }
        let long = format!("bkt/{}", "k".repeat(1025));
        assert_eq!(CopySource::parse(long.as_bytes()), Err(Denial::KeyTooLong));
        assert!(CopySource::parse(&long.as_bytes()[..1028]).is_ok());
    }

    #[test]
    fn d01_a_version_is_read_and_an_empty_one_is_none() {
        for (header, version) in [("bkt/k?versionId=v%2B1", "v+1"), ("/bkt%2Fk?versionId=null", "null")] {
            assert_eq!(names(header), source("bkt", "k"), "{header}");
            assert_eq!(CopySource::parse(header.as_bytes()).unwrap().version.as_deref(), Some(version));
        }
        assert_eq!(CopySource::parse(b"bkt/k").unwrap().version, None);
        for header in ["bkt/k?versionId=", "bkt/k?versionId=%", "bkt/k?x&versionId=v", "bkt/?versionId=v"] {
            assert!(matches!(CopySource::parse(header.as_bytes()), Err(Denial::InvalidArgument(_))), "{header}");
        }
    }

    #[test]
    fn d01_access_points_are_not_served() {
        for header in ["arn:aws:s3:eu:1:accesspoint/a/object/k", "arn%3Aaws/k", "arn:aws/k?versionId=v"] {
            assert!(matches!(CopySource::parse(header.as_bytes()), Err(Denial::NotImplemented(_))), "{header}");
        }
    }
}
