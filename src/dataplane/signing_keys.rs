//! Derived signing keys of backends, one per (credential, date, region): deriving costs four HMACs, signing one.

use std::collections::HashMap;
use std::sync::Arc;

use osp_core::model::BackendCredential;
use osp_core::sigv4::{Scope, SecretKey};
use parking_lot::RwLock;

/// Above this many entries the cache starts over: one entry a backend is the normal case.
const MAX_ENTRIES: usize = 4096;

/// The cache. An entry counts only for the very credential object that it was derived from, so a rotated secret, which
/// comes with a new table, never meets an old key.
#[derive(Debug, Default)]
pub struct SigningKeys {
    entries: RwLock<HashMap<u64, Arc<BackendKey>>>,
}

/// A derived key with the scope that it is for.
pub struct BackendKey {
    /// Date, region and service that it signs for.
    pub scope: Scope,
    credential: Arc<BackendCredential>,
    key: Vec<u8>,
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
        aws_sigv4::sign::v4::calculate_signature(&self.key, string_to_sign)
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
                if Arc::ptr_eq(&known.credential, credential)
                    && known.scope.date == date
                    && known.scope.region == region =>
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
fn derive_key(secret: &str, scope: &Scope) -> Vec<u8> {
    let midnight = format!("{}T000000Z", scope.date);
    let seconds = osp_core::Timestamp::parse_amz(midnight.as_bytes()).map_or(0, osp_core::Timestamp::unix_seconds);
    let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    aws_sigv4::sign::v4::generate_signing_key(secret, date, &scope.region, &scope.service).as_ref().to_vec()
}
