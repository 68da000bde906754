//! `ClientIdentity` after lowering, and the secrets that requests are verified against.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::{AllowedNamespaces, ObjectName};
use crate::access::Principal;
use crate::sigv4::{Scope, SecretKey, SecretVersion, SigningKey};

/// One valid `ClientIdentity` of kind `accessKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `namespace/name` of the document: the principal.
    pub name: ObjectName,
    /// `accessKey.secretRefs`: 1 or 2 Secrets of the same namespace, both live.
    pub secrets: Vec<SecretRef>,
    /// `allowedNamespaces`: whose routes may name it.
    pub allowed_namespaces: AllowedNamespaces,
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
    version: SecretVersion,
    last: Arc<ArcSwapOption<(Scope, SigningKey)>>,
}

impl ClientSecret {
    /// A secret with an empty cache.
    #[must_use]
    pub fn new(principal: Principal, secret: SecretKey) -> Self {
        Self { principal, version: secret.version(), secret, last: Arc::default() }
    }

    /// Tells this secret from others of the same key.
    #[must_use]
    pub fn version(&self) -> SecretVersion {
        self.version
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectName;

    fn scope(date: &str) -> Scope {
        Scope { date: date.to_owned(), region: "us-east-1".to_owned(), service: "s3".to_owned() }
    }

    fn client_secret(text: &str) -> ClientSecret {
        let principal = Principal::new(ObjectName::new("default", "alice"));
        ClientSecret::new(principal, SecretKey::new(text.to_owned()).unwrap())
    }

    #[test]
    fn sig_17_the_key_of_the_last_scope_is_remembered_and_no_other() {
        let (secret, today, tomorrow) = (client_secret("secret"), scope("20130524"), scope("20130525"));
        let signed = |secret: &ClientSecret, scope: &Scope| secret.signing_key(scope).sign(b"text");
        let derived = |scope: &Scope| SigningKey::derive(secret.secret(), scope).sign(b"text");
        assert_eq!(signed(&secret, &today), derived(&today));
        // A recognisable key shows when the cache answers.
        let marked = SigningKey::derive(client_secret("marked").secret(), &today);
        secret.remember(&today, &marked);
        assert_eq!(signed(&secret, &today), marked.sign(b"text"));
        assert_eq!(signed(&secret.clone(), &today), marked.sign(b"text"), "clones share it");
        assert_eq!(signed(&secret, &tomorrow), derived(&tomorrow));
        secret.remember(&tomorrow, &SigningKey::derive(secret.secret(), &tomorrow));
        assert_eq!(signed(&secret, &today), derived(&today), "one scope at a time");
        assert_eq!(signed(&client_secret("secret"), &today), derived(&today), "a new table begins empty");
    }

    #[test]
    fn a_client_secret_prints_no_secret() {
        let secret = client_secret("a very secret text");
        secret.remember(&scope("20130524"), &secret.signing_key(&scope("20130524")));
        assert!(!format!("{secret:?}").contains("very"));
    }
}
