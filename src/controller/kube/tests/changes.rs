//! What happens after the first table.

use osp_fake_apiserver::Verb;

use super::*;

const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn k_api_4_a_revoked_grant_denies_within_a_second() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    assert_eq!(grants(&replica.table.pin().unwrap(), "team-a-data"), 1);
    let mut revoked = route("team-a", "data", "team-a-data");
    revoked["spec"]["access"] = json!([]);
    server.apply(revoked);
    assert!(replica.until("the revocation", |table| grants(table, "team-a-data") == 0).await < AT_ONCE);
    assert_eq!(says(&replica.table.pin().unwrap(), "team-a-data"), "served");
}

#[tokio::test(start_paused = true)]
async fn k_api_4_a_deleted_identity_is_unknown_within_a_second() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    server.delete("ClientIdentity", "team-a", "alice");
    let gone = |table: &RouteTable| !knows_key(table, KEY) && grants(table, "team-a-data") == 0;
    assert!(replica.until("the deletion", gone).await < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn c17_k08_a_rotated_secret_an_unlabelled_and_a_deleted_one_count_within_a_second() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    // OSPTESTALICE00000002
    let data =
        [("AWS_ACCESS_KEY_ID", "T1NQVEVTVEFMSUNFMDAwMDAwMDI="), ("AWS_SECRET_ACCESS_KEY", "YWxpY2Utc2VjcmV0LXZhbHVl")];
    server.apply(secret("team-a", "alice-keys", &data));
    let rotated = |table: &RouteTable| knows_key(table, "OSPTESTALICE00000002") && !knows_key(table, KEY);
    assert!(replica.until("the rotation", rotated).await < AT_ONCE);
    // Without its label a Secret leaves the watch: whoever refers to it is broken, not left with the old contents.
    let mut unlabelled = secret("team-a", "backend-keys", &data);
    unlabelled["metadata"]["labels"] = json!({});
    server.apply(unlabelled);
    assert!(replica.until("the label", |table| says(table, "team-a-data") == "broken").await < AT_ONCE);
    server.delete("Secret", "team-a", "alice-keys");
    assert!(replica.until("the deletion", |table| !knows_key(table, "OSPTESTALICE00000002")).await < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn k_api_6_a_bad_object_breaks_itself_and_nothing_else() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    let mut bad = route("team-a", "bad", "bad-bucket");
    bad["spec"]["newField"] = json!(true);
    server.apply(bad);
    assert!(replica.until("the bad route", |table| says(table, "bad-bucket") == "broken").await < AT_ONCE);
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "nothing")), ("served", "absent"));
    until(&server, "its status", |server| server.condition("BucketRoute", "team-a", "bad", "Ready").is_some()).await;
    let accepted = server.condition("BucketRoute", "team-a", "bad", "Accepted").unwrap();
    assert_eq!(accepted, ("False".to_owned(), "Invalid".to_owned()));
    let status = server.object("BucketRoute", "team-a", "bad").unwrap()["status"].to_string();
    assert!(status.contains("spec.newField"), "{status}");
    server.apply(route("team-a", "bad", "bad-bucket"));
    assert!(replica.until("the correction", |table| says(table, "bad-bucket") == "served").await < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn k_api_6_while_a_match_is_unreadable_no_name_is_absent() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let mut bad = route("team-a", "bad", "x");
    bad["spec"]["match"] = json!({ "bucket": 7 });
    server.apply(bad);
    let replica = start(&server, settings());
    replica.ready().await;
    let table = replica.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), says(&table, "nothing")), ("served", "unknown"));
    server.delete("BucketRoute", "team-a", "bad");
    replica.until("the deletion", |table| says(table, "nothing") == "absent").await;
}

#[tokio::test(start_paused = true)]
async fn k05_strings_of_objects_are_data_and_nothing_else() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    let odd = "${jndi:x}{{.Secret}}$(id)`id`%s\"'\\ # - : \u{85}/";
    let mut templated = route("team-a", "odd", "odd-bucket");
    templated["spec"]["match"]["prefix"] = json!(odd);
    server.apply(templated);
    let asker = || Asker { host: None, namespace: "team-a" };
    let bucket = BucketName::parse("odd-bucket").unwrap();
    let served = |table: &RouteTable| matches!(table.lookup(asker(), &bucket, &format!("{odd}key")), Lookup::Served(_));
    assert!(replica.until("the route", served).await < AT_ONCE);
    let table = replica.table.pin().unwrap();
    let Lookup::Served(route) = table.lookup(asker(), &bucket, &format!("{odd}key")) else { panic!() };
    assert_eq!(route.backends.usable()[0].mapping.client_prefix.as_str(), odd);
    assert!(!matches!(table.lookup(asker(), &bucket, "key"), Lookup::Served(_)), "the twin: without the prefix");
}

#[tokio::test(start_paused = true)]
async fn k08_an_object_that_is_being_deleted_counts_as_gone() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    let mut going = route("team-a", "data", "team-a-data");
    going["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:00:00Z");
    going["metadata"]["finalizers"] = json!(["example.com/x"]);
    server.apply(going);
    assert!(replica.until("the deletion", |table| says(table, "team-a-data") == "absent").await < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn k_api_2_our_own_status_writes_and_annotations_cause_no_rebuild() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    until(&server, "all statuses", |server| {
        ["BucketRoute", "CredentialSource", "ClientIdentity"]
            .iter()
            .all(|kind| server.objects(kind).iter().all(|object| object["status"]["conditions"].is_array()))
    })
    .await;
    pass(5).await;
    assert_eq!(replica.swaps(), 1.0, "three statuses were written");
    let mut annotated = route("team-a", "data", "team-a-data");
    annotated["metadata"]["annotations"] = json!({ "a": "b" });
    server.apply(annotated.clone());
    pass(5).await;
    assert_eq!(replica.swaps(), 1.0);
    assert_eq!(server.count(Verb::Patch, "bucketroutes"), 1, "nor is a status written again");
    // The twin: a label is an input.
    annotated["metadata"]["labels"] = json!({ "a": "b" });
    server.apply(annotated);
    pass(5).await;
    assert_eq!(replica.swaps(), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_changes_is_few_tables() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, Settings { statuses: None, ..settings() });
    replica.ready().await;
    for number in 0..300 {
        server.apply(route("team-a", &format!("r{number}"), &format!("bucket-{number}")));
        sleep(Duration::from_millis(10)).await;
    }
    replica.until("all of them", |table| table.routes().count() == 301).await;
    // 3 s of changes without 50 ms of quiet: one table every 500 ms.
    assert!((5.0..=9.0).contains(&replica.swaps()), "{}", replica.swaps());
}

#[tokio::test(start_paused = true)]
async fn requests_keep_the_table_that_they_began_with() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    let replica = start(&server, settings());
    replica.ready().await;
    let pinned = replica.table.pin().unwrap();
    server.delete("BucketRoute", "team-a", "data");
    replica.until("the deletion", |table| says(table, "team-a-data") == "absent").await;
    assert_eq!(says(&pinned, "team-a-data"), "served");
}
