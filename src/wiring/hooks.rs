//! The hooks of a process: loaded before the first table, followed from then on, and asked by the data plane.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use osp_controller::HookNews;
use osp_core::access;
use osp_core::model::{Callable, HookState};
use osp_hooks::{Hooks, Isolation};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::{PART_ENDED, failure};
use crate::telemetry::Metrics;
use crate::{Config, Failure, config};

/// The hooks of a running gateway.
pub(super) struct RunningHooks {
    hooks: Option<Hooks>,
    /// Where their workers are looked after, for as long as this lives.
    _runtime: Option<Runtime>,
}

impl RunningHooks {
    /// Loads all hooks and starts their workers. A hook that does not load is a matter of the routes that name it.
    pub(super) fn start(config: &Config, metrics: &Metrics) -> Result<Self, Failure> {
        let Some(wanted) = &config.hooks else { return Ok(Self { hooks: None, _runtime: None }) };
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
        Ok(Self { hooks: Some(hooks), _runtime: Some(runtime) })
    }

    /// What there is to say of every hook, from now on.
    pub(super) fn news(&self) -> HookNews {
        // without hooks there is nothing to say, and that is known
        Some(self.hooks.as_ref().map_or_else(|| watch::Sender::default().subscribe(), Hooks::news))
    }

    /// Who answers for the hooks of routes.
    pub(super) fn policy(&self) -> Arc<dyn access::Hooks> {
        match &self.hooks {
            Some(hooks) => Arc::new(hooks.clone()),
            None => Arc::new(access::NoHooks),
        }
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
