//! `ClientIdentity`: who may sign requests to OSP.

use osp_core::model::{Client, ObjectName, SecretRef};

use super::reader::{Fields, Node};
use super::reference::allowed_namespaces;
use super::{class_name, text};

/// Two while a key is rotated.
const MAX_SECRETS: usize = 2;

pub(super) fn spec(fields: &Fields<'_>, name: &ObjectName) -> Option<Client> {
    fields.required("spec", |node| {
        node.object(|spec| {
            let class = class_name(spec);
            let secrets = spec.required("accessKey", |node| {
                node.object(|fields| fields.required("secretRefs", |node| node.named_list(1..=MAX_SECRETS, secret_ref)))
            });
            let allowed_namespaces = allowed_namespaces(spec);
            class?;
            Some(Client { name: name.clone(), secrets: secrets?, allowed_namespaces: allowed_namespaces? })
        })
    })
}

fn secret_ref(node: Node<'_>) -> Option<SecretRef> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::object_name));
        let access_key_id_key = fields.optional("accessKeyIDKey", |node| node.text(text::data_key));
        let secret_access_key_key = fields.optional("secretAccessKeyKey", |node| node.text(text::data_key));
        Some(SecretRef {
            name: name?,
            access_key_id_key: access_key_id_key?.unwrap_or_else(|| "AWS_ACCESS_KEY_ID".to_owned()),
            secret_access_key_key: secret_access_key_key?.unwrap_or_else(|| "AWS_SECRET_ACCESS_KEY".to_owned()),
        })
    })
}
