//! Logs and the metric registry of the process. Metrics of requests live in the data plane, which registers them here.

mod logging;
mod metrics;

pub use logging::start_logging;
pub use metrics::{ConfigMetrics, InForce, Metrics};
