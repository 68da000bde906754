//! The source against an API server with behaviour, over a paused clock: minutes pass in milliseconds.

mod changes;
mod named;
mod once;
mod outage;
mod scopes;
mod snapshot_dir;
mod statuses;
mod store;
mod sync;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use kube::client::{Body, Client, ClientBuilder};
use osp_core::Timestamp;
use osp_core::access::Principal;
use osp_core::model::{ObjectName, ProcessRules};
use osp_core::s3::BucketName;
use osp_core::sigv4::AccessKeyId;
use osp_core::table::{Asker, Lookup, Reader, RouteTable, live};
use osp_fake_apiserver::{ApiServer, custom, secret};
use prometheus::Registry;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::client::bounded;
use super::{LeaseName, Metrics, Settings, Source, Stop, WatchMode};

/// Longer than anything that a test waits for, by the paused clock.
const PATIENCE: Duration = Duration::from_secs(300);

/// The begin of the wall clock in tests.
const EPOCH: i64 = 1_795_000_000;

/// One OSP process, as far as its source is concerned.
struct Replica {
    table: Reader,
    registry: Registry,
    drain: watch::Sender<bool>,
    released: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client of the fake without a socket: with a paused clock, a socket would look like a time-out.
fn client(server: &ApiServer) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = server.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            server.answer(Request::from_parts(head, body)).await.map_err(tower::BoxError::from)
        }
    });
    bounded(ClientBuilder::new(service, "osp-system"))
}

fn namespaces(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A process that watches `team-a` and writes statuses.
fn settings() -> Settings {
    Settings {
        process: ProcessRules::default(),
        watch: WatchMode::Namespaces(namespaces(&["team-a"])),
        namespace_labels: false,
        statuses: Some(lease("replica-1")),
        snapshot_dir: None,
    }
}

fn lease(identity: &str) -> LeaseName {
    LeaseName { namespace: None, name: "osp-osp-leader".to_owned(), identity: identity.to_owned() }
}

fn start(server: &ApiServer, settings: Settings) -> Replica {
    let (publisher, table) = live();
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    let began = Instant::now();
    let wall = Arc::new(move || {
        let passed = i64::try_from(began.elapsed().as_secs()).unwrap();
        Timestamp::from_unix_seconds(EPOCH + passed)
    });
    let source = Source::new(settings, publisher, metrics, wall);
    let (drain, draining) = watch::channel(false);
    let (release, released) = watch::channel(false);
    let client = client(server);
    let task = tokio::spawn(source.follow(client, Stop { draining, released: release }, |_| {}));
    Replica { table, registry, drain, released, task }
}

impl Replica {
    /// Waits until the table is as wanted; the time that took, by the paused clock.
    async fn until(&self, what: &str, wanted: impl Fn(&RouteTable) -> bool) -> Duration {
        let began = Instant::now();
        let waiting = async {
            while !self.table.pin().is_some_and(|table| wanted(&table)) {
                assert!(!self.task.is_finished(), "the source ended while the test waited for {what}");
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, waiting).await.is_ok(), "waited in vain for {what}");
        began.elapsed()
    }

    async fn ready(&self) -> Duration {
        self.until("the first table", |_| true).await
    }

    fn has_table(&self) -> bool {
        self.table.pin().is_some()
    }

    fn fingerprint(&self) -> u64 {
        self.table.pin().unwrap().fingerprint()
    }

    /// The sum of a metric's series that carry this text in their labels.
    fn metric(&self, name: &str, label: &str) -> f64 {
        let mut sum = 0.0;
        for family in self.registry.gather().iter().filter(|family| family.name() == name) {
            for one in family.get_metric() {
                if label.is_empty() || one.get_label().iter().any(|pair| pair.value() == label) {
                    sum += one.get_counter().get_value() + one.get_gauge().get_value();
                }
            }
        }
        sum
    }

    fn swaps(&self) -> f64 {
        self.metric("osp_config_swaps_total", "")
    }
}

/// Waits for something at the server, by the paused clock.
async fn until(server: &ApiServer, what: &str, condition: impl Fn(&ApiServer) -> bool) -> Duration {
    let began = Instant::now();
    assert!(timeout(PATIENCE, server.until(condition)).await.is_ok(), "waited in vain for {what}");
    began.elapsed()
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn look_up(table: &RouteTable, bucket: &str) -> Lookup {
    table.lookup(Asker { host: None, namespace: "team-a" }, &BucketName::parse(bucket).unwrap(), "")
}

fn says(table: &RouteTable, bucket: &str) -> &'static str {
    match look_up(table, bucket) {
        Lookup::Served(_) => "served",
        Lookup::Broken => "broken",
        Lookup::Elsewhere => "elsewhere",
        Lookup::Unknown => "unknown",
        Lookup::Absent => "absent",
    }
}

/// How many may do something in a bucket.
fn grants(table: &RouteTable, bucket: &str) -> usize {
    match look_up(table, bucket) {
        Lookup::Served(route) => route.policy.allow.len(),
        _ => 0,
    }
}

fn knows_key(table: &RouteTable, key: &str) -> bool {
    !table.secrets(&AccessKeyId::parse(key).unwrap()).is_empty()
}

fn visible(table: &RouteTable, namespace: &str, client: &str) -> usize {
    table.visible_to(None, &Principal::new(ObjectName::new(namespace, client))).len()
}

fn route_spec(bucket: &str) -> Value {
    json!({
        "match": { "bucket": bucket },
        "backends": [{
            "name": "b", "endpoint": "https://minio.example.com:9000",
            "credentialRef": { "name": "backend" },
        }],
        "access": [{ "name": "alice", "clientRef": { "name": "alice" }, "permissions": ["Read", "Write"] }],
    })
}

fn route(namespace: &str, name: &str, bucket: &str) -> Value {
    custom("BucketRoute", namespace, name, route_spec(bucket))
}

const KEY: &str = "OSPTESTALICE00000001";

/// A namespace with one route `data`, its credential, its client, and their Secrets.
fn tenant(server: &ApiServer, namespace: &str) {
    // AKIDBACKEND, backend-secret-value; OSPTESTALICE00000001, alice-secret-value
    let backend =
        [("AWS_ACCESS_KEY_ID", "QUtJREJBQ0tFTkQ="), ("AWS_SECRET_ACCESS_KEY", "YmFja2VuZC1zZWNyZXQtdmFsdWU=")];
    let alice =
        [("AWS_ACCESS_KEY_ID", "T1NQVEVTVEFMSUNFMDAwMDAwMDE="), ("AWS_SECRET_ACCESS_KEY", "YWxpY2Utc2VjcmV0LXZhbHVl")];
    server.apply(secret(namespace, "backend-keys", &backend));
    server.apply(secret(namespace, "alice-keys", &alice));
    server.apply(custom("CredentialSource", namespace, "backend", json!({ "secret": { "name": "backend-keys" } })));
    let spec = json!({ "accessKey": { "secretRefs": [{ "name": "alice-keys" }] } });
    server.apply(custom("ClientIdentity", namespace, "alice", spec));
    server.apply(route(namespace, "data", &format!("{namespace}-data")));
}

/// A number that only grows, for names.
fn next() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
