//! What is counted. The label `source` is `namespace/name` of a document that is in use, so no client can make a series.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use osp_core::model::ObjectName;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

use crate::Failure;

const SUCCESS: &str = "success";

/// Metrics of fetched credentials.
#[derive(Debug, Clone)]
pub struct Metrics {
    refreshes: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// Metrics of these names are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let refreshes =
            Opts::new("osp_credential_refreshes_total", "Fetches of backend credentials by what came of them");
        let metrics = Self { refreshes: IntCounterVec::new(refreshes, &["source", "outcome"])? };
        registry.register(Box::new(metrics.refreshes.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn refreshed(&self, source: &ObjectName, failure: Option<Failure>) {
        let outcome = failure.map_or(SUCCESS, Failure::label);
        self.refreshes.with_label_values(&[source.to_string().as_str(), outcome]).inc();
    }

    /// Forgets a source of which nothing is held any more.
    pub(crate) fn forget(&self, source: &ObjectName) {
        let source = source.to_string();
        for outcome in Failure::ALL.into_iter().map(Failure::label).chain([SUCCESS]) {
            // most were never counted
            let _ = self.refreshes.remove_label_values(&[source.as_str(), outcome]);
        }
    }
}

/// When what is held ends: asked when the page is, so it never speaks of sources that are gone.
pub struct Expiries {
    ends: Box<dyn Fn() -> Vec<(String, Duration)> + Send + Sync>,
    description: Vec<Desc>,
}

const NAME: &str = "osp_credential_expiry_seconds";
const HELP: &str = "Time until the first of a source's fetched credentials ends, 0 = it has ended.";
const LABELS: [&str; 1] = ["source"];

impl Expiries {
    pub(crate) fn new(ends: impl Fn() -> Vec<(String, Duration)> + Send + Sync + 'static) -> Self {
        let labels = LABELS.map(str::to_owned).to_vec();
        let description = Desc::new(NAME.to_owned(), HELP.to_owned(), labels, HashMap::new());
        Self { ends: Box::new(ends), description: description.into_iter().collect() }
    }
}

impl fmt::Debug for Expiries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiries").finish_non_exhaustive()
    }
}

impl Collector for Expiries {
    fn desc(&self) -> Vec<&Desc> {
        self.description.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(family) = GaugeVec::new(Opts::new(NAME, HELP), &LABELS) else { return Vec::new() };
        for (source, left) in (self.ends)() {
            family.with_label_values(&[source.as_str()]).set(left.as_secs_f64());
        }
        family.collect()
    }
}
