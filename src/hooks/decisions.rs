//! Decisions that are kept, so that a hook is asked once for what is asked again and again.

use std::sync::Arc;
use std::time::Duration;

use osp_core::access::Inquiry;
use osp_core::model::{Callable, HookName};
use ring::digest::{SHA256, digest};

use crate::crew::Asker;
use crate::flights::Flights;
use crate::hooks::Hooks;
use crate::id::Revision;
use crate::metrics::{Kept, Metrics};
use crate::outcome::{Denied, Outcome, Verdict};
use crate::question::{Input, write_given};
use crate::settings::{MAX_DEADLINE, MAX_NEGATIVE_TTL};
use crate::shelf::Shelf;

/// What a question with the usual headers takes.
const USUAL_BYTES: usize = 512;

/// Monotonic time since some moment. Only differences count.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How decisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionSettings {
    /// For how long a yes is used, counted from the moment of asking; 0 = every request asks. A no is used for 30 s at
    /// most.
    pub ttl: Duration,
    /// Decisions kept at once. One whose reason is n KiB counts n.
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
/// and the inquiry's version, which stands for the route's policy and the client's secret. It is used for nothing else, and
/// never for longer than its time. No answer is never kept.
#[derive(Debug, Clone)]
pub struct Decisions {
    hooks: Hooks,
    book: Arc<Book>,
}

/// What a decision is kept by: SHA-256 of everything that the function is given, of its text and of the version. No two
/// questions have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key([u8; 32]);

/// A question on its way to its answer.
#[derive(Debug, Clone)]
struct Sought {
    key: Key,
    /// For the label of metrics.
    hook: HookName,
    /// Its answer is not kept: the keys of a batch are hardly ever the same, and many.
    is_batch: bool,
}

/// The decisions.
struct Book {
    settings: DecisionSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
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
        let (revision, declared) = pinned.declared(hook, Callable::Authorize)?;
        let sought = Sought::new(hook, (revision, declared), inquiry);
        let deadline = deadline.unwrap_or_else(|| pinned.deadline()).min(MAX_DEADLINE);
        let ask = || {
            let (pinned, inputs, client) = (pinned.clone(), pinned.inputs(hook, inquiry), inquiry.token.clone());
            async move { pinned.authorize(&inputs?, Asker { client: &client, deadline: Some(deadline) }).await }
        };
        self.book.decide(sought, deadline, ask).await
    }
}

impl Sought {
    fn new(hook: &HookName, (revision, declared): (Revision, &[Input]), inquiry: &Inquiry) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        for number in [revision.0, inquiry.version, hook.as_str().len() as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(hook.as_str().as_bytes());
        write_given(declared, inquiry, &mut bytes);
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(digest(&SHA256, &bytes).as_ref()) {
            *to = *from;
        }
        let is_batch = inquiry.keys.is_some() && declared.contains(&Input::Keys);
        Self { key: Key(key), hook: hook.clone(), is_batch }
    }
}

impl Book {
    fn new(settings: DecisionSettings, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let kept = Shelf::new(settings.max_entries);
        Self { settings, clock, metrics, kept, flights: Flights::new() }
    }

    /// The kept decision, or that of whoever asks the same just now, or that of `ask`.
    async fn decide<F>(
        self: &Arc<Self>,
        Sought { key, hook, is_batch }: Sought,
        deadline: Duration,
        ask: impl FnOnce() -> F,
    ) -> Outcome<Verdict>
    where
        F: Future<Output = Outcome<Verdict>> + Send + 'static,
    {
        if self.settings.ttl.is_zero() || is_batch {
            return ask().await;
        }
        let kept = || self.kept.get(&key, (self.clock)());
        let depart = || Ok(Arc::clone(self).keep(key.clone(), ask()));
        let joined = self.flights.join(&key, kept, depart);
        self.metrics.cached(hook.as_str(), Callable::Authorize, joined.result());
        joined.answer(deadline).await
    }

    /// Asks, and keeps what may be kept. The time begins with asking: what has changed since then may have been missed.
    async fn keep(self: Arc<Self>, key: Key, answer: impl Future<Output = Outcome<Verdict>>) -> Outcome<Verdict> {
        let asked = (self.clock)();
        let verdict = answer.await?;
        if let Some((ttl, reason)) = self.life(&verdict) {
            self.kept.put(key, verdict.clone(), asked.saturating_add(ttl), reason);
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
