//! What is counted. Labels are names of hooks, which the operator gives, and finite sets: no client can make a series.

use std::time::Duration;

use osp_core::model::{Callable, HookState, HookStates};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, exponential_buckets,
};

/// Metrics of hooks.
#[derive(Debug)]
pub struct Metrics {
    calls: IntCounterVec,
    duration: HistogramVec,
    waiting: IntGauge,
    lost: IntCounter,
    reloads: IntCounter,
    reload_failures: IntCounter,
    hooks: IntGaugeVec,
    shadow: IntCounterVec,
    cache: IntCounterVec,
    kept: IntGaugeVec,
}

/// What a cache had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheResult {
    /// The answer.
    Hit,
    /// Nothing: the hook is asked.
    Miss,
    /// That the hook is being asked.
    Shared,
    /// Nothing, and the hook must not be asked: too many strangers.
    Limited,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Decisions,
    Keys,
    UnknownKeys,
}

impl CacheResult {
    const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Shared => "shared",
            Self::Limited => "limited",
        }
    }
}

impl Kept {
    const fn label(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Keys => "keys",
            Self::UnknownKeys => "unknown_keys",
        }
    }
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// Metrics of these names are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let calls = Opts::new("osp_hook_calls_total", "Calls of hooks by what came of them");
        // 0.1 ms to 1.6 s
        let duration =
            HistogramOpts::new("osp_hook_duration_seconds", "From asking a hook to its answer, waiting included")
                .buckets(exponential_buckets(0.000_1, 2.0, 15)?);
        let hooks = Opts::new("osp_hooks", "Hooks by whether the text in the directory is in force");
        let shadow = Opts::new("osp_policy_shadow_total", "What hooks in shadow would have decided");
        let cache = Opts::new("osp_hook_cache_total", "Questions to hooks by what was kept of them");
        let kept = Opts::new("osp_hook_cache_entries", "Answers of hooks that are kept");
        let metrics = Self {
            shadow: IntCounterVec::new(shadow, &["hook", "outcome"])?,
            calls: IntCounterVec::new(calls, &["hook", "callable", "outcome"])?,
            duration: HistogramVec::new(duration, &["hook", "callable"])?,
            waiting: IntGauge::new("osp_hook_queue_depth", "Calls that wait for a worker")?,
            lost: IntCounter::new("osp_hook_workers_lost_total", "Worker processes or threads given up")?,
            reloads: IntCounter::new("osp_hook_reloads_total", "Changes of hooks that were tried")?,
            reload_failures: IntCounter::new("osp_hook_reload_failures_total", "Those that did not load as a whole")?,
            hooks: IntGaugeVec::new(hooks, &["state"])?,
            cache: IntCounterVec::new(cache, &["hook", "callable", "result"])?,
            kept: IntGaugeVec::new(kept, &["kept"])?,
        };
        registry.register(Box::new(metrics.calls.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.lost.clone()))?;
        registry.register(Box::new(metrics.reloads.clone()))?;
        registry.register(Box::new(metrics.reload_failures.clone()))?;
        registry.register(Box::new(metrics.hooks.clone()))?;
        registry.register(Box::new(metrics.shadow.clone()))?;
        registry.register(Box::new(metrics.cache.clone()))?;
        registry.register(Box::new(metrics.kept.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn answered(&self, hook: &str, callable: Callable, outcome: &str, after: Duration) {
        self.calls.with_label_values(&[hook, callable.name(), outcome]).inc();
        self.duration.with_label_values(&[hook, callable.name()]).observe(after.as_secs_f64());
    }

    pub(crate) fn shadowed(&self, hook: &str, outcome: &str) {
        self.shadow.with_label_values(&[hook, outcome]).inc();
    }

    pub(crate) fn cached(&self, hook: &str, callable: Callable, result: CacheResult) {
        self.cache.with_label_values(&[hook, callable.name(), result.label()]).inc();
    }

    #[cfg(test)]
    pub(crate) fn cache_count(&self, hook: &str, callable: Callable, result: CacheResult) -> u64 {
        self.cache.with_label_values(&[hook, callable.name(), result.label()]).get()
    }

    pub(crate) fn kept(&self, what: Kept, entries: usize) {
        self.kept.with_label_values(&[what.label()]).set(i64::try_from(entries).unwrap_or(i64::MAX));
    }

    pub(crate) fn waiting(&self, calls: usize) {
        self.waiting.set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    pub(crate) fn worker_lost(&self) {
        self.lost.inc();
    }

    pub(crate) fn reloaded(&self, is_complete: bool) {
        self.reloads.inc();
        if !is_complete {
            self.reload_failures.inc();
        }
    }

    pub(crate) fn states(&self, states: &HookStates) {
        for label in HookState::LABELS {
            let count = states.values().filter(|state| state.label() == label).count();
            self.hooks.with_label_values(&[label]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
