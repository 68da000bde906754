//! A copy from one storage backend to another: decided once, then made of requests under permits of their own ([`steps`]).
//! None of them does more than the decision was about, and none can be had without it.

mod steps;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use self::steps::Sides;
pub(super) use self::steps::{Asked, Side};
pub use self::steps::{SourcePermit, TargetPermit};
use crate::model::TrailingChecksums;
use crate::payload::{ChecksumAlgorithm, Transit};
use crate::s3::{CopyTerms, Outgoing, OutgoingHeaders, copy_xml, encode_query};
use crate::{CopyFault, Denial, Timestamp};

/// The largest source: what AWS copies in one request, and the largest object of one PUT.
const SOURCE_BYTES_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

/// Bytes of one part, and the largest object that goes without parts. 5 GiB are 80 of them; S3 allows 10,000.
const PIECE_BYTES: u64 = 64 * 1024 * 1024;

/// An allowed copy between two backends. Of its source nothing is known yet.
#[derive(Debug)]
pub struct PendingCopy {
    copying: Box<Copying>,
}

/// A copy whose source has been looked at: what is to be read, and what is to be made of it.
#[derive(Debug)]
pub struct PlannedCopy {
    copying: Box<Copying>,
    source: Source,
}

/// A part that the target has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its entity tag, as the target told it.
    pub etag: String,
    /// Its checksum in base64, if the copy asked for one.
    pub checksum: Option<String>,
}

#[derive(Debug)]
struct Copying {
    sides: Sides,
    /// Canonical query of the target, which names the client's upload if this is a copy of a part.
    target_query: String,
    /// That of the source: its version.
    source_query: String,
    terms: CopyTerms,
}

/// What the source's backend told of it.
#[derive(Debug)]
struct Source {
    etag: HeaderValue,
    /// First byte that is copied.
    first: u64,
    /// How many are.
    length: u64,
    /// What the new object is made with.
    object: OutgoingHeaders,
    has_tags: bool,
    version: Option<HeaderValue>,
}

/// A share of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    first: u64,
    length: u64,
    /// It is not all of the source.
    is_range: bool,
}

impl PendingCopy {
    /// `outgoing` is what one backend would get for the copy.
    ///
    /// # Errors
    /// [`Denial::InsecureChannel`] for a customer's key and a side without TLS, and those of [`CopyTerms::read`].
    pub(super) fn new(asked: Asked, (from, to): (Side, Side), outgoing: Outgoing) -> Result<Self, Denial> {
        let sides = Sides::new(asked, (from, to))?;
        let terms = CopyTerms::read(sides.is_part(), outgoing.headers)?;
        let source_query = sides.version().map(|version| parameter("versionId", version)).unwrap_or_default();
        let copying = Copying { sides, target_query: outgoing.query, source_query, terms };
        Ok(Self { copying: Box::new(copying) })
    }

    /// Asks what the source is: `HeadObject`.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`], [`Denial::Internal`].
    pub fn look(&self) -> Result<SourcePermit, Denial> {
        let query = self.copying.source_query.clone();
        self.copying.sides.of_source("HeadObject", query, self.copying.reading())
    }

    /// Plans the copy of a source of which its backend told this head.
    ///
    /// # Errors
    /// [`CopyFault::Condition`], [`Denial::InvalidArgument`] for a range that ends behind the source,
    /// [`Denial::InvalidRequest`] for more than 5 GiB, [`Denial::UpstreamMisbehaved`] when the head lacks what every object
    /// has.
    pub fn plan(self, head: &HeaderMap) -> Result<PlannedCopy, Denial> {
        let terms = &self.copying.terms;
        terms.check(head)?;
        let size = number(head.get(header::CONTENT_LENGTH)).ok_or(Denial::UpstreamMisbehaved)?;
        let etag = head.get(header::ETAG).cloned().ok_or(Denial::UpstreamMisbehaved)?;
        let (first, length) = terms.extent(size)?;
        if length > SOURCE_BYTES_LIMIT {
            return Err(Denial::InvalidRequest(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {SOURCE_BYTES_LIMIT}"
            )));
        }
        let object = terms.of_object(head);
        let version = head.get("x-amz-version-id").cloned();
        let source = Source { etag, first, length, object, has_tags: tells_of_tags(head), version };
        Ok(PlannedCopy { copying: self.copying, source })
    }
}

impl PlannedCopy {
    /// `UploadPartCopy`: the client has begun the upload and will end it.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.copying.sides.is_part()
    }

    /// In how many pieces the source is read, at least 1. More than one make an upload of OSP's own.
    #[must_use]
    pub fn pieces(&self) -> u16 {
        if self.is_part() {
            return 1;
        }
        u16::try_from(self.source.length.div_ceil(PIECE_BYTES)).unwrap_or(u16::MAX).max(1)
    }

    /// `x-amz-version-id` of the source.
    #[must_use]
    pub const fn source_version(&self) -> Option<&HeaderValue> {
        self.source.version.as_ref()
    }

    fn piece(&self, index: u16) -> Piece {
        let Source { first, length, .. } = self.source;
        if self.pieces() == 1 {
            return Piece { first, length, is_range: self.copying.terms.has_range() };
        }
        let offset = u64::from(index) * PIECE_BYTES;
        Piece { first: first + offset, length: length.saturating_sub(offset).min(PIECE_BYTES), is_range: true }
    }

    /// Reads a piece, from 0: `GetObject`, of the very object that was looked at.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn read(&self, index: u16) -> Result<SourcePermit, Denial> {
        let Piece { first, length, is_range } = self.piece(index);
        let mut headers = self.copying.reading();
        headers.push((header::IF_MATCH, self.source.etag.clone()));
        if is_range {
            let range = format!("bytes={first}-{}", (first + length).saturating_sub(1));
            let range = HeaderValue::try_from(range).map_err(|_| Denial::Internal("a range is no header value"))?;
            headers.push((header::RANGE, range));
        }
        self.copying.sides.of_source("GetObject", self.copying.source_query.clone(), headers)
    }

    /// Checks the head of the answer to [`Self::read`]: it brings this piece, of the object that was looked at. Some
    /// backends know neither `If-Match` nor `Range`.
    ///
    /// # Errors
    /// [`CopyFault::SourceChanged`], [`Denial::UpstreamMisbehaved`].
    pub fn check(&self, index: u16, status: u16, head: &HeaderMap) -> Result<(), Denial> {
        if status == 412 || head.get(header::ETAG).is_some_and(|etag| *etag != self.source.etag) {
            return Err(CopyFault::SourceChanged.into());
        }
        let Piece { first, length, is_range } = self.piece(index);
        let is_piece = if is_range {
            let wanted = format!("bytes {first}-{}/", (first + length).saturating_sub(1));
            let told = head.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
            status == 206 && told.is_some_and(|range| range.starts_with(&wanted))
        } else {
            status == 200
        };
        let has_length = number(head.get(header::CONTENT_LENGTH)).is_none_or(|told| told == length);
        if is_piece && has_length && head.contains_key(header::ETAG) { Ok(()) } else { Err(Denial::UpstreamMisbehaved) }
    }

    /// A body for a piece. Bytes go through it and no other way, so both sides' permits have to be shown.
    #[must_use]
    pub fn transit(&self, index: u16, _source: &SourcePermit, target: &TargetPermit) -> Transit {
        let forwards = target.upstream().trailing_checksums == TrailingChecksums::Forward;
        Transit::new(self.piece(index).length, self.checksum().filter(|_| forwards))
    }

    /// The checksum that the client asked for.
    fn checksum(&self) -> Option<ChecksumAlgorithm> {
        self.copying.terms.checksum.filter(|_| !self.is_part())
    }

    /// True when the tags of the source are to be copied and it has some: `head` is that of the first piece, because not
    /// every backend tells of tags before. The decision was about reading the object, and so about its tags.
    #[must_use]
    pub fn needs_tags(&self, head: &HeaderMap) -> bool {
        self.copying.terms.copies_tags && (self.source.has_tags || tells_of_tags(head))
    }

    /// Asks for the tags of the source: `GetObjectTagging`.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn read_tags(&self) -> Result<SourcePermit, Denial> {
        let version = Some(self.copying.source_query.as_str()).filter(|query| !query.is_empty());
        let query = version.map_or_else(|| "tagging=".to_owned(), |version| format!("tagging=&{version}"));
        self.copying.sides.of_source("GetObjectTagging", query, OutgoingHeaders::new())
    }

    /// Takes the answer to [`Self::read_tags`].
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] when it is none.
    pub fn take_tags(&mut self, document: &[u8]) -> Result<(), Denial> {
        let tags = HeaderValue::try_from(copy_xml::tags(document)?).map_err(|_| Denial::UpstreamMisbehaved)?;
        self.source.object.push((HeaderName::from_static("x-amz-tagging"), tags));
        Ok(())
    }

    /// Writes the only piece: `PutObject`, or the `UploadPart` that the client asked for.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn put(&self) -> Result<TargetPermit, Denial> {
        let Copying { terms, target_query, .. } = &*self.copying;
        if self.is_part() {
            return self.copying.sides.of_target("UploadPart", target_query.clone(), terms.target_key.clone());
        }
        let mut headers = self.source.object.clone();
        headers.extend(terms.only_if.iter().cloned());
        self.copying.sides.of_target("PutObject", String::new(), headers)
    }

    /// Begins an upload of OSP's own: `CreateMultipartUpload`.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn create(&self) -> Result<TargetPermit, Denial> {
        let mut headers = self.source.object.clone();
        if let Some(algorithm) = self.checksum() {
            let value = HeaderValue::from_static(algorithm.label());
            headers.push((HeaderName::from_static("x-amz-checksum-algorithm"), value));
        }
        self.copying.sides.of_target("CreateMultipartUpload", "uploads=".to_owned(), headers)
    }

    /// Writes a piece, from 0, to an upload that [`Self::create`] began.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn part(&self, upload: &str, index: u16) -> Result<TargetPermit, Denial> {
        let query = format!("partNumber={}&{}", u32::from(index) + 1, parameter("uploadId", upload));
        self.copying.sides.of_target("UploadPart", query, self.copying.terms.target_key.clone())
    }

    /// Ends the upload: `CompleteMultipartUpload` with its document, which names these parts in their order.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn complete(&self, upload: &str, parts: &[StoredPart]) -> Result<(TargetPermit, Vec<u8>), Denial> {
        let Copying { terms, .. } = &*self.copying;
        let headers = terms.only_if.iter().chain(&terms.target_key).cloned().collect();
        let permit = self.copying.sides.of_target("CompleteMultipartUpload", parameter("uploadId", upload), headers)?;
        let parts = parts.iter().map(|part| (part.etag.clone(), part.checksum.clone()));
        Ok((permit, copy_xml::completion(parts, self.checksum())))
    }

    /// Gives the upload up: `AbortMultipartUpload`.
    ///
    /// # Errors
    /// [`Denial::Internal`].
    pub fn abort(&self, upload: &str) -> Result<TargetPermit, Denial> {
        self.copying.sides.of_target("AbortMultipartUpload", parameter("uploadId", upload), OutgoingHeaders::new())
    }

    /// Any step at all, as one of the source and as one of the target.
    #[cfg(test)]
    pub(crate) fn step(&self, step: &str) -> (Result<SourcePermit, Denial>, Result<TargetPermit, Denial>) {
        let (sides, nothing) = (&self.copying.sides, OutgoingHeaders::new());
        (sides.of_source(step, String::new(), nothing.clone()), sides.of_target(step, String::new(), nothing))
    }

    /// What the client is told of a copy that has been made, without a declaration; `checksum` is that of the only piece.
    #[must_use]
    pub fn result(&self, etag: &str, modified: Timestamp, checksum: Option<&str>) -> Vec<u8> {
        copy_xml::result(self.is_part(), (etag, modified), self.checksum().zip(checksum))
    }
}

impl Copying {
    /// Headers of every read of the source. As it is stored: some backends unpack what is asked for without a word on that.
    fn reading(&self) -> OutgoingHeaders {
        let mut headers = self.terms.source_key.clone();
        headers.push((header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        headers
    }
}

/// `name=value`, canonical.
fn parameter(name: &str, value: &str) -> String {
    let mut text = format!("{name}=");
    encode_query(value.as_bytes(), &mut text);
    text
}

fn number(value: Option<&HeaderValue>) -> Option<u64> {
    value?.to_str().ok()?.parse().ok()
}

fn tells_of_tags(head: &HeaderMap) -> bool {
    number(head.get("x-amz-tagging-count")).is_some_and(|count| count > 0)
}
