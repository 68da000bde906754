//! `ClientIdentity`: who may sign requests to OSP. Meaning: `lower/client_identity.rs`.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::common::{AllowedNamespaces, Condition, DataKey, Label, ObjectName};

/// How the client proves who it is, and whose routes may name it.
#[derive(Debug, Clone, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "osp.flexworks.eu",
    version = "v1alpha1",
    kind = "ClientIdentity",
    plural = "clientidentities",
    shortname = "s3client",
    category = "osp",
    namespaced,
    status = "ClientIdentityStatus",
    selectable = ".spec.className",
    doc = "A client of OSP and the keys that it signs its requests with. What it may do stands in BucketRoutes.",
    printcolumn(name = "Access-Key", type_ = "string", json_path = ".status.accessKeyID"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ClientIdentitySpec {
    /// The installation of OSP that knows this client. Cannot be changed afterwards.
    #[schemars(extend("default" = "osp"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("className cannot be changed"))]
    pub class_name: Option<Label>,
    /// The client has an access key.
    pub access_key: AccessKey,
    /// Whose routes may name this client. Default: those of this namespace.
    pub allowed_namespaces: Option<AllowedNamespaces>,
}

/// The keys of a client.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// One Secret, or two while a key is rotated: both are good then.
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secret_refs: Vec<AccessKeySecretRef>,
}

/// A Secret with an access key pair.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeySecretRef {
    /// Name of the Secret. It must have the label osp.flexworks.eu/watch=true.
    pub name: ObjectName,
    /// Entry with the access key id.
    #[serde(rename = "accessKeyIDKey")]
    #[schemars(extend("default" = "AWS_ACCESS_KEY_ID"))]
    pub access_key_id_key: Option<DataKey>,
    /// Entry with the secret access key.
    #[schemars(extend("default" = "AWS_SECRET_ACCESS_KEY"))]
    pub secret_access_key_key: Option<DataKey>,
}

/// What OSP made of the client.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientIdentityStatus {
    /// The generation of the object that was looked at.
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// The access key id of the client, of its first Secret.
    #[serde(rename = "accessKeyID")]
    #[schemars(length(max = 128))]
    pub access_key_id: Option<String>,
    /// Accepted: the client is valid. Ready: its keys are known and good.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
}
