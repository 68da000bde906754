//! Credentials in a form: the signature stands beside the policy that it is of, and the policy says what the form may be.

use super::{GREATEST_SKEW_SECONDS, MOST_POLICY_SECONDS, Scheme, Signer, Verified, find_signer};
use crate::model::ClientSecret;
use crate::payload::{FormFile, PayloadAuth};
use crate::s3::{BucketName, Form, ObjectKey, Receipt, Target};
use crate::sigv4::authorization::{ECDSA_P256_SHA256, HMAC_SHA256};
use crate::sigv4::date::SigningDate;
use crate::sigv4::post_policy::PostPolicy;
use crate::sigv4::scope::CredentialFault;
use crate::sigv4::signing_key::parse_signature;
use crate::sigv4::{AccessKeyId, Scope};
use crate::{Denial, FormFault, Timestamp};

/// Parts of a signature of version 2.
const VERSION_2: [&str; 2] = ["awsaccesskeyid", "signature"];
/// Parts of one of version 4.
const VERSION_4: [&str; 3] = ["x-amz-algorithm", "x-amz-credential", "x-amz-signature"];

/// What a form claims about its sender; proves nothing.
#[derive(Debug)]
pub struct FormClaim {
    form: Form,
    bucket: BucketName,
    access_key: AccessKeyId,
    scope: Scope,
    date: SigningDate,
    /// `None` when it is no signature at all: it then equals none.
    signature: Option<[u8; 32]>,
    policy: PostPolicy,
}

/// Proof that the holder of a client secret allowed this very form, every field of it: what becomes of the upload is read from
/// here and from nowhere else. Only [`FormClaim::verify`] makes one.
#[derive(Debug)]
pub struct ProvedForm {
    form: Form,
    bucket: BucketName,
}

/// Reads the credentials of a form that was sent to the bucket of `target`.
///
/// # Errors
/// [`Denial::Anonymous`] without any, [`Denial::UnsupportedAuthentication`], [`Denial::MultipleAuthentication`],
/// [`FormFault::MissingField`], [`Denial::NotImplemented`] for `SigV4A`, [`Denial::QueryAuthorizationMalformed`],
/// [`Denial::UnknownAccessKey`] for a text that can be no access key, [`FormFault::InvalidPolicy`].
pub fn claim_form(form: Form, target: &Target) -> Result<FormClaim, Denial> {
    use Denial::QueryAuthorizationMalformed as Malformed;
    let bucket = target.bucket.clone().ok_or(Denial::Internal("a form was sent to no bucket"))?;
    let has = |names: &[&str]| names.iter().any(|name| form.field(name).is_some());
    match (has(&VERSION_4), has(&VERSION_2)) {
        (true, true) => return Err(Denial::MultipleAuthentication),
        (false, true) => return Err(Denial::UnsupportedAuthentication),
        (false, false) if form.field("policy").is_none() => return Err(Denial::Anonymous),
        (_, false) => {}
    }
    let required = |name: &'static str| form.field(name).ok_or(Denial::Form(FormFault::MissingField(name)));
    let policy = required("policy")?;
    match required("x-amz-algorithm")? {
        HMAC_SHA256 => {}
        ECDSA_P256_SHA256 => return Err(Denial::NotImplemented(ECDSA_P256_SHA256.to_owned())),
        _ => return Err(Malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")),
    }
    let (credential, date) = (required("x-amz-credential")?, required("x-amz-date")?);
    let signature = parse_signature(required("x-amz-signature")?.as_bytes());
    let (access_key, scope) = Scope::split_credential(credential).map_err(|fault| Malformed(fault.in_query))?;
    let access_key = AccessKeyId::parse(access_key).ok_or(Denial::UnknownAccessKey)?;
    let date = SigningDate::parse_iso(date.as_bytes())
        .ok_or(Malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
    if scope.date.as_bytes() != date.day() {
        return Err(Malformed(CredentialFault::OTHER_DAY.in_query));
    }
    let policy = PostPolicy::parse(policy)?;
    Ok(FormClaim { bucket, access_key, scope, date, signature, policy, form })
}

impl FormClaim {
    /// Who the sender says it is.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// Checks time, signature (of the policy, as it was sent) and conditions, in this order: what is wrong with the fields is
    /// for those to hear who have a policy. Secrets are tried as in [`super::Claim::verify`].
    ///
    /// # Errors
    /// [`Denial::PresignNotYetValid`], [`FormFault::PolicyViolated`] also for a policy that has expired,
    /// [`Denial::UnknownAccessKey`], [`Denial::SignatureMismatch`], [`Denial::InvalidToken`].
    pub fn verify(self, secrets: &[ClientSecret], now: Timestamp) -> Result<(Verified, ProvedForm), Denial> {
        self.check_time(now)?;
        let Self { form, bucket, access_key, scope, signature, policy, .. } = self;
        let signed = form.field("policy").unwrap_or_default();
        let Some((secret, key)) = find_signer(secrets, (&scope, signature.as_ref()), signed.as_bytes())? else {
            return Err(if secrets.is_empty() { Denial::UnknownAccessKey } else { Denial::SignatureMismatch });
        };
        if form.field("x-amz-security-token").is_some() {
            return Err(Denial::InvalidToken);
        }
        policy.check(&form, &bucket)?;
        secret.remember(&scope, &key);
        let file = FormFile::new(form.boundary(), form.file_wire_bytes(), policy.file_bytes);
        let principal = secret.principal.clone();
        let signer = Signer { access_key, secret: secret.version() };
        let verified = Verified { principal, signer, scheme: Scheme::Form, payload: PayloadAuth::Form(file) };
        Ok((verified, ProvedForm { form, bucket }))
    }

    /// A policy counts until it expires, and no longer than the key that signed it.
    ///
    /// # Errors
    /// [`Denial::PresignNotYetValid`], [`FormFault::PolicyViolated`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Denial> {
        let date = self.date.moment;
        if date > now.plus_seconds(GREATEST_SKEW_SECONDS) {
            return Err(Denial::PresignNotYetValid);
        }
        if now > self.policy.expiration || now > date.plus_seconds(MOST_POLICY_SECONDS) {
            return Err(Denial::Form(FormFault::PolicyViolated("Policy expired.".to_owned())));
        }
        Ok(())
    }
}

impl ProvedForm {
    /// The client-facing bucket.
    #[must_use]
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The client-facing key, the name of the file put in.
    ///
    /// # Errors
    /// [`FormFault::MissingField`], [`Denial::InvalidArgument`] for an empty one, [`Denial::KeyTooLong`].
    pub fn key(&self) -> Result<ObjectKey, Denial> {
        match self.form.field("key") {
            None => Err(Denial::Form(FormFault::MissingField("key"))),
            Some("") => Err(Denial::InvalidArgument("User key must have a length greater than 0.".to_owned())),
            Some(key) => ObjectKey::parse(key.as_bytes().to_vec()),
        }
    }

    /// What the browser is to be told of a success.
    ///
    /// # Errors
    /// Those of [`Self::key`]; [`Denial::InvalidArgument`] for a redirect to what is no URL of the web.
    pub fn receipt(&self) -> Result<Receipt, Denial> {
        Receipt::read(&self.form, self.bucket.clone(), self.key()?)
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.form.fields()
    }
}

#[cfg(test)]
mod tests;
