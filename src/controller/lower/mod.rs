//! One document -> one model value, or everything that is wrong with it. One file for each kind.

mod backend;
mod bucket_route;
mod client_identity;
mod config_map;
mod cors;
mod credential_source;
mod hook;
mod reader;
mod reference;
mod secret;
mod text;

use osp_core::Timestamp;
use osp_core::model::{
    Claim, DEFAULT_CLASS, Document, Entry, Kind, Labels, Object, ObjectName, Problem, Reason, Snapshot,
};
use serde_json::Value;

pub use text::is_label;

use reader::{Fields, Node, Problems};

const OSP_API: &str = "osp.flexworks.eu/v1alpha1";
const CORE_API: &str = "v1";

/// What a document turned out to be.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made and taken apart at once, one at a time")]
pub enum Lowered {
    /// Goes into the snapshot, valid or not, if it is of the process' class (`None` = of every class).
    Document(Option<String>, Document),
    /// A `Secret`, `ConfigMap` or `Namespace` that is not valid: absent from the snapshot, so that whoever refers to it
    /// is broken.
    Broken(Kind, Vec<Problem>),
    /// A kind that OSP does not read.
    Unknown(Problem),
}

impl Lowered {
    /// Brings a snapshot up to date with this document: whatever was there under its kind and name is replaced. Gives
    /// back the problems that have no place in a snapshot.
    pub fn put(self, name: ObjectName, snapshot: &mut Snapshot) -> Vec<Problem> {
        match self {
            Self::Document(class, document) => {
                snapshot.insert(name, class.as_deref(), document);
                Vec::new()
            }
            Self::Broken(kind, problems) => {
                snapshot.remove(kind, &name);
                problems
            }
            Self::Unknown(problem) => vec![problem],
        }
    }
}

/// Kind of a document, as written; a word for people when there is none.
pub fn kind(document: &Value) -> String {
    match document.get("kind").and_then(Value::as_str) {
        Some(kind) => kind.escape_debug().take(64).collect(),
        None => "(no kind)".to_owned(),
    }
}

/// `namespace/name` of a document, if both can be read; a `Namespace` stands in no namespace. Independent of the rest:
/// what a broken document claims stays claimed.
pub fn name(document: &Value) -> Option<ObjectName> {
    let name = document.pointer("/metadata/name")?.as_str()?;
    if kind(document) == Kind::Namespace.as_str() {
        return text::label(name).ok().map(|name| ObjectName::new("", &name));
    }
    let namespace = match document.pointer("/metadata/namespace") {
        Some(namespace) => namespace.as_str()?,
        None => "default",
    };
    (text::object_name(name).is_ok() && text::label(namespace).is_ok()).then(|| ObjectName::new(namespace, name))
}

/// What a route claims, as far as it can be read. Independent of the rest, as above.
pub fn claim(document: &Value) -> Claim {
    let Some(matches) = document.pointer("/spec/match") else { return Claim::Unreadable };
    let problems = Problems::default();
    let read = Node::root(matches, &problems).object(bucket_route::route_match);
    match problems.settle(read) {
        Ok(matches) => Claim::Match(matches),
        Err(_) => claimed_part(matches).unwrap_or_default(),
    }
}

/// As much as can be read.
fn claimed_part(matches: &Value) -> Option<Claim> {
    let bucket = text::client_bucket(matches.get("bucket")?.as_str()?).ok()?;
    let prefix = matches.get("prefix").and_then(Value::as_str).and_then(|prefix| text::any_prefix(prefix).ok());
    Some(Claim::Bucket(bucket, prefix.unwrap_or_default()))
}

/// `spec.className`; `None` when it cannot be read: then the document is everybody's, and invalid.
fn class(document: &Value) -> Option<String> {
    match document.pointer("/spec/className") {
        None => Some(DEFAULT_CLASS.to_owned()),
        Some(class) => text::label(class.as_str()?).ok(),
    }
}

/// When a document was created. One whose time cannot be read is the youngest: it must not get ahead by that.
fn created(document: &Value) -> Option<Timestamp> {
    match document.pointer("/metadata/creationTimestamp") {
        None | Some(Value::Null) => None,
        Some(value) => {
            value.as_str().and_then(Timestamp::parse_rfc3339).or(Some(Timestamp::from_unix_seconds(i64::MAX)))
        }
    }
}

/// Lowers one document under the name that [`name`] found (or that stands for it).
pub fn lower(document: &Value, name: &ObjectName) -> Lowered {
    let ours = |of: Document| Lowered::Document(class(document), of);
    match Kind::parse(&kind(document)) {
        Some(Kind::BucketRoute) => {
            let route = read(document, OSP_API, |fields| bucket_route::spec(fields, name));
            ours(Document::Route(object(document, route, || claim(document))))
        }
        Some(Kind::CredentialSource) => {
            let source = read(document, OSP_API, |fields| credential_source::spec(fields, name));
            ours(Document::Credential(object(document, source, Claim::default)))
        }
        Some(Kind::ClientIdentity) => {
            let client = read(document, OSP_API, |fields| client_identity::spec(fields, name));
            ours(Document::Client(object(document, client, Claim::default)))
        }
        Some(kind @ Kind::Secret) => plain(kind, read(document, CORE_API, secret::contents), Document::Secret),
        Some(kind @ Kind::ConfigMap) => {
            plain(kind, read(document, CORE_API, config_map::contents), Document::ConfigMap)
        }
        Some(kind @ Kind::Namespace) => {
            let namespace = read(document, CORE_API, namespace);
            plain(kind, namespace.map(|()| labels(document)), Document::Namespace)
        }
        None => Lowered::Unknown(Problem {
            field: "kind".to_owned(),
            reason: Reason::Invalid,
            message: format!("must be one of {}", Kind::ALL.map(Kind::as_str).join(", ")),
        }),
    }
}

/// A kind of Kubernetes' own.
fn plain<T>(kind: Kind, lowered: Result<T, Vec<Problem>>, document: impl FnOnce(T) -> Document) -> Lowered {
    match lowered {
        Ok(value) => Lowered::Document(None, document(value)),
        Err(problems) => Lowered::Broken(kind, problems),
    }
}

/// A kind of OSP's own.
fn object<T>(document: &Value, lowered: Result<T, Vec<Problem>>, claim: impl FnOnce() -> Claim) -> Object<T> {
    let entry = match lowered {
        Ok(value) => Entry::Valid(value),
        Err(problems) => Entry::Invalid { claim: claim(), problems },
    };
    Object { created: created(document), labels: labels(document), entry }
}

/// `metadata.labels`, those that are texts.
fn labels(document: &Value) -> Labels {
    let map = document.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    map.into_iter().flatten().filter_map(text).collect()
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
        // `kubectl create --dry-run` writes a null
        let created = fields.nullable("creationTimestamp", |node| node.text(time));
        name.and(namespace).and(labels).and(annotations).and(created).map(|_| ())
    })
}

fn time(text: &str) -> Result<(), &'static str> {
    Timestamp::parse_rfc3339(text).map(|_| ()).ok_or("must be a time such as 2026-11-21T10:00:00Z")
}

/// A `Namespace` is read for its labels; what else is in it is Kubernetes' business.
fn namespace(fields: &Fields<'_>) -> Option<()> {
    for field in ["spec", "status"] {
        fields.optional(field, |_| Some(()))?;
    }
    Some(())
}

fn strings(node: Node<'_>) -> Option<Vec<()>> {
    node.entries(|_, node| node.text(|_| Ok::<_, String>(())))
}

/// `spec.className`: what it says counts in [`class`].
fn class_name(spec: &Fields<'_>) -> Option<()> {
    spec.optional("className", |node| node.text(text::label)).map(|_| ())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub mod vocabulary;
