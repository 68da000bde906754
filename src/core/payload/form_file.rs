//! The file of a form: all bytes up to the closing boundary, which must be the end of the body. So its length follows from
//! that of the body, before the first byte of it has gone anywhere.

use bytes::Bytes;
use memchr::memmem;

use crate::s3::Boundary;
use crate::{Denial, FormFault};

/// How long CRLF and the two dashes are, with which every boundary begins.
const LINE_END: usize = 2;
/// How long the two dashes and CRLF are that close the body.
const CLOSED: usize = 4;

const NOT_LAST: Denial =
    Denial::Form(FormFault::Malformed("the file must be its last field, and the closing boundary with CRLF its end"));

/// What a verified form says of its file.
#[derive(Debug, Clone)]
pub struct FormFile {
    /// CRLF, dashes, boundary, dashes, CRLF.
    closing: Bytes,
    /// Bytes from the first one of the file to the end of the body.
    wire_bytes: u64,
    /// What the policy allows for the file, both bounds included.
    allowed: (u64, u64),
}

impl FormFile {
    /// `wire_bytes` from the first byte of the file to the end of the body; `allowed` = least and most bytes of the file.
    pub(crate) fn new(boundary: &Boundary, wire_bytes: u64, allowed: (u64, u64)) -> Self {
        Self { closing: boundary.closing().into(), wire_bytes, allowed }
    }

    /// Bytes of the body from the file on.
    pub(super) const fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// [`FormFault::Malformed`] when the body is too short for its end, [`FormFault::FileTooSmall`] and
    /// [`FormFault::FileTooLarge`] outside the range of the policy.
    pub(super) fn bytes(&self) -> Result<u64, Denial> {
        let proposed = self.wire_bytes.checked_sub(self.closing.len() as u64).ok_or(NOT_LAST)?;
        let (least, most) = self.allowed;
        if proposed < least {
            return Err(Denial::Form(FormFault::FileTooSmall { proposed, least }));
        }
        if proposed > most {
            return Err(Denial::Form(FormFault::FileTooLarge { proposed, most }));
        }
        Ok(proposed)
    }
}

/// Takes the closing boundary off, and finds any other one: whatever follows that is another part.
#[derive(Debug)]
pub(super) struct FileDecoder {
    closing: Bytes,
    /// Bytes of the file that are still to come.
    left: u64,
    /// How many bytes at the end of what came are the beginning of a delimiter.
    matched: usize,
    /// How many bytes of the closing boundary have come.
    closed: usize,
}

impl FileDecoder {
    /// For a file of `bytes` bytes.
    pub(super) fn new(file: &FormFile, bytes: u64) -> Self {
        // the line before the file has ended: a boundary as its first bytes would be one for others
        Self { closing: file.closing.clone(), left: bytes, matched: LINE_END, closed: 0 }
    }

    /// Takes a piece as it came from the network and returns the bytes of the file in it, possibly none.
    ///
    /// # Errors
    /// [`FormFault::Malformed`] when the file ends anywhere but where the body's length says.
    pub(super) fn decode(&mut self, mut piece: Bytes) -> Result<Bytes, Denial> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(piece.len());
        let data = piece.split_to(length);
        self.search(&data)?;
        self.left -= length as u64;
        if !piece.is_empty() {
            let expected = self.closing.get(self.closed..self.closed + piece.len()).ok_or(NOT_LAST)?;
            if expected != piece {
                return Err(NOT_LAST);
            }
            self.closed += piece.len();
        }
        Ok(data)
    }

    /// The body has ended.
    ///
    /// # Errors
    /// [`Denial::IncompleteBody`].
    pub(super) fn finish(&self) -> Result<(), Denial> {
        if self.left == 0 && self.closed == self.closing.len() { Ok(()) } else { Err(Denial::IncompleteBody) }
    }

    /// Looks for a delimiter in the file, also across pieces. A CR stands only at its beginning, so what may become one
    /// begins at the last CR.
    fn search(&mut self, data: &[u8]) -> Result<(), Denial> {
        let delimiter = self.closing.get(..self.closing.len() - CLOSED).unwrap_or_default();
        let wanted = delimiter.get(self.matched..).unwrap_or_default();
        if self.matched > 0 && wanted.len() > data.len() && wanted.starts_with(data) {
            self.matched += data.len();
            return Ok(());
        }
        let continued = self.matched > 0 && data.starts_with(wanted);
        if continued || memmem::find(data, delimiter).is_some() {
            return Err(NOT_LAST);
        }
        let tail = data.get(data.len().saturating_sub(delimiter.len() - 1)..).unwrap_or_default();
        let begun = memchr::memrchr(b'\r', tail).and_then(|at| tail.get(at..)).unwrap_or_default();
        self.matched = if delimiter.starts_with(begun) { begun.len() } else { 0 };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
