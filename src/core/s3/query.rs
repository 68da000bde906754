//! The query of a request target, decoded once (SIG-5).

use super::decode;
use crate::Denial;

/// Decoded query parameters in the order in which they came. `?delete` and `?delete=` are both `("delete", "")`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Splits on `&`, then on the first `=`; decodes `%XX`; `+` stays a plus; duplicates are kept.
    ///
    /// # Errors
    /// [`Denial::InvalidUri`] for malformed escapes or bytes that are not UTF-8.
    pub fn parse(raw: &[u8]) -> Result<Self, Denial> {
        let mut pairs = Vec::new();
        for piece in raw.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty()) {
            let end = memchr::memchr(b'=', piece).unwrap_or(piece.len());
            let name = piece.get(..end).unwrap_or_default();
            let value = piece.get(end + 1..).unwrap_or_default();
            pairs.push((text(name)?, text(value)?));
        }
        Ok(Self { pairs })
    }

    /// The first value of this exact name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(present, _)| *present == name).map(|(_, value)| value)
    }

    /// All pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn text(raw: &[u8]) -> Result<String, Denial> {
    String::from_utf8(decode(raw)?).map_err(|_| Denial::InvalidUri("the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(raw: &str) -> Vec<(String, String)> {
        Query::parse(raw.as_bytes()).unwrap().pairs
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn sig_5_a_name_without_a_value_is_an_empty_value() {
        assert_eq!(pairs("delete"), pairs("delete="));
        assert_eq!(pairs("delete"), [pair("delete", "")]);
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("&a&&b=&"), [pair("a", ""), pair("b", "")]);
    }

    #[test]
    fn sig_5_only_the_first_equals_sign_and_no_semicolon_separates() {
        assert_eq!(pairs("a=b=c;d"), [pair("a", "b=c;d")]);
        assert_eq!(pairs("=v"), [pair("", "v")]);
    }

    #[test]
    fn sig_5_everything_is_decoded_once_and_plus_stays() {
        assert_eq!(pairs("p%72efix=a%2Fb%252Fc+d%26e"), [pair("prefix", "a/b%2Fc+d&e")]);
    }

    #[test]
    fn sig_5_duplicates_are_kept_in_order() {
        let query = Query::parse(b"a=1&b=2&a=3").unwrap();
        assert_eq!(query.pairs, [pair("a", "1"), pair("b", "2"), pair("a", "3")]);
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("A"), None);
    }

    #[test]
    fn s18_broken_escapes_and_broken_utf_8_are_refused() {
        assert_eq!(Query::parse(b"a=%C3%A9").unwrap().get("a"), Some("\u{e9}"));
        for raw in [&b"a=%"[..], b"a=%zz", b"%4=a", b"a=%C0%AF", b"a=\xff"] {
            assert!(matches!(Query::parse(raw), Err(Denial::InvalidUri(_))), "{raw:?}");
        }
    }
}
