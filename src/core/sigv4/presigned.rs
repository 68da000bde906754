//! Credentials in the query: presigned URLs.

use super::authorization::{Authorization, ECDSA_P256_SHA256, HMAC_SHA256};
use super::date::SigningDate;
use super::signing_key::parse_signature;
use super::{AccessKeyId, Scope};
use crate::Denial;
use crate::s3::Query;

/// One week: the longest life of a presigned URL, in seconds.
const LONGEST_LIFE_SECONDS: i64 = 604_800;

const REQUIRED: Denial = Denial::QueryAuthorizationMalformed(
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
);

/// The authentication parameters of a query, as found. Names are compared without case: nothing that looks like a
/// credential may pass as data.
#[derive(Debug, Default)]
pub(super) struct QueryCredentials<'a> {
    algorithm: Option<&'a str>,
    credential: Option<&'a str>,
    date: Option<&'a str>,
    expires: Option<&'a str>,
    signed_headers: Option<&'a str>,
    signature: Option<&'a str>,
    /// `X-Amz-Content-Sha256`.
    content_sha256: Option<&'a str>,
    security_token: Option<&'a str>,
    repeated: bool,
    version_2: bool,
}

/// What a presigned URL says of its signature.
#[derive(Debug)]
pub(super) struct Presigned<'a> {
    pub(super) authorization: Authorization<'a>,
    pub(super) date: SigningDate,
    /// How long it lives, from `date` on.
    pub(super) expires_seconds: i64,
    pub(super) content_sha256: Option<&'a str>,
}

/// True when a query has any part of a signature, of version 4 or 2.
pub(crate) fn is_signed_query(query: &Query) -> bool {
    let found = QueryCredentials::read(query);
    found.is_presigned() || found.is_version_2()
}

impl<'a> QueryCredentials<'a> {
    /// Finds them.
    pub(super) fn read(query: &'a Query) -> Self {
        let mut found = Self::default();
        for (name, value) in query.pairs() {
            if let Some(slot) = found.slot(name) {
                let repeated = slot.replace(value).is_some();
                found.repeated |= repeated;
            }
            found.version_2 |= name.eq_ignore_ascii_case("AWSAccessKeyId") || name.eq_ignore_ascii_case("Signature");
        }
        found
    }

    /// True when any parameter of a presigned URL is there.
    pub(super) fn is_presigned(&self) -> bool {
        [self.algorithm, self.credential, self.date, self.expires, self.signed_headers, self.signature]
            .iter()
            .any(Option::is_some)
    }

    /// True when a parameter of signature version 2 is there.
    pub(super) fn is_version_2(&self) -> bool {
        self.version_2
    }

    /// True when `X-Amz-Security-Token` is there.
    pub(super) fn has_security_token(&self) -> bool {
        self.security_token.is_some()
    }

    /// Reads the six required parameters (PRE-1, PRE-2).
    ///
    /// # Errors
    /// [`Denial::QueryAuthorizationMalformed`], [`Denial::NotImplemented`] for `SigV4A`,
    /// [`Denial::UnknownAccessKey`] for what can be no access key.
    pub(super) fn parse(self) -> Result<Presigned<'a>, Denial> {
        use Denial::QueryAuthorizationMalformed as Malformed;
        match self.algorithm {
            Some(HMAC_SHA256) => {}
            Some(ECDSA_P256_SHA256) => return Err(Denial::NotImplemented(ECDSA_P256_SHA256.to_owned())),
            Some(_) => return Err(Malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")),
            None => return Err(REQUIRED),
        }
        let (Some(credential), Some(date), Some(expires), Some(signed_headers), Some(signature)) =
            (self.credential, self.date, self.expires, self.signed_headers, self.signature)
        else {
            return Err(REQUIRED);
        };
        if self.repeated {
            return Err(Malformed("Query-string authentication parameters may appear only once."));
        }
        let (access_key, scope) = Scope::split_credential(credential).map_err(|fault| Malformed(fault.in_query))?;
        let date = SigningDate::parse_iso(date.as_bytes())
            .ok_or(Malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
        Ok(Presigned {
            authorization: Authorization {
                access_key: AccessKeyId::parse(access_key).ok_or(Denial::UnknownAccessKey)?,
                scope,
                signed_headers,
                signature: parse_signature(signature.as_bytes()),
            },
            date,
            expires_seconds: parse_expires(expires).map_err(Malformed)?,
            content_sha256: self.content_sha256,
        })
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        let (prefix, rest) = name.split_at_checked("X-Amz-".len())?;
        if !prefix.eq_ignore_ascii_case("X-Amz-") {
            return None;
        }
        let slots = [
            ("Algorithm", &mut self.algorithm),
            ("Credential", &mut self.credential),
            ("Date", &mut self.date),
            ("Expires", &mut self.expires),
            ("SignedHeaders", &mut self.signed_headers),
            ("Signature", &mut self.signature),
            ("Content-Sha256", &mut self.content_sha256),
            ("Security-Token", &mut self.security_token),
        ];
        slots.into_iter().find_map(|(name, slot)| rest.eq_ignore_ascii_case(name).then_some(slot))
    }
}

/// Seconds, with the messages of AWS.
fn parse_expires(text: &str) -> Result<i64, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("X-Amz-Expires should be a number");
    }
    if digits.len() < text.len() {
        return Err("X-Amz-Expires must be non-negative");
    }
    text.parse().ok().filter(|seconds| *seconds <= LONGEST_LIFE_SECONDS).ok_or(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S07: a form has its credentials in itself; any in the query of its request would be second ones.
    #[test]
    fn s07_any_part_of_a_signature_makes_a_query_a_signed_one() {
        for (query, signed) in [
            ("X-Amz-Signature=a", true),
            ("x-amz-credential=a", true),
            ("X-Amz-Algorithm", true),
            ("Signature=a", true),
            ("awsaccesskeyid=a", true),
            ("x-id=PostObject&Signatures=a&x-amz-meta-a=b", false),
            ("", false),
        ] {
            assert_eq!(is_signed_query(&Query::parse(query.as_bytes()).unwrap()), signed, "{query}");
        }
    }

    #[test]
    fn pre_2_s09_life_times() {
        for (text, seconds) in [("0", 0), ("1", 1), ("86400", 86_400), ("604800", 604_800), ("0060", 60)] {
            assert_eq!(parse_expires(text), Ok(seconds));
        }
        for (text, start) in [
            ("604801", "X-Amz-Expires must be less than a week"),
            ("99999999999999999999999", "X-Amz-Expires must be less than a week"),
            ("-1", "X-Amz-Expires must be non-negative"),
            ("+1", "X-Amz-Expires should be a number"),
            ("1e9", "X-Amz-Expires should be a number"),
            ("", "X-Amz-Expires should be a number"),
            ("-", "X-Amz-Expires should be a number"),
            ("٣", "X-Amz-Expires should be a number"),
            (" 1", "X-Amz-Expires should be a number"),
        ] {
            assert!(parse_expires(text).is_err_and(|message| message.starts_with(start)), "{text}");
        }
    }
}
