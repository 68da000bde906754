//! Chunk and trailer signatures of `STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]`.

use super::{Scope, SigningKey};
use crate::{Denial, Timestamp};

/// The running chain: each signature covers the one before it, the first one the request's own. Cheap to clone.
///
/// Source: AWS "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".
#[derive(Debug, Clone)]
pub struct ChunkChain {
    _key: SigningKey,
    _prefix: String,
    _previous: String,
}

impl ChunkChain {
    /// Starts at the request's signature (the seed).
    #[must_use]
    pub fn new(_key: SigningKey, _date: Timestamp, _scope: &Scope, _seed: &[u8; 32]) -> Self {
        todo!()
    }

    /// Proves the next chunk: `signature` is the 64 hex digits of `chunk-signature`, `sha256` the hash of its data.
    ///
    /// # Errors
    /// [`Denial::ChunkSignatureMismatch`], in constant time.
    pub fn prove_chunk(&mut self, _signature: &[u8], _sha256: &[u8; 32]) -> Result<(), Denial> {
        todo!()
    }

    /// Proves the trailer: `sha256` is the hash of the canonical trailer lines (`name:value\n`, lower-case, sorted).
    ///
    /// # Errors
    /// [`Denial::ChunkSignatureMismatch`], in constant time.
    pub fn prove_trailer(&mut self, _signature: &[u8], _sha256: &[u8; 32]) -> Result<(), Denial> {
        todo!()
    }
}
