//! In front of pingora: reads HTTP/1 heads under a deadline, checks them as raw bytes, refuses by itself with S3 XML and
//! a log record, and hands pingora one message at a time. HTTP/2 passes through: no raw head exists there.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::BytesMut;
use osp_core::Denial;
use osp_core::s3::{Framing, RawHead};
use pingora_core::apps::{HttpPersistentSettings, HttpServerApp, HttpServerOptions, ServerApp};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::{ALPN, Shutdown, Stream};
use pingora_core::server::ShutdownWatch;
use pingora_proxy::HttpProxy;
use prometheus::IntGauge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::alarm::Alarm;
use crate::drain::DrainWatch;
use crate::front_io::FrontIo;
use crate::gateway::Proxy;
use crate::listen::h2_options;
use crate::respond;
use crate::settings::{ClientTimeouts, DRAIN_BYTES, DRAIN_TIME, REQUESTS_PER_CONNECTION};
use crate::stage::Observer;

/// Largest head that is looked for; the parser has the exact limits.
const MAX_HEAD: usize = 64 * 1024;
/// What one read asks for: a head of an SDK is 1 to 2 KiB.
const READ_SIZE: usize = 4096;
/// Length of HTTP/2's connection preface (RFC 9113, 3.4).
const H2_PREFACE_BYTES: usize = 24;
/// While draining an idle connection is kept this long: a request may be in flight.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// The server application of every S3 listener.
pub struct Front {
    proxy: Arc<HttpProxy<Proxy>>,
    observer: Arc<Observer>,
    drain: DrainWatch,
    timeouts: ClientTimeouts,
    active: IntGauge,
}

/// What reading a head came to.
enum Head {
    /// The client closed, idled too long, or the process drains.
    Closed,
    /// Length of the head in the buffer, what it says, how its body ends.
    Complete(usize, RawHead, Framing),
    /// A head that is refused.
    Refused(Denial),
}

/// Counts an open connection for as long as it lives.
struct Open(IntGauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Front {
    /// A front before `proxy`.
    #[must_use]
    pub fn new(
        mut proxy: HttpProxy<Proxy>,
        observer: Arc<Observer>,
        drain: DrainWatch,
        timeouts: ClientTimeouts,
    ) -> Self {
        proxy.h2_options = Some(h2_options());
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(timeouts.idle);
        proxy.server_options = Some(options);
        let active = observer.metrics.active_connections.clone();
        Self { proxy: Arc::new(proxy), observer, drain, timeouts, active }
    }

    fn is_draining(&self) -> bool {
        *self.drain.draining.borrow()
    }

    /// Requests of one HTTP/1.1 connection, one after another.
    async fn serve_http1(&self, stream: Stream) -> Option<Stream> {
        let mut settings: Option<HttpPersistentSettings> = None;
        let mut io = FrontIo::new(stream);
        // one for the whole connection: registering anew for every read would cost more than the read
        let mut drained = pin!(drained(self.drain.draining.clone()));
        let mut alarm = Alarm::default();
        loop {
            let (length, head, framing) = match self.read_head(&mut io, &mut alarm, drained.as_mut()).await {
                Head::Closed => return None,
                Head::Refused(denial) => {
                    self.refuse(io, denial).await;
                    return None;
                }
                Head::Complete(length, head, framing) => (length, head, framing),
            };
            io.arm(length, &head, framing);
            let answering = self.proxy.process_new_http(
                session(Box::new(io), self.timeouts, settings.take(), (head, framing)),
                &self.drain.draining,
            );
            let (stream, persistent) = answering.await?.consume();
            settings = persistent;
            io = *stream.into_any().downcast::<FrontIo>().ok()?;
            if !io.is_message_done() {
                return None;
            }
        }
    }

    /// Reads until a head is complete: one deadline until its first byte, another one from there on.
    async fn read_head(
        &self,
        io: &mut FrontIo,
        alarm: &mut Alarm,
        mut drained: Pin<&mut impl Future<Output = ()>>,
    ) -> Head {
        let mut searched = 0;
        let mut deadline = None;
        let idle_until = Instant::now() + self.timeouts.idle;
        loop {
            if let Some(length) = end_of_head(&io.buffer, &mut searched) {
                let raw = io.buffer.get(..length).unwrap_or_default();
                return match RawHead::parse_http1(raw) {
                    Ok((head, framing)) => Head::Complete(length, head, framing),
                    Err(denial) => Head::Refused(denial),
                };
            }
            if io.buffer.len() > MAX_HEAD {
                return Head::Refused(Denial::HeadTooLarge);
            }
            if !io.buffer.is_empty() {
                deadline.get_or_insert_with(|| Instant::now() + self.timeouts.head);
            }
            let end = alarm.wait(deadline.unwrap_or(idle_until));
            match read_more(io, end, drained.as_mut(), deadline.is_none()).await {
                Ok(Ok(count)) if count > 0 => {}
                Err(TimedOut) if deadline.is_some() => return Head::Refused(Denial::RequestTimeout),
                Ok(_) | Err(TimedOut) => return Head::Closed,
            }
        }
    }

    /// Answers a head that pingora never sees, drains a little so that no reset eats the answer, and closes.
    async fn refuse(&self, io: FrontIo, denial: Denial) {
        let FrontIo { inner: mut stream, buffer, .. } = io;
        let mut flight = self.observer.arrive();
        flight.facts.client = peer_address(&stream);
        // HEAD is told by the first bytes: its answer has no body (ER-2)
        let is_head = buffer.starts_with(b"HEAD ");
        let answer = respond::raw_denial(&self.observer, &flight.id, &denial, is_head);
        flight.denial = Some(denial);
        let sent = async {
            stream.write_all(&answer).await?;
            stream.flush().await
        };
        let written = matches!(pingora_timeout::timeout(self.timeouts.stall, sent).await, Ok(Ok(())));
        let _ = pingora_timeout::timeout(DRAIN_TIME, sink(&mut stream)).await;
        Shutdown::shutdown(&mut *stream).await;
        self.observer.record_refused(&flight, written, answer.len());
    }
}

/// A session for one message. A plain function, because sessions are large and futures copy what they hold.
fn session(
    io: Stream,
    timeouts: ClientTimeouts,
    settings: Option<HttpPersistentSettings>,
    received: (RawHead, Framing),
) -> ServerSession {
    let mut session = ServerSession::new_http1(io);
    match settings {
        Some(settings) => settings.apply_to_session(&mut session),
        None => {
            session.set_keepalive(Some(timeouts.idle.as_secs()));
            session.set_keepalive_reuses_remaining(Some(REQUESTS_PER_CONNECTION));
        }
    }
    session.set_read_timeout(Some(timeouts.stall));
    session.set_write_timeout(Some(timeouts.stall));
    session.set_total_drain_timeout(Some(DRAIN_TIME));
    // reaches `on_connection_reuse` of this very request
    session.set_connection_user_context(Some(Box::new(received)));
    session
}

/// The time for a read is over.
struct TimedOut;

/// Ends some time after draining has begun.
async fn drained(mut draining: ShutdownWatch) {
    let _ = draining.wait_for(|draining| *draining).await;
    tokio::time::sleep(DRAIN_GRACE).await;
}

#[async_trait]
impl ServerApp for Front {
    async fn process_new(self: &Arc<Self>, stream: Stream, _server: &ShutdownWatch) -> Option<Stream> {
        self.active.inc();
        let _open = Open(self.active.clone());
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            // a connection that begins while draining would get GOAWAY before its first request: give it the later watch
            let watch = if self.is_draining() { &self.drain.last_call } else { &self.drain.draining };
            let stream = with_preface(stream, self.timeouts.head).await?;
            return self.proxy.process_new(stream, watch).await;
        }
        self.serve_http1(stream).await
    }

    async fn cleanup(&self) {
        HttpServerApp::http_cleanup(&*self.proxy).await;
    }
}

/// One read before the `end`; an idle connection also ends when draining has begun.
async fn read_more(
    io: &mut FrontIo,
    end: impl Future<Output = ()>,
    drained: Pin<&mut impl Future<Output = ()>>,
    idle: bool,
) -> Result<io::Result<usize>, TimedOut> {
    io.buffer.reserve(READ_SIZE);
    tokio::select! {
        biased;
        read = io.inner.read_buf(&mut io.buffer) => Ok(read),
        () = end => Err(TimedOut),
        () = drained, if idle => Ok(Ok(0)),
    }
}

/// Waits for the first bytes of an HTTP/2 connection until the `deadline`: pingora would wait for ever. From there on its
/// idle time-out holds.
async fn with_preface(mut stream: Stream, deadline: Duration) -> Option<Stream> {
    let mut buffer = BytesMut::with_capacity(READ_SIZE);
    let reading = async {
        while buffer.len() < H2_PREFACE_BYTES {
            if !matches!(stream.read_buf(&mut buffer).await, Ok(count) if count > 0) {
                return false;
            }
        }
        true
    };
    let in_time = pingora_timeout::timeout(deadline, reading).await.unwrap_or(false);
    in_time.then(|| Box::new(FrontIo::replay(stream, buffer)) as Stream)
}

/// The position after the empty line; remembers what was searched already.
fn end_of_head(buffer: &[u8], searched: &mut usize) -> Option<usize> {
    let from = searched.saturating_sub(3);
    *searched = buffer.len();
    // the parser refuses bare LF; ending the head at one here keeps such a client from waiting for the deadline
    let rest = buffer.get(from..)?;
    // line by line: a head has about ten, and setting up two substring searches costs more than looking at all of them
    memchr::memchr_iter(b'\n', rest).find_map(|at| {
        let after_crlf = at.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'\r');
        match rest.get(at + 1..)? {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] if after_crlf => Some(from + at + 3),
            _ => None,
        }
    })
}

async fn sink(stream: &mut Stream) {
    let mut space = vec![0_u8; 16 * 1024];
    let mut left = DRAIN_BYTES;
    while left > 0 {
        match stream.read(&mut space).await {
            Ok(count) if count > 0 => left = left.saturating_sub(count),
            _ => return,
        }
    }
}

fn peer_address(stream: &Stream) -> Option<std::net::IpAddr> {
    let digest = stream.get_socket_digest()?;
    digest.peer_addr()?.as_inet().map(std::net::SocketAddr::ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_across_reads() {
        let mut searched = 0;
        assert_eq!(end_of_head(b"GET / HTTP/1.1\r\n\r", &mut searched), None);
        assert_eq!(end_of_head(b"GET / HTTP/1.1\r\n\r\nrest", &mut searched), Some(18));
        assert_eq!(end_of_head(b"GET / HTTP/1.1\n\n", &mut 0), Some(16));
    }
}
