//! The only file that reads a clock (law 3).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use osp_core::Timestamp;

/// Where the data plane gets time from; tests step their own.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Wall-clock time, for signatures.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment, never going back, for durations and expiry.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_seconds(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}
