//! Access keys that only a hook knows, kept so that it is asked once for each, and not flooded with others.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use osp_core::access::Principal;
use osp_core::model::{Callable, ClientSecret, HookName};
use osp_core::sigv4::{AccessKeyId, SecretKey};

use crate::allowance::Allowance;
use crate::crew::{Asker, Pinned};
use crate::decisions::Clock;
use crate::flights::Flights;
use crate::hooks::Hooks;
use crate::id::Revision;
use crate::metrics::{CacheResult, Kept, Metrics};
use crate::outcome::{NoAnswer, Outcome};
use crate::settings::MAX_NEGATIVE_TTL;
use crate::shelf::Shelf;

/// Bytes of a kept key with its secret: far below what counts as one entry, and not worth measuring.
const ENTRY_BYTES: usize = 512;
/// For whom keys are asked that nobody has ever been found by: for all of them together, because whoever makes keys up
/// could otherwise be as many clients as there are shares of the queue.
const NOBODY: &str = "";

/// How keys are kept, and how often strangers may be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupSettings {
    /// For how long a secret is used, counted from the moment of asking; 0 = every request asks. That there is no such key
    /// is believed for 30 s at most.
    pub ttl: Duration,
    /// Keys kept with their secrets.
    pub max_known: usize,
    /// Keys kept as unknown, in a place of their own: they never push out a known one.
    pub max_unknown: usize,
    /// Look-ups in a second of keys that have never been found. More have no answer: 503 `SlowDown`. Keys that have been
    /// found before are not counted.
    pub per_second: NonZeroU32,
    /// So many at once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for LookupSettings {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            ttl: Duration::from_secs(300),
            max_known: 50_000,
            max_unknown: 10_000,
            per_second: number(50),
            burst: number(100),
        }
    }
}

/// What a hook has said about a key. Cheap to clone: all clones remember signing keys together.
#[derive(Debug, Clone)]
pub struct Found(Arc<[ClientSecret]>);

impl Found {
    fn new(principal: Principal, secret: SecretKey) -> Self {
        Self([ClientSecret::new(principal, secret)].into())
    }

    /// What signatures of this key are verified against. The principal is [`Principal::of_key`].
    #[must_use]
    pub fn secrets(&self) -> &[ClientSecret] {
        &self.0
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_secrets(self) -> Arc<[ClientSecret]> {
        self.0
    }
}

/// The gateway's key look-up: a hook's `lookup_secret`, behind a cache. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lookups {
    shared: Arc<Shared>,
}

struct Shared {
    hooks: Hooks,
    hook: HookName,
    settings: LookupSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// With the text that has found it: that of another text is not used. (One that was asked before a reload may answer
    /// after it.)
    known: Shelf<AccessKeyId, (Revision, Found)>,
    unknown: Shelf<AccessKeyId, Revision>,
    /// Keys that the hook has found before, by whatever text. They hold no secret and outlive reloads, so that a flood of
    /// strangers never keeps those out whose time has just ended.
    regulars: Shelf<AccessKeyId, ()>,
    strangers: Allowance,
    flights: Arc<Flights<Lookup, Option<Found>>>,
    newest: AtomicU64,
}

/// A key and the text that looks it up: whoever comes after a reload does not wait for the old one.
type Lookup = (AccessKeyId, Revision);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups").field("hook", &self.hook).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Lookups {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(hooks: Hooks, hook: HookName, settings: LookupSettings, clock: Clock) -> Self {
        let shared = Shared {
            metrics: Arc::clone(hooks.metrics()),
            hooks,
            hook,
            settings,
            clock,
            known: Shelf::new(settings.max_known),
            unknown: Shelf::new(settings.max_unknown),
            regulars: Shelf::new(settings.max_known),
            strangers: Allowance::new(settings.per_second, settings.burst),
            flights: Flights::new(),
            newest: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Who is asked.
    #[must_use]
    pub fn hook(&self) -> &HookName {
        &self.shared.hook
    }

    /// The secret of an access key id; `None`: there is no such key. The hook is not asked about keys with `/`, which have
    /// no principal.
    ///
    /// # Errors
    /// There is no answer; [`NoAnswer::Overflow`] when too many strangers are asked about. Nothing of that is kept.
    pub async fn secret(&self, key: &AccessKeyId) -> Outcome<Option<Found>> {
        let shared = &self.shared;
        let pinned = shared.hooks.pin();
        // also where a secret is kept: a hook that has gone knows nobody
        let revision = pinned.revision(&shared.hook, Callable::LookupSecret)?;
        shared.forget_before(revision);
        let (deadline, lookup) = (pinned.deadline(), (key.clone(), revision));
        if shared.settings.ttl.is_zero() {
            let client = shared.asker(key).inspect_err(|_| shared.count(CacheResult::Limited))?;
            return Arc::clone(shared).ask(lookup, pinned, client).await;
        }
        let kept = || shared.kept(key, revision);
        let depart = || shared.asker(key).map(|client| Arc::clone(shared).ask(lookup.clone(), pinned, client));
        let joined = shared.flights.join(&lookup, kept, depart);
        shared.count(joined.result());
        joined.answer(deadline).await
    }
}

impl Shared {
    fn kept(&self, key: &AccessKeyId, revision: Revision) -> Option<Option<Found>> {
        let now = (self.clock)();
        if let Some((by, found)) = self.known.get(key, now)
            && by == revision
        {
            return Some(Some(found));
        }
        self.unknown.get(key, now).filter(|by| *by == revision).map(|_| None)
    }

    /// On whose behalf the hook is asked about a key.
    ///
    /// # Errors
    /// [`NoAnswer::Overflow`]: as a stranger, and there are too many.
    fn asker(&self, key: &AccessKeyId) -> Outcome<String> {
        let now = (self.clock)();
        if self.regulars.get(key, now).is_some() {
            return Ok(key.as_str().to_owned());
        }
        if self.strangers.take(now) { Ok(NOBODY.to_owned()) } else { Err(NoAnswer::Overflow) }
    }

    /// Asks the hook and keeps what it says. The time begins with asking.
    async fn ask(self: Arc<Self>, (key, revision): Lookup, pinned: Pinned, client: String) -> Outcome<Option<Found>> {
        let Some(principal) = Principal::of_key(&key) else { return Ok(None) };
        let asked = (self.clock)();
        let secret = pinned.lookup(&self.hook, key.as_str(), Asker::of(&client)).await?;
        let found = secret.map(|secret| Found::new(principal, secret));
        self.keep(key, revision, asked, found.clone());
        Ok(found)
    }

    fn keep(&self, key: AccessKeyId, revision: Revision, asked: Duration, found: Option<Found>) {
        let ttl = self.settings.ttl;
        match found {
            Some(found) => {
                self.regulars.put(key.clone(), (), Duration::MAX, ENTRY_BYTES);
                if !ttl.is_zero() {
                    self.known.put(key, (revision, found), asked.saturating_add(ttl), ENTRY_BYTES);
                }
            }
            None => {
                self.regulars.remove(&key);
                if !ttl.is_zero() {
                    let ttl = ttl.min(MAX_NEGATIVE_TTL);
                    self.unknown.put(key, revision, asked.saturating_add(ttl), ENTRY_BYTES);
                }
            }
        }
        self.tell();
    }

    /// What an older text has found is not used any more: its secrets need not stay in memory either.
    fn forget_before(&self, revision: Revision) {
        if self.newest.load(Ordering::Relaxed) < revision.0
            && self.newest.fetch_max(revision.0, Ordering::Relaxed) < revision.0
        {
            self.known.clear();
            self.unknown.clear();
            self.tell();
        }
    }

    fn tell(&self) {
        self.metrics.kept(Kept::Keys, self.known.len());
        self.metrics.kept(Kept::UnknownKeys, self.unknown.len());
    }

    fn count(&self, result: CacheResult) {
        self.metrics.cached(self.hook.as_str(), Callable::LookupSecret, result);
    }
}
