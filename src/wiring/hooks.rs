//! The hooks of a process: loaded before the first table, followed from then on, and asked by the data plane.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use osp_controller::HookNews;
use osp_core::access;
use osp_core::model::{Callable, HookName, HookState};
use osp_dataplane::Clock;
use osp_hooks::{DecisionSettings, Decisions, Hooks, Isolation, LookupSettings, Lookups};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::credentials::OfHooks;
use super::{PART_ENDED, failure};
use crate::telemetry::Metrics;
use crate::{Config, Failure, config};

/// Strangers' keys that may be looked up at once after a pause, in seconds of the rate.
const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// The hooks of a running gateway.
pub(super) struct RunningHooks {
    hooks: Option<(Hooks, Decisions)>,
    key_lookup: Option<Arc<dyn access::KeyLookup>>,
    /// Where their workers are looked after, for as long as this lives.
    _runtime: Option<Runtime>,
}

impl RunningHooks {
    /// Loads all hooks and starts their workers. A hook that does not load is a matter of the routes that name it.
    pub(super) fn start(config: &Config, metrics: &Metrics, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let Some(wanted) = &config.hooks else { return Ok(Self { hooks: None, key_lookup: None, _runtime: None }) };
        // one thread of its own: answers of hooks wait for no request, and requests for no worker
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("hooks").enable_all().build().map_err(failure)?;
        let metrics = osp_hooks::Metrics::register(metrics.registry()).map_err(failure)?;
        let hooks =
            runtime.block_on(Hooks::start(settings(wanted), metrics)).map_err(|why| Failure::Hooks(vec![why]))?;
        let followed = hooks.clone();
        runtime.spawn(async move {
            let ended = tokio::spawn(async move { followed.follow().await }).await;
            tracing::error!(panicked = ended.is_err(), "hooks are no longer followed: stopping");
            std::process::exit(PART_ENDED);
        });
        let clock = Arc::clone(clock);
        let clock: osp_hooks::Clock = Arc::new(move || clock.monotonic());
        let kept = DecisionSettings { ttl: wanted.cache_ttl, max_entries: wanted.cache_entries };
        let decisions = Decisions::new(hooks.clone(), kept, Arc::clone(&clock));
        let key_lookup = wanted.key_lookup.clone().map(|hook| {
            tell_without_keys(&hooks, &hook);
            let settings = LookupSettings {
                ttl: wanted.cache_ttl,
                max_known: wanted.cache_entries,
                per_second: wanted.key_lookup_rate,
                burst: wanted.key_lookup_rate.saturating_mul(TWO),
                ..LookupSettings::default()
            };
            Arc::new(Lookups::new(hooks.clone(), hook, settings, clock)) as Arc<dyn access::KeyLookup>
        });
        Ok(Self { hooks: Some((hooks, decisions)), key_lookup, _runtime: Some(runtime) })
    }

    /// What there is to say of every hook, from now on.
    pub(super) fn news(&self) -> HookNews {
        // without hooks there is nothing to say, and that is known
        Some(self.hooks.as_ref().map_or_else(|| watch::Sender::default().subscribe(), |(hooks, _)| hooks.news()))
    }

    /// Who gives credentials of backends, if hooks do.
    pub(super) fn credentials(&self) -> Option<Arc<dyn osp_credentials::Hooks>> {
        self.hooks.as_ref().map(|(hooks, _)| Arc::new(OfHooks(hooks.clone())) as Arc<dyn osp_credentials::Hooks>)
    }

    /// Who answers for the hooks of routes.
    pub(super) fn policy(&self) -> Arc<dyn access::Hooks> {
        match &self.hooks {
            Some((_, decisions)) => Arc::new(decisions.clone()),
            None => Arc::new(access::NoHooks),
        }
    }

    /// Who knows keys that no document has.
    pub(super) fn key_lookup(&self) -> Option<Arc<dyn access::KeyLookup>> {
        self.key_lookup.clone()
    }
}

/// No mistake that keeps the process from starting: the hook may be there a second later. Until then, whoever signs with
/// such a key is answered 503.
fn tell_without_keys(hooks: &Hooks, hook: &HookName) {
    let knows_keys = |state: &HookState| state.callables().contains(&Callable::LookupSecret);
    if !hooks.states().get(hook).is_some_and(knows_keys) {
        tracing::error!(%hook, "hooks.keyLookup: there is no such hook, or it does not define lookup_secret");
    }
}

/// See [`crate::serve_if_hook_worker`].
pub(crate) fn serve_if_hook_worker() -> Option<ExitCode> {
    osp_hooks::serve_if_worker()
}

/// See [`crate::check_hooks`].
pub(crate) fn check_hooks(dir: &Path) -> Result<String, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failure)?;
    let settings = osp_hooks::Settings::new(dir);
    let checked = runtime.block_on(osp_hooks::check(settings)).map_err(|why| Failure::Hooks(vec![why]))?;
    let mut wrong: Vec<String> =
        checked.ignored.iter().map(|file| format!("{file}: no route could say this name")).collect();
    let mut good = String::new();
    for (hook, state) in &checked.states {
        match state {
            HookState::Invalid { why } | HookState::Stale { why, .. } => wrong.push(format!("{hook}.py: {why}")),
            HookState::Current { callables } => {
                let names: Vec<&str> = callables.iter().copied().map(Callable::name).collect();
                good.push_str(&format!("{hook}.py: {}\n", names.join(", ")));
            }
        }
    }
    if wrong.is_empty() { Ok(good) } else { Err(Failure::Hooks(wrong)) }
}

fn settings(wanted: &config::Hooks) -> osp_hooks::Settings {
    let settings = osp_hooks::Settings::new(&wanted.dir);
    osp_hooks::Settings {
        isolation: if wanted.in_threads { Isolation::Thread } else { Isolation::Process },
        deadline: wanted.timeout,
        workers: wanted.workers.unwrap_or(settings.workers),
        queue: wanted.queue,
        memory: wanted.memory,
        environment: wanted.variables(|name| std::env::var(name).ok()),
        ..settings
    }
}
