//! A request that can be signed in every way that S3 knows, and then be damaged: all fields are public, and whatever
//! is changed after signing is not covered by the signature.

use std::time::{Duration, SystemTime};

use crate::checksum::crc32_base64;
use crate::sigv4::{Parts, SigningKey, amz_date, canonical_request, sha256_hex, uri_encode};

/// An access key of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub id: &'static str,
    pub secret: &'static str,
}

/// The five payload modes of s3-protocol.md 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    Sha256,
    Unsigned,
    SignedChunks,
    SignedChunksTrailer,
    UnsignedTrailer,
}

impl Payload {
    pub const ALL: [Self; 5] =
        [Self::Sha256, Self::Unsigned, Self::SignedChunks, Self::SignedChunksTrailer, Self::UnsignedTrailer];

    fn has_trailer(self) -> bool {
        matches!(self, Self::SignedChunksTrailer | Self::UnsignedTrailer)
    }
}

/// One HTTP/1.1 request, body included.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Raw path, as it goes on the wire.
    pub path: String,
    /// Raw query without `?`; empty = none.
    pub query: String,
    /// In wire order; `Host` first.
    pub headers: Vec<(String, String)>,
    /// The body on the wire: one piece, or one for each aws-chunk (the last one with the trailer).
    pub pieces: Vec<Vec<u8>>,
}

impl Request {
    /// A bare request to `host`. The path is sent as it is given.
    #[must_use]
    pub fn new(method: &str, host: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: vec![("Host".to_owned(), host.to_owned())],
            pieces: Vec::new(),
        }
    }

    /// Sets the raw query.
    #[must_use]
    pub fn query(mut self, raw: &str) -> Self {
        raw.clone_into(&mut self.query);
        self
    }

    /// Appends a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body. Signing adds the framing.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.pieces = vec![body.into()];
        self
    }

    /// Replaces the value of a header wherever it stands.
    #[must_use]
    pub fn replacing(mut self, name: &str, value: &str) -> Self {
        let mut found = false;
        for header in self.headers.iter_mut().filter(|(header, _)| header.eq_ignore_ascii_case(name)) {
            value.clone_into(&mut header.1);
            found = true;
        }
        assert!(found, "the request has no header {name} to replace");
        self
    }

    /// Takes a header away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let before = self.headers.len();
        self.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        assert!(self.headers.len() < before, "the request has no header {name} to remove");
        self
    }

    /// The value of a header, empty when absent.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The signature that this request carries, in a header or in its query.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        let part = |text: &'_ str| text.find("Signature=").map(|at| at + "Signature=".len());
        let header = self.value("authorization");
        part(header)
            .map(|at| &header[at..])
            .or_else(|| part(&self.query).map(|at| &self.query[at..]))
            .map(|tail| tail.split([',', '&']).next().unwrap_or(tail))
    }

    /// Re-frames the body in HTTP chunks of at most `size` bytes: `Transfer-Encoding: chunked`, no length.
    #[must_use]
    pub fn transfer_chunked(mut self, size: usize) -> Self {
        self.headers.retain(|(header, _)| !header.eq_ignore_ascii_case("content-length"));
        let body = self.pieces.concat();
        let mut framed: Vec<Vec<u8>> = body
            .chunks(size)
            .map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
            .collect();
        framed.push(b"0\r\n\r\n".to_vec());
        self.pieces = framed;
        self.header("Transfer-Encoding", "chunked")
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// The head on the wire, the empty line included.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Head and body on the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        for piece in &self.pieces {
            bytes.extend_from_slice(piece);
        }
        bytes
    }
}

/// Signs requests for one key at one moment.
#[derive(Debug, Clone)]
pub struct Signer {
    pub key: Key,
    pub region: String,
    pub service: String,
    pub at: SystemTime,
    /// Size of aws-chunks.
    pub chunk: usize,
    /// Headers that are deliberately left out of the signature (lower-case).
    pub leave_out: Vec<String>,
    /// Headers that get another value, or none, before the request is signed.
    pub overrides: Vec<(String, Option<String>)>,
    /// Another trailer line than the true one; empty = no line.
    pub trailer: Option<String>,
}

impl Signer {
    /// A signer of now, for `us-east-1`, with chunks of 64 KiB.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
            at: SystemTime::now(),
            chunk: 64 * 1024,
            leave_out: Vec::new(),
            overrides: Vec::new(),
            trailer: None,
        }
    }

    /// Another moment.
    #[must_use]
    pub fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }

    /// Another chunk size.
    #[must_use]
    pub fn chunk(mut self, chunk: usize) -> Self {
        self.chunk = chunk;
        self
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::derive(self.key.secret, &amz_date(self.at), &self.region, &self.service)
    }

    fn signed_names(&self, request: &Request) -> Vec<String> {
        let mut names: Vec<String> = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| name == "host" || name.starts_with("x-amz-") || name.starts_with("content-"))
            .filter(|name| name != "content-length" && !self.leave_out.contains(name))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// `Authorization` header, with the body encoded for `payload`. Signs `host`, every `x-amz-*` and `content-*`.
    #[must_use]
    pub fn sign(&self, request: Request, payload: Payload) -> Request {
        let body = request.pieces.concat();
        let literal = match payload {
            Payload::Sha256 => sha256_hex(&body),
            Payload::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Payload::SignedChunks => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Payload::SignedChunksTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned(),
            Payload::UnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        };
        let mut request = request.header("x-amz-date", &amz_date(self.at)).header("x-amz-content-sha256", &literal);
        if !matches!(payload, Payload::Sha256 | Payload::Unsigned) {
            request = request
                .header("Content-Encoding", "aws-chunked")
                .header("x-amz-decoded-content-length", &body.len().to_string());
        }
        if payload.has_trailer() {
            request = request.header("x-amz-trailer", "x-amz-checksum-crc32");
        }
        self.finish(request, &literal, payload, &body)
    }

    /// `Authorization` header with a literal of the caller's choice and a body sent as it is.
    #[must_use]
    pub fn sign_literal(&self, request: Request, literal: &str) -> Request {
        let body = request.pieces.concat();
        let request = request.header("x-amz-date", &amz_date(self.at)).header("x-amz-content-sha256", literal);
        self.finish(request, literal, Payload::Unsigned, &body)
    }

    fn finish(&self, mut request: Request, literal: &str, payload: Payload, body: &[u8]) -> Request {
        for (name, value) in &self.overrides {
            request = match value {
                Some(value) => request.replacing(name, value),
                None => request.without(name),
            };
        }
        let signed = self.signed_names(&request);
        let key = self.signing_key();
        let signature = key.sign(&canonical(&request, &signed, literal));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.key.id,
            key.scope,
            signed.join(";")
        );
        let mut request = request.header("Authorization", &authorization);
        request.pieces = self.encode(&key, &signature, payload, body);
        let length: usize = request.pieces.iter().map(Vec::len).sum();
        if length > 0 || matches!(request.method.as_str(), "PUT" | "POST") {
            request = request.header("Content-Length", &length.to_string());
        }
        request
    }

    fn encode(&self, key: &SigningKey, seed: &str, payload: Payload, body: &[u8]) -> Vec<Vec<u8>> {
        if matches!(payload, Payload::Sha256 | Payload::Unsigned) {
            return if body.is_empty() { Vec::new() } else { vec![body.to_vec()] };
        }
        let signed = payload != Payload::UnsignedTrailer;
        let mut previous = seed.to_owned();
        let mut header = |data: &[u8]| {
            if !signed {
                return format!("{:x}\r\n", data.len());
            }
            previous = key.sign_chunk(&previous, data);
            format!("{:x};chunk-signature={previous}\r\n", data.len())
        };
        let mut pieces: Vec<Vec<u8>> =
            body.chunks(self.chunk).map(|data| [header(data).as_bytes(), data, b"\r\n"].concat()).collect();
        let mut last = header(b"");
        if payload.has_trailer() {
            let truth = || format!("x-amz-checksum-crc32:{}", crc32_base64(body));
            let line = self.trailer.clone().unwrap_or_else(truth);
            if !line.is_empty() {
                last.push_str(&format!("{line}\r\n"));
            }
            if signed && !line.is_empty() {
                let signature = key.sign_trailer(&previous, &format!("{line}\n"));
                last.push_str(&format!("x-amz-trailer-signature:{signature}\r\n"));
            }
        }
        last.push_str("\r\n");
        pieces.push(last.into_bytes());
        pieces
    }

    /// A presigned request: everything in the query, the payload unsigned. Signs every header that the request has.
    #[must_use]
    pub fn presign(&self, request: Request, expires: Duration) -> Request {
        self.presign_text(request, &expires.as_secs().to_string())
    }

    /// As [`Self::presign`], with any text as `X-Amz-Expires`.
    #[must_use]
    pub fn presign_text(&self, mut request: Request, expires: &str) -> Request {
        let key = self.signing_key();
        let mut signed: Vec<String> = request
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| !self.leave_out.contains(name))
            .collect();
        signed.sort();
        let credential = uri_encode(format!("{}/{}", self.key.id, key.scope).as_bytes(), false);
        let separator = if request.query.is_empty() { "" } else { "&" };
        request.query.push_str(&format!(
            "{separator}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders={}",
            key.date,
            uri_encode(expires.as_bytes(), false),
            uri_encode(signed.join(";").as_bytes(), false)
        ));
        let signature = key.sign(&canonical(&request, &signed, "UNSIGNED-PAYLOAD"));
        request.query.push_str(&format!("&X-Amz-Signature={signature}"));
        let length: usize = request.pieces.iter().map(Vec::len).sum();
        if length > 0 || request.method == "PUT" {
            request = request.header("Content-Length", &length.to_string());
        }
        request
    }
}

/// What a signature of this request covers.
fn canonical(request: &Request, signed: &[String], payload: &str) -> String {
    canonical_request(Parts {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        signed,
        payload,
    })
}
