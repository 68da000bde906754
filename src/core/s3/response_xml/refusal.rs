//! Error answers that may be about OSP itself: whose business each of them is (trap 11, ER-4, RN-6). One table.
//!
//! What backends say of a version that is locked was found to be: AWS 403 `AccessDenied`, "Access Denied because object
//! protected by object lock."; Ceph RGW 403 `AccessDenied`, "forbidden by object lock"; MinIO 400 `InvalidRequest`, "Object
//! is WORM protected and cannot be overwritten"; SeaweedFS (`deleteVersionedObject`) 403 `AccessDenied` in the words of every
//! other refusal; Garage has no locks (501). Clients get AWS's answer in all cases.

use super::error_body::{ErrorBody, ErrorFields, Names};
use super::error_codes::{ClientError, INTERNAL, client_error, generic_error, is_own_business};
use crate::Denial;
use crate::model::Region;
use crate::s3::{Kind, Operation, Query};

/// What is known of an error answer but its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refusal<'a> {
    /// The backend's status.
    pub status: u16,
    /// `x-amz-bucket-region`.
    pub region: Option<&'a str>,
    /// The code in a header: `MinIO`'s `x-minio-error-code`, for answers without a body.
    pub code: Option<&'a str>,
    /// OSP's credential at the backend has an end: a session token.
    pub is_temporary: bool,
    /// It was fetched for this very client: what it may not do, the client may not do (C26).
    pub is_personal: bool,
}

/// Whose business an error answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The client's: this is what it gets.
    Client(Denial),
    /// The bucket is in this region, and the request was refused for nothing else.
    Elsewhere(Region),
    /// OSP's own credentials, clock or address are wrong: nothing that a client may see.
    Gateway,
}

/// When a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// The message is one of [`LOCKED`].
    SaidToBeLocked,
    /// The operation is one that a lock refuses, and the backend has one text for all refusals.
    MayBeLocked,
    /// The request brought a key of the customer's, which may be the wrong one.
    WithCustomerKey,
    /// The credential is this client's own.
    WithPersonalCredential,
}

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// It is about the object: passed on.
    Itself,
    /// AWS's answer for a locked version.
    Locked,
    /// The bucket is elsewhere, if the answer says where.
    Region,
}

/// `AccessDenied` is nobody's until something tells it apart: without one of these it is about OSP's credentials.
const RULES: [(&str, When, Means); 15] = [
    ("AccessDenied", When::SaidToBeLocked, Means::Locked),
    ("InvalidRequest", When::SaidToBeLocked, Means::Locked),
    ("ObjectLocked", When::Always, Means::Locked),
    ("AccessDenied", When::MayBeLocked, Means::Itself),
    ("AccessDenied", When::WithCustomerKey, Means::Itself),
    ("AccessDenied", When::WithPersonalCredential, Means::Itself),
    ("InvalidObjectState", When::Always, Means::Itself),
    ("ObjectAlreadyInActiveTierError", When::Always, Means::Itself),
    ("ObjectNotInActiveTierError", When::Always, Means::Itself),
    ("QuotaExceeded", When::Always, Means::Itself),
    ("AuthorizationHeaderMalformed", When::Always, Means::Region),
    ("IllegalLocationConstraintException", When::Always, Means::Region),
    ("IncorrectEndpoint", When::Always, Means::Region),
    ("PermanentRedirect", When::Always, Means::Region),
    ("TemporaryRedirect", When::Always, Means::Region),
];

/// What backends say of a locked version, in lower case and without the full stop.
const LOCKED: [&str; 3] = [
    "access denied because object protected by object lock",
    "forbidden by object lock",
    "object is worm protected and cannot be overwritten",
];

const DENIED: ClientError = ClientError { code: "AccessDenied", message: "Access Denied" };
const LOCKED_VERSION: ClientError =
    ClientError { code: "AccessDenied", message: "Access Denied because object protected by object lock." };

/// True for statuses of which only the code tells whose business they are.
#[must_use]
pub const fn is_ambiguous(status: u16) -> bool {
    matches!(status, 300..=303 | 305..=401 | 403 | 407)
}

impl ErrorBody {
    /// Reads an answer with an [ambiguous](is_ambiguous) status to its end: whose business it is.
    #[must_use]
    pub fn judge(&self, refusal: Refusal<'_>, operation: &Operation, query: &Query) -> Meaning {
        let fields = ErrorFields::read(&self.collected).unwrap_or_default();
        let asked = Asked {
            may_be_locked: operation.may_meet_a_lock(query),
            customer_key: operation.demands_secure_channel(),
            personal: refusal.is_personal,
        };
        let Some(code) = fields.code().or(refusal.code) else {
            // a page of something in front of the backend: of a certificate or a protocol that OSP got wrong
            if !self.collected.trim_ascii().is_empty() {
                return Meaning::Gateway;
            }
            return without_code(refusal, asked, operation, query);
        };
        match meaning(code, fields.message(), asked) {
            Some(Means::Region) => elsewhere(refusal.region.or(fields.region())),
            Some(Means::Locked) => client(403, LOCKED_VERSION, Vec::new()),
            // no client has any use for a redirect, or for 401 and 407, which S3 does not know (ER-3)
            Some(Means::Itself) if matches!(refusal.status, 400 | 403) => {
                let error = if code == DENIED.code { Some(DENIED) } else { client_error(code) };
                error.map_or(Meaning::Gateway, |error| {
                    client(refusal.status, error, fields.details(error, Names::of(operation)))
                })
            }
            Some(Means::Itself) => Meaning::Gateway,
            None if refusal.status == 400 && !is_own_business(code) => {
                let error = client_error(code).unwrap_or_else(|| generic_error(refusal.status, operation));
                client(refusal.status, error, fields.details(error, Names::of(operation)))
            }
            None if refusal.status < 400 => elsewhere(refusal.region.or(fields.region())),
            None => Meaning::Gateway,
        }
    }
}

/// What a client sees of the error of one key of a `DeleteObjects`: the request as a whole was accepted, so `AccessDenied`
/// is about this key. It stays OSP's business unless it is, or may be, a lock.
pub(in crate::s3) fn entry_error(code: &str, message: &str, names_version: bool) -> ClientError {
    match meaning(code, message, Asked { may_be_locked: names_version, customer_key: false, personal: false }) {
        Some(Means::Locked) => LOCKED_VERSION,
        Some(Means::Itself) if code == DENIED.code => DENIED,
        _ => client_error(code).unwrap_or(INTERNAL),
    }
}

/// What the request could be refused for although OSP's credentials are good.
#[derive(Debug, Clone, Copy)]
struct Asked {
    may_be_locked: bool,
    customer_key: bool,
    personal: bool,
}

fn meaning(code: &str, message: &str, asked: Asked) -> Option<Means> {
    let said = message.trim().trim_end_matches('.').to_ascii_lowercase();
    let holds = |when| match when {
        When::Always => true,
        When::SaidToBeLocked => LOCKED.contains(&said.as_str()),
        When::MayBeLocked => asked.may_be_locked,
        When::WithCustomerKey => asked.customer_key,
        When::WithPersonalCredential => asked.personal,
    };
    RULES.iter().find(|(known, when, _)| *known == code && holds(*when)).map(|(_, _, means)| *means)
}

/// Answers to HEAD, and whatever is no S3 error.
fn without_code(refusal: Refusal<'_>, asked: Asked, operation: &Operation, query: &Query) -> Meaning {
    let is_head = operation.method() == http::Method::HEAD;
    match refusal.status {
        ..400 => elsewhere(refusal.region),
        // S3 answers a HEAD that was signed for another region with a bare 400 that names the right one
        400 if is_head && refusal.region.is_some() => elsewhere(refusal.region),
        // a bucket has nothing that could be wrong but its name, which OSP wrote
        400 if is_head && operation.kind() != Kind::HeadObject => Meaning::Gateway,
        // ExpiredToken looks like this, too: only a request that asks for more than the object can be wrong by itself
        400 if is_head && refusal.is_temporary && !asked.customer_key && !asks_for_a_part(query) => Meaning::Gateway,
        400 => client(400, generic_error(400, operation), Vec::new()),
        403 if is_head && (asked.customer_key || asked.personal) => client(403, DENIED, Vec::new()),
        _ => Meaning::Gateway,
    }
}

fn asks_for_a_part(query: &Query) -> bool {
    query.get("versionId").or(query.get("partNumber")).is_some()
}

fn elsewhere(region: Option<&str>) -> Meaning {
    region.and_then(Region::parse).map_or(Meaning::Gateway, Meaning::Elsewhere)
}

fn client(status: u16, error: ClientError, details: Vec<(&'static str, String)>) -> Meaning {
    let ClientError { code, message } = error;
    Meaning::Client(Denial::BackendError { status, code, message, details })
}

#[cfg(test)]
mod tests;
