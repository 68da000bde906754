//! Time as an argument: seconds since the Unix epoch, and the three text forms that S3 uses.

/// A moment in UTC, in whole seconds since 1970-01-01T00:00:00Z. Never read from a clock in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The first is that of the epoch.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month and day, hour, minute and second of a [`Timestamp`] in UTC.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
}

impl Timestamp {
    /// From seconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// This moment moved by `seconds`; saturates at the ends of the range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Parses `YYYYMMDDTHHMMSSZ`, the form of `x-amz-date`. ASCII digits only; the calendar day must exist.
    #[must_use]
    pub fn parse_amz(text: &[u8]) -> Option<Self> {
        let [digits @ .., b'Z'] = text else { return None };
        if digits.len() != 15 || digits.get(8) != Some(&b'T') {
            return None;
        }
        let number = |from: usize, to: usize| {
            digits
                .get(from..to)?
                .iter()
                .try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let moment = Self(days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second);
        let back = moment.civil();
        (back.year == year && back.month == month && back.day == day).then_some(moment)
    }

    /// Parses `Sun, 06 Nov 1994 08:49:37 GMT`, the one form of dates that HTTP allows to be sent (RFC 9110, IMF-fixdate). The
    /// weekday is not compared.
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let (weekday, rest) = text.split_once(", ")?;
        let mut words = rest.split(' ');
        let mut word = |length: usize| words.next().filter(|word| word.len() == length);
        let (day, month, year, clock, zone) = (word(2)?, word(3)?, word(4)?, word(8)?, word(3)?);
        if !DAYS.contains(&weekday) || zone != "GMT" || words.next().is_some() {
            return None;
        }
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let mut clock = clock.split(':').filter(|part| part.len() == 2);
        let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next()?);
        Self::parse_amz(format!("{year}{month:02}{day}T{hour}{minute}{second}Z").as_bytes())
    }

    /// Parses `YYYY-MM-DDTHH:MM:SSZ`, the form of Kubernetes' times (RFC 3339, whole seconds, UTC).
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        let bytes = text.as_bytes();
        if bytes.len() != 20 || separators.iter().any(|(at, separator)| bytes.get(*at) != Some(separator)) {
            return None;
        }
        let is_separator = |at: usize| separators.iter().any(|(place, _)| *place == at);
        let compact: Vec<u8> =
            bytes.iter().enumerate().filter(|(at, _)| !is_separator(*at)).map(|(_, byte)| *byte).collect();
        Self::parse_amz(&compact)
    }

    /// `YYYYMMDDTHHMMSSZ`, the form of `x-amz-date`.
    #[must_use]
    pub fn amz(self) -> String {
        let civil = self.civil();
        let ([y1, y2], [y3, y4], [o1, o2], [d1, d2]) = civil.date_digits();
        let ([h1, h2], [m1, m2], [s1, s2]) = civil.clock_digits();
        text(&[y1, y2, y3, y4, o1, o2, d1, d2, b'T', h1, h2, m1, m2, s1, s2, b'Z'])
    }

    /// `YYYYMMDD`, the date of a credential scope.
    #[must_use]
    pub fn scope_date(self) -> String {
        let ([y1, y2], [y3, y4], [o1, o2], [d1, d2]) = self.civil().date_digits();
        text(&[y1, y2, y3, y4, o1, o2, d1, d2])
    }

    /// `YYYY-MM-DDTHH:MM:SS.000Z`, the form of dates in S3 XML bodies.
    #[must_use]
    pub fn iso8601(self) -> String {
        let civil = self.civil();
        let ([y1, y2], [y3, y4], [o1, o2], [d1, d2]) = civil.date_digits();
        let ([h1, h2], [m1, m2], [s1, s2]) = civil.clock_digits();
        text(&[
            y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', b'0', b'0',
            b'0', b'Z',
        ])
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of the `Date` header (RFC 9110, IMF-fixdate).
    #[must_use]
    pub fn imf_fixdate(self) -> String {
        let c = self.civil();
        let (h, m, s) = c.clock();
        let name = |names: &[&'static str], index: i64| {
            usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
        };
        let weekday = name(&DAYS, self.0.div_euclid(86_400).rem_euclid(7));
        let month = name(&MONTHS, c.month - 1);
        format!("{weekday}, {:02} {month} {:04} {h:02}:{m:02}:{s:02} GMT", c.day, c.year)
    }

    fn civil(self) -> Civil {
        let days = self.0.div_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        Civil { year, month, day, second_of_day: self.0.rem_euclid(86_400) }
    }
}

impl Civil {
    /// Century, year within it, month and day.
    fn date_digits(&self) -> ([u8; 2], [u8; 2], [u8; 2], [u8; 2]) {
        (two_digits(self.year / 100 % 100), two_digits(self.year % 100), two_digits(self.month), two_digits(self.day))
    }

    /// Hour, minute and second.
    fn clock_digits(&self) -> ([u8; 2], [u8; 2], [u8; 2]) {
        let (hour, minute, second) = self.clock();
        (two_digits(hour), two_digits(minute), two_digits(second))
    }

    fn clock(&self) -> (i64, i64, i64) {
        (self.second_of_day / 3_600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }
}

/// A number below 100: every request writes dates, and `format!` costs ten times as much.
fn two_digits(number: i64) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or(0);
    [b'0' + number / 10, b'0' + number % 10]
}

fn text(ascii: &[u8]) -> String {
    std::str::from_utf8(ascii).unwrap_or_default().to_owned()
}

/// Days since the epoch of a proleptic Gregorian date (month 1..=12), counted in 400-year eras that start in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_the_published_example_date() {
        let t = Timestamp::parse_amz(b"20130524T000000Z").unwrap();
        assert_eq!(t.unix_seconds(), 1_369_353_600);
        assert_eq!(t.amz(), "20130524T000000Z");
        assert_eq!(t.scope_date(), "20130524");
        assert_eq!(t.iso8601(), "2013-05-24T00:00:00.000Z");
        assert_eq!(t.imf_fixdate(), "Fri, 24 May 2013 00:00:00 GMT");
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for day in 0..146_097 {
            let t = Timestamp::from_unix_seconds(day * 86_400 + 86_399);
            assert_eq!(Timestamp::parse_amz(t.amz().as_bytes()), Some(t));
        }
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in [
            "20130230T000000Z",
            "20131301T000000Z",
            "20130524T240000Z",
            "20130524T000060Z",
            "2013052４T000000Z",
            "20130524T000000",
            "",
        ] {
            assert_eq!(Timestamp::parse_amz(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn dates_of_http_are_read_as_they_are_written() {
        for seconds in [0, 784_111_777, 1_767_225_600, 1_709_164_799] {
            let moment = Timestamp::from_unix_seconds(seconds);
            assert_eq!(Timestamp::parse_http(&moment.imf_fixdate()), Some(moment));
        }
        assert_eq!(
            Timestamp::parse_http("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Timestamp::from_unix_seconds(784_111_777))
        );
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:4937: GMT",
            "Xxx, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(Timestamp::parse_http(text), None, "{text}");
        }
    }

    #[test]
    fn kubernetes_times_are_read() {
        let expected = Timestamp::parse_amz(b"20261121T100000Z");
        assert!(expected.is_some());
        assert_eq!(Timestamp::parse_rfc3339("2026-11-21T10:00:00Z"), expected);
        for text in [
            "",
            "2026-11-21T10:00:00",
            "2026-11-21 10:00:00Z",
            "2026-11-21T10:00:00.0Z",
            "2026-02-30T10:00:00Z",
            "2026-11-21T10:00:00+00:00",
            "20261121T100000Z",
            "2026_11-21T10:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }
}
