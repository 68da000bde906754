//! Answers that are kept: bounded, and each until its time.

use std::hash::{Hash, RandomState};
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

/// Locks of a large shelf. Every core may look something up at once; a power of two, as the library wants it.
const PARTS: usize = 16;
/// Below that a shelf is not divided: its parts would be too small to choose well what goes.
const FEWEST_DIVIDED: usize = 2_048;
/// What an entry of this many bytes counts as one.
const UNIT_BYTES: usize = 1_024;

/// At most so many entries, each with its end. When it is full, those go that nobody has asked for: a flood of keys that
/// are asked for once does not push out the others.
///
/// Keys hold what clients say, so they are hashed with a secret of the process (`SipHash`).
#[derive(Debug)]
pub(crate) struct Shelf<K, V> {
    entries: Cache<K, Kept<V>, Units, RandomState>,
}

#[derive(Debug, Clone)]
struct Kept<V> {
    value: V,
    /// By the clock of whoever asks.
    until: Duration,
    units: u64,
}

#[derive(Debug, Clone, Copy)]
struct Units;

impl<K, V> Weighter<K, Kept<V>> for Units {
    fn weight(&self, _key: &K, kept: &Kept<V>) -> u64 {
        kept.units
    }
}

impl<K: Eq + Hash, V: Clone> Shelf<K, V> {
    /// For so many entries of up to a KiB; one of n KiB counts n.
    pub(crate) fn new(entries: usize) -> Self {
        let parts = if entries < FEWEST_DIVIDED { 1 } else { PARTS };
        // rounded down: the library rounds the share of each part up
        let capacity = entries / parts * parts;
        let mut options = OptionsBuilder::new();
        options.shards(parts).estimated_items_capacity(capacity).weight_capacity(capacity as u64);
        let entries = match options.build() {
            Ok(options) => Cache::with_options(options, Units, RandomState::new(), DefaultLifecycle::default()),
            // says that a capacity is missing, which it is not
            Err(_) => Cache::with(capacity, capacity as u64, Units, RandomState::new(), DefaultLifecycle::default()),
        };
        Self { entries }
    }

    /// What is kept, unless its time is over.
    pub(crate) fn get(&self, key: &K, now: Duration) -> Option<V> {
        let Kept { value, until, .. } = self.entries.get(key)?;
        if now < until {
            return Some(value);
        }
        self.entries.remove_if(key, |kept| kept.until <= now);
        None
    }

    /// Keeps a value of about so many bytes, its key included, until then.
    pub(crate) fn put(&self, key: K, value: V, until: Duration, bytes: usize) {
        let units = 1 + (bytes / UNIT_BYTES) as u64;
        self.entries.insert(key, Kept { value, until, units });
    }

    pub(crate) fn remove(&self, key: &K) {
        self.entries.remove(key);
    }

    pub(crate) fn clear(&self) {
        self.entries.clear();
    }

    /// Entries, with those whose time is over and that nobody has asked for since.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Duration = Duration::MAX;
    const START: Duration = Duration::ZERO;

    // C61: no unbounded growth, whatever the clients ask for
    #[test]
    fn a_million_keys_leave_as_many_as_there_may_be() {
        for (keys, entries) in [(1_000_000_u64, 50_000), (10_000, 2_049), (10_000, 100), (100, 1), (100, 0)] {
            let shelf = Shelf::new(entries);
            for key in 0..keys {
                shelf.put(key, (), FOREVER, 100);
            }
            assert!(shelf.len() <= entries, "{} of {entries}", shelf.len());
            assert!(shelf.len() >= entries * 9 / 10, "{} of {entries}", shelf.len());
        }
    }

    #[test]
    fn a_large_entry_counts_as_many() {
        let shelf = Shelf::new(100);
        for key in 0..1_000_u64 {
            shelf.put(key, (), FOREVER, 10 * 1_024);
        }
        assert!((5..=10).contains(&shelf.len()), "{} of 10 KiB each", shelf.len());
        shelf.put(7, (), FOREVER, 1 << 20);
        assert_eq!(shelf.get(&7, START), None, "larger than all there is");
    }

    // security.md 2.6: a good client stays, whatever else is asked for
    #[test]
    fn what_is_asked_for_again_outlives_what_is_not() {
        let shelf = Shelf::new(1_000);
        for key in 0..500_u64 {
            shelf.put(key, (), FOREVER, 100);
            assert!(shelf.get(&key, START).is_some());
        }
        for key in 1_000..100_000_u64 {
            shelf.put(key, (), FOREVER, 100);
        }
        let left = (0..500).filter(|key| shelf.get(key, START).is_some()).count();
        assert!(left > 450, "{left} of 500");
    }

    #[test]
    fn an_entry_ends_at_its_time() {
        let shelf = Shelf::new(100);
        shelf.put(1, "a", Duration::from_secs(300), 1);
        assert_eq!(shelf.get(&1, Duration::from_millis(299_999)), Some("a"));
        assert_eq!(shelf.get(&1, Duration::from_secs(300)), None);
        assert_eq!(shelf.len(), 0, "it is gone");
    }
}
