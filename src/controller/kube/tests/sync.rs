//! From nothing to the first table.

use futures::{FutureExt, StreamExt};
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use osp_core::model::Kind;
use osp_fake_apiserver::{Fault, Rule, Verb};

use super::super::object::resource;
use super::super::resilient::resilient;
use super::*;

#[tokio::test(start_paused = true)]
async fn k_ctl_1_an_empty_cluster_becomes_ready() {
    let server = ApiServer::default();
    let replica = start(&server, settings());
    assert!(replica.ready().await < Duration::from_secs(2));
    assert_eq!(says(&replica.table.pin().unwrap(), "nothing"), "absent");
    assert_eq!(replica.metric("osp_kube_synced", "BucketRoute"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_a_cluster_with_objects_is_served_whole_from_the_first_table_on() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), grants(&table, "team-a-data")), ("served", 1));
    assert!(knows_key(&table, KEY));
    assert_eq!(visible(&table, "team-a", "alice"), 1);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_nothing_is_in_force_while_one_watch_is_not_in_step() {
    for plural in ["bucketroutes", "credentialsources", "clientidentities", "secrets", "configmaps"] {
        for verb in [Verb::List, Verb::Watch] {
            let server = ApiServer::default();
            tenant(&server, "team-a");
            server.spoil(Rule::new(Fault::Slow(Duration::from_secs(9))).verb(verb).of(plural));
            let replica = start(&server, settings());
            pass(8).await;
            assert!(!replica.has_table(), "{verb:?} of {plural} is not answered yet");
            replica.ready().await;
            assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served", "{verb:?} {plural}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_without_its_crds_a_cluster_is_waited_for() {
    let server = ApiServer::default();
    server.spoil(Rule::new(Fault::Status(404)).of("bucketroutes"));
    let replica = start(&server, settings());
    pass(120).await;
    assert!(!replica.has_table() && !replica.task.is_finished());
    assert!(replica.metric("osp_kube_watch_errors_total", "404") > 10.0);
    server.heal();
    assert!(replica.ready().await < Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn k_ctl_4_lists_come_in_pages_and_all_of_them_count() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    for number in 0..1_203 {
        server.apply(route("team-a", &format!("r{number}"), &format!("bucket-{number}")));
    }
    let replica = start(&server, Settings { statuses: None, ..settings() });
    replica.ready().await;
    let table = replica.table.pin().unwrap();
    assert_eq!(table.routes().count(), 1_204);
    assert_eq!(server.count(Verb::List, "bucketroutes"), 3, "pages of 500");
    assert_eq!(replica.metric("osp_config_objects", "BucketRoute"), 1_204.0);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_objects_of_another_class_are_not_even_asked_for() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let mut other = route("team-a", "other", "other-bucket");
    other["spec"]["className"] = json!("blue");
    server.apply(other);
    let replica = start(&server, settings());
    replica.ready().await;
    assert_eq!(says(&replica.table.pin().unwrap(), "other-bucket"), "absent");
    let lists = server.seen();
    let ours = lists.iter().filter(|seen| seen.plural == "bucketroutes" && seen.verb == Verb::List);
    assert!(ours.into_iter().all(|seen| seen.selector.contains("spec.className=osp")));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_panics_ends_the_source() {
    let server = ApiServer::default();
    let (publisher, _table) = live();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let source = Source::new(settings(), publisher, metrics, Arc::new(|| panic!("the clock is broken")));
    let (_drain, draining) = watch::channel(false);
    let (released, _) = watch::channel(false);
    let ended = tokio::spawn(source.follow(client(&server), Stop { draining, released }, |_| {})).await;
    assert!(ended.is_err_and(|error| error.is_panic()));
}

#[tokio::test(start_paused = true)]
async fn k10_one_bad_route_among_5000_and_a_config_map_of_a_mebibyte_hold_nobody() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    for number in 0..5_000 {
        server.apply(route("team-a", &format!("r{number}"), &format!("bucket-{number}")));
    }
    let mut bad = route("team-a", "bad", "bad-bucket");
    bad["spec"]["newField"] = json!("x".repeat(100_000));
    server.apply(bad);
    server.apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "namespace": "team-a", "name": "big", "labels": { "osp.flexworks.eu/watch": "true" } },
        "data": { "ca.crt": "x".repeat(1 << 20) },
    }));
    let replica = start(&server, Settings { statuses: None, ..settings() });
    replica.ready().await;
    let table = replica.table.pin().unwrap();
    assert_eq!(table.routes().count(), 5_001);
    assert_eq!((says(&table, "bad-bucket"), says(&table, "bucket-4999")), ("broken", "served"));
}

#[tokio::test(start_paused = true)]
async fn k_ctl_4_what_has_arrived_waits_for_no_timer() {
    const PAGE: usize = 100;
    let server = ApiServer::default();
    for number in 0..PAGE {
        server.apply(custom("BucketRoute", "team-a", &format!("route-{number}"), json!({})));
    }
    let api: Api<DynamicObject> = Api::all_with(client(&server), &resource(Kind::BucketRoute));
    let mut events = std::pin::pin!(resilient(api, watcher::Config::default()));
    assert!(matches!(events.next().await, Some(Ok(watcher::Event::Init))));
    assert!(matches!(events.next().await, Some(Ok(watcher::Event::InitApply(_)))));
    // Timers go by whole milliseconds: between two of them, one that is due now is due at the next.
    tokio::time::advance(Duration::from_micros(500)).await;
    let rest: Vec<_> = std::iter::from_fn(|| events.next().now_or_never().flatten()).take(PAGE).collect();
    assert_eq!(rest.len(), PAGE, "without any wait");
    assert!(matches!(rest.last(), Some(Ok(watcher::Event::InitDone))));
}
