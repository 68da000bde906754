//! What has to be proved of one request body, and how the body is announced to the backend.

use http::{HeaderName, HeaderValue};

use super::declared::Declared;
use super::digests::{Checksum, Digests, Expected, decode_md5};
use super::reframe::Framer;
use super::{ChecksumAlgorithm, FormFile, Gate};
use crate::Denial;
use crate::model::TrailingChecksums;
use crate::s3::Body;
use crate::s3::{Operation, Semantics};
use crate::sigv4::ChunkChain;

/// The largest object of one PUT, and the largest part (s3-protocol.md 8: AWS takes 5 GiB, some backends less).
const OBJECT_BYTES_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

/// The largest XML body: 1,000 keys of 1,024 bytes, escaped, or 10,000 parts fit in; it is kept in memory (RS-7).
const DOCUMENT_BYTES_LIMIT: u64 = 2 * 1024 * 1024;

/// What the verified signature says of the body (the `x-amz-content-sha256` of s3-protocol.md 1.3).
#[derive(Debug, Clone)]
pub enum PayloadAuth {
    /// The literal SHA-256 of the body.
    Sha256([u8; 32]),
    /// `UNSIGNED-PAYLOAD`, and every presigned request that names no hash.
    Unsigned,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]`: every chunk is signed.
    SignedChunks {
        /// The chain, seeded with the request's signature.
        chain: ChunkChain,
        /// A signed trailer ends the body.
        trailer: bool,
    },
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    UnsignedTrailer,
    /// The file of a form: its policy says how large it may be, and nothing of its bytes.
    Form(FormFile),
}

/// Everything that must hold for one body. Cheap to clone; makes a fresh [`Gate`] for every attempt.
#[derive(Debug, Clone)]
pub struct Obligation {
    pub(super) auth: PayloadAuth,
    /// The body comes in aws-chunked frames, or in a form.
    pub(super) framed: bool,
    /// The checksum that the trailer will bring.
    pub(super) trailer: Option<ChecksumAlgorithm>,
    pub(super) expected: Expected,
    /// The body is read, too: [`super::restoration`].
    pub(super) inspected: bool,
    /// Bytes on the wire, frames included; `None` when only the end of the body tells.
    pub(super) wire_length: Option<u64>,
    decoded_length: u64,
    content_md5: Option<HeaderValue>,
    /// `x-amz-checksum-*` and `x-amz-sdk-checksum-algorithm`, as the client sent them.
    checksum_headers: Vec<(HeaderName, HeaderValue)>,
}

/// How the backend request announces the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Exact number of bytes that a [`Gate`] of the same setting releases.
    pub content_length: u64,
    /// Value of `x-amz-content-sha256` for the backend: the client's literal hash, `UNSIGNED-PAYLOAD` or
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    pub content_sha256: String,
    /// `x-amz-decoded-content-length` and `x-amz-trailer` for a trailer; `content-md5`, `x-amz-checksum-*` and
    /// `x-amz-sdk-checksum-algorithm` as the client sent them, already valid in form. With
    /// [`TrailingChecksums::Drop`] no checksum header at all, `content-md5` excepted. To be signed. ([`crate::s3::Outgoing`]
    /// never carries any of these.)
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// True when `aws-chunked` has to be added to `content-encoding`.
    pub aws_chunked: bool,
}

impl PayloadAuth {
    fn is_streaming(&self) -> bool {
        matches!(self, Self::SignedChunks { .. } | Self::UnsignedTrailer)
    }

    pub(super) fn has_trailer(&self) -> bool {
        matches!(self, Self::SignedChunks { trailer: true, .. } | Self::UnsignedTrailer)
    }
}

impl Obligation {
    /// Reads lengths, checksums (of `CompleteMultipartUpload` the `x-amz-checksum-*` headers describe the object and are
    /// passed on unverified, RS-7), `Content-MD5` and the announced trailer. `content_length` is the HTTP length of the
    /// body (`None` for chunked transfer coding or an HTTP/2 body without a length; `Some(0)` when there is none).
    ///
    /// # Errors
    /// [`Denial::MissingContentLength`] (CH-2, RS-9), [`Denial::InvalidDigest`], [`Denial::InvalidContentSha256`] for a
    /// streaming payload on an operation that takes none (CH-1), [`Denial::EntityTooLarge`] over 5 GiB,
    /// [`crate::FormFault::FileTooLarge`] and [`crate::FormFault::FileTooSmall`] outside the range of a form's policy,
    /// [`Denial::MessageTooLong`] for XML bodies over 2 MiB, [`Denial::InvalidRequest`] for a body on an operation
    /// that takes none, for two checksums, or for an algorithm that nobody knows or that is named without a value,
    /// [`Denial::InvalidArgument`] for a length that is no number,
    /// [`Denial::DuplicateHeader`], [`Denial::IncompleteBody`] for lengths that contradict each other, and those of
    /// [`Gate::finish`] for a body known to be empty; [`Denial::MalformedXml`] for one where a document has to be.
    pub fn new(
        auth: PayloadAuth,
        operation: &Operation,
        semantics: &Semantics<'_>,
        content_length: Option<u64>,
    ) -> Result<Self, Denial> {
        let declared = Declared::read(operation.body(), content_length, semantics.headers())?;
        let obligation = Self::of(auth, &declared)?;
        if obligation.is_empty() && operation.requires_document() {
            return Err(Denial::MalformedXml);
        }
        Ok(obligation)
    }

    /// True when no body bytes are expected (decoded length 0 without framing): the digests of the empty body were then
    /// already checked by [`Self::new`] (RS-8).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.framed && self.decoded_length == 0
    }

    /// True when the backend would have its whole request, an empty object, before the client's frames are proved: such a
    /// body has to go through its gate to the end before anything is sent (RS-8).
    #[must_use]
    pub fn proves_before_sending(&self, trailing: TrailingChecksums) -> bool {
        self.framed && self.announce(trailing).content_length == 0
    }

    /// Number of object bytes.
    #[must_use]
    pub fn decoded_length(&self) -> u64 {
        self.decoded_length
    }

    /// How the body travels on: with `Forward` a body that came with a trailer is aws-chunked in fixed chunks of 64 KiB with
    /// the client's checksum trailer and a length computed in advance; everything else is bare bytes.
    #[must_use]
    pub fn announce(&self, trailing: TrailingChecksums) -> Announcement {
        let mut headers = Vec::new();
        if let Some(value) = &self.content_md5 {
            headers.push((HeaderName::from_static("content-md5"), value.clone()));
        }
        if trailing == TrailingChecksums::Forward {
            headers.extend(self.checksum_headers.iter().cloned());
        }
        let bare = match &self.auth {
            PayloadAuth::Sha256(hash) => hex::encode(hash),
            _ => "UNSIGNED-PAYLOAD".to_owned(),
        };
        let Some(algorithm) = self.forwarded_trailer(trailing) else {
            return Announcement {
                content_length: self.decoded_length,
                content_sha256: bare,
                headers,
                aws_chunked: false,
            };
        };
        let name = |text| HeaderName::from_static(text);
        headers.push((name("x-amz-decoded-content-length"), HeaderValue::from(self.decoded_length)));
        headers.push((name("x-amz-trailer"), HeaderValue::from_static(algorithm.header())));
        Announcement {
            content_length: Framer::framed_length(self.decoded_length, algorithm),
            content_sha256: "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
            headers,
            aws_chunked: true,
        }
    }

    /// A fresh gate. Only [`crate::access::Permit`] and the batch types hand them out.
    #[must_use]
    pub(crate) fn gate(&self, trailing: TrailingChecksums) -> Gate {
        Gate::new(self, self.forwarded_trailer(trailing).is_some())
    }

    /// The obligation that follows from what the head declares.
    pub(super) fn of(auth: PayloadAuth, declared: &Declared) -> Result<Self, Denial> {
        if auth.is_streaming() && declared.body != Body::Object {
            return Err(Denial::InvalidContentSha256);
        }
        if declared.aws_chunked && matches!(auth, PayloadAuth::Unsigned | PayloadAuth::Form(_)) {
            let text = "A body in aws-chunked frames needs a streaming value of x-amz-content-sha256.";
            return Err(Denial::InvalidRequest(text.to_owned()));
        }
        let Lengths { decoded, wire, framed } = match &auth {
            PayloadAuth::Form(file) => Lengths::of_file(file)?,
            _ => Lengths::of(declared, auth.is_streaming())?,
        };
        let trailer = announced_trailer(&auth, declared)?;
        let obligation = Self {
            framed,
            trailer,
            expected: expected(&auth, declared, trailer)?,
            inspected: declared.body == Body::Restoration,
            wire_length: wire,
            decoded_length: decoded,
            content_md5: declared.content_md5.as_deref().map(header_value).transpose()?,
            checksum_headers: checksum_headers(declared, trailer)?,
            auth,
        };
        if obligation.is_empty() && !obligation.expected.is_met_by_nothing() {
            Digests::new(obligation.expected.clone()).prove(None)?;
        }
        Ok(obligation)
    }

    /// The trailer that the backend gets.
    fn forwarded_trailer(&self, trailing: TrailingChecksums) -> Option<ChecksumAlgorithm> {
        self.trailer.filter(|_| trailing == TrailingChecksums::Forward)
    }
}

/// The lengths of one body, found free of contradictions.
struct Lengths {
    decoded: u64,
    wire: Option<u64>,
    framed: bool,
}

impl Lengths {
    fn of(declared: &Declared, streaming: bool) -> Result<Self, Denial> {
        let wire = declared.content_length;
        if declared.body == Body::Nothing && wire != Some(0) {
            return Err(Denial::InvalidRequest("This operation takes no request body.".to_owned()));
        }
        let decoded = match (declared.decoded_length, wire) {
            (Some(decoded), _) => decoded,
            (None, Some(wire)) if !streaming => wire,
            (None, _) => return Err(Denial::MissingContentLength),
        };
        // A streaming body of no bytes at all has no frames either: the signed head alone says that it is empty.
        let framed = streaming && wire != Some(0);
        let fits = match wire {
            Some(wire) if framed => wire > decoded,
            Some(wire) => wire == decoded,
            None => true,
        };
        if !fits {
            return Err(Denial::IncompleteBody);
        }
        match declared.body {
            Body::Document | Body::Completion | Body::Creation | Body::Restoration
                if decoded > DOCUMENT_BYTES_LIMIT =>
            {
                Err(Denial::MessageTooLong)
            }
            _ if decoded > OBJECT_BYTES_LIMIT => Err(Denial::EntityTooLarge),
            _ => Ok(Self { decoded, wire: if framed { wire } else { Some(decoded) }, framed }),
        }
    }
}

impl Lengths {
    /// A form's file: the form knows its length, whatever else was declared.
    fn of_file(file: &FormFile) -> Result<Self, Denial> {
        let decoded = file.bytes()?;
        if decoded > OBJECT_BYTES_LIMIT {
            return Err(Denial::EntityTooLarge);
        }
        Ok(Self { decoded, wire: Some(file.wire_bytes()), framed: true })
    }
}

/// The one checksum that `x-amz-trailer` announces; S3 knows no other trailers.
fn announced_trailer(auth: &PayloadAuth, declared: &Declared) -> Result<Option<ChecksumAlgorithm>, Denial> {
    let refused = |text: &str| Err(Denial::InvalidRequest(text.to_owned()));
    match declared.trailers.as_slice() {
        [] => Ok(None),
        _ if !auth.has_trailer() => {
            refused("x-amz-trailer needs a value of x-amz-content-sha256 that ends in -TRAILER.")
        }
        [name] => match name.strip_prefix("x-amz-checksum-") {
            Some(algorithm) => ChecksumAlgorithm::named(algorithm).map(Some),
            None => refused("Only a checksum can be sent in the trailer."),
        },
        _ => refused("Expecting a single x-amz-checksum- header."),
    }
}

/// What the digests of the body must come to (CH-7).
fn expected(auth: &PayloadAuth, declared: &Declared, trailer: Option<ChecksumAlgorithm>) -> Result<Expected, Denial> {
    if declared.checksums.len() + usize::from(trailer.is_some()) > 1 {
        return Err(Denial::InvalidRequest("Expecting a single x-amz-checksum- header.".to_owned()));
    }
    let checksum = match (trailer, declared.checksums.first()) {
        (Some(algorithm), _) => Some(Checksum { algorithm, digest: None }),
        (None, Some((algorithm, value))) if declared.body == Body::Completion => {
            algorithm.check_object_value(value)?;
            None
        }
        (None, Some((algorithm, value))) => {
            Some(Checksum { algorithm: *algorithm, digest: Some(algorithm.decode(value)?) })
        }
        (None, None) => None,
    };
    let payload_sha256 = match auth {
        PayloadAuth::Sha256(hash) => Some(*hash),
        _ => None,
    };
    Ok(Expected { payload_sha256, checksum, md5: declared.content_md5.as_deref().map(decode_md5).transpose()? })
}

/// The client's checksum headers, for the backend.
fn checksum_headers(
    declared: &Declared,
    trailer: Option<ChecksumAlgorithm>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Denial> {
    let mut headers = Vec::new();
    if let Some((algorithm, value)) = declared.checksums.first() {
        headers.push((HeaderName::from_static(algorithm.header()), header_value(value)?));
    }
    let sent = trailer.or(declared.checksums.first().map(|(algorithm, _)| *algorithm));
    if let Some(value) = &declared.named_algorithm {
        let named = ChecksumAlgorithm::named(&String::from_utf8_lossy(value))?;
        if sent == Some(named) {
            headers.push((HeaderName::from_static("x-amz-sdk-checksum-algorithm"), header_value(value)?));
        } else if matches!(declared.body, Body::Object | Body::Document | Body::Creation | Body::Restoration) {
            let text = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.";
            return Err(Denial::InvalidRequest(text.to_owned()));
        }
    }
    Ok(headers)
}

fn header_value(value: &[u8]) -> Result<HeaderValue, Denial> {
    HeaderValue::from_bytes(value).map_err(|_| Denial::MalformedHead("a checksum header has impossible bytes"))
}

#[cfg(test)]
mod tests;
