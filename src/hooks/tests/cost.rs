//! What a call and a kept decision cost: not a test but a measurement, for an idle machine (performance.md, row g2).
//!
//! `cargo test --release -p osp-hooks --test cost -- --ignored --nocapture`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use osp_hooks::{Clock, DecisionSettings, Decisions, Isolation, Settings, Verdict};
use support::{BOTH, Mount, id, question, start};

const POLICY: &str = "
def authorize(token, bucket, request):
    return request['method'] == 'GET' and request['path'].startswith('/lake/')
";
/// A tick of `/proc/PID/stat` on Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of this process and its workers.
fn used() -> Duration {
    let worker = "osp-hooks-worker";
    let own = std::process::id().to_string();
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let is_own = entry.file_name().to_string_lossy() == own;
        let is_worker = fields[1] == own
            && std::fs::read_to_string(entry.path().join("cmdline")).is_ok_and(|line| line.contains(worker));
        if is_own || is_worker {
            ticks += fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap();
        }
    }
    TICK * ticks
}

/// Closed loops of so many callers, none of whom asks the same twice. Returns what each call took, sorted.
async fn callers(decisions: &Decisions, callers: usize, during: Duration) -> Vec<Duration> {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let end = Instant::now() + during;
    let calling: Vec<_> = (0..callers)
        .map(|caller| {
            let decisions = decisions.clone();
            tokio::spawn(async move {
                let (hook, mut asked) = (id("policy"), question(&caller.to_string(), "lake", ""));
                let mut took = Vec::new();
                while Instant::now() < end {
                    asked.key = format!("a/b/{}.parquet", ASKED.fetch_add(1, Ordering::Relaxed));
                    let begun = Instant::now();
                    assert_eq!(decisions.authorize(&hook, &asked, None).await, Ok(Verdict::Allow));
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    for calling in calling {
        all.extend(calling.await.unwrap());
    }
    all.sort_unstable();
    all
}

/// Nanoseconds of a decision that is kept.
async fn kept(decisions: &Decisions) -> u128 {
    const TIMES: u32 = 200_000;
    let (hook, asked) = (id("policy"), question("AKIA1", "lake", "a/b/c.parquet"));
    assert_eq!(decisions.authorize(&hook, &asked, None).await, Ok(Verdict::Allow));
    let begun = Instant::now();
    for _ in 0..TIMES {
        assert_eq!(decisions.authorize(&hook, &asked, None).await, Ok(Verdict::Allow));
    }
    (begun.elapsed() / TIMES).as_nanos()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cost() {
    let mount = Mount::new(&[("policy.py", POLICY)]);
    let begun = Instant::now();
    let clock: Clock = Arc::new(move || begun.elapsed());
    for isolation in BOTH {
        let workers = if isolation == Isolation::Thread { 1 } else { 2 };
        let hooks = start(Settings { workers, ..mount.settings(isolation) }).await;
        let decisions = Decisions::new(hooks, DecisionSettings::default(), Arc::clone(&clock));
        for count in [1, 4, 16] {
            callers(&decisions, count, Duration::from_millis(300)).await;
            let before = used();
            let took = callers(&decisions, count, Duration::from_secs(3)).await;
            let each = (used() - before).as_secs_f64() * 1e6 / took.len() as f64;
            let at = |share: usize| took[took.len() * share / 100].as_secs_f64() * 1e6;
            let rate = took.len() / 3;
            println!(
                "{isolation:?}, {count} callers: {each:.1} us of processor, {rate}/s, p50 {:.0} us, p99 {:.0} us",
                at(50),
                at(99)
            );
        }
        println!("{isolation:?}, kept: {} ns", kept(&decisions).await);
    }
}
