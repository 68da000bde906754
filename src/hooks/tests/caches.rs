//! Decisions and keys that are kept, with real hooks in both isolations (C26, C27, C52, C56, C61, C67; issue 6, items 2
//! and 4). What holds whatever the hook says is in `decisions/tests.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use osp_core::HookFailure;
use osp_core::access::{self, Inquiry, Ruling};
use osp_core::model::{HookMode, RouteHook};
use osp_core::sigv4::AccessKeyId;
use osp_hooks::{
    Change, Clock, DecisionSettings, Decisions, Denied, Found, Hooks, Isolation, LookupSettings, Lookups, Metrics,
    NoAnswer, Outcome, Verdict,
};
use prometheus::{Registry, TextEncoder};
use support::{BOTH, Mount, id, question};

const YES: Outcome<Verdict> = Ok(Verdict::Allow);

/// Hooks with what they count, and a clock that stands still.
struct Gateway {
    hooks: Hooks,
    registry: Registry,
    seconds: Arc<AtomicU64>,
}

impl Gateway {
    async fn of(mount: &Mount, isolation: Isolation) -> Self {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let hooks = Hooks::start(mount.settings(isolation), metrics).await.unwrap();
        Self { hooks, registry, seconds: Arc::default() }
    }

    fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.seconds);
        Arc::new(move || Duration::from_secs(seconds.load(Ordering::SeqCst)))
    }

    fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    fn decisions(&self, ttl: u64) -> Decisions {
        let settings = DecisionSettings { ttl: Duration::from_secs(ttl), ..DecisionSettings::default() };
        Decisions::new(self.hooks.clone(), settings, self.clock())
    }

    fn lookups(&self, settings: LookupSettings) -> Lookups {
        Lookups::new(self.hooks.clone(), id("keys"), settings, self.clock())
    }

    /// The sum of a metric's series that have all of these label values.
    fn counted(&self, metric: &str, labels: &[&str]) -> f64 {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let series = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
        let wanted = series.filter(|line| labels.iter().all(|label| line.contains(&format!("\"{label}\""))));
        wanted.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    fn calls(&self) -> f64 {
        self.counted("osp_hook_calls_total", &[])
    }

    fn cached(&self, result: &str) -> f64 {
        self.counted("osp_hook_cache_total", &[result])
    }

    fn kept(&self, what: &str) -> f64 {
        self.counted("osp_hook_cache_entries", &[what])
    }
}

// --- decisions

// C56: one call per key and time to live; C67: cached authorization with a time to live
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c56_c67_ten_thousand_requests_are_one_call_per_time_to_live() {
    let mount = Mount::new(&[("policy.py", "def authorize(token, bucket, request): return True\n")]);
    for isolation in BOTH {
        let gateway = Gateway::of(&mount, isolation).await;
        let (decisions, policy) = (gateway.decisions(300), id("policy"));
        let asked = question("AKIA1", "lake", "a");
        for number in 0..10_000 {
            if number == 5_000 {
                gateway.pass(299);
            }
            assert_eq!(decisions.authorize(&policy, &asked, None).await, YES);
        }
        assert_eq!((gateway.calls(), gateway.cached("hit")), (1.0, 9_999.0), "{isolation:?}");
        assert_eq!(gateway.kept("decisions"), 1.0);
        gateway.pass(1);
        assert_eq!(decisions.authorize(&policy, &asked, None).await, YES);
        assert_eq!(gateway.calls(), 2.0);
        let always = gateway.decisions(0);
        for _ in 0..3 {
            assert_eq!(always.authorize(&policy, &asked, None).await, YES);
        }
        assert_eq!(gateway.calls(), 5.0, "C27: 0 is a call per request");
    }
}

// issue 6, items 2 and 7: what the request path asks, deciding and in shadow
#[tokio::test]
async fn the_request_path_finds_what_is_kept() {
    let mount = Mount::new(&[("policy.py", "def authorize(token, bucket): return bucket == 'lake'\n")]);
    let gateway = Gateway::of(&mount, Isolation::Process).await;
    let decisions: Arc<dyn access::Hooks> = Arc::new(gateway.decisions(300));
    let hook = RouteHook { name: id("policy"), timeout: None, mode: HookMode::Enforce };
    let (lake, pool) = (Arc::new(question("AKIA1", "lake", "a")), Arc::new(question("AKIA1", "pool", "a")));
    for _ in 0..3 {
        assert_eq!(decisions.decide(&hook, &lake).await, Ok(Ruling::Allow));
        assert_eq!(decisions.decide(&hook, &pool).await, Ok(Ruling::Deny(String::new())));
    }
    for shadowed in 1..=3 {
        decisions.shadow(&hook, &pool);
        while gateway.counted("osp_policy_shadow_total", &["deny"]) < f64::from(shadowed) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((gateway.calls(), gateway.cached("hit")), (2.0, 7.0));
    let missing = RouteHook { name: id("missing"), ..hook };
    assert_eq!(decisions.decide(&missing, &lake).await, Err(HookFailure::NoAnswer("no_hook")));
}

// performance.md, row g4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_a_thousand_at_once_are_one_call() {
    let slow = "import time\ndef authorize(token, bucket): return not time.sleep(0.3)\n";
    let mount = Mount::new(&[("policy.py", slow)]);
    for isolation in BOTH {
        let gateway = Gateway::of(&mount, isolation).await;
        let decisions = gateway.decisions(300);
        let asking: Vec<_> = (0..1_000)
            .map(|_| {
                let decisions = decisions.clone();
                tokio::spawn(
                    async move { decisions.authorize(&id("policy"), &question("AKIA1", "lake", "a"), None).await },
                )
            })
            .collect();
        for asking in asking {
            assert_eq!(asking.await.unwrap(), YES, "{isolation:?}");
        }
        assert_eq!(gateway.calls(), 1.0, "{isolation:?}");
        assert_eq!(gateway.cached("miss"), 1.0, "{isolation:?}");
        assert_eq!(gateway.cached("shared") + gateway.cached("hit"), 999.0, "{isolation:?}");
    }
}

// issue 6, item 1: a deadline per call
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_has_the_deadline_of_its_route() {
    let hangs = "import time\ndef authorize(token, bucket): time.sleep(20)\n";
    let mount = Mount::new(&[("policy.py", hangs)]);
    for isolation in BOTH {
        let gateway = Gateway::of(&mount, isolation).await;
        let (decisions, begun) = (gateway.decisions(300), Instant::now());
        let deadline = Some(Duration::from_millis(100));
        let asked = question("AKIA1", "lake", "a");
        assert_eq!(decisions.authorize(&id("policy"), &asked, deadline).await, Err(NoAnswer::Timeout));
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(1_000), "{isolation:?} {took:?}: the gateway's is 1.5 s");
    }
}

// C61: the function decides what its decision is kept by
#[tokio::test]
async fn c61_a_decision_is_kept_by_what_the_function_declares() {
    let by_folder = "
from osp_hooks import Request, cache_by
@cache_by('token', 'key/1')
def authorize(request: Request): return request.key == 'a/'
";
    let by_everything = "def authorize(token, bucket, request): return request['path'] != '/lake/b'\n";
    let mount = Mount::new(&[("folders.py", by_folder), ("all.py", by_everything)]);
    let gateway = Gateway::of(&mount, Isolation::Process).await;
    let decisions = gateway.decisions(300);
    let no = Ok(Verdict::Deny(Denied::Said(String::new())));
    for (hook, key, expected, calls) in [
        ("folders", "a/b", YES, 1.0),
        ("folders", "a/c/d", YES, 1.0),
        ("folders", "b/b", no.clone(), 2.0),
        ("all", "a", YES, 3.0),
        ("all", "b", no.clone(), 4.0),
        ("all", "a", YES, 4.0),
    ] {
        assert_eq!(decisions.authorize(&id(hook), &question("AKIA1", "lake", key), None).await, expected, "{key}");
        assert_eq!(gateway.calls(), calls, "{hook} {key}");
    }
    let other = question("AKIA2", "lake", "a/b");
    assert_eq!(decisions.authorize(&id("folders"), &other, None).await, YES);
    assert_eq!(
        decisions.authorize(&id("folders"), &Inquiry { version: 2, ..other }, None).await,
        YES,
        "another policy or secret"
    );
    assert_eq!(gateway.calls(), 6.0);
}

// K5: what an older text has decided is not used any more, nor what a hook has decided that has gone
#[tokio::test]
async fn k5_a_reload_ends_decisions_and_keys() {
    let texts = |answer: &str| {
        let policy = format!("def authorize(token, bucket): return '{answer}' == 'a'\n");
        (policy, format!("def lookup_secret(key): return '{answer}'\n"))
    };
    for isolation in BOTH {
        let (policy, keys) = texts("a");
        let mut mount = Mount::new(&[("policy.py", &policy), ("keys.py", &keys)]);
        let gateway = Gateway::of(&mount, isolation).await;
        let (decisions, lookups) = (gateway.decisions(300), gateway.lookups(LookupSettings::default()));
        let asked = question("AKIA1", "lake", "a");
        assert_eq!(decisions.authorize(&id("policy"), &asked, None).await, YES);
        assert_eq!(secret(&lookups, "AKIA1").await, Ok(Some("a".to_owned())));

        let (policy, keys) = texts("b");
        mount.swap(&[("policy.py", &policy), ("keys.py", &keys)]);
        assert_eq!(gateway.hooks.reload().await, Ok(Change::Applied));
        let denied = decisions.authorize(&id("policy"), &asked, None).await;
        assert_eq!(denied, Ok(Verdict::Deny(Denied::Said(String::new()))), "{isolation:?}");
        assert_eq!(secret(&lookups, "AKIA2").await, Ok(Some("b".to_owned())));
        assert_eq!(gateway.kept("keys"), 1.0, "secrets of the old text are not even in memory");
        assert_eq!(secret(&lookups, "AKIA1").await, Ok(Some("b".to_owned())), "{isolation:?}");

        mount.swap(&[]);
        assert_eq!(gateway.hooks.reload().await, Ok(Change::Applied));
        assert_eq!(decisions.authorize(&id("policy"), &asked, None).await, Err(NoAnswer::NoHook));
        assert_eq!(secret(&lookups, "AKIA1").await, Err(NoAnswer::NoHook));
    }
}

// --- keys

const KEYS: &str = "
def lookup_secret(access_key):
    if access_key.startswith('GOOD'): return 'secret of ' + access_key
    if access_key == 'raises': raise OSError('no database')
";

fn key(text: &str) -> AccessKeyId {
    AccessKeyId::parse(text).unwrap()
}

async fn found(lookups: &Lookups, access_key: &str) -> Found {
    lookups.secret(&key(access_key)).await.unwrap().unwrap()
}

async fn secret(lookups: &Lookups, access_key: &str) -> Outcome<Option<String>> {
    let found = lookups.secret(&key(access_key)).await?;
    Ok(found.map(|found| found.secrets()[0].secret().with_exposed(str::to_owned)))
}

// C52: two live keys of one identity; C67: a callback is called once, its answer kept
#[tokio::test]
async fn c52_c67_keys_are_looked_up_once_and_live_beside_each_other() {
    let mount = Mount::new(&[("keys.py", KEYS)]);
    for isolation in BOTH {
        let gateway = Gateway::of(&mount, isolation).await;
        let lookups = gateway.lookups(LookupSettings::default());
        for _ in 0..100 {
            assert_eq!(secret(&lookups, "GOOD1").await, Ok(Some("secret of GOOD1".to_owned())));
            assert_eq!(secret(&lookups, "GOOD2").await, Ok(Some("secret of GOOD2".to_owned())));
            assert_eq!(secret(&lookups, "BAD").await, Ok(None));
        }
        assert_eq!(gateway.calls(), 3.0, "{isolation:?}");
        assert_eq!((gateway.kept("keys"), gateway.kept("unknown_keys")), (2.0, 1.0));
        let principal = found(&lookups, "GOOD1").await.secrets()[0].principal.clone();
        assert_eq!((principal.to_string().as_str(), &*principal.identity().namespace), ("GOOD1", ""));
        // the same secret each time: what it remembers of signing keys stays
        let (one, two) = (found(&lookups, "GOOD1").await, found(&lookups, "GOOD1").await);
        assert!(std::ptr::eq(one.secrets(), two.secrets()));
        assert!(!format!("{one:?}").contains("secret of"));
    }
}

// C27: times
#[tokio::test]
async fn a_key_lives_for_its_time_and_an_unknown_one_for_30_seconds() {
    let mount = Mount::new(&[("keys.py", KEYS)]);
    let gateway = Gateway::of(&mount, Isolation::Thread).await;
    let lookups = gateway.lookups(LookupSettings::default());
    let both = async |calls: f64| {
        assert!(secret(&lookups, "GOOD").await.unwrap().is_some());
        assert_eq!(secret(&lookups, "BAD").await, Ok(None));
        assert_eq!(gateway.calls(), calls);
    };
    both(2.0).await;
    gateway.pass(29);
    both(2.0).await;
    gateway.pass(1);
    both(3.0).await;
    gateway.pass(269);
    both(4.0).await;
    gateway.pass(1);
    both(5.0).await;
    let always = gateway.lookups(LookupSettings { ttl: Duration::ZERO, ..LookupSettings::default() });
    for _ in 0..3 {
        assert!(secret(&always, "GOOD").await.unwrap().is_some());
        assert_eq!(secret(&always, "BAD").await, Ok(None));
    }
    assert_eq!(gateway.calls(), 11.0, "0 is a call per request");
    let short = gateway.lookups(LookupSettings { ttl: Duration::from_secs(5), ..LookupSettings::default() });
    for calls in [12.0, 12.0, 13.0] {
        assert_eq!(secret(&short, "BAD").await, Ok(None));
        assert_eq!(gateway.calls(), calls);
        gateway.pass(if calls > 12.0 { 0 } else { 3 });
    }
}

// issue 6, cache laws: what an old text is still thinking about is nothing to those who come after a reload
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_text_that_answers_late_is_not_believed() {
    let slow = "import time\ndef lookup_secret(key): time.sleep(1.2); return 'old'\n";
    for isolation in BOTH {
        let mut mount = Mount::new(&[("keys.py", slow)]);
        let gateway = Gateway::of(&mount, isolation).await;
        let lookups = gateway.lookups(LookupSettings::default());
        let early = lookups.clone();
        let early = tokio::spawn(async move { secret(&early, "GOOD").await });
        while gateway.cached("miss") < 1.0 {
            tokio::task::yield_now().await;
        }
        mount.swap(&[("keys.py", "def lookup_secret(key): return 'new'\n")]);
        assert_eq!(gateway.hooks.reload().await, Ok(Change::Applied));
        assert_eq!(secret(&lookups, "GOOD").await, Ok(Some("new".to_owned())), "{isolation:?}");
        assert_eq!(early.await.unwrap(), Ok(Some("old".to_owned())), "{isolation:?}");
        assert_eq!(secret(&lookups, "GOOD").await, Ok(Some("new".to_owned())), "{isolation:?}");
    }
}

// C27: a secret is as old as the question
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_key_begins_with_asking() {
    let slow = "import time\ndef lookup_secret(key): time.sleep(0.3); return 'secret'\n";
    let mount = Mount::new(&[("keys.py", slow)]);
    let gateway = Gateway::of(&mount, Isolation::Thread).await;
    let lookups = gateway.lookups(LookupSettings::default());
    let asking = lookups.clone();
    let asking = tokio::spawn(async move { secret(&asking, "GOOD").await });
    while gateway.cached("miss") < 1.0 {
        tokio::task::yield_now().await;
    }
    gateway.pass(299);
    assert_eq!(asking.await.unwrap(), Ok(Some("secret".to_owned())));
    assert_eq!(secret(&lookups, "GOOD").await, Ok(Some("secret".to_owned())));
    assert_eq!(gateway.calls(), 1.0);
    gateway.pass(1);
    assert_eq!(secret(&lookups, "GOOD").await, Ok(Some("secret".to_owned())));
    assert_eq!(gateway.calls(), 2.0);
}

// security.md 2.8: an error is never kept
#[tokio::test]
async fn no_answer_about_a_key_is_not_kept() {
    let mount = Mount::new(&[("keys.py", KEYS)]);
    let gateway = Gateway::of(&mount, Isolation::Process).await;
    let lookups = gateway.lookups(LookupSettings::default());
    for calls in [1.0, 2.0, 3.0] {
        assert!(matches!(secret(&lookups, "raises").await, Err(NoAnswer::Raised { .. })));
        assert_eq!(gateway.calls(), calls);
    }
    assert_eq!(secret(&lookups, "default/alice").await, Ok(None), "reads like the principal of a document");
    assert_eq!(gateway.calls(), 3.0);
}

// security.md 2.6: a flood of made-up keys is no flood of calls, and keeps nobody out who is known
#[tokio::test]
async fn a_flood_of_unknown_keys_neither_reaches_the_hook_nor_keeps_out_the_known() {
    let mut mount = Mount::new(&[("keys.py", KEYS)]);
    let gateway = Gateway::of(&mount, Isolation::Thread).await;
    let settings = LookupSettings { max_unknown: 500, max_known: 1_000, ..LookupSettings::default() };
    let lookups = gateway.lookups(settings);
    let regulars: Vec<_> = (0..300).map(|number| format!("GOOD{number}")).collect();
    for regular in &regulars {
        gateway.pass(1); // within the rate of strangers
        assert!(secret(&lookups, regular).await.unwrap().is_some());
    }
    let mut calls = gateway.calls();
    assert_eq!(calls, 300.0);
    gateway.pass(100);
    let mut refused = 0;
    for second in 0..100 {
        for stranger in 0..500 {
            match secret(&lookups, &format!("BAD{second}-{stranger}")).await {
                Ok(None) => {}
                Err(NoAnswer::Overflow) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        // known ones all the while, whether their time is over or not
        let regular = &regulars[second % regulars.len()];
        assert!(secret(&lookups, regular).await.unwrap().is_some(), "{regular}");
        gateway.pass(1);
    }
    let of_strangers = f64::from(50_000 - refused);
    assert!((5_000.0..=5_100.0).contains(&of_strangers), "{of_strangers} strangers asked about in 100 s");
    assert_eq!(gateway.cached("limited"), f64::from(refused));
    assert!(gateway.calls() <= calls + of_strangers + 100.0);
    assert!(gateway.kept("unknown_keys") <= 500.0 && gateway.kept("keys") == 300.0);

    // after a reload everybody is looked up again, and those who were known before are no strangers
    mount.swap(&[("keys.py", &format!("{KEYS}\n# changed\n"))]);
    assert_eq!(gateway.hooks.reload().await, Ok(Change::Applied));
    calls = gateway.calls();
    for regular in &regulars {
        assert!(secret(&lookups, regular).await.unwrap().is_some(), "{regular}");
    }
    assert_eq!(gateway.calls(), calls + 300.0);
}

// a key that the hook does not know any more is a stranger again
#[tokio::test]
async fn a_key_that_has_been_taken_back_is_a_stranger() {
    let mut mount = Mount::new(&[("keys.py", KEYS)]);
    let gateway = Gateway::of(&mount, Isolation::Thread).await;
    let one = NonZeroU32::MIN;
    let settings = LookupSettings { per_second: one, burst: one, ..LookupSettings::default() };
    let lookups = gateway.lookups(settings);
    assert!(secret(&lookups, "GOOD").await.unwrap().is_some());
    mount.swap(&[("keys.py", "def lookup_secret(access_key): return None\n")]);
    assert_eq!(gateway.hooks.reload().await, Ok(Change::Applied));
    assert_eq!(secret(&lookups, "GOOD").await, Ok(None), "asked as one who was known");
    gateway.pass(30);
    assert_eq!(secret(&lookups, "OTHER").await, Ok(None));
    assert_eq!(secret(&lookups, "GOOD").await, Err(NoAnswer::Overflow));
}

// one call for many, for keys as for decisions; and strangers share one place in the queue
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_leave_a_worker_for_the_others() {
    let slow = "
import time
def lookup_secret(access_key): time.sleep(0.2 if access_key == 'GOOD' else 20); return 'secret'
";
    let mount = Mount::new(&[("keys.py", slow)]);
    for isolation in BOTH {
        let gateway = Gateway::of(&mount, isolation).await;
        let lookups = gateway.lookups(LookupSettings::default());
        let ask = |access_key: String| {
            let lookups = lookups.clone();
            tokio::spawn(async move { secret(&lookups, &access_key).await })
        };
        let same: Vec<_> = (0..1_000).map(|_| ask("GOOD".to_owned())).collect();
        for same in same {
            assert_eq!(same.await.unwrap(), Ok(Some("secret".to_owned())), "{isolation:?}");
        }
        assert_eq!(gateway.calls(), 1.0, "{isolation:?}");
        gateway.pass(300);
        let strangers: Vec<_> = (0..50).map(|number| ask(format!("BAD{number}"))).collect();
        // its time is over, and a worker is left for it
        assert_eq!(ask("GOOD".to_owned()).await.unwrap(), Ok(Some("secret".to_owned())), "{isolation:?}");
        for stranger in strangers {
            assert!(stranger.await.unwrap().is_err(), "{isolation:?}");
        }
    }
}
