//! The gate between the client's body and the backend.

use bytes::Bytes;

use super::PayloadAuth;
use super::chunked::Decoder;
use super::digests::Digests;
use super::form_file::FileDecoder;
use super::obligation::Obligation;
use super::reframe::Framer;
use super::restoration::Restoration;
use crate::Denial;

/// Proves one body while it streams. Holds back the tail until everything is proved; memory is bounded by one chunk
/// header, one trailer and one piece.
///
/// What is held back is the last piece with object bytes, whole: the one before it leaves when it comes. So the backend
/// lacks bytes of its declared length until [`Gate::finish`] has succeeded, whatever was wrong and wherever it stood, and no
/// piece is cut into tiny writes.
#[derive(Debug)]
pub struct Gate {
    /// Takes the client's frames off; `None` for bare bytes.
    decoder: Option<Frames>,
    digests: Digests,
    /// Reads the document of a restoration; boxed, as few bodies are one.
    reader: Option<Box<Restoration>>,
    held: Bytes,
    /// Puts the backend's frames on; `None` for bare bytes.
    framer: Option<Framer>,
    wire: Count,
    decoded: Count,
    state: State,
}

/// What is around the bytes of an object.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "frames are aws-chunked as a rule, and no gate is to cost an allocation")]
enum Frames {
    /// aws-chunked.
    Chunked(Decoder),
    /// A form, from the first byte of its file on.
    Form(FileDecoder),
}

#[derive(Debug)]
enum State {
    Open,
    Refused(Denial),
    Proved,
}

/// Bytes seen against bytes declared, if they were.
#[derive(Debug)]
struct Count {
    seen: u64,
    declared: Option<u64>,
}

impl Gate {
    /// A gate for one attempt; frames the body anew for the backend when `framed`.
    pub(super) fn new(obligation: &Obligation, framed: bool) -> Self {
        let decoded_length = obligation.decoded_length();
        let chain = match &obligation.auth {
            PayloadAuth::SignedChunks { chain, .. } => Some(chain.clone()),
            _ => None,
        };
        let decoder = obligation.framed.then(|| match &obligation.auth {
            PayloadAuth::Form(file) => Frames::Form(FileDecoder::new(file, decoded_length)),
            auth => {
                let decoder = Decoder::new(decoded_length, chain);
                let trailer = auth.has_trailer();
                Frames::Chunked(if trailer { decoder.with_trailer(obligation.trailer) } else { decoder })
            }
        });
        let framer = obligation.trailer.filter(|_| framed).map(|algorithm| Framer::new(decoded_length, algorithm));
        Self {
            decoder,
            digests: Digests::new(obligation.expected.clone()),
            reader: obligation.inspected.then(Box::default),
            held: Bytes::new(),
            framer,
            wire: Count { seen: 0, declared: obligation.wire_length },
            decoded: Count { seen: 0, declared: Some(decoded_length) },
            state: State::Open,
        }
    }

    /// Feeds a piece as it came from the network and returns what may be released, possibly nothing (an empty piece).
    ///
    /// # Errors
    /// The denials of s3-protocol.md 1.3; after one the gate releases nothing more.
    pub fn push(&mut self, piece: Bytes) -> Result<Bytes, Denial> {
        self.open()?;
        let released = self.take(piece);
        released.map_err(|denial| self.refuse(denial))
    }

    /// The body has ended: everything is proved, and the last bytes leave here or nowhere.
    ///
    /// # Errors
    /// As [`Self::push`], and [`Denial::IncompleteBody`].
    pub fn finish(&mut self) -> Result<Bytes, Denial> {
        self.open()?;
        match self.prove() {
            Ok(last) => {
                self.state = State::Proved;
                Ok(last)
            }
            Err(denial) => Err(self.refuse(denial)),
        }
    }

    /// Object bytes seen so far.
    #[must_use]
    pub fn decoded_bytes(&self) -> u64 {
        self.decoded.seen
    }

    /// True once [`Self::finish`] has succeeded.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        matches!(self.state, State::Proved)
    }

    fn take(&mut self, piece: Bytes) -> Result<Bytes, Denial> {
        self.wire.add(piece.len())?;
        let data = match &mut self.decoder {
            None => piece,
            Some(Frames::Chunked(decoder)) => decoder.decode(piece)?,
            Some(Frames::Form(decoder)) => decoder.decode(piece)?,
        };
        self.decoded.add(data.len())?;
        if data.is_empty() {
            return Ok(data);
        }
        self.digests.update(&data);
        if let Some(reader) = &mut self.reader {
            reader.push(&data)?;
        }
        let earlier = std::mem::replace(&mut self.held, data);
        match &mut self.framer {
            None => Ok(earlier),
            Some(framer) => framer.frame(&earlier),
        }
    }

    fn prove(&mut self) -> Result<Bytes, Denial> {
        let trailer = match &self.decoder {
            None => None,
            Some(Frames::Chunked(decoder)) => decoder.finish()?,
            Some(Frames::Form(decoder)) => decoder.finish().map(|()| None)?,
        };
        self.wire.complete()?;
        self.decoded.complete()?;
        self.digests.prove(trailer)?;
        if let Some(reader) = &mut self.reader {
            reader.finish()?;
        }
        let last = std::mem::take(&mut self.held);
        match (&mut self.framer, trailer) {
            (None, _) => Ok(last),
            (Some(framer), Some(value)) => framer.finish(&last, value),
            (Some(_), None) => Err(Denial::MalformedTrailer),
        }
    }

    fn open(&self) -> Result<(), Denial> {
        match &self.state {
            State::Open => Ok(()),
            State::Refused(denial) => Err(denial.clone()),
            State::Proved => Err(Denial::Internal("the gate was used after the end of its body")),
        }
    }

    /// Shuts for good: what is held goes nowhere.
    fn refuse(&mut self, denial: Denial) -> Denial {
        self.held = Bytes::new();
        self.state = State::Refused(denial.clone());
        denial
    }
}

impl Count {
    fn add(&mut self, bytes: usize) -> Result<(), Denial> {
        let seen = self.seen.checked_add(bytes as u64).ok_or(Denial::IncompleteBody)?;
        if self.declared.is_some_and(|declared| seen > declared) {
            return Err(Denial::IncompleteBody);
        }
        self.seen = seen;
        Ok(())
    }

    fn complete(&self) -> Result<(), Denial> {
        if self.declared.is_none_or(|declared| declared == self.seen) { Ok(()) } else { Err(Denial::IncompleteBody) }
    }
}
