//! `CredentialSource`: how to get backend credentials.

use std::collections::BTreeMap;

use osp_core::model::{AllowedNamespaces, Credential, CredentialKind, ObjectName, TokenEndpoint};

use super::reader::{Fields, Node};
use super::reference::{allowed_endpoints, allowed_namespaces};
use super::{class_name, hook, text};

pub(super) fn spec(fields: &Fields<'_>, name: &ObjectName) -> Option<Credential> {
    fields.required("spec", |node| {
        node.object(|spec| {
            let class = class_name(spec);
            let secret = spec.optional("secret", secret);
            let ibm_iam = spec.optional("ibmIAM", ibm_iam);
            let python = spec.optional("python", python);
            let anonymous = spec.optional("anonymous", |node| node.object(|_| Some(CredentialKind::Anonymous)));
            let allowed_namespaces = allowed_namespaces(spec);
            let allowed_endpoints = allowed_endpoints(spec);
            let given = [secret?, ibm_iam?, python?, anonymous?];
            let mut given = given.into_iter().flatten();
            let (Some(kind), None) = (given.next(), given.next()) else {
                return spec.refuse_object("must have exactly one of secret, ibmIAM, python, anonymous");
            };
            let (allowed_namespaces, allowed_endpoints) = (allowed_namespaces?, allowed_endpoints?);
            if allowed_namespaces != AllowedNamespaces::Same && allowed_endpoints.is_empty() {
                let message = "is required when other namespaces may use it: they choose the endpoint";
                return spec.refuse("allowedEndpoints", message);
            }
            class?;
            Some(Credential { name: name.clone(), kind, allowed_namespaces, allowed_endpoints })
        })
    })
}

/// A CRN has about 130 characters.
const MAX_INSTANCE_BYTES: usize = 255;
const MAX_PARAMETERS: usize = 16;
const MAX_PARAMETER_BYTES: usize = 1024;
/// As long as the name of a hook.
const MAX_NAME_BYTES: usize = 63;

fn ibm_iam(node: Node<'_>) -> Option<CredentialKind> {
    node.object(|fields| {
        let reference = fields.required("apiKeySecretRef", |node| {
            node.object(|fields| {
                let name = fields.required("name", |node| node.text(text::object_name));
                let key = fields.optional("key", |node| node.text(text::data_key));
                Some((name?, key?.unwrap_or_else(|| "apikey".to_owned())))
            })
        });
        let token_endpoint = fields.optional("tokenEndpoint", |node| node.text(TokenEndpoint::parse));
        let service_instance_id = fields.optional("serviceInstanceId", |node| node.text(instance));
        let (secret, api_key_key) = reference?;
        Some(CredentialKind::IbmIam {
            secret,
            api_key_key,
            token_endpoint: token_endpoint?.unwrap_or_else(TokenEndpoint::of_ibm_cloud),
            service_instance_id: service_instance_id?,
        })
    })
}

/// It goes into a header.
fn instance(text: &str) -> Result<String, &'static str> {
    let fits = (1..=MAX_INSTANCE_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 255 printable characters without white space") }
}

fn python(node: Node<'_>) -> Option<CredentialKind> {
    node.object(|fields| {
        let hook = fields.required("hook", |node| node.text(hook::name));
        let parameters = fields.or_default("parameters", |node| {
            let given = node.entries(|key, node| match parameter_name(key) {
                Ok(key) => Some((key, node.text(parameter)?)),
                Err(expected) => node.refuse(expected),
            })?;
            Some(given.into_iter().collect::<BTreeMap<_, _>>())
        });
        let parameters = parameters?;
        if parameters.len() > MAX_PARAMETERS {
            return fields.refuse("parameters", "must be at most 16");
        }
        Some(CredentialKind::Python { hook: hook?, parameters })
    })
}

fn parameter_name(text: &str) -> Result<String, &'static str> {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let fits = text.len() <= MAX_NAME_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && edge(text.bytes().next())
        && edge(text.bytes().next_back());
    if fits { Ok(text.to_owned()) } else { Err("must have a name of 1 to 63 letters, digits, - _ .") }
}

fn parameter(text: &str) -> Result<String, &'static str> {
    if text.chars().count() <= MAX_PARAMETER_BYTES {
        Ok(text.to_owned())
    } else {
        Err("must have at most 1024 characters")
    }
}

fn secret(node: Node<'_>) -> Option<CredentialKind> {
    node.object(|fields| {
        let secret = fields.required("name", |node| node.text(text::object_name));
        let access_key_id_key = fields.optional("accessKeyIdKey", |node| node.text(text::data_key));
        let secret_access_key_key = fields.optional("secretAccessKeyKey", |node| node.text(text::data_key));
        let session_token_key = fields.optional("sessionTokenKey", |node| node.text(text::data_key));
        Some(CredentialKind::Secret {
            secret: secret?,
            access_key_id_key: access_key_id_key?.unwrap_or_else(|| "AWS_ACCESS_KEY_ID".to_owned()),
            secret_access_key_key: secret_access_key_key?.unwrap_or_else(|| "AWS_SECRET_ACCESS_KEY".to_owned()),
            session_token_key: session_token_key?,
        })
    })
}
