//! `CredentialSource`: how to get the keys of a backend. Meaning: `lower/credential_source.rs`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{AllowedNamespaces, Condition, DataKey, Label, ObjectName};

/// Where the keys come from, and who may use them. Each kind of source is a field of its own; exactly one is there.
#[derive(Debug, Clone, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "osp.flexworks.eu",
    version = "v1alpha1",
    kind = "CredentialSource",
    plural = "credentialsources",
    shortname = "credsrc",
    category = "osp",
    namespaced,
    status = "CredentialSourceStatus",
    selectable = ".spec.className",
    doc = "Where OSP gets the keys that it signs requests to an object store with.",
    printcolumn(name = "Type", type_ = "string", json_path = ".status.type"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.secret), has(self.anonymous)].exists_one(there, there)")
    .message("exactly one of secret and anonymous must be there"))]
#[x_kube(validation = Rule::new("!has(self.allowedNamespaces) || self.allowedNamespaces.from == 'Same' \
    || (has(self.allowedEndpoints) && size(self.allowedEndpoints) > 0)")
    .message("allowedEndpoints must say where the keys may be used, as other namespaces may use them")
    .field_path(".allowedEndpoints"))]
pub struct CredentialSourceSpec {
    /// The installation of OSP that uses this source. Cannot be changed afterwards.
    #[schemars(extend("default" = "osp"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("className cannot be changed"))]
    pub class_name: Option<Label>,
    /// The keys are in a Secret of this namespace.
    pub secret: Option<SecretKeys>,
    /// There are no keys: requests go unsigned, as to a public bucket.
    pub anonymous: Option<Anonymous>,
    /// Whose routes may use these credentials. Default: those of this namespace.
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// Where these credentials may be sent, as host:port. Default: anywhere. Required when routes of other namespaces may
    /// use them.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_endpoints: Option<Vec<HostAndPort>>,
}

/// `host:port`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HostAndPort(
    #[schemars(
        length(min = 3, max = 259),
        regex(pattern = r"^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?):[0-9]{1,5}$")
    )]
    String,
);

/// A Secret with an access key pair.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeys {
    /// Name of the Secret. It must have the label osp.flexworks.eu/watch=true.
    pub name: ObjectName,
    /// Entry with the access key id.
    #[schemars(extend("default" = "AWS_ACCESS_KEY_ID"))]
    pub access_key_id_key: Option<DataKey>,
    /// Entry with the secret access key.
    #[schemars(extend("default" = "AWS_SECRET_ACCESS_KEY"))]
    pub secret_access_key_key: Option<DataKey>,
    /// Entry with the session token of temporary keys. Default: there is none.
    pub session_token_key: Option<DataKey>,
}

/// Has no fields.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
pub struct Anonymous {}

/// What OSP made of the source.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialSourceStatus {
    /// The generation of the object that was looked at.
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Which kind of source it is.
    #[schemars(length(max = 63))]
    pub r#type: Option<String>,
    /// Accepted: the source is valid. ResolvedRefs: what it names is there. Ready: credentials can be had.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
}
