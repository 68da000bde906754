//! What is known of every file: which text is in force, and what is wrong with the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use osp_core::model::{HookName, HookState, HookStates};

use crate::directory::Files;
use crate::id::Revision;
use crate::plan::{Plan, Planned, Refusals, Text};

/// How often a text is tried that does not load in time: the machine may have been busy. One that raises is tried once.
const ATTEMPTS: u32 = 3;

/// What reloading remembers from one time to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: Option<Files>,
    /// Another attempt at the same files makes sense.
    is_open: bool,
    attempts: u32,
    revisions: u64,
    /// Of every file, the text that was seen last: a text keeps its revision until there is another one.
    texts: BTreeMap<HookName, Text>,
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
        let of_one = |(id, text): (&HookName, &Result<Arc<str>, String>)| {
            let new = text.as_ref().ok().and_then(|_| self.texts.get(id));
            let old = in_force.find(id).map(|(_, hook)| &hook.text);
            let old = old.filter(|old| new.is_none_or(|new| new.revision != old.revision));
            new.into_iter().chain(old).cloned().collect::<Vec<_>>()
        };
        files.hooks.iter().map(of_one).filter(|texts| !texts.is_empty()).collect()
    }

    /// Takes note of what has come of these files.
    pub(crate) fn conclude(&mut self, files: Files, in_force: &Plan, refused: &Refusals) -> HookStates {
        let of_one = |(id, text): (&HookName, &Result<Arc<str>, String>)| {
            let newest = self.texts.get(id).map(|text| text.revision);
            (id.clone(), state(text, newest, in_force.find(id).map(|(_, hook)| hook), refused))
        };
        let states: HookStates = files.hooks.iter().map(of_one).collect();
        self.attempts += 1;
        self.is_open = self.attempts < ATTEMPTS && refused.values().any(|refusal| refusal.is_late);
        self.seen = Some(files);
        states
    }
}

/// What there is to say of one hook.
fn state(
    text: &Result<Arc<str>, String>,
    newest: Option<Revision>,
    in_force: Option<&Planned>,
    refused: &Refusals,
) -> HookState {
    let refusal = newest.and_then(|revision| refused.get(&revision)).map(|refusal| refusal.why.clone());
    let why = match text {
        Err(why) => Some(why.clone()),
        Ok(_) if in_force.map(|hook| hook.text.revision) == newest => None,
        Ok(_) => Some(refusal.unwrap_or_else(|| "waits for another hook, which does not load any more".to_owned())),
    };
    match (in_force.map(Planned::callables), why) {
        (Some(callables), None) => HookState::Current { callables },
        (Some(callables), Some(why)) => HookState::Stale { callables, why },
        (None, why) => HookState::Invalid { why: why.unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests;
