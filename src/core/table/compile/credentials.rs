//! `CredentialSource` -> what requests to a backend are signed with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::canonical::{Canonical, Digest};
use super::surroundings::Surroundings;
use super::{Rejections, problem};
use crate::model::{
    BackendCredential, Callable, Credential, CredentialKind, ObjectName, Problem, Reason, SecretData, TokenEndpoint,
};
use crate::sigv4::{AccessKeyId, SecretKey};
use crate::table::{FetchedKind, FetchedSource, UpstreamCredential};

/// Longest `ibm-service-instance-id` (a CRN is shorter) and API key that go into a header or a form.
const MAX_API_KEY_BYTES: usize = 1024;

/// A usable credential, shared by the routes that name it, with a digest of its contents.
#[derive(Debug, Clone)]
pub(super) struct Usable {
    /// The document.
    pub(super) source: ObjectName,
    pub(super) credential: UpstreamCredential,
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
                usable.insert(name, Usable { source: name.clone(), credential, digest, anywhere });
            }
            Err(problem) => rejections.add("CredentialSource", name, "Ready", problem),
        }
    }
    usable
}

fn read(name: &ObjectName, source: &Credential, surroundings: &Surroundings) -> Result<UpstreamCredential, Problem> {
    let data = |secret: &str, field: &str| {
        let missing = "there is no such valid Secret in this namespace";
        surroundings.secrets.get(&name.sibling(secret)).ok_or_else(|| problem(field, Reason::SecretNotFound, missing))
    };
    let secret_key = |text: &str| SecretKey::new(text.to_owned());
    match &source.kind {
        CredentialKind::Anonymous => Ok(BackendCredential::Anonymous.into()),
        CredentialKind::Secret { secret, access_key_id_key, secret_access_key_key, session_token_key } => {
            let data = data(secret, "spec.secret.name")?;
            let keys = BackendCredential::Keys {
                access_key: value(data, access_key_id_key, "spec.secret.accessKeyIdKey", AccessKeyId::parse)?,
                secret: value(data, secret_access_key_key, "spec.secret.secretAccessKeyKey", secret_key)?,
                session_token: session_token_key
                    .as_ref()
                    .map(|key| value(data, key, "spec.secret.sessionTokenKey", secret_key))
                    .transpose()?,
            };
            Ok(keys.into())
        }
        CredentialKind::IbmIam { secret, api_key_key, token_endpoint, service_instance_id } => {
            let process = &surroundings.process;
            let TokenEndpoint { endpoint, .. } = token_endpoint;
            if !process.allowed_endpoints.is_empty() && !process.allowed_endpoints.iter().any(|one| one.is_of(endpoint))
            {
                let message = "this gateway does not connect there";
                return Err(problem("spec.ibmIAM.tokenEndpoint", Reason::EndpointNotAllowed, message));
            }
            let data = data(secret, "spec.ibmIAM.apiKeySecretRef.name")?;
            let short = |text: &str| secret_key(text).filter(|_| text.len() <= MAX_API_KEY_BYTES);
            let kind = FetchedKind::IbmIam {
                api_key: value(data, api_key_key, "spec.ibmIAM.apiKeySecretRef.key", short)?,
                proxy: process.proxies.to(endpoint).cloned(),
                endpoint: token_endpoint.clone(),
                service_instance_id: service_instance_id.clone(),
            };
            Ok(fetched(name, kind))
        }
        CredentialKind::Python { hook, parameters } => {
            super::hooks::find(&surroundings.process, hook, Callable::FetchCredentials)
                .map_err(|(reason, why)| problem("spec.python.hook", reason, why))?;
            Ok(fetched(name, FetchedKind::Python { hook: hook.clone(), parameters: parameters.clone() }))
        }
    }
}

fn fetched(name: &ObjectName, kind: FetchedKind) -> UpstreamCredential {
    let mut canonical = Canonical::new("fetched credential");
    canonical.text(&name.namespace).text(&name.name);
    match &kind {
        FetchedKind::IbmIam { api_key, endpoint, proxy, service_instance_id } => {
            canonical.text("ibmIAM").secret(api_key).text(&endpoint.to_string());
            match proxy {
                Some(proxy) => canonical.text("through").text(&proxy.endpoint.to_string()),
                None => canonical.text("straight"),
            };
            match proxy.as_ref().and_then(|proxy| proxy.authorization.as_ref()) {
                Some(header) => canonical.text("with credentials").secret(header),
                None => canonical.text("without credentials"),
            };
            match service_instance_id {
                Some(id) => canonical.text("instance").text(id),
                None => canonical.text("no instance"),
            };
        }
        FetchedKind::Python { hook, parameters } => {
            canonical.text("python").text(hook.as_str()).number(parameters.len());
            for (name, value) in parameters {
                canonical.text(name).text(value);
            }
        }
    }
    UpstreamCredential::Fetched(Arc::new(FetchedSource { source: name.clone(), digest: canonical.digest(), kind }))
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

fn digest(credential: &UpstreamCredential) -> Digest {
    let fixed = match credential {
        UpstreamCredential::Fetched(source) => return source.digest,
        UpstreamCredential::Fixed(fixed) => fixed,
    };
    let mut canonical = Canonical::new("credential");
    match &**fixed {
        BackendCredential::Bearer { token, service_instance_id } => {
            canonical.text("bearer").secret(token).text(service_instance_id.as_deref().unwrap_or_default())
        }
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
