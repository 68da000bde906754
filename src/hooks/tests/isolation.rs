//! What hooks can reach, and what is left of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use osp_hooks::{Asker, Hooks, Isolation, NoAnswer, Settings, Verdict};

use support::{BOTH, Mount, id, question, start};

async fn ask(hooks: &Hooks, token: &str) -> Result<Verdict, NoAnswer> {
    hooks.authorize(&id("policy"), &question(token, "lake", "a")).await
}

/// Command lines of this process' descendants in process groups of their own: workers, and what they have started.
fn command_lines(containing: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(containing) {
            found.insert(format!("{} {line}", entry.file_name().display()));
        }
    }
    found
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// security.md 2.8: env and files of the process
#[tokio::test]
async fn a_hook_has_the_environment_that_it_was_given_and_no_more() {
    let text = "
import os, sys
def authorize(token, bucket):
    if token == 'environment': return dict(os.environ) == {'BACKEND_SECRET': '0123456789abcdef'}
    if token == 'path': return '' not in sys.path and os.getcwd() not in sys.path
    if token == 'input': return os.readlink('/proc/self/fd/0') == '/dev/null'
    if token == 'descriptors': return all(int(fd) < 3 or int(fd) >= 10 or fd == str(used()) for fd in os.listdir('/proc/self/fd'))
def used():
    fd = os.open('/dev/null', os.O_RDONLY)
    os.close(fd)
    return fd
";
    let mount = Mount::new(&[("policy.py", text)]);
    for isolation in BOTH {
        let hooks = mount.hooks(isolation).await;
        assert_eq!(ask(&hooks, "environment").await, Ok(Verdict::Allow), "{isolation:?}");
        assert_eq!(ask(&hooks, "path").await, Ok(Verdict::Allow), "{isolation:?}");
        if isolation == Isolation::Process {
            assert_eq!(ask(&hooks, "input").await, Ok(Verdict::Allow));
            assert_eq!(ask(&hooks, "descriptors").await, Ok(Verdict::Allow));
        }
    }
}

// issue 6, hook matrix: a gateway that is busy when a call is interrupted does not take the interruption for an answer
#[tokio::test]
async fn an_interrupted_call_is_a_late_one() {
    let mount = Mount::new(&[("policy.py", "def authorize(token, bucket):\n    while True: pass\n")]);
    let settings = Settings { deadline: Duration::from_millis(100), ..mount.settings(Isolation::Thread) };
    let hooks = start(settings).await;
    let asking = tokio::spawn(async move { ask(&hooks, "AKIA1").await });
    tokio::task::yield_now().await;
    // the runtime's only thread is busy for longer than the call: deadline and answer are there at once
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(asking.await.unwrap(), Err(NoAnswer::Timeout));
}

// issue 6: a hook that spawns threads; what they reserve for their stacks counts as memory
#[tokio::test]
async fn a_hook_may_have_many_threads_within_its_memory() {
    let text = "
import threading
def authorize(token, bucket):
    ending = threading.Event()
    waiting = [threading.Thread(target=ending.wait) for _ in range(150)]
    for thread in waiting: thread.start()
    ending.set()
    for thread in waiting: thread.join()
    return True
";
    let hooks = Mount::new(&[("policy.py", text)]).hooks(Isolation::Process).await;
    assert_eq!(ask(&hooks, "AKIA1").await, Ok(Verdict::Allow));
}

// issue 6: two hangs at once leave a worker for the others
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_leave_a_worker_for_the_others() {
    let text = "import time\ndef authorize(token, bucket): return not time.sleep(0 if token == 'good' else 20)\n";
    let mount = Mount::new(&[("policy.py", text), ("good.py", "def authorize(token, bucket): return True\n")]);
    for isolation in BOTH {
        let hooks = mount.hooks(isolation).await;
        let hanging: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|token| {
                let hooks = hooks.clone();
                tokio::spawn(async move { ask(&hooks, token).await })
            })
            .collect();
        for _ in 0..50 {
            let other = hooks.authorize(&id("good"), &question("good", "lake", "a")).await;
            assert_eq!(other, Ok(Verdict::Allow), "{isolation:?}");
        }
        for hanging in hanging {
            assert_eq!(hanging.await.unwrap(), Err(NoAnswer::Timeout), "{isolation:?}");
        }
        assert_eq!(ask(&hooks, "good").await, Ok(Verdict::Allow), "{isolation:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once() {
    let text = "import time\ndef authorize(token, bucket): return not time.sleep(0.2)\n";
    let mount = Mount::new(&[("policy.py", text)]);
    for isolation in BOTH {
        let hooks = start(Settings { queue: 4, ..mount.settings(isolation) }).await;
        let calls: Vec<_> = (0..30)
            .map(|client| {
                let hooks = hooks.clone();
                tokio::spawn(async move {
                    let begun = Instant::now();
                    (ask(&hooks, &client.to_string()).await, begun.elapsed())
                })
            })
            .collect();
        let (mut allowed, mut refused) = (0, 0);
        for call in calls {
            match call.await.unwrap() {
                (Ok(Verdict::Allow), _) => allowed += 1,
                (Err(NoAnswer::Overflow), took) => {
                    assert!(took < Duration::from_millis(150), "{isolation:?} {took:?}");
                    refused += 1;
                }
                other => panic!("{isolation:?} {other:?}"),
            }
        }
        assert!(allowed >= 4 && refused >= 20, "{isolation:?}: {allowed} and {refused}");
    }
}

// a route's own deadline
#[tokio::test]
async fn a_call_has_the_deadline_of_its_caller() {
    let text = "import time\ndef authorize(token, bucket): return not time.sleep(0.3)\n";
    let mount = Mount::new(&[("policy.py", text)]);
    for isolation in BOTH {
        let hooks = mount.hooks(isolation).await;
        let pinned = hooks.pin();
        let inputs = pinned.inputs(&id("policy"), &question("AKIA1", "lake", "a")).unwrap();
        let asker = Asker::of("AKIA1");
        let begun = Instant::now();
        let outcome = pinned.authorize(&inputs, Asker { deadline: Some(Duration::from_millis(60)), ..asker }).await;
        assert_eq!(outcome, Err(NoAnswer::Timeout));
        assert!(begun.elapsed() < Duration::from_millis(290), "{isolation:?} {:?}", begun.elapsed());
        assert_eq!(pinned.authorize(&inputs, asker).await, Ok(Verdict::Allow), "{isolation:?}");
    }
}

#[tokio::test]
async fn inputs_that_no_worker_takes_cost_no_worker() {
    let mount = Mount::new(&[("policy.py", "def authorize(token, bucket, request): return True\n")]);
    let hooks = mount.hooks(Isolation::Process).await;
    let mut batch = question("AKIA1", "lake", "");
    batch.keys = Some(vec!["k".repeat(1_024); 1_000]);
    assert_eq!(hooks.authorize(&id("policy"), &batch).await, Ok(Verdict::Allow), "the largest that S3 allows");
    batch.keys = Some(vec!["k".repeat(1_024); 4_000]);
    assert_eq!(hooks.authorize(&id("policy"), &batch).await, Err(NoAnswer::TooLarge));
    assert_eq!(ask(&hooks, "AKIA1").await, Ok(Verdict::Allow));
}

// hooks.md: kill the group, or a hook's own subprocesses stay
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_workers() {
    let text = "
import subprocess
def authorize(token, bucket):
    subprocess.run(['sleep', '987.654'])
";
    let mount = Mount::new(&[("policy.py", text)]);
    let dir = tempfile::tempdir().unwrap();
    // a name of its own: other tests have workers too
    let program = dir.path().join("osp-worker-of-this-test");
    std::fs::copy(env!("CARGO_BIN_EXE_osp-hooks-worker"), &program).unwrap();
    let settings = Settings { program, ..mount.settings(Isolation::Process) };
    let hooks = start(settings).await;
    assert!(command_lines("osp-worker-of-this-test").len() >= 2);
    let calling = {
        let hooks = hooks.clone();
        tokio::spawn(async move { ask(&hooks, "AKIA1").await })
    };
    until("the hook's own process", || !command_lines("987.654").is_empty()).await;
    assert_eq!(calling.await.unwrap(), Err(NoAnswer::Timeout));
    until("the hook's own process is gone", || command_lines("987.654").is_empty()).await;
    drop(hooks);
    until("workers are gone", || command_lines("osp-worker-of-this-test").is_empty()).await;
}

/// Not a test: what the next one kills.
#[tokio::test]
#[ignore = "started by workers_leave_with_a_gateway_that_is_killed"]
async fn a_gateway() {
    let Ok(dir) = std::env::var("OSP_TEST_HOOKS") else { return };
    let program = std::env::var("OSP_TEST_PROGRAM").unwrap().into();
    let settings = Settings { program, deadline: Duration::from_secs(60), ..Settings::new(dir) };
    let _ = ask(&start(settings).await, "AKIA1").await;
}

// hooks.md: a thread of the worker exits when the parent goes
#[tokio::test]
async fn workers_leave_with_a_gateway_that_is_killed() {
    let mount = Mount::new(&[("policy.py", "import time\ndef authorize(token, bucket): time.sleep(60)\n")]);
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("osp-worker-of-a-killed-gateway");
    std::fs::copy(env!("CARGO_BIN_EXE_osp-hooks-worker"), &program).unwrap();
    let mut gateway = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_gateway", "--ignored"])
        .env("OSP_TEST_HOOKS", mount.dir.path())
        .env("OSP_TEST_PROGRAM", &program)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let workers = || command_lines("osp-worker-of-a-killed-gateway").len();
    until("two workers and a spare", || workers() >= 3).await;
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    until("workers are gone", || workers() == 0).await;
}

/// What the gateway would log.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// issue 6: print and logging go to tracing; no secret in a log
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hooks_print_is_logged_without_secrets() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let text = "
import logging, os, subprocess, sys
def authorize(token, bucket):
    print(token, 'printed', os.environ['BACKEND_SECRET'])
    print(token, 'warned', file=sys.stderr)
    logging.getLogger('policy').error('%s logged', token)
    return True
def lookup_secret(access_key): raise ValueError('knows ' + 'a-secret-of-its-own')
";
    let mount = Mount::new(&[("policy.py", text)]);
    for isolation in BOTH {
        let hooks = mount.hooks(isolation).await;
        let token = format!("{isolation:?}");
        assert_eq!(ask(&hooks, &token).await, Ok(Verdict::Allow));
        assert!(hooks.lookup_secret(&id("policy"), &token).await.is_err());
        let has = |line: String| String::from_utf8_lossy(&logged.0.lock().unwrap()).contains(&line);
        until("printed", || has(format!("{token} printed [redacted]"))).await;
        until("warned", || has(format!("{token} warned"))).await;
        until("logged", || has(format!("{token} logged"))).await;
    }
    let all = String::from_utf8_lossy(&logged.0.lock().unwrap()).into_owned();
    for part in [
        r#"INFO osp::hook: "#,
        r#"WARN osp::hook: "#,
        r#"ERROR osp::hook: "#,
        r#"hook="policy""#,
        "ValueError was raised",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert!(!all.contains("0123456789abcdef") && !all.contains("a-secret-of-its-own"), "{all}");
}
