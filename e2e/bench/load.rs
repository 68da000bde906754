//! The client: requests signed in advance, sent one after the other over a kept connection; every answer is checked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use osp_test_support::{ALICE, Key, Payload, Request, Signer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::arms::HOST;

/// How a listing ends.
const LISTING_END: &[u8] = b"</ListBucketResult>";
/// The last chunk of a body in chunks.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// `GET` of so many bytes.
    Get(usize),
    /// `PUT` of so many bytes, signed with their SHA-256.
    PutSigned(usize),
    /// `PUT` of so many bytes with an unsigned checksum trailer, as current SDKs send over HTTPS.
    PutTrailer(usize),
    /// `PUT` of so many bytes in signed chunks of 64 KiB.
    PutChunks(usize),
    /// `ListObjectsV2`, 1,000 keys.
    List,
    /// `GET` with a signature that is wrong in its last digit.
    Reject,
}

/// A request ready to be sent, and what has to come back.
pub struct Prepared {
    pub request: Request,
    wire: Vec<u8>,
    status: u16,
    /// Length of the answer's body, where it is known.
    length: Option<usize>,
    /// What a listing has to call its bucket.
    listed: Option<String>,
}

impl Prepared {
    /// Signs the request for `bucket`. Signatures are good for 15 minutes.
    pub fn new(work: Work, bucket: &str) -> Self {
        Self::by(ALICE, work, bucket)
    }

    /// The same by somebody else.
    pub fn by(key: Key, work: Work, bucket: &str) -> Self {
        let path = |size| format!("/{bucket}/size-{size}");
        let signer = Signer::new(key);
        let (request, status, length) = match work {
            Work::Get(size) => (signer.sign(sdk("GET", &path(size)), Payload::Sha256), 200, Some(size)),
            Work::PutSigned(size) => {
                (signer.sign(sdk("PUT", &path(size)).body(vec![7; size]), Payload::Sha256), 200, Some(0))
            }
            Work::PutTrailer(size) => {
                let request = sdk("PUT", &path(size)).body(vec![7; size]);
                (signer.chunk(1024 * 1024).sign(request, Payload::UnsignedTrailer), 200, Some(0))
            }
            Work::PutChunks(size) => {
                let request = sdk("PUT", &path(size)).body(vec![7; size]);
                (signer.chunk(64 * 1024).sign(request, Payload::SignedChunks), 200, Some(0))
            }
            Work::List => {
                let request = sdk("GET", &format!("/{bucket}")).query("list-type=2");
                (signer.sign(request, Payload::Sha256), 200, None)
            }
            Work::Reject => {
                let request = signer.sign(sdk("GET", &path(1024)), Payload::Sha256);
                let (head, last) = request.value("authorization").split_at(request.value("authorization").len() - 1);
                let wrong = format!("{head}{}", if last == "0" { '1' } else { '0' });
                (request.replacing("authorization", &wrong), 403, None)
            }
        };
        let wire = request.bytes();
        let listed = (work == Work::List).then(|| format!("<Name>{bucket}</Name>"));
        Self { request, wire, status, length, listed }
    }

    /// Bytes that one exchange moves, for figures per byte.
    pub fn bytes(&self) -> usize {
        self.length.unwrap_or(0).max(self.wire.len())
    }
}

/// The headers that an SDK sends.
fn sdk(method: &str, path: &str) -> Request {
    Request::new(method, HOST, path)
        .header("User-Agent", "aws-sdk-go-v2/1.30.0 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux api/s3#1.60.0 m/E")
        .header("Accept-Encoding", "identity")
        .header("Amz-Sdk-Invocation-Id", "0b2c2c5e-9c0a-4b3c-9d65-0d2a2b2f8a11")
        .header("Amz-Sdk-Request", "attempt=1; max=3")
}

/// What a client speaks through.
trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// One kept connection.
pub struct Client {
    stream: Box<dyn Wire>,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn new(address: SocketAddr) -> Self {
        Self::over(Box::new(connect(address)))
    }

    /// Connects with TLS, to the name `localhost`.
    pub fn tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let session = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
        Self::over(Box::new(StreamOwned::new(session, connect(address))))
    }

    fn over(stream: Box<dyn Wire>) -> Self {
        Self { stream, buffer: vec![0; 256 * 1024] }
    }

    /// Sends it `count` times and checks every answer.
    pub fn run(&mut self, prepared: &Prepared, count: usize) {
        for _ in 0..count {
            self.ask(prepared);
            self.read_answer(prepared);
        }
    }

    /// Sends it, and leaves the answer for [`Self::read_answer`].
    pub fn ask(&mut self, prepared: &Prepared) {
        self.stream.write_all(&prepared.wire).unwrap();
        self.stream.flush().unwrap();
    }

    /// Reads one answer and checks it.
    pub fn read_answer(&mut self, prepared: &Prepared) {
        let mut filled = 0;
        let head_end = loop {
            let count = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(count > 0, "closed before the answer");
            filled += count;
            if let Some(at) = self.buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).to_ascii_lowercase();
        assert_eq!(head.get(9..12), Some(prepared.status.to_string().as_str()), "{head}");
        if let Some(name) = &prepared.listed {
            return self.read_listing(name, filled, (head_end, head.contains("transfer-encoding: chunked")));
        }
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let length = length.unwrap_or_else(|| panic!("an answer without a length: {head}"));
        assert!(prepared.length.is_none_or(|expected| expected == length), "a body of {length} bytes: {head}");
        let mut left = length - (filled - head_end);
        while left > 0 {
            let wanted = left.min(self.buffer.len());
            let count = self.stream.read(&mut self.buffer[..wanted]).unwrap();
            assert!(count > 0, "the answer was cut off");
            left -= count;
        }
    }

    fn read_listing(&mut self, name: &str, filled: usize, (head_end, chunked): (usize, bool)) {
        let mut body = self.buffer[head_end..filled].to_vec();
        let is_whole = |body: &[u8]| match chunked {
            true => body.strip_suffix(LAST_CHUNK).is_some_and(|body| body.ends_with(LISTING_END)),
            false => body.ends_with(LISTING_END),
        };
        while !is_whole(&body) {
            let count = self.stream.read(&mut self.buffer).unwrap();
            assert!(count > 0, "the listing was cut off");
            body.extend_from_slice(&self.buffer[..count]);
        }
        assert!(body[..400].windows(name.len()).any(|window| window == name.as_bytes()), "a listing of another bucket");
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    stream
}
