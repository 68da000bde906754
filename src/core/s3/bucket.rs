//! Bucket names as clients see them.

use std::fmt;
use std::sync::Arc;

use crate::Denial;

/// A client-facing bucket name: 3 to 63 bytes of `a-z 0-9 . -`, beginning and ending with a letter or digit, no two
/// dots in a row, not shaped like an IPv4 address, without the prefixes and suffixes that AWS reserves (they switch
/// SDKs to other protocols).
///
/// Source: AWS "General purpose bucket naming rules" (`bucketnamingrules.html`). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(Arc<str>);

const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

impl BucketName {
    /// Parses a decoded name.
    ///
    /// # Errors
    /// [`Denial::InvalidBucketName`] when the name breaks the grammar above.
    pub fn parse(name: &str) -> Result<Self, Denial> {
        let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = name.as_bytes();
        let well_formed = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
            && edge(bytes.first())
            && edge(bytes.last())
            && !name.contains("..")
            && name.parse::<std::net::Ipv4Addr>().is_err()
            && !RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !RESERVED_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        if well_formed { Ok(Self(name.into())) } else { Err(Denial::InvalidBucketName) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for BucketName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_s3_accepts() {
        for name in ["abc", "a-b.c", "0ab", "a23456789012345678901234567890123456789012345678901234567890123"] {
            assert_eq!(BucketName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn p04_names_that_s3_refuses() {
        let long = "a".repeat(64);
        for name in [
            "",
            "ab",
            &long,
            "Abc",
            "a..b",
            "-ab",
            "ab-",
            ".ab",
            "a_b",
            "10.0.0.1",
            "a%2e",
            "xn--abc",
            "abc--x-s3",
            "ab/c",
        ] {
            assert_eq!(BucketName::parse(name), Err(Denial::InvalidBucketName), "{name}");
        }
    }
}
