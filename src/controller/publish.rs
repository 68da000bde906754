//! Load, compile, publish: the only writer of the live table.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use osp_core::model::{HookStates, ProcessRules};
use osp_core::table::Publisher;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::collect::Loaded;
use crate::files::{LoadError, load};
use crate::finding::Finding;
use crate::watch::Changes;

/// Findings that are logged one by one after a change; the rest is a number. `osp check` shows all.
const MAX_LOGGED: usize = 100;

/// What there is to say of the hooks of the process; `None` when nobody looks after them.
pub type HookNews = Option<watch::Receiver<Arc<HookStates>>>;

/// Returns after the next change of a hook; never, if there is none to come.
pub(crate) async fn changed(hooks: &mut HookNews) {
    if let Some(hooks) = hooks
        && hooks.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// What became of the directory's present contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new table is in force.
    Applied(Applied),
    /// The directory says what is in force already.
    Unchanged,
    /// Refused as a whole; what was in force stays.
    Refused(LoadError),
}

/// A table that was put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Of the table: equal on every replica with the same documents.
    pub fingerprint: u64,
    /// Number of buckets that are served.
    pub served: usize,
    /// Number of buckets that answer 503.
    pub broken: usize,
    /// Everything that is wrong, sorted by file and document.
    pub findings: Vec<Finding>,
}

/// Keeps the live table in step with a directory. Owns the [`Publisher`]: nobody else writes (law 4).
#[derive(Debug)]
pub struct Configurator {
    dir: PathBuf,
    process: ProcessRules,
    publisher: Publisher,
    hooks: HookNews,
    in_force: Option<(Loaded, Vec<Finding>)>,
}

impl Configurator {
    /// Nothing is read or published yet.
    #[must_use]
    pub fn new(dir: PathBuf, process: ProcessRules, publisher: Publisher) -> Self {
        Self { dir, process, publisher, hooks: None, in_force: None }
    }

    /// Hears of hooks from now on: what routes say of them depends on it.
    #[must_use]
    pub fn with_hooks(self, hooks: HookNews) -> Self {
        Self { hooks, ..self }
    }

    /// Reads the directory and publishes what it says, unless that is in force already. Blocks while it reads. The
    /// outcome is logged.
    pub fn reload(&mut self) -> Outcome {
        if let Some(hooks) = &mut self.hooks {
            self.process.hooks = Some(Arc::clone(&hooks.borrow_and_update()));
        }
        let loaded = match load(&self.dir, &self.process) {
            Ok(loaded) => loaded,
            Err(error) => {
                for problem in &error.errors {
                    tracing::error!(%problem, "configuration refused, what was in force stays");
                }
                return Outcome::Refused(error);
            }
        };
        if self.in_force.as_ref().is_some_and(|(before, _)| *before == loaded) {
            tracing::debug!("configuration unchanged");
            return Outcome::Unchanged;
        }
        let compiled = loaded.compile();
        let findings = loaded.findings_with(&compiled.rejections);
        let applied = Applied {
            fingerprint: compiled.table.fingerprint(),
            served: compiled.table.routes().count(),
            broken: compiled.table.broken().count(),
            findings: findings.clone(),
        };
        self.publisher.publish(compiled.table);
        self.log(&applied);
        self.in_force = Some((loaded, findings));
        Outcome::Applied(applied)
    }

    /// Reloads now and after every change, and tells each outcome. Ends only when the runtime does.
    ///
    /// # Panics
    /// Passes on a panic of [`Configurator::reload`], so that whoever watches this task can end the process.
    pub async fn run(mut self, mut tell: impl FnMut(&Outcome) + Send) {
        // Before the first load, so that no edit falls between them.
        let mut changes = Changes::of(&self.dir);
        loop {
            let reloaded = spawn_blocking(move || {
                let outcome = self.reload();
                (self, outcome)
            });
            match reloaded.await {
                Ok((configurator, outcome)) => {
                    self = configurator;
                    tell(&outcome);
                }
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return,
                },
            }
            tokio::select! {
                () = changes.settled() => {}
                () = changed(&mut self.hooks) => {}
            }
        }
    }

    /// The summary, and the findings that were not there before.
    fn log(&self, applied: &Applied) {
        let Applied { fingerprint, served, broken, findings } = applied;
        tracing::info!(
            fingerprint = format!("{fingerprint:016x}"),
            served,
            broken,
            problems = findings.len(),
            "configuration applied"
        );
        let before: BTreeSet<&Finding> = self.in_force.iter().flat_map(|(_, findings)| findings).collect();
        for finding in findings.iter().filter(|finding| !before.contains(finding)).take(MAX_LOGGED) {
            tracing::warn!(problem = %finding, "configuration problem");
        }
    }
}

#[cfg(test)]
mod tests;
