//! HTTP/1.1 as the backend reads and writes it: strict about what arrives, able to send anything.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The head of one request, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// Raw request target.
    pub target: String,
    /// Names as they came, in order.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header, if it is there exactly once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.as_str())
    }

    /// How often a header is there.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name)).count()
    }

    /// Raw path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Raw query.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

pub(super) struct Body {
    pub(super) body: Vec<u8>,
    pub(super) complete: bool,
}

/// One connection.
pub(super) struct Wire<S> {
    stream: S,
    raw: TcpStream,
    unread: Vec<u8>,
}

impl<S: Read + Write> Wire<S> {
    pub(super) fn new(stream: S, raw: TcpStream) -> Self {
        Self { stream, raw, unread: Vec::new() }
    }

    /// Waits for the first bytes of the next request, or the end, and takes none of them.
    pub(super) fn await_mail(&self) -> io::Result<()> {
        if self.unread.is_empty() {
            self.raw.peek(&mut [0])?;
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.unread.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    /// `None` when the connection ended between two requests.
    pub(super) fn read_head(&mut self) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        };
        let bytes: Vec<u8> = self.unread.drain(..end + 4).collect();
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = text.split("\r\n");
        let mut request_line = lines.next().unwrap_or_default().splitn(3, ' ').map(str::to_owned);
        Ok(Some(Head {
            method: request_line.next().unwrap_or_default(),
            target: request_line.next().unwrap_or_default(),
            headers: lines
                .map(|line| line.split_once(':').unwrap_or((line, "")))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        }))
    }

    /// Reads as many bytes as `Content-Length` says, or up to `limit`. Chunked transfer coding is read to its end, but
    /// `check` refuses it: the gateway always knows the length.
    pub(super) fn read_body(&mut self, head: &Head, limit: Option<usize>) -> Body {
        if head.count("transfer-encoding") > 0 {
            let complete = self.fill_until(b"0\r\n\r\n");
            return Body { body: std::mem::take(&mut self.unread), complete };
        }
        let length: usize = head.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let wanted = limit.map_or(length, |limit| limit.min(length));
        while self.unread.len() < wanted {
            if !matches!(self.fill(), Ok(1..)) {
                break;
            }
        }
        let count = self.unread.len().min(wanted);
        let rest = self.unread.split_off(count);
        Body { body: std::mem::replace(&mut self.unread, rest), complete: count == length }
    }

    fn fill_until(&mut self, end: &[u8]) -> bool {
        while !self.unread.ends_with(end) {
            if !matches!(self.fill(), Ok(1..)) {
                return false;
            }
        }
        true
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Ends the connection with RST.
    pub(super) fn reset(&self) {
        let _ = socket2::SockRef::from(&self.raw).set_linger(Some(Duration::ZERO));
        // The last descriptor closes when the connection's thread returns.
    }
}
