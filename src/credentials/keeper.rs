//! The task of one entry: the only one that fetches for it.

use std::sync::Arc;
use std::time::Duration;

use osp_core::table::FetchedSource;
use tokio::sync::watch;

use crate::fetch::{self, Held};
use crate::schedule;
use crate::shelf::{Entry, Key, State};
use crate::sources::Shared;
use crate::{Failure, Moment};

/// How long an entry without a credential is remembered for the length of its next rest.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);

/// Keeps one entry fresh for as long as it is used.
pub struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: Arc<FetchedSource>,
    pub(crate) key: Key,
    pub(crate) entry: Arc<Entry>,
    pub(crate) state: watch::Sender<State>,
}

impl Keeper {
    /// Ends when nobody has used the entry for as long as its credential counted.
    pub(crate) async fn keep(self) {
        let mut failures = 0_u32;
        loop {
            self.state.send_modify(|state| state.resting = None);
            let fetched = fetch::once(&self.shared, &self.source, self.key.whom()).await;
            let now = self.now();
            // what ends at once is no credential: fetching it again would be a loop
            let fetched =
                fetched.and_then(|held| if now.is_before(held.ends) { Ok(held) } else { Err(Failure::Malformed) });
            self.shared.metrics.refreshed(&self.source.source, fetched.as_ref().err().copied());
            let goes_on = match fetched {
                Ok(held) => {
                    failures = 0;
                    self.hold(held, now).await
                }
                Err(failure) => {
                    failures = failures.saturating_add(1);
                    self.rest(failure, failures).await
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Shows a credential until it is time for the next one; false when nobody wants one.
    async fn hold(&self, held: Held, now: Moment) -> bool {
        let ends = held.ends;
        let due = now.after(schedule::refresh_after(now.until(ends), (self.shared.nature.random)()));
        let mark = self.entry.used();
        self.state.send_replace(State { held: Some((held, due)), resting: None });
        if self.sleep_until(due, |now| !now.is_before(ends)).await {
            return true;
        }
        // until it ends it may be wanted again: then nobody has to wait for the next one
        loop {
            if self.entry.used() != mark {
                return true;
            }
            let woken = self.sleep_until(ends, |_| self.entry.used() != mark).await;
            if !woken && self.leave(mark) {
                return false;
            }
        }
    }

    /// Waits out a failure; what is held counts on. False when nobody wants another try.
    async fn rest(&self, failure: Failure, failures: u32) -> bool {
        let rest = schedule::back_off(failure.rest(), failures, (self.shared.nature.random)());
        let source = &self.source.source;
        tracing::warn!(%source, failures, next_try_s = rest.as_secs(), "no credentials: {failure}");
        self.state.send_modify(|state| state.resting = Some(failure.fault()));
        tokio::time::sleep(rest).await;
        let is_valid = |state: &State| state.held.as_ref().is_some_and(|(held, _)| self.now().is_before(held.ends));
        if is_valid(&self.state.borrow()) {
            return true;
        }
        let mark = self.entry.used();
        self.state.send_modify(|state| state.resting = None);
        let forgotten = self.now().after(FORGOTTEN_AFTER);
        self.sleep_until(forgotten, |_| self.entry.used() != mark).await || !self.leave(mark)
    }

    /// Sleeps until this moment by the monotonic clock; true when it is woken before, because somebody wants the entry and
    /// `is_over` is true.
    async fn sleep_until(&self, moment: Moment, is_over: impl Fn(Moment) -> bool) -> bool {
        let sleep = tokio::time::sleep(self.now().until(moment));
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                () = &mut sleep => return false,
                () = self.entry.wanted.notified() => if is_over(self.now()) { return true },
            }
        }
    }

    fn leave(&self, mark: u64) -> bool {
        self.shared.leave(&self.source.source, &self.key, &self.entry, Some(mark))
    }

    fn now(&self) -> Moment {
        (self.shared.nature.now)()
    }
}

/// However the task ends, nobody waits for it afterwards.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.leave(&self.source.source, &self.key, &self.entry, None);
    }
}
