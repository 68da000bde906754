//! One document -> one model value, or everything that is wrong with it. One file for each kind.

mod bucket_route;
mod client_identity;
mod config_map;
mod credential_source;
mod reader;
mod secret;
mod text;

use std::collections::BTreeMap;

use osp_core::model::{Client, Credential, Entry, ObjectName, Problem, Route, SecretData};
use osp_core::s3::BucketName;
use serde_json::Value;

use reader::{Fields, Node, Problems};

const OSP_API: &str = "osp.flexworks.eu/v1alpha1";
const CORE_API: &str = "v1";

/// What a document turned out to be.
#[derive(Debug)]
pub enum Lowered {
    Route(Entry<Route>),
    Credential(Entry<Credential>),
    Client(Entry<Client>),
    Secret(Result<SecretData, Vec<Problem>>),
    ConfigMap(Result<BTreeMap<String, String>, Vec<Problem>>),
    /// A kind that OSP does not read.
    Unknown(Problem),
}

/// Kind of a document, as written; a word for people when there is none.
pub fn kind(document: &Value) -> String {
    match document.get("kind").and_then(Value::as_str) {
        Some(kind) => kind.escape_debug().take(64).collect(),
        None => "(no kind)".to_owned(),
    }
}

/// `namespace/name` of a document, if both can be read. Independent of the rest: what a broken document claims stays
/// claimed.
pub fn name(document: &Value) -> Option<ObjectName> {
    let name = document.pointer("/metadata/name")?.as_str()?;
    let namespace = match document.pointer("/metadata/namespace") {
        Some(namespace) => namespace.as_str()?,
        None => "default",
    };
    (text::object_name(name).is_ok() && text::label(namespace).is_ok()).then(|| ObjectName::new(namespace, name))
}

/// The bucket of a route, if it can be read. Independent of the rest, as above.
pub fn claimed_bucket(document: &Value) -> Option<BucketName> {
    text::client_bucket(document.pointer("/spec/match/bucket")?.as_str()?).ok()
}

/// Lowers one document under the name that [`name`] found (or that stands for it).
pub fn lower(document: &Value, name: &ObjectName) -> Lowered {
    match kind(document).as_str() {
        "BucketRoute" => {
            let route = read(document, OSP_API, |fields| bucket_route::spec(fields, name));
            Lowered::Route(entry(route, claimed_bucket(document)))
        }
        "CredentialSource" => {
            Lowered::Credential(entry(read(document, OSP_API, |fields| credential_source::spec(fields, name)), None))
        }
        "ClientIdentity" => {
            Lowered::Client(entry(read(document, OSP_API, |fields| client_identity::spec(fields, name)), None))
        }
        "Secret" => Lowered::Secret(read(document, CORE_API, secret::contents)),
        "ConfigMap" => Lowered::ConfigMap(read(document, CORE_API, config_map::contents)),
        _ => Lowered::Unknown(Problem {
            field: "kind".to_owned(),
            reason: "Invalid",
            message: "must be one of BucketRoute, CredentialSource, ClientIdentity, Secret, ConfigMap".to_owned(),
        }),
    }
}

/// The envelope that all kinds share, and the contents.
fn read<T>(
    document: &Value,
    api_version: &str,
    contents: impl FnOnce(&Fields<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let problems = Problems::default();
    let value = Node::root(document, &problems).object(|fields| {
        let version = fields.required("apiVersion", |node| node.word(&[(api_version, ())]));
        let kind = fields.required("kind", |node| node.text(|_| Ok::<_, String>(())));
        let metadata = fields.required("metadata", metadata);
        let contents = contents(fields);
        version.and(kind).and(metadata).and(contents)
    });
    problems.settle(value)
}

fn metadata(node: Node<'_>) -> Option<()> {
    node.object(|fields| {
        let name = fields.required("name", |node| node.text(text::object_name));
        let namespace = fields.optional("namespace", |node| node.text(text::label));
        let labels = fields.optional("labels", strings);
        let annotations = fields.optional("annotations", strings);
        name.and(namespace).and(labels).and(annotations).map(|_| ())
    })
}

fn strings(node: Node<'_>) -> Option<Vec<()>> {
    node.entries(|_, node| node.text(|_| Ok::<_, String>(())))
}

/// `{name: ...}`: a reference inside the namespace.
fn reference(node: Node<'_>) -> Option<String> {
    node.object(|fields| fields.required("name", |node| node.text(text::object_name)))
}

fn entry<T>(lowered: Result<T, Vec<Problem>>, bucket: Option<BucketName>) -> Entry<T> {
    match lowered {
        Ok(value) => Entry::Valid(value),
        Err(problems) => Entry::Invalid { bucket, problems },
    }
}

#[cfg(test)]
mod tests;
