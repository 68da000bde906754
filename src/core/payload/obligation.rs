//! What has to be proved of one request body, and how the body is announced to the backend.

use http::{HeaderName, HeaderValue};

use super::Gate;
use crate::Denial;
use crate::model::TrailingChecksums;
use crate::s3::{Operation, Semantics};
use crate::sigv4::ChunkChain;

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
}

/// Everything that must hold for one body. Cheap to clone; makes a fresh [`Gate`] for every attempt.
#[derive(Debug, Clone)]
pub struct Obligation {
    _private: (),
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

impl Obligation {
    /// Reads lengths, checksums (of `CompleteMultipartUpload` the `x-amz-checksum-*` headers describe the object and are
    /// passed on unverified, RS-7), `Content-MD5` and the announced trailer. `content_length` is the HTTP length of the
    /// body (`None` for chunked transfer coding or an HTTP/2 body without a length).
    ///
    /// # Errors
    /// [`Denial::MissingContentLength`] (CH-2, RS-9), [`Denial::InvalidDigest`], [`Denial::InvalidContentSha256`] for a
    /// streaming payload on an operation that takes none (CH-1), [`Denial::EntityTooLarge`] over 5 GiB,
    /// [`Denial::MessageTooLong`] for XML bodies over 2 MiB, [`Denial::InvalidRequest`] for a body on an operation
    /// that takes none, for two checksums, or for an algorithm named without a value.
    pub fn new(
        _auth: PayloadAuth,
        _operation: &Operation,
        _semantics: &Semantics<'_>,
        _content_length: Option<u64>,
    ) -> Result<Self, Denial> {
        todo!()
    }

    /// True when no body bytes are expected (decoded length 0 without framing): the digests of the empty body were then
    /// already checked by [`Self::new`] (RS-8).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// Number of object bytes.
    #[must_use]
    pub fn decoded_length(&self) -> u64 {
        todo!()
    }

    /// How the body travels on: with `Forward` a body that came with a trailer is aws-chunked in fixed chunks of 64 KiB with
    /// the client's checksum trailer and a length computed in advance; everything else is bare bytes.
    #[must_use]
    pub fn announce(&self, _trailing: TrailingChecksums) -> Announcement {
        todo!()
    }

    /// A fresh gate. Only [`crate::access::Permit`] and the batch types hand them out.
    #[must_use]
    pub(crate) fn gate(&self, _trailing: TrailingChecksums) -> Gate {
        todo!()
    }
}
