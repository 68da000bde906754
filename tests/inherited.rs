//! C67: what users of the predecessor have, line by line of its list. Each line has a test here that is named after it;
//! the thorough ones are where the matter is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use osp_test_support::certificate::Authority;
use osp_test_support::documents::{Route, document};
use osp_test_support::{ALICE, BACKEND, Backend, Connection, Payload, Request, Signer, World, wait_until};

const OSP: &str = env!("CARGO_BIN_EXE_osp");
const EVERYTHING: &str = "Read, List, Write, Delete";

/// As in the product's brief: a JSON text with a key pair for one bucket, an API key for another.
const FETCH: &str = r#"
import json
def fetch_credentials(token, bucket):
    if bucket == "tokens":
        return "canary-api-key-71fe"
    return json.dumps({"access_key": "BACKENDKEY0000000001", "secret_key": "canary-backend-secret-5e2d9c"})

def authorize(token, bucket, request=None):
    return True
"#;

/// Answers every request on a port of its own with this, and remembers the requests.
struct Responder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Responder {
    fn start(body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&seen);
        // ends with the process of the test
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !is_whole(&request) {
                    match stream.read(&mut piece) {
                        Ok(0) | Err(_) => break,
                        Ok(count) => request.extend_from_slice(&piece[..count]),
                    }
                }
                noted.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A gateway whose backend keys come from a hook, and whose API keys are exchanged at `tokens`.
fn fetching(tokens: &Responder) -> (World, tempfile::TempDir) {
    let hooks = tempfile::tempdir().unwrap();
    std::fs::write(hooks.path().join("fetch.py"), FETCH).unwrap();
    let endpoint = format!("http://{}/identity/token", tokens.address);
    let settings =
        format!("hooks: {{dir: {:?}, timeout: 2s}}\ncredentials: {{tokenEndpoint: {endpoint:?}}}\n", hooks.path());
    let world = World::start_with(OSP, &settings);
    world.backend.create_bucket("fetched-at-backend");
    world.backend.seed("fetched-at-backend", "k", b"content");
    (world, hooks)
}

fn fetched(bucket: &str, endpoint: &str) -> String {
    let source = document("CredentialSource", "fetch", "  python: {hook: fetch}\n");
    let route = Route::new(bucket, endpoint, &format!("{bucket}-at-backend"))
        .backend_field("credentialRef: {name: fetch}")
        .allow("alice", EVERYTHING, &[])
        .hook("{name: fetch}");
    format!("{source}---\n{}", route.yaml())
}

fn calls(world: &World, callable: &str) -> f64 {
    world.gateway.metrics().sum("osp_hook_calls_total", &[&format!("callable=\"{callable}\"")])
}

const TOKEN: &str = r#"{"access_token": "canary-token-93ac", "token_type": "Bearer", "expires_in": 3600}"#;

/// A gateway in front of `content`, in `/alpha/k`.
fn world() -> World {
    let world = World::start(OSP);
    world.backend.seed("alpha-at-backend", "k", b"content");
    world
}

#[test]
fn c67_pingora_proxy() {
    let world = world();
    let (response, _) = world.forwarded(&world.signed("GET", "/alpha/k"));
    assert_eq!(response.body, b"content");
}

#[test]
fn c67_bucket_and_port_config() {
    let world = world();
    let (_, seen) = world.forwarded(&world.signed("GET", "/alpha/k"));
    assert!(seen.head.path().starts_with("/alpha-at-backend/"), "{:?}", seen.head);
    assert_eq!(seen.head.header("host"), Some(world.backend.address().to_string().as_str()));
}

#[test]
fn c67_proxy_headers_excluded() {
    let world = world();
    let told =
        [("X-Forwarded-For", "10.1.2.3"), ("Forwarded", "for=10.1.2.3"), ("Via", "1.1 x"), ("X-Real-IP", "10.1.2.3")];
    let request = world.signed("GET", "/alpha/k");
    let request = told.iter().fold(request, |request, (name, value)| request.header(name, value));
    let (_, passed) = world.forwarded(&request);
    for (name, _) in told {
        assert_eq!(passed.head.header(name), None, "{name}");
    }
}

#[test]
fn c67_credential_handler_returning_json_pair_and_cached_credentials() {
    let tokens = Responder::start(TOKEN);
    let (world, _hooks) = fetching(&tokens);
    let _ = world.apply("fetched.yaml", &fetched("fetched", &world.backend.endpoint()));
    for _ in 0..3 {
        world.forwarded(&world.signed("GET", "/fetched/k"));
    }
    assert_eq!(calls(&world, "fetch_credentials"), 1.0);
    assert_eq!(tokens.seen().len(), 0);
    assert!(!world.gateway.log.text().contains(BACKEND.secret));
}

#[test]
fn c67_cached_authorization_with_ttl() {
    let tokens = Responder::start(TOKEN);
    let (world, _hooks) = fetching(&tokens);
    let _ = world.apply("fetched.yaml", &fetched("fetched", &world.backend.endpoint()));
    for _ in 0..3 {
        world.forwarded(&world.signed("GET", "/fetched/k"));
    }
    assert_eq!(calls(&world, "authorize"), 1.0);
    // how long, and that 0 is a call for every request: tests/hooks.rs, src/hooks/decisions/tests.rs
    assert!(world.gateway.admin_page("/config").1.contains("\"cacheTTL\": \"5m\""));
}

#[test]
fn c67_credential_handler_returning_api_key_called_once() {
    let (tokens, store) = (Responder::start(TOKEN), Responder::start("content"));
    let (world, _hooks) = fetching(&tokens);
    let _ = world.apply("tokens.yaml", &fetched("tokens", &format!("http://{}", store.address)));
    let request = world.signed("GET", "/tokens/k");
    let mut crowd: Vec<_> = (0..50).map(|_| world.connect()).collect();
    crowd.iter_mut().for_each(|one| one.write(&request.bytes()).unwrap());
    for one in &mut crowd {
        assert_eq!(one.read_response(false).unwrap().status, 200);
    }
    assert_eq!(calls(&world, "fetch_credentials"), 1.0);
    let exchanged = tokens.seen();
    assert_eq!(exchanged.len(), 1);
    assert!(exchanged[0].contains("apikey=canary-api-key-71fe"), "{}", exchanged[0]);
    let seen = store.seen();
    assert_eq!(seen.len(), 50);
    assert!(seen.iter().all(|one| one.contains("Bearer canary-token-93ac") && !one.contains("AWS4")), "{}", seen[0]);
    let log = world.gateway.log.text();
    assert!(!log.contains("canary-api-key-71fe") && !log.contains("canary-token-93ac"));
}

#[test]
fn c67_config_management() {
    let world = world();
    let route = Route::new("new", &world.backend.endpoint(), "alpha-at-backend").allow("alice", "Read", &[]);
    let _ = world.apply("new.yaml", &route.yaml());
    world.forwarded(&world.signed("GET", "/new/k"));
    world.retract("new.yaml");
    world.denied_by_head(&world.signed("GET", "/new/k"), 404, "NoSuchBucket");
}

#[test]
fn c67_thread_config() {
    let world = World::start_with(OSP, "threads: 3\n");
    let (_, page) = world.gateway.admin_page("/config");
    assert!(page.contains("\"threads\": 3"), "{page}");
}

#[test]
fn c67_optional_http_and_https_and_counting() {
    let world = world();
    let counted = || world.gateway.metrics().sum("osp_requests_total", &["bucket=\"alpha\"", "status=\"200\""]);
    let before = counted();
    world.forwarded(&world.signed("GET", "/alpha/k"));
    let mut tls = Connection::tls(world.gateway.https(), world.authority.client(&[b"http/1.1"]));
    let request = Request::new("GET", &format!("localhost:{}", world.gateway.https().port()), "/alpha/k");
    assert_eq!(tls.send(&Signer::new(ALICE).sign(request, Payload::Sha256)).unwrap().status, 200);
    wait_until("both to be counted", || counted() == before + 2.0);
}

#[test]
fn c67_peer_verify_switch() {
    let world = World::start(OSP);
    let strange = Backend::start_tls(BACKEND, Authority::new("strange").issue().server());
    strange.create_bucket("b");
    strange.seed("b", "k", b"content");
    let route = |bucket: &str, verification: &str| {
        Route::new(bucket, &strange.endpoint(), "b")
            .backend_field(&format!("tls: {{verification: {verification}}}"))
            .allow("alice", "Read", &[])
            .yaml()
    };
    let _ = world.apply("peer.yaml", &[route("checked", "Full"), route("unchecked", "Insecure")].join("---\n"));
    assert_eq!(world.send(&world.signed("GET", "/checked/k")).status, 503);
    assert_eq!(world.send(&world.signed("GET", "/unchecked/k")).status, 200);
}
