//! `--watch-mode Named`: one watch for each object that is referred to.

use osp_fake_apiserver::{Fault, Rule, Verb};

use super::*;

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

#[tokio::test(start_paused = true)]
async fn k_pkg_3_named_secrets_without_an_answer_hold_readiness_for_30_seconds_together() {
    let watch = WatchMode::Named(namespaces(&["team-a", "team-b"]));
    for fault in [Fault::Stall, Fault::StallBody, Fault::Status(500)] {
        let server = ApiServer::default();
        tenant(&server, "team-a");
        tenant(&server, "team-b");
        server.spoil(Rule::new(fault).verb(Verb::List).of("secrets").within("team-b"));
        let editing = restless(&server);
        let replica = start(&server, Settings { watch: watch.clone(), ..settings() });
        pass(29).await;
        assert!(!replica.has_table(), "{fault:?}");
        let took = replica.ready().await;
        assert!(took < Duration::from_secs(3), "{fault:?}: {took:?}");
        let table = replica.table.pin().unwrap();
        assert_eq!((says(&table, "team-a-data"), says(&table, "team-b-data")), ("served", "broken"));
        assert_eq!(replica.metric("osp_kube_synced", "Secret"), 0.0);
        drop(editing);
        let spec = json!({ "secret": { "name": "backend-keys" } });
        server.apply(custom("CredentialSource", "team-b", "backend", spec));
        server.heal();
        replica.until("its Secrets", |table| says(table, "team-b-data") == "served").await;
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_the_disk_stands_in_until_the_named_secrets_have_answered() {
    let (server, dir) = (ApiServer::default(), tempfile::tempdir().unwrap());
    tenant(&server, "team-a");
    let named = || Settings {
        watch: WatchMode::Named(namespaces(&["team-a"])),
        snapshot_dir: Some(dir.path().to_owned()),
        ..settings()
    };
    start(&server, named()).ready().await;
    // Its routes are read, then nothing answers any more, not even with a reset.
    server.spoil(Rule::new(Fault::Stall).of("secrets"));
    let replica = start(&server, named());
    pass(2).await;
    server.spoil(Rule::new(Fault::Stall));
    server.freeze_watches();
    assert!((27..=32).contains(&replica.ready().await.as_secs()));
    assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served", "from the disk");
    for _ in 0..180 {
        pass(1).await;
        assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served");
    }
    server.heal();
    server.apply(route("team-a", "late", "late-bucket"));
    let truth = |table: &RouteTable| {
        assert_eq!(says(table, "team-a-data"), "served", "no table without the Secrets comes before");
        says(table, "late-bucket") == "served"
    };
    replica.until("the truth", truth).await;
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_a_namespace_with_too_many_references_is_told_and_leaves_the_others_theirs() {
    let server = ApiServer::default();
    tenant(&server, "team-b");
    for number in 0..600 {
        let spec = json!({ "secret": { "name": format!("secret-{number}") } });
        server.apply(custom("CredentialSource", "team-a", &format!("source-{number}"), spec));
    }
    // Younger than all of these.
    tenant(&server, "team-c");
    let watch = WatchMode::Named(namespaces(&["team-a", "team-b", "team-c"]));
    let replica = start(&server, Settings { watch, ..settings() });
    replica.ready().await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-b-data"), says(&table, "team-c-data")), ("served", "served"));
    assert_eq!(replica.metric("osp_kube_unwatched_references", ""), 104.0, "600 + 2 + 2 - 500");
    // A few are closed again when the other namespaces' references become known.
    assert!((500..=504).contains(&server.count(Verb::Watch, "secrets")));
    let message = |name: &str| {
        let object = server.object("CredentialSource", "team-a", name).unwrap();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|one| one["type"] == "Ready").unwrap_or_default();
        ready["message"].as_str().unwrap_or_default().to_owned()
    };
    until(&server, "every status", |_| !message("source-599").is_empty() && !message("source-0").is_empty()).await;
    assert!(message("source-599").contains("500 that are watched by name"), "{}", message("source-599"));
    assert!(!message("source-0").contains("watched by name"), "the oldest are watched: {}", message("source-0"));
    // Nobody is stuck: with fewer references all are watched.
    for number in 0..200 {
        server.delete("CredentialSource", "team-a", &format!("source-{number}"));
    }
    pass(3).await;
    assert_eq!(replica.metric("osp_kube_unwatched_references", ""), 0.0);
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
