//! Which part of a cluster is watched, and with which rights.

use osp_fake_apiserver::{Fault, Rule, Seen, Verb};

use super::*;

fn two() -> Settings {
    Settings { watch: WatchMode::Namespaces(namespaces(&["team-a", "team-b"])), ..settings() }
}

#[tokio::test(start_paused = true)]
async fn k_api_6_a_forbidden_namespace_holds_nobody_for_ever_and_then_no_name_is_absent() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    tenant(&server, "team-b");
    server.spoil(Rule::new(Fault::Status(403)).within("team-b"));
    let replica = start(&server, two());
    pass(29).await;
    assert!(!replica.has_table(), "a Role that is applied a moment later must count");
    assert!(replica.ready().await < Duration::from_secs(5));
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "team-b-data")), ("served", "unknown"));
    assert_eq!(replica.metric("osp_kube_synced", "BucketRoute"), 0.0);
    server.heal();
    replica.until("its routes", |table| says(table, "team-b-data") == "served").await;
    replica.until("certainty", |table| says(table, "nothing") == "absent").await;
    pass(2).await;
    assert_eq!(replica.metric("osp_kube_synced", "BucketRoute"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_forbidden_once_and_then_no_answer_is_not_forbidden_for_ever() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Status(403)).of("bucketroutes").times(1));
    let replica = start(&server, settings());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(replica.metric("osp_kube_watch_errors_total", "403"), 1.0);
    server.go_down();
    pass(60).await;
    assert!(!replica.has_table(), "nobody said that routes may not be read");
    server.come_up();
    replica.ready().await;
    assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_the_right_to_list_without_the_right_to_watch_is_not_in_step() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Status(403)).verb(Verb::Watch).of("secrets"));
    let replica = start(&server, settings());
    pass(29).await;
    assert!(!replica.has_table());
    replica.ready().await;
    // What nobody keeps up to date does not count. Routes are complete, so a name without a route is absent.
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "nothing")), ("broken", "absent"));
    assert!(!knows_key(&table, KEY));
    assert_eq!(replica.metric("osp_kube_synced", "Secret"), 0.0);
    server.heal();
    replica.until("its Secrets", |table| says(table, "team-a-data") == "served").await;
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_routes_that_may_be_listed_and_not_watched_are_as_if_they_had_never_been_read() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Status(403)).verb(Verb::Watch).of("bucketroutes"));
    let replica = start(&server, settings());
    pass(29).await;
    assert!(!replica.has_table());
    replica.ready().await;
    // Else a grant that is revoked now would be honoured for ever.
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "nothing")), ("unknown", "unknown"));
    assert_eq!(replica.metric("osp_config_objects", "BucketRoute"), 0.0);
    server.delete("BucketRoute", "team-a", "data");
    server.apply(route("team-a", "late", "late-bucket"));
    server.heal();
    replica.until("the truth", |table| says(table, "late-bucket") == "served").await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "nothing")), ("absent", "absent"));
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_a_right_that_is_taken_away_later_leaves_what_is_known() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    let before = replica.fingerprint();
    server.spoil(Rule::new(Fault::Status(403)).within("team-a"));
    server.cut_watches();
    pass(120).await;
    assert_eq!(replica.fingerprint(), before);
    assert_eq!(replica.metric("osp_kube_synced", "BucketRoute"), 0.0);
    assert!(replica.metric("osp_config_age_seconds", "") > 110.0);
    server.heal();
    server.apply(route("team-a", "late", "late-bucket"));
    replica.until("the next change", |table| says(table, "late-bucket") == "served").await;
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_namespace_that_becomes_forbidden_does_not_stop_the_others() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    tenant(&server, "team-b");
    let replica = start(&server, two());
    replica.ready().await;
    server.spoil(Rule::new(Fault::Status(403)).within("team-b"));
    server.cut_watches();
    pass(40).await;
    server.apply(route("team-a", "late", "late-bucket"));
    server.apply(route("team-b", "unseen", "unseen-bucket"));
    let took = replica.until("the change", |table| says(table, "late-bucket") == "served").await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    pass(5).await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-b-data"), says(&table, "unseen-bucket")), ("served", "absent"));
    assert!(replica.metric("osp_kube_watch_errors_total", "403") > 5.0);
    server.heal();
    replica.until("what was missed", |table| says(table, "unseen-bucket") == "served").await;
}

/// One of the things that a service account may do, as `docs/operating.md` lists them for mode `Namespaces`.
fn is_granted(seen: &Seen) -> bool {
    let (verb, plural, part) = (seen.verb, seen.plural.as_str(), seen.subresource.as_str());
    let reading = matches!(verb, Verb::List | Verb::Watch);
    match (seen.namespace.as_str(), plural) {
        ("team-a", "bucketroutes" | "credentialsources" | "clientidentities") => {
            (reading && part.is_empty()) || (verb == Verb::Patch && part == "status")
        }
        ("team-a", "secrets" | "configmaps") => reading,
        ("team-a", "events") => verb == Verb::Create,
        ("osp-system", "leases") => matches!(verb, Verb::Get | Verb::Create | Verb::Replace),
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn k03_nothing_is_ever_asked_for_that_no_role_grants() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    tenant(&server, "team-b");
    let replica = start(&server, settings());
    replica.ready().await;
    // Statuses, an Event, a Lease that is renewed and given back, watches that end, are cut and begin anew.
    server.delete("Secret", "team-a", "backend-keys");
    until(&server, "the Event", |server| !server.objects("Event").is_empty()).await;
    server.compact();
    server.cut_watches();
    pass(130).await;
    replica.drain.send(true).unwrap();
    let mut released = replica.released.clone();
    timeout(Duration::from_secs(5), released.wait_for(|released| *released)).await.unwrap().unwrap();
    let seen = server.seen();
    let refused: Vec<&Seen> = seen.iter().filter(|seen| !is_granted(seen)).collect();
    assert!(refused.is_empty(), "{refused:?}");
    for verb in [Verb::List, Verb::Watch, Verb::Patch, Verb::Create, Verb::Replace] {
        assert!(seen.iter().any(|seen| seen.verb == verb), "{verb:?} was never tried");
    }
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_cluster_watches_everywhere_with_one_watch_of_each_kind() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    tenant(&server, "team-b");
    let replica = start(&server, Settings { watch: WatchMode::Cluster, ..settings() });
    replica.ready().await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "team-b-data")), ("served", "served"));
    for plural in ["bucketroutes", "secrets", "configmaps"] {
        assert_eq!(server.count(Verb::Watch, plural), 1);
    }
    assert_eq!(server.count(Verb::List, "namespaces"), 0, "not without being told");
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_watched_when_their_labels_are_wanted() {
    let server = ApiServer::default();
    let label = |value: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "team-a", "labels": { "tenant": value } } });
    server.apply(label("a"));
    let replica = start(&server, Settings { namespace_labels: true, ..settings() });
    replica.ready().await;
    assert_eq!(replica.metric("osp_config_objects", "Namespace"), 1.0);
    assert_eq!(replica.metric("osp_kube_synced", "Namespace"), 1.0);
    let before = replica.swaps();
    server.apply(label("b"));
    pass(2).await;
    assert_eq!(replica.swaps(), before + 1.0);
}
