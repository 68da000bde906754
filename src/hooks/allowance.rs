//! How often something may be done.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many a second, and so many at once after a pause (a token bucket, kept as the time when it will be full again).
#[derive(Debug)]
pub(crate) struct Allowance {
    each: Duration,
    most: Duration,
    full: Mutex<Duration>,
}

impl Allowance {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let each = Duration::from_secs(1) / per_second.get();
        Self { each, most: each.saturating_mul(burst.get()), full: Mutex::default() }
    }

    /// Takes one, if there is one.
    #[must_use]
    pub(crate) fn take(&self, now: Duration) -> bool {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let after = (*full).max(now).saturating_add(self.each);
        let is_allowed = after.saturating_sub(now) <= self.most;
        if is_allowed {
            *full = after;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // security.md 2.6, issue 6: a global look-up rate
    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let number = |number| NonZeroU32::new(number).unwrap();
        let allowance = Allowance::new(number(50), number(100));
        let taken = |at: f64| (0..1_000).filter(|_| allowance.take(Duration::from_secs_f64(at))).count();
        assert_eq!(taken(0.0), 100);
        assert_eq!(taken(0.0), 0);
        assert_eq!(taken(0.1), 5);
        assert_eq!(taken(1.1), 50);
        assert_eq!(taken(1.0), 0, "a clock that stands still gives nothing");
        assert_eq!(taken(100.0), 100, "no more than a burst, however long the pause");
    }
}
