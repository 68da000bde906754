//! Checksum algorithms of S3 (CH-7) and `Content-MD5`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};
use sha1::Sha1;

use crate::Denial;

/// What a denial calls a wrong or malformed `Content-MD5`.
const MD5_LABEL: &str = "Content-MD5";

/// Algorithms that S3 knows and OSP does not compute: refused by name, so that nobody believes they were checked.
const NOT_VERIFIED: [&str; 5] = ["sha512", "md5", "xxhash64", "xxhash3", "xxhash128"];

/// The algorithms that OSP verifies.
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
    /// Finds an algorithm by its bare name in any case: `crc32`, `CRC32`.
    ///
    /// # Errors
    /// [`Denial::NotImplemented`] for an algorithm that OSP does not compute, [`Denial::InvalidRequest`] for one that
    /// nobody knows.
    pub(super) fn named(name: &str) -> Result<Self, Denial> {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "crc32" => Ok(Self::Crc32),
            "crc32c" => Ok(Self::Crc32c),
            "crc64nvme" => Ok(Self::Crc64Nvme),
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            known if NOT_VERIFIED.contains(&known) => Err(Denial::NotImplemented(format!("checksum algorithm {name}"))),
            _ => Err(Denial::InvalidRequest("The checksum algorithm named is not known.".to_owned())),
        }
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
        }
    }

    /// S3's name of the algorithm, as in its error messages.
    const fn label(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    const fn digest_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
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
    crc: Option<crc_fast::Digest>,
    sha1: Option<Sha1>,
    md5: Option<Md5>,
}

impl Digests {
    pub(super) fn new(expected: Expected) -> Self {
        let algorithm = expected.checksum.as_ref().map(|checksum| checksum.algorithm);
        let crc = match algorithm {
            Some(ChecksumAlgorithm::Crc32) => Some(CrcAlgorithm::Crc32IsoHdlc),
            Some(ChecksumAlgorithm::Crc32c) => Some(CrcAlgorithm::Crc32Iscsi),
            Some(ChecksumAlgorithm::Crc64Nvme) => Some(CrcAlgorithm::Crc64Nvme),
            _ => None,
        };
        let hashed = expected.payload_sha256.is_some() || algorithm == Some(ChecksumAlgorithm::Sha256);
        Self {
            sha256: hashed.then(Sha256::new),
            crc: crc.map(crc_fast::Digest::new),
            sha1: (algorithm == Some(ChecksumAlgorithm::Sha1)).then(Sha1::new),
            md5: expected.md5.is_some().then(Md5::new),
            expected,
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(data);
        }
        if let Some(crc) = &mut self.crc {
            crc.update(data);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(data);
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(data);
        }
    }

    /// Compares everything, once the body and its trailer are complete. `trailer` is the value of the trailer that was
    /// announced.
    ///
    /// # Errors
    /// [`Denial::PayloadHashMismatch`], [`Denial::ChecksumMismatch`], [`Denial::InvalidDigest`],
    /// [`Denial::MalformedTrailer`] when a trailer was announced and none is given.
    pub(super) fn prove(&mut self, trailer: Option<&[u8]>) -> Result<(), Denial> {
        let sha256 = self.sha256.take().map(Sha256::finish);
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
            if self.computed(algorithm, sha256).as_deref() != Some(wanted.as_slice()) {
                return Err(Denial::ChecksumMismatch(algorithm.label()));
            }
        }
        if let Some(wanted) = self.expected.md5
            && self.md5.take().map(|md5| md5.finalize().into()) != Some(wanted)
        {
            return Err(Denial::ChecksumMismatch(MD5_LABEL));
        }
        Ok(())
    }

    /// The checksum that was computed, big-endian.
    fn computed(&mut self, algorithm: ChecksumAlgorithm, sha256: Option<[u8; 32]>) -> Option<Vec<u8>> {
        match algorithm {
            ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c => {
                Some(u32::try_from(self.crc.take()?.finalize()).ok()?.to_be_bytes().to_vec())
            }
            ChecksumAlgorithm::Crc64Nvme => Some(self.crc.take()?.finalize().to_be_bytes().to_vec()),
            ChecksumAlgorithm::Sha1 => Some(self.sha1.take()?.finalize().to_vec()),
            ChecksumAlgorithm::Sha256 => Some(sha256?.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests;
