//! Derived signing keys of backends, one per (credential, date, region): deriving costs four HMACs, signing one.
//!
//! Keys are derived by `aws-sigv4` and signed with by [`SigningKey`], the HMAC key that verifying uses as well:
//! `aws_sigv4::sign::v4::calculate_signature` takes the bytes of the key and would expand them for every request. That
//! both give the same signatures is a property test below, and every test with the strict fake backend.

use std::sync::Arc;

use foldhash::HashMap;
use osp_core::model::BackendCredential;
use osp_core::sigv4::{Scope, SecretKey, SigningKey};
use parking_lot::RwLock;

/// Above this many entries the cache starts over: one entry a backend is the normal case.
const MAX_ENTRIES: usize = 4096;

/// The cache. An entry counts only for the credential that it was derived from, so a rotated secret never meets an old key.
/// Routes that were compiled at different times may hold equal ones that are not the same object; comparing looks for that
/// first.
#[derive(Debug, Default)]
pub struct SigningKeys {
    entries: RwLock<HashMap<u64, Arc<BackendKey>>>,
}

/// A derived key with the scope that it is for.
pub struct BackendKey {
    /// Date, region and service that it signs for.
    pub scope: Scope,
    credential: Arc<BackendCredential>,
    key: SigningKey,
}

impl std::fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendKey").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl BackendKey {
    /// Signs `string_to_sign` and returns the signature in lower-case hex.
    #[must_use]
    pub fn sign(&self, string_to_sign: &[u8]) -> String {
        #[expect(clippy::disallowed_methods, reason = "the one place that signs, for stage/sign.rs")]
        self.key.sign_hex(string_to_sign)
    }
}

impl SigningKeys {
    /// The key of a credential for one day (`YYYYMMDD`) and region: the one in memory, or derived now. `slot` tells backends
    /// apart.
    #[must_use]
    pub fn key(
        &self,
        slot: u64,
        (credential, secret): (&Arc<BackendCredential>, &SecretKey),
        (date, region): (&str, &str),
    ) -> Arc<BackendKey> {
        let known = self.entries.read().get(&slot).cloned();
        match known {
            Some(known)
                if known.credential == *credential && known.scope.date == date && known.scope.region == region =>
            {
                known
            }
            _ => {
                let scope = Scope { date: date.to_owned(), region: region.to_owned(), service: "s3".to_owned() };
                self.derive(slot, credential, secret, scope)
            }
        }
    }

    fn derive(
        &self,
        slot: u64,
        credential: &Arc<BackendCredential>,
        secret: &SecretKey,
        scope: Scope,
    ) -> Arc<BackendKey> {
        #[expect(clippy::disallowed_methods, reason = "the secret is needed to derive its key, once a day")]
        let key = secret.with_exposed(|secret| derive_key(secret, &scope));
        let entry = Arc::new(BackendKey { scope, credential: Arc::clone(credential), key });
        let mut entries = self.entries.write();
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(slot, Arc::clone(&entry));
        entry
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that derives")]
fn derive_key(secret: &str, scope: &Scope) -> SigningKey {
    let midnight = format!("{}T000000Z", scope.date);
    let seconds = osp_core::Timestamp::parse_amz(midnight.as_bytes()).map_or(0, osp_core::Timestamp::unix_seconds);
    let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let derived = aws_sigv4::sign::v4::generate_signing_key(secret, date, &scope.region, &scope.service);
    SigningKey::from_derived(derived.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[expect(clippy::disallowed_methods, reason = "the oracle")]
    fn signature_of_aws_sigv4(secret: &str, scope: &Scope, text: &[u8]) -> String {
        let midnight = osp_core::Timestamp::parse_amz(format!("{}T000000Z", scope.date).as_bytes()).unwrap();
        let since_epoch = std::time::Duration::from_secs(midnight.unix_seconds().try_into().unwrap());
        let date = std::time::UNIX_EPOCH + since_epoch;
        let key = aws_sigv4::sign::v4::generate_signing_key(secret, date, &scope.region, &scope.service);
        aws_sigv4::sign::v4::calculate_signature(key, text)
    }

    #[test]
    fn an_equal_credential_has_the_key_and_a_rotated_one_another() {
        let keys = SigningKeys::default();
        let key_of = |text: &str| {
            let secret = SecretKey::new(text.to_owned()).unwrap();
            let access_key = osp_core::sigv4::AccessKeyId::parse("AKIABACKEND").unwrap();
            let credential = BackendCredential::Keys { access_key, secret: secret.clone(), session_token: None };
            keys.key(7, (&Arc::new(credential), &secret), ("20261122", "us-east-1"))
        };
        let first = key_of("one-secret");
        assert!(Arc::ptr_eq(&first, &key_of("one-secret")), "routes of two compilations");
        let rotated = key_of("another-secret");
        assert_ne!(first.sign(b"text"), rotated.sign(b"text"));
    }

    proptest! {
        /// RS-3: what is sent to backends is what `aws-sigv4` would have signed.
        #[test]
        fn signatures_are_those_of_aws_sigv4(
            secret in "[ -~]{1,130}",
            date in "20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])",
            region in "[a-z0-9-]{1,20}",
            text in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let scope = Scope { date: date.clone(), region: region.clone(), service: "s3".to_owned() };
            let secret_key = SecretKey::new(secret.clone()).unwrap();
            let credential = Arc::new(BackendCredential::Anonymous);
            let keys = SigningKeys::default();
            for _ in ["derived", "remembered"] {
                let key = keys.key(7, (&credential, &secret_key), (&date, &region));
                prop_assert_eq!(key.sign(&text), signature_of_aws_sigv4(&secret, &scope, &text));
            }
        }
    }
}
