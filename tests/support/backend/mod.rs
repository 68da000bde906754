//! An S3 server with behaviour: it verifies every signature strictly, stores objects in memory, remembers every
//! request that reached it, and can misbehave on command.

mod answer;
mod check;
mod fault;
mod store;
mod wire;

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

pub use answer::Answer;
pub use check::{NAME, NAME_IN_REGION};
pub use fault::{Fault, Latch, Rule};
pub use wire::Head;

use crate::connection::PATIENCE;
use crate::request::Key;
use crate::sigv4::sha256_hex;
use store::Store;

/// The region that the backend signs for.
pub const REGION: &str = "eu-test-1";

/// `MSG_PEEK | MSG_DONTWAIT` of Linux's `recv(2)`.
const PEEK_NOW: i32 = 0x2 | 0x40;

/// One request as the backend saw it.
#[derive(Clone)]
pub struct Seen {
    id: u64,
    /// Which connection, counted from 1.
    pub connection: u64,
    pub head: Head,
    /// Body bytes that arrived, still framed.
    pub wire_body: Vec<u8>,
    /// SHA-256 of the object bytes, once complete and decoded.
    pub body_sha256: String,
    /// The whole body arrived.
    pub complete: bool,
    /// Nothing more will happen to this record: answered, or given up.
    pub ended: bool,
    /// Why the strict checks refused it.
    pub refused: Option<String>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("connection", &self.connection)
            .field("head", &self.head)
            .field("body_bytes", &self.wire_body.len())
            .field("complete", &self.complete)
            .field("ended", &self.ended)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl Seen {
    /// `METHOD target`, for comparing lists.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.head.method, self.head.target)
    }
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    rules: Vec<Rule>,
    store: Store,
    open: HashMap<u64, Open>,
    connections: u64,
    requests: u64,
}

/// A connection that is served.
struct Open {
    peer: SocketAddr,
    stream: TcpStream,
    /// Its bytes are being read: whatever they are, `State::seen` says when they have become a request.
    reading: bool,
}

impl Open {
    /// Bytes have arrived that nobody reads yet.
    fn has_mail(&self) -> bool {
        let arrived = SockRef::from(&self.stream).recv_with_flags(&mut [MaybeUninit::uninit()], PEEK_NOW);
        !self.reading && arrived.is_ok_and(|count| count > 0)
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    key: Key,
    address: SocketAddr,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection before anything is read from it; its number, from 1.
    fn opened(&self, stream: &TcpStream) -> u64 {
        let mut state = self.lock();
        state.connections += 1;
        let number = state.connections;
        if let (Ok(peer), Ok(stream)) = (stream.peer_addr(), stream.try_clone()) {
            state.open.insert(number, Open { peer, stream, reading: false });
        }
        drop(state);
        self.changed.notify_all();
        number
    }

    fn closed(&self, connection: u64) {
        self.lock().open.remove(&connection);
        self.changed.notify_all();
    }

    fn reading(&self, connection: u64, reading: bool) {
        if let Some(open) = self.lock().open.get_mut(&connection) {
            open.reading = reading;
        }
        self.changed.notify_all();
    }

    fn update(&self, id: u64, change: impl FnOnce(&mut Seen)) {
        let mut state = self.lock();
        if let Some(seen) = state.seen.iter_mut().find(|seen| seen.id == id) {
            change(seen);
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// A running fake backend. Its threads end with the process.
#[derive(Clone)]
pub struct Backend {
    shared: Arc<Shared>,
    tls: bool,
}

impl Backend {
    /// Listens on a free port of the loopback; only `key` may sign.
    #[must_use]
    pub fn start(key: Key) -> Self {
        Self::listen(key, None)
    }

    /// The same behind TLS.
    #[must_use]
    pub fn start_tls(key: Key, config: Arc<ServerConfig>) -> Self {
        Self::listen(key, Some(config))
    }

    fn listen(key: Key, config: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), key, address });
        let backend = Self { shared: Arc::clone(&shared), tls: config.is_some() };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, config, connection) = (Arc::clone(&shared), config.clone(), shared.opened(&stream));
                std::thread::spawn(move || {
                    accept(&shared, connection, stream, config);
                    shared.closed(connection);
                });
            }
        });
        backend
    }

    /// `scheme://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.shared.address)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, bucket: &str) {
        self.shared.lock().store.create(bucket);
    }

    /// Makes a bucket keep old versions of objects.
    pub fn keep_versions(&self, bucket: &str) {
        self.shared.lock().store.keep_versions(bucket);
    }

    /// Puts an object there without a request.
    pub fn seed(&self, bucket: &str, key: &str, data: &[u8]) {
        self.shared.lock().store.seed(bucket, key, data);
    }

    /// Takes an object away without a request.
    pub fn remove(&self, bucket: &str, key: &str) {
        self.shared.lock().store.remove(bucket, key);
    }

    /// The bytes of an object.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.shared.lock().store.object(bucket, key)
    }

    /// Everything that is stored: (bucket, key, SHA-256), sorted.
    #[must_use]
    pub fn contents(&self) -> Vec<(String, String, String)> {
        self.shared.lock().store.contents()
    }

    /// Adds a rule; the first one that fits a request is applied.
    pub fn misbehave(&self, rule: Rule) {
        self.shared.lock().rules.push(rule);
    }

    /// Forgets requests and rules, once nothing is under way any more.
    pub fn forget(&self) {
        let _ = self.settled();
        let mut state = self.shared.lock();
        state.seen.clear();
        state.rules.clear();
    }

    /// What it saw since [`Self::forget`], once nothing is under way any more: everything that was sent before this call
    /// has been read, whether its connection still lives or not.
    #[must_use]
    pub fn settled(&self) -> Vec<Seen> {
        // Connections are accepted in their order, so all earlier ones are known when this one is.
        let last =
            TcpStream::connect(self.shared.address).and_then(|stream| Ok((stream.local_addr()?, stream))).unwrap();
        self.wait_until("all requests to end", |state| {
            state.open.values().any(|open| open.peer == last.0)
                && state.open.values().all(|open| !open.reading && !open.has_mail())
                && state.seen.iter().all(|one| one.ended)
        })
    }

    /// What it saw, as soon as `condition` holds for it.
    #[must_use]
    pub fn wait_for(&self, what: &str, condition: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        self.wait_until(what, |state| condition(&state.seen))
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&State) -> bool) -> Vec<Seen> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !condition(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(left > Duration::ZERO, "the backend waited in vain for {what}: {:?}", state.seen);
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.seen.clone()
    }
}

fn accept(shared: &Shared, connection: u64, stream: TcpStream, config: Option<Arc<ServerConfig>>) {
    let _ = stream.set_nodelay(true);
    // However a connection ends, the gateway did it or a rule did: nothing to report here.
    let _ = match config {
        None => serve(shared, connection, wire::Wire::new(stream.try_clone().unwrap(), stream)),
        Some(config) => ServerConnection::new(config).map_err(io::Error::other).and_then(|session| {
            let raw = stream.try_clone()?;
            serve(shared, connection, wire::Wire::new(StreamOwned::new(session, stream), raw))
        }),
    };
}

fn serve<S: io::Read + io::Write>(shared: &Shared, connection: u64, mut wire: wire::Wire<S>) -> io::Result<()> {
    loop {
        wire.await_mail()?;
        shared.reading(connection, true);
        let Some(head) = wire.read_head()? else { return Ok(()) };
        let (id, fault) = {
            let mut state = shared.lock();
            let fault = fault::pick(&mut state.rules, &head);
            state.requests += 1;
            let id = state.requests;
            state.seen.push(Seen {
                id,
                connection,
                head: head.clone(),
                wire_body: Vec::new(),
                body_sha256: String::new(),
                complete: false,
                ended: false,
                refused: None,
            });
            (id, fault)
        };
        shared.reading(connection, false);
        let result = one_request(&Ticket { shared, id }, &mut wire, &head, fault);
        shared.update(id, |seen| seen.ended = true);
        if !result? {
            return Ok(());
        }
    }
}

struct Ticket<'a> {
    shared: &'a Shared,
    id: u64,
}

/// Serves one request; `false` ends the connection.
fn one_request<S: io::Read + io::Write>(
    ticket: &Ticket<'_>,
    wire: &mut wire::Wire<S>,
    head: &Head,
    fault: Option<Fault>,
) -> io::Result<bool> {
    if let Some(Fault::EarlyAnswer(answer)) = &fault {
        wire.write(&answer.bytes(head.method == "HEAD"))?;
    }
    let limit = if let Some(Fault::ResetAfter(count)) = fault { Some(count) } else { None };
    let arrived = wire.read_body(head, limit);
    let body = arrived.body;
    ticket.shared.update(ticket.id, |seen| {
        seen.complete = arrived.complete;
        seen.wire_body.clone_from(&body);
    });
    if limit.is_some() {
        wire.reset();
        return Ok(false);
    }
    if !arrived.complete {
        return Ok(false);
    }
    let normal = || regular_answer(ticket, head, &body);
    match fault {
        Some(Fault::EarlyAnswer(_)) => Ok(true),
        Some(other) => fault::perform(other, wire, head, normal),
        None => wire.write(&normal().bytes(head.method == "HEAD")).map(|()| true),
    }
}

fn regular_answer(ticket: &Ticket<'_>, head: &Head, body: &[u8]) -> Answer {
    match check::check(head, body, ticket.shared.key, ticket.shared.address) {
        Ok(object) => {
            let hash = sha256_hex(&object);
            ticket.shared.update(ticket.id, |seen| seen.body_sha256 = hash);
            ticket.shared.lock().store.serve(head, object)
        }
        Err(why) => {
            ticket.shared.update(ticket.id, |seen| seen.refused = Some(why.clone()));
            Answer::error(403, "SignatureDoesNotMatch", &why)
        }
    }
}
