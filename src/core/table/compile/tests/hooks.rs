//! Hooks of routes: who is asked what, and what the answers count for (C8, C26, C61, architecture.md law 2). Whoever answers
//! here is scripted; that Python answers like this is tested where Python is.

use std::sync::Mutex;

use super::signed::{Call, at_once, call};
use super::*;
use crate::access::{self, Answering, Decision, Hypothesis, Inquiry, Principal, Ruling, explain};
use crate::model::{Callable, HookMode, HookName, HookState, RouteHook};
use crate::s3::DeleteOutcome;
use crate::{Denial, HookFailure, HookFault};

pub(super) fn hook(name: &str) -> RouteHook {
    RouteHook { name: HookName::new(name).unwrap(), timeout: None, mode: HookMode::Enforce }
}

/// What a hook says.
type Says = fn(&Inquiry) -> Result<Ruling, HookFailure>;

/// Answers by name of the hook, and remembers what it was asked.
struct Scripted {
    says: Vec<(&'static str, Says)>,
    asked: Mutex<Vec<(String, Inquiry)>>,
}

impl Scripted {
    fn new(says: &[(&'static str, Says)]) -> Self {
        Self { says: says.to_vec(), asked: Mutex::default() }
    }

    fn note(&self, hook: &RouteHook, inquiry: &Inquiry, how: &str) {
        self.asked.lock().unwrap().push((format!("{how}{}", hook.name), inquiry.clone()));
    }

    fn asked(&self) -> Vec<(String, Inquiry)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The names, in order.
    fn names(&self) -> Vec<String> {
        self.asked().into_iter().map(|(name, _)| name).collect()
    }
}

impl access::Hooks for Scripted {
    fn decide<'a>(&'a self, hook: &'a RouteHook, inquiry: &'a Arc<Inquiry>) -> Answering<'a> {
        self.note(hook, inquiry, "");
        let says = self.says.iter().find(|(name, _)| *name == hook.name.as_str());
        let answer = says.map_or(Err(HookFailure::NoAnswer("no_hook")), |(_, says)| says(inquiry));
        Box::pin(std::future::ready(answer))
    }

    fn shadow(&self, hook: &RouteHook, inquiry: &Arc<Inquiry>) {
        self.note(hook, inquiry, "shadow ");
    }
}

const YES: Says = |_| Ok(Ruling::Allow);
const NO: Says = |_| Ok(Ruling::Deny("because".to_owned()));
const SPLIT: Says = |_| Ok(Ruling::Split(vec![true]));
const NOTHING: Says = |_| Err(HookFailure::NoAnswer("timeout"));
const TOO_MUCH: Says = |_| Err(HookFailure::Overflow);

/// A table whose route of bucket `data` names these hooks.
fn table_with(hooks: &[RouteHook]) -> crate::table::RouteTable {
    let compiled = compile(&edit(|route| route.hooks = hooks.to_vec()));
    assert_eq!(said(&compiled), Vec::<String>::new());
    compiled.table
}

#[test]
fn only_a_literal_yes_of_every_hook_lets_a_request_pass() {
    let table = table_with(&[hook("first"), hook("second")]);
    let denied = |hook: &str, why: &str| HookFault::Denied { hook: HookName::new(hook).unwrap(), why: why.to_owned() };
    let failed = |hook: &str, why| HookFault::Failed { hook: HookName::new(hook).unwrap(), why };
    let split = "an answer for single keys, where none were asked about";
    let timeout = HookFailure::NoAnswer("timeout");
    let cases: [(Says, Says, Option<HookFault>, usize); 8] = [
        (YES, YES, None, 2),
        (NO, YES, Some(denied("first", "because")), 1),
        (YES, NO, Some(denied("second", "because")), 2),
        (YES, SPLIT, Some(denied("second", split)), 2),
        (NOTHING, YES, Some(failed("first", timeout)), 1),
        (YES, NOTHING, Some(failed("second", timeout)), 2),
        (YES, TOO_MUCH, Some(failed("second", HookFailure::Overflow)), 2),
        (NO, NOTHING, Some(denied("first", "because")), 1),
    ];
    for (first, second, expected, asked) in cases {
        let hooks = Scripted::new(&[("first", first), ("second", second)]);
        let decided = call("GET", "/data/key").decide_with(&table, &hooks);
        assert_eq!(decided.as_ref().err(), expected.clone().map(Denial::from).as_ref(), "{decided:?}");
        assert_eq!(decided.is_ok(), expected.is_none());
        assert_eq!(hooks.asked().len(), asked, "the first no ends it");
    }
    let rows = [
        (denied("a", ""), (403, "AccessDenied")),
        (failed("a", timeout), (503, "ServiceUnavailable")),
        (failed("a", HookFailure::Overflow), (503, "SlowDown")),
    ];
    for (fault, expected) in rows {
        let row = Denial::from(fault).row();
        assert_eq!((row.status, row.code), expected);
    }
}

#[test]
fn nobody_is_asked_for_what_grants_refuse_and_nothing_is_allowed_when_nobody_answers() {
    let table = table_with(&[hook("policy")]);
    let hooks = Scripted::new(&[("policy", YES)]);
    let stranger = Call { keys: ("AKIAOTHER", "other-secret"), ..call("GET", "/data/key") };
    assert!(stranger.decide_with(&table, &hooks).is_err());
    assert_eq!(hooks.names(), Vec::<String>::new());
    assert!(call("GET", "/data/key").decide_with(&table, &hooks).is_ok(), "the positive twin");
    assert_eq!(hooks.names(), ["policy"]);
    let decided = call("GET", "/data/key").decide(&table);
    assert!(matches!(decided, Err(Denial::Hook(HookFault::Failed { .. }))), "{decided:?}");
}

#[test]
fn a_hook_is_told_what_the_request_is_and_no_credential() {
    let table = table_with(&[hook("policy")]);
    let hooks = Scripted::new(&[("policy", YES)]);
    let headers = [("cookie", "c"), ("content-type", "text/plain")];
    let put = Call { headers: &headers, body: b"x", ..call("PUT", "/data/a/b%20c?x-id=PutObject") };
    assert!(put.decide_with(&table, &hooks).is_ok());
    let [(_, told)] = hooks.asked().try_into().unwrap();
    let text = |text: &str| text.to_owned();
    assert_eq!((told.token, told.principal), (text("AKIADEMO"), text("default/demo")));
    assert_eq!((told.bucket, told.key, told.method), (text("data"), text("a/b c"), text("PUT")));
    assert_eq!((told.operation, told.keys), (text("PutObject"), None));
    assert_eq!(told.headers.get("content-type"), Some("text/plain"));
    for secret in ["authorization", "cookie"] {
        assert_eq!(told.headers.get(secret), None, "{secret}");
    }
}

#[test]
fn a_copy_asks_about_what_it_reads_and_about_what_it_writes() {
    let table = table_with(&[hook("policy")]);
    let copy = |headers| Call { headers, ..call("PUT", "/data/to") };
    let headers = [("x-amz-copy-source", "/data/from?versionId=7")];
    let hooks = Scripted::new(&[("policy", YES)]);
    // reading a version needs no more than reading
    assert!(copy(&headers).decide_with(&table, &hooks).is_ok());
    let asked = hooks.asked();
    let told = |index: usize| {
        let (_, told) = &asked[index];
        (told.method.as_str(), told.operation.as_str(), told.key.as_str())
    };
    assert_eq!((told(0), told(1)), (("GET", "GetObject", "from"), ("PUT", "CopyObject", "to")));
    assert_eq!(asked[0].1.query.get("versionId"), Some("7"));
    let no_reading: Says = |inquiry| if inquiry.key == "from" { NO(inquiry) } else { YES(inquiry) };
    let no_writing: Says = |inquiry| if inquiry.key == "to" { NO(inquiry) } else { YES(inquiry) };
    for says in [no_reading, no_writing] {
        let denied = copy(&headers).decide_with(&table, &Scripted::new(&[("policy", says)]));
        assert!(matches!(denied, Err(Denial::Hook(HookFault::Denied { .. }))), "{denied:?}");
    }
}

#[test]
fn a_batch_is_asked_about_once_with_its_keys_and_each_key_has_its_answer() {
    let table = table_with(&[hook("first"), hook("second")]);
    let delete = |first: Says, second: Says| {
        let hooks = Scripted::new(&[("first", first), ("second", second)]);
        let objects = ["a", "b", "c"].map(|key| format!("<Object><Key>{key}</Key></Object>")).concat();
        let body = format!("<Delete>{objects}</Delete>");
        let call = Call { body: body.as_bytes(), ..call("POST", "/data?delete") };
        let Ok(Decision::Batch(batch)) = call.decide_with(&table, &hooks) else { panic!("no batch") };
        assert_eq!(hooks.names(), Vec::<String>::new(), "the keys are not known yet");
        let decided = at_once(batch.decide(body.as_bytes(), &hooks));
        (decided, hooks.asked())
    };
    let not_b: Says = |asked| Ok(Ruling::Split(asked.keys.iter().flatten().map(|key| key != "b").collect()));
    let not_c: Says = |asked| Ok(Ruling::Split(asked.keys.iter().flatten().map(|key| key != "c").collect()));
    let cases: [(Says, Says, &[&str]); 5] = [
        (YES, YES, &[]),
        (NO, YES, &["a", "b", "c"]),
        (not_b, YES, &["b"]),
        (not_b, not_c, &["b", "c"]),
        (YES, SPLIT, &["a", "b", "c"]),
    ];
    for (first, second, expected) in cases {
        let (decided, asked) = delete(first, second);
        let decided = decided.unwrap();
        let refused: Vec<_> = decided
            .refused
            .iter()
            .map(|one| match one {
                DeleteOutcome::Failed { key, code, .. } if code == "AccessDenied" => key.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(refused, expected);
        assert_eq!(decided.permit.is_some(), refused.len() < 3);
        let keys = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert!(asked.iter().all(|(_, told)| told.keys.as_ref() == Some(&keys)), "{asked:?}");
        assert_eq!(asked.len(), 2);
    }
    for silent in [NOTHING, TOO_MUCH] {
        let (decided, _) = delete(YES, silent);
        assert!(matches!(decided, Err(Denial::Hook(HookFault::Failed { .. }))), "nothing may be deleted: {decided:?}");
    }
}

#[test]
fn a_hook_in_shadow_is_asked_and_decides_nothing() {
    let shadow = RouteHook { mode: HookMode::Shadow, ..hook("new") };
    let table = table_with(&[shadow, hook("policy")]);
    let hooks = Scripted::new(&[("policy", YES), ("new", NO)]);
    assert!(call("GET", "/data/key").decide_with(&table, &hooks).is_ok());
    assert_eq!(hooks.names(), ["shadow new", "policy"]);
    let hooks = Scripted::new(&[("policy", NO)]);
    assert!(call("GET", "/data/key").decide_with(&table, &hooks).is_err(), "the other one does");
}

#[test]
fn for_a_bucket_as_a_whole_one_route_that_says_yes_is_enough() {
    let part = |prefix: &str, hooks: &[RouteHook]| {
        let mut route = route("data", &["demo"]);
        route.matches.prefix = KeyPrefix::parse(prefix).unwrap();
        route.hooks = hooks.to_vec();
        valid(route)
    };
    let mut snapshot = complete();
    snapshot.routes.insert(name("data"), part("a/", &[hook("first")]));
    snapshot.routes.insert(name("more"), part("b/", &[hook("second")]));
    let table = compile(&snapshot).table;
    let cases: [(Says, Says, bool); 4] = [(YES, NO, true), (NO, YES, true), (NO, NO, false), (NOTHING, NOTHING, false)];
    for (first, second, expected) in cases {
        for request in [call("HEAD", "/data"), call("GET", "/data?location")] {
            let hooks = Scripted::new(&[("first", first), ("second", second)]);
            assert_eq!(request.decide_with(&table, &hooks).is_ok(), expected);
        }
    }
}

/// C8: the same for a part of a bucket that has a route of its own.
#[test]
fn a_key_that_a_backend_may_take_for_one_of_another_route_has_no_route() {
    let part = |prefix: &str| {
        let mut route = route("data", &["demo"]);
        route.matches.prefix = KeyPrefix::parse(prefix).unwrap();
        valid(route)
    };
    let mut snapshot = complete();
    snapshot.routes.insert(name("data"), part("a/"));
    snapshot.routes.insert(name("more"), part("a/secret/"));
    let table = compile(&snapshot).table;
    for (path, is_served) in [("/data/a//b", true), ("/data/a/secret//b", true), ("/data/a//secret/b", false)] {
        assert_eq!(call("GET", path).decide(&table).is_ok(), is_served, "{path}");
    }
}

#[test]
fn what_was_decided_for_another_route_or_secret_has_another_version() {
    let version = |snapshot: &Snapshot, keys| {
        let hooks = Scripted::new(&[("policy", YES)]);
        let decided = Call { keys, ..call("GET", "/data/key") }.decide_with(&compile(snapshot).table, &hooks);
        assert!(decided.is_ok(), "{decided:?}");
        hooks.asked().remove(0).1.version
    };
    let snapshot = edit(|route| route.hooks = vec![hook("policy")]);
    let first = version(&snapshot, ("AKIADEMO", "demo-secret"));
    assert_eq!(first, version(&snapshot.clone(), ("AKIADEMO", "demo-secret")), "the same again");
    let mut rotated = snapshot.clone();
    rotated.secrets.insert(name("demo-1"), secret("AKIADEMO", "rotated"));
    assert_ne!(first, version(&rotated, ("AKIADEMO", "rotated")));
    let edited = edit(|route| {
        route.hooks = vec![hook("policy")];
        route.access[0].name = "renamed".to_owned();
    });
    assert_ne!(first, version(&edited, ("AKIADEMO", "demo-secret")));
}

#[test]
fn a_route_whose_hook_cannot_be_asked_is_broken_and_one_whose_hook_is_old_is_served() {
    let with = |state: Option<HookState>| {
        let mut snapshot = edit(|route| route.hooks = vec![hook("policy")]);
        let known = state.map(|state| (HookName::new("policy").unwrap(), state));
        snapshot.process.hooks = Some(Arc::new(known.into_iter().collect()));
        let compiled = compile(&snapshot);
        let hooks = Scripted::new(&[("policy", YES)]);
        let decided = call("GET", "/data/key").decide_with(&compiled.table, &hooks);
        (decided.err(), compiled.notices.len())
    };
    let (callables, why) = (vec![Callable::Authorize], "no".to_owned());
    assert_eq!(with(None), (Some(Denial::RouteBroken), 0), "HookNotFound");
    assert_eq!(with(Some(HookState::Invalid { why: why.clone() })), (Some(Denial::RouteBroken), 0));
    assert_eq!(with(Some(HookState::Current { callables: Vec::new() })), (Some(Denial::RouteBroken), 0));
    assert_eq!(with(Some(HookState::Stale { callables: callables.clone(), why })), (None, 1), "K5");
    assert_eq!(with(Some(HookState::Current { callables })), (None, 0));
}

#[test]
fn an_entry_for_everybody_is_for_every_signature_that_is_good_and_for_no_other() {
    let table = compile(&edit(|route| route.access[0].clients = Clients::Authenticated)).table;
    let of = |keys| Call { keys, ..call("GET", "/data/key") }.decide(&table);
    assert!(of(("AKIADEMO", "demo-secret")).is_ok());
    assert_eq!(of(("AKIADEMO", "wrong")).unwrap_err(), Denial::SignatureMismatch);
    assert_eq!(of(("AKIANOBODY", "demo-secret")).unwrap_err(), Denial::UnknownAccessKey);
    let shown = table.visible_to(None, &Principal::new(ObjectName::new("elsewhere", "anybody")));
    assert_eq!(shown.iter().map(|bucket| bucket.as_str()).collect::<Vec<_>>(), ["data"]);
}

#[test]
fn explaining_names_the_hooks_and_asks_none() {
    let shadow = RouteHook { mode: HookMode::Shadow, ..hook("new") };
    let table = table_with(&[hook("policy"), shadow.clone()]);
    let operation =
        crate::s3::named("GetObject", Some(bucket("data")), crate::s3::ObjectKey::parse(b"k".to_vec()).ok(), None);
    let principal = Principal::new(name("demo"));
    let query = crate::s3::Query::default();
    let asked = Hypothesis { principal: &principal, host: None, operation: &operation.unwrap(), query: &query };
    assert_eq!(explain(asked, &table).hooks, [(name("data"), hook("policy")), (name("data"), shadow)]);
}
