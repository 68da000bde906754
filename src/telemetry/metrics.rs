//! The registry, and the metrics of the process and of its configuration.

use std::sync::{Arc, Mutex, PoisonError};

use osp_core::Timestamp;
use prometheus::{Encoder, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// Resident pages are the second number of this file (proc(5)).
const STATM: &str = "/proc/self/statm";
/// Of the architectures that OSP is built for.
const PAGE_BYTES: i64 = 4096;

/// The registry of the process. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    memory: IntGauge,
    config: ConfigMetrics,
}

/// What `/metrics` says of the configuration. Clones share the values.
#[derive(Debug, Clone)]
pub struct ConfigMetrics {
    hash: IntGaugeVec,
    shown_hash: Arc<Mutex<Option<[String; 2]>>>,
    reloads: IntCounterVec,
    last_success: IntGauge,
    problems: IntGauge,
    routes: IntGaugeVec,
}

/// What there is to say of a table.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    /// Of the process.
    pub class: &'a str,
    /// Equal on replicas that agree.
    pub hash: &'a str,
    /// Number of routes that are served.
    pub served: usize,
    /// Number of routes that answer 503.
    pub broken: usize,
    /// Number of problems in the documents.
    pub problems: usize,
}

impl Metrics {
    /// A registry with everything that is not about requests.
    ///
    /// # Errors
    /// A name twice or malformed: a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let memory = IntGauge::new("osp_memory_bytes", "Resident memory of the process in bytes.")?;
        registry.register(Box::new(memory.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new("osp_build_info", "Always 1; the labels say which build is running."),
            &["version", "rustc"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("OSP_RUSTC")]).set(1);
        registry.register(Box::new(build))?;
        let config = ConfigMetrics::new(&registry)?;
        Ok(Self { registry, memory, config })
    }

    /// Where the data plane registers its own.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// For whoever loads documents.
    #[must_use]
    pub fn config(&self) -> &ConfigMetrics {
        &self.config
    }

    /// Everything in the text format of Prometheus.
    ///
    /// # Errors
    /// A metric family that cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, prometheus::Error> {
        // A number that cannot be read is left at its last value: 0 only before the first reading.
        if let Some(bytes) = std::fs::read_to_string(STATM).ok().as_deref().and_then(resident_bytes) {
            self.memory.set(bytes);
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl ConfigMetrics {
    fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            hash: IntGaugeVec::new(
                Opts::new(
                    "osp_config_hash_info",
                    "Always 1; the hash is of what the table in force was made of: equal on replicas that agree.",
                ),
                &["class", "hash"],
            )?,
            shown_hash: Arc::default(),
            reloads: IntCounterVec::new(
                Opts::new("osp_config_reloads_total", "Readings of the documents, by what came of them."),
                &["outcome"],
            )?,
            last_success: IntGauge::new(
                "osp_config_last_success_timestamp_seconds",
                "When the documents were last read as a whole, in seconds since 1970.",
            )?,
            problems: IntGauge::new("osp_config_problems", "Problems in the documents of the table in force.")?,
            routes: IntGaugeVec::new(
                Opts::new("osp_routes", "Routes of the table in force; a broken one answers 503."),
                &["state"],
            )?,
        };
        registry.register(Box::new(metrics.hash.clone()))?;
        registry.register(Box::new(metrics.reloads.clone()))?;
        registry.register(Box::new(metrics.last_success.clone()))?;
        registry.register(Box::new(metrics.problems.clone()))?;
        registry.register(Box::new(metrics.routes.clone()))?;
        // Series that exist from the start can be alerted on.
        for outcome in ["applied", "refused", "unchanged"] {
            metrics.reloads.with_label_values(&[outcome]);
        }
        for state in ["served", "broken"] {
            metrics.routes.with_label_values(&[state]);
        }
        Ok(metrics)
    }

    /// A new table is in force.
    pub fn applied(&self, table: &InForce<'_>) {
        self.reloads.with_label_values(&["applied"]).inc();
        self.problems.set(gauge(table.problems));
        self.routes.with_label_values(&["served"]).set(gauge(table.served));
        self.routes.with_label_values(&["broken"]).set(gauge(table.broken));
        let labels = [table.class.to_owned(), table.hash.to_owned()];
        let mut shown = self.shown_hash.lock().unwrap_or_else(PoisonError::into_inner);
        self.hash.with_label_values(&labels).set(1);
        if let Some(previous) = shown.replace(labels.clone()).filter(|previous| *previous != labels) {
            // The series is there: it was made above or by the call before. Nothing to do if not.
            let _ = self.hash.remove_label_values(&previous);
        }
    }

    /// The documents could not be read as a whole: the table in force stays.
    pub fn refused(&self) {
        self.reloads.with_label_values(&["refused"]).inc();
    }

    /// The documents give the table that is in force already.
    pub fn unchanged(&self) {
        self.reloads.with_label_values(&["unchanged"]).inc();
    }

    /// The documents were read as a whole at `now`, whatever came of it.
    pub fn read_at(&self, now: Timestamp) {
        self.last_success.set(now.unix_seconds());
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn resident_bytes(statm: &str) -> Option<i64> {
    statm.split_ascii_whitespace().nth(1)?.parse::<i64>().ok()?.checked_mul(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force(hash: &str, served: usize, broken: usize, problems: usize) -> InForce<'_> {
        InForce { class: "osp", hash, served, broken, problems }
    }

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.encode().unwrap()).unwrap()
    }

    fn value(metrics: &Metrics, series: &str) -> Option<f64> {
        text(metrics).lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    #[test]
    fn memory_and_build_are_there_from_the_start() {
        // C46, C47
        let metrics = Metrics::new().unwrap();
        assert!(value(&metrics, "osp_memory_bytes").unwrap() > 100_000.0);
        let build =
            format!("osp_build_info{{rustc=\"{}\",version=\"{}\"}}", env!("OSP_RUSTC"), env!("CARGO_PKG_VERSION"));
        assert_eq!(value(&metrics, &build), Some(1.0), "{}", text(&metrics));
    }

    #[test]
    fn statm_counts_pages() {
        assert_eq!(resident_bytes("9000 250 100 1 0 300 0\n"), Some(1_024_000));
        assert_eq!(resident_bytes(""), None);
    }

    #[test]
    fn every_outcome_is_a_series_before_it_happens() {
        let metrics = Metrics::new().unwrap();
        for outcome in ["applied", "refused", "unchanged"] {
            assert_eq!(value(&metrics, &format!("osp_config_reloads_total{{outcome=\"{outcome}\"}}")), Some(0.0));
        }
    }

    #[test]
    fn a_new_table_replaces_what_is_said_of_the_old_one() {
        let metrics = Metrics::new().unwrap();
        metrics.config().applied(&in_force("0001", 3, 1, 2));
        metrics.config().applied(&in_force("0abc", 4, 0, 0));
        metrics.config().applied(&in_force("0abc", 5, 0, 0));
        assert_eq!(value(&metrics, "osp_config_hash_info{class=\"osp\",hash=\"0001\"}"), None);
        assert_eq!(value(&metrics, "osp_config_hash_info{class=\"osp\",hash=\"0abc\"}"), Some(1.0));
        assert_eq!(value(&metrics, "osp_routes{state=\"served\"}"), Some(5.0));
        assert_eq!(value(&metrics, "osp_routes{state=\"broken\"}"), Some(0.0));
        assert_eq!(value(&metrics, "osp_config_problems"), Some(0.0));
        assert_eq!(value(&metrics, "osp_config_reloads_total{outcome=\"applied\"}"), Some(3.0));
    }

    #[test]
    fn a_refused_change_leaves_the_rest_alone() {
        let metrics = Metrics::new().unwrap();
        metrics.config().applied(&in_force("0001", 3, 1, 2));
        metrics.config().read_at(Timestamp::from_unix_seconds(1_700_000_000));
        metrics.config().refused();
        assert_eq!(value(&metrics, "osp_config_reloads_total{outcome=\"refused\"}"), Some(1.0));
        assert_eq!(value(&metrics, "osp_routes{state=\"served\"}"), Some(3.0));
        assert_eq!(value(&metrics, "osp_config_last_success_timestamp_seconds"), Some(1_700_000_000.0));
    }
}
