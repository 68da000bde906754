//! Trailers of aws-chunked bodies.

use super::ChecksumAlgorithm;
use super::digests::Sha256;
use crate::Denial;
use crate::sigv4::ChunkChain;

/// The line that signs the other ones.
const SIGNATURE: &str = "x-amz-trailer-signature";

/// The lines after the final chunk, read one by one.
#[derive(Debug)]
pub(super) struct Trailer {
    announced: Option<ChecksumAlgorithm>,
    signed: bool,
    value: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
}

impl Trailer {
    /// Expects the line that `x-amz-trailer` announced, if any, and the signature if the trailer is signed.
    pub(super) fn new(announced: Option<ChecksumAlgorithm>, signed: bool) -> Self {
        Self { announced, signed, value: None, signature: None }
    }

    /// Takes one line with its end, `\n` or `\r\n` (CH-4). True when it was the blank one that ends the trailer.
    ///
    /// # Errors
    /// [`Denial::MalformedTrailer`]: not announced, twice, or no `name:value`.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<bool, Denial> {
        let text = line.strip_suffix(b"\n").ok_or(Denial::MalformedTrailer)?;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            return Ok(true);
        }
        let colon = memchr::memchr(b':', text).ok_or(Denial::MalformedTrailer)?;
        let (name, value) = text.split_at_checked(colon).ok_or(Denial::MalformedTrailer)?;
        let value = trim_blanks(value.strip_prefix(b":").unwrap_or(value));
        let slot = self.slot(name).ok_or(Denial::MalformedTrailer)?;
        match slot.replace(value.to_vec()) {
            None => Ok(false),
            Some(_) => Err(Denial::MalformedTrailer),
        }
    }

    /// The trailer has ended: everything that was announced is here, and signed where it has to be.
    ///
    /// # Errors
    /// [`Denial::MalformedTrailer`], [`Denial::ChunkSignatureMismatch`].
    pub(super) fn prove(&self, chain: Option<&mut ChunkChain>) -> Result<(), Denial> {
        if self.announced.is_some() && self.value.is_none() {
            return Err(Denial::MalformedTrailer);
        }
        match (self.signed, &self.signature, chain) {
            (false, None, _) => Ok(()),
            (true, Some(signature), Some(chain)) => chain.prove_trailer(signature, &Sha256::of(&self.canonical())),
            _ => Err(Denial::MalformedTrailer),
        }
    }

    /// The value of the announced checksum.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Where a line of this name belongs; `None` when it was not announced.
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Vec<u8>>> {
        if self.announced.is_some_and(|algorithm| name.eq_ignore_ascii_case(algorithm.header().as_bytes())) {
            return Some(&mut self.value);
        }
        (self.signed && name.eq_ignore_ascii_case(SIGNATURE.as_bytes())).then_some(&mut self.signature)
    }

    /// The lines as they are signed: lower-case names, each line ended by `\n` alone.
    fn canonical(&self) -> Vec<u8> {
        match (self.announced, &self.value) {
            (Some(algorithm), Some(value)) => [algorithm.header().as_bytes(), b":", value, b"\n"].concat(),
            _ => Vec::new(),
        }
    }
}

/// Without the blanks around it. Other white space is no part of a line that anybody sends: it stays, and is wrong.
fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
