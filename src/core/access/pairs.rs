//! Names with values, all in one piece of memory: what most requests with hooks make and nobody keeps.

use std::fmt;

/// Names with values, in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pairs {
    text: String,
    /// Where each name and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Pairs {
    /// None yet, with room for so many, and so many bytes.
    #[must_use]
    pub fn with_capacity(pairs: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(pairs) }
    }

    /// One more.
    pub fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let end = self.text.len();
        self.text.push_str(value);
        self.ends.push((end, self.text.len()));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut begin = 0;
        self.ends.iter().map(move |&(name, value)| {
            let from = std::mem::replace(&mut begin, value);
            let part = |from, to| self.text.get(from..to).unwrap_or_default();
            (part(from, name), part(name, value))
        })
    }

    /// The first value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(present, _)| *present == name).map(|(_, value)| value)
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut all = Self::default();
        pairs.into_iter().for_each(|(name, value)| all.push(name.as_ref(), value.as_ref()));
        all
    }
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_as_they_came() {
        let given = [("b", "1"), ("", "x"), ("a", ""), ("b", "2")];
        let pairs: Pairs = given.into_iter().collect();
        assert_eq!(pairs.iter().collect::<Vec<_>>(), given);
        assert_eq!((pairs.get("b"), pairs.get("a"), pairs.get("c")), (Some("1"), Some(""), None));
        assert_ne!(pairs, [("b1", ""), ("", "x"), ("a", ""), ("b", "2")].into_iter().collect());
    }
}
