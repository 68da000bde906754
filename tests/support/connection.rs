//! A raw-socket client: writes any bytes, reads whole answers, says how they ended. Never waits without a limit.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::request::Request;

/// Longest wait for one read or write: far above anything that a healthy gateway needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One answer.
#[derive(Clone, Default)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Statuses of the 1xx answers before it.
    pub interim: Vec<u16>,
    /// The body ended as its framing says. A close-delimited body is never complete here.
    pub complete: bool,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("interim", &self.interim)
            .field("complete", &self.complete)
            .field("body_bytes", &self.body.len())
            .field("body", &shown)
            .finish()
    }
}

impl Response {
    /// The value of a lower-case header name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first XML element of this name.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, after) = text.split_once(&format!("<{name}>"))?;
        after.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
    }

    /// The S3 error code.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.element("Code")
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One connection to the gateway.
pub struct Connection {
    stream: Stream,
    unread: Vec<u8>,
}

impl Connection {
    /// A plain connection.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self { stream: Stream::Plain(tcp(address)), unread: Vec::new() }
    }

    /// A TLS connection with the name `localhost`, HTTP/1.1 only.
    #[must_use]
    pub fn tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(config, name).unwrap();
        Self { stream: Stream::Tls(Box::new(StreamOwned::new(session, tcp(address)))), unread: Vec::new() }
    }

    /// Writes bytes; the peer may have closed already, then the error says so.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Sends a request and reads its answer. A write that fails because the answer came early is no failure.
    pub fn send(&mut self, request: &Request) -> io::Result<Response> {
        let written = self.write(&request.bytes());
        self.read_response(request.method == "HEAD").map_err(|error| written.err().unwrap_or(error))
    }

    /// Ends the writing side.
    pub fn finish_writing(&mut self) {
        if let Stream::Plain(stream) = &self.stream {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    }

    /// Shortens the limit of the next reads.
    pub fn set_patience(&mut self, patience: Duration) {
        let stream = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        };
        stream.set_read_timeout(Some(patience)).unwrap();
    }

    /// True when the peer has ended the connection and nothing unread is left. Silence is no end.
    pub fn is_closed(&mut self) -> bool {
        self.read_to_end().is_ok_and(|rest| rest.is_empty())
    }

    /// Everything until the peer ends the connection, cleanly or with a reset.
    ///
    /// # Errors
    /// When it does not end within the patience of this connection.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(error);
                }
                Ok(0) | Err(_) => return Ok(std::mem::take(&mut self.unread)),
            }
        }
    }

    /// Exactly `count` bytes, for protocols that this type does not know; `None` when the peer ended before.
    pub fn read_exact(&mut self, count: usize) -> Option<Vec<u8>> {
        self.fill_to(count).then(|| self.unread.drain(..count).collect())
    }

    /// True when bytes arrive, or the end, within `patience`.
    pub fn hears_within(&mut self, patience: Duration) -> bool {
        self.set_patience(patience);
        let heard = !self.unread.is_empty()
            || !self
                .fill()
                .is_err_and(|error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        self.set_patience(PATIENCE);
        heard
    }

    /// The certificate that the peer showed (DER).
    #[must_use]
    pub fn peer_certificate(&self) -> Vec<u8> {
        match &self.stream {
            Stream::Plain(_) => Vec::new(),
            Stream::Tls(stream) => stream.conn.peer_certificates().unwrap()[0].as_ref().to_vec(),
        }
    }

    /// Reads one answer, 1xx answers before it included.
    pub fn read_response(&mut self, to_head: bool) -> io::Result<Response> {
        let mut interim = Vec::new();
        loop {
            let (status, headers) = self.read_head()?;
            if (100..200).contains(&status) && status != 101 {
                interim.push(status);
                continue;
            }
            let mut response = Response { status, headers, interim, ..Response::default() };
            let bodiless = to_head || matches!(status, 204 | 304);
            response.complete = bodiless || self.read_body(&mut response)?;
            return Ok(response);
        }
    }

    /// Waits until the peer has sent this much of an answer: everything up to these bytes. Takes none of it.
    ///
    /// # Errors
    /// The peer ends the connection, or is silent for too long.
    pub fn wait_for(&mut self, bytes: &[u8]) -> io::Result<()> {
        while !self.unread.windows(bytes.len()).any(|window| window == bytes) {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Reads one interim answer only.
    pub fn read_interim(&mut self) -> io::Result<u16> {
        self.read_head().map(|(status, _)| status)
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        let count = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut piece)?,
            Stream::Tls(stream) => stream.read(&mut piece)?,
        };
        self.unread.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    fn read_head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if self.fill()? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before an answer"));
            }
        };
        let head: Vec<u8> = self.unread.drain(..end + 4).collect();
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        status
            .map(|status| (status, headers))
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("not a status line: {status_line}")))
    }

    fn read_body(&mut self, response: &mut Response) -> io::Result<bool> {
        if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Ok(self.read_chunks(&mut response.body));
        }
        if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let whole = self.fill_to(length);
            let count = self.unread.len().min(length);
            response.body = self.unread.drain(..count).collect();
            return Ok(whole);
        }
        while matches!(self.fill(), Ok(1..)) {}
        response.body = std::mem::take(&mut self.unread);
        Ok(false)
    }

    /// True once `count` bytes are there; false when the peer ended before.
    fn fill_to(&mut self, count: usize) -> bool {
        while self.unread.len() < count {
            if !matches!(self.fill(), Ok(1..)) {
                return false;
            }
        }
        true
    }

    fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !matches!(self.fill(), Ok(1..)) {
                return None;
            }
        }
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(size) = self.read_line().and_then(|line| usize::from_str_radix(line.trim(), 16).ok()) else {
                return false;
            };
            let whole = self.fill_to(size + 2);
            let count = self.unread.len().min(size);
            body.extend(self.unread.drain(..count));
            if !whole {
                return false;
            }
            self.unread.drain(..2);
            if size == 0 {
                return true;
            }
        }
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
