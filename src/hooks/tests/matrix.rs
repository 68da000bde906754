//! What bad hooks do, and what comes of it (issue 6, hook matrix; security.md 2.8): every behaviour in every function, in
//! both isolations where the gateway can survive it. Each has its documented outcome within the deadline, other clients
//! are served meanwhile, and the hook's next call is as good as its first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use osp_core::model::Callable;
use osp_hooks::{Denied, Hooks, Isolation, Outcome, Settings, Verdict};

use support::{Mount, id, question, start};

const DEADLINE: Duration = Duration::from_millis(700);
/// The promise is 50 ms. Here two cores are shared with other tests and builds.
const SLACK: Duration = Duration::from_millis(400);

/// The token says what to do.
const BAD: &str = r#"
import os, subprocess, sys, threading, time

sys.setrecursionlimit(1000)
changed = []

def deep(n): return deep(n + 1) + 1

class Endless:
    def __repr__(self): return repr(self)

class Huge(Exception):
    def __str__(self): return "x" * 10_000_000

class Cruel(Exception):
    def __str__(self): os.write(1, b"never\n"); raise SystemExit

def fail(error): raise error

def spin():
    while True:
        try:
            while True: pass
        except Exception: pass

def crash():
    sys.setrecursionlimit(10**7)
    return repr(Endless())

def prints():
    print("the secret is", os.environ["BACKEND_SECRET"])
    print(os.environ["BACKEND_SECRET"], file=sys.stderr)
    for _ in range(5_000): print("x" * 200)

def threads():
    for _ in range(20): threading.Thread(target=time.sleep, args=(2,), daemon=True).start()

def forks():
    if os.fork() == 0: return
    time.sleep(0.05)

def behave(token, good):
    value = {"true": True, "false": False, "none": None, "one": 1, "yes": "yes", "bytes": b"yes"}
    if token in value: return value[token]
    if token == "raises": fail(ValueError("no"))
    if token == "raises-base": fail(BaseException())
    if token == "huge": fail(Huge())
    if token == "cruel": fail(Cruel())
    if token == "hangs": time.sleep(30)
    if token == "sleeps": time.sleep(1.0)
    if token == "spins": spin()
    if token == "child": subprocess.run(["sleep", "31.7"])
    if token == "sys-exit": sys.exit(0)
    if token == "os-exit": os._exit(0)
    if token == "crashes": crash()
    if token == "killed": os.kill(os.getpid(), 9)
    if token == "forks": forks()
    if token == "recursion": deep(0)
    if token == "allocates": bytearray(1 << 30)
    if token == "prints": prints()
    if token == "threads": threads()
    return good

def authorize(token, bucket, request):
    if token == "mutates":
        seen = sorted(request)
        request["headers"].clear(); request["method"] = "DELETE"; request["x"] = request
        changed.append(seen)
        return changed[0] == changed[-1]
    return behave(token, True)

def lookup_secret(access_key): return behave(access_key, "s3cr3t")

def fetch_credentials(token, bucket): return behave(token, '{"access_key": "a", "secret_key": "s3cr3t"}')
"#;

const GOOD: &str = "def authorize(token, bucket): return True\n";

/// What is expected of a behaviour in authorize, `lookup_secret` and `fetch_credentials`.
struct Row(&'static str, [&'static str; 3]);

const fn same(name: &'static str, outcome: &'static str) -> Row {
    Row(name, [outcome, outcome, outcome])
}

const fn good(name: &'static str) -> Row {
    Row(name, ["allow", "secret", "keys"])
}

const ROWS: [Row; 18] = [
    good("good"),
    Row("true", ["allow", "wrong_type", "wrong_type"]),
    Row("false", ["false", "wrong_type", "wrong_type"]),
    Row("none", ["not_true", "unknown", "wrong_type"]),
    Row("one", ["not_true", "wrong_type", "wrong_type"]),
    Row("yes", ["not_true", "secret", "api_key"]),
    Row("bytes", ["not_true", "wrong_type", "wrong_type"]),
    same("raises", "raised"),
    same("raises-base", "raised"),
    same("huge", "raised"),
    same("cruel", "raised"),
    same("sys-exit", "raised"),
    same("recursion", "raised"),
    good("mutates"),
    good("threads"),
    good("prints"),
    same("sleeps", "timeout"),
    same("spins", "timeout"),
];

/// Those that take the process with them, or cannot be stopped in a thread.
const PROCESS_ONLY: [Row; 7] = [
    same("hangs", "timeout"),
    same("child", "timeout"),
    same("os-exit", "worker_lost"),
    same("crashes", "worker_lost"),
    same("killed", "worker_lost"),
    same("allocates", "raised"),
    good("forks"),
];

async fn ask(hooks: &Hooks, callable: Callable, token: &str) -> &'static str {
    let hook = id("bad");
    match callable {
        Callable::Authorize => {
            label(hooks.authorize(&hook, &question(token, "lake", "a")).await, |verdict| match verdict {
                Verdict::Allow => "allow",
                Verdict::Split(_) => "split",
                Verdict::Deny(Denied::Said(_)) => "false",
                Verdict::Deny(Denied::NotTrue(_)) => "not_true",
            })
        }
        Callable::LookupSecret => {
            label(hooks.lookup_secret(&hook, token).await, |secret| if secret.is_some() { "secret" } else { "unknown" })
        }
        Callable::FetchCredentials => {
            label(hooks.fetch_credentials(&hook, (token, "lake"), &Default::default()).await, |credentials| {
                match credentials {
                    osp_hooks::BackendCredentials::Keys { .. } => "keys",
                    osp_hooks::BackendCredentials::ApiKey(_) => "api_key",
                }
            })
        }
    }
}

fn label<T>(outcome: Outcome<T>, answer: impl Fn(T) -> &'static str) -> &'static str {
    outcome.map_or_else(|why| why.label(), answer)
}

/// Other clients' calls of another hook, all the time.
struct Others {
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<usize>,
}

impl Others {
    fn begin(hooks: &Hooks) -> Self {
        let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (hooks, ended, counted) = (hooks.clone(), Arc::clone(&stop), Arc::clone(&failed));
        let task = tokio::spawn(async move {
            let mut calls = 0;
            while !ended.load(Ordering::Relaxed) {
                calls += 1;
                let outcome = hooks.authorize(&id("good"), &question("somebody", "lake", "a")).await;
                if outcome != Ok(Verdict::Allow) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            calls
        });
        Self { stop, failed, task }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let calls = self.task.await.unwrap();
        assert!(calls > 100, "{calls} calls of others");
        assert_eq!(self.failed.load(Ordering::Relaxed), 0, "of {calls} calls of others");
    }
}

async fn matrix(isolation: Isolation, rows: impl Iterator<Item = &'static Row>) {
    let mount = Mount::new(&[("bad.py", BAD), ("good.py", GOOD)]);
    let settings = Settings { deadline: DEADLINE, ..mount.settings(isolation) };
    let hooks = start(settings).await;
    let others = Others::begin(&hooks);
    for Row(behaviour, expected) in rows {
        for (callable, expected) in Callable::ALL.into_iter().zip(expected) {
            let begun = Instant::now();
            let outcome = ask(&hooks, callable, behaviour).await;
            let took = begun.elapsed();
            assert_eq!(outcome, *expected, "{isolation:?}: {} {behaviour}", callable.name());
            assert!(took < DEADLINE + SLACK, "{isolation:?}: {} {behaviour} took {took:?}", callable.name());
            // the same hook, at once, for somebody else
            assert_ne!(ask(&hooks, callable, "good").await, "timeout", "{isolation:?}: after {behaviour}");
        }
    }
    others.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_hook_does_costs_one_worker_process() {
    matrix(Isolation::Process, ROWS.iter().chain(&PROCESS_ONLY)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_hook_does_in_python_costs_one_thread() {
    matrix(Isolation::Thread, ROWS.iter()).await;
}
