//! Decisions that are kept, so that a hook is asked once for what is asked again and again.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use osp_core::access::Inquiry;
use osp_core::model::{Callable, HookName};

use crate::crew::Asker;
use crate::flights::Flights;
use crate::hooks::Hooks;
use crate::metrics::{Kept, Metrics};
use crate::outcome::{Denied, Outcome, Verdict};
use crate::question::Inputs;
use crate::settings::{MAX_DEADLINE, MAX_NEGATIVE_TTL};
use crate::shelf::Shelf;

/// Monotonic time since some moment. Only differences count.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How decisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionSettings {
    /// For how long a yes is used, counted from the moment of asking; 0 = every request asks. A no is used for 30 s at
    /// most.
    pub ttl: Duration,
    /// Decisions kept at once. One whose inputs are n KiB counts n.
    pub max_entries: usize,
}

impl Default for DecisionSettings {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(300), max_entries: 50_000 }
    }
}

/// The hooks of a gateway, behind a cache of what their `authorize` said. Cheap to clone.
///
/// A decision is kept by everything that the function was given (which is all that it knows of the request), its text,
/// and the inquiry's version, which stands for the route's policy and the client's secret. It is used for nothing else, and never for longer than its time. No answer is
/// never kept.
#[derive(Debug, Clone)]
pub struct Decisions {
    hooks: Hooks,
    book: Arc<Book>,
}

/// What a decision is kept by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// Of the others: made once, because a question is looked for in several places.
    hash: u64,
    version: u64,
    inputs: Inputs,
}

/// The decisions.
struct Book {
    settings: DecisionSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
    seed: RandomState,
    kept: Shelf<Key, Verdict>,
    flights: Arc<Flights<Key, Verdict>>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Decisions {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(hooks: Hooks, settings: DecisionSettings, clock: Clock) -> Self {
        let book = Book::new(settings, clock, Arc::clone(hooks.metrics()));
        Self { hooks, book: Arc::new(book) }
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.book.metrics
    }

    /// May this client do this? Asks the hook unless it has answered the same question within the time to live; of many
    /// who ask the same at once, one asks. `deadline` is the route's; `None` = the gateway's.
    ///
    /// # Errors
    /// No answer is never a yes. Those who wait for the same answer get the same error; those who come later ask anew.
    pub async fn authorize(&self, hook: &HookName, inquiry: &Inquiry, deadline: Option<Duration>) -> Outcome<Verdict> {
        let pinned = self.hooks.pin();
        // also where a decision is kept: a hook that has gone decides nothing
        let inputs = pinned.inputs(hook, inquiry)?;
        let deadline = deadline.unwrap_or_else(|| pinned.deadline()).min(MAX_DEADLINE);
        let ask = |inputs: Inputs| {
            let client = inquiry.token.clone();
            async move { pinned.authorize(&inputs, Asker { client: &client, deadline: Some(deadline) }).await }
        };
        self.book.decide(Key::new(&self.book.seed, inputs, inquiry.version), deadline, ask).await
    }
}

impl Key {
    fn new(seed: &RandomState, inputs: Inputs, version: u64) -> Self {
        Self { hash: seed.hash_one((&inputs, version)), version, inputs }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Book {
    fn new(settings: DecisionSettings, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let kept = Shelf::new(settings.max_entries);
        Self { settings, clock, metrics, seed: RandomState::new(), kept, flights: Flights::new() }
    }

    /// Such a question is asked every time: the keys of a batch are hardly ever the same, and many.
    fn is_closed_to(&self, inputs: &Inputs) -> bool {
        self.settings.ttl.is_zero() || inputs.has_keys()
    }

    /// The kept decision, or that of whoever asks the same just now, or that of `ask`.
    async fn decide<F>(
        self: &Arc<Self>,
        key: Key,
        deadline: Duration,
        ask: impl FnOnce(Inputs) -> F,
    ) -> Outcome<Verdict>
    where
        F: Future<Output = Outcome<Verdict>> + Send + 'static,
    {
        if self.is_closed_to(&key.inputs) {
            return ask(key.inputs).await;
        }
        let kept = || self.kept.get(&key, (self.clock)());
        let depart = || Ok(Arc::clone(self).keep(key.clone(), ask(key.inputs.clone())));
        let joined = self.flights.join(&key, kept, depart);
        self.metrics.cached(key.inputs.hook.as_str(), Callable::Authorize, joined.result());
        joined.answer(deadline).await
    }

    /// Asks, and keeps what may be kept. The time begins with asking: what has changed since then may have been missed.
    async fn keep(self: Arc<Self>, key: Key, answer: impl Future<Output = Outcome<Verdict>>) -> Outcome<Verdict> {
        let asked = (self.clock)();
        let verdict = answer.await?;
        if let Some((ttl, reason)) = self.life(&verdict) {
            let bytes = key.inputs.bytes() + reason;
            self.kept.put(key, verdict.clone(), asked.saturating_add(ttl), bytes);
            self.metrics.kept(Kept::Decisions, self.kept.len());
        }
        Ok(verdict)
    }

    /// How long a verdict lives, and the bytes that it takes; `None` when it is not kept.
    fn life(&self, verdict: &Verdict) -> Option<(Duration, usize)> {
        match verdict {
            Verdict::Allow => Some((self.settings.ttl, 0)),
            Verdict::Deny(Denied::Said(why) | Denied::NotTrue(why)) => {
                Some((self.settings.ttl.min(MAX_NEGATIVE_TTL), why.len()))
            }
            Verdict::Split(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
