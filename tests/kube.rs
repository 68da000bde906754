//! The whole binary with a cluster as its source: the fake API server of `tests/apiserver` over TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cluster;
#[path = "kube/rollout.rs"]
mod rollout;
#[path = "kube/scale.rs"]
mod scale;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cluster::Cluster;
use osp_fake_apiserver::{Fault, Rule, Verb};
use osp_test_support::gateway::{Gateway, Launch};
use osp_test_support::{ALICE, BACKEND, Connection, Payload, Request, Signer, wait_until};
use serde_json::{Value, json};

const OSP: &str = env!("CARGO_BIN_EXE_osp");

fn launch(kubeconfig: &std::path::Path) -> Launch<'_> {
    Launch::kubernetes(OSP, kubeconfig).http().arguments(&["--watch-namespaces", "team-a"])
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let request = Signer::new(ALICE).sign(Request::new("GET", &address.to_string(), path), Payload::Sha256);
    let response = Connection::plain(address).send(&request).unwrap();
    (response.status, response.text())
}

/// Tells threads to end, also when the test has failed meanwhile.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn ready(gateway: &Gateway) -> bool {
    gateway.admin_page("/readyz").0 == 200
}

/// How long it takes until a request is answered like this.
fn until(gateway: &Gateway, path: &str, status: u16) -> Duration {
    let began = Instant::now();
    wait_until("the change to be in force", || get(gateway.http(), path).0 == status);
    began.elapsed()
}

#[test]
fn c16_what_is_applied_is_served_and_what_is_revoked_is_denied_within_a_second() {
    let cluster = Cluster::start();
    let kubeconfig = cluster.kubeconfig();
    let gateway = launch(&kubeconfig).ready();
    assert!(ready(&gateway));
    assert_eq!(get(gateway.http(), "/alpha/k"), (200, "content".to_owned()));
    cluster.server.apply(cluster.route("beta", &["Read"]));
    assert!(until(&gateway, "/beta/k", 200) < Duration::from_secs(1));
    cluster.server.apply(cluster.route("beta", &[]));
    assert!(until(&gateway, "/beta/k", 403) < Duration::from_secs(1));
    cluster.server.delete("BucketRoute", "team-a", "beta");
    assert!(until(&gateway, "/beta/k", 404) < Duration::from_secs(1));
    assert_eq!(get(gateway.http(), "/alpha/k").0, 200);
    wait_until("the status", || {
        let ready = cluster.server.condition("BucketRoute", "team-a", "alpha", "Ready");
        ready == Some(("True".to_owned(), "Ready".to_owned()))
    });
    let page = gateway.admin_page("/config").1;
    assert!(page.contains("team-a/alpha") && !page.contains(BACKEND.secret) && !page.contains(ALICE.secret), "{page}");
}

#[test]
fn k_ctl_1_until_the_cluster_is_known_every_request_is_503_and_the_process_is_not_ready() {
    let cluster = Cluster::start();
    cluster.server.spoil(Rule::new(Fault::Status(500)).verb(Verb::List).of("secrets"));
    let kubeconfig = cluster.kubeconfig();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (http, admin) = (free(), free());
    let addresses = [http.to_string(), admin.to_string()];
    let arguments = ["--watch-namespaces", "team-a", "--http-listen", &addresses[0], "--admin-listen", &addresses[1]];
    let gateway = Launch::kubernetes(OSP, &kubeconfig).arguments(&arguments).started();
    wait_until("the listeners", || [http, admin].iter().all(|one| TcpStream::connect(one).is_ok()));
    let page = |path: &str| {
        let request = Request::new("GET", &admin.to_string(), path).header("Connection", "close");
        Connection::plain(admin).send(&request).unwrap().status
    };
    let metrics = || {
        let request = Request::new("GET", &admin.to_string(), "/metrics").header("Connection", "close");
        Connection::plain(admin).send(&request).unwrap().text()
    };
    wait_until("a watch to fail", || metrics().contains("osp_kube_watch_errors_total{kind=\"Secret\",status=\"500\"}"));
    assert_eq!((page("/livez"), page("/readyz")), (200, 503));
    let (status, body) = get(http, "/alpha/k");
    assert!(status == 503 && body.contains("ServiceUnavailable"), "{status} {body}");
    assert!(cluster.backend.settled().is_empty());
    cluster.server.heal();
    wait_until("readiness", || page("/readyz") == 200);
    assert_eq!(get(http, "/alpha/k").0, 200);
    drop(gateway);
}

#[test]
fn k_ctl_2_an_api_server_that_is_gone_changes_nothing_for_clients() {
    let cluster = Cluster::start();
    let kubeconfig = cluster.kubeconfig();
    let gateway = launch(&kubeconfig).ready();
    let failed = |kind: &str| gateway.metrics().sum("osp_kube_watch_errors_total", &[kind]);
    cluster.server.go_down();
    // Every watch has noticed, and the routes' has tried again in vain.
    let kinds = ["BucketRoute", "CredentialSource", "ClientIdentity", "Secret", "ConfigMap"];
    wait_until("all watches to fail", || {
        assert_eq!(get(gateway.http(), "/alpha/k").0, 200);
        kinds.iter().all(|kind| failed(&format!("kind=\"{kind}\"")) >= 1.0) && failed("kind=\"BucketRoute\"") >= 2.0
    });
    assert!(ready(&gateway));
    cluster.server.apply(cluster.route("late", &["Read"]));
    cluster.server.come_up();
    until(&gateway, "/late/k", 200);
}

#[test]
fn k_ctl_5_a_controller_serves_nothing_and_a_proxy_writes_nothing() {
    let cluster = Cluster::start();
    let kubeconfig = cluster.kubeconfig();
    let proxy = launch(&kubeconfig).arguments(&["--mode", "proxy"]).ready();
    assert_eq!(get(proxy.http(), "/alpha/k").0, 200);
    assert_eq!(cluster.server.count(Verb::Create, "leases"), 0);
    let mut controller = launch(&kubeconfig).arguments(&["--mode", "controller"]).ready();
    assert!(controller.bound().get("http").is_none(), "{}", controller.bound());
    wait_until("the statuses", || cluster.server.count(Verb::Patch, "bucketroutes") == 1);
    let holder = |cluster: &Cluster| cluster.server.objects("Lease")[0]["spec"]["holderIdentity"].clone();
    assert!(holder(&cluster).as_str().unwrap().starts_with("osp-test_"));
    assert_eq!(cluster.server.objects("Lease")[0]["metadata"]["namespace"], "osp-system");
    controller.terminate();
    assert!(controller.wait_exit().success());
    assert_eq!(holder(&cluster), "", "the Lease is given back before the process ends");
}

#[test]
fn k_ctl_3_a_server_that_compresses_whatever_it_may_is_understood() {
    // The fake does so for whoever says `Accept-Encoding: gzip`, and for watches with one member for each event.
    let cluster = Cluster::start();
    let kubeconfig = cluster.kubeconfig();
    let gateway = launch(&kubeconfig).ready();
    for number in 0..3 {
        cluster.server.apply(cluster.route(&format!("beta-{number}"), &["Read"]));
        until(&gateway, &format!("/beta-{number}/k"), 200);
    }
    cluster.server.compact();
    cluster.server.cut_watches();
    cluster.server.apply(cluster.route("gamma", &["Read"]));
    until(&gateway, "/gamma/k", 200);
    let seen = cluster.server.seen();
    assert!(seen.iter().all(|one| one.verb != Verb::Watch || !one.accepts_gzip), "members after the first get lost");
}

#[test]
fn k_ctl_1_a_process_that_follows_its_documents_no_longer_ends_with_code_70() {
    let cluster = Cluster::start();
    let text = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    // Found when the first connection is prepared, by the part that follows the documents.
    config["users"][0]["user"] = json!({"client-certificate-data": STANDARD.encode("no certificate"), "client-key-data": STANDARD.encode("no key")});
    let kubeconfig = cluster.kubeconfig().with_file_name("unusable");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let (status, log) = launch(&kubeconfig).fails();
    assert_eq!(status.code(), Some(70), "{log}");
    assert!(log.contains("no connection to the API server") && log.contains("no longer followed"), "{log}");
}

#[test]
fn a_kubeconfig_that_is_none_is_exit_1_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("nothing");
    let (status, log) = launch(&missing).fails();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("kubeconfig"), "{log}");
}
