//! Chunk and trailer signatures of `STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]`.

use std::sync::Arc;

use super::signing_key::{parse_signature, push_hex, same_signature};
use super::{Scope, SigningKey};
use crate::{Denial, Timestamp};

/// The SHA-256 of no bytes: a line of every chunk's string to sign.
const EMPTY_SHA256: &[u8] = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The running chain: each signature covers the one before it, the first one the request's own. Cheap to clone.
///
/// Source: AWS "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".
#[derive(Debug, Clone)]
pub struct ChunkChain {
    key: SigningKey,
    /// `date \n scope \n`.
    middle: Arc<[u8]>,
    previous: [u8; 32],
}

impl ChunkChain {
    /// Starts at the request's signature (the seed).
    #[must_use]
    pub fn new(key: SigningKey, date: Timestamp, scope: &Scope, seed: &[u8; 32]) -> Self {
        let mut middle = date.amz().into_bytes();
        middle.push(b'\n');
        scope.render(&mut middle);
        middle.push(b'\n');
        Self { key, middle: middle.into(), previous: *seed }
    }

    /// Proves the next chunk: `signature` is the 64 hex digits of `chunk-signature`, `sha256` the hash of its data.
    ///
    /// # Errors
    /// [`Denial::ChunkSignatureMismatch`], in constant time.
    pub fn prove_chunk(&mut self, signature: &[u8], sha256: &[u8; 32]) -> Result<(), Denial> {
        self.prove(b"AWS4-HMAC-SHA256-PAYLOAD\n", Some(EMPTY_SHA256), signature, sha256)
    }

    /// Proves the trailer: `sha256` is the hash of the canonical trailer lines (`name:value\n`, lower-case, sorted).
    ///
    /// # Errors
    /// [`Denial::ChunkSignatureMismatch`], in constant time.
    pub fn prove_trailer(&mut self, signature: &[u8], sha256: &[u8; 32]) -> Result<(), Denial> {
        self.prove(b"AWS4-HMAC-SHA256-TRAILER\n", None, signature, sha256)
    }

    /// Both strings to sign are: label, date, scope, previous signature, (for chunks) the empty hash, the hash.
    fn prove(
        &mut self,
        label: &[u8],
        empty_hash: Option<&[u8]>,
        signature: &[u8],
        sha256: &[u8; 32],
    ) -> Result<(), Denial> {
        let mut text = Vec::with_capacity(label.len() + self.middle.len() + 3 * 65);
        text.extend_from_slice(label);
        text.extend_from_slice(&self.middle);
        push_hex(&self.previous, &mut text);
        text.push(b'\n');
        if let Some(empty_hash) = empty_hash {
            text.extend_from_slice(empty_hash);
            text.push(b'\n');
        }
        push_hex(sha256, &mut text);
        let computed = self.key.sign(&text);
        if !same_signature(parse_signature(signature).as_ref(), &computed) {
            return Err(Denial::ChunkSignatureMismatch);
        }
        self.previous = computed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SecretKey;
    use super::*;

    fn sha256(data: &[u8]) -> [u8; 32] {
        ring::digest::digest(&ring::digest::SHA256, data).as_ref().try_into().unwrap()
    }

    /// The chain of AWS's published examples: 66,560 bytes of `a` in chunks of 64 KiB, 1 KiB and none.
    fn published(seed: &str) -> ChunkChain {
        let scope = Scope { date: "20130524".into(), region: "us-east-1".into(), service: "s3".into() };
        let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()).unwrap();
        let date = Timestamp::parse_amz(b"20130524T000000Z").unwrap();
        let seed = parse_signature(seed.as_bytes()).unwrap();
        ChunkChain::new(SigningKey::derive(&secret, &scope), date, &scope, &seed)
    }

    fn chunks() -> [[u8; 32]; 3] {
        [sha256(&[b'a'; 65_536]), sha256(&[b'a'; 1_024]), sha256(b"")]
    }

    const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    const SIGNATURES: [&str; 3] = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];

    #[test]
    fn the_published_chunks() {
        let mut chain = published(SEED);
        for (signature, hash) in SIGNATURES.iter().zip(&chunks()) {
            chain.prove_chunk(signature.as_bytes(), hash).unwrap();
        }
    }

    /// "Transferring Payload in Multiple Chunks (Chunked Upload) with trailing headers".
    #[test]
    fn the_published_trailer() {
        let mut chain = published("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
        for (signature, hash) in [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ]
        .iter()
        .zip(&chunks())
        {
            chain.prove_chunk(signature.as_bytes(), hash).unwrap();
        }
        chain
            .prove_trailer(
                b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
                &sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n"),
            )
            .unwrap();
    }

    #[test]
    fn s15_a_chunk_out_of_order_changed_or_repeated_is_refused() {
        let [first, second, last] = chunks();
        let [one, two, three] = SIGNATURES.map(str::as_bytes);
        let mut chain = published(SEED);
        let denied = Err(Denial::ChunkSignatureMismatch);
        assert_eq!(chain.prove_chunk(two, &second), denied, "reordered");
        assert_eq!(chain.prove_chunk(one, &second), denied, "other data");
        assert_eq!(chain.prove_chunk(&SIGNATURES[0].to_ascii_uppercase().into_bytes(), &first), denied, "upper case");
        assert_eq!(chain.prove_chunk(b"", &first), denied, "no signature");
        assert_eq!(chain.prove_trailer(one, &first), denied, "a chunk is no trailer");
        chain.prove_chunk(one, &first).expect("a refused chunk does not move the chain");
        assert_eq!(chain.prove_chunk(one, &first), denied, "repeated");
        let mut of_another_attempt = chain.clone();
        chain.prove_chunk(two, &second).unwrap();
        assert_eq!(of_another_attempt.prove_chunk(three, &last), denied, "one left out");
        chain.prove_chunk(three, &last).unwrap();
    }

    #[test]
    fn s15_a_chunk_of_another_request_is_refused() {
        let mut other = published("5f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
        let hash = chunks()[0];
        assert_eq!(other.prove_chunk(SIGNATURES[0].as_bytes(), &hash), Err(Denial::ChunkSignatureMismatch));
        published(SEED).prove_chunk(SIGNATURES[0].as_bytes(), &hash).unwrap();
    }
}
