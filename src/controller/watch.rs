//! Waits until a directory has changed and is quiet again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use crate::debounce::Debounce;
use crate::files::{Stamp, stamp};

/// Looks at the files' times this often, for edits that no event tells of (network mounts, links out of the directory, a
/// directory that was replaced). With the quiet time it keeps an edit within one second.
const POLL: Duration = Duration::from_millis(500);

/// The changes of one directory.
#[derive(Debug)]
pub struct Changes {
    dir: PathBuf,
    seen: Option<Stamp>,
    debounce: Debounce,
    next_poll: Instant,
    events: mpsc::Receiver<()>,
    // Kept, so that `events` never ends; and without the watcher there are no events.
    _sender: mpsc::Sender<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Changes {
    /// Begins to watch. Whatever happens from now on is noticed, so call it before the first load. If the system offers
    /// no events (no inotify instances left), polling remains.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        // One place is enough: events carry nothing but "look again".
        let (sender, events) = mpsc::channel(1);
        Self {
            dir: dir.to_owned(),
            seen: stamp(dir).ok(),
            debounce: Debounce::default(),
            next_poll: Instant::now() + POLL,
            events,
            _watcher: watcher(dir, sender.clone())
                .inspect_err(|error| tracing::warn!(%error, dir = %dir.display(), "no file events, polling only"))
                .ok(),
            _sender: sender,
        }
    }

    /// Returns after the next change, when the directory has been quiet for 50 ms (or has not been quiet for 500 ms).
    /// Nothing is lost when it is dropped before that.
    pub async fn settled(&mut self) {
        loop {
            let due = self.debounce.due();
            tokio::select! {
                _ = self.events.recv() => self.debounce.event(Instant::now()),
                () = sleep_until(due.unwrap_or(self.next_poll)) => {
                    let changed = self.look().await;
                    if due.is_some() {
                        self.debounce = Debounce::default();
                        return;
                    }
                    if changed {
                        self.debounce.event(Instant::now());
                    }
                }
            }
        }
    }

    /// Takes note of the files' present state; true when it is another one than before.
    async fn look(&mut self) -> bool {
        let dir = self.dir.clone();
        let now = spawn_blocking(move || stamp(&dir).ok()).await.ok().flatten();
        self.next_poll = Instant::now() + POLL;
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn watcher(dir: &Path, sender: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| may_be_a_change(event.kind)) {
            // Full means that a look is on its way already.
            let _ = sender.try_send(());
        }
    })?;
    watcher.watch(dir, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Reading is no change: our own reading would cause the next one.
fn may_be_a_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
