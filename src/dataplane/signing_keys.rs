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
    entries: RwLock<HashMap<u64, Arc<Entry>>>,
}

struct Entry {
    credential: Arc<BackendCredential>,
    scope: Scope,
    key: Vec<u8>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// Signs `string_to_sign` and returns the signature in lower-case hex. `slot` tells backends apart.
    #[must_use]
    pub fn sign(
        &self,
        slot: u64,
        (credential, secret): (&Arc<BackendCredential>, &SecretKey),
        scope: &Scope,
        string_to_sign: &[u8],
    ) -> String {
        let known = self.entries.read().get(&slot).cloned();
        let entry = match known {
            Some(entry) if Arc::ptr_eq(&entry.credential, credential) && entry.scope == *scope => entry,
            _ => self.derive(slot, credential, secret, scope),
        };
        #[expect(clippy::disallowed_methods, reason = "the one place that signs, for stage/sign.rs")]
        aws_sigv4::sign::v4::calculate_signature(&entry.key, string_to_sign)
    }

    fn derive(&self, slot: u64, credential: &Arc<BackendCredential>, secret: &SecretKey, scope: &Scope) -> Arc<Entry> {
        #[expect(clippy::disallowed_methods, reason = "the secret is needed to derive its key, once a day")]
        let key = secret.with_exposed(|secret| derive_key(secret, scope));
        let entry = Arc::new(Entry { credential: Arc::clone(credential), scope: scope.clone(), key });
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
