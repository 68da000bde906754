//! When to act on a series of events.

use std::time::Duration;

use tokio::time::Instant;

/// Quiet time after the last event: an editor writes several times, a `ConfigMap` update swaps several links, `kubectl
/// apply` sends several objects.
const QUIET: Duration = Duration::from_millis(50);

/// Longest wait after the first event: what never gets quiet is acted on all the same.
const LONGEST: Duration = Duration::from_millis(500);

/// A value of (event, now), with no clock in it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Debounce {
    first_and_last: Option<(Instant, Instant)>,
}

impl Debounce {
    /// Something happened.
    pub fn event(&mut self, now: Instant) {
        let first = self.first_and_last.map_or(now, |(first, _)| first);
        self.first_and_last = Some((first, now));
    }

    /// The latest moment to act; `None` when nothing happened.
    pub fn latest(self) -> Option<Instant> {
        self.first_and_last.map(|(first, _)| first + LONGEST)
    }

    /// When to act; `None` when nothing happened.
    pub fn due(self) -> Option<Instant> {
        self.first_and_last.map(|(first, last)| (last + QUIET).min(first + LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> impl Fn(Instant) -> Instant {
        move |start| start + Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn debounce_waits_for_quiet_but_not_for_ever() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        debounce.event(start);
        assert_eq!((debounce.due(), debounce.latest()), (Some(at(50)(start)), Some(at(500)(start))));
        debounce.event(at(40)(start));
        assert_eq!(debounce.due(), Some(at(90)(start)));
        for ms in (60..=490).step_by(10) {
            debounce.event(at(ms)(start));
        }
        assert_eq!(debounce.due(), Some(at(500)(start)));
    }
}
