//! The product's binary as a child process: started, waited for, listened to, stopped.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::connection::{Connection, PATIENCE};
use crate::request::Request;

/// How to start it.
pub struct Launch<'a> {
    command: Command,
    dir: &'a Path,
}

impl<'a> Launch<'a> {
    /// `osp serve --config-dir DIR` with nothing else, and an environment without the machine's trust stores.
    #[must_use]
    pub fn new(binary: &str, dir: &'a Path) -> Self {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config-dir").arg(dir).env_clear().env("RUST_BACKTRACE", "1");
        Self { command, dir }
    }

    /// `osp serve --kubernetes` with the kubeconfig in this file, otherwise the same.
    #[must_use]
    pub fn kubernetes(binary: &str, kubeconfig: &'a Path) -> Self {
        let mut command = Command::new(binary);
        command.args(["serve", "--kubernetes", "--kubeconfig"]).arg(kubeconfig);
        command.env_clear().env("RUST_BACKTRACE", "1").env("POD_NAME", "osp-test");
        Self { command, dir: kubeconfig }
    }

    /// The HTTP and the admin listener on free ports.
    #[must_use]
    pub fn http(self) -> Self {
        self.arguments(&["--http-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
    }

    /// The HTTPS listener on a free port, with `tls.crt` and `tls.key` of `dir`.
    #[must_use]
    pub fn https(mut self, dir: &Path) -> Self {
        self.command.args(["--https-listen", "127.0.0.1:0", "--tls-cert"]).arg(dir.join("tls.crt"));
        self.command.arg("--tls-key").arg(dir.join("tls.key"));
        self
    }

    /// More arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// The directory it reads.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir
    }

    /// Starts it and waits for the ready line.
    #[must_use]
    pub fn ready(self) -> Gateway {
        self.ready_within(PATIENCE)
    }

    /// The same with another patience.
    #[must_use]
    pub fn ready_within(self, patience: Duration) -> Gateway {
        let mut gateway = self.spawn();
        let Ok(line) = gateway.ready_line.recv_timeout(patience) else {
            panic!("the gateway did not become ready; its log:\n{}", gateway.log.text());
        };
        gateway.bound = serde_json::from_str(&line).unwrap();
        gateway
    }

    /// Starts it, and waits for nothing.
    #[must_use]
    pub fn started(self) -> Gateway {
        self.spawn()
    }

    /// Starts it, expecting that it ends by itself: its status and its log.
    #[must_use]
    pub fn fails(self) -> (ExitStatus, String) {
        let mut gateway = self.spawn();
        let status = gateway.wait_exit();
        (status, gateway.log.text())
    }

    fn spawn(mut self) -> Gateway {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.command));
        let (sender, ready_line) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let log = Log::default();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.push(line);
            }
            writer.end();
        });
        Gateway { watchdog: Watchdog::new(child.id()), child, bound: Value::Null, ready_line, log }
    }
}

/// Kills the gateway when this process ends however it ends: values in statics are never dropped.
struct Watchdog(Child);

impl Watchdog {
    fn new(pid: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "cat >/dev/null; kill -KILL \"$0\" 2>/dev/null", &pid.to_string()]);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }
}

/// A running gateway. Dropping it kills the process.
pub struct Gateway {
    child: Child,
    watchdog: Watchdog,
    bound: Value,
    ready_line: mpsc::Receiver<String>,
    /// What it writes to stderr.
    pub log: Log,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The gateway is gone and reaped: the watchdog must not shoot at its number any more.
        let _ = self.watchdog.0.kill();
        let _ = self.watchdog.0.wait();
    }
}

impl Gateway {
    fn address(&self, listener: &str) -> SocketAddr {
        let text = self.bound[listener].as_str().unwrap_or_else(|| panic!("no {listener} in {}", self.bound));
        text.parse().unwrap()
    }

    /// The ready line.
    #[must_use]
    pub fn bound(&self) -> &Value {
        &self.bound
    }

    /// A line of `/proc/PID/status` that tells bytes, such as `VmRSS`.
    #[must_use]
    pub fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let told = status.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(':'));
        let kib = told.and_then(|told| told.trim().strip_suffix(" kB")).unwrap_or_else(|| panic!("{line}: {status}"));
        kib.trim().parse::<u64>().unwrap() * 1024
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.address("http")
    }

    /// Where HTTPS is served.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.address("https")
    }

    /// Where the operator looks.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.address("admin")
    }

    /// Status and body of an admin page.
    #[must_use]
    pub fn admin_page(&self, path: &str) -> (u16, String) {
        let request = Request::new("GET", &self.admin().to_string(), path).header("Connection", "close");
        let response = Connection::plain(self.admin()).send(&request).unwrap();
        (response.status, response.text())
    }

    /// All samples of `/metrics`, by their full name with labels.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let (status, text) = self.admin_page("/metrics");
        assert_eq!(status, 200, "/metrics: {text}");
        Metrics::parse(&text)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// True while the process lives.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until the process has ended and its log is complete.
    pub fn wait_exit(&mut self) -> ExitStatus {
        self.log.wait_end();
        self.child.wait().unwrap()
    }
}

/// Lines on stderr.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    /// The lines, and whether the last one has come.
    written: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Log {
    /// A test that panicked while it waited here has changed nothing.
    fn lock(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.lines.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: String) {
        self.lock().0.push(line);
        self.lines.changed.notify_all();
    }

    fn end(&self) {
        self.lock().1 = true;
        self.lines.changed.notify_all();
    }

    /// Number of lines so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().0.len()
    }

    /// True before the first line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lock().0.join("\n")
    }

    /// The access records from line `from` on, as soon as `condition` holds for them.
    #[must_use]
    pub fn records(&self, from: usize, what: &str, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.lock();
        loop {
            let records: Vec<Value> = lines.0[from..].iter().filter_map(|line| access_record(line)).collect();
            if condition(&records) {
                return records;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(left > Duration::ZERO && !lines.1, "no {what} in the log:\n{}", lines.0[from..].join("\n"));
            lines = self.lines.changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_end(&self) {
        let lines = self.lock();
        let (lines, timeout) = self.lines.changed.wait_timeout_while(lines, PATIENCE, |lines| !lines.1).unwrap();
        assert!(!timeout.timed_out(), "the gateway did not end; its log:\n{}", lines.0.join("\n"));
    }
}

/// An access-log line is a JSON object with a decision; tracing may put the fields one level down.
fn access_record(line: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(line).ok()?;
    if let Some(fields) = value.get_mut("fields").map(Value::take) {
        value = fields;
    }
    value.get("decision").is_some().then_some(value)
}

/// Samples of a Prometheus page.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Self(samples.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Sum of the samples of `name` that carry all of `labels` (`method="GET"`).
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let fits = |series: &str| {
            let (base, rest) = series.split_once('{').unwrap_or((series, ""));
            base == name && labels.iter().all(|label| rest.contains(label))
        };
        self.0.iter().filter(|(series, _)| fits(series)).map(|(_, value)| value).sum()
    }

    /// Names of all series, labels included.
    #[must_use]
    pub fn series(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
