//! Bodies as clients send them, for the tests: an encoder that shares nothing with the decoder but HMAC.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "for tests and fuzzing only")]

use bytes::Bytes;

use super::declared::Declared;
use super::{Announcement, Gate, Obligation, PayloadAuth};
use crate::model::TrailingChecksums::{self, Drop, Forward};
use crate::s3::Body;
use crate::sigv4::{ChunkChain, Scope, SecretKey, SigningKey};
use crate::{Denial, Timestamp};

/// The seed of AWS's published streaming example.
pub(crate) const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
/// The seed of the published example with a trailer.
pub(crate) const TRAILER_SEED: &str = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";

const DATE: &str = "20130524T000000Z";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, data).as_ref().try_into().unwrap()
}

fn scope() -> Scope {
    Scope { date: "20130524".into(), region: "us-east-1".into(), service: "s3".into() }
}

fn key() -> SigningKey {
    let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()).unwrap();
    SigningKey::derive(&secret, &scope())
}

pub(crate) fn signed_chunks(seed: &str, trailer: bool) -> PayloadAuth {
    let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
    let date = Timestamp::parse_amz(DATE.as_bytes()).unwrap();
    PayloadAuth::SignedChunks { chain: ChunkChain::new(key(), date, &scope(), &seed), trailer }
}

/// The parts of an aws-chunked body, separate so that a test can tamper with each.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// Header and data, line end included; the final chunk's header is the last one.
    pub(crate) chunks: Vec<(String, Vec<u8>)>,
    /// Everything after the final chunk's header.
    pub(crate) end: String,
}

impl Wire {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (header, data) in &self.chunks {
            out.extend_from_slice(header.as_bytes());
            out.extend_from_slice(data);
        }
        out.extend_from_slice(self.end.as_bytes());
        out
    }
}

/// Unsigned chunks and a trailer of whole lines.
pub(crate) fn unsigned(chunks: &[&[u8]], trailer: &str) -> Wire {
    let frame = |data: &&[u8]| (format!("{:x}\r\n", data.len()), [data, &b"\r\n"[..]].concat());
    let mut chunks: Vec<_> = chunks.iter().map(frame).collect();
    chunks.push(("0\r\n".to_owned(), Vec::new()));
    Wire { chunks, end: format!("{trailer}\r\n") }
}

/// Signed chunks; with a trailer line `name:value` it is signed as well.
pub(crate) fn signed(seed: &str, chunks: &[&[u8]], trailer: Option<&str>) -> Wire {
    let key = key();
    let mut previous = seed.to_owned();
    let mut sign = |label: &str, hashes: &str| {
        let text = format!("AWS4-HMAC-SHA256-{label}\n{DATE}\n{}\n{previous}\n{hashes}", scope());
        previous = hex::encode(key.sign(text.as_bytes()));
        previous.clone()
    };
    let mut wire = Wire { chunks: Vec::new(), end: "\r\n".to_owned() };
    for data in chunks.iter().chain(&[&[][..]]) {
        let signature = sign("PAYLOAD", &format!("{EMPTY}\n{}", hex::encode(sha256(data))));
        let body = if data.is_empty() { Vec::new() } else { [data, &b"\r\n"[..]].concat() };
        wire.chunks.push((format!("{:x};chunk-signature={signature}\r\n", data.len()), body));
    }
    if let Some(line) = trailer {
        let signature = sign("TRAILER", &hex::encode(sha256(format!("{line}\n").as_bytes())));
        wire.end = format!("{line}\r\nx-amz-trailer-signature:{signature}\r\n\r\n");
    }
    wire
}

/// The obligation of an upload with these headers.
pub(crate) fn obligation(
    auth: PayloadAuth,
    content_length: Option<u64>,
    headers: &[(&str, &str)],
) -> Result<Obligation, Denial> {
    obligation_of(Body::Object, auth, content_length, headers)
}

pub(crate) fn obligation_of(
    body: Body,
    auth: PayloadAuth,
    content_length: Option<u64>,
    headers: &[(&str, &str)],
) -> Result<Obligation, Denial> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    Obligation::of(auth, &Declared::read(body, content_length, headers)?)
}

/// What left a gate, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) released: Vec<u8>,
    pub(crate) outcome: Result<(), Denial>,
}

/// Sends a body through in pieces that end at `cuts`, as a data plane would: stops at the first error.
pub(crate) fn pass(gate: &mut Gate, body: &[u8], cuts: impl IntoIterator<Item = usize>) -> Passage {
    let mut released = Vec::new();
    let mut start = 0;
    for end in cuts.into_iter().chain([body.len()]) {
        match gate.push(Bytes::copy_from_slice(&body[start..end])) {
            Ok(bytes) => released.extend_from_slice(&bytes),
            Err(denial) => return refused(gate, released, denial),
        }
        start = end;
    }
    match gate.finish() {
        Ok(last) => {
            released.extend_from_slice(&last);
            Passage { released, outcome: Ok(()) }
        }
        Err(denial) => refused(gate, released, denial),
    }
}

/// A gate that has refused stays shut.
fn refused(gate: &mut Gate, released: Vec<u8>, denial: Denial) -> Passage {
    assert_eq!(gate.push(Bytes::from_static(b"more")), Err(denial.clone()));
    assert_eq!(gate.finish(), Err(denial.clone()));
    assert!(!gate.is_proved());
    Passage { released, outcome: Err(denial) }
}

/// The passage through both kinds of gate: the bytes must come out as announced, and after a denial fewer than that.
pub(crate) fn pass_both(obligation: &Obligation, body: &[u8], cuts: &[usize]) -> [Passage; 2] {
    [Drop, Forward].map(|trailing: TrailingChecksums| {
        let Announcement { content_length, .. } = obligation.announce(trailing);
        let mut gate = obligation.gate(trailing);
        let passage = pass(&mut gate, body, cuts.iter().copied());
        let released = passage.released.len() as u64;
        match passage.outcome {
            Ok(()) => {
                assert!(gate.is_proved());
                assert_eq!(gate.decoded_bytes(), obligation.decoded_length());
                assert_eq!(released, content_length);
            }
            // RS-8: an empty object has no byte to hold back.
            Err(_) => assert!(released < content_length || content_length == 0, "the backend got everything"),
        }
        passage
    })
}

/// How every passage ends.
pub(crate) fn outcome(obligation: &Obligation, body: &[u8]) -> Result<(), Denial> {
    let [bare, framed] = pass_both(obligation, body, &[]);
    assert_eq!(bare.outcome, framed.outcome);
    let every_byte: Vec<usize> = (1..body.len()).collect();
    for passage in pass_both(obligation, body, &every_byte) {
        assert_eq!(passage.outcome, bare.outcome, "in pieces of one byte");
    }
    bare.outcome
}
