//! `ClientIdentity` after lowering, and the secrets that requests are verified against.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::ObjectName;
use crate::access::Principal;
use crate::sigv4::{Scope, SecretKey, SigningKey};

/// One valid `ClientIdentity` of kind `accessKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `namespace/name` of the document: the principal.
    pub name: ObjectName,
    /// `accessKey.secretRefs`: 1 or 2 Secrets of the same namespace, both live.
    pub secrets: Vec<SecretRef>,
}

/// A Secret and the names of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// Name of the Secret.
    pub name: String,
    /// Default `AWS_ACCESS_KEY_ID`.
    pub access_key_id_key: String,
    /// Default `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key_key: String,
}

/// One live secret of a principal, with the signing key of its last verified scope (SIG-17): the cache dies with the
/// table, so a rotated secret can never be served from it.
#[derive(Debug, Clone)]
pub struct ClientSecret {
    /// Whose secret it is.
    pub principal: Principal,
    secret: SecretKey,
    last: Arc<ArcSwapOption<(Scope, SigningKey)>>,
}

impl ClientSecret {
    /// A secret with an empty cache.
    #[must_use]
    pub fn new(principal: Principal, secret: SecretKey) -> Self {
        Self { principal, secret, last: Arc::default() }
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// The signing key of this scope: the remembered one, or derived now.
    #[must_use]
    pub fn signing_key(&self, scope: &Scope) -> SigningKey {
        match &*self.last.load() {
            Some(last) if last.0 == *scope => last.1.clone(),
            _ => SigningKey::derive(&self.secret, scope),
        }
    }

    /// Remembers the key of a scope that has just verified.
    pub fn remember(&self, scope: &Scope, key: &SigningKey) {
        if self.last.load().as_ref().is_none_or(|last| last.0 != *scope) {
            self.last.store(Some(Arc::new((scope.clone(), key.clone()))));
        }
    }
}
