//! The grammars of single strings. Errors say what is expected, never what was found.

use std::ops::RangeInclusive;
use std::time::Duration;

use osp_core::model::{Endpoint, Wildcard, format_duration, parse_duration};
use osp_core::s3::{BucketMatch, BucketName, KeyPrefix, PLACEHOLDER, fill_template};

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

/// A label's key: a name of at most 63 bytes, after a DNS subdomain and a slash or by itself.
pub fn label_key(text: &str) -> Result<String, &'static str> {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    if prefix.is_none_or(|prefix| object_name(prefix).is_ok()) && is_label_name(name) {
        Ok(text.to_owned())
    } else {
        Err("must be the key of a label, such as role or example.com/role")
    }
}

/// A label's value, which may be empty.
pub fn label_value(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || is_label_name(text) {
        Ok(text.to_owned())
    } else {
        Err("must be at most 63 letters, digits, - _ . with letters or digits at both ends")
    }
}

fn is_label_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && edge(bytes.first())
        && edge(bytes.last())
}

/// A base host: a DNS name without port and wildcard. Returned in lower case.
pub fn host(text: &str) -> Result<String, &'static str> {
    let lower = text.to_ascii_lowercase();
    let is_address = lower.parse::<std::net::IpAddr>().is_ok();
    if lower.len() <= 253 && lower.split('.').all(|part| is_label(part, 63)) && !is_address {
        Ok(lower)
    } else {
        Err("must be a host name such as s3.example.com, without scheme, port and wildcard")
    }
}

/// `match.prefix`, and the prefix of keys at a backend: empty is allowed and means that there is none.
pub fn any_prefix(text: &str) -> Result<KeyPrefix, &'static str> {
    KeyPrefix::parse(text).map_err(|_| "must have at most 1024 bytes")
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

/// A client-facing bucket, or a pattern of such.
pub fn client_bucket(text: &str) -> Result<BucketMatch, &'static str> {
    BucketMatch::parse(text).ok_or(
        "must be a bucket name: 3 to 63 of a-z 0-9 . -, not shaped like an address; or the beginning of one, and a * behind it",
    )
}

/// What a backend calls the buckets of a pattern: legal names with [`PLACEHOLDER`] in them, after the tenant of a Ceph RGW if
/// there is one.
pub fn bucket_template(text: &str) -> Result<String, &'static str> {
    if text.matches(PLACEHOLDER).count() != 1 {
        return Err("must have {bucket} in it, once: the route is about a pattern of buckets");
    }
    let (tenant, local) = text.rsplit_once(':').unwrap_or(("", text));
    let is_tenant = tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    // what stands around the name has to go with some name
    let fits = BucketName::parse("a0a").is_ok_and(|sample| fill_template(local, &sample).is_some());
    let has_tenant = text.contains(':') && tenant.is_empty();
    if is_tenant && fits && !has_tenant {
        Ok(text.to_owned())
    } else {
        Err(
            "must make bucket names: a-z 0-9 . - around {bucket}, short enough; before them a tenant and a colon at most",
        )
    }
}

/// A backend's bucket: S3's old and new names and Ceph's `tenant:bucket`; nothing that a path could trip over.
pub fn backend_bucket(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let fits = (1..=MAX_BACKEND_BUCKET_BYTES).contains(&text.len());
    if fits && text.bytes().all(allowed) && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 255 letters, digits, . - _ : (and {bucket} with a pattern only)")
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

/// A duration (GEP-2257) within these bounds.
pub fn duration(text: &str, bounds: &RangeInclusive<Duration>) -> Result<Duration, String> {
    parse_duration(text).ok().filter(|duration| bounds.contains(duration)).ok_or_else(|| {
        let (least, most) = (format_duration(*bounds.start()), format_duration(*bounds.end()));
        format!("must be a duration from {least} to {most}, such as 2s or 1m30s")
    })
}

/// A DNS name or an address: what a certificate can be issued for. Lower-case.
pub fn host_name(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "must be a DNS name or an IP address";
    let address = text.parse::<std::net::IpAddr>().map(|address| address.to_string());
    let name = || {
        let endpoint = Endpoint::parse(&format!("https://{text}")).ok()?;
        (endpoint.host == text.to_ascii_lowercase()).then_some(endpoint.host)
    };
    address.ok().or_else(name).ok_or(EXPECTED)
}

/// An origin as browsers send it, or what many of them look like: at most one `*`.
pub fn origin_pattern(text: &str) -> Result<Wildcard, &'static str> {
    // scheme, host and port: as long as an endpoint may be
    let fits = (1..=268).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let has_path = text.split_once("//").is_some_and(|(_, authority)| authority.contains('/'));
    match Wildcard::parse(text).filter(|_| fits) {
        Some(_) if has_path => Err("must end with the host or the port: an origin has no path and no slash behind it"),
        Some(origin) => Ok(origin),
        None => Err("must be 1 to 268 characters of ASCII with one * at most, such as https://*.example.com"),
    }
}

/// The name of a header, or a pattern of such with one `*`. Returned in lower case.
pub fn header_pattern(text: &str) -> Result<Wildcard, &'static str> {
    let is_name = (1..=128).contains(&text.len()) && text.bytes().all(is_token);
    Wildcard::parse(&text.to_ascii_lowercase())
        .filter(|_| is_name)
        .ok_or("must be the name of a header, with one * at most, such as x-amz-*")
}

/// The name of a header. No `*`: a browser would take it for a name where credentials are allowed.
pub fn header_name(text: &str) -> Result<String, &'static str> {
    if (1..=128).contains(&text.len()) && text.bytes().all(|byte| is_token(byte) && byte != b'*') {
        Ok(text.to_owned())
    } else {
        Err("must be the name of a header, such as ETag, without *")
    }
}

/// A character of a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A DNS label (RFC 1123) of at most so many bytes.
pub fn is_label(text: &str, longest: usize) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    (1..=longest).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && edge(bytes.first())
        && edge(bytes.last())
}
