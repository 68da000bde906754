//! A start while the API server is away.

use std::os::unix::fs::PermissionsExt;

use osp_fake_apiserver::{Fault, Rule};

use super::*;

fn keeping(dir: &tempfile::TempDir) -> Settings {
    Settings { snapshot_dir: Some(dir.path().to_owned()), ..settings() }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_a_restart_without_an_api_server_serves_what_was_known() {
    let (server, dir) = (ApiServer::default(), tempfile::tempdir().unwrap());
    tenant(&server, "team-a");
    let first = start(&server, keeping(&dir));
    first.ready().await;
    drop(first);
    let file = dir.path().join("inputs-osp.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    server.go_down();
    let second = start(&server, keeping(&dir));
    pass(29).await;
    assert!(!second.has_table(), "a server that is merely slow has the better answer");
    assert!(second.ready().await < Duration::from_secs(3));
    let table = second.table.pin().unwrap();
    assert_eq!((says(&table, "team-a-data"), knows_key(&table, KEY)), ("served", true));
    assert_eq!(says(&table, "nothing"), "unknown", "it may have been made since then");

    server.come_up();
    server.delete("BucketRoute", "team-a", "data");
    second.until("the truth", |table| says(table, "team-a-data") == "absent").await;
}

#[tokio::test(start_paused = true)]
async fn law_2_nothing_on_disk_and_nonsense_on_disk_is_no_table() {
    let (server, dir) = (ApiServer::default(), tempfile::tempdir().unwrap());
    server.go_down();
    for text in [None, Some("{"), Some(r#"{"form":99,"objects":[]}"#)] {
        if let Some(text) = text {
            std::fs::write(dir.path().join("inputs-osp.json"), text).unwrap();
        }
        let replica = start(&server, keeping(&dir));
        pass(90).await;
        assert!(!replica.has_table() && !replica.task.is_finished(), "{text:?}");
    }
    let replica = start(&server, keeping(&dir));
    pass(60).await;
    server.come_up();
    replica.ready().await;
}

#[tokio::test(start_paused = true)]
async fn law_2_a_server_that_answers_in_part_is_waited_for() {
    let (server, dir) = (ApiServer::default(), tempfile::tempdir().unwrap());
    tenant(&server, "team-a");
    let first = start(&server, keeping(&dir));
    first.ready().await;
    drop(first);
    server.spoil(Rule::new(Fault::Status(500)).of("secrets"));
    let second = start(&server, keeping(&dir));
    pass(120).await;
    assert!(!second.has_table(), "old inputs beside a living server would bring back what was revoked");
}

/// A directory with the inputs of a process that has seen `team-a`.
async fn kept(server: &ApiServer) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    tenant(server, "team-a");
    start(server, keeping(&dir)).ready().await;
    dir
}

#[tokio::test(start_paused = true)]
async fn law_2_beside_a_server_that_answers_with_errors_the_disk_is_not_used() {
    for status in [401, 500] {
        let server = ApiServer::default();
        let dir = kept(&server).await;
        server.spoil(Rule::new(Fault::Status(status)));
        let second = start(&server, keeping(&dir));
        pass(120).await;
        assert!(!second.has_table(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn law_2_a_server_that_forbids_everything_is_obeyed_and_wipes_nothing_out() {
    let server = ApiServer::default();
    let dir = kept(&server).await;
    server.spoil(Rule::new(Fault::Status(403)));
    let second = start(&server, keeping(&dir));
    second.ready().await;
    assert_eq!(says(&second.table.pin().unwrap(), "team-a-data"), "unknown", "not what the disk says");
    drop(second);
    server.heal();
    server.go_down();
    let third = start(&server, keeping(&dir));
    third.ready().await;
    assert_eq!(says(&third.table.pin().unwrap(), "team-a-data"), "served", "what was good is still there");
    // The server comes back and forbids everything: what is served stays until it tells something.
    server.spoil(Rule::new(Fault::Status(403)));
    server.come_up();
    pass(120).await;
    assert_eq!(says(&third.table.pin().unwrap(), "team-a-data"), "served");
    server.delete("BucketRoute", "team-a", "data");
    server.heal();
    third.until("the truth", |table| says(table, "team-a-data") == "absent").await;
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_a_forbidden_scope_keeps_its_inputs_on_disk_and_the_others_are_written() {
    let server = ApiServer::default();
    let dir = kept(&server).await;
    server.spoil(Rule::new(Fault::Status(403)).of("secrets"));
    let second = start(&server, keeping(&dir));
    second.ready().await;
    let mut revoked = route("team-a", "data", "team-a-data");
    revoked["spec"]["match"] = json!({ "bucket": "another" });
    server.apply(revoked);
    second.until("the change", |table| says(table, "another") == "broken").await;
    drop(second);
    server.go_down();
    let third = start(&server, keeping(&dir));
    third.ready().await;
    let table = third.table.pin().unwrap();
    assert_eq!((says(&table, "another"), says(&table, "team-a-data")), ("served", "unknown"));
}

#[tokio::test(start_paused = true)]
async fn k_ctl_2_a_server_that_died_after_its_first_answers_is_away() {
    let server = ApiServer::default();
    let dir = kept(&server).await;
    server.spoil(Rule::new(Fault::Refuse).of("secrets"));
    let second = start(&server, keeping(&dir));
    pass(1).await;
    assert!(!second.has_table());
    server.go_down();
    pass(28).await;
    assert!(!second.has_table());
    assert!(second.ready().await < Duration::from_secs(5));
    assert_eq!(says(&second.table.pin().unwrap(), "team-a-data"), "served");
}

#[tokio::test(start_paused = true)]
async fn k_api_4_inputs_that_cannot_be_written_leave_no_older_ones_with_what_was_revoked() {
    let server = ApiServer::default();
    let dir = tempfile::tempdir().unwrap();
    tenant(&server, "team-a");
    let replica = start(&server, keeping(&dir));
    replica.ready().await;
    let (file, obstacle) = (dir.path().join("inputs-osp.json"), dir.path().join("inputs-osp.new"));
    assert!(file.exists());
    std::fs::create_dir(&obstacle).unwrap();
    let mut revoked = route("team-a", "data", "team-a-data");
    revoked["spec"]["access"] = json!([]);
    server.apply(revoked);
    replica.until("the revocation", |table| grants(table, "team-a-data") == 0).await;
    assert!(!file.exists());
    std::fs::remove_dir(&obstacle).unwrap();
    server.apply(route("team-a", "late", "late-bucket"));
    replica.until("the next change", |table| says(table, "late-bucket") == "served").await;
    assert!(file.exists());
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_of_the_inputs_on_disk_only_those_count_that_are_watched_now() {
    let server = ApiServer::default();
    let dir = tempfile::tempdir().unwrap();
    tenant(&server, "team-a");
    tenant(&server, "team-b");
    let both = WatchMode::Namespaces(namespaces(&["team-a", "team-b"]));
    let first = start(&server, Settings { watch: both, ..keeping(&dir) });
    first.ready().await;
    drop(first);
    server.go_down();
    for watch in [WatchMode::Namespaces(namespaces(&["team-a"])), WatchMode::Named(namespaces(&["team-a"]))] {
        let second = start(&server, Settings { watch, ..keeping(&dir) });
        second.ready().await;
        let table = second.table.pin().unwrap();
        assert_eq!((says(&table, "team-a-data"), says(&table, "team-b-data")), ("served", "unknown"));
    }
}

#[test]
fn k_pkg_3_a_secret_on_disk_needs_its_label_or_a_reference() {
    use super::super::build::restore;
    use super::super::testing::object;
    use osp_core::model::Kind;
    let mut referred = object(Kind::Secret, "team-a", "keys", json!({}));
    referred.labels.clear();
    let objects = vec![
        referred,
        object(Kind::Secret, "team-a", "unrelated", json!({})),
        object(Kind::CredentialSource, "team-a", "backend", json!({ "secret": { "name": "keys" } })),
    ];
    let secrets = |watch| {
        let store = restore(objects.clone(), &Settings { watch, ..settings() });
        let secrets = store.all().filter(|((kind, _), _)| *kind == Kind::Secret);
        secrets.map(|((_, name), _)| name.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(secrets(WatchMode::Namespaces(namespaces(&["team-a"]))), ["unrelated"]);
    assert_eq!(secrets(WatchMode::Named(namespaces(&["team-a"]))), ["keys"]);
}
