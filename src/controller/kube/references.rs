//! The Secrets and ConfigMaps that an object refers to, for the watches of `--watch-mode Named`.
//!
//! Read from the document and not from the model: a reference inside an object that is invalid for another reason is
//! watched already when that is corrected.

use std::collections::BTreeSet;

use osp_core::model::{Kind, ObjectName};
use serde_json::Value;

use super::object::{Object, is_ours};

/// What this object refers to; always in its own namespace.
#[must_use]
pub fn references(object: &Object) -> BTreeSet<(Kind, ObjectName)> {
    let mut found = BTreeSet::new();
    if is_ours(object.kind)
        && let Some(spec) = object.contents.get("spec")
    {
        collect(spec, &mut |kind, name| {
            found.insert((kind, object.name.sibling(name)));
        });
    }
    found
}

fn collect(value: &Value, found: &mut impl FnMut(Kind, &str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            for (field, value) in fields {
                let each = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for reference in each {
                    if let Some(kind) = kind_of(field, reference)
                        && let Some(name) = reference.get("name").and_then(Value::as_str)
                    {
                        found(kind, name);
                    }
                }
                collect(value, found);
            }
        }
        _ => {}
    }
}

/// Which kind a field of this name refers to.
fn kind_of(field: &str, reference: &Value) -> Option<Kind> {
    match field {
        "secret" | "secretRefs" | "clientCertificateRef" | "credentialsSecretRef" | "apiKeySecretRef" => {
            Some(Kind::Secret)
        }
        "caCertificateRefs" => match reference.get("kind").and_then(Value::as_str) {
            Some("Secret") => Some(Kind::Secret),
            Some("ConfigMap") => Some(Kind::ConfigMap),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::testing::object;

    fn found(kind: Kind, spec: &Value) -> Vec<String> {
        let object = object(kind, "team-a", "x", spec.clone());
        references(&object).into_iter().map(|(kind, name)| format!("{} {name}", kind.as_str())).collect()
    }

    #[test]
    fn k_pkg_3_every_reference_of_every_kind_is_found() {
        let route = json!({"backends": [
            {"credentialRef": {"name": "not-a-secret"}, "tls": {
                "caCertificateRefs": [{"kind": "ConfigMap", "name": "ca"}, {"kind": "Secret", "name": "ca2"}],
                "clientCertificateRef": {"name": "client"}}},
            {"proxy": {"url": "http://p:1", "credentialsSecretRef": {"name": "proxy"}}}],
            "access": [{"name": "a", "clientRef": {"name": "nor-this"}}]});
        assert_eq!(
            found(Kind::BucketRoute, &route),
            ["Secret team-a/ca2", "Secret team-a/client", "Secret team-a/proxy", "ConfigMap team-a/ca"]
        );
        assert_eq!(found(Kind::CredentialSource, &json!({"secret": {"name": "keys"}})), ["Secret team-a/keys"]);
        let iam = json!({"ibmIAM": {"apiKeySecretRef": {"name": "api-key"}}});
        assert_eq!(found(Kind::CredentialSource, &iam), ["Secret team-a/api-key"]);
        let client = json!({"accessKey": {"secretRefs": [{"name": "one"}, {"name": "two"}]}});
        assert_eq!(found(Kind::ClientIdentity, &client), ["Secret team-a/one", "Secret team-a/two"]);
    }

    #[test]
    fn nonsense_refers_to_nothing() {
        assert!(found(Kind::CredentialSource, &json!({"secret": "text", "secretRefs": [1, null]})).is_empty());
        assert!(found(Kind::Secret, &json!({"secret": {"name": "x"}})).is_empty());
    }
}
