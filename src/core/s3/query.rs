//! The query of a request target, decoded once (SIG-5).

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
    pub fn parse(_raw: &[u8]) -> Result<Self, Denial> {
        todo!()
    }

    /// The first value of this exact name.
    #[must_use]
    pub fn get(&self, _name: &str) -> Option<&str> {
        todo!()
    }

    /// All pairs.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
