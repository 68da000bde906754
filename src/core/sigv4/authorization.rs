//! The `Authorization` header.

use super::signing_key::parse_signature;
use super::{AccessKeyId, Scope};
use crate::Denial;

/// The one algorithm that OSP verifies.
pub(super) const HMAC_SHA256: &str = "AWS4-HMAC-SHA256";
/// `SigV4A`.
pub(super) const ECDSA_P256_SHA256: &str = "AWS4-ECDSA-P256-SHA256";

/// What header and presigned URL both say: who signed which headers, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    /// Who the sender says it is.
    pub(super) access_key: AccessKeyId,
    /// For what the signing key was derived.
    pub(super) scope: Scope,
    /// `a;b;c`, not yet checked.
    pub(super) signed_headers: &'a str,
    /// `None` when it is no signature at all: it then equals none, after all other checks.
    pub(super) signature: Option<[u8; 32]>,
}

impl<'a> Authorization<'a> {
    /// Reads the header's value: the algorithm, then `Credential=`, `SignedHeaders=` and `Signature=` in any order,
    /// separated by commas with or without white space (SIG-10).
    ///
    /// # Errors
    /// [`Denial::UnsupportedAuthentication`] for every other scheme, [`Denial::NotImplemented`] for `SigV4A`,
    /// [`Denial::AuthorizationMalformed`], [`Denial::UnknownAccessKey`] for what can be no access key (S20).
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Denial> {
        let text = std::str::from_utf8(value).map_err(|_| malformed("it is not text."))?;
        let (algorithm, parts) = cut(text, b' ').unwrap_or((text, ""));
        match algorithm {
            HMAC_SHA256 => {}
            ECDSA_P256_SHA256 => return Err(Denial::NotImplemented(ECDSA_P256_SHA256.to_owned())),
            _ => return Err(Denial::UnsupportedAuthentication),
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        let mut rest = Some(parts);
        while let Some(parts) = rest {
            let (part, others) = cut(parts, b',').map_or((parts, None), |(part, others)| (part, Some(others)));
            rest = others;
            let slot = match cut(part.trim_matches([' ', '\t']), b'=') {
                Some(("Credential", value)) => credential.replace(value),
                Some(("SignedHeaders", value)) => signed_headers.replace(value),
                Some(("Signature", value)) => signature.replace(value),
                _ => return Err(malformed(THREE_PARTS)),
            };
            if slot.is_some() {
                return Err(malformed("every component may appear only once."));
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) = (credential, signed_headers, signature) else {
            return Err(malformed(THREE_PARTS));
        };
        let (access_key, scope) = Scope::split_credential(credential).map_err(|fault| malformed(fault.in_header))?;
        Ok(Self {
            access_key: AccessKeyId::parse(access_key).ok_or(Denial::UnknownAccessKey)?,
            scope,
            signed_headers,
            signature: parse_signature(signature.as_bytes()),
        })
    }
}

const THREE_PARTS: &str =
    "the authorization header requires three components: Credential, SignedHeaders, and Signature.";

/// The texts before and after the first `separator`, an ASCII byte. Unlike `str::split_once`, whose search is made for
/// long texts: every header of every request is cut a dozen times.
pub(super) fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The texts before and after the last `separator`.
pub(super) fn cut_last(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr::memrchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The denial, with a text that says what is wrong.
pub(super) fn malformed(what: &str) -> Denial {
    Denial::AuthorizationMalformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIAL: &str = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
    const HEADERS: &str = "SignedHeaders=host;x-amz-date";
    const SIGNATURE: &str = "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";

    fn parse(text: &str) -> Result<Authorization<'_>, Denial> {
        Authorization::parse(text.as_bytes())
    }

    #[test]
    fn sig_10_any_order_with_and_without_white_space() {
        let expected = parse(&format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, {SIGNATURE}")).unwrap().access_key;
        assert_eq!(expected.as_str(), "AKIAIOSFODNN7EXAMPLE");
        for text in [
            format!("AWS4-HMAC-SHA256 {CREDENTIAL},{HEADERS},{SIGNATURE}"),
            format!("AWS4-HMAC-SHA256 {SIGNATURE}, {HEADERS},{CREDENTIAL}"),
            format!("AWS4-HMAC-SHA256   {HEADERS} ,\t{CREDENTIAL},  {SIGNATURE}"),
        ] {
            let parsed = parse(&text).unwrap();
            assert_eq!(parsed.signed_headers, "host;x-amz-date");
            assert_eq!(parsed.scope.to_string(), "20130524/us-east-1/s3/aws4_request");
            assert_eq!(parsed.signature.map(|bytes| bytes[0]), Some(0xf0));
        }
    }

    #[test]
    fn sig_10_missing_repeated_or_unknown_parts_are_refused() {
        for text in [
            "AWS4-HMAC-SHA256".to_owned(),
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}"),
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {SIGNATURE}"),
            format!("AWS4-HMAC-SHA256 {HEADERS}, {SIGNATURE}"),
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, {SIGNATURE}, {SIGNATURE}"),
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, {SIGNATURE}, Other=1"),
            format!("AWS4-HMAC-SHA256 {CREDENTIAL}, {HEADERS}, {SIGNATURE},"),
            format!("AWS4-HMAC-SHA256 {CREDENTIAL} {HEADERS} {SIGNATURE}"),
            format!("AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/ec2/aws4_request, {HEADERS}, {SIGNATURE}"),
        ] {
            assert!(matches!(parse(&text), Err(Denial::AuthorizationMalformed(_))), "{text}");
        }
        let not_text = Authorization::parse(b"AWS4-HMAC-SHA256 \xff");
        assert!(matches!(not_text, Err(Denial::AuthorizationMalformed(_))));
    }

    #[test]
    fn s07_other_schemes_are_never_a_fallback() {
        for text in [
            "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=".to_owned(),
            "Bearer abc".to_owned(),
            "Basic abc".to_owned(),
            String::new(),
            format!("AWS4-HMAC-SHA512 {CREDENTIAL}, {HEADERS}, {SIGNATURE}"),
            format!("aws4-hmac-sha256 {CREDENTIAL}, {HEADERS}, {SIGNATURE}"),
            format!(" {CREDENTIAL}, {HEADERS}, {SIGNATURE}"),
        ] {
            assert_eq!(parse(&text), Err(Denial::UnsupportedAuthentication), "{text}");
        }
        let sigv4a = format!("AWS4-ECDSA-P256-SHA256 {CREDENTIAL}, {HEADERS}, {SIGNATURE}");
        assert_eq!(parse(&sigv4a), Err(Denial::NotImplemented("AWS4-ECDSA-P256-SHA256".to_owned())));
    }

    #[test]
    fn s20_strange_access_keys() {
        let with =
            |key: &str| format!("AWS4-HMAC-SHA256 Credential={key}/20130524/r/s3/aws4_request,{HEADERS},{SIGNATURE}");
        for key in ["a/b", "';DROP/**/TABLE/**/keys;--", &"A".repeat(128)] {
            assert_eq!(parse(&with(key)).unwrap().access_key.as_str(), key);
        }
        for key in ["a\0b", "a b", "a=b", "é", &"A".repeat(10_240)] {
            assert_eq!(parse(&with(key)), Err(Denial::UnknownAccessKey), "{key}");
        }
        for key in ["a,b", ""] {
            assert!(matches!(parse(&with(key)), Err(Denial::AuthorizationMalformed(_))), "{key}");
        }
    }
}
