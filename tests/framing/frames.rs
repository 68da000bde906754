//! HTTP/2 by hand: frames and header blocks that no client library would send (RFC 9113, RFC 7541).

use std::collections::BTreeMap;

use osp_test_support::{Connection, World};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// This status; `None` for one that the static table of HPACK does not have (403 and the like).
    Answered(Option<u16>),
    Reset,
}

/// A connection that speaks raw frames.
pub struct Raw {
    connection: Connection,
    ends: BTreeMap<u32, End>,
    bodies: BTreeMap<u32, Vec<u8>>,
    statuses: BTreeMap<u32, Option<u16>>,
    /// GOAWAY or the end of the connection.
    pub gone: bool,
}

impl Raw {
    /// A connection without a preface.
    pub fn silent(world: &World) -> Connection {
        Connection::tls(world.gateway.https(), world.authority.client(&[b"h2"]))
    }

    /// A connection after the preface and empty SETTINGS.
    pub fn connect(world: &World) -> Self {
        let mut connection = Self::silent(world);
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        connection.write(&frame(SETTINGS, 0, 0, &[])).unwrap();
        let (ends, bodies, statuses) = Default::default();
        Self { connection, ends, bodies, statuses, gone: false }
    }

    /// One HEADERS frame with these fields.
    pub fn headers(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        self.send(&frame(HEADERS, flags, stream, &block(fields)));
    }

    /// Fields in one CONTINUATION frame.
    pub fn continuation(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        self.send(&frame(CONTINUATION, flags, stream, &block(fields)));
    }

    /// A DATA frame.
    pub fn data(&mut self, stream: u32, flags: u8, bytes: &[u8]) {
        self.send(&frame(DATA, flags, stream, bytes));
    }

    fn send(&mut self, bytes: &[u8]) {
        // the peer may have closed: what it said before is still to be read
        let _ = self.connection.write(bytes);
    }

    /// Reads until all these streams have ended, or the connection has.
    pub fn until(&mut self, streams: &[u32]) {
        while !self.gone && !streams.iter().all(|stream| self.ends.contains_key(stream)) {
            self.read_frame();
        }
    }

    /// How a stream ended, if it did.
    pub fn end(&self, stream: u32) -> Option<&End> {
        self.ends.get(&stream)
    }

    /// The body of an answer.
    pub fn body(&self, stream: u32) -> String {
        String::from_utf8_lossy(self.bodies.get(&stream).map_or(&[][..], Vec::as_slice)).into_owned()
    }

    fn read_frame(&mut self) {
        let Some(head) = self.connection.read_exact(9) else { return self.gone = true };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let Some(payload) = self.connection.read_exact(length) else { return self.gone = true };
        match kind {
            // 1xx are not sent over HTTP/2 here, so the first head is the answer's
            HEADERS => drop(self.statuses.entry(stream).or_insert_with(|| status(&payload))),
            DATA => self.bodies.entry(stream).or_default().extend(payload),
            RST_STREAM => drop(self.ends.entry(stream).or_insert(End::Reset)),
            SETTINGS if flags & ACK == 0 => self.send(&frame(SETTINGS, ACK, 0, &[])),
            PING if flags & ACK == 0 => self.send(&frame(PING, ACK, 0, &payload)),
            GOAWAY => self.gone = true,
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            let status = self.statuses.get(&stream).copied().flatten();
            self.ends.entry(stream).or_insert(End::Answered(status));
        }
    }
}

/// The status in the first byte of a header block, as an index of HPACK's static table (RFC 7541, appendix A).
fn status(block: &[u8]) -> Option<u16> {
    let indexed = block.first()?.checked_sub(0x80)?;
    let at = usize::from(indexed.checked_sub(8)?);
    [200, 204, 206, 304, 400, 404, 500].get(at).copied()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Literal fields without indexing and without Huffman coding (RFC 7541, 6.2.2): any bytes can be sent.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            length(text.len(), &mut bytes);
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// An integer with a prefix of 7 bits (RFC 7541, 5.1).
fn length(mut value: usize, bytes: &mut Vec<u8>) {
    if value < 127 {
        return bytes.push(u8::try_from(value).unwrap());
    }
    bytes.push(127);
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).unwrap());
}
