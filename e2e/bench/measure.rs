//! Three ways to count: hardware instructions where the machine counts them, callgrind where it does not, process CPU
//! time for bodies (valgrind knows no SHA instructions, so bodies would be counted wrong there).

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use osp_test_support::Connection;

use crate::arms::{Arm, Process, Stage};
use crate::load::{Client, Prepared};

/// Requests before counting begins, and requests counted.
const WARM: usize = 200;
const COUNTED: usize = 1000;

/// How header rows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `perf stat`: user and kernel instructions.
    Perf,
    /// The difference of two callgrind runs: user instructions without SHA compression.
    Callgrind,
}

impl Mode {
    /// What this machine can do.
    pub fn detect() -> Self {
        let output = Command::new("perf").args(["stat", "-x,", "-e", "instructions:u", "true"]).output();
        let counts = output.is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            output.status.success() && text.split(',').next().is_some_and(|field| field.trim().parse::<u64>().is_ok())
        });
        if counts { Self::Perf } else { Self::Callgrind }
    }
}

/// Instructions per request of one arm.
pub fn instructions(stage: &Stage, mode: Mode, arm: Arm, prepared: &Prepared, tls: bool) -> f64 {
    match mode {
        Mode::Perf => perf(stage, arm, prepared, tls),
        Mode::Callgrind => {
            let few = callgrind(stage, arm, prepared, (WARM, tls));
            let many = callgrind(stage, arm, prepared, (WARM + COUNTED, tls));
            (many - few) / COUNTED as f64
        }
    }
}

fn send(stage: &Stage, process: &Process, prepared: &Prepared, (count, tls): (usize, bool)) {
    if tls {
        let address = process.https.expect("an arm with HTTPS");
        let mut connection = Connection::tls(address, stage.authority.client(&[b"http/1.1"]));
        for _ in 0..count {
            assert_eq!(connection.send(&prepared.request).unwrap().status, 200);
        }
    } else {
        Client::new(process.http).run(prepared, count);
    }
}

fn callgrind(stage: &Stage, arm: Arm, prepared: &Prepared, requests: (usize, bool)) -> f64 {
    let text = callgrind_file(stage, arm, prepared, requests);
    let costs = callgrind_costs(&text);
    costs.iter().filter(|(name, _)| !is_sha(name)).map(|(_, spent)| spent.own).sum::<u64>() as f64
}

fn callgrind_file(stage: &Stage, arm: Arm, prepared: &Prepared, requests: (usize, bool)) -> String {
    let (file, wrapper) = valgrind(stage, &[]);
    let process = stage.start(arm, &wrapper);
    send(stage, &process, prepared, requests);
    process.stop();
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("callgrind left no result: {error}"))
}

/// Where callgrind writes its result, and what is put before a program to run it there.
fn valgrind(stage: &Stage, options: &[&str]) -> (PathBuf, Vec<String>) {
    let file = stage.dir.path().join("callgrind.out");
    let _ = std::fs::remove_file(&file);
    let out = format!("--callgrind-out-file={}", file.display());
    let wrapper = ["env", VECTOR_COPIES, "valgrind", "--tool=callgrind", "-q", &out];
    (file, wrapper.iter().chain(options).map(|&word| word.to_owned()).collect())
}

/// Copies of 4 KiB and more are one `rep movsb`, which the hardware counts as one instruction and valgrind as one for every
/// byte: 13,000 in each request through pingora, for one future that moves into its box. With this they are counted as the
/// vector copies that they are on processors without it. The same for every arm.
const VECTOR_COPIES: &str = "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824";

/// SHA compression runs as software under valgrind and as a few instructions outside it.
fn is_sha(function: &str) -> bool {
    function.contains("sha256_block") || (function.contains("sha256") && function.contains("compress"))
}

/// Instructions of one function: its own, and with those of what it calls (counted twice where it calls itself).
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Spent {
    own: u64,
    inclusive: u64,
}

/// Prints what an arm spends a request on, by the difference of two runs: the functions with the most own instructions,
/// then those of OSP and pingora with everything that they call.
pub fn profile(stage: &Stage, arm: Arm, prepared: &Prepared) {
    let costs = |count| callgrind_costs(&callgrind_file(stage, arm, prepared, (count, false)));
    let (few, many) = (costs(WARM), costs(WARM + COUNTED));
    let table = |part: fn(&Spent) -> u64, shown: usize, named: &dyn Fn(&str) -> bool| {
        let each = |(name, spent)| (part(spent) as f64 - few.get(name).map_or(0, part) as f64) / COUNTED as f64;
        let mut rows: Vec<(f64, &String)> =
            many.iter().filter(|(name, _)| named(name)).map(|(name, spent)| (each((name, spent)), name)).collect();
        rows.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (cost, name) in rows.iter().take(shown) {
            println!("{cost:>9.0}  {name}");
        }
    };
    println!("own instructions:");
    table(|spent| spent.own, 70, &|_| true);
    println!("with callees:");
    table(|spent| spent.inclusive, 130, &|name| name.contains("osp") || name.contains("pingora"));
}

/// Instructions of each function in a callgrind file.
fn callgrind_costs(text: &str) -> HashMap<String, Spent> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut costs: HashMap<String, Spent> = HashMap::new();
    let mut current = "";
    let mut called = false;
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            // A name is written out once, where its number is first used.
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(id, name);
            }
            if line.starts_with("fn=") {
                current = names.get(id).copied().unwrap_or(id);
            }
        } else if line.starts_with("calls=") {
            called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost: u64 = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
            let spent = costs.entry(current.to_owned()).or_default();
            spent.inclusive += cost;
            if !std::mem::take(&mut called) {
                spent.own += cost;
            }
        }
    }
    costs
}

/// Instructions per request of OSP once it has come to rest: its start is not counted. `start` is given what to put before
/// the program, and keeps beside the process what has to stay.
pub fn instructions_at_rest<K>(
    stage: &Stage,
    mode: Mode,
    start: impl Fn(&[String]) -> (Process, K),
    prepared: &Prepared,
) -> f64 {
    if mode == Mode::Perf {
        let (process, _kept) = start(&[]);
        settle(process.id());
        return perf_of(stage, process, prepared, false);
    }
    let (file, wrapper) = valgrind(stage, &["--instr-atstart=no"]);
    let (process, _kept) = start(&wrapper);
    settle(process.id());
    send(stage, &process, prepared, (WARM, false));
    let switch = |state| {
        let mut command = Command::new("callgrind_control");
        command.args(["-i", state, &process.id().to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().is_ok_and(|status| status.success()), "callgrind_control -i {state} failed");
    };
    switch("on");
    send(stage, &process, prepared, (COUNTED, false));
    switch("off");
    process.stop();
    let costs = callgrind_costs(&std::fs::read_to_string(&file).expect("callgrind leaves a result"));
    let counted = costs.iter().filter(|(name, _)| !is_sha(name)).map(|(_, spent)| spent.own).sum::<u64>();
    counted as f64 / COUNTED as f64
}

/// Waits until a process is idle: after a large table came into force, what it was made from is still cleared away.
fn settle(id: u32) {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let before = cpu_ns(id);
        std::thread::sleep(Duration::from_secs(2));
        if cpu_ns(id) - before < 200_000_000 {
            return;
        }
        assert!(Instant::now() < deadline, "the process does not come to rest");
    }
}

fn perf(stage: &Stage, arm: Arm, prepared: &Prepared, tls: bool) -> f64 {
    perf_of(stage, stage.start(arm, &[]), prepared, tls)
}

fn perf_of(stage: &Stage, process: Process, prepared: &Prepared, tls: bool) -> f64 {
    send(stage, &process, prepared, (WARM, tls));
    let mut counter = Command::new("perf")
        .args(["stat", "-x,", "-e", "instructions:u,instructions:k", "-p", &process.id().to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .expect("perf was there a moment ago");
    // perf attaches some time after it was started and does not say when.
    std::thread::sleep(Duration::from_millis(500));
    send(stage, &process, prepared, (COUNTED, tls));
    let _ = Command::new("kill").args(["-INT", &counter.id().to_string()]).status();
    let mut text = String::new();
    counter.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    let _ = counter.wait();
    process.stop();
    let counts = text.lines().filter_map(|line| line.split(',').next()?.parse::<f64>().ok());
    counts.sum::<f64>() / COUNTED as f64
}

/// CPU time of all threads of a process so far, in nanoseconds.
pub fn cpu_ns(id: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// The processes that a process has started.
pub fn children(id: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let of_task = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        Some(text.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
    };
    tasks.filter_map(of_task).flatten().collect()
}

/// CPU nanoseconds per byte over several rounds.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub least: f64,
    pub most: f64,
}

impl Cost {
    const NONE: Self = Self { least: f64::INFINITY, most: 0.0 };

    fn add(&mut self, spent: f64) {
        self.least = self.least.min(spent);
        self.most = self.most.max(spent);
    }

    /// One arm that differs from itself by more than this says nothing about another one (performance.md 7.2).
    pub fn is_steady(self) -> bool {
        self.most <= 2.5 * self.least
    }
}

/// One process that is asked for one thing over one connection.
pub struct Lane<'a> {
    process: u32,
    client: Client,
    prepared: &'a Prepared,
}

impl<'a> Lane<'a> {
    /// Over plain HTTP.
    pub fn plain(process: &Process, prepared: &'a Prepared) -> Self {
        Self { process: process.id(), client: Client::new(process.http), prepared }
    }

    /// Over TLS.
    pub fn tls(process: &Process, prepared: &'a Prepared, stage: &Stage) -> Self {
        let address = process.https.expect("an arm with HTTPS");
        let client = Client::tls(address, stage.authority.client(&[b"http/1.1"]));
        Self { process: process.id(), client, prepared }
    }
}

/// CPU nanoseconds per byte of several lanes taken in turn, `rounds` times; the bytes are those of [`Prepared::bytes`].
pub fn cpu_per_byte(mut lanes: Vec<Lane<'_>>, rounds: usize, repeats: usize) -> Vec<Cost> {
    let mut costs = vec![Cost::NONE; lanes.len()];
    // The first round warms up and does not count.
    for round in 0..=rounds {
        for (lane, cost) in lanes.iter_mut().zip(&mut costs) {
            let before = cpu_ns(lane.process);
            lane.client.run(lane.prepared, repeats);
            let spent = (cpu_ns(lane.process) - before) as f64 / (lane.prepared.bytes() * repeats) as f64;
            if round > 0 {
                cost.add(spent);
            }
        }
    }
    costs
}

/// Nanoseconds per byte of one SHA-256 pass over `size` bytes in pieces of 64 KiB, the least of `rounds`.
pub fn digest_ns_per_byte(size: usize, rounds: usize) -> f64 {
    let data = vec![7_u8; size];
    let mut least = f64::INFINITY;
    for _ in 0..rounds {
        let before = own_cpu_ns();
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        data.chunks(64 * 1024).for_each(|piece| context.update(piece));
        assert_eq!(context.finish().as_ref().len(), 32);
        least = least.min((own_cpu_ns() - before) as f64 / size as f64);
    }
    least
}

/// CPU time of this process. A thread that runs is accounted for when it is switched out, so it asks for that first.
fn own_cpu_ns() -> u64 {
    std::thread::yield_now();
    cpu_ns(std::process::id())
}

/// Resident memory of a process and its peak, in KiB.
pub fn memory_kib(id: u32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_ascii_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Makes the peak start anew from now (proc(5), `clear_refs`).
pub fn reset_peak(id: u32) {
    let file = format!("/proc/{id}/clear_refs");
    std::fs::write(Path::new(&file), "5").unwrap_or_else(|error| panic!("{file}: {error}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_files_are_summed_without_what_was_called() {
        let text = "events: Ir\n\nfn=(1) main\n10 100\ncfn=(2) ring_core_sha256_block_data_order\ncalls=3 0\n11 5000\n\
                    +1 20\nfn=(2)\n0 5000\nfn=(1)\n* 7\n\ntotals: 5127\n";
        let costs = callgrind_costs(text);
        assert_eq!(costs["main"], Spent { own: 127, inclusive: 5127 });
        assert_eq!(costs["ring_core_sha256_block_data_order"], Spent { own: 5000, inclusive: 5000 });
        assert!(costs.keys().filter(|name| is_sha(name)).count() == 1);
    }

    #[test]
    fn cpu_time_of_this_process_grows() {
        assert!(digest_ns_per_byte(32 << 20, 1) > 0.0);
    }
}
