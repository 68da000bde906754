//! What is known of every file: which text is in force, and what is wrong with the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::directory::Files;
use crate::id::{Callable, HookId, Revision};
use crate::plan::{Plan, Planned, Refusals, Text};

/// How often a text is tried that does not load in time: the machine may have been busy. One that raises is tried once.
const ATTEMPTS: u32 = 3;

/// What there is to say of every hook.
pub type States = BTreeMap<HookId, State>;

/// What there is to say of one hook: for the conditions of the routes that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The text in the directory is in force.
    Current {
        /// The functions that it defines.
        callables: Vec<Callable>,
    },
    /// An older text is in force, because the one in the directory does not load.
    Stale {
        /// The functions that the older text defines.
        callables: Vec<Callable>,
        /// What is wrong with the new one.
        why: String,
    },
    /// No text has ever loaded: every question is answered with no.
    Invalid {
        /// What is wrong with it.
        why: String,
    },
}

/// What reloading remembers from one time to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: Option<Files>,
    /// Another attempt at the same files makes sense.
    is_open: bool,
    attempts: u32,
    revisions: u64,
    /// Of every file, the text that was seen last: a text keeps its revision until there is another one.
    texts: BTreeMap<HookId, Text>,
}

impl Memory {
    /// There is something to try.
    pub(crate) fn is_news(&mut self, files: &Files) -> bool {
        let is_new = self.seen.as_ref() != Some(files);
        if is_new {
            self.attempts = 0;
        }
        is_new || self.is_open
    }

    /// Of every file its text, and after it the one in force, if that is another one. A file that cannot be read leaves
    /// the one in force; a file that has gone leaves nothing.
    pub(crate) fn wanted(&mut self, dir: &Path, files: &Files, in_force: &Plan) -> Vec<Vec<Text>> {
        self.texts.retain(|id, _| files.hooks.contains_key(id));
        for (id, text) in &files.hooks {
            let Ok(text) = text else { continue };
            if self.texts.get(id).is_some_and(|last| last.text == *text) {
                continue;
            }
            let back = in_force.find(id).map(|(_, hook)| &hook.text).filter(|old| old.text == *text).cloned();
            let seen = back.unwrap_or_else(|| {
                self.revisions += 1;
                let path = dir.join(format!("{id}.py")).display().to_string();
                Text { id: id.clone(), revision: Revision(self.revisions), path, text: Arc::clone(text) }
            });
            self.texts.insert(id.clone(), seen);
        }
        let of_one = |(id, text): (&HookId, &Result<Arc<str>, String>)| {
            let new = text.as_ref().ok().and_then(|_| self.texts.get(id));
            let old = in_force.find(id).map(|(_, hook)| &hook.text);
            let old = old.filter(|old| new.is_none_or(|new| new.revision != old.revision));
            new.into_iter().chain(old).cloned().collect::<Vec<_>>()
        };
        files.hooks.iter().map(of_one).filter(|texts| !texts.is_empty()).collect()
    }

    /// Takes note of what has come of these files.
    pub(crate) fn conclude(&mut self, files: Files, in_force: &Plan, refused: &Refusals) -> States {
        let state = |(id, text): (&HookId, &Result<Arc<str>, String>)| {
            let newest = self.texts.get(id).map(|text| text.revision);
            (id.clone(), State::new(text, newest, in_force.find(id).map(|(_, hook)| hook), refused))
        };
        let states: States = files.hooks.iter().map(state).collect();
        self.attempts += 1;
        self.is_open = self.attempts < ATTEMPTS && refused.values().any(|refusal| refusal.is_late);
        self.seen = Some(files);
        states
    }
}

impl State {
    pub(crate) const LABELS: [&str; 3] = ["current", "stale", "invalid"];

    /// Value of the `state` label of metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Current { .. } => "current",
            Self::Stale { .. } => "stale",
            Self::Invalid { .. } => "invalid",
        }
    }

    fn new(
        text: &Result<Arc<str>, String>,
        newest: Option<Revision>,
        in_force: Option<&Planned>,
        refused: &Refusals,
    ) -> Self {
        let refusal = newest.and_then(|revision| refused.get(&revision)).map(|refusal| refusal.why.clone());
        let why = match text {
            Err(why) => Some(why.clone()),
            Ok(_) if in_force.map(|hook| hook.text.revision) == newest => None,
            Ok(_) => Some(refusal.unwrap_or_else(|| "waits for another hook, which does not load any more".to_owned())),
        };
        match (in_force.map(Planned::callables), why) {
            (Some(callables), None) => Self::Current { callables },
            (Some(callables), Some(why)) => Self::Stale { callables, why },
            (None, why) => Self::Invalid { why: why.unwrap_or_default() },
        }
    }
}

#[cfg(test)]
mod tests;
