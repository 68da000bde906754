//! The process: how it starts, refuses to start, checks a directory, drains and ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::process::{Command, Output};

use osp_test_support::certificate::Authority;
use osp_test_support::documents::{ConfigDir, Route, client, credential};
use osp_test_support::gateway::{Gateway, Launch};
use osp_test_support::{ALICE, BACKEND, Backend, Connection, Payload, Request, Signer, wait_until};

const OSP: &str = env!("CARGO_BIN_EXE_osp");

/// One bucket `alpha` for Alice, and a `settings.yaml` beside the documents' directory.
struct Setup {
    backend: Backend,
    config: ConfigDir,
    settings: ConfigDir,
}

fn setup(settings: &str) -> Setup {
    let backend = Backend::start(BACKEND);
    backend.seed("b", "k", b"content");
    let config = ConfigDir::default();
    let route = Route::new("alpha", &backend.endpoint(), "b").allow("alice", "Read, List, Write, Delete", &[]);
    let documents = [client("alice", ALICE), credential("backend", BACKEND), route.yaml()];
    config.write("all.yaml", &documents.join("---\n"));
    let beside = ConfigDir::default();
    beside.write("settings.yaml", settings);
    Setup { backend, config, settings: beside }
}

impl Setup {
    fn launch(&self) -> Launch<'_> {
        let settings = self.settings.path().join("settings.yaml");
        Launch::new(OSP, self.config.path()).arguments(&["--config", settings.to_str().unwrap()])
    }
}

fn get(gateway: &Gateway) -> Request {
    Signer::new(ALICE).sign(Request::new("GET", &gateway.http().to_string(), "/alpha/k"), Payload::Sha256)
}

fn osp(arguments: &[&str]) -> Output {
    Command::new(OSP).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn port_0_is_told_in_the_ready_line() {
    let setup = setup("");
    let gateway = setup.launch().http().ready();
    assert_eq!(gateway.bound()["ready"], true, "{}", gateway.bound());
    assert!(gateway.http().port() > 0 && gateway.admin().port() > 0);
    assert_eq!(Connection::plain(gateway.http()).send(&get(&gateway)).unwrap().body, b"content");
    assert_eq!(gateway.admin_page("/livez").0, 200);
    assert_eq!(gateway.admin_page("/readyz").0, 200);
    assert_eq!(gateway.admin_page("/nothing").0, 404);
}

#[test]
fn the_admin_pages_tell_no_secret() {
    let setup = setup("");
    let gateway = setup.launch().http().ready();
    for page in ["/config", "/metrics", "/readyz"] {
        let (status, body) = gateway.admin_page(page);
        assert_eq!(status, 200, "{page}");
        for secret in [ALICE.secret, BACKEND.secret] {
            assert!(!body.contains(secret), "{page} shows a secret");
        }
    }
    assert!(gateway.admin_page("/config").1.contains("alpha"), "/config shows the routes");
}

#[test]
fn an_empty_directory_is_a_table_without_routes() {
    let config = ConfigDir::default();
    let gateway = Launch::new(OSP, config.path()).http().ready();
    let response = Connection::plain(gateway.http()).send(&get(&gateway)).unwrap();
    assert_eq!(response.status, 403, "{}", response.text());
}

#[test]
fn without_a_listener_it_does_not_start() {
    let setup = setup("");
    let (status, log) = setup.launch().arguments(&["--http-listen", "off", "--admin-listen", "127.0.0.1:0"]).fails();
    assert!(!status.success(), "{log}");
    assert!(log.contains("listen"), "the error says what is missing: {log}");
}

#[test]
fn a_file_that_is_not_yaml_at_start_is_exit_1() {
    let setup = setup("");
    setup.config.write("broken.yaml", "a: [b\nc: }");
    let (status, log) = setup.launch().http().fails();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("broken.yaml"), "{log}");
}

#[test]
fn an_invalid_document_at_start_breaks_its_bucket_only() {
    let setup = setup("");
    let broken = Route::new("broken", "nonsense", "b").allow("alice", "Read", &[]).yaml();
    setup.config.write("broken.yaml", &broken);
    let gateway = setup.launch().http().ready();
    let mut connection = Connection::plain(gateway.http());
    assert_eq!(connection.send(&get(&gateway)).unwrap().status, 200);
    let request = Request::new("GET", &gateway.http().to_string(), "/broken/k");
    let response = connection.send(&Signer::new(ALICE).sign(request, Payload::Sha256)).unwrap();
    assert_eq!((response.status, response.code().as_deref()), (503, Some("ServiceUnavailable")));
}

#[test]
fn mistakes_in_the_settings_are_all_told_at_once() {
    let setup = setup("drainDelay: soon\nnoSuchSetting: 1\nhttpListen: nowhere\n");
    let (status, log) = setup.launch().arguments(&["--admin-listen", "127.0.0.1:0"]).fails();
    assert!(!status.success(), "{log}");
    for word in ["drainDelay", "noSuchSetting", "httpListen"] {
        assert!(log.contains(word), "{word} is not named: {log}");
    }
}

#[test]
fn a_missing_directory_or_certificate_is_an_error() {
    let setup = setup("");
    let absent = setup.config.path().join("absent");
    let (status, log) = Launch::new(OSP, &absent).http().fails();
    assert!(!status.success() && log.contains("absent"), "{log}");
    let (status, log) = setup.launch().http().https(&absent).fails();
    assert!(!status.success() && log.contains("tls."), "{log}");
}

#[test]
fn check_finds_every_problem_at_once() {
    let setup = setup("");
    let dir = setup.config.path().to_str().unwrap();
    let clean = osp(&["check", dir]);
    assert_eq!(clean.status.code(), Some(0), "{}{}", text(&clean.stdout), text(&clean.stderr));
    let good = Route::new("other", &setup.backend.endpoint(), "b").allow("alice", "Read", &[]).yaml();
    setup.config.write("one.yaml", &good.replace("permissions: [Read]", "permissions: [Reed]"));
    setup.config.write("two.yaml", &good.replace("name: other", "name: second").replace("region:", "reegion:"));
    let found = osp(&["check", dir]);
    let output = text(&found.stdout) + &text(&found.stderr);
    assert_eq!(found.status.code(), Some(1), "{output}");
    for word in ["one.yaml", "two.yaml", "permissions", "reegion", "other", "second"] {
        assert!(output.contains(word), "{word} is not named: {output}");
    }
    setup.config.write("three.yaml", "a: [b");
    let found = osp(&["check", dir]);
    let output = text(&found.stdout) + &text(&found.stderr);
    assert!(found.status.code() == Some(1) && output.contains("three.yaml"), "{output}");
    assert!(!output.contains(ALICE.secret) && !output.contains(BACKEND.secret));
}

#[test]
fn help_reads_well() {
    for (arguments, words) in [
        (vec!["--help"], vec!["serve", "check"]),
        (
            vec!["serve", "--help"],
            vec!["--config-dir", "--http-listen", "--https-listen", "--tls-cert", "--admin-listen"],
        ),
        (vec!["check", "--help"], vec!["DIR"]),
    ] {
        let output = osp(&arguments);
        assert!(output.status.success());
        for word in words {
            assert!(text(&output.stdout).contains(word), "{arguments:?}: {word}");
        }
    }
    assert!(!osp(&["serve", "--no-such-flag"]).status.success());
}

#[test]
fn sigterm_drains_a_running_transfer() {
    let setup = setup("drainDelay: 1s\ndrainTimeout: 20s\n");
    let mut gateway = setup.launch().http().ready();
    let host = gateway.http().to_string();
    let put = Request::new("PUT", &host, "/alpha/upload").body(vec![6; 400_000]);
    let put = Signer::new(ALICE).sign(put, Payload::Sha256);
    let mut upload = Connection::plain(gateway.http());
    upload.write(&put.head()).unwrap();
    upload.write(&put.pieces[0][..100_000]).unwrap();
    let _ = setup.backend.wait_for("the upload to begin", |seen| !seen.is_empty());
    gateway.terminate();
    wait_until("/readyz to say no", || gateway.admin_page("/readyz").0 == 503);
    // While the delay runs, newcomers are served and told to come back elsewhere.
    if let Ok(response) = Connection::plain(gateway.http()).send(&get(&gateway)) {
        assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    }
    assert!(gateway.is_running());
    upload.write(&put.pieces[0][100_000..]).unwrap();
    let response = upload.read_response(false).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(setup.backend.object("b", "upload").unwrap(), vec![6; 400_000]);
    let status = gateway.wait_exit();
    assert_eq!(status.code(), Some(0), "{}", gateway.log.text());
}

#[test]
fn an_idle_connection_does_not_hold_the_exit() {
    let setup = setup("drainDelay: 0s\ndrainTimeout: 300s\n");
    let mut gateway = setup.launch().http().ready();
    let mut idle = Connection::plain(gateway.http());
    assert_eq!(idle.send(&get(&gateway)).unwrap().status, 200);
    gateway.terminate();
    assert_eq!(gateway.wait_exit().code(), Some(0), "{}", gateway.log.text());
    assert!(idle.is_closed());
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let setup = setup("");
    let authority = Authority::new("listener authority");
    let tls = ConfigDir::default();
    let (first, second) = (authority.issue(), authority.issue());
    first.write(tls.path());
    let gateway = setup.launch().http().https(tls.path()).ready();
    let host = format!("localhost:{}", gateway.https().port());
    let connect = || Connection::tls(gateway.https(), authority.client(&[b"http/1.1"]));
    let request = Signer::new(ALICE).sign(Request::new("GET", &host, "/alpha/k"), Payload::Sha256);
    let mut old = connect();
    assert_eq!(old.send(&request).unwrap().status, 200);
    assert!(old.peer_certificate() == first.der);
    // Half a change keeps what is in force.
    tls.write("tls.crt", "no certificate");
    second.write(tls.path());
    wait_until("the new certificate", || {
        let mut connection = connect();
        assert_eq!(connection.send(&request).unwrap().status, 200);
        connection.peer_certificate() == second.der
    });
    assert_eq!(old.send(&request).unwrap().status, 200, "the old connection goes on");
}
