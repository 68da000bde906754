//! What objects say of themselves, and who writes it.

use osp_fake_apiserver::{Fault, Rule, Verb};

use super::*;

const WITHIN_A_TAKEOVER: Duration = Duration::from_secs(25);

fn is(server: &ApiServer, kind: &str, name: &str, condition: &str, wanted: (&str, &str)) -> bool {
    server.condition(kind, "team-a", name, condition) == Some((wanted.0.to_owned(), wanted.1.to_owned()))
}

fn since(server: &ApiServer, name: &str, condition: &str) -> String {
    let object = server.object("BucketRoute", "team-a", name).unwrap();
    let conditions = object["status"]["conditions"].as_array().unwrap().clone();
    let found = conditions.iter().find(|one| one["type"] == condition).unwrap();
    found["lastTransitionTime"].as_str().unwrap().to_owned()
}

fn patches(server: &ApiServer) -> usize {
    server.seen().iter().filter(|seen| seen.verb == Verb::Patch && seen.plural != "events").count()
}

#[tokio::test(start_paused = true)]
async fn k_api_2_what_works_says_so_with_its_generation() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let _replica = start(&server, settings());
    until(&server, "three statuses", |server| patches(server) == 3).await;
    pass(1).await;
    for condition in ["Accepted", "ResolvedRefs", "Programmed", "Ready"] {
        assert!(is(&server, "BucketRoute", "data", condition, ("True", condition)), "{condition}");
    }
    for condition in ["Accepted", "ResolvedRefs", "Ready"] {
        assert!(is(&server, "CredentialSource", "backend", condition, ("True", condition)), "{condition}");
    }
    for condition in ["Accepted", "Ready"] {
        assert!(is(&server, "ClientIdentity", "alice", condition, ("True", condition)), "{condition}");
    }
    assert_eq!(server.object("CredentialSource", "team-a", "backend").unwrap()["status"]["type"], "Secret");
    assert_eq!(server.object("ClientIdentity", "team-a", "alice").unwrap()["status"]["accessKeyID"], KEY);
    let status = &server.object("BucketRoute", "team-a", "data").unwrap()["status"];
    assert_eq!(status["observedGeneration"], 1);
    assert!(status["conditions"].as_array().unwrap().iter().all(|one| one["observedGeneration"] == 1));
    pass(300).await;
    assert_eq!(patches(&server), 3, "and nothing is written twice");
}

#[tokio::test(start_paused = true)]
async fn k_api_2_a_change_elsewhere_changes_the_status_and_times_move_on_flips_only() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let _replica = start(&server, settings());
    until(&server, "ready", |server| is(server, "BucketRoute", "data", "Ready", ("True", "Ready"))).await;
    let first = since(&server, "data", "Accepted");
    pass(100).await;
    // Not the route, the Secret of its credential.
    server.delete("Secret", "team-a", "backend-keys");
    until(&server, "broken", |server| {
        is(server, "BucketRoute", "data", "ResolvedRefs", ("False", "CredentialNotFound"))
            && is(server, "BucketRoute", "data", "Programmed", ("False", "Pending"))
            && is(server, "BucketRoute", "data", "Ready", ("False", "CredentialNotFound"))
            && is(server, "CredentialSource", "backend", "Ready", ("False", "SecretNotFound"))
    })
    .await;
    assert_eq!(since(&server, "data", "Accepted"), first, "it did not flip");
    assert_ne!(since(&server, "data", "ResolvedRefs"), first);
    let events = server.objects("Event");
    let about: Vec<&str> = events.iter().filter_map(|event| event["reason"].as_str()).collect();
    assert!(about.contains(&"CredentialNotFound") && about.contains(&"SecretNotFound"), "{about:?}");
    assert!(events.iter().all(|event| event["type"] == "Warning"));
}

#[tokio::test(start_paused = true)]
async fn k_api_2_the_younger_of_two_routes_is_told_that_it_lost_and_takes_over() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let _replica = start(&server, settings());
    server.apply(route("team-a", "a-second", "team-a-data"));
    until(&server, "the verdict", |server| is(server, "BucketRoute", "a-second", "Accepted", ("False", "Conflicted")))
        .await;
    assert!(is(&server, "BucketRoute", "a-second", "Programmed", ("False", "NotAccepted")));
    assert!(is(&server, "BucketRoute", "a-second", "ResolvedRefs", ("Unknown", "NotAccepted")));
    server.delete("BucketRoute", "team-a", "data");
    until(&server, "its turn", |server| is(server, "BucketRoute", "a-second", "Ready", ("True", "Ready"))).await;
}

/// Two replicas over one tenant's three objects: the first one has written their statuses, the second one looks on.
async fn leader_and_follower(server: &ApiServer) -> (Replica, Replica) {
    tenant(server, "team-a");
    let first = start(server, settings());
    until(server, "three statuses", |server| patches(server) == 3).await;
    let second = start(server, Settings { statuses: Some(lease("replica-2")), ..settings() });
    second.ready().await;
    pass(5).await;
    (first, second)
}

#[tokio::test(start_paused = true)]
async fn k_ctl_5_a_dead_leader_is_replaced_and_statuses_converge() {
    let server = ApiServer::default();
    let (first, second) = leader_and_follower(&server).await;
    assert_eq!((first.metric("osp_leader", ""), second.metric("osp_leader", "")), (1.0, 0.0));
    first.task.abort();
    server.apply(route("team-a", "late", "late-bucket"));
    let took =
        until(&server, "the new one", |server| is(server, "BucketRoute", "late", "Ready", ("True", "Ready"))).await;
    assert!((13..25).contains(&took.as_secs()), "{took:?}");
    assert!(took < WITHIN_A_TAKEOVER);
    assert_eq!(patches(&server), 4, "what the first one wrote is right, so nothing is written again");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_5_of_three_that_begin_at_once_one_leads_and_of_two_that_remain_one_does() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replicas = ["replica-1", "replica-2", "replica-3"]
        .map(|name| start(&server, Settings { statuses: Some(lease(name)), ..settings() }));
    until(&server, "three statuses", |server| patches(server) == 3).await;
    pass(5).await;
    let leaders = |replicas: &[Replica]| replicas.iter().filter(|one| one.metric("osp_leader", "") == 1.0).count();
    assert_eq!((leaders(&replicas), patches(&server)), (1, 3), "nobody else wrote");
    let (killed, remaining): (Vec<Replica>, Vec<Replica>) =
        replicas.into_iter().partition(|one| one.metric("osp_leader", "") == 1.0);
    drop(killed);
    server.apply(route("team-a", "late", "late-bucket"));
    let took =
        until(&server, "the new one", |server| is(server, "BucketRoute", "late", "Ready", ("True", "Ready"))).await;
    assert!(took < WITHIN_A_TAKEOVER, "{took:?}");
    pass(20).await;
    assert_eq!((leaders(&remaining), patches(&server)), (1, 4));
    assert!(remaining.iter().all(|one| one.swaps() == 2.0), "all of them serve it");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_5_a_leader_that_is_told_to_end_writes_what_is_due_and_gives_back() {
    let server = ApiServer::default();
    let (first, _second) = leader_and_follower(&server).await;
    for number in 0..5 {
        server.apply(route("team-a", &format!("r{number}"), &format!("bucket-{number}")));
    }
    first.until("the routes", |table| table.routes().count() == 6).await;
    first.drain.send(true).unwrap();
    let mut released = first.released.clone();
    timeout(Duration::from_secs(5), released.wait_for(|released| *released)).await.unwrap().unwrap();
    assert_eq!(patches(&server), 8);
    let lease = &server.objects("Lease")[0]["spec"]["holderIdentity"].clone();
    assert!(lease == "" || lease == "replica-2", "{lease}");
    // It still follows: requests that drain must not see old grants.
    server.delete("BucketRoute", "team-a", "r0");
    first.until("the deletion", |table| says(table, "bucket-0") == "absent").await;
    server.apply(route("team-a", "late", "late-bucket"));
    let took = until(&server, "the next", |server| is(server, "BucketRoute", "late", "Ready", ("True", "Ready"))).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn k_ctl_5_without_a_lease_statuses_wait_and_serving_does_not() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Status(403)).of("leases"));
    let replica = start(&server, settings());
    assert!(replica.ready().await < Duration::from_secs(2));
    pass(60).await;
    assert_eq!(patches(&server), 0);
    server.heal();
    until(&server, "statuses", |server| patches(server) == 3).await;
}

#[tokio::test(start_paused = true)]
async fn k_ctl_5_a_lease_call_without_an_answer_ends_the_leadership_in_time() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    until(&server, "three statuses", |server| patches(server) == 3).await;
    server.spoil(Rule::new(Fault::Stall).of("leases"));
    pass(13).await;
    server.apply(route("team-a", "late", "late-bucket"));
    replica.until("the route", |table| says(table, "late-bucket") == "served").await;
    pass(5).await;
    assert_eq!(patches(&server), 3, "another one may lead by now");
    assert_eq!(replica.metric("osp_leader", ""), 0.0);
}

#[tokio::test(start_paused = true)]
async fn k_ctl_5_a_proxy_never_writes_to_the_cluster() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, Settings { statuses: None, ..settings() });
    replica.ready().await;
    server.delete("Secret", "team-a", "backend-keys");
    pass(120).await;
    assert!(server.seen().iter().all(|seen| matches!(seen.verb, Verb::List | Verb::Watch)));
    assert!(*replica.released.borrow(), "it holds nothing");
}

#[tokio::test(start_paused = true)]
async fn k_api_2_a_write_that_fails_is_tried_again_and_one_that_hangs_is_cut() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.spoil(Rule::new(Fault::Stall).verb(Verb::Patch).of("bucketroutes").times(1));
    server.spoil(Rule::new(Fault::Status(500)).verb(Verb::Patch).times(3));
    let replica = start(&server, settings());
    let all = |server: &ApiServer| {
        is(server, "BucketRoute", "data", "Ready", ("True", "Ready"))
            && is(server, "CredentialSource", "backend", "Ready", ("True", "Ready"))
            && is(server, "ClientIdentity", "alice", "Ready", ("True", "Ready"))
    };
    until(&server, "all statuses", all).await;
    pass(1).await;
    assert_eq!(replica.metric("osp_status_patches_total", "timeout"), 1.0);
    assert_eq!(replica.metric("osp_status_patches_total", "error"), 3.0);
    assert_eq!(replica.metric("osp_status_patches_total", "ok"), 3.0);
}

#[tokio::test(start_paused = true)]
async fn k_api_2_a_write_about_an_old_version_is_refused_and_made_anew() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    until(&server, "three statuses", |server| patches(server) == 3).await;
    // The watch of routes is silent; somebody changes an annotation, so that the version that is known is old.
    server.freeze_watches();
    let mut annotated = route("team-a", "data", "team-a-data");
    annotated["metadata"]["annotations"] = json!({ "a": "b" });
    server.apply(annotated);
    server.delete("Secret", "team-a", "backend-keys");
    until(&server, "the new status", |server| {
        is(server, "BucketRoute", "data", "Ready", ("False", "CredentialNotFound"))
    })
    .await;
    assert_eq!(server.object("BucketRoute", "team-a", "data").unwrap()["metadata"]["annotations"]["a"], "b");
    assert_eq!(replica.metric("osp_status_patches_total", "error"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn k_api_2_many_statuses_are_written_at_a_measured_pace() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    for number in 0..200 {
        server.apply(route("team-a", &format!("r{number}"), &format!("bucket-{number}")));
    }
    let replica = start(&server, settings());
    replica.ready().await;
    let took = until(&server, "all statuses", |server| patches(server) == 203).await;
    assert!((9..=14).contains(&took.as_secs()), "{took:?}");
    assert_eq!(replica.swaps(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn k_api_2_a_status_that_somebody_else_changed_is_put_right() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    until(&server, "three statuses", |server| patches(server) == 3).await;
    server.spoil_status("BucketRoute", "team-a", "data", json!({ "conditions": [] }));
    until(&server, "the truth", |server| is(server, "BucketRoute", "data", "Ready", ("True", "Ready"))).await;
    assert_eq!(replica.swaps(), 1.0);
}
