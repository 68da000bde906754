//! What a call costs: not a test but a measurement, for an idle machine (performance.md, row g2).
//!
//! `cargo test --release -p osp-hooks --test cost -- --ignored --nocapture`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use std::time::{Duration, Instant};

use osp_hooks::{Hooks, Isolation, Settings, Verdict};

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

async fn callers(hooks: &Hooks, callers: usize, during: Duration) -> Vec<Duration> {
    let end = Instant::now() + during;
    let calling: Vec<_> = (0..callers)
        .map(|caller| {
            let hooks = hooks.clone();
            tokio::spawn(async move {
                let (hook, asked) = (id("policy"), question(&caller.to_string(), "lake", "a/b/c.parquet"));
                let mut took = Vec::new();
                while Instant::now() < end {
                    let begun = Instant::now();
                    assert_eq!(hooks.authorize(&hook, &asked).await, Ok(Verdict::Allow));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cost() {
    let mount = Mount::new(&[("policy.py", POLICY)]);
    for isolation in BOTH {
        let workers = if isolation == Isolation::Thread { 1 } else { 2 };
        let hooks = start(Settings { workers, ..mount.settings(isolation) }).await;
        for count in [1, 4, 16] {
            callers(&hooks, count, Duration::from_millis(300)).await;
            let before = used();
            let took = callers(&hooks, count, Duration::from_secs(3)).await;
            let each = (used() - before).as_secs_f64() * 1e6 / took.len() as f64;
            let at = |share: usize| took[took.len() * share / 100].as_secs_f64() * 1e6;
            let rate = took.len() / 3;
            println!(
                "{isolation:?}, {count} callers: {each:.1} us of processor, {rate}/s, p50 {:.0} us, p99 {:.0} us",
                at(50),
                at(99)
            );
        }
    }
}
