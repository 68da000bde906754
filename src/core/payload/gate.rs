//! The gate between the client's body and the backend.

use bytes::Bytes;

use crate::Denial;

/// Proves one body while it streams. Holds back the tail until everything is proved; memory is bounded by one chunk
/// header, one trailer and one piece.
#[derive(Debug)]
pub struct Gate {
    _private: (),
}

impl Gate {
    /// Feeds a piece as it came from the network and returns what may be released, possibly nothing (an empty piece).
    ///
    /// # Errors
    /// The denials of s3-protocol.md 1.3; after one the gate releases nothing more.
    pub fn push(&mut self, _piece: Bytes) -> Result<Bytes, Denial> {
        todo!()
    }

    /// The body has ended: everything is proved, and the last bytes leave here or nowhere.
    ///
    /// # Errors
    /// As [`Self::push`], and [`Denial::IncompleteBody`].
    pub fn finish(&mut self) -> Result<Bytes, Denial> {
        todo!()
    }

    /// Object bytes seen so far.
    #[must_use]
    pub fn decoded_bytes(&self) -> u64 {
        todo!()
    }

    /// True once [`Self::finish`] has succeeded.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        todo!()
    }
}
