//! Object bytes that OSP itself carries from one backend to another: exactly so many, and the last of them only once all
//! have come. A source that ends early must not leave half an object behind.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::digests::{Checksum, Digests, Expected};
use super::reframe::Framer;
use super::{Announcement, ChecksumAlgorithm};
use crate::Denial;

/// One body on its way from a source to a target. What comes out is what [`Self::announcement`] says, or short of its last
/// bytes. Keeps one piece.
#[derive(Debug)]
pub struct Transit {
    length: u64,
    /// Bytes that the source still owes.
    left: u64,
    /// The piece that came last.
    kept: Bytes,
    frames: Option<Frames>,
}

/// Of a body that ends in its checksum.
#[derive(Debug)]
struct Frames {
    algorithm: ChecksumAlgorithm,
    digests: Digests,
    framer: Framer,
}

impl Transit {
    /// A body of `length` bytes, at most 5 GiB; with an algorithm it goes in frames and ends in its checksum.
    #[must_use]
    pub(crate) fn new(length: u64, checksum: Option<ChecksumAlgorithm>) -> Self {
        let frames = checksum.map(|algorithm| {
            let checksum = Some(Checksum { algorithm, digest: None });
            let digests = Digests::new(Expected { checksum, ..Expected::default() });
            Frames { algorithm, digests, framer: Framer::new(length, algorithm) }
        });
        Self { length, left: length, kept: Bytes::new(), frames }
    }

    /// How the body is announced to the target.
    #[must_use]
    pub fn announcement(&self) -> Announcement {
        let Some(frames) = &self.frames else {
            return Announcement {
                content_length: self.length,
                content_sha256: "UNSIGNED-PAYLOAD".to_owned(),
                headers: Vec::new(),
                aws_chunked: false,
            };
        };
        let name = HeaderName::from_static;
        Announcement {
            content_length: Framer::framed_length(self.length, frames.algorithm),
            content_sha256: "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
            headers: vec![
                (name("x-amz-decoded-content-length"), HeaderValue::from(self.length)),
                (name("x-amz-trailer"), HeaderValue::from_static(frames.algorithm.header())),
            ],
            aws_chunked: true,
        }
    }

    /// Takes the next piece of the source and gives what may go to the target: the piece before.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for more bytes than there should be.
    pub fn push(&mut self, piece: Bytes) -> Result<Bytes, Denial> {
        if piece.is_empty() {
            return Ok(piece);
        }
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(Denial::UpstreamMisbehaved)?;
        let before = std::mem::replace(&mut self.kept, piece);
        match &mut self.frames {
            None => Ok(before),
            Some(frames) => {
                frames.digests.update(&before);
                frames.framer.frame(&before)
            }
        }
    }

    /// The source has ended: the last bytes, and the checksum of all in base64 if one was asked for.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] when bytes are missing.
    pub fn finish(self) -> Result<(Bytes, Option<String>), Denial> {
        if self.left != 0 {
            return Err(Denial::UpstreamMisbehaved);
        }
        let Some(Frames { mut digests, mut framer, .. }) = self.frames else { return Ok((self.kept, None)) };
        digests.update(&self.kept);
        let value = digests.value().ok_or(Denial::Internal("a checksum that was begun has no value"))?;
        Ok((framer.finish(&self.kept, value.as_bytes())?, Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes released before the end, after it, and the checksum.
    type Carried = (Vec<u8>, Vec<u8>, Option<String>);

    /// What comes out of pieces.
    fn carried(length: u64, checksum: Option<&str>, pieces: &[&[u8]]) -> Result<Carried, Denial> {
        let checksum = checksum.map(|name| ChecksumAlgorithm::named(name).unwrap());
        let mut transit = Transit::new(length, checksum);
        let mut before = Vec::new();
        for piece in pieces {
            before.extend_from_slice(&transit.push(Bytes::copy_from_slice(piece))?);
        }
        let (last, value) = transit.finish()?;
        Ok((before, last.to_vec(), value))
    }

    #[test]
    fn trap_4_the_last_piece_waits_for_the_end_of_the_source() {
        assert_eq!(carried(5, None, &[b"ab", b"", b"cde"]), Ok((b"ab".to_vec(), b"cde".to_vec(), None)));
        assert_eq!(carried(0, None, &[]), Ok((vec![], vec![], None)));
        for pieces in [&[&b"ab"[..], b"cd"][..], &[b"ab", b"cdef"], &[], &[b"abcdef"], &[b"abcde", b"f"]] {
            assert_eq!(carried(5, None, pieces), Err(Denial::UpstreamMisbehaved), "{pieces:?}");
        }
    }

    #[test]
    fn ch_7_a_checksum_that_is_asked_for_ends_the_body_as_announced() {
        // the check values of the algorithms: of "123456789"
        for (algorithm, value) in [
            ("crc32", "y/Q5Jg=="),
            ("crc32c", "4waSgw=="),
            ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
            ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
            ("md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
        ] {
            let (before, last, told) = carried(9, Some(algorithm), &[b"1234", b"56789"]).unwrap();
            let whole = [before, last].concat();
            let text = format!("9\r\n123456789\r\n0\r\nx-amz-checksum-{algorithm}:{value}\r\n\r\n");
            assert_eq!(String::from_utf8(whole).unwrap(), text);
            assert_eq!(told.as_deref(), Some(value));
            let announced = Transit::new(9, ChecksumAlgorithm::named(algorithm).ok()).announcement();
            assert_eq!(announced.content_length, text.len() as u64, "{algorithm}");
            assert!(announced.aws_chunked && announced.content_sha256.ends_with("-TRAILER"));
        }
        assert_eq!(carried(9, Some("crc32"), &[b"1234"]), Err(Denial::UpstreamMisbehaved));
        let bare = Transit::new(9, None).announcement();
        assert_eq!((bare.content_length, bare.headers.len(), bare.aws_chunked), (9, 0, false));
    }
}
