//! From a head to a proof: [`claim`] reads what the head says, [`Claim::verify`] is the only maker of [`Verified`].

use super::AccessKeyId;
use crate::access::Principal;
use crate::model::ClientSecret;
use crate::payload::PayloadAuth;
use crate::s3::{RawHead, Target};
use crate::{Denial, Timestamp};

/// Where the signature stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The `Authorization` header.
    Header,
    /// A presigned URL.
    Presigned,
}

/// What a head claims about its sender; proves nothing.
#[derive(Debug)]
pub struct Claim<'a> {
    head: &'a RawHead,
    target: &'a Target,
    access_key: AccessKeyId,
    scheme: Scheme,
}

/// Proof that the holder of a client secret signed this head within the time window. Only [`Claim::verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    principal: Principal,
    scheme: Scheme,
    payload: PayloadAuth,
}

/// Reads credentials from the `Authorization` header or the query; both, neither or another scheme is an error.
///
/// # Errors
/// [`Denial::Anonymous`], [`Denial::UnsupportedAuthentication`], [`Denial::MultipleAuthentication`],
/// [`Denial::AuthorizationMalformed`], [`Denial::QueryAuthorizationMalformed`], [`Denial::NotImplemented`] for `SigV4A`,
/// [`Denial::MissingDate`], [`Denial::MissingContentSha256`], [`Denial::InvalidContentSha256`],
/// [`Denial::HeadersNotSigned`], [`Denial::SignedHeadersWrong`], [`Denial::InvalidToken`].
pub fn claim<'a>(_head: &'a RawHead, _target: &'a Target) -> Result<Claim<'a>, Denial> {
    todo!()
}

impl Claim<'_> {
    /// Who the sender says it is.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// Where the signature stands.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Checks time and signature against every secret of this access key (at most 4; none = the same work, then
    /// [`Denial::UnknownAccessKey`]). Two *different principals* with the same secret deny.
    ///
    /// # Errors
    /// [`Denial::ClockSkew`], [`Denial::PresignExpired`], [`Denial::PresignNotYetValid`], [`Denial::UnknownAccessKey`],
    /// [`Denial::SignatureMismatch`].
    pub fn verify(self, _secrets: &[ClientSecret], _now: Timestamp) -> Result<Verified, Denial> {
        todo!()
    }
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
}
