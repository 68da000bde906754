//! What hooks print, as lines of the gateway's log: not more than it can bear, and without the secrets that hooks are
//! given in their environment.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::python::output::Record;
use crate::settings::MAX_LINES_PER_SECOND;

/// Shorter values of the environment are words, not secrets: hiding them would garble the log.
const MIN_SECRET: usize = 8;

/// Writes the lines of one worker.
#[derive(Debug)]
pub(crate) struct Log {
    hidden: Arc<[String]>,
    window: Instant,
    lines: u32,
}

/// The values of an environment that must not be in a log.
pub(crate) fn hidden(environment: &BTreeMap<String, String>) -> Arc<[String]> {
    environment.values().filter(|value| value.len() >= MIN_SECRET).cloned().collect()
}

impl Log {
    pub(crate) fn new(hidden: Arc<[String]>) -> Self {
        Self { hidden, window: Instant::now(), lines: 0 }
    }

    /// One record, with the name of its hook.
    pub(crate) fn write(&mut self, hook: &str, record: &Record) {
        if !self.has_room() {
            return;
        }
        let text = self.redacted(&record.text);
        let Record { level, logger, .. } = record;
        match level {
            40.. => tracing::error!(target: "osp::hook", hook, logger, "{text}"),
            30.. => tracing::warn!(target: "osp::hook", hook, logger, "{text}"),
            20.. => tracing::info!(target: "osp::hook", hook, logger, "{text}"),
            _ => tracing::debug!(target: "osp::hook", hook, logger, "{text}"),
        }
    }

    /// Text of a hook that ends in another line of the log.
    pub(crate) fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        redacted(&self.hidden, text)
    }

    fn has_room(&mut self) -> bool {
        if self.window.elapsed() >= Duration::from_secs(1) {
            if let Some(dropped) = self.lines.checked_sub(MAX_LINES_PER_SECOND).filter(|dropped| *dropped > 0) {
                tracing::warn!(target: "osp::hook", dropped, "hooks print too much");
            }
            self.window = Instant::now();
            self.lines = 0;
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= MAX_LINES_PER_SECOND
    }
}

/// A text without the values of the environment.
pub(crate) fn redacted<'a>(hidden: &[String], text: &'a str) -> Cow<'a, str> {
    hidden.iter().fold(Cow::Borrowed(text), |text, secret| {
        if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), "[redacted]")) } else { text }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // issue 6, hook matrix: prints secrets
    #[test]
    fn values_of_the_environment_are_not_logged_and_words_are() {
        let environment = [("KEY", "sup3rs3cret"), ("REGION", "eu")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let hidden = hidden(&environment.into());
        assert_eq!(redacted(&hidden, "key sup3rs3cret of eu"), "key [redacted] of eu");
    }

    #[test]
    fn no_more_lines_than_a_log_can_bear() {
        let mut log = Log::new(Arc::from([]));
        let passed = (0..MAX_LINES_PER_SECOND * 3).filter(|_| log.has_room()).count();
        assert!(passed <= MAX_LINES_PER_SECOND as usize * 2, "{passed} lines, at most one second later");
    }
}
