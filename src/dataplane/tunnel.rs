//! A connection through an HTTP proxy: `CONNECT` (RFC 9110, 9.3.6). pingora reaches such proxies over Unix sockets only.
//!
//! The proxy resolves the backend's name: that is what it is there for, and its rules are about names. So the check of
//! resolved addresses (B-1) is made for the proxy's own address here, and for the backend's by whoever runs the proxy.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use osp_core::table::Proxy;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_error::{Error, ErrorType, OrErr, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::first_byte::Tap;

/// Largest head of a proxy's answer.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Connects to one backend through one proxy.
#[derive(Debug)]
pub struct Tunnel {
    /// The proxy.
    pub proxy: Arc<Proxy>,
    /// `host:port` of the backend.
    pub target: String,
    /// For all of it.
    pub limit: Duration,
    /// Who wants to know the socket.
    pub tap: Option<Arc<Tap>>,
}

#[async_trait]
impl Connect for Tunnel {
    async fn connect(&self, proxy: &SocketAddr) -> Result<Stream> {
        let Some(address) = proxy.as_inet() else {
            return Error::e_explain(ErrorType::InternalError, "a proxy without an address");
        };
        let opening = async {
            let stream =
                TcpStream::connect(address).await.or_err(ErrorType::ConnectError, "the proxy cannot be reached")?;
            if let Some(tap) = &self.tap {
                tap.keep(&stream);
            }
            self.open(stream).await
        };
        match tokio::time::timeout(self.limit, opening).await {
            Ok(opened) => opened.map(Stream::from),
            Err(_) => Error::e_explain(ErrorType::ConnectTimedout, "the proxy did not open a tunnel in time"),
        }
    }
}

impl Tunnel {
    async fn open(&self, mut stream: TcpStream) -> Result<TcpStream> {
        let broken =
            |_: io::Error| Error::explain(ErrorType::ConnectProxyFailure, "the proxy broke the connection off");
        stream.write_all(&self.request()).await.map_err(broken)?;
        let head = read_head(&mut stream).await.map_err(broken)?;
        match status(&head) {
            Some(200..=299) => Ok(stream),
            Some(407) => Error::e_explain(ErrorType::ConnectProxyFailure, "the proxy refused the credentials (407)"),
            Some(status) => {
                Error::e_explain(ErrorType::ConnectProxyFailure, format!("the proxy refused the tunnel ({status})"))
            }
            None => Error::e_explain(ErrorType::ConnectProxyFailure, "the proxy does not speak HTTP"),
        }
    }

    fn request(&self) -> Vec<u8> {
        let target = &self.target;
        let mut out = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(header) = &self.proxy.authorization {
            out.extend_from_slice(b"Proxy-Authorization: ");
            #[expect(clippy::disallowed_methods, reason = "the credentials go into their header")]
            header.with_exposed(|text| out.extend_from_slice(text.as_bytes()));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

/// Reads a head and not one byte of what follows: those are the backend's.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    let mut peeked = [0; 1024];
    while head.len() < MAX_HEAD_BYTES {
        let count = stream.peek(&mut peeked).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = head.len();
        head.extend_from_slice(peeked.get(..count).unwrap_or_default());
        let end = memchr::memmem::find(&head, END).map(|at| at + END.len());
        head.truncate(end.unwrap_or(head.len()));
        let mut taken = vec![0; head.len() - before];
        stream.read_exact(&mut taken).await?;
        if end.is_some() {
            return Ok(head);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let version = words.next()?;
    version.starts_with("HTTP/1.").then(|| words.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn head_of(sent: &'static [&'static [u8]]) -> (io::Result<Vec<u8>>, Vec<u8>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sending = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in sent {
                stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = read_head(&mut stream).await;
        sending.await.unwrap();
        let mut rest = Vec::new();
        if head.is_ok() {
            stream.read_to_end(&mut rest).await.unwrap();
        }
        (head, rest)
    }

    #[tokio::test]
    async fn the_head_of_the_proxy_is_read_and_nothing_of_the_backend() {
        for sent in [
            &[b"HTTP/1.1 200 OK\r\nVia: p\r\n\r\nbackend" as &[u8]] as &[&[u8]],
            &[b"HTTP/1.1 200 OK\r\nVia", b": p\r\n\r", b"\nback", b"end"],
        ] {
            let (head, rest) = head_of(sent).await;
            assert_eq!(head.unwrap(), b"HTTP/1.1 200 OK\r\nVia: p\r\n\r\n");
            assert_eq!(rest, b"backend");
        }
        assert!(head_of(&[b"HTTP/1.1 200 OK\r\n"]).await.0.is_err());
    }

    #[test]
    fn only_http_1_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407 x\r\n\r\n"), Some(407));
        for text in [b"SSH-2.0\r\n\r\n" as &[u8], b"HTTP/1.1\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"\xff\r\n\r\n", b""] {
            assert_eq!(status(text), None);
        }
    }

    #[test]
    fn the_request_names_the_backend_and_carries_the_credentials() {
        let endpoint = osp_core::model::Endpoint::parse("http://proxy:3128").unwrap();
        let authorization = osp_core::sigv4::SecretKey::new("Basic dTpw".to_owned());
        let proxy = Arc::new(Proxy { endpoint, authorization });
        let tunnel = Tunnel { proxy, target: "s3.test:443".to_owned(), limit: Duration::from_secs(1), tap: None };
        let expected = "CONNECT s3.test:443 HTTP/1.1\r\nHost: s3.test:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
        assert_eq!(String::from_utf8(tunnel.request()).unwrap(), expected);
        assert!(!format!("{tunnel:?}").contains("dTpw"));
    }
}
