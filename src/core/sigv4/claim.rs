//! From a head or a form to a proof: [`claim`] and [`claim_form`] read what it says; [`Claim::verify`] and
//! [`FormClaim::verify`] are the only makers of [`Verified`], by one and the same comparison.

mod form;

pub use form::{FormClaim, ProvedForm, claim_form};

use super::authorization::{Authorization, malformed};
use super::canonical::{canonical_path, canonical_query, path_as_received, replace_by_string_to_sign};
use super::content_sha256::{ContentSha256, PayloadKind};
use super::date::SigningDate;
use super::presigned::{Presigned, QueryCredentials};
use super::scope::CredentialFault;
use super::signed_headers::{self, SignedHeaders};
use super::signing_key::same_signature;
use super::{AccessKeyId, CanonicalRequest, ChunkChain, Scope, SecretVersion, SigningKey};
use crate::access::Principal;
use crate::model::ClientSecret;
use crate::payload::PayloadAuth;
use crate::s3::{Query, RawHead, Target};
use crate::{Denial, Timestamp};

/// How far a client's clock may be from ours, in seconds (SIG-13).
const GREATEST_SKEW_SECONDS: i64 = 15 * 60;
/// How long a form's policy counts after its `x-amz-date`, in seconds, whenever it expires: at AWS a signing key is good for
/// seven days.
const MOST_POLICY_SECONDS: i64 = 7 * 86_400;
/// Most secrets of one access key that are tried: four identities of two Secrets each.
const MOST_SECRETS: usize = 8;
/// A canonical request of an SDK has 300 to 900 bytes.
const USUAL_CANONICAL_BYTES: usize = 1_024;

/// Where the signature stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The `Authorization` header.
    Header,
    /// A presigned URL.
    Presigned,
    /// A form with a signed policy.
    Form,
}

/// What a head claims about its sender; proves nothing.
#[derive(Debug)]
pub struct Claim<'a> {
    head: &'a RawHead,
    target: &'a Target,
    authorization: Authorization<'a>,
    date: SigningDate,
    validity: Validity,
    headers: SignedHeaders<'a>,
    payload: ContentSha256<'a>,
    has_security_token: bool,
}

/// When a signature counts.
#[derive(Debug, Clone, Copy)]
enum Validity {
    /// Within the skew on both sides of its date.
    AroundDate,
    /// From its date (less the skew) on, for so many seconds.
    Lifetime { seconds: i64 },
}

/// Proof that the holder of a client secret signed this head within the time window, or allows this form. Only
/// [`Claim::verify`] and [`FormClaim::verify`] make one.
#[derive(Debug)]
pub struct Verified {
    principal: Principal,
    signer: Signer,
    scheme: Scheme,
    payload: PayloadAuth,
}

/// What a proof was made with.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    /// The key id that the client named.
    pub(crate) access_key: AccessKeyId,
    /// Which secret of that key.
    pub(crate) secret: SecretVersion,
}

/// Reads credentials from the `Authorization` header or the query; both, neither or another scheme is an error.
///
/// # Errors
/// [`Denial::Anonymous`], [`Denial::UnsupportedAuthentication`], [`Denial::MultipleAuthentication`],
/// [`Denial::AuthorizationMalformed`], [`Denial::QueryAuthorizationMalformed`], [`Denial::NotImplemented`] for `SigV4A`
/// and for streaming in presigned URLs, [`Denial::MissingDate`], [`Denial::MissingContentSha256`],
/// [`Denial::InvalidContentSha256`], [`Denial::HeadersNotSigned`], [`Denial::SignedHeadersWrong`],
/// [`Denial::UnknownAccessKey`] for a text that can be no access key.
pub fn claim<'a>(head: &'a RawHead, target: &'a Target) -> Result<Claim<'a>, Denial> {
    let mut fields = AuthenticationFields::read(head)?;
    let query = QueryCredentials::read(&target.query);
    fields.security_token |= query.has_security_token();
    match (fields.authorization, query.is_presigned(), query.is_version_2()) {
        (Some(value), false, false) => claim_of_header(head, target, value, &fields),
        (None, true, false) => claim_of_query(head, target, query.parse()?, &fields),
        (None, false, false) => Err(Denial::Anonymous),
        (None, false, true) => Err(Denial::UnsupportedAuthentication),
        _ => Err(Denial::MultipleAuthentication),
    }
}

/// The other reading of a target whose raw query has a `+`: as a space (SIG-5). For whoever got
/// [`Denial::SignatureMismatch`] for the literal reading. A request that verifies with this target **must be served from
/// this target**: the client signed spaces, so anything else would do what nobody signed.
#[must_use]
pub fn plus_as_space(head: &RawHead, target: &Target) -> Option<Target> {
    let start = memchr::memchr(b'?', head.target())?;
    let raw = head.target().get(start + 1..)?;
    memchr::memchr(b'+', raw)?;
    let spaced: Vec<u8> = raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    Some(Target { query: Query::parse(&spaced).ok()?, ..target.clone() })
}

impl Claim<'_> {
    /// Who the sender says it is.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyId {
        &self.authorization.access_key
    }

    /// Where the signature stands.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.validity {
            Validity::AroundDate => Scheme::Header,
            Validity::Lifetime { .. } => Scheme::Presigned,
        }
    }

    /// Checks the time alone: whoever has to ask somebody for secrets asks for no request that is too old anyway.
    ///
    /// # Errors
    /// [`Denial::ClockSkew`], [`Denial::PresignExpired`], [`Denial::PresignNotYetValid`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Denial> {
        self.validity.check(self.date.moment, now)
    }

    /// Checks time and signature against every secret of this access key (at most 8; none = the same work, then
    /// [`Denial::UnknownAccessKey`]). Two *different principals* with the same secret deny. The time comes first, so that
    /// its answer does not depend on the signature; the session token last, as OSP has issued none.
    ///
    /// # Errors
    /// [`Denial::ClockSkew`], [`Denial::PresignExpired`], [`Denial::PresignNotYetValid`], [`Denial::UnknownAccessKey`],
    /// [`Denial::SignatureMismatch`], [`Denial::InvalidToken`].
    pub fn verify(self, secrets: &[ClientSecret], now: Timestamp) -> Result<Verified, Denial> {
        self.check_time(now)?;
        let (secret, key) = self.prove(secrets)?;
        if self.has_security_token {
            return Err(Denial::InvalidToken);
        }
        secret.remember(&self.authorization.scope, &key);
        let principal = secret.principal.clone();
        let signer = Signer { access_key: self.authorization.access_key.clone(), secret: secret.version() };
        Ok(Verified { principal, signer, scheme: self.scheme(), payload: self.payload_auth(key)? })
    }

    /// Finds the secret that made the signature, over the canonical path or else the path as received (SIG-3).
    fn prove<'s>(&self, secrets: &'s [ClientSecret]) -> Result<(&'s ClientSecret, SigningKey), Denial> {
        let target = self.head.target();
        let path = target.get(..memchr::memchr(b'?', target).unwrap_or(target.len())).unwrap_or_default();
        let query = canonical_query(&self.target.query);
        let mut buffer = Vec::with_capacity(USUAL_CANONICAL_BYTES);
        self.string_to_sign(&canonical_path(path)?, &query, &mut buffer);
        if let Some(found) = self.find_signer(secrets, &buffer)? {
            return Ok(found);
        }
        if let Some(path) = path_as_received(path) {
            self.string_to_sign(path, &query, &mut buffer);
            if let Some(found) = self.find_signer(secrets, &buffer)? {
                return Ok(found);
            }
        }
        Err(if secrets.is_empty() { Denial::UnknownAccessKey } else { Denial::SignatureMismatch })
    }

    fn string_to_sign(&self, uri: &str, query: &str, buffer: &mut Vec<u8>) {
        buffer.clear();
        let method = self.head.method().as_str();
        CanonicalRequest { method, uri, query, headers: &self.headers, payload: self.payload.literal }.render(buffer);
        replace_by_string_to_sign(buffer, &self.date.text, &self.authorization.scope);
    }

    fn find_signer<'s>(
        &self,
        secrets: &'s [ClientSecret],
        string_to_sign: &[u8],
    ) -> Result<Option<(&'s ClientSecret, SigningKey)>, Denial> {
        let Authorization { scope, signature, .. } = &self.authorization;
        find_signer(secrets, (scope, signature.as_ref()), string_to_sign)
    }

    fn payload_auth(&self, key: SigningKey) -> Result<PayloadAuth, Denial> {
        Ok(match self.payload.kind {
            PayloadKind::Sha256(hash) => PayloadAuth::Sha256(hash),
            PayloadKind::Unsigned => PayloadAuth::Unsigned,
            PayloadKind::UnsignedTrailer => PayloadAuth::UnsignedTrailer,
            PayloadKind::SignedChunks { trailer } => {
                let seed = self.authorization.signature.as_ref().ok_or(Denial::SignatureMismatch)?;
                let chain = ChunkChain::new(key, self.date.moment, &self.authorization.scope, seed);
                PayloadAuth::SignedChunks { chain, trailer }
            }
        })
    }
}

/// Tries every secret, also after a match: one that two principals share identifies neither of them. An unknown key costs one
/// derivation and one comparison, as a known one does whose scope is not the remembered one (SIG-14).
fn find_signer<'s>(
    secrets: &'s [ClientSecret],
    (scope, sent): (&Scope, Option<&[u8; 32]>),
    string_to_sign: &[u8],
) -> Result<Option<(&'s ClientSecret, SigningKey)>, Denial> {
    if secrets.is_empty() {
        let dummy = SigningKey::derive_dummy(scope);
        std::hint::black_box(same_signature(sent, &dummy.sign(string_to_sign)));
        return Ok(None);
    }
    let mut found: Option<(&ClientSecret, SigningKey)> = None;
    for secret in secrets.iter().take(MOST_SECRETS) {
        let key = secret.signing_key(scope);
        if !same_signature(sent, &key.sign(string_to_sign)) {
            continue;
        }
        if found.as_ref().is_some_and(|(other, _)| other.principal != secret.principal) {
            return Err(Denial::SignatureMismatch);
        }
        found = Some((secret, key));
    }
    Ok(found)
}

impl Verified {
    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Where the signature stood.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What the signature says of the body.
    #[must_use]
    pub fn payload(&self) -> &PayloadAuth {
        &self.payload
    }

    /// Gives up the proof for what it proved: one proof, one question.
    pub(crate) fn into_parts(self) -> (Principal, Signer, PayloadAuth) {
        (self.principal, self.signer, self.payload)
    }
}

impl Validity {
    fn check(self, date: Timestamp, now: Timestamp) -> Result<(), Denial> {
        match self {
            Self::AroundDate => {
                let earliest = now.plus_seconds(-GREATEST_SKEW_SECONDS);
                let latest = now.plus_seconds(GREATEST_SKEW_SECONDS);
                let inside = (earliest..=latest).contains(&date);
                if inside { Ok(()) } else { Err(Denial::ClockSkew { request: date, server: now }) }
            }
            Self::Lifetime { seconds } => {
                let expires = date.plus_seconds(seconds);
                if date > now.plus_seconds(GREATEST_SKEW_SECONDS) {
                    Err(Denial::PresignNotYetValid)
                } else if now > expires {
                    Err(Denial::PresignExpired { expires, server: now })
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// The header fields that authentication reads, found in one pass; `security_token` counts the query's as well.
#[derive(Default)]
struct AuthenticationFields<'a> {
    authorization: Option<&'a [u8]>,
    amz_date: Option<&'a [u8]>,
    date: Option<&'a [u8]>,
    content_sha256: Option<&'a [u8]>,
    security_token: bool,
}

impl<'a> AuthenticationFields<'a> {
    /// [`RawHead`] refuses repeated ones; should one get here all the same, it is refused again (SIG-16, S04).
    fn read(head: &'a RawHead) -> Result<Self, Denial> {
        let mut found = Self::default();
        for (name, value) in head.fields() {
            let slot = match name {
                "authorization" => &mut found.authorization,
                "x-amz-date" => &mut found.amz_date,
                "date" => &mut found.date,
                "x-amz-content-sha256" => &mut found.content_sha256,
                "x-amz-security-token" => {
                    found.security_token = true;
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(Denial::DuplicateHeader(name.to_owned()));
            }
        }
        Ok(found)
    }

    /// `x-amz-date`, else `Date` (SIG-13). A broken `x-amz-date` is not made good by a `Date`.
    fn signing_date(&self) -> Result<SigningDate, Denial> {
        match (self.amz_date, self.date) {
            (Some(value), _) => SigningDate::parse_iso(value),
            (None, Some(value)) => SigningDate::parse_date_header(value),
            (None, None) => None,
        }
        .ok_or(Denial::MissingDate)
    }
}

fn claim_of_header<'a>(
    head: &'a RawHead,
    target: &'a Target,
    value: &'a [u8],
    fields: &AuthenticationFields<'a>,
) -> Result<Claim<'a>, Denial> {
    let authorization = Authorization::parse(value)?;
    let date = fields.signing_date()?;
    if authorization.scope.date.as_bytes() != date.day() {
        return Err(malformed(CredentialFault::OTHER_DAY.in_header));
    }
    let payload = ContentSha256::parse(fields.content_sha256.ok_or(Denial::MissingContentSha256)?)?;
    let headers = signed_headers::collect(head, authorization.signed_headers)?;
    let validity = Validity::AroundDate;
    let has_security_token = fields.security_token;
    Ok(Claim { head, target, authorization, date, validity, headers, payload, has_security_token })
}

fn claim_of_query<'a>(
    head: &'a RawHead,
    target: &'a Target,
    presigned: Presigned<'a>,
    fields: &AuthenticationFields<'a>,
) -> Result<Claim<'a>, Denial> {
    let Presigned { authorization, date, expires_seconds, content_sha256 } = presigned;
    if authorization.scope.date.as_bytes() != date.day() {
        return Err(Denial::QueryAuthorizationMalformed(CredentialFault::OTHER_DAY.in_query));
    }
    let headers = signed_headers::collect(head, authorization.signed_headers)?;
    let in_header = fields.content_sha256.map(ContentSha256::parse_presigned).transpose()?;
    let is_signed = headers.iter().any(|(name, _)| *name == "x-amz-content-sha256");
    let payload = match content_sha256 {
        Some(value) => ContentSha256::parse_presigned(value.as_bytes())?,
        None => in_header.filter(|_| is_signed).unwrap_or(ContentSha256::UNSIGNED),
    };
    let validity = Validity::Lifetime { seconds: expires_seconds };
    let has_security_token = fields.security_token;
    Ok(Claim { head, target, authorization, date, validity, headers, payload, has_security_token })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(super) mod tests;
