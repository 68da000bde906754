//! What policy in Python costs (performance.md rows g1 to g4): asked and kept, asked every time, beside one that sleeps, and
//! by many at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use osp_test_support::documents::{ConfigDir, Route, client, credential};
use osp_test_support::{BACKEND, Key};

use crate::arms::{HOST, Process, Stage};
use crate::load::{Client, Prepared, Work};
use crate::measure::{self, Mode};
use crate::{ROUNDS, Row, SMALL};

/// Those who ask at once; each is a client of its own.
const CALLERS: [Key; 4] = [
    Key { id: "BENCHCALLER000000001", secret: "bench-caller-secret-1" },
    Key { id: "BENCHCALLER000000002", secret: "bench-caller-secret-2" },
    Key { id: "BENCHCALLER000000003", secret: "bench-caller-secret-3" },
    Key { id: "BENCHCALLER000000004", secret: "bench-caller-secret-4" },
];
/// Whose hook sleeps.
const SLEEPER: Key = Key { id: "BENCHSLEEPER00000001", secret: "bench-sleeper-secret" };
/// Asked by nobody: what a request costs without policy.
const OPEN: &str = "open";
/// Asks `policy.py`.
const ASKED: &str = "asked";
/// Asks `sleeps.py`.
const SLEEPING: &str = "sleeping";
/// As the brief's: a token, a bucket and the request.
const POLICY: &str = "def authorize(token, bucket, request=None):\n    return request['method'] == 'GET'\n";
const SLEEPS: &str = "import time\ndef authorize(token, bucket):\n    time.sleep(1)\n    return True\n";
/// Requests over one connection in a round: all rounds together stay below what a connection may have (10,000).
const REQUESTS: usize = 500;
/// Connections of each caller.
const CONNECTIONS: usize = 4;
/// Who ask the same at once, for the first time.
const CROWD: usize = 1000;

/// A gateway with hooks.
struct Hooked {
    process: Process,
    documents: ConfigDir,
    hooks: tempfile::TempDir,
}

impl Hooked {
    fn start(stage: &Stage, settings: &str) -> Self {
        Self::start_in(stage, settings, &[])
    }

    fn start_in(stage: &Stage, settings: &str, wrapper: &[String]) -> Self {
        let hooks = tempfile::tempdir().unwrap();
        write(hooks.path(), "policy", POLICY);
        write(hooks.path(), "sleeps", SLEEPS);
        let names = ["one", "two", "three", "four", "sleeper"];
        let keys = CALLERS.into_iter().chain([SLEEPER]);
        let mut documents: Vec<String> = names.iter().zip(keys).map(|(name, key)| client(name, key)).collect();
        documents.push(credential("backend", BACKEND));
        let endpoint = stage.endpoint();
        for (bucket, hook) in [(OPEN, None), (ASKED, Some("{name: policy}")), (SLEEPING, Some("{name: sleeps}"))] {
            let route = names.iter().fold(Route::new(bucket, &endpoint, bucket), |route, name| {
                route.allow(name, "Read, List, Write, Delete", &[])
            });
            documents.push(hook.map_or(route.clone(), |hook| route.hook(hook)).yaml());
        }
        let settings = format!("hooks: {{dir: {:?}, timeout: 5s, {settings}}}\n", hooks.path());
        let (process, documents) = stage.start_with_settings(&documents.join("---\n"), &settings, wrapper);
        Self { process, documents, hooks }
    }

    /// CPU nanoseconds of the gateway and its workers.
    fn cpu_ns(&self) -> u64 {
        measure::cpu_ns(self.process.id())
            + measure::children(self.process.id()).into_iter().map(measure::cpu_ns).sum::<u64>()
    }

    /// Calls of a hook so far, whatever came of them.
    fn calls(&self, hook: &str) -> f64 {
        let address = self.process.admin.expect("a gateway with metrics");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let of_hook =
            |line: &&str| line.starts_with("osp_hook_calls_total") && line.contains(&format!("hook=\"{hook}\""));
        page.lines().filter(of_hook).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(format!("{name}.py")), text).unwrap();
}

/// All of them.
pub fn rows(stage: &Stage, mode: Mode, wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    if wanted("g1") {
        rows.push(kept(stage, mode));
        rows.push(kept_latency(stage));
    }
    if wanted("g2") {
        rows.push(cold(stage, "process", 45.0));
        rows.push(cold(stage, "thread", 20.0));
    }
    if wanted("g3") {
        rows.push(beside_a_sleeper(stage));
    }
    if wanted("g4") {
        rows.push(crowd(stage));
    }
    rows
}

fn row(name: &'static str, what: &'static str, measured: f64, must: f64, detail: String) -> Row {
    Row { name, what, measured, must: Some(must), steady: true, detail }
}

/// g1: what a request costs whose decision is kept. In threads, since nothing is asked and valgrind follows no process that
/// starts itself anew.
fn kept(stage: &Stage, mode: Mode) -> Row {
    let count = |bucket| {
        let start = |wrapper: &[String]| {
            let Hooked { process, documents, hooks } =
                Hooked::start_in(stage, "cacheTTL: 300s, isolation: thread", wrapper);
            (process, (documents, hooks))
        };
        measure::instructions_at_rest(stage, mode, start, &Prepared::by(CALLERS[0], Work::Get(SMALL), bucket))
    };
    let (without, with) = (count(OPEN), count(ASKED));
    let detail = format!("{:.1} k / {:.1} k instructions", with / 1e3, without / 1e3);
    row("g1", "1 KiB GET, decision kept / no policy", with / without, 1.05, detail)
}

/// g1: what that adds to the median of a request.
fn kept_latency(stage: &Stage) -> Row {
    let hooked = Hooked::start(stage, "cacheTTL: 300s");
    let [open, asked] = [OPEN, ASKED].map(|bucket| Prepared::by(CALLERS[0], Work::Get(SMALL), bucket));
    let median = |prepared: &Prepared| percentile(&mut latencies(&hooked.process, prepared, REQUESTS), 50);
    let (mut without, mut with) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        without = without.min(median(&open));
        with = with.min(median(&asked));
    }
    assert_eq!(hooked.calls("policy"), 1.0, "the decision was not kept");
    hooked.process.stop();
    let [without, with] = [without, with].map(|time| time.as_secs_f64() * 1e6);
    let detail = format!("{with:.1} / {without:.1} us");
    row("g1", "us that a kept decision adds to the median", (with - without).max(0.0), 100.0, detail)
}

/// g2: CPU time that a call adds, of the gateway and its workers, with sixteen callers at once.
fn cold(stage: &Stage, isolation: &str, must: f64) -> Row {
    let hooked = Hooked::start(stage, &format!("cacheTTL: 0s, isolation: {isolation}"));
    let prepared = |bucket: &'static str| CALLERS.map(|key| Prepared::by(key, Work::Get(SMALL), bucket));
    let (open, asked) = (prepared(OPEN), prepared(ASKED));
    let spent = |prepared: &[Prepared; 4]| {
        let before = hooked.cpu_ns();
        std::thread::scope(|scope| {
            for one in prepared.iter().flat_map(|one| [one; CONNECTIONS]) {
                scope.spawn(|| Client::new(hooked.process.http).run(one, REQUESTS));
            }
        });
        (hooked.cpu_ns() - before) as f64 / 1e3 / (CALLERS.len() * CONNECTIONS * REQUESTS) as f64
    };
    let (mut without, mut with) = (f64::INFINITY, f64::INFINITY);
    for round in 0..=ROUNDS {
        let (one, other) = (spent(&open), spent(&asked));
        if round > 0 {
            (without, with) = (without.min(one), with.min(other));
        }
    }
    hooked.process.stop();
    let what = match isolation {
        "thread" => "CPU us that a call adds, 16 callers, thread isolation",
        _ => "CPU us that a call adds, 16 callers, process isolation",
    };
    row("g2", what, with - without, must, format!("{with:.1} - {without:.1} CPU us per request"))
}

/// g3: the slowest of a hundred requests of somebody whose own hook is asked every time, while another's hook sleeps.
fn beside_a_sleeper(stage: &Stage) -> Row {
    let hooked = Hooked::start(stage, "cacheTTL: 0s");
    let asked = Prepared::by(CALLERS[0], Work::Get(SMALL), ASKED);
    let sleeping = Prepared::by(SLEEPER, Work::Get(SMALL), SLEEPING);
    let p99 = || percentile(&mut latencies(&hooked.process, &asked, 500), 99);
    let (mut alone, mut beside) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        alone = alone.min(p99());
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| Client::new(hooked.process.http).run(&sleeping, 1));
            // until its call has certainly begun
            std::thread::sleep(Duration::from_millis(50));
            beside = beside.min(p99());
            sleeper.join().unwrap();
        });
    }
    hooked.process.stop();
    let detail = format!("{:.0} / {:.0} us", beside.as_secs_f64() * 1e6, alone.as_secs_f64() * 1e6);
    row(
        "g3",
        "p99 of others beside a hook that sleeps 1 s / alone",
        beside.as_secs_f64() / alone.as_secs_f64(),
        1.2,
        detail,
    )
}

/// g4: calls of a hook that many ask the same at once, none of them for the second time.
fn crowd(stage: &Stage) -> Row {
    let hooked = Hooked::start(stage, "cacheTTL: 300s");
    let prepared = Prepared::by(CALLERS[0], Work::Get(SMALL), SLEEPING);
    let mut clients: Vec<Client> = (0..CROWD).map(|_| Client::new(hooked.process.http)).collect();
    let begun = Instant::now();
    clients.iter_mut().for_each(|client| client.ask(&prepared));
    clients.iter_mut().for_each(|client| client.read_answer(&prepared));
    let detail = format!("{CROWD} requests in {:.2} s, of a hook that sleeps 1 s", begun.elapsed().as_secs_f64());
    let calls = hooked.calls("sleeps");
    hooked.process.stop();
    row("g4", "calls for 1,000 identical cold requests at once", calls, 1.0, detail)
}

/// How long each request takes, one after the other over one connection.
fn latencies(process: &Process, prepared: &Prepared, count: usize) -> Vec<Duration> {
    let mut client = Client::new(process.http);
    client.run(prepared, 10);
    (0..count)
        .map(|_| {
            let begun = Instant::now();
            client.run(prepared, 1);
            begun.elapsed()
        })
        .collect()
}

fn percentile(latencies: &mut [Duration], percent: usize) -> Duration {
    latencies.sort_unstable();
    latencies[latencies.len() * percent / 100]
}
