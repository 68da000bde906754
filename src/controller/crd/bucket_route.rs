//! `BucketRoute`: what clients see and where it goes. Meaning: `lower/bucket_route.rs`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    AnyPrefix, BucketPattern, CertificateName, Condition, ConsentedRef, DataKey, Duration, HostName, Label, LocalRef,
    ObjectName, Prefix, Selector,
};
use super::cors::CorsRule;
use super::hook::Hook;

/// What clients see, and where it goes.
#[derive(Debug, Clone, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "osp.flexworks.eu",
    version = "v1alpha1",
    kind = "BucketRoute",
    plural = "bucketroutes",
    shortname = "broute",
    category = "osp",
    namespaced,
    status = "BucketRouteStatus",
    selectable = ".spec.className",
    doc = "A bucket that clients of OSP see, the object stores that hold it, and who may do what with it.",
    printcolumn(name = "Bucket", type_ = "string", json_path = ".spec.match.bucket"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".spec.backends[0].endpoint"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Accepted")].status"#
    ),
    printcolumn(
        name = "Programmed",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Programmed")].status"#
    ),
    printcolumn(name = "Hosts", type_ = "string", json_path = ".spec.match.hosts", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("size(self.backends) == 1 || (has(self.traffic) && has(self.traffic.writes))")
    .message("traffic.writes must name the backend that takes the writes, as there is more than one")
    .field_path(".traffic.writes"))]
#[x_kube(validation = Rule::new("!has(self.traffic) || !has(self.traffic.writes) \
    || self.backends.exists(b, b.name == self.traffic.writes)")
    .message("traffic.writes must be the name of one of the backends")
    .field_path(".traffic.writes"))]
#[x_kube(validation = Rule::new("!has(self.access) || self.access.all(a, !has(a.credentials) \
    || a.credentials.all(c, self.backends.exists(b, b.name == c.backend)))")
    .message("access[].credentials[].backend must be the name of one of the backends")
    .field_path(".access"))]
#[x_kube(validation = Rule::new("self.backends.all(b, b.addressingStyle != 'VirtualHost' \
    || !b.endpoint.startsWith('https://') || !(!has(b.bucket) ? self.match.bucket \
    : self.match.bucket.endsWith('*') ? b.bucket + self.match.bucket : b.bucket).contains('.'))")
    .message("VirtualHost over https cannot serve a bucket with a dot: no wildcard certificate covers it; use Path")
    .field_path(".backends"))]
#[x_kube(validation = Rule::new("self.backends.all(b, !has(b.bucket) \
    || b.bucket.contains('{bucket}') == self.match.bucket.endsWith('*'))")
    .message("a backend's bucket has {bucket} in it when match.bucket is a pattern, and only then")
    .field_path(".backends"))]
#[x_kube(validation = Rule::new("!has(self.access) || self.match.bucket.endsWith('*') \
    || self.access.all(a, !has(a.buckets) && !a.permissions.exists(p, p == 'ManageBuckets'))")
    .message("buckets and ManageBuckets are for routes whose match.bucket is a pattern")
    .field_path(".access"))]
pub struct BucketRouteSpec {
    /// The installation of OSP that serves this route. Cannot be changed afterwards.
    #[schemars(extend("default" = "osp"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("className cannot be changed"))]
    pub class_name: Option<Label>,
    /// The requests that this route is for.
    pub r#match: Match,
    /// The object stores that hold the bucket.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub backends: Vec<Backend>,
    /// How requests are spread over several backends, and what is tried again.
    pub traffic: Option<Traffic>,
    /// Who may do what. Without an entry nobody may do anything.
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub access: Option<Vec<Access>>,
    /// Who may not do what. An entry here wins over every entry of access.
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub deny: Option<Vec<Deny>>,
    /// Policy of the gateway's operator that is asked for every request, beside access and deny: each must say yes. A hook
    /// that is not there, or does not answer, is no yes.
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub hooks: Option<Vec<Hook>>,
    /// Which pages of other origins may use the bucket from a browser (CORS). The first rule that matches decides; without
    /// one, browsers keep answers from such pages. What the backend says of origins does not count.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub cors: Option<Vec<CorsRule>>,
}

/// The requests that a route is for.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.bucket.endsWith('*') || !has(self.prefix) || self.prefix == ''")
    .message("a pattern is for whole buckets: leave prefix out")
    .field_path(".prefix"))]
pub struct Match {
    /// Name of the bucket, as clients use it; or with a * at its end a pattern of names, such as team-*. The buckets of a
    /// pattern are those that its backend has; which namespaces may make one is a setting of the gateway.
    #[schemars(
        length(min = 1, max = 63),
        regex(
            pattern = r"^([a-z0-9](([a-z0-9-]|\.[a-z0-9-])*\.?[a-z0-9])?|([a-z0-9]([a-z0-9-]|\.[a-z0-9-])*\.?)?\*)$"
        )
    )]
    #[x_kube(validation = Rule::new("self.endsWith('*') || size(self) >= 3")
        .message("bucket must have at least 3 characters"))]
    #[x_kube(validation = Rule::new("!isIP(self)").message("bucket must not be shaped like an address"))]
    #[x_kube(validation = Rule::new("!['xn--', 'sthree-', 'amzn-s3-demo-'].exists(p, self.startsWith(p)) \
        && !['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'].exists(s, self.endsWith(s))")
        .message("bucket must not begin or end with what S3 reserves"))]
    pub bucket: String,
    /// Host names of the gateway under which the bucket is served; a name in front of a host, such as
    /// data.s3.example.com, is then the bucket. Default: all host names of the gateway.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub hosts: Option<Vec<HostName>>,
    /// Only keys that begin with this. Several routes may share a bucket; the longest prefix wins. Default: all keys.
    pub prefix: Option<AnyPrefix>,
    /// Any: the bucket has this name for all clients. SameNamespace: only for clients of the namespace of this route, so
    /// that two namespaces can have a bucket of the same name.
    #[schemars(extend("default" = "Any"))]
    pub client_scope: Option<ClientScope>,
}

/// For whose requests a route is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum ClientScope {
    Any,
    SameNamespace,
}

/// An object store that holds the bucket of a route.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.tls) || self.endpoint.startsWith('https://')")
    .message("tls means nothing with an http endpoint")
    .field_path(".tls"))]
#[x_kube(validation = Rule::new("self.addressingStyle != 'VirtualHost' \
    || !self.endpoint.matches('^https?://([0-9.]+|\\\\[.*\\\\])(:[0-9]+)?/?$')")
    .message("VirtualHost needs an endpoint with a host name, not an address")
    .field_path(".addressingStyle"))]
#[x_kube(validation = Rule::new("self.addressingStyle != 'VirtualHost' || !has(self.bucket) \
    || self.bucket.matches('^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|[a-z0-9.-]*[{]bucket[}][a-z0-9.-]*)$')")
    .message("VirtualHost needs a bucket that can be part of a host name")
    .field_path(".addressingStyle"))]
pub struct Backend {
    /// Name of this backend, for references inside the route, metrics and logs.
    pub name: Label,
    /// Scheme, host and port, such as https://s3.example.com:9000. No path.
    #[schemars(
        length(min = 8, max = 268),
        regex(pattern = r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?/?$")
    )]
    pub endpoint: String,
    /// Region that requests to this backend are signed for.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_-]+$"), extend("default" = "us-east-1"))]
    pub region: Option<String>,
    /// Where the name of the bucket stands in requests: Path (host/bucket/key) or VirtualHost (bucket.host/key).
    #[schemars(extend("default" = "Path"))]
    pub addressing_style: Option<AddressingStyle>,
    /// Name of the bucket at this backend. With a pattern: how its buckets are called there, with {bucket} for the name that
    /// clients use, such as prod-{bucket}. Default: the name that clients use.
    #[schemars(
        length(min = 1, max = 255),
        regex(
            pattern = r"^(\.*[A-Za-z0-9_:-][A-Za-z0-9._:-]*|\.{3,}|([A-Za-z0-9_-]+:)?[a-z0-9.-]*\{bucket\}[a-z0-9.-]*)$"
        )
    )]
    pub bucket: Option<String>,
    /// What keys begin with at this backend, in place of match.prefix; clients do not see it. Default: match.prefix.
    pub prefix: Option<AnyPrefix>,
    /// The CredentialSource whose keys sign requests to this backend.
    pub credential_ref: ConsentedRef,
    /// Checksums that come after a body: Forward passes them on, Drop verifies them and sends the body without. For
    /// stores that do not know them.
    #[schemars(extend("default" = "Forward"))]
    pub trailing_checksums: Option<TrailingChecksums>,
    /// Backends with the lowest number are used; the others when all of those are down.
    #[schemars(range(min = 0, max = 7), extend("default" = 0))]
    pub priority: Option<i32>,
    /// Share of the reads among backends of the same priority; see traffic.reads.
    #[schemars(range(min = 0, max = 1000), extend("default" = 100))]
    pub weight: Option<i32>,
    /// How the certificate of the backend is verified. Only with https.
    pub tls: Option<Tls>,
    /// The HTTP proxy on the way to this backend. Default: none.
    pub proxy: Option<Proxy>,
    /// How long the backend may take.
    pub timeouts: Option<Timeouts>,
}

/// Where the name of a bucket stands in requests.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum AddressingStyle {
    Path,
    VirtualHost,
}

/// What becomes of checksums after a body.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum TrailingChecksums {
    Forward,
    Drop,
}

/// How a backend proves who it is, and OSP to it.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.verification != 'Insecure' || !has(self.caCertificateRefs)")
    .message("caCertificateRefs mean nothing with verification Insecure")
    .field_path(".caCertificateRefs"))]
pub struct Tls {
    /// Name that the certificate must be for. Default: the host of the endpoint.
    pub server_name: Option<CertificateName>,
    /// Certificates of the authorities that may vouch for the backend, in place of those of the system.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ca_certificate_refs: Option<Vec<CaCertificateRef>>,
    /// Secret of type kubernetes.io/tls with the certificate and key that OSP shows to the backend.
    pub client_certificate_ref: Option<LocalRef>,
    /// Full: the certificate must be valid and for this host. Insecure: any certificate will do; for development.
    #[schemars(extend("default" = "Full"))]
    pub verification: Option<Verification>,
}

/// How thoroughly a certificate is verified.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum Verification {
    Full,
    Insecure,
}

/// Where certificates of authorities stand, as PEM.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
pub struct CaCertificateRef {
    /// ConfigMap or Secret.
    pub kind: CaCertificateKind,
    /// Name of the object.
    pub name: ObjectName,
    /// Key of the entry in it.
    #[schemars(extend("default" = "ca.crt"))]
    pub key: Option<DataKey>,
}

/// What certificates of authorities are kept in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum CaCertificateKind {
    ConfigMap,
    Secret,
}

/// An HTTP proxy that connects to the backend (CONNECT).
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// Host and port of the proxy, such as http://proxy.example.com:3128.
    #[schemars(
        length(min = 8, max = 267),
        regex(pattern = r"^http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?/?$")
    )]
    pub url: String,
    /// Secret with the entries username and password.
    pub credentials_secret_ref: Option<LocalRef>,
}

/// How long a backend may take. There is no limit for a whole request: objects may be large.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.idle) || !has(self.firstByte) \
    || duration(self.idle) >= duration(self.firstByte)")
    .message("idle must be at least as long as firstByte")
    .field_path(".idle"))]
pub struct Timeouts {
    /// Until a new connection can be used, from 10ms to 60s.
    #[x_kube(validation = Rule::new("duration(self) >= duration('10ms') && duration(self) <= duration('60s')")
        .message("connect must be a duration from 10ms to 60s"))]
    pub connect: Option<Duration>,
    /// From the end of the request to the first byte of the answer, from 100ms to 10m.
    #[x_kube(validation = Rule::new("duration(self) >= duration('100ms') && duration(self) <= duration('10m')")
        .message("firstByte must be a duration from 100ms to 10m"))]
    pub first_byte: Option<Duration>,
    /// The longest silence within a body, from 1s to 1h; at least firstByte.
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('1h')")
        .message("idle must be a duration from 1s to 1h"))]
    pub idle: Option<Duration>,
}

/// How requests are spread over several backends.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Priority: reads go to the backend of the lowest priority that is up; among equals to the one with the greatest
    /// weight. Weighted: they are spread over the backends of that priority by weight; the same key always goes to the
    /// same backend.
    #[schemars(extend("default" = "Priority"))]
    pub reads: Option<Reads>,
    /// Name of the backend that takes all writes, deletions, listings and multipart uploads, and never another one.
    /// Required with more than one backend.
    pub writes: Option<Label>,
    /// What is tried again when a backend fails.
    pub retries: Option<Retries>,
    /// Copies into this route whose source is at another storage backend. Refuse: 501. Stream: the gateway reads the source
    /// and writes the target, so that the bytes pass through it.
    #[schemars(extend("default" = "Refuse"))]
    pub copy_between_backends: Option<CopyBetweenBackends>,
}

/// What becomes of copies from another storage backend.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum CopyBetweenBackends {
    Refuse,
    Stream,
}

/// How reads are spread.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum Reads {
    Priority,
    Weighted,
}

/// What is tried again.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
pub struct Retries {
    /// How often a request is tried, the first time included. 1 means that nothing is tried again.
    #[schemars(range(min = 1, max = 5), extend("default" = 2))]
    pub attempts: Option<i32>,
    /// How long to wait before the same backend is asked again, from 1ms to 10s; doubled each time.
    #[schemars(extend("default" = "100ms"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1ms') && duration(self) <= duration('10s')")
        .message("backoff must be a duration from 1ms to 10s"))]
    pub backoff: Option<Duration>,
}

/// What some clients may do.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.clientRef), has(self.clientSelector), has(self.principal)].exists_one(there, there)")
    .message("exactly one of clientRef, clientSelector and principal must be there"))]
pub struct Access {
    /// Name of this entry.
    pub name: Label,
    /// The ClientIdentity that this entry is for.
    pub client_ref: Option<ConsentedRef>,
    /// The ClientIdentities of the namespace of this route that this entry is for.
    pub client_selector: Option<Selector>,
    /// Authenticated: everybody whose signature is good, of every namespace, and those whose keys only the key lookup of the
    /// gateway knows. Meant to be narrowed down by hooks.
    pub principal: Option<AnyPrincipal>,
    /// What they may do.
    #[schemars(length(min = 1, max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub permissions: Vec<Permission>,
    /// Only with keys that begin with one of these, as clients see them. Default: all keys.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub prefixes: Option<Vec<Prefix>>,
    /// Only these buckets of the pattern: names, or narrower patterns. Default: all of them. Only with a pattern.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub buckets: Option<Vec<BucketPattern>>,
    /// Other credentials for the requests of these clients, by backend.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["backend".into()]))]
    pub credentials: Option<Vec<BackendCredential>>,
}

/// Clients that are not named.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum AnyPrincipal {
    Authenticated,
}

/// The credentials of some clients for one backend.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendCredential {
    /// Name of the backend.
    pub backend: Label,
    /// The CredentialSource whose keys sign the requests of these clients.
    pub credential_ref: ConsentedRef,
}

/// What some clients may not do.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.clientRef) || !has(self.clientSelector)")
    .message("at most one of clientRef and clientSelector may be there"))]
pub struct Deny {
    /// Name of this entry.
    pub name: Label,
    /// The ClientIdentity that this entry is for. Without this and clientSelector: every client.
    pub client_ref: Option<ConsentedRef>,
    /// The ClientIdentities of the namespace of this route that this entry is for.
    pub client_selector: Option<Selector>,
    /// What they may not do. Default: anything.
    #[schemars(length(min = 1, max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub permissions: Option<Vec<Permission>>,
    /// Only with keys that begin with one of these, as clients see them. Default: all keys.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub prefixes: Option<Vec<Prefix>>,
}

/// What can be permitted. ManageBuckets: making and deleting buckets, only with a pattern. Admin: access control lists, retention, legal hold, configuration of the bucket; it contains
/// none of the others.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    Read,
    List,
    Write,
    Delete,
    ManageBuckets,
    Admin,
}

/// What OSP made of the route.
#[derive(Debug, Clone, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketRouteStatus {
    /// The generation of the object that was looked at.
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// Accepted: the route is valid and owns what it matches. ResolvedRefs: everything that it names is there and may be
    /// named. Programmed: requests are served. Ready: all of these. InsecureBackend: a certificate is not verified.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
}
