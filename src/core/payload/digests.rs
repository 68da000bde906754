//! Checksum algorithms of S3 (CH-7) and `Content-MD5`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};
use sha1::Sha1;
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::Xxh64;

use crate::Denial;

/// What a denial calls a wrong or malformed `Content-MD5`.
const MD5_LABEL: &str = "Content-MD5";

/// The algorithms of S3 ("Checking object integrity"), all of which OSP verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumAlgorithm {
    /// `x-amz-checksum-crc32`
    Crc32,
    /// `x-amz-checksum-crc32c`
    Crc32c,
    /// `x-amz-checksum-crc64nvme`
    Crc64Nvme,
    /// `x-amz-checksum-sha1`
    Sha1,
    /// `x-amz-checksum-sha256`
    Sha256,
    /// `x-amz-checksum-sha512`
    Sha512,
    /// `x-amz-checksum-md5`
    Md5,
    /// `x-amz-checksum-xxhash64`
    Xxhash64,
    /// `x-amz-checksum-xxhash3`: XXH3 with 64 bits
    Xxhash3,
    /// `x-amz-checksum-xxhash128`: XXH3 with 128 bits
    Xxhash128,
}

/// Lower-case hex of the SHA-256 of `body`: a value of `x-amz-content-sha256`.
#[must_use]
pub fn sha256_hex(body: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, body))
}

/// Base64 of the MD5 of `body`: the value of `Content-MD5`.
#[must_use]
pub fn content_md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

impl ChecksumAlgorithm {
    const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::Xxhash64,
        Self::Xxhash3,
        Self::Xxhash128,
    ];

    /// Finds an algorithm by its bare name in any case: `crc32`, `CRC32`.
    ///
    /// # Errors
    /// [`Denial::InvalidRequest`] for one that nobody knows.
    pub(crate) fn named(name: &str) -> Result<Self, Denial> {
        let unknown = || Denial::InvalidRequest("The checksum algorithm named is not known.".to_owned());
        Self::find(name.as_bytes()).ok_or_else(unknown)
    }

    /// True for the bare name of an algorithm, in any case.
    pub(crate) fn is_known(name: &[u8]) -> bool {
        Self::find(name).is_some()
    }

    fn find(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.label().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The header or trailer that carries the value, in lower case.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Md5 => "x-amz-checksum-md5",
            Self::Xxhash64 => "x-amz-checksum-xxhash64",
            Self::Xxhash3 => "x-amz-checksum-xxhash3",
            Self::Xxhash128 => "x-amz-checksum-xxhash128",
        }
    }

    /// S3's name of the algorithm, as in its error messages.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Md5 => "MD5",
            Self::Xxhash64 => "XXHASH64",
            Self::Xxhash3 => "XXHASH3",
            Self::Xxhash128 => "XXHASH128",
        }
    }

    /// The element of a part in the document of `CompleteMultipartUpload`, and of the result of a copy.
    pub(crate) fn element(self) -> String {
        format!("Checksum{}", self.label())
    }

    const fn digest_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::Xxhash64 | Self::Xxhash3 => 8,
            Self::Md5 | Self::Xxhash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Length of the value in base64, padding included: every value of an algorithm is equally long, so a trailer's
    /// length is known before the body has come.
    pub(super) const fn value_bytes(self) -> usize {
        self.digest_bytes().div_ceil(3) * 4
    }

    /// The digest that a value stands for.
    ///
    /// # Errors
    /// [`Denial::InvalidDigest`] when it is not base64 of the right length.
    pub(super) fn decode(self, value: &[u8]) -> Result<Vec<u8>, Denial> {
        let digest = STANDARD.decode(value).map_err(|_| Denial::InvalidDigest(self.label()))?;
        if digest.len() == self.digest_bytes() { Ok(digest) } else { Err(Denial::InvalidDigest(self.label())) }
    }

    /// Checks the form of a checksum that describes a whole object: a composite one ends in `-` and the number of parts.
    ///
    /// # Errors
    /// [`Denial::InvalidDigest`].
    pub(super) fn check_object_value(self, value: &[u8]) -> Result<(), Denial> {
        let mut halves = value.splitn(2, |byte| *byte == b'-');
        let digest = halves.next().unwrap_or_default();
        let parts = halves.next().unwrap_or(b"1");
        if parts.is_empty() || !parts.iter().all(u8::is_ascii_digit) {
            return Err(Denial::InvalidDigest(self.label()));
        }
        self.decode(digest).map(drop)
    }
}

/// The digest that a `Content-MD5` stands for.
///
/// # Errors
/// [`Denial::InvalidDigest`].
pub(super) fn decode_md5(value: &[u8]) -> Result<[u8; 16], Denial> {
    let digest = STANDARD.decode(value).map_err(|_| Denial::InvalidDigest(MD5_LABEL))?;
    digest.try_into().map_err(|_| Denial::InvalidDigest(MD5_LABEL))
}

/// A running SHA-256.
#[derive(Clone)]
pub(super) struct Sha256(ring::digest::Context);

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256(..)")
    }
}

impl Sha256 {
    pub(super) fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    pub(super) fn of(data: &[u8]) -> [u8; 32] {
        let mut hash = Self::new();
        hash.update(data);
        hash.finish()
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}

/// What the digests of one body must come to. An absent part was not asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// The literal of `x-amz-content-sha256`.
    pub(super) payload_sha256: Option<[u8; 32]>,
    /// The one checksum, from a header or a trailer.
    pub(super) checksum: Option<Checksum>,
    /// `Content-MD5`.
    pub(super) md5: Option<[u8; 16]>,
}

/// SHA-256 of nothing.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

impl Expected {
    /// True when a body of no bytes is plainly right: whoever asks for anything but its SHA-256 has to compute it.
    pub(super) fn is_met_by_nothing(&self) -> bool {
        self.checksum.is_none() && self.md5.is_none() && self.payload_sha256.is_none_or(|sha256| sha256 == EMPTY_SHA256)
    }
}

/// The checksum of one body.
#[derive(Debug, Clone)]
pub(super) struct Checksum {
    pub(super) algorithm: ChecksumAlgorithm,
    /// The digest; not yet known while it is still to come in the trailer.
    pub(super) digest: Option<Vec<u8>>,
}

/// The running digests of one body: what has to be computed and nothing else.
#[derive(Debug)]
pub(super) struct Digests {
    expected: Expected,
    /// Serves the payload hash and `x-amz-checksum-sha256` alike, so that no byte is hashed twice.
    sha256: Option<Sha256>,
    /// The same for `Content-MD5` and `x-amz-checksum-md5`.
    md5: Option<Md5>,
    other: Option<Other>,
}

/// A checksum that is nothing but that. XXH3 keeps half a KiB of state.
enum Other {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha512(ring::digest::Context),
    Xxh64(Box<Xxh64>),
    Xxh3(Box<Xxh3>),
}

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Other(..)")
    }
}

impl Other {
    fn new(algorithm: ChecksumAlgorithm) -> Option<Self> {
        let crc = |algorithm| Some(Self::Crc(crc_fast::Digest::new(algorithm)));
        match algorithm {
            ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Sha1 => Some(Self::Sha1(Sha1::new())),
            ChecksumAlgorithm::Sha512 => Some(Self::Sha512(ring::digest::Context::new(&ring::digest::SHA512))),
            ChecksumAlgorithm::Xxhash64 => Some(Self::Xxh64(Box::new(Xxh64::new(0)))),
            ChecksumAlgorithm::Xxhash3 | ChecksumAlgorithm::Xxhash128 => Some(Self::Xxh3(Box::new(Xxh3::new()))),
            ChecksumAlgorithm::Sha256 | ChecksumAlgorithm::Md5 => None,
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(crc) => crc.update(data),
            Self::Sha1(sha1) => sha1.update(data),
            Self::Sha512(sha512) => sha512.update(data),
            Self::Xxh64(hash) => hash.update(data),
            Self::Xxh3(hash) => hash.update(data),
        }
    }

    /// Big-endian, as long as the algorithm's digests are.
    fn finish(self, algorithm: ChecksumAlgorithm) -> Option<Vec<u8>> {
        Some(match self {
            Self::Crc(crc) if algorithm == ChecksumAlgorithm::Crc64Nvme => crc.finalize().to_be_bytes().to_vec(),
            Self::Crc(crc) => u32::try_from(crc.finalize()).ok()?.to_be_bytes().to_vec(),
            Self::Sha1(sha1) => sha1.finalize().to_vec(),
            Self::Sha512(sha512) => sha512.finish().as_ref().to_vec(),
            Self::Xxh64(hash) => hash.digest().to_be_bytes().to_vec(),
            Self::Xxh3(hash) if algorithm == ChecksumAlgorithm::Xxhash128 => hash.digest128().to_be_bytes().to_vec(),
            Self::Xxh3(hash) => hash.digest().to_be_bytes().to_vec(),
        })
    }
}

impl Digests {
    pub(super) fn new(expected: Expected) -> Self {
        let algorithm = expected.checksum.as_ref().map(|checksum| checksum.algorithm);
        let hashed = expected.payload_sha256.is_some() || algorithm == Some(ChecksumAlgorithm::Sha256);
        Self {
            sha256: hashed.then(Sha256::new),
            md5: (expected.md5.is_some() || algorithm == Some(ChecksumAlgorithm::Md5)).then(Md5::new),
            other: algorithm.and_then(Other::new),
            expected,
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(data);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
        if let Some(other) = &mut self.other {
            other.update(data);
        }
    }

    /// Base64 of the checksum of everything, where it is OSP that tells it.
    pub(super) fn value(self) -> Option<String> {
        let algorithm = self.expected.checksum?.algorithm;
        let digest = match algorithm {
            ChecksumAlgorithm::Sha256 => self.sha256.map(|sha256| sha256.finish().to_vec()),
            ChecksumAlgorithm::Md5 => self.md5.map(|md5| md5.finalize().to_vec()),
            _ => self.other.and_then(|other| other.finish(algorithm)),
        };
        digest.map(|digest| STANDARD.encode(digest))
    }

    /// Compares everything, once the body and its trailer are complete. `trailer` is the value of the trailer that was
    /// announced.
    ///
    /// # Errors
    /// [`Denial::PayloadHashMismatch`], [`Denial::ChecksumMismatch`], [`Denial::InvalidDigest`],
    /// [`Denial::MalformedTrailer`] when a trailer was announced and none is given.
    pub(super) fn prove(&mut self, trailer: Option<&[u8]>) -> Result<(), Denial> {
        let sha256 = self.sha256.take().map(Sha256::finish);
        let md5: Option<[u8; 16]> = self.md5.take().map(|md5| md5.finalize().into());
        if let Some(client) = self.expected.payload_sha256
            && sha256 != Some(client)
        {
            let computed = sha256.map(hex::encode).unwrap_or_default();
            return Err(Denial::PayloadHashMismatch { client: hex::encode(client), computed });
        }
        if let Some(Checksum { algorithm, digest }) = self.expected.checksum.take() {
            let wanted = match (digest, trailer) {
                (Some(digest), _) => digest,
                (None, Some(value)) => algorithm.decode(value)?,
                (None, None) => return Err(Denial::MalformedTrailer),
            };
            let computed = match algorithm {
                ChecksumAlgorithm::Sha256 => sha256.map(Vec::from),
                ChecksumAlgorithm::Md5 => md5.map(Vec::from),
                _ => self.other.take().and_then(|other| other.finish(algorithm)),
            };
            if computed.as_deref() != Some(wanted.as_slice()) {
                return Err(Denial::ChecksumMismatch(algorithm.label()));
            }
        }
        if let Some(wanted) = self.expected.md5
            && md5 != Some(wanted)
        {
            return Err(Denial::ChecksumMismatch(MD5_LABEL));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
