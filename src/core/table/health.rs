//! What is known of one backend from the answers it gives: outlier ejection, back-off, a single probe. Pure: time is an
//! argument, and nothing here decides that the last backend of a route is not asked.

use std::time::Duration;

/// Failures in a row before a backend is left out.
const FAILURES: u32 = 5;
/// How long it is left out the first time...
const FIRST_EJECTION: Duration = Duration::from_secs(5);
/// ... and the longest; doubled each time that its probe fails.
const LONGEST_EJECTION: Duration = Duration::from_secs(300);
/// A probe that has told nothing for this long counts as lost, and another request may be one.
const PROBE_PATIENCE: Duration = Duration::from_secs(60);

/// The state of one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    failures: u32,
    ejections: u32,
    ejected_until: Option<Duration>,
    probing_since: Option<Duration>,
}

/// How a request may go to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As any other.
    Regular,
    /// As the one request that finds out whether an ejected backend is back.
    Probe,
    /// Although the backend is ejected: there is no other.
    Forced,
}

/// What a request told of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered,
    /// No connection, no answer in time, or 500, 502, 503, 504.
    Failed,
    /// Nothing: the client left first.
    Unknown,
}

/// What changed by an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Left out for so long.
    Ejected(Duration),
    /// Back.
    Restored,
}

/// What a repetition costs in units of what a request pays in: at most 20 % of the requests are repetitions.
const RETRY_COST: u32 = 5;
/// Most that is saved up: so many repetitions in a row, whatever came before.
const RETRY_BURST: u32 = 20;

/// How often requests to one backend may still be repeated: a backend that is overloaded gets no storm of repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryBudget {
    tokens: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tokens: RETRY_BURST * RETRY_COST }
    }
}

impl RetryBudget {
    /// A request goes there for the first time.
    pub fn deposit(&mut self) {
        self.tokens = (self.tokens + 1).min(RETRY_BURST * RETRY_COST);
    }

    /// True when there is enough for one repetition, which is then paid.
    pub fn withdraw(&mut self) -> bool {
        match self.tokens.checked_sub(RETRY_COST) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }
}

impl Health {
    /// Whether a request may go there now; `None` while it is ejected. Claims the probe.
    pub fn admit(&mut self, now: Duration) -> Option<Admission> {
        let Some(until) = self.ejected_until else { return Some(Admission::Regular) };
        let probed = self.probing_since.is_some_and(|since| now < since + PROBE_PATIENCE);
        if now < until || probed {
            return None;
        }
        self.probing_since = Some(now);
        Some(Admission::Probe)
    }

    /// True while it is ejected, probed or not.
    #[must_use]
    pub fn is_ejected(&self) -> bool {
        self.ejected_until.is_some()
    }

    /// Learns from a request. An ejected backend learns from its probe, and from the answer to a forced request: what
    /// began before the ejection says nothing new.
    pub fn record(&mut self, admission: Admission, outcome: Outcome, now: Duration) -> Option<Change> {
        let ejected = self.is_ejected();
        match (admission, outcome) {
            (Admission::Probe, Outcome::Unknown) => {
                self.probing_since = None;
                None
            }
            (_, Outcome::Unknown) => None,
            (Admission::Probe, Outcome::Failed) if ejected => Some(self.eject(now)),
            (Admission::Probe | Admission::Forced, Outcome::Answered) if ejected => {
                *self = Self::default();
                Some(Change::Restored)
            }
            _ if ejected => None,
            (_, Outcome::Answered) => {
                self.failures = 0;
                None
            }
            (_, Outcome::Failed) => {
                self.failures += 1;
                (self.failures >= FAILURES).then(|| self.eject(now))
            }
        }
    }

    fn eject(&mut self, now: Duration) -> Change {
        let length = FIRST_EJECTION.saturating_mul(1 << self.ejections.min(16)).min(LONGEST_EJECTION);
        self.ejections = self.ejections.saturating_add(1);
        (self.failures, self.probing_since) = (0, None);
        self.ejected_until = Some(now + length);
        Change::Ejected(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failed(health: &mut Health, times: u32, now: Duration) -> Option<Change> {
        (0..times).map(|_| health.record(Admission::Regular, Outcome::Failed, now)).last().flatten()
    }

    fn ejected(now: Duration) -> Health {
        let mut health = Health::default();
        assert_eq!(failed(&mut health, FAILURES, now), Some(Change::Ejected(FIRST_EJECTION)));
        health
    }

    #[test]
    fn failures_in_a_row_eject_and_others_do_not() {
        let mut health = Health::default();
        for _ in 0..10 {
            assert_eq!(failed(&mut health, FAILURES - 1, at(1)), None);
            assert_eq!(health.record(Admission::Regular, Outcome::Unknown, at(1)), None, "a client that left");
            assert_eq!(health.record(Admission::Regular, Outcome::Answered, at(1)), None);
        }
        assert_eq!(health.admit(at(1)), Some(Admission::Regular));
        assert_eq!(failed(&mut health, FAILURES, at(1)), Some(Change::Ejected(FIRST_EJECTION)));
        assert_eq!((health.admit(at(1)), health.is_ejected()), (None, true));
    }

    #[test]
    fn an_ejected_backend_is_asked_by_one_probe_once_its_time_is_over() {
        let mut health = ejected(at(100));
        assert_eq!(health.admit(at(104)), None);
        assert_eq!(health.admit(at(105)), Some(Admission::Probe));
        assert_eq!(health.admit(at(105)), None, "one at a time");
        assert_eq!(health.record(Admission::Probe, Outcome::Answered, at(106)), Some(Change::Restored));
        assert_eq!(health.admit(at(106)), Some(Admission::Regular));
        assert_eq!(health, Health::default(), "the next ejection is a first one again");
    }

    #[test]
    fn each_failed_probe_doubles_the_wait_up_to_five_minutes() {
        let mut health = ejected(at(0));
        let mut now = at(5);
        for expected in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(health.admit(now), Some(Admission::Probe));
            assert_eq!(health.record(Admission::Probe, Outcome::Failed, now), Some(Change::Ejected(at(expected))));
            assert_eq!(health.admit(now + at(expected) - Duration::from_millis(1)), None);
            now += at(expected);
        }
    }

    #[test]
    fn a_probe_whose_client_leaves_or_that_is_lost_is_given_to_another_request() {
        let mut health = ejected(at(0));
        assert_eq!(health.admit(at(5)), Some(Admission::Probe));
        assert_eq!(health.record(Admission::Probe, Outcome::Unknown, at(6)), None);
        assert_eq!(health.admit(at(6)), Some(Admission::Probe));
        assert_eq!(health.admit(at(65)), None);
        assert_eq!(health.admit(at(66)), Some(Admission::Probe), "lost");
    }

    #[test]
    fn what_began_before_the_ejection_neither_restores_nor_prolongs_it() {
        let mut health = ejected(at(0));
        let before = health.clone();
        assert_eq!(health.record(Admission::Regular, Outcome::Answered, at(1)), None);
        assert_eq!(failed(&mut health, 100, at(2)), None);
        assert_eq!(health.record(Admission::Forced, Outcome::Failed, at(2)), None);
        assert_eq!(health, before);
        assert_eq!(health.record(Admission::Forced, Outcome::Answered, at(2)), Some(Change::Restored), "a real answer");
    }

    #[test]
    fn row_3_at_most_a_fifth_of_the_requests_are_repetitions() {
        let mut budget = RetryBudget::default();
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 20, "a burst");
        let mut repeated = 0;
        for _ in 0..1000 {
            budget.deposit();
            repeated += usize::from(budget.withdraw());
        }
        assert_eq!(repeated, 200);
        (0..1000).for_each(|_| budget.deposit());
        assert_eq!(budget, RetryBudget::default(), "no more than a burst is saved up");
    }
}
