//! What the operator may set, and the named limits that nobody may exceed, each with its reason.

use std::net::IpAddr;
use std::time::Duration;

use osp_core::s3::BaseHosts;
use pingora_core::server::configuration::ServerConf;

/// Bytes a second that a client's body must have on average once [`ClientTimeouts::stall`] is over.
pub const MIN_BODY_RATE: u64 = 1024;
/// Requests on one client connection before it is closed, so that new replicas get their share of load.
pub const REQUESTS_PER_CONNECTION: u32 = 10_000;
/// How much of an unread body is drained after an error answer, so that no reset eats the answer...
pub const DRAIN_BYTES: usize = 1 << 20;
/// ... and for how long.
pub const DRAIN_TIME: Duration = Duration::from_secs(2);
/// Connecting to a backend, name resolution excluded.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Connecting and the TLS handshake together.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(8);
/// Longest silence of a backend. `CompleteMultipartUpload` of large objects trickles white space well within it (RS-14).
pub const BACKEND_READ: Duration = Duration::from_secs(120);
/// Longest time in which a backend takes no bytes.
pub const BACKEND_WRITE: Duration = Duration::from_secs(60);
/// Pooled backend connections are closed after this long; below the keep-alive of common backends (RGW 65 s, nginx 75 s).
pub const BACKEND_IDLE: Duration = Duration::from_secs(30);
/// Pooled backend connections: at least twice the expected concurrency, or handshakes eat the machine.
pub const BACKEND_POOL: usize = 4096;
/// Longest whole exchange with a backend that OSP itself begins.
pub const EXCHANGE_TIME: Duration = Duration::from_secs(120);
/// The same for the end of an upload: "several minutes" (AWS, `CompleteMultipartUpload`).
pub const COMPLETION_TIME: Duration = Duration::from_secs(600);
/// Longest copy between two backends: 5 GiB at 0.7 MiB a second. Slower ones would hold connections that others need.
pub const COPY_TIME: Duration = Duration::from_secs(2 * 60 * 60);
/// Copies between backends at a time: each moves up to 5 GiB in and out for a request of a few hundred bytes, and its client
/// needs to take nothing of it.
pub const COPIES: usize = 64;
/// Most interim answers (1xx) before the one that counts: servers send one or two.
pub const MAX_INTERIM: usize = 16;
/// Largest answer of a backend that OSP itself reads whole (`DeleteResult` of 1,000 keys of 1 KiB, escaped).
pub const EXCHANGE_ANSWER_BYTES: usize = 8 << 20;
/// How long a stale answer is used when a name cannot be resolved, before it is asked again.
pub const DNS_RETRY: Duration = Duration::from_secs(2);
/// How long a resolved name is used before it is asked again.
pub const DNS_TTL: Duration = Duration::from_secs(10);
/// Largest `traffic.retries.attempts` of a route.
const MOST_ATTEMPTS: usize = 5;
/// Access-log lines waiting for the writer; what does not fit is dropped and counted.
pub const LOG_QUEUE: usize = 8192;

/// How long clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// For a whole request head, from its first byte on: pingora itself has no whole-head deadline.
    pub head: Duration,
    /// Of silence in the middle of a body, and for taking bytes of the answer.
    pub stall: Duration,
    /// Between two requests on a connection.
    pub idle: Duration,
}

impl ClientTimeouts {
    /// How long a backend may be silent while it is sent a body: it has nothing to say until it has all of it, so its
    /// silence must outlast the client's.
    #[must_use]
    pub fn silence_of_backends(&self) -> Duration {
        self.stall.saturating_mul(2)
    }
}

/// What requests are served with; everything that changes at run time is in the routing table instead.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Region that clients are told (`GetBucketLocation`, `x-amz-bucket-region`).
    pub region: String,
    /// Hosts under which `<bucket>.<host>` names a bucket.
    pub base_hosts: BaseHosts,
    /// Peers whose `X-Forwarded-For` is believed, for the access log and for hooks.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// `Server` header of every answer; the backend's is never shown (C54).
    pub server_name: String,
    /// Total attempts per request, at least 1.
    pub max_attempts: usize,
    /// Worker threads.
    pub threads: usize,
    /// How long clients may take.
    pub client: ClientTimeouts,
}

impl Settings {
    /// True when this peer may speak for others.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}

/// pingora's own configuration, with the defaults replaced that are wrong for an S3 gateway (performance.md 3.2).
#[must_use]
pub fn server_conf(settings: &Settings) -> ServerConf {
    ServerConf {
        threads: settings.threads.max(1),
        upstream_keepalive_pool_size: BACKEND_POOL,
        // total attempts, and one more for a bucket that turns out to be in another region; 0 would answer nothing at all.
        // The gateway decides about each of them
        max_retries: settings.max_attempts.max(MOST_ATTEMPTS) + 1,
        max_blocking_threads: Some(32),
        // our own drain has ended by the time pingora is told to stop
        grace_period_seconds: Some(1),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    }
}
