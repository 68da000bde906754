//! Changes of the mounted directory (issue 6, reload; features.md K5; K-CTL-8): swapped as the kubelet does it, under
//! load, with broken texts among them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use osp_core::model::Callable;
use osp_core::model::HookState;
use osp_hooks::{Change, Hooks, Isolation, NoAnswer, Settings, Verdict};

use support::{BOTH, Mount, id, question, start};

/// A policy that allows one bucket: which text is in force can be asked.
fn policy(bucket: &str) -> String {
    format!("BIG = list(range(30_000))\ndef authorize(token, bucket): return bucket == {bucket:?}\n")
}

async fn allows(hooks: &Hooks, bucket: &str) -> bool {
    hooks.authorize(&id("policy"), &question("AKIA1", bucket, "a")).await.unwrap() == Verdict::Allow
}

fn why(hooks: &Hooks, name: &str) -> String {
    match hooks.states().get(&id(name)) {
        Some(HookState::Stale { why, .. }) => format!("stale: {why}"),
        Some(HookState::Invalid { why }) => format!("invalid: {why}"),
        Some(HookState::Current { .. }) => "current".to_owned(),
        None => "gone".to_owned(),
    }
}

#[tokio::test]
async fn a_text_that_does_not_load_leaves_the_old_one_in_force() {
    for isolation in BOTH {
        let mut mount = Mount::new(&[("policy.py", &policy("one")), ("broken.py", "def authorize(:")]);
        let settings = Settings { load_timeout: Duration::from_secs(3), ..mount.settings(isolation) };
        let hooks = start(settings).await;
        assert!(allows(&hooks, "one").await);
        assert!(why(&hooks, "broken").starts_with("invalid: SyntaxError: "), "{}", why(&hooks, "broken"));
        let asked = hooks.authorize(&id("broken"), &question("AKIA1", "one", "a")).await;
        assert_eq!(asked, Err(NoAnswer::NoHook));
        assert_eq!(hooks.reload().await, Ok(Change::None));

        let broken = [
            ("x = ", "stale: SyntaxError"),
            ("def other(): pass", "stale: defines none of"),
            ("\nraise ValueError('no')", "stale: ValueError: no (line 2)"),
            ("import nothing_of_this_name\n", "stale: ModuleNotFoundError"),
            ("raise SystemExit", "stale: SystemExit"),
            ("import time\ntime.sleep(30)\n", "stale: does not load within 3 s"),
        ];
        let ends = [("import os\nos._exit(3)\n", "stale: loading it ends the worker: exit code 3")];
        let ends = ends.iter().filter(|_| isolation == Isolation::Process);
        for (text, expected) in broken.iter().chain(ends) {
            mount.swap(&[("policy.py", text), ("broken.py", "def authorize(:")]);
            assert_eq!(hooks.reload().await, Ok(Change::Partly), "{isolation:?} {text}");
            assert!(why(&hooks, "policy").starts_with(expected), "{isolation:?} {text}: {}", why(&hooks, "policy"));
            assert!(allows(&hooks, "one").await, "{isolation:?} {text}");
        }

        mount.swap(&[("policy.py", &policy("two"))]);
        assert_eq!(hooks.reload().await, Ok(Change::Applied));
        assert!(allows(&hooks, "two").await && !allows(&hooks, "one").await);
        assert_eq!(
            hooks.states().get(&id("policy")),
            Some(&HookState::Current { callables: vec![Callable::Authorize] })
        );
        assert_eq!(why(&hooks, "broken"), "gone");

        mount.swap(&[("other.py", &policy("one"))]);
        assert_eq!(hooks.reload().await, Ok(Change::Applied));
        let asked = hooks.authorize(&id("policy"), &question("AKIA1", "two", "a")).await;
        assert_eq!(asked, Err(NoAnswer::NoHook), "a file that has gone allows nothing");
    }
}

// `osp hooks check`
#[tokio::test]
async fn a_directory_can_be_checked() {
    let mount = Mount::new(&[
        ("good.py", &policy("one")),
        ("broken.py", "def authorize(:"),
        ("nothing.py", "x = 1"),
        ("exits.py", "import os\nos._exit(3)"),
        ("no hook.py", "def authorize(:"),
        ("readme.txt", "no hook either"),
    ]);
    let checked = osp_hooks::check(mount.settings(Isolation::Thread)).await.unwrap();
    assert_eq!(checked.ignored.iter().collect::<Vec<_>>(), ["no hook.py"]);
    let said: Vec<_> = checked.states.iter().map(|(id, state)| (id.as_str(), state.label())).collect();
    assert_eq!(said, [("broken", "invalid"), ("exits", "invalid"), ("good", "current"), ("nothing", "invalid")]);
    let missing = Settings { dir: mount.dir.path().join("missing"), ..mount.settings(Isolation::Process) };
    assert!(osp_hooks::check(missing).await.unwrap_err().contains("missing"));
}

async fn hundred_swaps(isolation: Isolation) {
    let mut mount = Mount::new(&[("policy.py", &policy("b0"))]);
    let hooks = mount.hooks(isolation).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..3)
        .map(|client| {
            let (hooks, stop) = (hooks.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    let asked = question(&client.to_string(), "none", "a");
                    assert!(hooks.authorize(&id("policy"), &asked).await.is_ok(), "call {calls}");
                    calls += 1;
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
                calls
            })
        })
        .collect();
    let (mut before, mut good) = (0, 0);
    for swap in 1..=100 {
        let is_bad = swap % 10 == 0;
        let text = if is_bad { "def authorize(:".to_owned() } else { policy(&format!("b{swap}")) };
        mount.swap(&[("policy.py", &text)]);
        let change = hooks.reload().await.unwrap();
        assert_eq!(change, if is_bad { Change::Partly } else { Change::Applied }, "swap {swap}");
        good = if is_bad { good } else { swap };
        assert!(allows(&hooks, &format!("b{good}")).await, "after swap {swap}");
        if swap == 20 {
            before = resident_kib();
        }
    }
    stop.store(true, Ordering::Relaxed);
    for client in load {
        assert!(client.await.unwrap() > 10);
    }
    let grown = resident_kib().saturating_sub(before);
    // each text holds about 1.1 MiB of integers
    assert!(grown < 20 << 10, "{isolation:?}: grew by {grown} KiB in 80 swaps");
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_fail_no_call_in_processes() {
    hundred_swaps(Isolation::Process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_fail_no_call_in_threads() {
    hundred_swaps(Isolation::Thread).await;
}

// K-CTL-8: in force within ten seconds
#[tokio::test]
async fn a_swap_is_noticed() {
    let mut mount = Mount::new(&[("policy.py", &policy("one"))]);
    let hooks = mount.hooks(Isolation::Process).await;
    let followed = hooks.clone();
    let following = tokio::spawn(async move { followed.follow().await });
    mount.swap(&[("policy.py", &policy("two"))]);
    let noticed = async {
        while !allows(&hooks, "two").await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.unwrap();
    following.abort();
}
