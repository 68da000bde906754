//! The request metrics that OSP promises (C14, C40 ... C45, C48, C49). Labels come from routes and from finite sets
//! only, so no client can create a series (C-5).

use std::sync::Arc;

use foldhash::HashMap;
use osp_core::Denial;
use osp_core::s3::BucketMatch;
use parking_lot::RwLock;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

use crate::attempt::Failure;

/// Label value for requests to buckets without a route.
pub const UNROUTED: &str = "_unrouted";

/// All request metrics.
#[derive(Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    errors: IntCounterVec,
    denials: IntCounterVec,
    transfer: IntCounterVec,
    copied: IntCounterVec,
    presigned_hits: IntCounterVec,
    presigned_rejected: IntCounterVec,
    duration: HistogramVec,
    response_size: HistogramVec,
    series: RwLock<HashMap<String, SeriesOfBucket>>,
    /// From the head to the backend's head, in seconds.
    pub until_backend_head: Histogram,
    /// From the backend's head to the end of the answer, in seconds.
    pub answer: Histogram,
    /// Client connections that are open now (C45).
    pub active_connections: IntGauge,
    backend_failures: IntCounterVec,
    backend_ejections: IntCounterVec,
    retries: IntCounterVec,
    /// Access-log lines dropped because the writer was behind.
    pub log_dropped: IntCounter,
    /// Internal errors that should not exist; anything but 0 is a bug.
    pub bugs: IntCounter,
}

/// One finished request, in label values.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// HTTP method, `OTHER` for unknown ones.
    pub method: &'static str,
    /// The route's bucket or pattern, or [`UNROUTED`].
    pub bucket: &'a str,
    /// Status that the client got; 0 when it got none.
    pub status: u16,
    /// Why it failed, if it did.
    pub denial: Option<&'a Denial>,
    /// The URL was presigned.
    pub presigned: bool,
    /// Object or XML bytes from the client.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// Whole duration in seconds.
    pub seconds: f64,
}

/// The metric children of one (method, bucket, status): looked up once, then counted without hashing labels again.
#[derive(Debug)]
struct Series {
    requests: IntCounter,
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    duration: Histogram,
    response_size: Histogram,
}

/// By method and status.
type SeriesOfBucket = HashMap<(&'static str, u16), Arc<Series>>;

impl Metrics {
    /// Creates and registers them.
    ///
    /// # Errors
    /// When a name is already taken in `registry`.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntCounterVec> {
            let family = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok(family)
        };
        let histograms = |name: &str, help: &str, labels: &[&str], buckets: Vec<f64>| {
            let family = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels)?;
            registry.register(Box::new(family.clone()))?;
            prometheus::Result::Ok(family)
        };
        let active_connections = IntGauge::new("osp_active_connections", "Client connections that are open now.")?;
        registry.register(Box::new(active_connections.clone()))?;
        let single = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let seconds = exponential_buckets(0.0005, 2.0, 18)?;
        let stages = histograms("osp_stage_duration_seconds", "Time by stage.", &["stage"], seconds.clone())?;
        Ok(Self {
            requests: counters("osp_requests_total", "Requests answered.", &["method", "bucket", "status"])?,
            errors: counters("osp_request_errors_total", "Requests that failed.", &["method", "bucket", "error"])?,
            denials: counters("osp_denials_total", "Requests that OSP stopped.", &["reason", "blame"])?,
            transfer: counters("osp_transfer_bytes_total", "Body bytes moved.", &["direction", "bucket"])?,
            copied: counters("osp_copied_bytes_total", "Bytes carried from one backend to another.", &["bucket"])?,
            presigned_hits: counters("osp_presigned_url_hits_total", "Presigned requests served.", &["bucket"])?,
            presigned_rejected: counters("osp_presigned_url_rejected_total", "Presigned URLs refused.", &["bucket"])?,
            duration: histograms(
                "osp_request_duration_seconds",
                "From the first byte of the head to the end of the answer.",
                &["method", "bucket"],
                seconds,
            )?,
            response_size: histograms(
                "osp_response_size_bytes",
                "Body bytes of answers.",
                &["method", "bucket"],
                exponential_buckets(256.0, 4.0, 14)?,
            )?,
            until_backend_head: stages.with_label_values(&["until_backend_head"]),
            answer: stages.with_label_values(&["answer"]),
            series: RwLock::default(),
            active_connections,
            backend_failures: counters(
                "osp_backend_failures_total",
                "Attempts that failed: connect, timeout, broken (connection), status (500, 502, 503, 504).",
                &["bucket", "backend", "kind"],
            )?,
            backend_ejections: counters(
                "osp_backend_ejections_total",
                "Times that a backend was left out of reads.",
                &["bucket", "backend"],
            )?,
            retries: counters("osp_request_retries_total", "Attempts after the first.", &["bucket"])?,
            log_dropped: single("osp_access_log_dropped_total", "Access-log lines dropped: the writer was behind.")?,
            bugs: single("osp_internal_errors_total", "Internal errors; anything but 0 is a bug.")?,
        })
    }

    /// Counts a finished request, once.
    pub fn count(&self, finished: Finished<'_>) {
        let Finished { method, bucket, status, .. } = finished;
        let series = self.series(method, bucket, status);
        series.requests.inc();
        series.bytes_in.inc_by(finished.bytes_in);
        series.bytes_out.inc_by(finished.bytes_out);
        series.duration.observe(finished.seconds);
        #[expect(clippy::cast_precision_loss, reason = "histograms are of floats")]
        series.response_size.observe(finished.bytes_out as f64);
        if let Some(denial) = finished.denial {
            let row = denial.row();
            self.errors.with_label_values(&[method, bucket, row.reason]).inc();
            self.denials.with_label_values(&[row.reason, blame_label(row.blame)]).inc();
            if matches!(denial, Denial::Internal(_)) {
                self.bugs.inc();
            }
        } else if status >= 400 {
            self.errors.with_label_values(&[method, bucket, "backend"]).inc();
        }
        if finished.presigned {
            let family = if finished.denial.is_some() { &self.presigned_rejected } else { &self.presigned_hits };
            family.with_label_values(&[bucket]).inc();
        }
    }

    /// Bytes of a copy came from its source.
    pub fn copied(&self, bucket: &str, bytes: u64) {
        self.copied.with_label_values(&[bucket]).inc_by(bytes);
    }

    /// An attempt at a backend failed.
    pub fn failed(&self, bucket: Option<&BucketMatch>, backend: &str, failure: Failure) {
        self.backend_failures.with_label_values(&[routed(bucket), backend, failure.label()]).inc();
    }

    /// A backend is left out.
    pub fn ejected(&self, bucket: Option<&BucketMatch>, backend: &str) {
        self.backend_ejections.with_label_values(&[routed(bucket), backend]).inc();
    }

    /// A request is tried again.
    pub fn retried(&self, bucket: Option<&BucketMatch>) {
        self.retries.with_label_values(&[routed(bucket)]).inc();
    }

    fn series(&self, method: &'static str, bucket: &str, status: u16) -> Arc<Series> {
        if let Some(series) = self.series.read().get(bucket).and_then(|of_bucket| of_bucket.get(&(method, status))) {
            return Arc::clone(series);
        }
        let series = Arc::new(Series {
            requests: self.requests.with_label_values(&[method, bucket, &status.to_string()]),
            bytes_in: self.transfer.with_label_values(&["in", bucket]),
            bytes_out: self.transfer.with_label_values(&["out", bucket]),
            duration: self.duration.with_label_values(&[method, bucket]),
            response_size: self.response_size.with_label_values(&[method, bucket]),
        });
        self.series.write().entry(bucket.to_owned()).or_default().insert((method, status), Arc::clone(&series));
        series
    }
}

/// The label of a bucket whose request has a permit, and so a route.
fn routed(bucket: Option<&BucketMatch>) -> &str {
    bucket.map_or(UNROUTED, BucketMatch::as_str)
}

pub const fn blame_label(blame: osp_core::Blame) -> &'static str {
    blame.label()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(status: u16, denial: Option<&Denial>) -> Finished<'_> {
        Finished {
            method: "GET",
            bucket: "data",
            status,
            denial,
            presigned: true,
            bytes_in: 3,
            bytes_out: 5,
            seconds: 0.01,
        }
    }

    #[test]
    fn c40_c41_c42_errors_never_count_twice() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.count(finished(200, None));
        metrics.count(finished(403, Some(&Denial::AccessDenied)));
        metrics.count(finished(404, None));
        assert_eq!(metrics.requests.with_label_values(&["GET", "data", "200"]).get(), 1);
        assert_eq!(metrics.errors.with_label_values(&["GET", "data", "denied"]).get(), 1);
        assert_eq!(metrics.errors.with_label_values(&["GET", "data", "backend"]).get(), 1);
        assert_eq!(metrics.transfer.with_label_values(&["in", "data"]).get(), 9);
        assert_eq!(metrics.presigned_hits.with_label_values(&["data"]).get(), 2);
        assert_eq!(metrics.presigned_rejected.with_label_values(&["data"]).get(), 1);
    }
}
