//! Policy in Python, through the whole binary: what a hook says counts, whatever it does nobody gets past it, and a change
//! of its file is in force within ten seconds (C26, C61, K5, Y of security.md 2.8).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use osp_test_support::documents::Route;
use osp_test_support::{ALICE, BOB, Key, World, wait_until};

/// `docs/hooks.md`: a change of a file is in force within ten seconds.
const RELOADED: Duration = Duration::from_secs(10);
/// What a request may take above its deadline.
const MARGIN: Duration = Duration::from_millis(500);
const EVERYTHING: &str = "Read, List, Write, Delete";

/// As in the product's brief: a token, a bucket and perhaps the request, and a bool.
const POLICY: &str = r#"
def authorize(token, bucket, request=None):
    print("asked about", bucket)
    if request["path"].startswith("/hooked/secret/"):
        return False
    return request["method"] in ("GET", "HEAD") or token == "OSPTESTALICE00000001"
"#;

/// One file, many ways to go wrong: the name of the object says which.
const ODD: &str = r#"
import os, time
def authorize(token, bucket, request=None):
    what = request["path"].rsplit("/", 1)[-1]
    if what == "true": return True
    if what == "false": return False
    if what == "none": return None
    if what == "one": return 1
    if what == "yes": return "yes"
    if what == "raises": raise RuntimeError("no")
    if what == "sleeps": time.sleep(30)
    if what == "hangs":
        while True: pass
    if what == "exits": os._exit(3)
    if what == "recursion": return authorize(token, bucket, request)
    return False
"#;

/// A gateway with hooks; the tests of this file share it, one after the other.
struct Hooked {
    world: World,
    hooks: tempfile::TempDir,
}

impl Hooked {
    fn start() -> Self {
        let hooks = tempfile::tempdir().unwrap();
        write(hooks.path(), "policy", POLICY);
        write(hooks.path(), "odd", ODD);
        let settings = format!("hooks: {{dir: {:?}, timeout: 1s, cacheTTL: 0s}}\n", hooks.path());
        let world = World::start_with(env!("CARGO_BIN_EXE_osp"), &settings);
        for bucket in ["hooked-at-backend", "odd-at-backend"] {
            world.backend.create_bucket(bucket);
        }
        world.backend.seed("hooked-at-backend", "a", b"content");
        world.backend.seed("hooked-at-backend", "secret/a", b"content");
        let _ = world.apply("hooked.yaml", &route(&world, "hooked", "{name: policy}"));
        let _ = world.apply("odd.yaml", &route(&world, "odd", "{name: odd}"));
        Self { world, hooks }
    }

    fn shared() -> MutexGuard<'static, Self> {
        static HOOKED: OnceLock<Mutex<Hooked>> = OnceLock::new();
        HOOKED.get_or_init(|| Mutex::new(Self::start())).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    // as editors do it: never half a file
    let new = dir.join(format!(".{name}.new"));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, dir.join(format!("{name}.py"))).unwrap();
}

fn route(world: &World, bucket: &str, hook: &str) -> String {
    Route::new(bucket, &world.backend.endpoint(), &format!("{bucket}-at-backend"))
        .allow("alice", EVERYTHING, &[])
        .allow("bob", EVERYTHING, &[])
        .hook(hook)
        .yaml()
}

#[test]
fn c26_what_a_hook_says_counts_beside_the_grants() {
    let hooked = Hooked::shared();
    let world = &hooked.world;
    world.forwarded(&world.signed_by(BOB, ("GET", "/hooked/a", ""), ""));
    world.forwarded(&world.signed_by(ALICE, ("PUT", "/hooked/new", ""), "x"));
    world.denied_by_head(&world.signed_by(BOB, ("PUT", "/hooked/new", ""), "x"), 403, "AccessDenied");
    world.denied_by_head(&world.signed_by(ALICE, ("GET", "/hooked/secret/a", ""), ""), 403, "AccessDenied");
    // however it is spelled
    world.denied_by_head(&world.signed_by(ALICE, ("GET", "/hooked/%73ecret/a", ""), ""), 403, "AccessDenied");
    // a batch is asked about once, by its bucket: Bob may not, and nothing is deleted
    let body = "<Delete><Object><Key>a</Key></Object></Delete>";
    let answer = world.send(&world.signed_by(BOB, ("POST", "/hooked", "delete"), body));
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("<Code>AccessDenied</Code>"), "{}", answer.text());
    assert!(world.backend.contents().iter().any(|(bucket, key, _)| bucket == "hooked-at-backend" && key == "a"));
}

#[test]
fn every_way_not_to_say_true_is_no_and_nobody_else_notices() {
    let hooked = Hooked::shared();
    let world = &hooked.world;
    world.backend.seed("odd-at-backend", "true", b"content");
    let get = |what: &str| world.signed("GET", &format!("/odd/{what}"));
    world.forwarded(&get("true"));
    for what in ["false", "none", "one", "yes"] {
        world.denied_by_head(&get(what), 403, "AccessDenied");
    }
    for what in ["raises", "sleeps", "hangs", "exits", "recursion"] {
        let begun = Instant::now();
        world.denied_by_head(&get(what), 503, "ServiceUnavailable");
        assert!(begun.elapsed() < Duration::from_secs(1) + 4 * MARGIN, "{what}: {:?}", begun.elapsed());
        world.forwarded(&get("true"));
    }
    let metrics = world.gateway.metrics();
    for outcome in ["raised", "timeout", "worker_lost", "not_true"] {
        assert!(
            metrics.sum("osp_hook_calls_total", &["hook=\"odd\"", &format!("outcome=\"{outcome}\"")]) >= 1.0,
            "{outcome}"
        );
    }
}

#[test]
fn who_denied_and_why_is_in_the_log_and_not_in_the_answer() {
    let hooked = Hooked::shared();
    let world = &hooked.world;
    let from = world.gateway.log.len();
    let answer = world.denied_by_head(&world.signed("GET", "/odd/yes"), 403, "AccessDenied");
    assert!(!answer.text().contains("odd</") && !answer.text().contains("str"), "{}", answer.text());
    let records = world.gateway.log.records(from, "record", |all| all.iter().any(|one| one["reason"] == "hook_denied"));
    let record = records.iter().find(|one| one["reason"] == "hook_denied").unwrap();
    assert_eq!((&record["hook"], &record["blame"]), (&"odd".into(), &"client".into()));
    assert!(record["hook_says"].as_str().unwrap().contains("str"), "{record}");
}

#[test]
fn k5_a_route_of_a_hook_that_is_not_there_or_does_not_load_is_not_served_and_an_old_text_stays() {
    let hooked = Hooked::shared();
    let world = &hooked.world;
    let _ = world.apply("missing.yaml", &route(world, "hooked", "{name: reloaded}").replace("hooked", "reloaded"));
    world.backend.create_bucket("reloaded-at-backend");
    world.backend.seed("reloaded-at-backend", "a", b"content");
    let get = || world.send(&world.signed("GET", "/reloaded/a")).status;
    assert_eq!(get(), 503, "HookNotFound");
    let dir = hooked.hooks.path();
    let becomes = |status: u16, what: &str| {
        let begun = Instant::now();
        wait_until(what, || get() == status);
        assert!(begun.elapsed() < RELOADED, "{what}: {:?}", begun.elapsed());
    };
    write(dir, "reloaded", "def authorize(token, bucket): return True\n");
    becomes(200, "the new hook to say yes");
    let stale = || world.gateway.metrics().sum("osp_hooks", &["state=\"stale\""]);
    write(dir, "reloaded", "def authorize(token, bucket: return False\n");
    wait_until("the mistake to be noticed", || stale() > 0.0);
    assert_eq!(get(), 200, "the old text stays");
    wait_until("the log to say so", || world.gateway.log.text().contains("SyntaxError"));
    write(dir, "reloaded", "def authorize(token, bucket): return False\n");
    becomes(403, "the good text to say no");
    assert!(stale() == 0.0);
    std::fs::remove_file(dir.join("reloaded.py")).unwrap();
    becomes(503, "the hook to be gone");
    world.retract("missing.yaml");
}

#[test]
fn a_hook_in_shadow_is_counted_and_decides_nothing() {
    let hooked = Hooked::shared();
    let world = &hooked.world;
    world.backend.create_bucket("shadow-at-backend");
    world.backend.seed("shadow-at-backend", "no", b"content");
    let _ = world.apply("shadow.yaml", &route(world, "shadow", "{name: odd, mode: Shadow}"));
    let counted = || world.gateway.metrics().sum("osp_policy_shadow_total", &["hook=\"odd\"", "outcome=\"deny\""]);
    let before = counted();
    world.forwarded(&world.signed("GET", "/shadow/no"));
    wait_until("the shadow to be counted", || counted() > before);
    world.retract("shadow.yaml");
}

#[test]
fn hooks_check_prints_what_is_wrong_with_each_file() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "good", "async def authorize(token): return True\ndef lookup_secret(key): return None\n");
    let check = || Command::new(env!("CARGO_BIN_EXE_osp")).args(["hooks", "check"]).arg(dir.path()).output().unwrap();
    let good = check();
    assert!(good.status.success(), "{good:?}");
    assert_eq!(String::from_utf8_lossy(&good.stdout), "good.py: authorize, lookup_secret\n");
    write(dir.path(), "bad", "def authorize(:\n");
    write(dir.path(), "empty", "x = 1\n");
    std::fs::write(dir.path().join("no name.py"), "").unwrap();
    let bad = check();
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let said = String::from_utf8_lossy(&bad.stderr).into_owned();
    for expected in ["bad.py: ", "SyntaxError", "empty.py: ", "no name.py: "] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

/// Knows one key; the names of the others say what becomes of them.
const KEYS: &str = r#"
import time
def lookup_secret(access_key):
    if access_key == "HOOKKNOWN00000000001": return "canary-hook-secret-4f1b"
    if access_key.startswith("HOOKRAISES"): raise RuntimeError("canary-hook-secret-4f1b")
    if access_key.startswith("HOOKNUMBER"): return 42
    if access_key.startswith("HOOKEMPTY"): return ""
    return None

def authorize(token, bucket):
    time.sleep(0.3)
    return True
"#;
const KNOWN: Key = Key { id: "HOOKKNOWN00000000001", secret: "canary-hook-secret-4f1b" };

/// A gateway whose keys are partly a hook's, and whose answers are kept.
fn keyed() -> (World, tempfile::TempDir) {
    let hooks = tempfile::tempdir().unwrap();
    write(hooks.path(), "keys", KEYS);
    let settings = format!("hooks: {{dir: {:?}, timeout: 5s, keyLookup: keys, keyLookupRate: 5}}\n", hooks.path());
    let world = World::start_with(env!("CARGO_BIN_EXE_osp"), &settings);
    world.backend.create_bucket("keyed-at-backend");
    world.backend.seed("keyed-at-backend", "a", b"content");
    let everybody =
        Route::new("keyed", &world.backend.endpoint(), "keyed-at-backend").allow_everybody("Read").hook("{name: keys}");
    let _ = world.apply("keyed.yaml", &everybody.yaml());
    (world, hooks)
}

#[test]
fn a_key_that_only_a_hook_knows_is_as_good_as_any_and_strangers_are_no_flood() {
    let (world, hooks) = keyed();
    let calls =
        |callable: &str| world.gateway.metrics().sum("osp_hook_calls_total", &[&format!("callable=\"{callable}\"")]);
    let get = |key: Key, path: &str| world.signed_by(key, ("GET", path, ""), "");
    let of = |id: &'static str| Key { id, secret: "canary-hook-secret-4f1b" };
    for _ in 0..3 {
        world.forwarded(&get(KNOWN, "/keyed/a"));
    }
    assert_eq!(calls("lookup_secret"), 1.0, "C26, C56: asked once, then kept");
    assert_eq!(calls("authorize"), 1.0);
    let records = world.gateway.log.records(0, "record", |all| all.iter().any(|one| one["principal"] == KNOWN.id));
    assert!(!format!("{records:?}").contains(KNOWN.secret));
    // it has what everybody has, and nothing else
    world.denied_by_head(&world.signed_by(KNOWN, ("PUT", "/keyed/a", ""), "x"), 403, "AccessDenied");
    world.denied_by_head(&get(KNOWN, "/alpha/a"), 403, "AccessDenied");
    world.denied_by_head(&get(Key { secret: "wrong", ..KNOWN }, "/keyed/a"), 403, "SignatureDoesNotMatch");
    // the documented outcomes
    world.denied_by_head(&get(of("HOOKNOBODY0000000001"), "/keyed/a"), 403, "InvalidAccessKeyId");
    world.denied_by_head(&get(of("HOOKNOBODY0000000001"), "/keyed/a"), 403, "InvalidAccessKeyId");
    assert_eq!(calls("lookup_secret"), 2.0, "that there is no such key is kept as well");
    for id in ["HOOKRAISES0000000001", "HOOKNUMBER0000000001", "HOOKEMPTY00000000001"] {
        world.denied_by_head(&get(of(id), "/keyed/a"), 503, "ServiceUnavailable");
    }
    assert!(!world.gateway.log.text().contains(KNOWN.secret), "an exception's text is no log line");
    // 200 made-up keys: a few are looked up, the others are told to slow down, and nobody else notices
    let before = calls("lookup_secret");
    let mut slowed = 0;
    for number in 0..200 {
        let id = format!("MADEUP{number:014}");
        let answer = world.send(&get(Key { id: id.leak(), secret: "x" }, "/keyed/a"));
        match (answer.status, answer.code().as_deref()) {
            (403, Some("InvalidAccessKeyId")) => {}
            (503, Some("SlowDown")) => slowed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(slowed > 100, "{slowed} of 200");
    assert!(calls("lookup_secret") - before < 100.0);
    world.forwarded(&get(KNOWN, "/keyed/a"));
    world.forwarded(&world.signed("GET", "/keyed/a"));
    // a hook that is edited is asked anew
    write(hooks.path(), "keys", &KEYS.replace("HOOKKNOWN00000000001", "HOOKOTHER00000000001"));
    wait_until("the key to be gone", || world.send(&get(KNOWN, "/keyed/a")).code().is_some());
    let after = world.send(&get(KNOWN, "/keyed/a"));
    assert!(matches!(after.code().as_deref(), Some("InvalidAccessKeyId" | "SlowDown")), "{after:?}");
}

/// C27, g4: a thousand who ask the same for the first time are one call, and then nobody asks.
#[test]
fn a_thousand_identical_questions_are_one_call() {
    let (world, _hooks) = keyed();
    let request = world.signed("GET", "/keyed/a");
    let mut crowd: Vec<_> = (0..1000).map(|_| world.connect()).collect();
    for one in &mut crowd {
        one.write(&request.bytes()).unwrap();
    }
    for one in &mut crowd {
        assert_eq!(one.read_response(false).unwrap().status, 200);
    }
    let calls = || world.gateway.metrics().sum("osp_hook_calls_total", &["callable=\"authorize\""]);
    assert_eq!(calls(), 1.0);
    // another client, and another's secret, are other questions
    assert_eq!(world.send(&world.signed_by(BOB, ("GET", "/keyed/a", ""), "")).status, 200);
    assert_eq!(calls(), 2.0);
}
