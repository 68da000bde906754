//! Logs on standard error: readable on a terminal, JSON otherwise.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that says what is logged: directives such as `info,osp_controller=debug`.
const VARIABLE: &str = "OSP_LOG";
/// Below warnings these crates write paths, queries and whole heads, signatures included. No directive opens them.
const CAPPED_CRATES: [&str; 4] = ["pingora", "h2", "hyper", "rustls"];
/// These write answers that they cannot read as warnings, whole LISTs of Secrets included, and each refusal of a watch.
/// `osp_controller` says once what failed.
const ERRORS_ONLY: &str = "kube";

/// Starts logging for the whole process, at `default` unless the environment says otherwise. Calling it again changes
/// nothing.
pub fn start_logging(default: LevelFilter) {
    let directives = std::env::var(VARIABLE).unwrap_or_default();
    let (filter, complaint) = filter(&directives, default);
    let json = !std::io::stderr().is_terminal();
    // It fails when a subscriber is there already, as in a test that starts the gateway in process: keep that one.
    let _ = subscriber(filter, json, std::io::stderr).try_init();
    if let Some(complaint) = complaint {
        tracing::warn!("{VARIABLE} is not understood, logging at {default}: {complaint}");
    }
}

fn filter(directives: &str, default: LevelFilter) -> (EnvFilter, Option<String>) {
    let builder = || EnvFilter::builder().with_default_directive(default.into());
    match builder().parse(directives) {
        Ok(filter) => (filter, None),
        Err(error) => (builder().parse_lossy(""), Some(error.to_string())),
    }
}

fn subscriber<W>(filter: EnvFilter, json: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(allowed));
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if json {
        Box::new(registry.with(layer.json().flatten_event(true).with_current_span(false).with_span_list(false)))
    } else {
        Box::new(registry.with(layer))
    }
}

fn allowed(metadata: &Metadata<'_>) -> bool {
    let is_of = |name: &str| metadata.target().starts_with(name);
    let most = if is_of(ERRORS_ONLY) {
        Level::ERROR
    } else if CAPPED_CRATES.into_iter().any(is_of) {
        Level::WARN
    } else {
        Level::TRACE
    };
    *metadata.level() <= most
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(directives: &str, json: bool, events: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber(filter(directives, LevelFilter::INFO).0, json, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_directive_opens_the_chatty_crates_below_warnings() {
        let text = logged("trace,pingora_core=trace", false, || {
            tracing::info!(target: "pingora_core::apps", "GET /bucket?X-Amz-Signature=leaked");
            tracing::trace!(target: "h2::codec", "authorization: leaked");
            tracing::warn!(target: "pingora_proxy", "kept");
            tracing::trace!(target: "osp_core", "kept as well");
        });
        assert!(!text.contains("leaked"), "{text}");
        assert!(text.contains("kept") && text.contains("kept as well"), "{text}");
    }

    #[test]
    fn c_4_what_the_kube_client_cannot_read_is_not_shown() {
        let text = logged("trace,kube_client=trace", false, || {
            tracing::warn!(target: "kube_client::client", "{{\"kind\":\"SecretList\",\"data\":\"leaked\"}}");
            tracing::error!(target: "kube_client::client", "kept");
            tracing::warn!(target: "osp_controller::kube", "kept as well");
        });
        assert!(!text.contains("leaked"), "{text}");
        assert!(text.contains("kept") && text.contains("kept as well"), "{text}");
    }

    /// pingora logs through the `log` crate, not through tracing.
    #[test]
    fn the_cap_holds_for_the_log_crate_as_well() {
        tracing_log::LogTracer::init().unwrap();
        let text = logged("trace", false, || {
            log::info!(target: "pingora_proxy", "GET /bucket?X-Amz-Signature=leaked");
            log::error!(target: "pingora_proxy", "kept");
            log::debug!(target: "osp_dataplane", "kept as well");
        });
        assert!(!text.contains("leaked"), "{text}");
        assert!(text.contains("kept") && text.contains("kept as well"), "{text}");
    }

    #[test]
    fn info_is_the_default_and_json_is_one_object_per_line() {
        let text = logged("", true, || {
            tracing::debug!("hidden");
            tracing::info!(route = "team-a/data", "shown");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["message"], "shown");
        assert_eq!(line["route"], "team-a/data");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn directives_that_make_no_sense_log_at_info_with_a_complaint() {
        assert!(filter("osp=loud", LevelFilter::INFO).1.is_some());
        assert!(filter("osp=debug,warn", LevelFilter::INFO).1.is_none());
    }
}
