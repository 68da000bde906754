//! One look at the cluster: the table of `serve --kubernetes`, or why there is none.

use osp_fake_apiserver::{Fault, Rule, Verb};

use super::super::once::{OnceError, read};
use super::*;

async fn once(server: &ApiServer, settings: Settings) -> Result<Arc<RouteTable>, OnceError> {
    read(client(server), settings, Arc::new(|| Timestamp::from_unix_seconds(EPOCH))).await
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_one_look_sees_what_a_process_would_serve_and_writes_nothing() {
    for watch in
        [WatchMode::Namespaces(namespaces(&["team-a"])), WatchMode::Named(namespaces(&["team-a"])), WatchMode::Cluster]
    {
        let server = ApiServer::default();
        tenant(&server, "team-a");
        let dir = tempfile::tempdir().unwrap();
        let snapshot_dir = Some(dir.path().to_owned());
        let wanted = Settings { watch, snapshot_dir, ..settings() };
        let began = Instant::now();
        let table = once(&server, wanted.clone()).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(2));
        assert_eq!((says(&table, "team-a-data"), knows_key(&table, KEY)), ("served", true), "{wanted:?}");
        let reads = |verb| matches!(verb, Verb::List | Verb::Watch);
        assert!(server.seen().iter().all(|seen| reads(seen.verb)), "{:?}", server.seen());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{wanted:?}");

        let replica = start(&server, Settings { snapshot_dir: None, ..wanted });
        replica.ready().await;
        assert_eq!(replica.fingerprint(), table.fingerprint());
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_what_is_wrong_stands_in_the_table() {
    let server = ApiServer::default();
    tenant(&server, "team-a");
    server.delete("CredentialSource", "team-a", "backend");
    let table = once(&server, settings()).await.unwrap();
    let of = |bucket: &str| table.problems().of_bucket(&BucketName::parse(bucket).unwrap()).collect::<Vec<_>>();
    let problems = of("team-a-data");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("BucketRoute team-a/data spec.backends[0].credentialRef.name: CredentialNotFound: ")
    );
    assert!(of("another").is_empty());
}

#[tokio::test(start_paused = true)]
async fn k_pkg_3_everything_that_is_forbidden_is_said_at_once_and_soon() {
    for verb in [Verb::List, Verb::Watch] {
        let server = ApiServer::default();
        tenant(&server, "team-a");
        for plural in ["secrets", "configmaps"] {
            server.spoil(Rule::new(Fault::Status(403)).verb(verb).of(plural));
        }
        let began = Instant::now();
        let refused = once(&server, settings()).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(matches!(refused, OnceError::Refused(_)), "{refused:?}");
        let told = refused.to_string();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].starts_with("Secret in team-a: ") && lines[1].starts_with("ConfigMap in team-a: "), "{told}");
        server.heal();
        assert!(once(&server, settings()).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn k_ctl_1_a_cluster_that_does_not_answer_is_given_up_after_30_s() {
    for fault in [Fault::Stall, Fault::Refuse, Fault::Status(500)] {
        let server = ApiServer::default();
        server.spoil(Rule::new(fault).of("bucketroutes"));
        let began = Instant::now();
        let late = once(&server, settings()).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 30, "{fault:?}");
        let text = late.to_string();
        assert!(matches!(late, OnceError::Late(_)) && text.starts_with("the cluster could not be read in time\n"));
        assert!(text.contains("BucketRoute in team-a: "), "{fault:?}: {text}");
    }
    let slow = ApiServer::default();
    slow.spoil(Rule::new(Fault::Slow(Duration::from_secs(9))).verb(Verb::List).of("bucketroutes"));
    assert!(once(&slow, settings()).await.is_ok());
}
