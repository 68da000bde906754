//! One object as the API server has it, stripped to what OSP uses.
//!
//! Objects are read through an envelope, not through the types of the CRDs: a typed watch fails as a whole when one object
//! does not parse, and that object's bucket would be lost. What is in `spec` is judged by `lower`, like a file.

use std::collections::BTreeMap;
use std::fmt;

use kube::api::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::core::{GroupVersionKind, ObjectMeta};
use osp_core::model::{DEFAULT_CLASS, Kind, ObjectName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Group of OSP's own kinds.
const GROUP: &str = "osp.flexworks.eu";

/// One object. `Debug` shows no contents: they may be secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    #[serde(with = "kind_as_text")]
    pub kind: Kind,
    /// Namespace and name; a `Namespace` is in none.
    #[serde(with = "name_as_text")]
    pub name: ObjectName,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`; only OSP's own kinds have one.
    pub generation: Option<i64>,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.creationTimestamp`, RFC 3339.
    pub created: Option<String>,
    /// True when `metadata.deletionTimestamp` is set.
    pub deleted: bool,
    /// `spec`, or `data`, `type` and `immutable`.
    pub contents: Map<String, Value>,
    /// `status`; null for kinds without one. Not an input, so it is not written to disk.
    #[serde(skip)]
    pub status: Value,
}

/// True for the kinds that OSP defines: they have a class and a status.
#[must_use]
pub fn is_ours(kind: Kind) -> bool {
    matches!(kind, Kind::BucketRoute | Kind::CredentialSource | Kind::ClientIdentity)
}

/// The kinds that OSP defines.
pub const OURS: [Kind; 3] = [Kind::BucketRoute, Kind::CredentialSource, Kind::ClientIdentity];

/// How the API server calls a kind.
#[must_use]
pub fn resource(kind: Kind) -> ApiResource {
    let (group, version) = if is_ours(kind) { (GROUP, "v1alpha1") } else { ("", "v1") };
    let plural = match kind {
        Kind::BucketRoute => "bucketroutes",
        Kind::CredentialSource => "credentialsources",
        Kind::ClientIdentity => "clientidentities",
        Kind::Secret => "secrets",
        Kind::ConfigMap => "configmaps",
        Kind::Namespace => "namespaces",
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind.as_str()), plural)
}

/// The parts of such an object that are inputs.
fn inputs(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::BucketRoute | Kind::CredentialSource | Kind::ClientIdentity => &["spec"],
        Kind::Secret => &["type", "immutable", "data"],
        // binaryData cannot be a certificate in PEM, and the reader of documents knows text only
        Kind::ConfigMap => &["immutable", "data"],
        Kind::Namespace => &[],
    }
}

impl Object {
    /// Strips what the API server sent; `None` without a name, which no stored object has.
    #[must_use]
    pub fn new(kind: Kind, received: DynamicObject) -> Option<Self> {
        let DynamicObject { metadata, data, .. } = received;
        let mut all = if let Value::Object(all) = data { all } else { Map::new() };
        let contents = inputs(kind).iter().filter_map(|part| Some(((*part).to_owned(), all.remove(*part)?))).collect();
        let status = if is_ours(kind) { all.remove("status").unwrap_or_default() } else { Value::Null };
        Some(Self { contents, status, ..Self::of_metadata(kind, metadata)? })
    }

    /// True when it has this label, which is written `name=value`.
    #[must_use]
    pub fn is_labelled(&self, label: &str) -> bool {
        label.split_once('=').is_some_and(|(name, value)| self.labels.get(name).is_some_and(|own| own == value))
    }

    /// An object of which only the metadata was asked for.
    #[must_use]
    pub fn partial<K>(kind: Kind, received: PartialObjectMeta<K>) -> Option<Self> {
        Self::of_metadata(kind, received.metadata)
    }

    fn of_metadata(kind: Kind, metadata: ObjectMeta) -> Option<Self> {
        let name = metadata.name?;
        let namespace = metadata.namespace.unwrap_or_default();
        Some(Self {
            kind,
            name: ObjectName::new(&namespace, &name),
            uid: metadata.uid.unwrap_or_default(),
            generation: metadata.generation,
            resource_version: metadata.resource_version.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0.to_string()),
            deleted: metadata.deletion_timestamp.is_some(),
            contents: Map::new(),
            status: Value::Null,
        })
    }

    /// The class that this object asks for; `None` for kinds without one.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        let class = self.contents.get("spec")?.get("className");
        is_ours(self.kind).then(|| class.and_then(Value::as_str).unwrap_or(DEFAULT_CLASS))
    }

    /// The document that stands for this object: the same that a file would hold.
    #[must_use]
    pub fn document(&self) -> Value {
        let ObjectName { namespace, name } = &self.name;
        let mut metadata = json!({ "name": **name, "labels": self.labels });
        let optional = [
            ("namespace", Some(&**namespace).filter(|namespace| !namespace.is_empty())),
            ("creationTimestamp", self.created.as_deref()),
        ];
        for (field, value) in optional {
            if let (Some(value), Some(fields)) = (value, metadata.as_object_mut()) {
                fields.insert(field.to_owned(), json!(value));
            }
        }
        let mut document = self.contents.clone();
        document.insert("apiVersion".to_owned(), json!(resource(self.kind).api_version));
        document.insert("kind".to_owned(), json!(self.kind.as_str()));
        document.insert("metadata".to_owned(), metadata);
        Value::Object(document)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.kind.as_str(), self.name, self.resource_version)
    }
}

mod name_as_text {
    use osp_core::model::ObjectName;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(name: &ObjectName, to: S) -> Result<S::Ok, S::Error> {
        (&*name.namespace, &*name.name).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectName, D::Error> {
        let (namespace, name) = <(String, String)>::deserialize(from)?;
        Ok(ObjectName::new(&namespace, &name))
    }
}

mod kind_as_text {
    use osp_core::model::Kind;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(kind: &Kind, to: S) -> Result<S::Ok, S::Error> {
        kind.as_str().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Kind, D::Error> {
        Kind::parse(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no kind that is known"))
    }
}
