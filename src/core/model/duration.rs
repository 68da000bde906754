//! Durations as Kubernetes writes them (GEP-2257): `5s`, `1m30s`, `250ms`.

use std::time::Duration;

/// Unit and milliseconds, largest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Digits per number, and so the size of the largest duration (GEP-2257).
const MOST_DIGITS: usize = 5;
/// Numbers with their units in one duration (GEP-2257).
const MOST_PARTS: usize = 4;

/// Parses one to four numbers of at most five digits, each with a unit of `h`, `m`, `s`, `ms`.
///
/// # Errors
/// A sentence that says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    milliseconds(text)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is no duration (such as 5s, 1m30s or 250ms)"))
}

/// The shortest text that [`parse_duration`] reads back; parts of a millisecond are dropped.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, size) in UNITS {
        let count = rest / u128::from(size);
        rest %= u128::from(size);
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0_u64;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let size = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        if number.len() > MOST_DIGITS {
            return None;
        }
        sum += number.parse::<u64>().ok()? * size;
        parts += 1;
        rest = tail;
    }
    (1..=MOST_PARTS).contains(&parts).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_mean_what_gep_2257_says() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("5s", 5_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("1h1m1s1ms", 3_661_001),
            ("99999s", 99_999_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "5", "s", "-5s", "5 s", "1.5s", "5us", "5S", "100000s", "1s1s1s1s1s", "5s ", "٥s"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn formatting_reads_back() {
        for milliseconds in [0, 1, 999, 1_000, 60_000, 90_000, 315_000, 3_600_001] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
        assert_eq!(format_duration(Duration::from_secs(315)), "5m15s");
    }
}
