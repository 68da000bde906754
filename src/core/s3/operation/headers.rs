//! The `x-amz-*` headers of S3: which change what is asked for, and what becomes of the others (D09, 2.1).

use super::row::{Family, Row};
use crate::Denial;
use crate::payload::ChecksumAlgorithm;
use crate::s3::Semantics;

/// What becomes of an `x-amz-*` header that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::s3) enum Fate {
    /// Goes to the backend with the client's value.
    PassedOn,
    /// The same, and its value is a secret.
    Secret,
    /// Read by OSP itself and never passed on: identity, the announcement of the body, a copy's source (written anew),
    /// and what states the default.
    Consumed,
}

/// What the headers of a request ask for beyond its operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Demands {
    /// They change rights: [`super::Permission::Admin`].
    pub(super) admin: bool,
    /// They carry a key of the customer's: nothing but an encrypted connection.
    pub(super) secure: bool,
}

/// Checks every header; an `x-amz-*` header that is not known is refused, whatever the operation.
///
/// # Errors
/// Those of [`fate`].
pub(super) fn check(row: &Row, semantics: &Semantics<'_>) -> Result<Demands, Denial> {
    let mut demands = Demands::default();
    for (name, value) in semantics.headers() {
        match fate(row, name, value)? {
            Some(Fate::PassedOn) => demands.admin |= family(name).is_some_and(Family::changes_rights),
            Some(Fate::Secret) => demands.secure = true,
            Some(Fate::Consumed) | None => {}
        }
    }
    Ok(demands)
}

/// The fate of one header in a request of this operation; `None` when its name does not begin with `x-amz-`.
///
/// # Errors
/// [`Denial::AccessDenied`] for headers that change rights where they mean nothing, [`Denial::InvalidRequest`] for others
/// that do not go with the operation, [`Denial::NotImplemented`] for what OSP does not know or serve,
/// [`Denial::InvalidArgument`] for impossible values.
pub(in crate::s3) fn fate(row: &Row, name: &str, value: &[u8]) -> Result<Option<Fate>, Denial> {
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
        // SDKs in C++ name the one version that there is.
        "api-version" if value == b"2006-03-01" => Fate::Consumed,
        // Asks for more elements in an answer; leaving those out is within S3.
        "optional-object-attributes" => Fate::Consumed,
        // Of ListObjects they ask for the same.
        "max-parts" | "part-number-marker" if !row.takes(Family::Attributes) => Fate::Consumed,
        // Java SDKs before 2.30 offer to take an MD5 behind every object; an answer without one is legal.
        "te" if value == b"append-md5" => Fate::Consumed,
        "checksum-mode" | "checksum-type" | "storage-class" | "mp-object-size" => Fate::PassedOn,
        "copy-source-if-match"
        | "copy-source-if-none-match"
        | "copy-source-if-modified-since"
        | "copy-source-if-unmodified-since"
        | "copy-source-range" => Fate::PassedOn,
        "server-side-encryption-aws-kms-key-id" | "server-side-encryption-bucket-key-enabled" => Fate::PassedOn,
        "server-side-encryption" if matches!(value, b"AES256" | b"aws:kms" | b"aws:kms:dsse") => Fate::PassedOn,
        "checksum-algorithm" if ChecksumAlgorithm::is_known(value) => Fate::PassedOn,
        _ if short.strip_prefix("checksum-").is_some_and(|name| ChecksumAlgorithm::is_known(name.as_bytes())) => {
            Fate::Consumed
        }
        "metadata-directive" if matches!(value, b"COPY" | b"REPLACE") => Fate::PassedOn,
        "metadata-directive" => return Err(Denial::InvalidArgument("Unknown metadata directive.".to_owned())),
        // The default: tags are copied, objects are private, locks hold. Said aloud it changes nothing.
        "tagging-directive" if value == b"COPY" => Fate::Consumed,
        "tagging-directive" if value != b"REPLACE" => {
            return Err(Denial::InvalidArgument("Unknown tagging directive.".to_owned()));
        }
        "acl" if value == b"private" && row.selector != Some("acl") => Fate::Consumed,
        "bypass-governance-retention" if value == b"false" => Fate::Consumed,
        _ if short.starts_with("meta-") => Fate::PassedOn,
        _ => match family(name) {
            Some(family) if row.takes(family) => family.fate(),
            Some(family) if family.changes_rights() => return Err(Denial::AccessDenied),
            Some(_) => {
                return Err(Denial::InvalidRequest(format!("The header {name} does not go with {}.", row.name)));
            }
            None => return Err(Denial::NotImplemented(format!("the header {name}"))),
        },
    };
    Ok(Some(fate))
}

/// The family of a header that only some operations take.
fn family(name: &str) -> Option<Family> {
    Some(match name.strip_prefix("x-amz-")? {
        "acl" => Family::Acl,
        "grant-full-control" | "grant-read" | "grant-read-acp" | "grant-write" | "grant-write-acp" => Family::Acl,
        "bucket-object-lock-enabled" | "object-ownership" => Family::NewBucket,
        "object-lock-mode" | "object-lock-retain-until-date" | "object-lock-legal-hold" => Family::Lock,
        "bypass-governance-retention" => Family::Bypass,
        "tagging" => Family::Tags,
        "tagging-directive" => Family::TagsOfCopy,
        "server-side-encryption-customer-algorithm"
        | "server-side-encryption-customer-key"
        | "server-side-encryption-customer-key-md5" => Family::CustomerKey,
        "copy-source-server-side-encryption-customer-algorithm"
        | "copy-source-server-side-encryption-customer-key"
        | "copy-source-server-side-encryption-customer-key-md5" => Family::SourceCustomerKey,
        "object-attributes" | "max-parts" | "part-number-marker" => Family::Attributes,
        _ => return None,
    })
}

impl Family {
    /// True when who sends it needs [`super::Permission::Admin`].
    const fn changes_rights(self) -> bool {
        matches!(self, Self::Acl | Self::NewBucket | Self::Lock | Self::Bypass)
    }

    const fn fate(self) -> Fate {
        if matches!(self, Self::CustomerKey | Self::SourceCustomerKey) { Fate::Secret } else { Fate::PassedOn }
    }
}
