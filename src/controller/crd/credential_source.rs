//! `CredentialSource`: how to get the keys of a backend. Meaning: `lower/credential_source.rs`.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{AllowedNamespaces, Condition, DataKey, Label, ObjectName};
use super::hook::HookName;

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
#[x_kube(validation = Rule::new("[has(self.secret), has(self.ibmIAM), has(self.python), has(self.anonymous)].exists_one(there, there)")
    .message("exactly one of secret, ibmIAM, python and anonymous must be there"))]
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
    /// Requests carry a token of IBM Cloud IAM, which an API key in a Secret of this namespace is exchanged for.
    #[serde(rename = "ibmIAM")]
    pub ibm_iam: Option<IbmIam>,
    /// A hook gives the keys for each client and bucket.
    pub python: Option<Python>,
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

/// An API key of IBM Cloud. Its token goes to the backend in place of a signature, so the backend's endpoint should be
/// https: over http, whoever is on the way can use the token until it ends.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IbmIam {
    /// Where the API key is.
    pub api_key_secret_ref: ApiKeyRef,
    /// Where it is exchanged.
    #[schemars(
        length(min = 8, max = 523),
        regex(pattern = r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9/._~-]*)?$"),
        extend("default" = "https://iam.cloud.ibm.com/identity/token")
    )]
    pub token_endpoint: Option<String>,
    /// The instance of Cloud Object Storage that buckets are listed in and made in, as an id or a CRN. Default: the backend
    /// is told none.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[!-~]+$"))]
    pub service_instance_id: Option<String>,
}

/// A Secret with an API key.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ApiKeyRef {
    /// Name of the Secret. It must have the label osp.flexworks.eu/watch=true.
    pub name: ObjectName,
    /// Entry with the API key.
    #[schemars(extend("default" = "apikey"))]
    pub key: Option<DataKey>,
}

/// A hook that the operator of the gateway has mounted. Its fetch_credentials is called with the access key id of the client
/// and the name of the bucket, as the client says it.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
pub struct Python {
    /// Name of the hook.
    pub hook: HookName,
    /// What the hook is told beside them, if its fetch_credentials takes parameters. No place for secrets.
    #[schemars(extend("maxProperties" = 16))]
    #[x_kube(validation = Rule::new("self.all(key, key.matches('^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$'))")
        .message("parameters must have names of 1 to 63 letters, digits, - _ ."))]
    pub parameters: Option<BTreeMap<String, ParameterValue>>,
}

/// What a parameter says.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ParameterValue(#[schemars(length(max = 1024))] String);

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
