//! `CredentialSource` -> what requests to a backend are signed with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::canonical::{Canonical, Digest};
use super::surroundings::Surroundings;
use super::{Rejections, problem};
use crate::model::{BackendCredential, Credential, CredentialKind, ObjectName, Problem, Reason, SecretData};
use crate::sigv4::{AccessKeyId, SecretKey};

/// A usable credential, shared by the routes that name it, with a digest of its contents.
#[derive(Debug, Clone)]
pub(super) struct Usable {
    /// The document.
    pub(super) source: ObjectName,
    pub(super) credential: Arc<BackendCredential>,
    pub(super) digest: Digest,
    /// Its owner has not limited where it may be sent.
    pub(super) anywhere: bool,
}

/// The usable sources; the others are in the rejections.
pub(super) fn resolve<'a>(
    surroundings: &'a Surroundings,
    rejections: &mut Rejections,
) -> BTreeMap<&'a ObjectName, Usable> {
    let mut usable = BTreeMap::new();
    for (name, object) in surroundings.credentials.iter() {
        rejections.invalid("CredentialSource", name, object);
        let Some(source) = object.valid() else { continue };
        match read(name, source, surroundings) {
            Ok(credential) => {
                let (digest, anywhere) = (digest(&credential), source.allowed_endpoints.is_empty());
                usable
                    .insert(name, Usable { source: name.clone(), credential: Arc::new(credential), digest, anywhere });
            }
            Err(problem) => rejections.add("CredentialSource", name, "Ready", problem),
        }
    }
    usable
}

fn read(name: &ObjectName, source: &Credential, surroundings: &Surroundings) -> Result<BackendCredential, Problem> {
    let CredentialKind::Secret { secret, access_key_id_key, secret_access_key_key, session_token_key } = &source.kind
    else {
        return Ok(BackendCredential::Anonymous);
    };
    let data = surroundings.secrets.get(&name.sibling(secret)).ok_or_else(|| {
        problem("spec.secret.name", Reason::SecretNotFound, "there is no such valid Secret in this namespace")
    })?;
    let secret_key = |text: &str| SecretKey::new(text.to_owned());
    Ok(BackendCredential::Keys {
        access_key: value(data, access_key_id_key, "spec.secret.accessKeyIdKey", AccessKeyId::parse)?,
        secret: value(data, secret_access_key_key, "spec.secret.secretAccessKeyKey", secret_key)?,
        session_token: session_token_key
            .as_ref()
            .map(|key| value(data, key, "spec.secret.sessionTokenKey", secret_key))
            .transpose()?,
    })
}

/// One value of a Secret. White space at an end is an error, not trimmed: the usual newline of `echo | base64` would
/// otherwise show as signatures that never match.
pub(super) fn value<T>(
    data: &SecretData,
    key: &str,
    field: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Problem> {
    let missing = |message: String| problem(field, Reason::KeyMissing, message);
    let bytes = data.get(key).ok_or_else(|| missing(format!("the Secret has no key {key}")))?;
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(char::is_control) && text.trim() == *text)
        .and_then(parse)
        .ok_or_else(|| missing(format!("the Secret's key {key} is empty, too long, or has white space in it")))
}

fn digest(credential: &BackendCredential) -> Digest {
    let mut canonical = Canonical::new("credential");
    match credential {
        BackendCredential::Anonymous => canonical.text("anonymous"),
        BackendCredential::Keys { access_key, secret, session_token } => {
            canonical.text("keys").text(access_key.as_str()).secret(secret);
            match session_token {
                Some(token) => canonical.text("token").secret(token),
                None => canonical.text("no token"),
            }
        }
    };
    canonical.digest()
}
