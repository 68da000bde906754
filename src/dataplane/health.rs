//! What is known of backends, beside the table: kept by pool identity, so that a new table forgets nothing about backends
//! that it keeps.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use osp_core::table::{Admission, Change, Health, Outcome, Reader, RetryBudget};
use parking_lot::{Mutex, RwLock};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

/// Above this many backends those in good health are forgotten: nothing is lost with them.
const MAX_ENTRIES: usize = 4096;

/// The health of every backend that has a say in a choice, and how often it may still be asked again.
#[derive(Debug, Default)]
pub struct HealthBook {
    entries: RwLock<HashMap<u64, Arc<Entry>>>,
}

#[derive(Debug, Default)]
struct Entry {
    health: Mutex<Health>,
    budget: Mutex<RetryBudget>,
}

impl HealthBook {
    /// As [`Health::admit`].
    #[must_use]
    pub fn admit(&self, group: u64, now: Duration) -> Option<Admission> {
        self.known(group).map_or(Some(Admission::Regular), |entry| entry.health.lock().admit(now))
    }

    /// As [`Health::record`].
    pub fn record(&self, group: u64, admission: Admission, outcome: Outcome, now: Duration) -> Option<Change> {
        let entry = match outcome {
            Outcome::Failed => self.entry(group),
            // nothing is known, so nothing bad
            Outcome::Answered | Outcome::Unknown => self.known(group)?,
        };
        entry.health.lock().record(admission, outcome, now)
    }

    /// True while the backend is left out.
    #[must_use]
    pub fn is_ejected(&self, group: u64) -> bool {
        self.known(group).is_some_and(|entry| entry.health.lock().is_ejected())
    }

    /// A request goes to the backend for the first time.
    pub fn deposit(&self, group: u64) {
        if let Some(entry) = self.known(group) {
            entry.budget.lock().deposit();
        }
    }

    /// True when a request that failed there may be repeated.
    #[must_use]
    pub fn withdraw(&self, group: u64) -> bool {
        self.entry(group).budget.lock().withdraw()
    }

    fn known(&self, group: u64) -> Option<Arc<Entry>> {
        self.entries.read().get(&group).cloned()
    }

    fn entry(&self, group: u64) -> Arc<Entry> {
        if let Some(entry) = self.known(group) {
            return entry;
        }
        let mut entries = self.entries.write();
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, entry| entry.health.lock().is_ejected());
        }
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        Arc::clone(entries.entry(group).or_default())
    }
}

/// Says of every backend that has an alternative whether it is in use: asked when the page is, so it is never stale and
/// never speaks of routes that are gone.
#[derive(Debug)]
pub struct BackendHealth {
    table: Reader,
    book: Arc<HealthBook>,
    description: Vec<Desc>,
}

const NAME: &str = "osp_backend_healthy";
const HELP: &str = "1 while reads may go to the backend, 0 while it is left out; routes with several backends only.";
const LABELS: [&str; 2] = ["bucket", "backend"];

impl BackendHealth {
    pub(crate) fn new(table: Reader, book: Arc<HealthBook>) -> Self {
        let labels = LABELS.map(str::to_owned).to_vec();
        let description = Desc::new(NAME.to_owned(), HELP.to_owned(), labels, HashMap::new());
        Self { table, book, description: description.into_iter().collect() }
    }
}

impl Collector for BackendHealth {
    fn desc(&self) -> Vec<&Desc> {
        self.description.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(family) = IntGaugeVec::new(Opts::new(NAME, HELP), &LABELS) else { return Vec::new() };
        for route in self.table.pin().iter().flat_map(|table| table.routes()) {
            let backends = route.backends.usable();
            for backend in backends.iter().filter(|_| backends.len() > 1) {
                let healthy = !self.book.is_ejected(backend.upstream.pool_group);
                family.with_label_values(&[route.bucket.as_str(), &backend.name]).set(i64::from(healthy));
            }
        }
        family.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eject(book: &HealthBook, group: u64) {
        while book.record(group, Admission::Regular, Outcome::Failed, Duration::ZERO).is_none() {}
    }

    #[test]
    fn each_backend_has_a_state_of_its_own() {
        let book = HealthBook::default();
        eject(&book, 1);
        assert_eq!((book.admit(1, Duration::ZERO), book.is_ejected(1)), (None, true));
        assert_eq!((book.admit(2, Duration::ZERO), book.is_ejected(2)), (Some(Admission::Regular), false));
    }

    #[test]
    fn the_book_is_bounded_and_forgets_the_healthy_first() {
        let book = HealthBook::default();
        eject(&book, 0);
        for group in 1..10_000 {
            book.record(group, Admission::Regular, Outcome::Failed, Duration::ZERO);
            assert!(book.entries.read().len() <= MAX_ENTRIES);
        }
        assert!(book.is_ejected(0));
        for group in 10_000..20_000 {
            eject(&book, group);
        }
        assert!(book.entries.read().len() <= MAX_ENTRIES);
    }
}
