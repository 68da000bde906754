//! How an answer can be spoiled.

use std::time::Duration;

use crate::request::{Asked, Verb};

/// What happens instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An answer with this status and a `Status` body: 403, 410, 500.
    Status(u16),
    /// Of a watch: 200, and then an ERROR event with code 410, as the real server does.
    GoneEvent,
    /// No answer, ever: a connection whose other end is gone.
    Stall,
    /// The head and half of the body of a LIST, and then nothing.
    StallBody,
    /// The answer, compressed although nobody asked for that, as a proxy in between may do.
    Compressed,
    /// Of a watch: this line instead of its first event.
    Garbled(&'static str),
    /// The answer, after this time.
    Slow(Duration),
    /// No connection.
    Refuse,
}

/// Which answers are spoiled.
#[derive(Debug, Clone)]
pub struct Rule {
    verb: Option<Verb>,
    plural: Option<String>,
    namespace: Option<String>,
    left: usize,
    fault: Fault,
}

impl Rule {
    /// Every answer, for ever.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { verb: None, plural: None, namespace: None, left: usize::MAX, fault }
    }

    /// Only of this verb.
    #[must_use]
    pub fn verb(self, verb: Verb) -> Self {
        Self { verb: Some(verb), ..self }
    }

    /// Only of this resource.
    #[must_use]
    pub fn of(self, plural: &str) -> Self {
        Self { plural: Some(plural.to_owned()), ..self }
    }

    /// Only in this namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// Only so many times.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { left: times, ..self }
    }

    pub(crate) fn strike(&mut self, asked: &Asked) -> Option<Fault> {
        let hits = self.left > 0
            && self.verb.is_none_or(|verb| verb == asked.verb)
            && self.plural.as_ref().is_none_or(|plural| *plural == asked.plural)
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == asked.namespace);
        if !hits {
            return None;
        }
        self.left -= 1;
        Some(self.fault)
    }
}
