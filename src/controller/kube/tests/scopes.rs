//! Which part of a cluster is watched, and with which rights.

use osp_fake_apiserver::{Fault, Rule, Verb};

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
async fn k_pkg_3_named_asks_for_single_objects_and_for_nothing_else() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.apply(secret("team-a", "unrelated", &[("k", "dg==")]));
    let watch = WatchMode::Named(namespaces(&["team-a"]));
    let replica = start(&server, Settings { watch, ..settings() });
    replica.ready().await;
    assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served");
    let asked: BTreeSet<String> = server
        .seen()
        .into_iter()
        .filter(|seen| ["secrets", "configmaps"].contains(&seen.plural.as_str()))
        .map(|seen| seen.selector)
        .collect();
    let names = ["metadata.name=alice-keys&".to_owned(), "metadata.name=backend-keys&".to_owned()];
    assert_eq!(asked, BTreeSet::from(names));
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_named_follows_references_without_a_moment_of_breakage() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let watch = WatchMode::Named(namespaces(&["team-a"]));
    let replica = start(&server, Settings { watch, ..settings() });
    replica.ready().await;
    let data = [("AWS_ACCESS_KEY_ID", "QUtJREJBQ0tFTkQy"), ("AWS_SECRET_ACCESS_KEY", "YmFja2VuZC1zZWNyZXQtMg==")];
    server.apply(secret("team-a", "backend-keys-2", &data));
    server.spoil(Rule::new(Fault::Slow(Duration::from_millis(200))).of("secrets"));
    let before = replica.fingerprint();
    server.apply(custom("CredentialSource", "team-a", "backend", json!({ "secret": { "name": "backend-keys-2" } })));
    let began = Instant::now();
    while replica.fingerprint() == before {
        assert!(began.elapsed() < Duration::from_secs(2));
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served", "the first table that has the change");
    // Nobody refers to the old one any more: it is not asked for again.
    pass(5).await;
    let old = |server: &ApiServer| {
        let seen = server.seen();
        seen.iter().filter(|seen| seen.selector.starts_with("metadata.name=backend-keys&")).count()
    };
    let asked = old(&server);
    pass(180).await;
    assert_eq!(old(&server), asked);
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_a_named_secret_that_may_not_be_read_breaks_its_route_and_holds_nobody() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Status(403)).of("secrets"));
    let watch = WatchMode::Named(namespaces(&["team-a"]));
    let replica = start(&server, Settings { watch, ..settings() });
    let took = replica.ready().await;
    assert!((30..36).contains(&took.as_secs()), "{took:?}");
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "nothing")), ("broken", "absent"));
}

/// Somebody in `team-b` changes a reference every 400 ms, to another name each time.
fn restless(server: &ApiServer) -> tokio::task::JoinSet<()> {
    let server = server.clone();
    let mut editing = tokio::task::JoinSet::new();
    editing.spawn(async move {
        loop {
            let spec = json!({ "secret": { "name": format!("secret-{}", next()) } });
            server.apply(custom("CredentialSource", "team-b", "backend", spec));
            sleep(Duration::from_millis(400)).await;
        }
    });
    editing
}

#[tokio::test(start_paused = true)]
async fn k_api_4_references_that_change_all_the_time_do_not_hold_the_revocations_of_others() {
    let watch = WatchMode::Named(namespaces(&["team-a", "team-b"]));
    for fault in [Fault::Status(403), Fault::Stall] {
        let server = ApiServer::default();
        tenant(&server, "team-a");
        tenant(&server, "team-b");
        let replica = start(&server, Settings { watch: watch.clone(), ..settings() });
        replica.ready().await;
        server.spoil(Rule::new(fault).of("secrets").within("team-b"));
        let _editing = restless(&server);
        pass(4).await;
        let mut revoked = route("team-a", "data", "team-a-data");
        revoked["spec"]["access"] = json!([]);
        server.apply(revoked);
        let took = replica.until("the revocation", |table| grants(table, "team-a-data") == 0).await;
        assert!(took <= Duration::from_millis(1_100), "{fault:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_forbidden_references_that_change_all_the_time_do_not_hold_readiness() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    tenant(&server, "team-b");
    server.spoil(Rule::new(Fault::Status(403)).of("secrets").within("team-b"));
    let _editing = restless(&server);
    let watch = WatchMode::Named(namespaces(&["team-a", "team-b"]));
    let replica = start(&server, Settings { watch, ..settings() });
    let took = replica.ready().await;
    assert!((30..=32).contains(&took.as_secs()), "{took:?}");
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "team-b-data")), ("served", "broken"));
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

#[tokio::test(start_paused = true)]
async fn k_pkg_3_the_last_words_of_a_closed_watch_do_not_count_for_its_successor() {
    use super::super::follow::{Message, Seen};
    use super::super::following::Following;
    use super::super::status::Board;
    use osp_core::model::Kind;
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let (publisher, table) = live();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let watch = WatchMode::Named(namespaces(&["team-a"]));
    let wall = Arc::new(|| Timestamp::from_unix_seconds(EPOCH));
    let source = Source::new(Settings { watch, ..settings() }, publisher, metrics, wall);
    let (messages, mut inbox) = tokio::sync::mpsc::channel(1024);
    let mut following = Following::new(source, client(&server), Arc::new(Board::default()), messages);
    let refer_to = |name: &str| {
        let spec = json!({ "accessKey": { "secretRefs": [{ "name": name }] } });
        server.apply(custom("ClientIdentity", "team-a", "alice", spec));
    };
    let mut told = Vec::new();
    for name in ["alice-keys", "others", "alice-keys"] {
        refer_to(name);
        while let Ok(Some(message)) = timeout(Duration::from_secs(1), inbox.recv()).await {
            if message.scope.name.as_deref() == Some("alice-keys") {
                told.push((message.scope.clone(), message.epoch));
            }
            following.hear(message);
        }
    }
    let ((scope, first), (_, last)) = (told.first().unwrap().clone(), told.last().unwrap().clone());
    assert_ne!(first, last);
    let name = ObjectName::new("team-a", "alice-keys");
    let gone = || Seen::Deleted(super::super::testing::object(Kind::Secret, &name.namespace, &name.name, json!({})));
    following.hear(Message { scope: scope.clone(), epoch: first, seen: gone() });
    following.rebuild().await.unwrap();
    assert!(knows_key(&table.pin().unwrap(), KEY));
    following.hear(Message { scope, epoch: last, seen: gone() });
    following.rebuild().await.unwrap();
    assert!(!knows_key(&table.pin().unwrap(), KEY), "those of the one that is open do");
}
