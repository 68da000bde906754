//! What is held, by whose it is. Bounded; one entry is one task ([`crate::keeper`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use osp_core::CredentialFault;
use osp_core::model::ObjectName;
use osp_core::table::{FetchedSource, ForWhom};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::Moment;
use crate::fetch::Held;

/// Most entries of one source: clients times buckets. The one that was not used for the longest time goes, so that nobody
/// can drive out what other sources hold.
const MAX_OF_SOURCE: usize = 1024;
/// Most entries altogether, at about 4 KiB each.
const MAX_ENTRIES: usize = 65_536;

/// Whose a credential is: everything that could have decided about it. Compared whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    digest: [u8; 32],
    whom: Option<Whom>,
}

/// For whom, and by which state of the hook.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Whom {
    access_key: Box<str>,
    bucket: Box<str>,
    revision: Option<String>,
}

/// One entry, as requests and its keeper share it.
#[derive(Debug)]
pub struct Entry {
    /// Number of its last use, from [`Shelf::uses`].
    used: AtomicU64,
    /// Somebody needs what is not there, or about to end.
    pub(crate) wanted: Notify,
    /// Its task, once there is one.
    pub(crate) keeper: OnceLock<AbortHandle>,
}

/// What requests see of an entry.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// What was fetched last, and when it should be fetched anew.
    pub(crate) held: Option<(Held, Moment)>,
    /// The last fetch failed, and the next one is not due: nobody has to wait for it.
    pub(crate) resting: Option<CredentialFault>,
}

/// An entry's place on the shelf.
#[derive(Debug)]
struct Place {
    entry: Arc<Entry>,
    state: watch::Receiver<State>,
}

/// An entry that was entered: with the sender, it is new, and its keeper has to be hired.
pub type Entered = (Arc<Entry>, watch::Receiver<State>, Option<watch::Sender<State>>);

/// All entries.
#[derive(Debug, Default)]
pub struct Shelf {
    sources: HashMap<ObjectName, HashMap<Key, Place>>,
    count: usize,
    uses: u64,
}

impl Key {
    pub(crate) fn new(source: &FetchedSource, whom: Option<Whom>) -> Self {
        Self { digest: source.digest, whom }
    }

    pub(crate) fn whom(&self) -> Option<&Whom> {
        self.whom.as_ref()
    }
}

impl Whom {
    pub(crate) fn new(whom: ForWhom<'_>, revision: Option<String>) -> Self {
        Self { access_key: whom.access_key.into(), bucket: whom.bucket.into(), revision }
    }

    pub(crate) fn borrow(&self) -> ForWhom<'_> {
        ForWhom { access_key: &self.access_key, bucket: &self.bucket }
    }
}

impl Entry {
    /// Number of its last use.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl State {
    /// What a request gets of it at this moment; `None` = it has to wait.
    pub(crate) fn answer(&self, now: Moment) -> Option<Result<&Held, CredentialFault>> {
        match (&self.held, self.resting) {
            (Some((held, _)), _) if now.is_before(held.ends) => Some(Ok(held)),
            (_, Some(fault)) => Some(Err(fault)),
            _ => None,
        }
    }

    /// True when it should be fetched anew.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        self.held.as_ref().is_none_or(|(_, due)| !now.is_before(*due))
    }
}

impl Shelf {
    /// The entry of this key, used now.
    ///
    /// # Errors
    /// [`CredentialFault::TooMany`].
    pub(crate) fn enter(&mut self, source: &ObjectName, key: &Key) -> Result<Entered, CredentialFault> {
        self.uses += 1;
        let of_source = self.sources.entry(source.clone()).or_default();
        if let Some(place) = of_source.get(key) {
            place.entry.used.store(self.uses, Ordering::Relaxed);
            return Ok((Arc::clone(&place.entry), place.state.clone(), None));
        }
        if of_source.len() >= MAX_OF_SOURCE {
            let oldest = of_source.iter().min_by_key(|(_, place)| place.entry.used()).map(|(key, _)| key.clone());
            if let Some(gone) = oldest.and_then(|oldest| of_source.remove(&oldest)) {
                if let Some(keeper) = gone.entry.keeper.get() {
                    keeper.abort();
                }
                self.count -= 1;
            }
        }
        if self.count >= MAX_ENTRIES {
            return Err(CredentialFault::TooMany);
        }
        let entry = Arc::new(Entry { used: AtomicU64::new(self.uses), wanted: Notify::new(), keeper: OnceLock::new() });
        let (sender, state) = watch::channel(State::default());
        of_source.insert(key.clone(), Place { entry: Arc::clone(&entry), state: state.clone() });
        self.count += 1;
        Ok((entry, state, Some(sender)))
    }

    /// Takes an entry out if it was not used since its use of this number, or whenever it was (`None`). True when it is out.
    /// A source without entries is forgotten.
    pub(crate) fn leave(&mut self, source: &ObjectName, key: &Key, entry: &Arc<Entry>, since: Option<u64>) -> bool {
        let Some(of_source) = self.sources.get_mut(source) else { return true };
        match of_source.get(key) {
            Some(place) if Arc::ptr_eq(&place.entry, entry) => {
                if since.is_some_and(|since| since != entry.used()) {
                    return false;
                }
                of_source.remove(key);
                self.count -= 1;
            }
            _ => {}
        }
        if of_source.is_empty() {
            self.sources.remove(source);
        }
        true
    }

    /// True while some entry of this source is held.
    pub(crate) fn has(&self, source: &ObjectName) -> bool {
        self.sources.contains_key(source)
    }

    /// Of each source, the end of what ends first of all that it has fetched.
    pub(crate) fn ends(&self) -> Vec<(ObjectName, Moment)> {
        let first = |(source, places): (&ObjectName, &HashMap<Key, Place>)| {
            let ends =
                places.values().filter_map(|place| place.state.borrow().held.as_ref().map(|(held, _)| held.ends));
            ends.min_by_key(|end| end.monotonic).map(|end| (source.clone(), end))
        };
        self.sources.iter().filter_map(first).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.count, self.sources.values().map(HashMap::len).sum::<usize>());
        self.count
    }
}
