//! The null backend: the least that an S3 server can do, so that what is measured is the proxy in front of it.
//!
//! `GET /any/size-N` answers N bytes, `GET /bucket` a listing of 1,000 keys, `PUT` reads the whole body before it answers
//! (a server that answers early makes proxies stop sending: such a "success" measures nothing). The headers are those of
//! a real S3 server. Whether signatures are right is judged elsewhere, by the strict fake backend.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PIECE: usize = 256 * 1024;
const HEADERS: &str = "x-amz-request-id: 4442587FB7D0A2F9\r\n\
    x-amz-id-2: vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
    Last-Modified: Sun, 01 Nov 2026 12:00:00 GMT\r\n\
    ETag: \"9b2cf535f27731c974343645a3985328\"\r\n\
    Accept-Ranges: bytes\r\n\
    Content-Type: application/octet-stream\r\n\
    Server: NullBackend\r\n";

#[derive(Clone, Copy, Default)]
struct Behaviour {
    delay: Option<Duration>,
    early_response: bool,
    close_after: Option<usize>,
}

fn main() -> io::Result<()> {
    let mut behaviour = Behaviour::default();
    let mut listen = "127.0.0.1:0".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
        match argument.as_str() {
            "--delay-ms" => behaviour.delay = Some(Duration::from_millis(number())),
            "--close-after" => behaviour.close_after = usize::try_from(number()).ok(),
            "--early-response" => behaviour.early_response = true,
            "--listen" => listen = arguments.next().unwrap_or(listen),
            other => return Err(io::Error::other(format!("unknown argument {other}"))),
        }
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        println!("{{\"ready\":true,\"http\":\"{}\"}}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, behaviour));
        }
    })
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let zeros = vec![0_u8; PIECE];
    let mut buffer = vec![0_u8; PIECE];
    let mut filled = 0;
    for served in 0.. {
        if behaviour.close_after == Some(served) {
            return Ok(());
        }
        let head_end = loop {
            if let Some(at) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                count => filled += count,
            }
        };
        let request = Request::parse(&buffer[..head_end]);
        if let Some(delay) = behaviour.delay {
            tokio::time::sleep(delay).await;
        }
        if behaviour.early_response {
            answer(&mut stream, &request, &zeros).await?;
        }
        let body_here = (filled - head_end).min(request.body);
        buffer.copy_within(head_end + body_here..filled, 0);
        filled -= head_end + body_here;
        let mut left = request.body - body_here;
        while left > 0 {
            let wanted = left.min(PIECE);
            match stream.read(&mut buffer[..wanted]).await? {
                0 => return Ok(()),
                count => left -= count,
            }
        }
        if !behaviour.early_response {
            answer(&mut stream, &request, &zeros).await?;
        }
    }
    Ok(())
}

struct Request {
    is_put: bool,
    body: usize,
    /// Bytes to answer with; `None` = a listing.
    size: Option<usize>,
    bucket: String,
}

impl Request {
    fn parse(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let request_line = lines.next().unwrap_or_default();
        let body = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        let target = request_line.split(' ').nth(1).unwrap_or_default();
        let size = target.split_once("/size-").map(|(_, rest)| rest.split('?').next().unwrap_or(rest));
        let bucket = target.split(['/', '?']).nth(1).unwrap_or_default().to_owned();
        Self { is_put: request_line.starts_with("PUT"), body, size: size.and_then(|size| size.parse().ok()), bucket }
    }
}

async fn answer(stream: &mut TcpStream, request: &Request, zeros: &[u8]) -> io::Result<()> {
    let listing = if request.is_put || request.size.is_some() { String::new() } else { listing(&request.bucket) };
    let length = if request.is_put { 0 } else { request.size.unwrap_or(listing.len()) };
    let mut first = format!("HTTP/1.1 200 OK\r\n{HEADERS}Content-Length: {length}\r\n\r\n{listing}").into_bytes();
    let mut left = length - listing.len();
    // Small answers leave in one write, as those of a real server do.
    let with_head = left.min(16 * 1024);
    first.extend_from_slice(&zeros[..with_head]);
    stream.write_all(&first).await?;
    left -= with_head;
    while left > 0 {
        let count = left.min(PIECE);
        stream.write_all(&zeros[..count]).await?;
        left -= count;
    }
    Ok(())
}

fn listing(bucket: &str) -> String {
    let keys: String = (0..1000)
        .map(|n| {
            format!(
                "<Contents><Key>data/part-{n:05}.parquet</Key><LastModified>2026-11-01T12:00:00.000Z</LastModified>\
                 <ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><Size>1048576</Size>\
                 <StorageClass>STANDARD</StorageClass></Contents>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{bucket}</Name><Prefix></Prefix><KeyCount>1000</KeyCount>\
         <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>"
    )
}
