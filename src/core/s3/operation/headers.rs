//! The `x-amz-*` headers of S3: which change what is asked for, and what becomes of the others (D09, 2.1).

use crate::Denial;
use crate::s3::Semantics;

/// What becomes of an `x-amz-*` header that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) enum Fate {
    /// Goes to the backend with the client's value.
    PassedOn,
    /// Read by OSP itself and never passed on: identity, the announcement of the body, a copy's source (written anew),
    /// and what states the default.
    Consumed,
}

/// Checks every header; an `x-amz-*` header that is not known is refused, whatever the operation.
///
/// # Errors
/// Those of [`fate`].
pub(super) fn check(semantics: &Semantics<'_>) -> Result<(), Denial> {
    for (name, value) in semantics.headers() {
        fate(name, value)?;
    }
    Ok(())
}

/// The fate of one header; `None` when its name does not begin with `x-amz-`.
///
/// # Errors
/// [`Denial::AccessDenied`] for headers that change rights, [`Denial::NotImplemented`] for what OSP does not know or
/// serve, [`Denial::InvalidArgument`] for impossible values.
pub(in crate::s3) fn fate(name: &str, value: &[u8]) -> Result<Option<Fate>, Denial> {
    let Some(short) = name.strip_prefix("x-amz-") else { return Ok(None) };
    let fate = match short {
        "date"
        | "content-sha256"
        | "security-token"
        | "decoded-content-length"
        | "trailer"
        | "sdk-checksum-algorithm"
        | "copy-source"
        | "user-agent" => Fate::Consumed,
        "checksum-crc32" | "checksum-crc32c" | "checksum-crc64nvme" | "checksum-sha1" | "checksum-sha256" => {
            Fate::Consumed
        }
        // They ask for more elements in an answer; leaving those out is within S3.
        "max-parts" | "part-number-marker" | "optional-object-attributes" => Fate::Consumed,
        // Java SDKs before 2.30 offer to take an MD5 behind every object; an answer without one is legal.
        "te" if value == b"append-md5" => Fate::Consumed,
        "checksum-mode" | "checksum-type" | "storage-class" | "mp-object-size" => Fate::PassedOn,
        "copy-source-if-match"
        | "copy-source-if-none-match"
        | "copy-source-if-modified-since"
        | "copy-source-if-unmodified-since"
        | "copy-source-range" => Fate::PassedOn,
        "server-side-encryption-aws-kms-key-id" | "server-side-encryption-bucket-key-enabled" => Fate::PassedOn,
        "server-side-encryption" if matches!(value, b"AES256" | b"aws:kms") => Fate::PassedOn,
        "checksum-algorithm" if is_verifiable(value) => Fate::PassedOn,
        "metadata-directive" if matches!(value, b"COPY" | b"REPLACE") => Fate::PassedOn,
        "metadata-directive" => return Err(Denial::InvalidArgument("Unknown metadata directive.".to_owned())),
        // The default: tags are copied, objects are private. Said aloud it changes nothing.
        "tagging-directive" if value == b"COPY" => Fate::Consumed,
        "acl" if value == b"private" => Fate::Consumed,
        _ if short.starts_with("meta-") => Fate::PassedOn,
        _ if changes_rights(short) => return Err(Denial::AccessDenied),
        _ => return Err(Denial::NotImplemented(format!("the header {name}"))),
    };
    Ok(Some(fate))
}

fn changes_rights(short: &str) -> bool {
    matches!(short, "acl" | "bypass-governance-retention")
        || short.starts_with("grant-")
        || short.starts_with("object-lock-")
}

/// The algorithms whose values OSP can check; a multipart upload begun with another could never be completed.
fn is_verifiable(algorithm: &[u8]) -> bool {
    [&b"CRC32"[..], b"CRC32C", b"CRC64NVME", b"SHA1", b"SHA256"]
        .into_iter()
        .any(|known| known.eq_ignore_ascii_case(algorithm))
}
