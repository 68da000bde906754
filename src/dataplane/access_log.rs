//! One line per request, written off the request path: requests push into a bounded queue without a system call, a
//! thread of its own drains it. A writer that is behind costs lines, never requests (fault 14).

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use osp_core::Timestamp;
use osp_core::access::Principal;

use crate::settings::LOG_QUEUE;

/// How often the writer looks into the queue: a line is at most this old when it is written.
const POLL: Duration = Duration::from_millis(20);

/// Longest wait for the last lines.
const CLOSE: Duration = Duration::from_secs(1);

/// What a line usually needs.
const USUAL_LINE_BYTES: usize = 384;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is said of one request. Never a secret, a signature or a query.
#[derive(Debug, Clone, Copy)]
pub struct AccessRecord<'a> {
    /// When it ended.
    pub time: Timestamp,
    /// The same as `x-amz-request-id`.
    pub request_id: &'a str,
    /// Client address; of a trusted proxy's client where one spoke.
    pub client: Option<IpAddr>,
    /// The identity whose signature verified.
    pub principal: Option<&'a Principal>,
    /// HTTP method.
    pub method: &'static str,
    /// S3 operation, once classified.
    pub operation: Option<&'static str>,
    /// Client-facing bucket, once parsed.
    pub bucket: Option<&'a str>,
    /// `allow`, or `deny` when OSP refused it: its head by policy or proof, or its body.
    pub decision: &'static str,
    /// HTTP status; 0 when the client got none.
    pub status: u16,
    /// S3 error code of an OSP denial.
    pub code: Option<&'static str>,
    /// Why it was denied or failed: a value of the `reason` label.
    pub reason: Option<&'static str>,
    /// Who has to act.
    pub blame: Option<&'static str>,
    /// The hook that stopped it, and what it said or why it said nothing.
    pub hook: Option<(&'a str, &'a str)>,
    /// Body bytes from the client, framing excluded.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// From the first byte of the head to the end of the answer.
    pub duration: Duration,
    /// Name in its route of the backend that was asked last.
    pub backend: Option<&'a str>,
    /// The S3 error code that the backend answered with, as far as it was read.
    pub backend_code: Option<&'a str>,
    /// Of a copy between backends: name in its route of the one that it was read from, and bytes that came from there.
    pub copied: Option<(&'a str, u64)>,
    /// Attempts to reach a backend.
    pub attempts: usize,
}

/// The queue and its writer. Dropping it writes what is left.
#[derive(Debug)]
pub struct AccessLog {
    format: LogFormat,
    queue: Arc<ArrayQueue<Vec<u8>>>,
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
            .spawn(move || write_lines(sink, &for_writer, &stopped))?;
        Ok(Self { format, queue, stop, writer })
    }

    /// Queues a line; false when it was dropped. The line is written out here: that is less work than copying everything
    /// that a record borrows, to write it later.
    #[must_use]
    pub fn push(&self, record: &AccessRecord<'_>) -> bool {
        let mut line = Vec::with_capacity(USUAL_LINE_BYTES);
        match self.format {
            LogFormat::Json => json_line(record, &mut line),
            LogFormat::Human => human_line(record, &mut line),
        }
        self.queue.push(line).is_ok()
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

fn write_lines(mut sink: impl Write, queue: &ArrayQueue<Vec<u8>>, stop: &AtomicBool) {
    let mut lines = Vec::with_capacity(16 * 1024);
    loop {
        let last_round = stop.load(Ordering::Acquire);
        lines.clear();
        while let Some(line) = queue.pop() {
            lines.extend_from_slice(&line);
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

fn human_line(record: &AccessRecord<'_>, out: &mut Vec<u8>) {
    let written = write!(
        out,
        "{} {} {} {} {} {} {} {}{} in={} out={} {:.1}ms {}",
        record.time.iso8601(),
        record.client.map_or_else(|| "-".to_owned(), |client| client.to_string()),
        record.principal.map_or_else(|| "-".to_owned(), ToString::to_string),
        record.operation.unwrap_or(record.method),
        record.bucket.unwrap_or("-"),
        record.decision,
        record.status,
        record.reason.unwrap_or(""),
        if record.attempts > 1 { " (retried)" } else { "" },
        record.bytes_in,
        record.bytes_out,
        record.duration.as_secs_f64() * 1e3,
        record.request_id,
    );
    if written.is_ok() {
        out.push(b'\n');
    }
}

/// One JSON object; what is not known has no member.
fn json_line(record: &AccessRecord<'_>, out: &mut Vec<u8>) {
    // tells these lines from other JSON lines of the log
    out.extend_from_slice(b"{\"log\":\"access\"");
    quoted(",\"time\":\"", &[&record.time.iso8601()], out);
    quoted(",\"request_id\":\"", &[record.request_id], out);
    if let Some(client) = record.client {
        address(",\"client\":\"", client, out);
    }
    if let Some(identity) = record.principal.map(Principal::identity) {
        escaped(",\"principal\":\"", &identity.parts(), out);
    }
    quoted(",\"method\":\"", &[record.method], out);
    let known = |prefix: &str, value: Option<&'static str>, out: &mut Vec<u8>| {
        if let Some(value) = value {
            quoted(prefix, &[value], out);
        }
    };
    known(",\"operation\":\"", record.operation, out);
    if let Some(bucket) = record.bucket {
        escaped(",\"bucket\":\"", &[bucket], out);
    }
    quoted(",\"decision\":\"", &[record.decision], out);
    number(",\"status\":", u64::from(record.status), out);
    known(",\"code\":\"", record.code, out);
    known(",\"reason\":\"", record.reason, out);
    known(",\"blame\":\"", record.blame, out);
    if let Some((hook, says)) = record.hook {
        quoted(",\"hook\":\"", &[hook], out);
        escaped(",\"hook_says\":\"", &[says], out);
    }
    number(",\"bytes_in\":", record.bytes_in, out);
    number(",\"bytes_out\":", record.bytes_out, out);
    milliseconds(",\"duration_ms\":", record.duration, out);
    if let Some(backend) = record.backend {
        quoted(",\"backend\":\"", &[backend], out);
    }
    if let Some(code) = record.backend_code {
        escaped(",\"backend_code\":\"", &[code], out);
    }
    if let Some((source, bytes)) = record.copied {
        quoted(",\"source_backend\":\"", &[source], out);
        number(",\"bytes_copied\":", bytes, out);
    }
    number(",\"attempts\":", record.attempts as u64, out);
    out.extend_from_slice(b"}\n");
}

/// OSP's own words, which need no escaping. `prefix` ends in a quotation mark.
fn quoted(prefix: &str, parts: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(prefix.as_bytes());
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

/// Text of clients and operators: whatever is not plain ASCII is escaped by `serde_json`.
fn escaped(prefix: &str, parts: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(prefix.as_bytes());
    for part in parts {
        if part.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
            out.extend_from_slice(part.as_bytes());
        } else {
            let quoted = serde_json::to_string(part).unwrap_or_default();
            out.extend_from_slice(quoted.as_bytes().get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
        }
    }
    out.push(b'"');
}

fn address(prefix: &str, address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            let mut separator = prefix;
            for octet in address.octets() {
                number(separator, u64::from(octet), out);
                separator = ".";
            }
            out.push(b'"');
        }
        IpAddr::V6(address) => quoted(prefix, &[&address.to_string()], out),
    }
}

fn number(prefix: &str, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix.as_bytes());
    let (mut digits, mut rest, mut count) = ([b'0'; 20], number, 0);
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

/// With as many decimal places as there are, at least one and at most three.
fn milliseconds(prefix: &str, duration: Duration, out: &mut Vec<u8>) {
    let microseconds = u64::try_from((duration.as_nanos() + 500) / 1000).unwrap_or(u64::MAX);
    number(prefix, microseconds / 1000, out);
    let fraction = microseconds % 1000;
    out.push(b'.');
    let (digits, places) = match (fraction % 100, fraction % 10) {
        (0, _) => (fraction / 100, 1),
        (_, 0) => (fraction / 10, 2),
        _ => (fraction, 3),
    };
    for place in (0..places).rev() {
        out.push(b'0' + u8::try_from(digits / 10_u64.pow(place) % 10).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use osp_core::model::ObjectName;

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

    fn record(id: &str) -> AccessRecord<'_> {
        AccessRecord {
            time: Timestamp::from_unix_seconds(1_795_305_600),
            request_id: id,
            client: Some([127, 0, 0, 1].into()),
            principal: None,
            method: "GET",
            operation: None,
            bucket: Some("line\nbreak\u{1b}[31m\"\\é"),
            decision: "deny",
            status: 403,
            code: Some("AccessDenied"),
            reason: Some("denied"),
            blame: Some("client"),
            hook: Some(("deny-pii", "\"pii\"\n")),
            bytes_in: 0,
            bytes_out: 1,
            duration: Duration::from_micros(500),
            backend: None,
            backend_code: None,
            copied: None,
            attempts: 0,
        }
    }

    fn json(record: &AccessRecord<'_>) -> serde_json::Value {
        let mut line = Vec::new();
        json_line(record, &mut line);
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn every_line_is_one_json_object_and_nothing_is_lost_at_the_end() {
        let bytes = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let log = AccessLog::start(LogFormat::Json, Shared(Arc::clone(&bytes))).unwrap();
        for id in 0..100 {
            assert!(log.push(&record(&format!("{id:016X}"))));
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
        assert!(queue.push(b"0".to_vec()).is_ok());
        assert!(queue.push(b"1".to_vec()).is_err());
    }

    #[test]
    fn every_member_reads_back_as_it_was() {
        let principal = Principal::new(ObjectName::new("team-a", "alice"));
        let full = AccessRecord {
            principal: Some(&principal),
            operation: Some("GetObject"),
            bytes_in: u64::MAX,
            bytes_out: 1_234_567_890,
            backend: Some("minio-dr"),
            backend_code: Some("No\"SuchKey"),
            copied: Some(("aws", 67_108_865)),
            attempts: 2,
            ..record("00")
        };
        let expected = serde_json::json!({
            "log": "access", "time": "2026-11-22T00:00:00.000Z", "request_id": "00", "client": "127.0.0.1",
            "principal": "team-a/alice", "method": "GET", "operation": "GetObject",
            "bucket": "line\nbreak\u{1b}[31m\"\\é", "decision": "deny", "status": 403, "code": "AccessDenied",
            "reason": "denied", "blame": "client", "hook": "deny-pii", "hook_says": "\"pii\"\n", "bytes_in": u64::MAX, "bytes_out": 1_234_567_890, "duration_ms": 0.5,
            "backend": "minio-dr", "backend_code": "No\"SuchKey", "source_backend": "aws", "bytes_copied": 67_108_865,
            "attempts": 2
        });
        assert_eq!(json(&full), expected);
        let v6 = "2001:db8::1".parse().unwrap();
        let bare = AccessRecord {
            client: Some(v6),
            bucket: None,
            code: None,
            reason: None,
            blame: None,
            hook: None,
            ..record("00")
        };
        let bare = json(&bare);
        assert_eq!(bare["client"], "2001:db8::1");
        for absent in [
            "principal",
            "operation",
            "bucket",
            "code",
            "reason",
            "blame",
            "hook",
            "hook_says",
            "backend_code",
            "source_backend",
            "bytes_copied",
        ] {
            assert_eq!(bare.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn durations_are_milliseconds_rounded_to_microseconds() {
        for (nanoseconds, text) in [
            (0, "0.0"),
            (499, "0.0"),
            (500, "0.001"),
            (1_000, "0.001"),
            (10_000, "0.01"),
            (105_000, "0.105"),
            (500_000, "0.5"),
            (1_000_000, "1.0"),
            (12_345_678_900, "12345.679"),
        ] {
            let mut out = Vec::new();
            milliseconds("", Duration::from_nanos(nanoseconds), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
