//! `osp explain --kubernetes`: one look at a cluster, by the fake API server of `tests/apiserver` over TCP, says what a
//! process that follows that cluster does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cluster;

use std::process::Command;

use cluster::Cluster;
use osp_fake_apiserver::{Fault, Rule, Verb};
use osp_test_support::gateway::Launch;
use osp_test_support::{ALICE, Connection, Key, Payload, Request, STRANGER, Signer};
use serde_json::json;

const OSP: &str = env!("CARGO_BIN_EXE_osp");

/// Two routes for Alice in `team-a`: `alpha`, without `secret/`, and `broken`, whose credential is missing.
fn with_a_broken_route() -> Cluster {
    let cluster = Cluster::start();
    for (bucket, credential) in [("alpha", "backend"), ("broken", "gone")] {
        let mut route = cluster.route(bucket, &["Read", "List"]);
        route["spec"]["backends"][0]["credentialRef"]["name"] = json!(credential);
        route["spec"]["deny"] = json!([{"name": "no-secrets", "prefixes": ["secret/"]}]);
        cluster.server.apply(route);
    }
    cluster
}

/// Exit code, standard output and standard error of a question about an object.
fn explain(cluster: &Cluster, flags: &[&str], client: &str, bucket: &str, key: &str) -> (Option<i32>, String, String) {
    let kubeconfig = cluster.kubeconfig();
    let done = Command::new(OSP)
        .args(["explain", "--kubernetes", "--kubeconfig", kubeconfig.to_str().unwrap()])
        .args(flags)
        .args(["--client", client, "--operation", "GetObject", "--bucket", bucket, "--key", key])
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

const NAMESPACES: [&str; 2] = ["--watch-namespaces", "team-a"];

#[test]
fn what_one_look_at_the_cluster_says_is_what_a_request_gets() {
    let cluster = with_a_broken_route();
    let kubeconfig = cluster.kubeconfig();
    let gateway =
        Launch::kubernetes(OSP, &kubeconfig).http().arguments(&NAMESPACES).arguments(&["--mode", "proxy"]).ready();
    let get = |key: Key, path: &str| {
        let request = Signer::new(key).sign(Request::new("GET", &gateway.http().to_string(), path), Payload::Sha256);
        Connection::plain(gateway.http()).send(&request).unwrap()
    };
    for (client, signer, bucket, key, status) in [
        ("team-a/alice", ALICE, "alpha", "k", 200),
        ("team-a/alice", ALICE, "alpha", "secret/k", 403),
        ("team-a/alice", ALICE, "broken", "k", 503),
        ("team-a/alice", ALICE, "absent", "k", 404),
        ("team-a/stranger", STRANGER, "alpha", "k", 403),
    ] {
        let (code, told, complaint) = explain(&cluster, &NAMESPACES, client, bucket, key);
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{told}");
        let answer = get(signer, &format!("/{bucket}/{key}"));
        assert_eq!(answer.status, status, "{told}");
        let said = |line: &str| told.lines().any(|one| one == line);
        match answer.code() {
            None => assert!(said("decision: allow") && said("backendBucket: b") && said("credential: team-a/backend")),
            Some(name) => assert!(said(&format!("status: {status}")) && said(&format!("code: {name}")), "{told}"),
        }
        let page = format!("/explain?client={client}&operation=GetObject&bucket={bucket}&key={key}");
        assert_eq!(gateway.admin_page(&page), (200, told.clone()), "the running process says the same");
        let problem = "problem: BucketRoute team-a/broken spec.backends[0].credentialRef.name: CredentialNotFound: ";
        assert_eq!(told.contains(problem), bucket == "broken", "{told}");
    }
    assert!(cluster.backend.settled().len() == 1, "only what is allowed reached the backend");
}

#[test]
fn k_ctl_5_an_explanation_only_reads_and_sees_its_class_and_mode() {
    let cluster = with_a_broken_route();
    for flags in [&["--watch-mode", "Cluster"][..], &["--watch-mode", "Named", "--watch-namespaces", "team-a"]] {
        let (code, told, complaint) = explain(&cluster, flags, "team-a/alice", "alpha", "k");
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{told}");
        assert!(told.starts_with("decision: allow\n"), "{told}");
    }
    let (_, told, _) =
        explain(&cluster, &[&NAMESPACES[..], &["--class", "blue"]].concat(), "team-a/alice", "alpha", "k");
    assert!(told.contains("code: InvalidAccessKeyId\n"), "{told}");
    let (_, told, _) = explain(&cluster, &["--watch-namespaces", "team-b"], "team-a/alice", "alpha", "k");
    assert!(told.contains("code: InvalidAccessKeyId\n"), "{told}");
    let reads = |verb| matches!(verb, Verb::List | Verb::Watch);
    assert!(cluster.server.seen().iter().all(|seen| reads(seen.verb)), "{:?}", cluster.server.seen());
    assert!(cluster.server.objects("Lease").is_empty());
}

#[test]
fn what_may_not_be_read_is_said_and_nothing_is_decided_without_it() {
    let cluster = with_a_broken_route();
    cluster.server.spoil(Rule::new(Fault::Status(403)).of("secrets"));
    let (code, told, complaint) = explain(&cluster, &NAMESPACES, "team-a/alice", "alpha", "k");
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert!(
        complaint.starts_with("osp: Secret in team-a: the fake says 403\nosp: all of it must be readable"),
        "{complaint}"
    );
    assert_eq!(complaint.lines().count(), 2, "{complaint}");
    cluster.server.heal();
    assert_eq!(explain(&cluster, &NAMESPACES, "team-a/alice", "alpha", "k").0, Some(0));

    let (code, _, complaint) = explain(&cluster, &[], "team-a/alice", "alpha", "k");
    assert!(code == Some(1) && complaint.contains("--watch-namespaces: one namespace at least"), "{complaint}");
    std::fs::remove_file(cluster.kubeconfig()).unwrap();
    let (code, _, complaint) = explain(&cluster, &NAMESPACES, "team-a/alice", "alpha", "k");
    assert!(code == Some(1) && complaint.starts_with("osp: kubeconfig: "), "{complaint}");
}
