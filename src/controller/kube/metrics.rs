//! What `/metrics` says of the connection to the API server and of statuses (kubernetes.md 3.10).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use osp_core::model::Kind;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, PullingGauge, Registry,
};
use tokio::time::Instant;

/// From a table of ten routes to one of a hundred thousand.
const COMPILE_SECONDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// Clones share the values.
#[derive(Debug, Clone)]
pub struct Metrics {
    watch_events: IntCounterVec,
    watch_errors: IntCounterVec,
    synced: IntGaugeVec,
    objects: IntGaugeVec,
    rejected: IntGaugeVec,
    compile: Histogram,
    swaps: IntCounter,
    last_swap: IntGauge,
    quiet_since: QuietSince,
    unwatched: IntGauge,
    patches: IntCounterVec,
    leader: IntGauge,
}

/// The last sign of life of the quietest watch, as far as the loop knows; `None` before it begins. The age is measured
/// when it is asked for: a loop that hangs moves this no more, and so the age tells of it.
type QuietSince = Arc<Mutex<Option<Instant>>>;

impl Metrics {
    /// All series, registered.
    ///
    /// # Errors
    /// A name twice or malformed: a mistake in the program.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let vec = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec, prometheus::Error> {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let metrics = Self {
            watch_events: counter(
                "osp_kube_watch_events_total",
                "What watches of the API server told, by kind and type.",
                &["kind", "type"],
            )?,
            watch_errors: counter(
                "osp_kube_watch_errors_total",
                "Errors of watches, by kind and HTTP status (0: no answer).",
                &["kind", "status"],
            )?,
            synced: vec(
                "osp_kube_synced",
                "1 when every watch of the kind is in step with the API server.",
                &["kind"],
            )?,
            objects: vec("osp_config_objects", "Objects that are known.", &["kind"])?,
            rejected: vec("osp_config_rejected", "Objects with a condition that is false.", &["kind"])?,
            compile: Histogram::with_opts(
                HistogramOpts::new("osp_config_compile_seconds", "From a snapshot to a table in force.")
                    .buckets(COMPILE_SECONDS.to_vec()),
            )?,
            swaps: IntCounter::new("osp_config_swaps_total", "Tables that were put in force.")?,
            last_swap: IntGauge::new(
                "osp_config_last_swap_timestamp_seconds",
                "When the table in force was put there, in seconds since 1970.",
            )?,
            quiet_since: QuietSince::default(),
            unwatched: IntGauge::new(
                "osp_kube_unwatched_references",
                "Secrets and ConfigMaps that are referred to and not watched, as there are too many (mode Named).",
            )?,
            patches: counter("osp_status_patches_total", "Writes of statuses, by result.", &["result"])?,
            leader: IntGauge::new("osp_leader", "1 while this process writes statuses.")?,
        };
        registry.register(Box::new(metrics.compile.clone()))?;
        registry.register(Box::new(metrics.swaps.clone()))?;
        registry.register(Box::new(metrics.last_swap.clone()))?;
        registry.register(Box::new(metrics.unwatched.clone()))?;
        registry.register(Box::new(metrics.leader.clone()))?;
        registry.register(Box::new(metrics.age()?))?;
        // Series that exist from the start can be alerted on.
        for result in ["ok", "conflict", "gone", "error", "timeout"] {
            metrics.patches.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    fn age(&self) -> Result<PullingGauge, prometheus::Error> {
        let since = Arc::clone(&self.quiet_since);
        let age = move || {
            let since = *since.lock().unwrap_or_else(PoisonError::into_inner);
            since.map_or(0.0, |since| since.elapsed().as_secs_f64())
        };
        PullingGauge::new(
            "osp_config_age_seconds",
            "Time since the last sign of life of the quietest watch: above 70, changes may be missed.",
            Box::new(age),
        )
    }

    pub(super) fn event(&self, kind: Kind, what: &str) {
        self.watch_events.with_label_values(&[kind.as_str(), what]).inc();
    }

    pub(super) fn error(&self, kind: Kind, status: Option<u16>) {
        self.watch_errors.with_label_values(&[kind.as_str(), &status.unwrap_or(0).to_string()]).inc();
    }

    pub(super) fn synced(&self, kind: Kind, synced: bool) {
        self.synced.with_label_values(&[kind.as_str()]).set(i64::from(synced));
    }

    pub(super) fn objects(&self, kind: Kind, count: usize) {
        self.objects.with_label_values(&[kind.as_str()]).set(gauge(count));
    }

    pub(super) fn rejected(&self, kind: Kind, count: usize) {
        self.rejected.with_label_values(&[kind.as_str()]).set(gauge(count));
    }

    pub(super) fn swapped(&self, took: Duration, now: osp_core::Timestamp) {
        self.compile.observe(took.as_secs_f64());
        self.swaps.inc();
        self.last_swap.set(now.unix_seconds());
    }

    pub(super) fn quiet_since(&self, since: Option<Instant>) {
        *self.quiet_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    pub(super) fn unwatched(&self, count: usize) {
        self.unwatched.set(gauge(count));
    }

    pub(super) fn status_patch(&self, result: &str) {
        self.patches.with_label_values(&[result]).inc();
    }

    pub(super) fn leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
