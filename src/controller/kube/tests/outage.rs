//! What an API server and a network can do to watches.

use osp_fake_apiserver::{Fault, Rule, Verb};

use super::*;

fn lists(server: &ApiServer) -> usize {
    server.seen().iter().filter(|seen| seen.verb == Verb::List).count()
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_thirty_minutes_without_an_api_server_change_nothing() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    until(&server, "statuses", |server| {
        server.condition("BucketRoute", "team-a", "data", "Ready").is_some_and(|(status, _)| status == "True")
    })
    .await;
    pass(3).await;
    let (before, swaps, listed) = (replica.fingerprint(), replica.swaps(), lists(&server));
    server.go_down();
    pass(1_800).await;
    assert!(replica.has_table() && !replica.task.is_finished());
    assert_eq!((replica.fingerprint(), replica.swaps()), (before, swaps));
    let age = replica.metric("osp_config_age_seconds", "");
    assert!((1_800.0..1_870.0).contains(&age), "{age}");
    assert_eq!(replica.metric("osp_leader", ""), 0.0, "nobody can know who leads");

    server.apply(route("team-a", "late", "late-bucket"));
    server.come_up();
    let found = replica.until("what was missed", |table| says(table, "late-bucket") == "served").await;
    assert!(found < Duration::from_secs(8), "{found:?}");
    pass(60).await;
    assert_eq!(lists(&server), listed, "watches go on where they were: no re-list storm");
    assert!(replica.metric("osp_config_age_seconds", "") < 70.0);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_quiet_cluster_is_not_stale() {
    let server = ApiServer::default();
    let replica = start(&server, Settings { statuses: None, ..settings() });
    replica.ready().await;
    for _ in 0..20 {
        pass(30).await;
        let age = replica.metric("osp_config_age_seconds", "");
        assert!(age < 66.0, "{age}");
    }
    assert_eq!(replica.metric("osp_kube_watch_errors_total", ""), 0.0);
    assert_eq!(replica.swaps(), 1.0);
}

/// Spoils, changes something, and tells how long it took until that was served.
async fn noticed_after(rule: Option<Rule>, trouble: impl Fn(&ApiServer)) -> Duration {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    pass(5).await;
    if let Some(rule) = rule {
        server.spoil(rule);
    }
    trouble(&server);
    server.apply(route("team-a", "late", "late-bucket"));
    replica.until("the change", |table| says(table, "late-bucket") == "served").await
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_dead_watch_is_noticed_within_65_seconds() {
    let took = noticed_after(None, ApiServer::freeze_watches).await;
    assert!((60..=66).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_cut_watch_goes_on_at_once_and_where_it_was() {
    let took = noticed_after(None, ApiServer::cut_watches).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_an_opening_without_an_answer_is_given_up_after_15_seconds() {
    let stalled = Rule::new(Fault::Stall).verb(Verb::Watch).of("bucketroutes").times(1);
    let took = noticed_after(Some(stalled), ApiServer::cut_watches).await;
    assert!((15..=18).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_list_without_an_answer_is_given_up_after_15_seconds() {
    let server = ApiServer::default();
    server.spoil(Rule::new(Fault::Stall).verb(Verb::List).of("secrets").times(1));
    let replica = start(&server, settings());
    let took = replica.ready().await;
    assert!((15..=18).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_list_that_stops_half_way_is_given_up_after_15_seconds() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let stalled = || Rule::new(Fault::StallBody).verb(Verb::List).of("bucketroutes").times(1);
    server.spoil(stalled());
    let replica = start(&server, settings());
    let took = replica.ready().await;
    assert!((15..=18).contains(&took.as_secs()), "{took:?}");
    // And one that is made anew, because history is gone: meanwhile what is known stays.
    server.spoil(stalled());
    server.apply(custom("CredentialSource", "team-a", "other", json!({ "secret": { "name": "backend-keys" } })));
    server.compact();
    server.cut_watches();
    server.apply(route("team-a", "late", "late-bucket"));
    pass(14).await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "late-bucket")), ("served", "absent"));
    let took = replica.until("the change", |table| says(table, "late-bucket") == "served").await;
    // The pause after the cut, 15 s, and the pause after that.
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_line_that_is_no_event_is_a_lost_watch() {
    // Of other types, no JSON, and a Status without the envelope of an event.
    for line in [r#"{"type":"ADDED","object":7}"#, "<html>", r#"{"kind":"Status","code":500}"#, r#"{"a":1}"#] {
        let server = ApiServer::default();
        tenant(&server, "team-a");
        let replica = start(&server, settings());
        replica.ready().await;
        server.spoil(Rule::new(Fault::Garbled(line)).verb(Verb::Watch).of("bucketroutes").times(1));
        server.cut_watches();
        pass(5).await;
        let listed = server.count(Verb::List, "bucketroutes");
        server.apply(route("team-a", "lost", "lost-bucket"));
        server.apply(route("team-a", "next", "next-bucket"));
        let both =
            |table: &RouteTable| says(table, "lost-bucket") == "served" && says(table, "next-bucket") == "served";
        let took = replica.until("what the line should have told", both).await;
        assert!(took < Duration::from_secs(2), "{line}: {took:?}");
        assert_eq!(server.count(Verb::List, "bucketroutes"), listed + 1, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_compression_that_nobody_asked_for_is_an_error_and_loses_nothing() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Compressed).of("bucketroutes"));
    let replica = start(&server, settings());
    pass(20).await;
    assert!(!replica.has_table() && replica.metric("osp_kube_watch_errors_total", "BucketRoute") > 3.0);
    server.heal();
    assert!(replica.ready().await < Duration::from_secs(9));
    server.spoil(Rule::new(Fault::Compressed).of("bucketroutes"));
    server.cut_watches();
    pass(5).await;
    server.apply(route("team-a", "late", "late-bucket"));
    pass(60).await;
    assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served");
    let asked = server.count(Verb::Watch, "bucketroutes");
    assert!(asked < 40, "{asked} openings in a minute");
    server.heal();
    replica.until("the change", |table| says(table, "late-bucket") == "served").await;
    assert!(server.seen().iter().all(|seen| !seen.accepts_gzip), "nobody did ask");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_the_age_tells_of_a_loop_that_hangs() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let (publisher, table) = live();
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).unwrap();
    let wall = Arc::new(|| Timestamp::from_unix_seconds(EPOCH));
    let source = Source::new(Settings { statuses: None, ..settings() }, publisher, metrics, wall);
    let (_drain, draining) = watch::channel(false);
    let (released, _release) = watch::channel(false);
    let mut following = Box::pin(source.follow(client(&server), Stop { draining, released }, |_| {}));
    assert!(timeout(Duration::from_secs(200), &mut following).await.is_err());
    assert!(table.pin().is_some());
    let age = || {
        let families = registry.gather();
        let age = families.iter().find(|family| family.name() == "osp_config_age_seconds").unwrap();
        age.get_metric()[0].get_gauge().get_value()
    };
    let before = age();
    assert!(before < 66.0, "{before}");
    // From now on nobody polls it, as when something in it blocks; its watches go on.
    pass(100).await;
    let after = age();
    assert!((99.0..102.0).contains(&(after - before)), "{before} {after}");
    drop(following);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_410_in_any_shape_begins_anew_with_a_list() {
    for fault in [Fault::GoneEvent, Fault::Status(410)] {
        let gone = Rule::new(fault).verb(Verb::Watch).of("bucketroutes").times(1);
        let took = noticed_after(Some(gone), ApiServer::cut_watches).await;
        assert!(took < Duration::from_secs(3), "{fault:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_410_for_ever_is_no_loop_of_lists() {
    for fault in [Fault::GoneEvent, Fault::Status(410)] {
        let server = ApiServer::default();
        let replica = start(&server, Settings { statuses: None, ..settings() });
        replica.ready().await;
        let before = server.count(Verb::List, "secrets");
        server.spoil(Rule::new(fault).verb(Verb::Watch).of("secrets"));
        server.cut_watches();
        pass(60).await;
        let asked = server.count(Verb::List, "secrets") - before;
        assert!((5..=25).contains(&asked), "{fault:?}: {asked} LISTs in a minute");
        server.heal();
        tenant(&server, "team-a");
        replica.until("what came meanwhile", |table| says(table, "team-a-data") == "served").await;
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_compacted_history_loses_no_deletion() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    server.go_down();
    pass(10).await;
    server.delete("BucketRoute", "team-a", "data");
    server.apply(route("team-a", "new", "new-bucket"));
    server.compact();
    server.come_up();
    let both = |table: &RouteTable| says(table, "team-a-data") == "absent" && says(table, "new-bucket") == "served";
    assert!(replica.until("both changes", both).await < Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn k_ctl_3_a_failing_list_is_asked_every_few_seconds_and_no_more() {
    let server = ApiServer::default();
    server.spoil(Rule::new(Fault::Status(500)).verb(Verb::List));
    let replica = start(&server, settings());
    pass(150).await;
    assert!(!replica.has_table());
    let asked = server.count(Verb::List, "secrets");
    assert!((20..=40).contains(&asked), "{asked} LISTs in 150 s");
    server.heal();
    assert!(replica.ready().await < Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_what_is_known_stays_whole_while_a_list_fails_half_way() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    for number in 0..700 {
        server.apply(route("team-a", &format!("r{number}"), &format!("bucket-{number}")));
    }
    let replica = start(&server, Settings { statuses: None, ..settings() });
    replica.ready().await;
    server.compact();
    // The first page comes, the second one never does.
    server.spoil(Rule::new(Fault::Slow(Duration::ZERO)).verb(Verb::List).of("bucketroutes").times(1));
    server.spoil(Rule::new(Fault::Status(500)).verb(Verb::List).of("bucketroutes"));
    server.apply(route("team-a", "r0", "another"));
    server.compact();
    server.cut_watches();
    for _ in 0..60 {
        pass(1).await;
        assert!(replica.table.pin().unwrap().routes().count() >= 701);
    }
}
