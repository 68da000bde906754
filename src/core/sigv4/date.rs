//! When a request says that it was signed.

use crate::Timestamp;

/// The moment of signing, with the text that goes into the string to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SigningDate {
    /// As a moment.
    pub(super) moment: Timestamp,
    /// `YYYYMMDDTHHMMSSZ`.
    pub(super) text: [u8; 16],
}

impl SigningDate {
    /// Reads `YYYYMMDDTHHMMSSZ`: the form of `x-amz-date` and `X-Amz-Date`.
    pub(super) fn parse_iso(text: &[u8]) -> Option<Self> {
        Some(Self { moment: Timestamp::parse_amz(text)?, text: text.try_into().ok()? })
    }

    /// Reads a `Date` header: the form above, or the IMF-fixdate of RFC 7231, `Fri, 24 May 2013 00:00:00 GMT` (SIG-13).
    pub(super) fn parse_date_header(text: &[u8]) -> Option<Self> {
        Self::parse_iso(text).or_else(|| Self::parse_iso(&iso_of_fixdate(text)?))
    }

    /// `YYYYMMDD`.
    pub(super) fn day(&self) -> &[u8] {
        self.text.first_chunk::<8>().map_or(&[], |day| day)
    }
}

/// Rearranges the digits; whether they are a date is for the caller's parser. The name of the day is not compared with
/// the date: nothing depends on it.
fn iso_of_fixdate(text: &[u8]) -> Option<[u8; 16]> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    const DAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    let &[
        a,
        b,
        c,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ', //
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = text
    else {
        return None;
    };
    let month = MONTHS.into_iter().zip(1_u8..).find_map(|(name, number)| (*name == [m1, m2, m3]).then_some(number))?;
    DAYS.contains(&&[a, b, c]).then_some([
        y1,
        y2,
        y3,
        y4,
        b'0' + month / 10,
        b'0' + month % 10,
        d1,
        d2,
        b'T',
        h1,
        h2,
        n1,
        n2,
        s1,
        s2,
        b'Z',
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sig_13_both_forms_of_a_date_header() {
        let iso = SigningDate::parse_iso(b"20130524T010203Z").unwrap();
        assert_eq!(iso.day(), b"20130524");
        assert_eq!(iso.moment.amz().as_bytes(), iso.text);
        assert_eq!(SigningDate::parse_date_header(b"20130524T010203Z"), Some(iso));
        assert_eq!(SigningDate::parse_date_header(b"Fri, 24 May 2013 01:02:03 GMT"), Some(iso));
        for month in 1..=12 {
            let text = format!("2013{month:02}01T000000Z");
            let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let fixdate = format!("Fri, 01 {} 2013 00:00:00 GMT", names[month - 1]);
            assert_eq!(SigningDate::parse_date_header(fixdate.as_bytes()), SigningDate::parse_iso(text.as_bytes()));
        }
    }

    #[test]
    fn s08_what_is_no_date_is_refused() {
        for text in [
            "Fri, 31 Jun 2013 01:02:03 GMT",
            "Fri, 24 May 2013 01:02:60 GMT",
            "Fri, 24 May 2013 24:00:00 GMT",
            "Fri, 24 May 2013 01:02:03 UTC",
            "Fry, 24 May 2013 01:02:03 GMT",
            "Fri, 24 may 2013 01:02:03 GMT",
            "Fri, 4 May 2013 01:02:03 GMT",
            "Friday, 24-May-13 01:02:03 GMT",
            "2013-05-24T01:02:03Z",
            "٢0130524T01020Z",
            "",
        ] {
            assert_eq!(SigningDate::parse_date_header(text.as_bytes()), None, "{text}");
        }
        assert_eq!(SigningDate::parse_iso(b"Fri, 24 May 2013 01:02:03 GMT"), None, "x-amz-date has one form");
    }
}
