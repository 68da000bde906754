//! The derived signing key of one (secret, date, region, service).

use super::{Scope, SecretKey};

/// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`, ready for use. Redacted.
#[derive(Clone)]
pub struct SigningKey {
    key: ring::hmac::Key,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

impl SigningKey {
    /// Derives the key: four HMACs.
    #[must_use]
    pub fn derive(_secret: &SecretKey, _scope: &Scope) -> Self {
        todo!()
    }

    /// HMAC-SHA256 of a string to sign.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(ring::hmac::sign(&self.key, text).as_ref());
        out
    }
}
