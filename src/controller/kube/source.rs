//! The loop: what watches tell goes into the store, and when it is quiet again, a new table is put in force.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use osp_core::table::Publisher;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::client::Cluster;
use super::farewell::{Statuses, Stop};
use super::following::Following;
use super::metrics::Metrics;
use super::status::Board;
use super::{Applied, Settings, WallClock};
use crate::publish::{HookNews, changed};

/// Messages on their way from all watches; a full queue slows the reading of watches and loses nothing.
pub(super) const QUEUE: usize = 1024;
/// Ages, forbidden scopes and the snapshot on disk are looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// The API server as the source of the table. Owns the [`Publisher`]: nobody else writes (law 4).
pub struct Source {
    pub(super) settings: Settings,
    pub(super) publisher: Publisher,
    pub(super) metrics: Metrics,
    pub(super) wall: WallClock,
    pub(super) hooks: HookNews,
}

impl Source {
    /// Nothing is asked or published yet.
    #[must_use]
    pub fn new(settings: Settings, publisher: Publisher, metrics: Metrics, wall: WallClock) -> Self {
        Self { settings, publisher, metrics, wall, hooks: None }
    }

    /// Hears of hooks from now on: what routes say of them depends on it.
    #[must_use]
    pub fn with_hooks(self, hooks: HookNews) -> Self {
        Self { hooks, ..self }
    }

    /// Follows the cluster, and tells each table. Ends only when the cluster cannot even be tried, or when a part of this
    /// has ended that must not.
    ///
    /// # Panics
    /// Passes on a panic of any part, so that whoever watches this task can end the process.
    pub async fn run(self, cluster: Cluster, stop: Stop, tell: impl FnMut(&Applied) + Send) {
        match cluster.client() {
            Ok(client) => self.follow(client, stop, tell).await,
            Err(error) => tracing::error!(%error, "no connection to the API server is possible"),
        }
    }

    /// The same over a client that exists.
    pub(super) async fn follow(mut self, client: Client, stop: Stop, mut tell: impl FnMut(&Applied) + Send) {
        let (messages, mut inbox) = mpsc::channel(QUEUE);
        let mut hooks = self.hooks.take();
        if let Some(hooks) = &mut hooks {
            self.settings.process.hooks = Some(Arc::clone(&hooks.borrow_and_update()));
        }
        let board = Arc::new(Board::default());
        let mut statuses = Statuses::start(&self.settings, &client, &board, (&self.metrics, &self.wall), stop);
        let mut following = Following::new(self, client, board, messages);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = following.due();
            tokio::select! {
                Some(message) = inbox.recv() => following.hear(message),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    let Some(applied) = following.rebuild().await else { return };
                    tell(&applied);
                }
                () = changed(&mut hooks) => {
                    if let Some(hooks) = &hooks {
                        following.hear_of_hooks(Arc::clone(&hooks.borrow()));
                    }
                }
                _ = look.tick() => {
                    if let Some(applied) = following.look().await {
                        tell(&applied);
                    }
                }
                ended = following.tasks.join_next(), if !following.tasks.is_empty() => {
                    if stopped(ended) {
                        tracing::error!("a watch ended for good: nobody would see what changes there");
                        return;
                    }
                }
                () = statuses.ended() => return,
            }
        }
    }
}

/// True when a watch has ended on its own, which it must not; one that was closed may.
fn stopped(ended: Option<Result<(), JoinError>>) -> bool {
    match ended {
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Some(Err(_)) | None => false,
        Some(Ok(())) => true,
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn k_ctl_1_a_watch_that_ends_on_its_own_ends_the_source_and_one_that_is_closed_does_not() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        assert!(stopped(tasks.join_next().await));
        tasks.spawn(std::future::pending()).abort();
        assert!(!stopped(tasks.join_next().await));
        assert!(!stopped(tasks.join_next().await));
    }
}
