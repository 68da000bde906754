//! `CredentialSource`: how to get backend credentials.

use osp_core::model::{AllowedNamespaces, Credential, CredentialKind, ObjectName};

use super::reader::{Fields, Node};
use super::reference::{allowed_endpoints, allowed_namespaces};
use super::{class_name, text};

pub(super) fn spec(fields: &Fields<'_>, name: &ObjectName) -> Option<Credential> {
    fields.required("spec", |node| {
        node.object(|spec| {
            let class = class_name(spec);
            let secret = spec.optional("secret", secret);
            let anonymous = spec.optional("anonymous", |node| node.object(|_| Some(CredentialKind::Anonymous)));
            let allowed_namespaces = allowed_namespaces(spec);
            let allowed_endpoints = allowed_endpoints(spec);
            let kind = match (secret?, anonymous?) {
                (Some(kind), None) | (None, Some(kind)) => kind,
                _ => return spec.refuse_object("must have exactly one of secret, anonymous"),
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
