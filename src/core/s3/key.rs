//! Object keys and key prefixes: exact text, never normalised (SIG-2, P1).

use std::fmt;

use crate::Denial;

/// Longest key that S3 stores, in bytes of UTF-8.
pub(super) const MAX_KEY_BYTES: usize = 1024;

/// A decoded object key: 1 to 1,024 bytes of UTF-8, exactly as the client named it. `a//b`, `a/./b` and `a/../b`
/// are three different keys.
///
/// Source: AWS "Naming Amazon S3 objects" (`object-keys.html`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Parses decoded bytes.
    ///
    /// # Errors
    /// [`Denial::InvalidUri`] when empty or not UTF-8, [`Denial::KeyTooLong`] over 1,024 bytes.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Denial> {
        if bytes.len() > MAX_KEY_BYTES {
            return Err(Denial::KeyTooLong);
        }
        match String::from_utf8(bytes) {
            Ok(key) if !key.is_empty() => Ok(Self(key)),
            Ok(_) => Err(Denial::InvalidUri("the key is empty")),
            Err(_) => Err(Denial::InvalidUri("the key is not UTF-8")),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The literal beginning of keys, possibly empty. `team-a/` covers `team-a/x` and not `team-ab/x` (P05); nothing is a
/// pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// Parses a configured prefix.
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`] over 1,024 bytes.
    pub fn parse(prefix: &str) -> Result<Self, Denial> {
        if prefix.len() > MAX_KEY_BYTES { Err(Denial::KeyTooLong) } else { Ok(Self(prefix.to_owned())) }
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the empty prefix, which covers every key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when every key that begins with `text` lies inside this prefix.
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        text.starts_with(&self.0)
    }

    /// True when some key that begins with `text` may lie inside this prefix.
    #[must_use]
    pub fn overlaps(&self, text: &str) -> bool {
        text.starts_with(&self.0) || self.0.starts_with(text)
    }
}

/// The key, or the beginning of keys, that a backend makes of this text which has no empty segments (`SeaweedFS`: `a//b` is
/// `a/b`, and `/a` is `a`); `None` when it has none itself.
#[must_use]
pub fn without_empty_segments(text: &str) -> Option<String> {
    if !text.starts_with('/') && !text.as_bytes().windows(2).any(|two| two == b"//") {
        return None;
    }
    let mut found = text.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("/");
    if text.ends_with('/') && !found.is_empty() {
        found.push('/');
    }
    Some(found)
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_as_they_are() {
        for key in ["a//b", "a/../b", "./a", "a b+c", "é", "a\u{0}b"] {
            assert_eq!(ObjectKey::parse(key.as_bytes().to_vec()).unwrap().as_str(), key);
        }
    }

    #[test]
    fn p02_the_length_is_counted_in_bytes() {
        assert!(ObjectKey::parse(vec![b'a'; 1024]).is_ok());
        assert_eq!(ObjectKey::parse(vec![b'a'; 1025]), Err(Denial::KeyTooLong));
        assert_eq!(ObjectKey::parse(vec![]), Err(Denial::InvalidUri("the key is empty")));
        assert_eq!(ObjectKey::parse(vec![0xc0, 0xaf]), Err(Denial::InvalidUri("the key is not UTF-8")));
    }

    #[test]
    fn p05_a_prefix_is_literal() {
        let prefix = KeyPrefix::parse("team-a/").unwrap();
        assert!(prefix.covers("team-a/x") && prefix.covers("team-a/../team-b/x"));
        assert!(!prefix.covers("team-ab/x") && !prefix.covers("team-a"));
        assert!(prefix.overlaps("team") && !prefix.overlaps("team-b"));
    }
}
