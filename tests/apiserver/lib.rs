//! A Kubernetes API server with behaviour, as far as OSP asks one: LIST with pages, WATCH with bookmarks, server-side apply
//! of statuses, Leases and Events, with the real server's rules for `resourceVersion`, `generation` and conflicts.
//!
//! It is a value: [`ApiServer::answer`] takes a request and gives a response, so tests with a paused clock talk to it
//! without a socket; [`ApiServer::listen`] serves the same over TCP for tests with processes. Every answer can be spoiled
//! by a [`Fault`], open watches can be frozen or cut, and history can be compacted.
//!
//! Left out: managed fields (the last writer of a status owns it), validation, authentication.

mod answer;
mod fault;
mod listen;
mod request;
mod state;
mod stream;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

pub use answer::{AnswerBody, Refused};
pub use fault::{Fault, Rule};
pub use listen::Listening;
pub use request::Verb;
pub use state::Seen;
use state::State;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told whenever anything changes that a watch or a stalled request waits for.
    changed: watch::Sender<u64>,
}

impl Default for ApiServer {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), changed: watch::Sender::new(0) }) }
    }
}

impl ApiServer {
    /// Creates an object, or updates it as `kubectl apply` does: `generation` moves with `spec`. Gives back the stored one.
    ///
    /// # Panics
    /// The document has no kind, no name, or a kind that is not known here.
    pub fn apply(&self, document: Value) -> Value {
        self.change(|state| state.apply(document))
    }

    /// Somebody else writes a status.
    ///
    /// # Panics
    /// There is no such object.
    pub fn spoil_status(&self, kind: &str, namespace: &str, name: &str, status: Value) {
        self.change(|state| state.set_status(kind, namespace, name, status));
    }

    /// Deletes an object, if it is there.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        self.change(|state| state.delete(kind, namespace, name));
    }

    /// An object as it is stored.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.lock().object(kind, namespace, name)
    }

    /// All objects of a kind.
    #[must_use]
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        self.lock().objects(kind)
    }

    /// One condition of an object: status and reason.
    #[must_use]
    pub fn condition(&self, kind: &str, namespace: &str, name: &str, condition: &str) -> Option<(String, String)> {
        let object = self.object(kind, namespace, name)?;
        let found = object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == condition)?.clone();
        Some((found["status"].as_str()?.to_owned(), found["reason"].as_str()?.to_owned()))
    }

    /// Spoils answers until [`Self::heal`], or as often as the rule says.
    pub fn spoil(&self, rule: Rule) {
        self.change(|state| state.rules.push(rule));
    }

    /// No more faults; stalled requests go on to stall.
    pub fn heal(&self) {
        self.change(|state| state.rules.clear());
    }

    /// Refuses every connection and cuts open watches.
    pub fn go_down(&self) {
        self.change(|state| {
            state.down = true;
            state.cuts += 1;
        });
    }

    /// Accepts connections again.
    pub fn come_up(&self) {
        self.change(|state| state.down = false);
    }

    /// Open watches end in the middle, as when a connection breaks.
    pub fn cut_watches(&self) {
        self.change(|state| state.cuts += 1);
    }

    /// Open watches stay open and say nothing any more, as when a network drops packets. New ones are not affected.
    pub fn freeze_watches(&self) {
        self.change(|state| state.freezes += 1);
    }

    /// Forgets history: whoever asks for events from before now is told 410.
    pub fn compact(&self) {
        self.change(|state| state.compacted = state.version);
    }

    /// Every request so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Number of requests of this kind so far.
    #[must_use]
    pub fn count(&self, verb: Verb, plural: &str) -> usize {
        self.lock().seen.iter().filter(|seen| seen.verb == verb && seen.plural == plural).count()
    }

    /// Waits until a condition holds; it is looked at after every change and every request.
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.shared.changed.subscribe();
        loop {
            changes.borrow_and_update();
            if condition(self) {
                return;
            }
            // The sender is in `self`.
            let _ = changes.changed().await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.shared.changed.send_modify(|number| *number += 1);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked with the lock has failed already.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document of OSP's own kinds.
#[must_use]
pub fn custom(kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "osp.flexworks.eu/v1alpha1",
        "kind": kind,
        "metadata": { "namespace": namespace, "name": name },
        "spec": spec,
    })
}

/// A Secret with the label that OSP watches and the default keys.
#[must_use]
pub fn secret(namespace: &str, name: &str, data: &[(&str, &str)]) -> Value {
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, base64)| ((*key).to_owned(), json!(base64))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "namespace": namespace, "name": name, "labels": { "osp.flexworks.eu/watch": "true" } },
        "type": "Opaque",
        "data": data,
    })
}
