//! `x-amz-content-sha256`: what the signature says of the body (s3-protocol.md 1.3).

use super::signing_key::decode_sha256;
use crate::Denial;

/// The declared payload, with the literal that the canonical request ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentSha256<'a> {
    /// As the client wrote it.
    pub(super) literal: &'a str,
    /// What it means.
    pub(super) kind: PayloadKind,
}

/// The meaning of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PayloadKind {
    Sha256([u8; 32]),
    Unsigned,
    SignedChunks { trailer: bool },
    UnsignedTrailer,
}

impl<'a> ContentSha256<'a> {
    /// The payload of a presigned request that declares none.
    pub(super) const UNSIGNED: ContentSha256<'static> =
        ContentSha256 { literal: "UNSIGNED-PAYLOAD", kind: PayloadKind::Unsigned };

    /// Reads a value: 64 hexadecimal digits or one of the known literals, nothing else (S06).
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Denial> {
        let literal = std::str::from_utf8(value).map_err(|_| Denial::InvalidContentSha256)?;
        let kind = match literal {
            "UNSIGNED-PAYLOAD" => PayloadKind::Unsigned,
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => PayloadKind::SignedChunks { trailer: false },
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => PayloadKind::SignedChunks { trailer: true },
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => PayloadKind::UnsignedTrailer,
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => {
                return Err(Denial::NotImplemented(literal.to_owned()));
            }
            digits => {
                let hash = decode_sha256(digits.as_bytes()).ok_or(Denial::InvalidContentSha256)?;
                PayloadKind::Sha256(hash)
            }
        };
        Ok(Self { literal, kind })
    }

    /// Reads the value of a presigned request, where chunks cannot be signed and are not taken (PRE-3).
    pub(super) fn parse_presigned(value: &'a [u8]) -> Result<Self, Denial> {
        let declared = Self::parse(value)?;
        match declared.kind {
            PayloadKind::Sha256(_) | PayloadKind::Unsigned => Ok(declared),
            PayloadKind::SignedChunks { .. } | PayloadKind::UnsignedTrailer => {
                Err(Denial::NotImplemented(format!("{} in a presigned request", declared.literal)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s06_every_literal_has_one_meaning() {
        let kind = |text: &'static str| ContentSha256::parse(text.as_bytes()).map(|declared| declared.kind);
        assert_eq!(kind("UNSIGNED-PAYLOAD"), Ok(PayloadKind::Unsigned));
        assert_eq!(kind("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Ok(PayloadKind::SignedChunks { trailer: false }));
        assert_eq!(kind("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), Ok(PayloadKind::SignedChunks { trailer: true }));
        assert_eq!(kind("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Ok(PayloadKind::UnsignedTrailer));
        let digits = "0a".repeat(32);
        for digits in [digits.clone(), digits.to_uppercase()] {
            assert_eq!(
                ContentSha256::parse(digits.as_bytes()),
                Ok(ContentSha256 { literal: &digits, kind: PayloadKind::Sha256([10; 32]) })
            );
        }
    }

    #[test]
    fn s06_everything_else_is_refused() {
        for text in
            ["", "unsigned-payload", "STREAMING-UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD ", "0a0a", &"0g".repeat(32)]
        {
            assert_eq!(ContentSha256::parse(text.as_bytes()), Err(Denial::InvalidContentSha256), "{text}");
        }
        assert_eq!(ContentSha256::parse(b"\xff"), Err(Denial::InvalidContentSha256));
        for text in ["STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"] {
            assert_eq!(ContentSha256::parse(text.as_bytes()), Err(Denial::NotImplemented(text.to_owned())));
        }
    }

    #[test]
    fn pre_3_presigned_requests_do_not_stream() {
        for text in ["UNSIGNED-PAYLOAD".to_owned(), "00".repeat(32)] {
            assert!(ContentSha256::parse_presigned(text.as_bytes()).is_ok(), "{text}");
        }
        for text in [
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        ] {
            let denied = ContentSha256::parse_presigned(text.as_bytes());
            assert!(matches!(denied, Err(Denial::NotImplemented(_))), "{text}");
        }
    }
}
