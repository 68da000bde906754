//! The stream that pingora reads a message from: exactly one head and its body, never a byte of the next message.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use osp_core::s3::{Framing, RawHead};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::chunk_scan::ChunkScan;
use crate::outline;

/// Room for what a client pipelines while its request is answered.
const PROBE: usize = 1024;

/// Wraps a client connection between the front, which reads heads into `buffer`, and pingora, which reads one armed
/// message at a time. What a client pipelines stays in `buffer` until its turn, so no byte of one message can be taken
/// for another (request smuggling).
#[derive(Debug)]
pub struct FrontIo {
    /// The client connection.
    pub inner: Stream,
    /// Bytes that were read and not yet given to pingora.
    pub buffer: BytesMut,
    /// The head that pingora reads, and how much of it it has read.
    head: Vec<u8>,
    head_read: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// No messages here (HTTP/2): the buffer, then everything that comes.
    Endless,
    Length(u64),
    Chunked(ChunkScan),
}

impl FrontIo {
    /// A connection without a message.
    pub fn new(inner: Stream) -> Self {
        Self { inner, buffer: BytesMut::new(), head: Vec::new(), head_read: 0, body: Body::Length(0) }
    }

    /// A connection of which `buffer` was read already and that is passed on without a look (HTTP/2).
    pub fn replay(inner: Stream, buffer: BytesMut) -> Self {
        Self { inner, buffer, head: Vec::new(), head_read: 0, body: Body::Endless }
    }

    /// Lets pingora read the next message: instead of the `head_len` bytes of the buffer that `head` was read from its
    /// outline, then the body that `framing` announces.
    pub fn arm(&mut self, head_len: usize, head: &RawHead, framing: Framing) {
        self.buffer.advance(head_len.min(self.buffer.len()));
        self.head.clear();
        self.head_read = 0;
        outline::render(head, &mut self.head);
        self.body = match framing {
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(ChunkScan::default()),
        };
    }

    /// True when pingora has read the whole message.
    pub fn is_message_done(&self) -> bool {
        self.unread_head().is_empty()
            && match &self.body {
                Body::Endless => false,
                Body::Length(left) => *left == 0,
                Body::Chunked(scan) => scan.is_done(),
            }
    }

    fn unread_head(&self) -> &[u8] {
        self.head.get(self.head_read..).unwrap_or_default()
    }

    fn read_head(&mut self, out: &mut ReadBuf<'_>) {
        let unread = self.unread_head();
        let step = unread.get(..out.remaining()).unwrap_or(unread);
        out.put_slice(step);
        self.head_read += step.len();
    }

    /// pingora probes idle connections: only their end may be reported, bytes of a next message wait.
    fn probe(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.buffer.is_empty() {
            return Poll::Pending;
        }
        self.buffer.reserve(PROBE);
        let read = pin!(self.inner.read_buf(&mut self.buffer));
        if ready!(read.poll(cx))? == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Takes what the buffer or the connection has; returns how many bytes. What lies beyond `limit` goes back into the
    /// buffer, so that nothing has to be zeroed to be limited.
    fn fill(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>, limit: usize) -> Poll<io::Result<usize>> {
        if !self.buffer.is_empty() {
            let step = limit.min(self.buffer.len());
            out.put_slice(&self.buffer.split_to(step));
            return Poll::Ready(Ok(step));
        }
        let start = out.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, out))?;
        let count = out.filled().len() - start;
        if count > limit {
            self.buffer.extend_from_slice(out.filled().get(start + limit..).unwrap_or_default());
            out.set_filled(start + limit);
        }
        Poll::Ready(Ok(count.min(limit)))
    }

    fn read_body(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let limit = match &self.body {
            Body::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX).min(out.remaining()),
            Body::Chunked(_) | Body::Endless => out.remaining(),
        };
        let start = out.filled().len();
        let count = ready!(self.fill(cx, out, limit))?;
        match &mut self.body {
            Body::Endless => {}
            Body::Length(left) => *left -= count as u64,
            Body::Chunked(scan) => {
                let fresh = out.filled().get(start..).unwrap_or_default();
                let used = scan.feed(fresh).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "bad chunk"))?;
                if used < count {
                    let mut rest = BytesMut::from(fresh.get(used..).unwrap_or_default());
                    rest.unsplit(self.buffer.split());
                    self.buffer = rest;
                    out.set_filled(start + used);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for FrontIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !self.unread_head().is_empty() {
            self.read_head(out);
            return Poll::Ready(Ok(()));
        }
        if self.is_message_done() { self.probe(cx) } else { self.read_body(cx, out) }
    }
}

impl AsyncWrite for FrontIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for FrontIo {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(&mut *self.inner).await;
    }
}

impl UniqueID for FrontIo {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for FrontIo {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }
    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl Peek for FrontIo {}

impl GetTimingDigest for FrontIo {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }
    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }
    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for FrontIo {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for FrontIo {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}
