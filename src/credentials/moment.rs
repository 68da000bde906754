//! Time and randomness, which are arguments (law 3).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use osp_core::Timestamp;

/// A moment by both clocks. Each can be wrong where the other is right: the wall clock is set, and the monotonic one may
/// stand still while a machine sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Of the world.
    pub wall: Timestamp,
    /// Since some fixed moment.
    pub monotonic: Duration,
}

/// Where time and randomness come from.
#[derive(Clone)]
pub struct Nature {
    /// The time.
    pub now: Arc<dyn Fn() -> Moment + Send + Sync>,
    /// Any number, another one each time.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Moment {
    /// So much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self { wall: self.wall.plus_seconds(seconds), monotonic: self.monotonic.saturating_add(time) }
    }

    /// True when neither clock has reached `end`.
    #[must_use]
    pub fn is_before(self, end: Self) -> bool {
        self.wall < end.wall && self.monotonic < end.monotonic
    }

    /// How long it is until `end`, by the monotonic clock.
    #[must_use]
    pub fn until(self, end: Self) -> Duration {
        end.monotonic.saturating_sub(self.monotonic)
    }
}

impl fmt::Debug for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nature").finish_non_exhaustive()
    }
}
