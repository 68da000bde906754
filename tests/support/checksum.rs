//! CRC-32 and MD5 as S3 spells them: base64 of the big-endian digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// CRC-32 (ISO-HDLC), fed piece by piece.
#[derive(Debug, Clone, Copy)]
pub struct Crc32(u32);

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

impl Default for Crc32 {
    fn default() -> Self {
        Self(!0)
    }
}

impl Crc32 {
    /// Adds a piece.
    #[must_use]
    pub fn push(self, data: &[u8]) -> Self {
        Self(data.iter().fold(self.0, |crc, &byte| TABLE[((crc ^ u32::from(byte)) & 0xFF) as usize] ^ (crc >> 8)))
    }

    /// The value as S3 writes it.
    #[must_use]
    pub fn base64(self) -> String {
        STANDARD.encode((!self.0).to_be_bytes())
    }
}

/// `x-amz-checksum-crc32` of `data`.
#[must_use]
pub fn crc32_base64(data: &[u8]) -> String {
    Crc32::default().push(data).base64()
}

/// `Content-MD5` of `data`.
#[must_use]
pub fn md5_base64(data: &[u8]) -> String {
    STANDARD.encode(Md5::digest(data))
}

/// Above it, tests would wait for MD5, which is slow in a build that is not optimised.
const MD5_BYTES: usize = 1 << 20;

/// The ETag, without quotes, of a simple upload of `data`: its MD5 as at S3. A large object gets as many bytes of its SHA-256;
/// at S3 the tags of encrypted objects are no MD5 either.
#[must_use]
pub fn etag(data: &[u8]) -> String {
    if data.len() <= MD5_BYTES {
        return crate::sigv4::hex(&Md5::digest(data));
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, data);
    crate::sigv4::hex(&digest.as_ref()[..16])
}

/// `x-amz-checksum-sha256` of `data`.
#[must_use]
pub fn sha256_base64(data: &[u8]) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, data).as_ref())
}
