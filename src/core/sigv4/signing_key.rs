//! The derived signing key of one (secret, date, region, service).

use std::sync::Arc;

use ring::hmac::{HMAC_SHA256, Key};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Scope, SecretKey};

/// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`, ready for use. Redacted. Cheap to
/// clone.
#[derive(Clone)]
pub struct SigningKey {
    key: Arc<Key>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

impl SigningKey {
    /// Derives the key: four HMACs.
    #[must_use]
    pub fn derive(secret: &SecretKey, scope: &Scope) -> Self {
        Self::derive_from_text(secret.expose(), scope)
    }

    /// A key that nobody has: the work of [`Self::derive`] for an access key that does not exist (SIG-14).
    pub(super) fn derive_dummy(scope: &Scope) -> Self {
        Self::derive_from_text("no client can ever have this secret, its answer is thrown away", scope)
    }

    fn derive_from_text(secret: &str, scope: &Scope) -> Self {
        let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret.as_bytes());
        let mut key = Key::new(HMAC_SHA256, &first);
        for part in [scope.date.as_str(), &scope.region, &scope.service, "aws4_request"] {
            key = Key::new(HMAC_SHA256, ring::hmac::sign(&key, part.as_bytes()).as_ref());
        }
        Self { key: Arc::new(key) }
    }

    /// A key that was derived elsewhere: `derived` is the last of the four HMACs, 32 bytes.
    #[must_use]
    pub fn from_derived(derived: &[u8]) -> Self {
        Self { key: Arc::new(Key::new(HMAC_SHA256, derived)) }
    }

    /// HMAC-SHA256 of a string to sign.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(ring::hmac::sign(&self.key, text).as_ref());
        out
    }

    /// The same in 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sign_hex(&self, text: &[u8]) -> String {
        let mut digits = Vec::with_capacity(64);
        push_hex(&self.sign(text), &mut digits);
        String::from_utf8(digits).unwrap_or_default()
    }
}

/// A signature as sent: 64 lower-case hexadecimal digits. Upper case is refused, so that one signature has one text
/// (whoever counts uses of a presigned URL counts by that text).
pub(super) fn parse_signature(text: &[u8]) -> Option<[u8; 32]> {
    decode_sha256(text).filter(|_| !text.iter().any(u8::is_ascii_uppercase))
}

/// What 64 hexadecimal digits, in any case, stand for.
pub(super) fn decode_sha256(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    // first every digit by itself, then the pairs: so the compiler takes many at a time
    let values = digits.map(hex_value);
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(values.as_chunks::<2>().0) {
        *byte = high << 4 | low & 0xf;
    }
    let highest = values.iter().fold(0, |so_far, value| so_far | value);
    (highest & NO_DIGIT == 0).then_some(bytes)
}

/// More than any digit's value.
const NO_DIGIT: u8 = 0x80;

/// The value of a hexadecimal digit, [`NO_DIGIT`] for all other bytes. Without branches: two times 64 digits come with every
/// request.
fn hex_value(digit: u8) -> u8 {
    let letter = digit | 0x20;
    let is_decimal = digit.wrapping_sub(b'0') < 10;
    let is_letter = letter.wrapping_sub(b'a') < 6;
    if is_decimal {
        digit & 0xf
    } else if is_letter {
        (letter & 0xf) + 9
    } else {
        NO_DIGIT
    }
}

/// Compares in constant time (SIG-14). What could not be read as a signature equals nothing.
pub(super) fn same_signature(sent: Option<&[u8; 32]>, computed: &[u8; 32]) -> bool {
    let (value, readable) = sent.map_or((&[0; 32], 0), |value| (value, 1));
    (value.ct_eq(computed) & subtle::Choice::from(readable)).into()
}

/// Appends 64 lower-case hexadecimal digits.
pub(super) fn push_hex(bytes: &[u8; 32], out: &mut Vec<u8>) {
    // computed and not looked up: the compiler takes many at a time
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
    let digits = bytes.map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
    out.extend_from_slice(digits.as_flattened());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS "Examples of how to derive a signing key": the IAM example of 2012-02-15 and of 2015-08-30.
    #[test]
    fn published_derivations() {
        let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()).unwrap();
        let scope = |date: &str| Scope { date: date.into(), region: "us-east-1".into(), service: "iam".into() };
        for (date, key) in [
            ("20120215", "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"),
            ("20150830", "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"),
        ] {
            let expected = ring::hmac::sign(&Key::new(HMAC_SHA256, &hex::decode(key).unwrap()), b"text");
            assert_eq!(SigningKey::derive(&secret, &scope(date)).sign(b"text"), expected.as_ref(), "{date}");
        }
    }

    #[test]
    fn the_key_is_redacted() {
        let scope = Scope { date: "20120215".into(), region: "us-east-1".into(), service: "s3".into() };
        assert_eq!(format!("{:?}", SigningKey::derive_dummy(&scope)), "SigningKey(redacted)");
    }

    #[test]
    fn sig_14_signatures_are_64_lower_case_digits() {
        let text = "0f".repeat(32);
        let signature = parse_signature(text.as_bytes());
        assert_eq!(signature, Some([0x0f; 32]));
        assert!(same_signature(signature.as_ref(), &[0x0f; 32]));
        assert!(!same_signature(signature.as_ref(), &[0x0e; 32]));
        assert!(!same_signature(None, &[0; 32]), "an unreadable signature is not the zero signature");
        for wrong in ["", "0f", &"0F".repeat(32), &"0f".repeat(33), &"é0".repeat(21)] {
            assert_eq!(parse_signature(wrong.as_bytes()), None, "{wrong}");
        }
        for byte in 0..=u8::MAX {
            let text = [[byte, b'0'], [b'0', byte]].map(|pair| pair.repeat(32));
            let expected = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let values = expected.map(|value| [value << 4, value]);
            assert_eq!(text.each_ref().map(|text| decode_sha256(text)), [0, 1].map(|at| values.map(|of| [of[at]; 32])));
            let is_upper = byte.is_ascii_uppercase();
            assert_eq!(parse_signature(&text[0]).is_some(), expected.is_some() && !is_upper, "{byte}");
        }
        let mut back = Vec::new();
        push_hex(&[0x0f; 32], &mut back);
        assert_eq!(back, text.as_bytes());
    }
}
