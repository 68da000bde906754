//! The strict part: what the gateway sends has to be exactly what a careful S3 server accepts.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::REGION;
use super::wire::Head;
use crate::checksum::{crc32_base64, md5_base64, sha256_base64};
use crate::request::Key;
use crate::sigv4::{Parts, SigningKey, amz_date, canonical_request, sha256_hex, uri_decode, uri_encode};

const SINGLETONS: [&str; 9] = [
    "host",
    "authorization",
    "x-amz-date",
    "x-amz-content-sha256",
    "content-length",
    "content-type",
    "content-md5",
    "x-amz-copy-source",
    "x-amz-decoded-content-length",
];
/// What an intermediary may touch is never signed (RS-1), and what belongs to one hop never arrives.
const NEVER_SIGNED: [&str; 6] =
    ["user-agent", "accept-encoding", "content-length", "x-forwarded-for", "via", "traceparent"];
const NEVER_SENT: [&str; 10] = [
    "transfer-encoding",
    "expect",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "cookie",
    "forwarded",
    "proxy-authorization",
    "x-amz-security-token",
];

/// The name of every backend, where a proxy resolves it.
pub const NAME: &str = "backend.test";
/// Another one, as AWS would name its endpoint in [`REGION`].
pub const NAME_IN_REGION: &str = "s3.eu-test-1.amazonaws.com";

/// The object bytes of a request that is beyond reproach, or what is wrong with it.
pub(super) fn check(head: &Head, body: &[u8], key: Key, address: SocketAddr) -> Result<Vec<u8>, String> {
    check_head(head, address)?;
    check_target(head)?;
    check_signature(head, key)?;
    let object = check_payload(head, body)?;
    check_digests(head, &object)?;
    Ok(object)
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn check_head(head: &Head, address: SocketAddr) -> Result<(), String> {
    for name in SINGLETONS {
        ensure(head.count(name) <= 1, &format!("{name} more than once"))?;
    }
    for name in NEVER_SENT {
        ensure(head.count(name) == 0, &format!("{name} reached the backend"))?;
    }
    let names =
        [address.to_string(), format!("{NAME}:{}", address.port()), format!("{NAME_IN_REGION}:{}", address.port())];
    ensure(head.header("host").is_some_and(|host| names.iter().any(|name| name == host)), "Host is not the backend's")?;
    let has_body = matches!(head.method.as_str(), "PUT" | "POST");
    ensure(!has_body || head.header("content-length").is_some(), "a PUT or POST without Content-Length")
}

fn check_target(head: &Head) -> Result<(), String> {
    let canonical = |text: &str, slash| uri_encode(&uri_decode(text), slash) == text;
    ensure(canonical(head.path(), true), "the path is not in canonical form")?;
    for pair in head.query().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        ensure(canonical(name, false) && canonical(value, false), "the query is not in canonical form")?;
        ensure(!name.to_ascii_lowercase().starts_with("x-amz-"), "an X-Amz-* parameter reached the backend")?;
    }
    Ok(())
}

fn check_signature(head: &Head, key: Key) -> Result<(), String> {
    let authorization = head.header("authorization").ok_or("no Authorization")?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("not SigV4")?;
    let field = |name: &str| {
        let prefix = format!("{name}=");
        fields.split(',').find_map(|part| part.trim().strip_prefix(&prefix)).ok_or(format!("no {name}"))
    };
    let date = head.header("x-amz-date").ok_or("no x-amz-date")?;
    let now = SystemTime::now();
    let minute = |at: SystemTime| amz_date(at)[..13].to_owned();
    let fresh = (0..3).any(|back| minute(now - std::time::Duration::from_secs(60 * back)) == date[..13]);
    ensure(fresh, "the signature's date is not of now")?;
    let signing_key = SigningKey::derive(key.secret, date, REGION, "s3");
    ensure(field("Credential")? == format!("{}/{}", key.id, signing_key.scope), "another credential scope")?;
    let signed: Vec<String> = field("SignedHeaders")?.split(';').map(str::to_owned).collect();
    check_signed_names(head, &signed)?;
    let payload = head.header("x-amz-content-sha256").ok_or("no x-amz-content-sha256")?;
    let canonical = canonical_request(Parts {
        method: &head.method,
        path: head.path(),
        query: head.query(),
        headers: &head.headers,
        signed: &signed,
        payload,
    });
    ensure(field("Signature")? == signing_key.sign(&canonical), "the signature does not match")
}

fn check_signed_names(head: &Head, signed: &[String]) -> Result<(), String> {
    ensure(signed.windows(2).all(|pair| pair[0] < pair[1]), "SignedHeaders not sorted or not unique")?;
    for name in signed {
        ensure(head.count(name) > 0, &format!("signed header {name} is absent"))?;
        ensure(!NEVER_SIGNED.contains(&name.as_str()), &format!("{name} must not be signed"))?;
    }
    for (name, _) in &head.headers {
        let name = name.to_ascii_lowercase();
        let needed = name == "host" || name.starts_with("x-amz-") || name == "content-type" || name == "content-md5";
        ensure(!needed || signed.contains(&name), &format!("{name} is not signed"))?;
    }
    Ok(())
}

fn check_payload(head: &Head, body: &[u8]) -> Result<Vec<u8>, String> {
    let encoding = head.header("content-encoding").unwrap_or_default();
    let chunked = encoding.split(',').any(|token| token.trim() == "aws-chunked");
    match head.header("x-amz-content-sha256").unwrap_or_default() {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => {
            ensure(chunked, "a trailer without Content-Encoding: aws-chunked")?;
            decode_trailer_body(head, body)
        }
        literal => {
            ensure(!chunked, "aws-chunked without a streaming payload")?;
            ensure(literal == "UNSIGNED-PAYLOAD" || literal == sha256_hex(body), "the payload hash is wrong")?;
            Ok(body.to_vec())
        }
    }
}

fn decode_trailer_body(head: &Head, mut body: &[u8]) -> Result<Vec<u8>, String> {
    let mut object = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").ok_or("no end of a chunk header")?;
        let size = std::str::from_utf8(&body[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or("a chunk size that is no hexadecimal number")?;
        body = &body[end + 2..];
        if size == 0 {
            break;
        }
        ensure(body.len() >= size + 2 && &body[size..size + 2] == b"\r\n", "a chunk without its end")?;
        object.extend_from_slice(&body[..size]);
        sizes.push(size);
        body = &body[size + 2..];
    }
    let all_but_last = sizes.split_last().map_or(&[][..], |(_, rest)| rest);
    ensure(all_but_last.iter().all(|&size| size >= 8192), "a chunk below 8 KiB that is not the last (trap 8)")?;
    let declared = head.header("x-amz-decoded-content-length").unwrap_or_default();
    ensure(declared == object.len().to_string(), "x-amz-decoded-content-length is wrong")?;
    check_trailer(head, body, &object)?;
    Ok(object)
}

fn check_trailer(head: &Head, trailer: &[u8], object: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(trailer).map_err(|_| "a trailer that is no text")?;
    let lines = text.strip_suffix("\r\n\r\n").ok_or("a trailer without its end")?;
    let (name, value) = lines.split_once(':').ok_or("a trailer without a value")?;
    ensure(head.header("x-amz-trailer") == Some(name), "another trailer than announced")?;
    let expected = match name {
        "x-amz-checksum-crc32" => crc32_base64(object),
        "x-amz-checksum-sha256" => sha256_base64(object),
        other => return Err(format!("trailer {other} is unknown here")),
    };
    ensure(value == expected, "the trailer's checksum is wrong")
}

fn check_digests(head: &Head, object: &[u8]) -> Result<(), String> {
    type DigestOf = fn(&[u8]) -> String;
    // Of a completed upload the checksum headers describe the object, not this body (RS-7).
    let describes_body = !(head.method == "POST" && head.query().contains("uploadId="));
    let expected: [(&str, DigestOf, bool); 3] = [
        ("content-md5", md5_base64, true),
        ("x-amz-checksum-crc32", crc32_base64, describes_body),
        ("x-amz-checksum-sha256", sha256_base64, describes_body),
    ];
    for (name, digest, applies) in expected {
        // computed only where one was sent: bodies may be large
        let wrong = applies && head.header(name).is_some_and(|sent| sent != digest(object));
        ensure(!wrong, &format!("{name} does not fit the body"))?;
    }
    Ok(())
}
