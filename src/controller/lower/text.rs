//! The grammars of single strings. Errors say what is expected, never what was found.

use osp_core::s3::{BucketName, KeyPrefix};

/// Longest backend bucket: AWS once allowed 255 bytes, and some servers still do.
const MAX_BACKEND_BUCKET_BYTES: usize = 255;

/// A DNS label (RFC 1123): namespaces and names inside a document.
pub fn label(text: &str) -> Result<String, &'static str> {
    if is_label(text, 63) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 63 of a-z 0-9 -, with a letter or digit at both ends")
    }
}

/// A DNS subdomain (RFC 1123): names of objects.
pub fn object_name(text: &str) -> Result<String, &'static str> {
    if text.len() <= 253 && text.split('.').all(|part| is_label(part, 253)) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 253 of a-z 0-9 - . with letters or digits at both ends of each part")
    }
}

/// A key of a `Secret` or `ConfigMap`.
pub fn data_key(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=253).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 253 letters, digits, - _ .")
    }
}

/// A client-facing bucket. Patterns are not supported yet.
pub fn client_bucket(text: &str) -> Result<BucketName, &'static str> {
    BucketName::parse(text).map_err(|_| "must be a bucket name: 3 to 63 of a-z 0-9 . -, not shaped like an address")
}

/// A backend's bucket: S3's old and new names and Ceph's `tenant:bucket`; nothing that a path could trip over.
pub fn backend_bucket(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let fits = (1..=MAX_BACKEND_BUCKET_BYTES).contains(&text.len());
    if fits && text.bytes().all(allowed) && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 255 letters, digits, . - _ :")
    }
}

/// A region: it becomes part of credential scopes, so no `/`.
pub fn region(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 letters, digits, - _")
    }
}

/// A key prefix. An empty one is refused: it means every key, and leaving the field out says so without doubt.
pub fn prefix(text: &str) -> Result<KeyPrefix, &'static str> {
    if text.is_empty() {
        return Err("must not be empty: leave it out to mean every key");
    }
    KeyPrefix::parse(text).map_err(|_| "must have at most 1024 bytes")
}

fn is_label(text: &str, longest: usize) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    (1..=longest).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && edge(bytes.first())
        && edge(bytes.last())
}
