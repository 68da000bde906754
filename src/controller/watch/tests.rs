use std::fs;

use super::*;

#[test]
fn our_own_reading_is_no_change() {
    assert!(!may_be_a_change(EventKind::Access(AccessKind::Read)));
    assert!(!may_be_a_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
    assert!(!may_be_a_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
    assert!(may_be_a_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    assert!(may_be_a_change(EventKind::Any) && may_be_a_change(EventKind::Other));
}

const BOUND: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_edit_is_noticed_by_events_and_by_polling() {
    for with_events in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut changes = Changes::of(dir.path());
        if !with_events {
            changes._watcher = None;
        }
        fs::write(dir.path().join("a.yaml"), "a: 1").unwrap();
        tokio::time::timeout(BOUND, changes.settled()).await.expect("the new file was not noticed");
        fs::remove_file(dir.path().join("a.yaml")).unwrap();
        tokio::time::timeout(BOUND, changes.settled()).await.expect("the removal was not noticed");
    }
}

#[tokio::test]
async fn nothing_is_noticed_when_nothing_changes() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), "a: 1").unwrap();
    let mut changes = Changes::of(dir.path());
    let reads = async {
        loop {
            let _ = crate::files::load(dir.path(), &osp_core::model::ProcessRules::default());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Longer than one poll and the longest wait of the debounce together.
    let quiet = tokio::time::timeout(POLL + Duration::from_millis(550), async {
        tokio::select! { () = changes.settled() => (), () = reads => () }
    });
    assert!(quiet.await.is_err(), "reading was taken for a change");
}
