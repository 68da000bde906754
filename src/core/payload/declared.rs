//! What the head says of the body, read once and made into types; nothing is proved here.

use crate::Denial;
use crate::s3::Body;

use super::ChecksumAlgorithm;

/// Headers under `x-amz-checksum-` that carry no value of a checksum.
const NOT_VALUES: [&str; 3] = ["mode", "type", "algorithm"];

/// What the head says of the body.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) body: Body,
    /// Bytes of the body on the wire; `None` for chunked transfer coding and HTTP/2 without a length.
    pub(super) content_length: Option<u64>,
    /// `x-amz-decoded-content-length`.
    pub(super) decoded_length: Option<u64>,
    /// `x-amz-checksum-*`, in the order in which they came; more than one is wrong.
    pub(super) checksums: Vec<(ChecksumAlgorithm, Vec<u8>)>,
    pub(super) content_md5: Option<Vec<u8>>,
    /// `x-amz-sdk-checksum-algorithm`.
    pub(super) named_algorithm: Option<Vec<u8>>,
    /// The names that `x-amz-trailer` announces.
    pub(super) trailers: Vec<String>,
    /// `content-encoding` has the token `aws-chunked`.
    pub(super) aws_chunked: bool,
}

impl Declared {
    /// Reads headers with lower-case names.
    ///
    /// # Errors
    /// [`Denial::DuplicateHeader`], [`Denial::InvalidArgument`] for a length that is no number, and the errors of
    /// [`ChecksumAlgorithm::named`].
    pub(super) fn read<'h>(
        body: Body,
        content_length: Option<u64>,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<Self, Denial> {
        let mut declared = Self::new(body, content_length);
        for (name, value) in headers {
            declared.header(name, value.trim_ascii())?;
        }
        Ok(declared)
    }

    fn new(body: Body, content_length: Option<u64>) -> Self {
        Self {
            body,
            content_length,
            decoded_length: None,
            checksums: Vec::new(),
            content_md5: None,
            named_algorithm: None,
            trailers: Vec::new(),
            aws_chunked: false,
        }
    }

    fn header(&mut self, name: &str, value: &[u8]) -> Result<(), Denial> {
        match name {
            "x-amz-decoded-content-length" => set(&mut self.decoded_length, name, length(name, value)?),
            "content-md5" => set(&mut self.content_md5, name, value.to_vec()),
            "x-amz-sdk-checksum-algorithm" => set(&mut self.named_algorithm, name, value.to_vec()),
            "x-amz-trailer" => {
                self.trailers.extend(tokens(value));
                Ok(())
            }
            "content-encoding" => {
                self.aws_chunked |= tokens(value).any(|token| token == "aws-chunked");
                Ok(())
            }
            _ => self.checksum(name, value),
        }
    }

    fn checksum(&mut self, name: &str, value: &[u8]) -> Result<(), Denial> {
        match name.strip_prefix("x-amz-checksum-") {
            Some(algorithm) if !NOT_VALUES.contains(&algorithm) => {
                self.checksums.push((ChecksumAlgorithm::named(algorithm)?, value.to_vec()));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The items of a comma-separated list, in lower case. Bytes that are no text stay wrong names, never none.
fn tokens(value: &[u8]) -> impl Iterator<Item = String> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
        .map(|token| String::from_utf8_lossy(token).to_ascii_lowercase())
}

fn set<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Denial> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Denial::DuplicateHeader(name.to_owned())),
    }
}

/// Decimal digits and nothing else; 64 bits, because objects outgrow 32 (CH-2).
fn length(name: &str, value: &[u8]) -> Result<u64, Denial> {
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok());
    number.ok_or_else(|| Denial::InvalidArgument(format!("The header {name} is not a number of bytes.")))
}
