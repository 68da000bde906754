//! What the kinds share: the grammars of single strings, references, consent and conditions.
//!
//! The grammars are those of `lower/text.rs`. A schema counts characters where `lower` counts bytes, so a text beyond
//! ASCII can pass the API server and be refused by `lower` all the same.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A DNS label.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Label(#[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))] String);

/// The name of an object: a DNS subdomain.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ObjectName(
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")
    )]
    String,
);

/// A host name in lower case, without scheme, port and wildcard.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HostName(
    #[schemars(
        extend("x-kubernetes-validations" = [{"rule": "!isIP(self)", "message": "hosts must be names, not addresses"}]),
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")
    )]
    String,
);

/// What a certificate can be issued for: a host name or an address.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CertificateName(#[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9_.:-]+$"))] String);

/// The name of a bucket, or a pattern of names: a beginning and a `*`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BucketPattern(
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^([a-z0-9](([a-z0-9-]|\.[a-z0-9-])*\.?[a-z0-9])|([a-z0-9]([a-z0-9-]|\.[a-z0-9-])*\.?)?\*)$")
    )]
    String,
);

/// The key of an entry in a Secret or ConfigMap.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DataKey(#[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9._-]+$"))] String);

/// A prefix of object keys, which may be empty.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AnyPrefix(#[schemars(length(max = 1024))] String);

/// A prefix of object keys.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Prefix(#[schemars(length(min = 1, max = 1024))] String);

/// A length of time as in the Gateway API (GEP-2257): `100ms`, `5s`, `1m30s`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Duration(#[schemars(length(min = 2, max = 28), regex(pattern = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"))] String);

/// The value of a label.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LabelValue(
    #[schemars(length(max = 63), regex(pattern = r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$"))] String,
);

/// Names an object in the namespace of the object that says it.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LocalRef {
    /// Name of the object.
    pub name: ObjectName,
}

/// Names an object, possibly of another namespace.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ConsentedRef {
    /// Name of the object.
    pub name: ObjectName,
    /// Namespace of the object. Default: the namespace of this route. Another namespace must have given its consent in
    /// the allowedNamespaces of the object.
    pub namespace: Option<Label>,
}

/// Selects objects by their labels.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels that must all be there, with these values.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    #[x_kube(validation = Rule::new("self.all(key, key.matches('^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]\
        ([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$'))").message("matchLabels must have keys of labels, such as role or example.com/role"))]
    pub match_labels: BTreeMap<String, LabelValue>,
}

/// Whose routes may name an object.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
    .message("selector belongs to from: Selector, and to nothing else"))]
pub struct AllowedNamespaces {
    /// Same: only routes of the namespace of this object. Selector: routes of the namespaces that the selector selects,
    /// too. All: routes of every namespace.
    pub from: FromNamespaces,
    /// Labels of the namespaces, with from: Selector. The label kubernetes.io/metadata.name selects by name.
    pub selector: Option<Selector>,
}

/// How widely an object may be named.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum FromNamespaces {
    Same,
    Selector,
    All,
}

/// One observation about an object, as in all of Kubernetes.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is observed, such as Accepted.
    #[schemars(length(min = 1, max = 316), regex(pattern = r"^[A-Za-z][A-Za-z0-9._/-]*$"))]
    pub r#type: String,
    /// Whether it is so.
    pub status: ConditionStatus,
    /// The generation of the object that was looked at.
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When status last changed.
    #[schemars(extend("format" = "date-time"), length(max = 64))]
    pub last_transition_time: String,
    /// Why, in one word for machines.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}
