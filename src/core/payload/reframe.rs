//! Frames a body anew for the backend: aws-chunked without signatures, in chunks of one fixed size, so that the
//! length of the whole is known before its first byte (trap 8, s3-protocol.md 11).

use bytes::{Bytes, BytesMut};

use super::ChecksumAlgorithm;
use crate::Denial;

/// Object bytes of every chunk but the last: well over the 8 KiB that S3 demands (CH-3), the size of one read.
pub(super) const CHUNK_BYTES: u64 = 64 * 1024;

/// Room for `10000\r\n` and `\r\n`, the most that one chunk adds.
const CHUNK_OVERHEAD: usize = 9;

/// Writes the frames around object bytes that arrive in pieces of any size.
#[derive(Debug)]
pub(super) struct Framer {
    trailer: ChecksumAlgorithm,
    /// Object bytes that belong to chunks not yet begun.
    after_chunk: u64,
    /// Object bytes that the open chunk still lacks; 0 between chunks.
    in_chunk: u64,
}

impl Framer {
    /// For an object of `decoded_length` bytes that ends in a trailer of this algorithm.
    pub(super) fn new(decoded_length: u64, trailer: ChecksumAlgorithm) -> Self {
        Self { trailer, after_chunk: decoded_length, in_chunk: 0 }
    }

    /// What all calls together will have written at the end. `decoded_length` is at most 5 GiB.
    pub(super) fn framed_length(decoded_length: u64, trailer: ChecksumAlgorithm) -> u64 {
        let full = (decoded_length / CHUNK_BYTES) * chunk_length(CHUNK_BYTES);
        let rest = match decoded_length % CHUNK_BYTES {
            0 => 0,
            size => chunk_length(size),
        };
        let end = "0\r\n".len() + trailer.header().len() + ":".len() + trailer.value_bytes() + "\r\n\r\n".len();
        full + rest + end as u64
    }

    /// Object bytes in their frames.
    ///
    /// # Errors
    /// [`Denial::IncompleteBody`] for more bytes than were declared: there is no chunk left for them.
    pub(super) fn frame(&mut self, data: &[u8]) -> Result<Bytes, Denial> {
        if data.is_empty() {
            return Ok(Bytes::new());
        }
        let mut out = BytesMut::with_capacity(framed_capacity(data.len()));
        self.write(&mut out, data)?;
        Ok(out.freeze())
    }

    /// The last object bytes, the final chunk and the trailer.
    ///
    /// # Errors
    /// [`Denial::IncompleteBody`] when this is not the declared length.
    pub(super) fn finish(&mut self, data: &[u8], value: &[u8]) -> Result<Bytes, Denial> {
        let mut out = BytesMut::with_capacity(framed_capacity(data.len()) + 128);
        self.write(&mut out, data)?;
        if self.in_chunk != 0 || self.after_chunk != 0 {
            return Err(Denial::IncompleteBody);
        }
        let parts: [&[u8]; 5] = [b"0\r\n", self.trailer.header().as_bytes(), b":", value, b"\r\n\r\n"];
        parts.iter().for_each(|part| out.extend_from_slice(part));
        Ok(out.freeze())
    }

    fn write(&mut self, out: &mut BytesMut, mut data: &[u8]) -> Result<(), Denial> {
        while !data.is_empty() {
            if self.in_chunk == 0 {
                self.in_chunk = self.after_chunk.min(CHUNK_BYTES);
                self.after_chunk -= self.in_chunk;
                if self.in_chunk == 0 {
                    return Err(Denial::IncompleteBody);
                }
                out.extend_from_slice(format!("{:x}\r\n", self.in_chunk).as_bytes());
            }
            let fits = usize::try_from(self.in_chunk).unwrap_or(usize::MAX).min(data.len());
            let (now, later) = data.split_at_checked(fits).unwrap_or((data, &[]));
            out.extend_from_slice(now);
            self.in_chunk -= now.len() as u64;
            if self.in_chunk == 0 {
                out.extend_from_slice(b"\r\n");
            }
            data = later;
        }
        Ok(())
    }
}

/// Bytes of one chunk with its frame.
fn chunk_length(size: u64) -> u64 {
    let hex_digits = u64::from(size.checked_ilog2().unwrap_or(0) / 4 + 1);
    hex_digits + 2 + size + 2
}

/// At least what `data` bytes can become: it may touch one chunk more than it fills.
fn framed_capacity(data: usize) -> usize {
    data + (data / (64 * 1024) + 2) * CHUNK_OVERHEAD
}
