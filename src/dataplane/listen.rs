//! Listeners that were bound before pingora started: port 0 works and the true address is known.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::apps::ServerApp;
use pingora_core::listeners::ListenerConfig;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora_core::protocols::l4::stream::L4BufferSettings;
use pingora_core::server::{Fds, ListenFds, ShutdownWatch};
use pingora_core::services::Service as PingoraService;
use pingora_core::services::listening::Service;

use crate::tls::CertificateStore;

/// Small reads are buffered in 4 KiB (TLS: one record), writes in 16 KiB: one system call less a request and 49 KiB less
/// a connection than pingora's defaults (performance.md 2); bodies bypass the read buffer.
const PLAIN_READ: usize = 4 * 1024;
const TLS_READ: usize = 18 * 1024;
const WRITE: usize = 16 * 1024;

/// HTTP/2 stream and connection windows: uploads move one window per round trip.
const H2_STREAM_WINDOW: u32 = 1 << 20;
const H2_CONNECTION_WINDOW: u32 = 8 << 20;
/// Streams at once on one HTTP/2 connection.
const H2_STREAMS: u32 = 100;

/// pingora's listening service over descriptors of our own: the server's table is private, and on a key mismatch pingora
/// would silently bind anew.
pub struct PreBound<A> {
    inner: Service<A>,
    descriptors: ListenFds,
}

impl<A: ServerApp + Send + Sync + 'static> PreBound<A> {
    /// A service named `name` that runs `app` on listeners to be added.
    #[must_use]
    pub fn new(name: &str, app: A) -> Self {
        Self { inner: Service::new(name.to_owned(), app), descriptors: Arc::new(Mutex::new(Fds::new())) }
    }

    /// Adds a bound listener; with `certificates` it speaks TLS, HTTP/1.1 and h2 by ALPN.
    ///
    /// # Errors
    /// When the socket cannot be made non-blocking.
    pub fn add(&mut self, socket: TcpListener, certificates: Option<Arc<CertificateStore>>) -> io::Result<SocketAddr> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        // the key must be the very string that the listener is configured with
        let key = address.to_string();
        self.inner.add_listener(listener(&key, certificates)?);
        self.descriptors.lock().add(key, socket.into_raw_fd());
        Ok(address)
    }
}

/// Configuration of one listener.
///
/// # Errors
/// When TLS settings cannot be made.
fn listener(address: &str, certificates: Option<Arc<CertificateStore>>) -> io::Result<ListenerConfig> {
    let Some(certificates) = certificates else {
        return Ok(ListenerConfig::tcp(address).l4_buffer(L4BufferSettings::new(PLAIN_READ, WRITE)));
    };
    let mut tls = TlsSettings::intermediate("", "").map_err(|error| io::Error::other(error.to_string()))?;
    tls.set_cert_resolver(certificates);
    tls.enable_h2();
    Ok(ListenerConfig::tcp(address).tls(tls).l4_buffer(L4BufferSettings::new(TLS_READ, WRITE)))
}

/// HTTP/2 settings of clients' connections.
#[must_use]
pub(crate) fn h2_options() -> H2Options {
    let mut options = default_h2_options();
    options
        .initial_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_concurrent_streams(H2_STREAMS);
    options
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> PingoraService for PreBound<A> {
    async fn start_service(&mut self, _theirs: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        let ours = Some(Arc::clone(&self.descriptors));
        PingoraService::start_service(&mut self.inner, ours, shutdown, listeners_per_fd).await;
    }

    fn name(&self) -> &str {
        PingoraService::name(&self.inner)
    }
}
