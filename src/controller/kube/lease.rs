//! Who writes statuses: the holder of a Lease (the algorithm of client-go). A state machine without clock and network.
//!
//! Only statuses depend on it. A replica that does not lead serves like any other, and two that both believed to lead would
//! write the same.
//!
//! Whether another holder is alive is judged by the time since its record last *changed here*, never by the times inside
//! the record: clocks of machines differ.

use std::time::Duration;

use tokio::time::Instant;

/// A record that has not changed for this long is free to be taken.
pub const EXPIRES: Duration = Duration::from_secs(15);

/// A holder believes in itself for this long after the begin of its last successful write: less than [`EXPIRES`], so that
/// it stops before another one begins.
pub const HOLDS: Duration = Duration::from_secs(10);

/// The part of a Lease that matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// `spec.holderIdentity`; empty when it was released.
    pub holder: String,
    /// `spec.renewTime`, as text: it is only compared.
    pub renewed: String,
    /// `spec.acquireTime`.
    pub acquired: String,
    /// `spec.leaseTransitions`.
    pub transitions: i32,
}

/// What to do after the record was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Another one holds it.
    Wait,
    /// Write this: as a new object when there was none, else over the version that was read.
    Write(Record),
}

/// One candidate.
#[derive(Debug)]
pub struct Elector {
    identity: String,
    seen: Option<(Record, Instant)>,
    holds_until: Option<Instant>,
}

impl Elector {
    /// A candidate of this name, which no other replica may have.
    #[must_use]
    pub fn new(identity: String) -> Self {
        Self { identity, seen: None, holds_until: None }
    }

    /// The record was read (`None`: there is none). `now`: before the request; `wall`: for the record, RFC 3339.
    pub fn read(&mut self, record: Option<&Record>, now: Instant, wall: &str) -> Step {
        let Some(record) = record else {
            return Step::Write(self.claim(None, wall));
        };
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != record) {
            self.seen = Some((record.clone(), now));
        }
        let mine = record.holder == self.identity;
        let unchanged = self.seen.as_ref().map_or(Duration::ZERO, |(_, since)| now.duration_since(*since));
        if mine || record.holder.is_empty() || unchanged >= EXPIRES {
            Step::Write(self.claim(Some(record), wall))
        } else {
            self.holds_until = None;
            Step::Wait
        }
    }

    /// The write that began at `began` was accepted.
    pub fn written(&mut self, record: Record, began: Instant) {
        self.seen = Some((record, began));
        self.holds_until = Some(began + HOLDS);
    }

    /// The write met a newer version: somebody else was first.
    pub fn refused(&mut self) {
        self.holds_until = None;
    }

    /// Until when this candidate may act; to be compared with the clock before every action.
    #[must_use]
    pub fn holds_until(&self) -> Option<Instant> {
        self.holds_until
    }

    /// Gives it back: the record to write, when this candidate holds it. It acts no more in any case.
    pub fn release(&mut self, record: &Record) -> Option<Record> {
        self.holds_until = None;
        (record.holder == self.identity).then(|| Record { holder: String::new(), ..record.clone() })
    }

    fn claim(&self, before: Option<&Record>, wall: &str) -> Record {
        match before {
            Some(before) if before.holder == self.identity => Record { renewed: wall.to_owned(), ..before.clone() },
            _ => Record {
                holder: self.identity.clone(),
                renewed: wall.to_owned(),
                acquired: wall.to_owned(),
                transitions: before.map_or(0, |before| before.transitions.saturating_add(1)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn wrote(step: Step) -> Record {
        match step {
            Step::Write(record) => record,
            Step::Wait => panic!("no write"),
        }
    }

    fn held_by_a() -> Record {
        wrote(Elector::new("a".to_owned()).read(None, Instant::now(), "t0"))
    }

    #[test]
    fn k_ctl_5_an_absent_lease_is_created_and_renewed_by_its_holder() {
        let (mut a, start) = (Elector::new("a".to_owned()), Instant::now());
        let first = wrote(a.read(None, start, "t0"));
        assert_eq!((first.holder.as_str(), first.transitions), ("a", 0));
        a.written(first.clone(), start);
        assert_eq!(a.holds_until(), Some(start + HOLDS));
        let renewed = wrote(a.read(Some(&first), start + seconds(2), "t2"));
        assert_eq!((renewed.acquired.as_str(), renewed.renewed.as_str(), renewed.transitions), ("t0", "t2", 0));
    }

    #[test]
    fn k_ctl_5_a_dead_holder_is_followed_after_fifteen_seconds_without_a_change() {
        let (mut b, start, record) = (Elector::new("b".to_owned()), Instant::now(), held_by_a());
        assert_eq!(b.read(Some(&record), start, "x"), Step::Wait);
        assert_eq!(b.read(Some(&record), start + seconds(14), "x"), Step::Wait);
        let taken = wrote(b.read(Some(&record), start + seconds(15), "t15"));
        assert_eq!((taken.holder.as_str(), taken.transitions, taken.acquired.as_str()), ("b", 1, "t15"));
    }

    #[test]
    fn k_ctl_5_a_holder_that_renews_keeps_it_whatever_its_clock_says() {
        let (mut b, start) = (Elector::new("b".to_owned()), Instant::now());
        for renewal in 0..20 {
            // Any other text: only that it changes counts.
            let record = Record { renewed: format!("{}", 1000 - renewal), ..held_by_a() };
            assert_eq!(b.read(Some(&record), start + seconds(2 * renewal), "x"), Step::Wait);
        }
    }

    #[test]
    fn k_ctl_5_a_holder_that_was_stopped_knows_that_it_is_none() {
        let (mut a, start) = (Elector::new("a".to_owned()), Instant::now());
        let record = wrote(a.read(None, start, "t0"));
        a.written(record, start);
        assert!(a.holds_until().is_some_and(|until| start + seconds(9) < until && until < start + seconds(20)));
    }

    #[test]
    fn k_ctl_5_two_that_write_at_once_do_not_both_win() {
        let (mut a, mut b, start) = (Elector::new("a".to_owned()), Elector::new("b".to_owned()), Instant::now());
        let of_a = wrote(a.read(None, start, "t"));
        let _of_b = wrote(b.read(None, start, "t"));
        a.written(of_a.clone(), start);
        b.refused(); // the server said 409
        assert!(a.holds_until().is_some() && b.holds_until().is_none());
        assert_eq!(b.read(Some(&of_a), start + seconds(2), "t"), Step::Wait);
    }

    #[test]
    fn k_ctl_5_a_released_lease_is_free_at_once() {
        let (mut a, mut b, start) = (Elector::new("a".to_owned()), Elector::new("b".to_owned()), Instant::now());
        let record = wrote(a.read(None, start, "t"));
        a.written(record.clone(), start);
        let released = a.release(&record).unwrap();
        assert_eq!((released.holder.as_str(), a.holds_until()), ("", None));
        assert_eq!(wrote(b.read(Some(&released), start, "t")).holder, "b");
        assert_eq!(b.release(&record), None, "what another one holds is not given back");
    }
}
