//! Backend, documents and gateway together, and the threefold oracle of architecture.md section 8.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::backend::{Backend, Seen};
use crate::certificate::Authority;
use crate::connection::{Connection, PATIENCE, Response};
use crate::documents::{ConfigDir, Route, client, credential};
use crate::gateway::{Gateway, Launch};
use crate::request::{Key, Payload, Request, Signer};

/// May do everything in `alpha`, `mapped` and `beta`.
pub const ALICE: Key = Key { id: "OSPTESTALICE00000001", secret: "canary-alice-secret-8c1f0e5a" };
/// May do everything under `team-a/` of `alpha`, but for `team-a/secret/`; may read `beta`.
pub const BOB: Key = Key { id: "OSPTESTBOB0000000001", secret: "canary-bob-secret-77aa10b2" };
/// The gateway's own key at the backend.
pub const BACKEND: Key = Key { id: "BACKENDKEY0000000001", secret: "canary-backend-secret-5e2d9c" };
/// Known to nobody.
pub const STRANGER: Key = Key { id: "OSPTESTSTRANGER00001", secret: "canary-stranger-secret-19be" };

/// Base host for virtual-host style, as `osp.yaml` names it.
pub const BASE_HOST: &str = "s3.osp.test";

/// What a denial has to look like.
struct Expected<'a> {
    statuses: &'a [u16],
    /// Any, when `None`.
    code: Option<&'a str>,
    to_head: bool,
}

/// Waits for a condition; a test never waits for a time.
///
/// # Panics
/// When the condition does not come true in time.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One gateway over one backend.
pub struct World {
    pub backend: Backend,
    pub gateway: Gateway,
    pub config: ConfigDir,
    pub authority: Authority,
    tls: TempDir,
    /// Ids of the answers that [`Self::send`] has seen: their records may still come while another one is judged.
    answered: RefCell<HashSet<String>>,
}

impl World {
    /// A world of one's own.
    #[must_use]
    pub fn start(binary: &str) -> Self {
        Self::start_with(binary, "")
    }

    /// The same with more lines in `osp.yaml`.
    #[must_use]
    pub fn start_with(binary: &str, more_settings: &str) -> Self {
        let backend = Backend::start(BACKEND);
        let config = ConfigDir::default();
        let endpoint = backend.endpoint();
        for bucket in ["alpha-at-backend", "beta", "shared-at-backend"] {
            backend.create_bucket(bucket);
        }
        let everything = "Read, List, Write, Delete";
        let alpha = Route::new("alpha", &endpoint, "alpha-at-backend")
            .allow("alice", everything, &[])
            .allow("bob", everything, &["team-a/"])
            .deny("bob", everything, &["team-a/secret/"]);
        let beta = Route::new("beta", &endpoint, "beta").allow("alice", everything, &[]).allow("bob", "Read", &[]);
        let mapped = Route::new("mapped", &endpoint, "shared-at-backend")
            .backend_field("prefix: \"tenants/a/\"")
            .allow("alice", everything, &[]);
        let documents = [
            client("alice", ALICE),
            client("bob", BOB),
            credential("backend", BACKEND),
            alpha.yaml(),
            beta.yaml(),
            mapped.yaml(),
        ];
        config.write("world.yaml", &documents.join("---\n"));
        let authority = Authority::new("OSP test authority");
        let tls = tempfile::tempdir().unwrap();
        authority.issue().write(tls.path());
        let settings = tls.path().join("osp.yaml");
        std::fs::write(&settings, format!("baseHosts: [{BASE_HOST}]\n{more_settings}")).unwrap();
        let gateway = Launch::new(binary, config.path())
            .http()
            .https(tls.path())
            .arguments(&["--config", settings.to_str().unwrap()])
            .ready();
        Self { backend, gateway, config, authority, tls, answered: RefCell::default() }
    }

    /// The world that all tests of one file share, one after the other: each sees the backend and the log alone.
    pub fn shared(binary: &str) -> MutexGuard<'static, Self> {
        static WORLD: OnceLock<Mutex<World>> = OnceLock::new();
        let world = WORLD.get_or_init(|| Mutex::new(Self::start(binary)));
        // A test that failed has unwound; the world itself is as good as before.
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.settle();
        world
    }

    /// Waits until the gateway has noticed that every client is gone.
    pub fn wait_quiet(&self) {
        wait_until("all connections to end", || self.gateway.metrics().sum("osp_active_connections", &[]) == 0.0);
    }

    /// Waits until nothing of an earlier test is left: no connection, no record to come.
    fn settle(&self) {
        self.wait_quiet();
        self.backend.forget();
        let _ = self.probe(self.gateway.log.len());
    }

    /// A request that OSP answers itself; the records from line `from` on, up to its own.
    fn probe(&self, from: usize) -> Vec<Value> {
        let probe = self.send(&self.signed("GET", "/"));
        let id = probe.header("x-amz-request-id").expect("x-amz-request-id on every answer").to_owned();
        self.gateway.log.records(from, "record of the probe", |records| {
            records.iter().any(|record| record["request_id"] == id.as_str())
        })
    }

    /// Writes a file of documents and waits until the table made of it is in force; how long that took.
    #[must_use]
    pub fn apply(&self, file: &str, text: &str) -> Duration {
        let before = self.applied();
        let start = Instant::now();
        self.config.write(file, text);
        wait_until("the change to be applied", || self.applied() > before);
        start.elapsed()
    }

    /// Takes a file of documents away and waits until that is in force.
    pub fn retract(&self, file: &str) {
        let before = self.applied();
        self.config.remove(file);
        wait_until("the removal to be applied", || self.applied() > before);
    }

    fn applied(&self) -> f64 {
        self.gateway.metrics().sum("osp_config_reloads_total", &["outcome=\"applied\""])
    }

    /// Where certificate and key stand.
    #[must_use]
    pub fn tls_dir(&self) -> &Path {
        self.tls.path()
    }

    /// `Host` of plain requests.
    #[must_use]
    pub fn host(&self) -> String {
        self.gateway.http().to_string()
    }

    /// A bare request to the HTTP listener.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, &self.host(), path)
    }

    /// A request of Alice, signed with its payload's hash.
    #[must_use]
    pub fn signed(&self, method: &str, path: &str) -> Request {
        Signer::new(ALICE).sign(self.request(method, path), Payload::Sha256)
    }

    /// A request (method, path, query) of anybody, signed with its payload's hash; an empty body is none.
    #[must_use]
    pub fn signed_by(&self, key: Key, (method, path, query): (&str, &str, &str), body: &str) -> Request {
        let request = self.request(method, path).query(query);
        let request = if body.is_empty() { request } else { request.body(body) };
        Signer::new(key).sign(request, Payload::Sha256)
    }

    /// Sends a request over a connection of its own.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        let response = self.connect().send(request).unwrap_or_else(|error| {
            panic!("no answer to {} {}: {error}\n{}", request.method, request.target(), self.gateway.log.text())
        });
        self.answered.borrow_mut().extend(response.header("x-amz-request-id").map(str::to_owned));
        response
    }

    /// A plain connection.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::plain(self.gateway.http())
    }

    /// The positive twin: 2xx, and the backend saw exactly one request, whole, with a signature beyond reproach.
    pub fn forwarded(&self, request: &Request) -> (Response, Seen) {
        self.backend.forget();
        let from = self.gateway.log.len();
        let response = self.send(request);
        assert!((200..300).contains(&response.status), "{}: {response:?} {}", request.target(), response.text());
        assert!(response.complete, "the answer was cut off: {response:?}");
        let mut seen = self.backend.settled();
        assert_eq!(seen.len(), 1, "one request at the backend: {seen:?}");
        let seen = seen.remove(0);
        assert_eq!(seen.refused, None, "{seen:?}");
        assert!(seen.complete, "{seen:?}");
        let id = response.header("x-amz-request-id").expect("x-amz-request-id on every answer").to_owned();
        let mine = |record: &&Value| record["request_id"] == id.as_str();
        let records =
            self.gateway.log.records(from, "record of the request", |records| records.iter().any(|one| mine(&one)));
        let records: Vec<&Value> = records.iter().filter(mine).collect();
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(records[0]["decision"], "allow", "{records:?}");
        assert_eq!(records[0]["status"], response.status, "{records:?}");
        self.assert_silent();
        (response, seen)
    }

    /// A denial that the head decides: status and code, **no** request at the backend, one deny record.
    pub fn denied_by_head(&self, request: &Request, status: u16, code: &str) -> Response {
        self.denied_raw(&request.bytes(), request.method == "HEAD", status, code)
    }

    /// As [`Self::denied_by_head`] where S3 leaves the choice: one of these statuses, any code.
    pub fn refused_by_head(&self, request: &Request, statuses: &[u16]) -> Response {
        let expected = Expected { statuses, code: None, to_head: request.method == "HEAD" };
        self.refused_raw(&request.bytes(), expected)
    }

    /// As [`Self::denied_by_head`] for bytes that no request type can hold.
    pub fn denied_raw(&self, bytes: &[u8], to_head: bool, status: u16, code: &str) -> Response {
        self.refused_raw(bytes, Expected { statuses: &[status], code: Some(code), to_head })
    }

    fn refused_raw(&self, bytes: &[u8], expected: Expected<'_>) -> Response {
        let to_head = expected.to_head;
        self.backend.forget();
        let from = self.gateway.log.len();
        let mut connection = self.connect();
        let _ = connection.write(bytes);
        let response = connection.read_response(to_head).unwrap_or_else(|error| {
            panic!("no answer to {:?}: {error}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]))
        });
        // The gateway lingers for a client that may still be sending; this one is not.
        drop(connection);
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        self.assert_denial(&response, expected, from, &head);
        let seen = self.backend.settled();
        assert!(seen.is_empty(), "a denial by the head reached the backend: {seen:?}\n{head}");
        response
    }

    /// A denial that the body decides: status and code, at most one aborted request at the backend, nothing stored or
    /// changed, that backend connection never used again, one deny record.
    pub fn denied_by_body(&self, request: &Request, status: u16, code: &str) -> Response {
        self.refused_body(request, Expected { statuses: &[status], code: Some(code), to_head: false })
    }

    /// As [`Self::denied_by_body`] where the code is open: a 400.
    pub fn refused_by_body(&self, request: &Request) -> Response {
        self.refused_body(request, Expected { statuses: &[400], code: None, to_head: false })
    }

    fn refused_body(&self, request: &Request, expected: Expected<'_>) -> Response {
        self.backend.forget();
        let before = self.backend.contents();
        let from = self.gateway.log.len();
        let response = self.send(request);
        self.assert_denial(&response, expected, from, &request.target());
        self.assert_aborted(&before);
        response
    }

    /// What the backend may have seen of a body that was refused.
    pub fn assert_aborted(&self, before: &[(String, String, String)]) {
        let seen = self.backend.settled();
        assert!(seen.len() <= 1, "more than one attempt: {seen:?}");
        assert!(seen.iter().all(|one| !one.complete), "the backend got a whole body: {seen:?}");
        assert_eq!(self.backend.contents(), before, "the refused body changed something");
        self.backend.seed("alpha-at-backend", "probe", b"probe");
        // not `forwarded`: the backend may read the head of an aborted request only after OSP has given it up
        assert_eq!(self.send(&self.signed("GET", "/alpha/probe")).status, 200);
        let probe = self.backend.settled().into_iter().find(|one| one.head.target.ends_with("/probe"));
        let probe = probe.expect("the probe reached the backend").connection;
        assert!(seen.iter().all(|one| one.connection != probe), "an aborted connection was used again");
        self.backend.remove("alpha-at-backend", "probe");
    }

    fn assert_denial(&self, response: &Response, expected: Expected<'_>, from: usize, what: &str) {
        let Expected { statuses, code, to_head } = expected;
        let explanation = || format!("{what}\n{response:?}");
        assert!(statuses.contains(&response.status), "{statuses:?} expected: {}", explanation());
        let found = response.code();
        assert!(
            to_head || found.is_some() && (code.is_none() || found.as_deref() == code),
            "{code:?}: {}",
            explanation()
        );
        assert!(!to_head || response.body.is_empty(), "a body in the answer to HEAD (ER-2)");
        let id = response.header("x-amz-request-id").expect("x-amz-request-id on every answer").to_owned();
        let earlier = self.answered.borrow().clone();
        let is_deny = |record: &Value| {
            record["decision"] == "deny"
                && record["request_id"].as_str().is_none_or(|found| found == id || !earlier.contains(found))
        };
        let _ = self.gateway.log.records(from, "deny record", |records| records.iter().any(is_deny));
        // Once the record of a probe is there, the denial has no second one to come.
        let records = self.probe(from);
        let denied: Vec<&Value> = records.iter().filter(|record| is_deny(record)).collect();
        assert_eq!(denied.len(), 1, "exactly one deny record for {what}: {records:?}");
        assert_eq!(denied[0]["request_id"], id.as_str(), "{denied:?}");
        assert_eq!(denied[0]["status"], response.status, "{denied:?}");
        assert!(denied[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{denied:?}");
        self.assert_silent();
    }

    /// Nothing secret in the log so far: no key, no signature, no presigned query (C-4).
    pub fn assert_silent(&self) {
        let text = self.gateway.log.text();
        for key in [ALICE, BOB, BACKEND, STRANGER] {
            assert!(!text.contains(key.secret), "a secret is in the log");
        }
        for trace in ["Signature=", "X-Amz-Signature", "X-Amz-Credential", "chunk-signature", "panicked at"] {
            assert!(!text.contains(trace), "{trace} is in the log:\n{text}");
        }
    }
}
