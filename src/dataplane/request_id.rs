//! Request ids: unique per process start and request, without asking for randomness on the request path.

use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids of 16 upper-case hexadecimal digits, the form of `x-amz-request-id`.
#[derive(Debug)]
pub struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that differ from those of any other `seed` (randomness is an argument).
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }

    /// A random number, for what has to be spread and not to be secret.
    #[must_use]
    pub fn random(&self) -> u64 {
        let mut bits = self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// The next id. A bijection of the counter, so no id comes twice; spread so that ids do not look consecutive.
    pub fn next(&self) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let spread = (count ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let id = spread ^ (spread >> 32);
        // digit by digit: `format!` costs several times as much
        let digits = id.to_be_bytes().map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
        String::from_utf8_lossy(digits.as_flattened()).into_owned()
    }
}

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'A' - 10 + value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_of_one_form() {
        let ids = RequestIds::new(7);
        let all: std::collections::HashSet<String> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
