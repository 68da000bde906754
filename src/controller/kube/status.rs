//! Writes what [`super::conditions`] wants: a map of what differs, emptied by the holder of the Lease.
//!
//! A map and no queue: an object that changes ten times is written once, and nothing is ever dropped for want of room.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{DynamicObject, Patch as ApiPatch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::conditions::{Patch, Wanted};
use super::election::{Leadership, leads};
use super::metrics::Metrics;
use super::object::resource;
use super::store::Key;

/// At most 20 writes a second: ten thousand changed routes must not push others out of the API server.
const PACE: Duration = Duration::from_millis(50);
/// One write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause of an object after its first failed write; doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a writer without work or without the Lease looks again.
const LOOK: Duration = Duration::from_secs(1);
/// The controller's name in Events.
const REPORTER: &str = "osp.flexworks.eu/osp";

/// One write that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The version that was compared: the server refuses the write when there is a newer one.
    pub resource_version: String,
    /// For Events.
    pub uid: String,
    /// What to write.
    pub patch: Patch,
}

/// The writes that are due, one for each object.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    due: BTreeMap<Key, Due>,
    /// Objects whose last write failed: how often, and when to try again.
    failed: BTreeMap<Key, (u32, Instant)>,
    /// The last object that was taken, so that none starves.
    last: Option<Key>,
    /// A write is on its way.
    busy: bool,
}

impl Board {
    /// Everything that differs now.
    pub fn replace(&self, due: BTreeMap<Key, Due>) {
        let mut state = self.lock();
        state.failed.retain(|key, _| due.contains_key(key));
        state.due = due;
        drop(state);
        self.changed.notify_waiters();
    }

    /// What differs for one object now.
    pub fn set(&self, key: &Key, due: Option<Due>) {
        let mut state = self.lock();
        match due {
            Some(due) => drop(state.due.insert(key.clone(), due)),
            None => drop((state.due.remove(key), state.failed.remove(key))),
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// True when nothing is due and nothing on its way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let state = self.lock();
        state.due.is_empty() && !state.busy
    }

    /// The next one whose time has come, in turn.
    fn take(&self, now: Instant) -> Option<(Key, Due)> {
        let mut state = self.lock();
        let ready = |key: &&Key| state.failed.get(*key).is_none_or(|(_, again)| *again <= now);
        let after = state.last.as_ref().and_then(|last| state.due.keys().filter(|key| *key > last).find(ready));
        let key = after.or_else(|| state.due.keys().find(ready))?.clone();
        let due = state.due.remove(&key)?;
        state.last = Some(key.clone());
        state.busy = true;
        Some((key, due))
    }

    fn done(&self, key: &Key) {
        let mut state = self.lock();
        state.busy = false;
        state.failed.remove(key);
    }

    /// Puts a failed write back, unless something newer is due for the object.
    fn retry(&self, key: Key, due: Due, now: Instant) {
        let mut state = self.lock();
        state.busy = false;
        let times = state.failed.get(&key).map_or(0, |(times, _)| *times);
        let pause = FIRST_PAUSE.saturating_mul(1 << times.min(6)).min(LONGEST_PAUSE);
        state.failed.insert(key.clone(), (times.saturating_add(1), now + pause));
        state.due.entry(key).or_insert(due);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes while this process leads. Does not end.
pub struct Writer {
    client: Client,
    params: PatchParams,
    recorder: Recorder,
    leadership: Leadership,
    metrics: Metrics,
}

impl Writer {
    /// For one class; `identity` is what Events call this replica.
    #[must_use]
    pub fn new(client: Client, class: &str, identity: &str, leadership: Leadership, metrics: Metrics) -> Self {
        let reporter = Reporter { controller: REPORTER.to_owned(), instance: Some(identity.to_owned()) };
        let recorder = Recorder::new(client.clone(), reporter);
        let params = PatchParams::apply(&format!("osp-{class}")).force();
        Self { client, params, recorder, leadership, metrics }
    }

    /// Empties the board again and again.
    pub async fn run(self, board: &Board) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let leading = leads(&self.leadership);
            self.metrics.leader(leading);
            let next = if leading { board.take(Instant::now()) } else { None };
            let Some((key, due)) = next else {
                // Missed wake-ups only cost the time until the next look.
                tokio::select! {
                    () = board.changed.notified() => {}
                    () = sleep(LOOK) => {}
                }
                continue;
            };
            pace.tick().await;
            if leads(&self.leadership) {
                self.write(board, key, due).await;
            } else {
                board.retry(key, due, Instant::now());
            }
        }
    }

    async fn write(&self, board: &Board, key: Key, due: Due) {
        let resource = resource(key.0);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &key.1.namespace, &resource);
        let body = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": { "resourceVersion": due.resource_version },
            "status": due.patch.status,
        });
        let outcome =
            timeout(WRITE_TIMEOUT, api.patch_status(&key.1.name, &self.params, &ApiPatch::Apply(&body))).await;
        let result = match &outcome {
            Ok(Ok(_)) => "ok",
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => "conflict",
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => "gone",
            Ok(Err(_)) => "error",
            Err(_) => "timeout",
        };
        self.metrics.status_patch(result);
        match result {
            "ok" => {
                board.done(&key);
                self.warn(&key, &due).await;
            }
            // A newer version, or none: the watch brings it, and then it is compared again.
            "conflict" | "gone" => board.done(&key),
            _ => {
                let error = match outcome {
                    Ok(written) => written.err().map(|error| error.to_string()),
                    Err(late) => Some(late.to_string()),
                };
                tracing::warn!(kind = resource.kind, name = %key.1, error, "a status cannot be written");
                board.retry(key, due, Instant::now());
            }
        }
    }

    /// One Event for each condition that turned false. They are for people: one that cannot be written is not repeated.
    async fn warn(&self, (kind, name): &Key, due: &Due) {
        let reference = ObjectReference {
            api_version: Some(resource(*kind).api_version),
            kind: Some(kind.as_str().to_owned()),
            name: Some(name.name.to_string()),
            namespace: Some(name.namespace.to_string()),
            uid: Some(due.uid.clone()),
            ..ObjectReference::default()
        };
        for Wanted { condition, reason, message, .. } in &due.patch.warnings {
            let event = Event {
                type_: EventType::Warning,
                reason: reason.as_str().to_owned(),
                note: Some(message.chars().take(1024).collect()),
                action: (*condition).to_owned(),
                secondary: None,
            };
            match timeout(WRITE_TIMEOUT, self.recorder.publish(&event, &reference)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, %name, "an Event cannot be written"),
                Err(_) => tracing::debug!(%name, "an Event cannot be written: no answer"),
            }
        }
    }
}
