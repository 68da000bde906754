//! When a table may be made of what is known: who is waited for, and for how long.

use std::time::Duration;

use osp_core::model::Kind;
use tokio::time::Instant;

use super::super::scope::{PATIENCE, Progress};
use super::{Following, InForce};

/// So long without any answer of the API server, errors included, before the inputs on disk are used: beside a living
/// server they would bring back what was revoked.
const DISK_PATIENCE: Duration = Duration::from_secs(30);
/// A changed reference waits this long for the object that it leads to, in `Named` mode: else each rotation of a key
/// would break its route for the time of one LIST.
const REFERENCE_PATIENCE: Duration = Duration::from_millis(500);

impl Following {
    /// When to rebuild; never before every watch has told all that it knows, once.
    pub fn due(&self) -> Option<Instant> {
        let due = self.debounce.due()?;
        if self.in_force != InForce::Cluster {
            // A server that lets nobody read routes knows less than the disk.
            let worse = self.in_force == InForce::Disk && !self.routes().any(|progress| progress.listed);
            return (self.settled(Instant::now()) && !worse).then_some(due);
        }
        let awaited = self.scopes.iter().filter(|(scope, (progress, _))| scope.name.is_some() && !progress.settled());
        let patience = awaited.map(|(_, (progress, _))| progress.began() + REFERENCE_PATIENCE).max();
        // Bounded by the first change: else one tenant whose references change all the time would hold everybody's
        // revocations.
        let latest = self.debounce.latest()? + REFERENCE_PATIENCE;
        Some(patience.map_or(due, |patience| due.max(patience.min(latest))))
    }

    /// Asks for the first table, and for one that says anew whether all routes are known: no change asks for these.
    pub(super) fn begin_when_settled(&mut self, now: Instant) {
        let Some((store, _)) = &self.work else { return };
        let incomplete = store.snapshot().incomplete;
        if self.in_force == InForce::Cluster {
            if self.incomplete() != incomplete {
                self.debounce.event(now);
            }
            return;
        }
        let mut lasting = self.scopes.iter().filter(|(scope, _)| scope.name.is_none());
        let steady = lasting.all(|(_, (progress, _))| progress.steady());
        self.steady_since = steady.then(|| self.steady_since.unwrap_or(now));
        if self.settled(now) && self.debounce.due().is_none() {
            self.debounce.event(now);
        }
    }

    /// Before the first table: gives up on single objects of which the server tells nothing.
    pub(super) fn go_on_without_answers(&mut self, now: Instant) {
        if self.in_force == InForce::Cluster || !self.is_late(now) {
            return;
        }
        for (scope, (progress, _)) in &mut self.scopes {
            if !progress.settled() {
                progress.go_on_without();
                tracing::error!(%scope, "no answer: going on without it");
                self.debounce.event(now);
            }
        }
    }

    /// Nobody has to be waited for.
    fn settled(&self, now: Instant) -> bool {
        let late = self.is_late(now);
        self.scopes.iter().all(|(scope, (progress, _))| progress.settled() || (late && scope.name.is_some()))
    }

    /// Single objects have been waited for long enough, all of them together: references come and go, so if each new one
    /// were waited for, readiness would be in the hands of whoever edits. Not while the disk stands in for a server that
    /// says nothing at all.
    fn is_late(&self, now: Instant) -> bool {
        let stands_in = self.in_force == InForce::Disk && self.is_silent(now);
        !stands_in && self.steady_since.is_some_and(|since| now.duration_since(since) >= PATIENCE)
    }

    /// The API server has not answered for long, not even with an error.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.answered) >= DISK_PATIENCE
    }

    /// Some routes were never read: nobody can know whether a bucket that no route has exists.
    pub(super) fn incomplete(&self) -> bool {
        self.routes().any(|progress| !progress.listed)
    }

    fn routes(&self) -> impl Iterator<Item = &Progress> {
        let routes = self.scopes.iter().filter(|(scope, _)| scope.kind == Kind::BucketRoute);
        routes.map(|(_, (progress, _))| progress)
    }
}
