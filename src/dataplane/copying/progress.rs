//! How far a copy has got, for whoever has to stop it: the copy itself may be dropped between any two steps.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use osp_core::Denial;
use parking_lot::Mutex;

/// Written by the copy, read by what watches its client; both are of one task.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Object bytes that came from the source.
    bytes: AtomicU64,
    /// Why it has to end: its client is gone, or it takes too long.
    stopped: OnceLock<Denial>,
    /// A request is under way after which the target has something that only its answer names.
    must_go_on: AtomicBool,
    /// The target's id of the upload that has been begun and not ended.
    upload: Mutex<Option<String>>,
}

impl Progress {
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The first reason counts.
    pub(super) fn stop(&self, why: Denial) {
        let _ = self.stopped.set(why);
    }

    pub(super) fn stopped(&self) -> Option<Denial> {
        self.stopped.get().cloned()
    }

    /// From here on the copy is not stopped.
    pub(super) fn enter(&self) {
        self.must_go_on.store(true, Ordering::Relaxed);
    }

    pub(super) fn must_go_on(&self) -> bool {
        self.must_go_on.load(Ordering::Relaxed)
    }

    /// An upload has been begun: the copy may be stopped again.
    pub(super) fn begun(&self, upload: &str) {
        *self.upload.lock() = Some(upload.to_owned());
        self.must_go_on.store(false, Ordering::Relaxed);
    }

    /// The upload has become an object.
    pub(super) fn finished(&self) {
        *self.upload.lock() = None;
    }

    pub(super) fn unfinished(&self) -> Option<String> {
        self.upload.lock().clone()
    }

    /// Stops a copy that could not be stopped before.
    ///
    /// # Errors
    /// Why it was to stop.
    pub(super) fn check(&self) -> Result<(), Denial> {
        self.stopped().map_or(Ok(()), Err)
    }
}
