//! One line per request, written off the request path: requests push into a bounded queue without a system call, a
//! thread of its own drains it. A writer that is behind costs lines, never requests (fault 14).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use serde::Serialize;

use crate::settings::LOG_QUEUE;

/// How often the writer looks into the queue: a line is at most this old when it is written.
const POLL: Duration = Duration::from_millis(20);

/// Longest wait for the last lines.
const CLOSE: Duration = Duration::from_secs(1);

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is said of one request. Never a secret, a signature or a query.
#[derive(Debug, Clone, Serialize)]
pub struct AccessRecord {
    /// Always `access`: tells these lines from other JSON lines of the log.
    pub log: &'static str,
    /// When it ended, ISO 8601.
    pub time: String,
    /// The same as `x-amz-request-id`.
    pub request_id: String,
    /// Client address; of a trusted proxy's client where one spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// `namespace/name` of the identity whose signature verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// HTTP method.
    pub method: &'static str,
    /// S3 operation, once classified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// Client-facing bucket, once parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// `allow`, or `deny` when OSP refused it: its head by policy or proof, or its body.
    pub decision: &'static str,
    /// HTTP status; 0 when the client got none.
    pub status: u16,
    /// S3 error code of an OSP denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it was denied or failed: a value of the `reason` label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Who has to act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blame: Option<&'static str>,
    /// Body bytes from the client, framing excluded.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// Milliseconds from the first byte of the head to the end of the answer.
    pub duration_ms: f64,
    /// Attempts to reach the backend.
    pub attempts: usize,
}

/// The queue and its writer. Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    queue: Arc<ArrayQueue<Box<AccessRecord>>>,
    stop: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl AccessLog {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(format: LogFormat, sink: impl Write + Send + 'static) -> std::io::Result<Self> {
        let queue = Arc::new(ArrayQueue::new(LOG_QUEUE));
        let stop = Arc::new(AtomicBool::new(false));
        let (for_writer, stopped) = (Arc::clone(&queue), Arc::clone(&stop));
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_lines(format, sink, &for_writer, &stopped))?;
        Ok(Self { queue, stop, writer })
    }

    /// Queues a line; false when it was dropped.
    #[must_use]
    pub fn push(&self, record: AccessRecord) -> bool {
        self.queue.push(Box::new(record)).is_ok()
    }

    /// Writes what is left and stops the writer, waiting at most a second: a blocked sink must not keep the process.
    pub fn close(&self) {
        self.stop.store(true, Ordering::Release);
        let mut waited = Duration::ZERO;
        while !self.writer.is_finished() && waited < CLOSE {
            std::thread::sleep(POLL);
            waited += POLL;
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_lines(format: LogFormat, mut sink: impl Write, queue: &ArrayQueue<Box<AccessRecord>>, stop: &AtomicBool) {
    let mut lines = Vec::with_capacity(16 * 1024);
    loop {
        let last_round = stop.load(Ordering::Acquire);
        lines.clear();
        while let Some(record) = queue.pop() {
            render(format, &record, &mut lines);
        }
        if !lines.is_empty() {
            // a log that cannot be written must not stop requests, and there is nowhere else to say it
            let _ = sink.write_all(&lines).and_then(|()| sink.flush());
        }
        if last_round {
            return;
        }
        std::thread::sleep(POLL);
    }
}

fn render(format: LogFormat, record: &AccessRecord, out: &mut Vec<u8>) {
    let written = match format {
        LogFormat::Json => serde_json::to_writer(&mut *out, record).is_ok(),
        LogFormat::Human => write!(
            out,
            "{} {} {} {} {} {} {} {}{} in={} out={} {:.1}ms {}",
            record.time,
            record.client.as_deref().unwrap_or("-"),
            record.principal.as_deref().unwrap_or("-"),
            record.operation.unwrap_or(record.method),
            record.bucket.as_deref().unwrap_or("-"),
            record.decision,
            record.status,
            record.reason.unwrap_or(""),
            if record.attempts > 1 { " (retried)" } else { "" },
            record.bytes_in,
            record.bytes_out,
            record.duration_ms,
            record.request_id,
        )
        .is_ok(),
    };
    if written {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink that never takes a byte, and one that can be read.
    struct Shared(Arc<parking_lot::Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn record(id: usize) -> AccessRecord {
        AccessRecord {
            log: "access",
            time: "2026-11-22T00:00:00.000Z".to_owned(),
            request_id: format!("{id:016X}"),
            client: Some("127.0.0.1".to_owned()),
            principal: None,
            method: "GET",
            operation: None,
            bucket: Some("line\nbreak\u{1b}[31m".to_owned()),
            decision: "deny",
            status: 403,
            code: Some("AccessDenied"),
            reason: Some("denied"),
            blame: Some("client"),
            bytes_in: 0,
            bytes_out: 1,
            duration_ms: 0.5,
            attempts: 0,
        }
    }

    #[test]
    fn every_line_is_one_json_object_and_nothing_is_lost_at_the_end() {
        let bytes = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let log = AccessLog::start(LogFormat::Json, Shared(Arc::clone(&bytes))).unwrap();
        for id in 0..100 {
            assert!(log.push(record(id)));
        }
        drop(log);
        let text = String::from_utf8(bytes.lock().clone()).unwrap();
        assert_eq!(text.lines().count(), 100, "C-7: no client text breaks a line");
        for line in text.lines() {
            assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["status"], 403);
        }
    }

    #[test]
    fn fault_14_a_full_queue_drops_and_says_so() {
        let queue = ArrayQueue::new(1);
        assert!(queue.push(record(0)).is_ok());
        assert!(queue.push(record(1)).is_err());
    }
}
