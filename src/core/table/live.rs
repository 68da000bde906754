//! The one place that changes at run time: an `ArcSwap` with one writer; requests pin what they read (law 4).

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::RouteTable;

/// The only writer. Not `Clone`.
#[derive(Debug)]
pub struct Publisher {
    slot: Arc<ArcSwapOption<RouteTable>>,
}

/// A handle for readers.
#[derive(Debug, Clone)]
pub struct Reader {
    slot: Arc<ArcSwapOption<RouteTable>>,
}

/// An empty slot and its two ends.
#[must_use]
pub fn live() -> (Publisher, Reader) {
    let slot = Arc::new(ArcSwapOption::empty());
    (Publisher { slot: Arc::clone(&slot) }, Reader { slot })
}

impl Publisher {
    /// Puts a table in force, for all requests that begin from now on. Gives it back as they see it, and the one before: to
    /// take that apart takes a while if nobody else has it any more.
    pub fn publish(&self, table: RouteTable) -> (Arc<RouteTable>, Option<Arc<RouteTable>>) {
        let table = Arc::new(table);
        let before = self.slot.swap(Some(Arc::clone(&table)));
        (table, before)
    }
}

impl Reader {
    /// The table in force, to be kept for the whole request; `None` before the first one.
    #[must_use]
    pub fn pin(&self) -> Option<Arc<RouteTable>> {
        self.slot.load_full()
    }
}
