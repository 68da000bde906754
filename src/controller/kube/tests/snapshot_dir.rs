//! A start while the API server is away.

use std::os::unix::fs::PermissionsExt;

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
    use osp_fake_apiserver::{Fault, Rule};
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
