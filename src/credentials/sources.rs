//! What requests ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use osp_core::CredentialFault;
use osp_core::model::{ObjectName, ProcessProxy, TokenEndpoint};
use osp_core::table::{Credentials, FetchedKind, FetchedSource, Fetching, ForWhom};

use crate::fetch::{self, Held};
use crate::keeper::Keeper;
use crate::metrics::{Expiries, Metrics};
use crate::shelf::{Entry, Key, Shelf, Whom};
use crate::{Failure, Hooks, Issuer, Nature};

/// Longest time that a request waits for a credential: clients have time-outs, and the next request finds what comes later.
const FIRST_USE: Duration = Duration::from_secs(2);

/// What the operator may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long keys of hooks are kept that tell no end; 0 = the hook is asked for every request.
    pub ttl: Duration,
    /// Where API keys of hooks are exchanged, and the proxy on the way; `None` = nowhere.
    pub token_endpoint: Option<(TokenEndpoint, Option<ProcessProxy>)>,
}

/// All fetched credentials of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sources {
    shared: Arc<Shared>,
}

/// What requests and keepers share.
#[derive(Debug)]
pub struct Shared {
    pub(crate) settings: Settings,
    pub(crate) nature: Nature,
    pub(crate) issuer: Arc<dyn Issuer>,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) metrics: Metrics,
    shelf: Mutex<Shelf>,
}

impl Sources {
    /// Nothing is fetched yet. Without `hooks`, sources of hooks have nothing to give.
    #[must_use]
    pub fn new(
        settings: Settings,
        nature: Nature,
        metrics: Metrics,
        (issuer, hooks): (Arc<dyn Issuer>, Option<Arc<dyn Hooks>>),
    ) -> Self {
        Self { shared: Arc::new(Shared { settings, nature, issuer, hooks, metrics, shelf: Mutex::default() }) }
    }

    /// When what is held ends, for the metrics page.
    #[must_use]
    pub fn expiries(&self) -> Expiries {
        let shared = Arc::clone(&self.shared);
        Expiries::new(move || {
            let now = (shared.nature.now)();
            let ends = shared.with_shelf(|shelf| shelf.ends());
            ends.into_iter().map(|(source, end)| (source.to_string(), now.until(end))).collect()
        })
    }

    #[cfg(test)]
    pub(crate) fn entries(&self) -> usize {
        self.shared.with_shelf(|shelf| shelf.len())
    }
}

impl Credentials for Sources {
    fn fetch<'a>(&'a self, source: &'a Arc<FetchedSource>, whom: ForWhom<'a>) -> Fetching<'a> {
        Box::pin(async move {
            match tokio::time::timeout(FIRST_USE, self.shared.obtain(source, Some(whom))).await {
                Ok(Ok(held)) => Ok(held.credential),
                Ok(Err(failure)) => Err(failure.into()),
                Err(_) => Err(CredentialFault::Timeout.into()),
            }
        })
    }
}

impl Shared {
    /// What is held, or what will be.
    ///
    /// # Errors
    /// The last fetch failed and the next one is not due, or the one that was waited for failed.
    pub(crate) async fn obtain(
        self: &Arc<Self>,
        source: &Arc<FetchedSource>,
        whom: Option<ForWhom<'_>>,
    ) -> Result<Held, CredentialFault> {
        let whom = match &source.kind {
            FetchedKind::IbmIam { .. } => None,
            FetchedKind::Python { hook, .. } => {
                // a hook that is not there has no state
                let hooks = self.hooks.as_ref().ok_or(CredentialFault::NoHook)?;
                whom.map(|whom| Whom::new(whom, hooks.revision(hook)))
            }
        };
        if whom.is_some() && self.settings.ttl.is_zero() {
            return self.fetch_for_one(source, whom.as_ref()).await;
        }
        let key = Key::new(source, whom);
        // a second time, should its task end at this very moment
        for _ in 0..2 {
            if let Some(found) = self.wait(source, &key).await? {
                return found;
            }
        }
        Err(CredentialFault::Unreachable)
    }

    /// For this request alone.
    async fn fetch_for_one(
        self: &Arc<Self>,
        source: &Arc<FetchedSource>,
        whom: Option<&Whom>,
    ) -> Result<Held, CredentialFault> {
        let fetched = fetch::once(self, source, whom).await;
        self.metrics.refreshed(&source.source, fetched.as_ref().err().copied());
        let held = fetched.map_err(Failure::fault)?;
        if (self.nature.now)().is_before(held.ends) { Ok(held) } else { Err(CredentialFault::Unreachable) }
    }

    /// Waits until the entry of this key has an answer; `None` when its task ended.
    async fn wait(
        self: &Arc<Self>,
        source: &Arc<FetchedSource>,
        key: &Key,
    ) -> Result<Option<Result<Held, CredentialFault>>, CredentialFault> {
        let (entry, mut state, is_new) = self.with_shelf(|shelf| shelf.enter(&source.source, key))?;
        if let Some(state) = is_new {
            let (shared, source, key, entry) = (Arc::clone(self), Arc::clone(source), key.clone(), Arc::clone(&entry));
            let keeper = Keeper { shared, source, key, entry: Arc::clone(&entry), state };
            let _ = entry.keeper.set(tokio::spawn(keeper.keep()).abort_handle());
        }
        loop {
            {
                let (now, state) = ((self.nature.now)(), state.borrow_and_update());
                let answer = state.answer(now).map(Result::<&Held, _>::cloned);
                if state.resting.is_none() && state.is_due(now) {
                    entry.wanted.notify_one();
                }
                if answer.is_some() {
                    return Ok(answer);
                }
            }
            if state.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// See [`Shelf::leave`].
    pub(crate) fn leave(&self, source: &ObjectName, key: &Key, entry: &Arc<Entry>, since: Option<u64>) -> bool {
        let (is_out, is_known) = self.with_shelf(|shelf| (shelf.leave(source, key, entry, since), shelf.has(source)));
        if !is_known {
            self.metrics.forget(source);
        }
        is_out
    }

    fn with_shelf<T>(&self, act: impl FnOnce(&mut Shelf) -> T) -> T {
        act(&mut self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
