//! The aws-chunked decoder (CH-2 ... CH-5): takes the frames off, piece by piece, and proves chunk signatures.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::ChecksumAlgorithm;
use super::digests::Sha256;
use super::trailer::Trailer;
use crate::Denial;
use crate::sigv4::ChunkChain;

/// One line with its end, of a chunk header or of the trailer (CH-3): a size and a signature need less than 110 bytes. A
/// trailer has two lines at most, the announced one and its signature, so it stays far below 16 KiB and 100 lines.
const LINE_BYTES_LIMIT: usize = 1024;

/// Every chunk but the last has at least this many bytes (trap 8, CH-3).
const CHUNK_BYTES_MIN: u64 = 8 * 1024;

/// Hex digits of a chunk size: 64 bits.
const SIZE_DIGITS_LIMIT: usize = 16;

/// Hex digits of a chunk's signature.
const SIGNATURE_DIGITS: usize = 64;

/// Line end of the chunk layer; only trailer lines may end in `\n` alone.
const CRLF: &[u8] = b"\r\n";

/// Takes the frames off a body. Keeps one line of it at most, never a chunk.
#[derive(Debug)]
pub(super) struct Decoder {
    expects: Expects,
    /// The line that has begun, across pieces.
    line: Vec<u8>,
    signatures: Option<Signatures>,
    trailer: Option<Trailer>,
    /// Object bytes that chunks may still bring; the gate sees to it that they do.
    unannounced: u64,
    /// A chunk below the minimum came: it has to be the last one.
    last_was_small: bool,
    /// Where the object bytes stand in the piece at hand; kept for its memory.
    found: Vec<Range<usize>>,
}

/// What comes next on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// `size[;chunk-signature=...]`
    Header,
    /// That many bytes of the open chunk.
    Data(u64),
    /// The line end after a chunk's data.
    DataEnd,
    /// A line of the trailer, or the blank one that ends it.
    TrailerLine,
    /// The line end after a final chunk without trailer.
    FinalLineEnd,
    /// Nothing, or the one line end too many that minio-go writes after an unsigned trailer (CH-4).
    Nothing,
    /// Nothing at all.
    End,
}

/// The chain of signatures, and what is known of the open chunk. A chunk's signature comes before its data, so the data
/// is hashed as it passes and compared at the chunk's end.
#[derive(Debug)]
struct Signatures {
    chain: ChunkChain,
    signature: Vec<u8>,
    hash: Sha256,
}

impl Decoder {
    /// For a body of `decoded_length` object bytes whose chunks are signed when there is a `chain`, and that ends in a
    /// trailer when there is one (see [`Decoder::with_trailer`]).
    pub(super) fn new(decoded_length: u64, chain: Option<ChunkChain>) -> Self {
        let signatures = chain.map(|chain| Signatures { chain, signature: Vec::new(), hash: Sha256::new() });
        Self {
            expects: Expects::Header,
            line: Vec::new(),
            signatures,
            trailer: None,
            unannounced: decoded_length,
            last_was_small: false,
            found: Vec::new(),
        }
    }

    /// Expects a trailer: the line of `announced`, and a signature when the chunks are signed.
    pub(super) fn with_trailer(mut self, announced: Option<ChecksumAlgorithm>) -> Self {
        self.trailer = Some(Trailer::new(announced, self.signatures.is_some()));
        self
    }

    /// Takes a piece as it came from the network and returns the object bytes in it, possibly none.
    ///
    /// # Errors
    /// [`Denial::MalformedChunk`], [`Denial::InvalidChunkSize`], [`Denial::IncompleteBody`],
    /// [`Denial::ChunkSignatureMismatch`], [`Denial::MalformedTrailer`].
    pub(super) fn decode(&mut self, piece: Bytes) -> Result<Bytes, Denial> {
        self.found.clear();
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.expects {
                Expects::Data(left) => self.data(left, rest, at)?,
                _ => self.part_of_line(rest)?,
            };
        }
        Ok(gather(piece, &self.found))
    }

    /// The body has ended. Returns the value of the announced trailer.
    ///
    /// # Errors
    /// [`Denial::IncompleteBody`] when the final chunk or the trailer's end is missing, [`Denial::MalformedChunk`].
    pub(super) fn finish(&self) -> Result<Option<&[u8]>, Denial> {
        match self.expects {
            Expects::End | Expects::Nothing if self.line.is_empty() => {
                Ok(self.trailer.as_ref().and_then(Trailer::value))
            }
            Expects::End | Expects::Nothing => Err(Denial::MalformedChunk("data after the final chunk")),
            _ => Err(Denial::IncompleteBody),
        }
    }

    /// Object bytes of the open chunk, as many as `rest` has. Returns how many these are.
    fn data(&mut self, left: u64, rest: &[u8], at: usize) -> Result<usize, Denial> {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
        if let (Some(signatures), Some(data)) = (&mut self.signatures, rest.get(..length)) {
            signatures.hash.update(data);
        }
        self.found.push(at..at + length);
        let left = left - length as u64;
        self.expects = if left == 0 { Expects::DataEnd } else { Expects::Data(left) };
        if left == 0 { self.prove_chunk().map(|()| length) } else { Ok(length) }
    }

    /// Moves the bytes up to the next line end into the line. Returns how many these are.
    fn part_of_line(&mut self, rest: &[u8]) -> Result<usize, Denial> {
        let (limit, too_long) = self.line_limit();
        let end = memchr::memchr(b'\n', rest);
        let length = end.map_or(rest.len(), |end| end + 1);
        if self.line.len() + length > limit {
            return Err(too_long);
        }
        self.line.extend_from_slice(rest.get(..length).unwrap_or_default());
        if end.is_some() {
            let mut line = std::mem::take(&mut self.line);
            self.whole_line(&line)?;
            line.clear();
            self.line = line;
        }
        Ok(length)
    }

    /// The longest line that may come now, and what is wrong with a longer one.
    fn line_limit(&self) -> (usize, Denial) {
        match self.expects {
            Expects::Header => (LINE_BYTES_LIMIT, Denial::MalformedChunk("the chunk header is too long")),
            Expects::TrailerLine => (LINE_BYTES_LIMIT, Denial::MalformedTrailer),
            Expects::DataEnd => (CRLF.len(), Denial::MalformedChunk("no line end after the chunk data")),
            Expects::FinalLineEnd | Expects::Nothing => {
                (CRLF.len(), Denial::MalformedChunk("data after the final chunk"))
            }
            Expects::Data(_) | Expects::End => (0, Denial::MalformedChunk("data after the final chunk")),
        }
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Denial> {
        match self.expects {
            Expects::Header => return self.header(line),
            Expects::TrailerLine => return self.trailer_line(line),
            _ if line != CRLF => return Err(self.line_limit().1),
            Expects::DataEnd => self.expects = Expects::Header,
            _ => self.expects = Expects::End,
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Denial> {
        let line = line.strip_suffix(CRLF).ok_or(Denial::MalformedChunk("the chunk header has no line end"))?;
        let size = match &mut self.signatures {
            None => chunk_size(line)?,
            Some(signatures) => {
                let (size, signature) = signed_header(line)?;
                signatures.signature.clear();
                signatures.signature.extend_from_slice(signature);
                chunk_size(size)?
            }
        };
        if size == 0 { self.final_chunk() } else { self.begin_chunk(size) }
    }

    fn begin_chunk(&mut self, size: u64) -> Result<(), Denial> {
        if self.last_was_small {
            return Err(Denial::InvalidChunkSize);
        }
        self.last_was_small = size < CHUNK_BYTES_MIN;
        self.unannounced = self.unannounced.checked_sub(size).ok_or(Denial::IncompleteBody)?;
        self.expects = Expects::Data(size);
        Ok(())
    }

    fn final_chunk(&mut self) -> Result<(), Denial> {
        self.prove_chunk()?;
        self.expects = if self.trailer.is_some() { Expects::TrailerLine } else { Expects::FinalLineEnd };
        Ok(())
    }

    fn prove_chunk(&mut self) -> Result<(), Denial> {
        let Some(signatures) = &mut self.signatures else { return Ok(()) };
        let hash = std::mem::replace(&mut signatures.hash, Sha256::new()).finish();
        signatures.chain.prove_chunk(&signatures.signature, &hash)
    }

    fn trailer_line(&mut self, line: &[u8]) -> Result<(), Denial> {
        let Some(trailer) = &mut self.trailer else { return Err(Denial::MalformedTrailer) };
        if trailer.line(line)? {
            trailer.prove(self.signatures.as_mut().map(|signatures| &mut signatures.chain))?;
            self.expects = Expects::Nothing;
        }
        Ok(())
    }
}

/// `size;chunk-signature=signature`, split.
fn signed_header(line: &[u8]) -> Result<(&[u8], &[u8]), Denial> {
    let malformed = Denial::MalformedChunk("the chunk signature cannot be read");
    let Some((size, extension)) = memchr::memchr(b';', line).and_then(|at| line.split_at_checked(at)) else {
        return Err(malformed);
    };
    match extension.strip_prefix(b";chunk-signature=") {
        Some(hex) if hex.len() == SIGNATURE_DIGITS && hex.iter().all(u8::is_ascii_hexdigit) => Ok((size, hex)),
        _ => Err(malformed),
    }
}

/// 1 to 16 hex digits and nothing else: no sign, no `0x`, no space.
fn chunk_size(digits: &[u8]) -> Result<u64, Denial> {
    let malformed = Denial::MalformedChunk("the chunk size cannot be read");
    if digits.is_empty() || digits.len() > SIZE_DIGITS_LIMIT || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(malformed);
    }
    let text = std::str::from_utf8(digits).map_err(|_| malformed.clone())?;
    u64::from_str_radix(text, 16).map_err(|_| malformed)
}

/// The parts of `piece` at `found`, as one run of bytes: a slice of the piece when there is one part, else moved
/// together within the piece's own memory when nobody shares it.
fn gather(piece: Bytes, found: &[Range<usize>]) -> Bytes {
    let Some((first, others)) = found.split_first() else { return Bytes::new() };
    if others.is_empty() {
        return piece.slice(first.clone());
    }
    let mut memory = piece.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
    let mut end = first.end;
    for part in others {
        memory.copy_within(part.clone(), end);
        end += part.len();
    }
    memory.freeze().slice(first.start..end)
}

#[cfg(test)]
mod tests;
