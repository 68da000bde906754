//! The table of answers that the SDK's tests use as well: what a function returns means the same in both isolations and
//! in `simulate` (C26).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod support;

use osp_hooks::{Asker, BackendCredentials, Denied, NoAnswer, Outcome, Verdict};

use serde_json::Value as Json;
use support::{BOTH, Mount, id, question};

const CASES: &str = include_str!("../../../python-hooks/tests/cases.json");
const NAMES: &str = "
from osp_hooks import *
from osp_hooks import Decision
class Sub(Decision): pass
async def later(): return True
";

struct Case {
    callable: &'static str,
    expression: String,
    expected: [String; 2],
}

fn cases() -> Vec<Case> {
    let table: Json = serde_json::from_str(CASES).unwrap();
    let rows = table["answers"].as_array().unwrap();
    let case = |row: &Json| {
        let callables = ["authorize", "lookup_secret", "fetch_credentials"];
        let callable = *callables.iter().find(|name| row.get(**name).is_some()).unwrap();
        let expression = row[callable].as_str().unwrap().to_owned();
        Case { callable, expression, expected: serde_json::from_value(row["outcome"].clone()).unwrap() }
    };
    rows.iter().map(case).collect()
}

/// One hook per row.
fn files(cases: &[Case]) -> Vec<(String, String)> {
    let signature = |callable: &str| match callable {
        "authorize" => "token, bucket, request=None",
        "lookup_secret" => "access_key",
        _ => "token, bucket",
    };
    let file = |(at, case): (usize, &Case)| {
        let Case { callable, expression, .. } = case;
        let text = format!("{NAMES}\ndef {callable}({}): return {expression}\n", signature(callable));
        (format!("case{at}.py"), text)
    };
    cases.iter().enumerate().map(file).collect()
}

fn shown<T>(outcome: Outcome<T>, answer: impl Fn(T) -> (&'static str, &'static str)) -> [String; 2] {
    let (kind, reason) = match outcome {
        Ok(value) => answer(value),
        Err(why) => ("no_answer", why.label()),
    };
    [kind.to_owned(), reason.to_owned()]
}

#[tokio::test]
async fn an_answer_means_what_the_table_says() {
    let cases = cases();
    assert!(cases.len() > 30);
    let files = files(&cases);
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mount = Mount::new(&files);
    for isolation in BOTH {
        let hooks = mount.hooks(isolation).await;
        for (at, case) in cases.iter().enumerate() {
            let hook = id(&format!("case{at}"));
            let outcome = match case.callable {
                "authorize" => {
                    shown(hooks.authorize(&hook, &question("AKIA1", "lake", "a")).await, |verdict| match verdict {
                        Verdict::Allow => ("allow", ""),
                        Verdict::Split(_) => ("split", ""),
                        Verdict::Deny(Denied::Said(_)) => ("deny", "false"),
                        Verdict::Deny(Denied::NotTrue(_)) => ("deny", "not_true"),
                    })
                }
                "lookup_secret" => shown(hooks.lookup_secret(&hook, "AKIA1").await, |secret| match secret {
                    Some(_) => ("secret", ""),
                    None => ("unknown", ""),
                }),
                _ => {
                    let fetched = hooks.fetch_credentials(&hook, ("AKIA1", "lake"), &Default::default()).await;
                    shown(fetched, |credentials| match credentials {
                        BackendCredentials::Keys { .. } => ("keys", ""),
                        BackendCredentials::ApiKey(_) => ("api_key", ""),
                    })
                }
            };
            assert_eq!(outcome, case.expected, "{isolation:?}: {} returning {}", case.callable, case.expression);
        }
    }
}

// C26: the documented forms, in both isolations
#[tokio::test]
async fn the_documented_functions_run_as_they_are() {
    let policy = r#"
import json, os

def authorize(token: str, bucket: str, request: dict | None = None) -> bool:
    print("asked for", bucket)
    return request["method"] == "GET" and request["path"].startswith("/lake/") and request["headers"]["host"] != ""

def lookup_secret(access_key: str) -> str | None:
    return os.getenv("BACKEND_SECRET") if access_key == "AKIA1" else None

def fetch_credentials(token: str, bucket: str) -> str:
    if bucket == "ibm":
        return os.environ["BACKEND_SECRET"]
    return json.dumps({"access_key": "backend-" + token, "secret_key": os.environ["BACKEND_SECRET"]})
"#;
    let typed = r#"
from osp_hooks import Request, Decision, allow, allow_keys, deny, cache_by

@cache_by("principal", "key/1", "keys")
async def authorize(request: Request) -> Decision:
    if request.keys is not None:
        return allow_keys(key for key in request.keys if key.startswith("tmp/"))
    return allow() if request.key == "tmp/" else deny("only below tmp/")
"#;
    let mount = Mount::new(&[("policy.py", policy), ("typed.py", typed)]);
    for isolation in BOTH {
        let hooks = mount.hooks(isolation).await;
        let (policy, typed) = (id("policy"), id("typed"));
        assert_eq!(hooks.authorize(&policy, &question("AKIA1", "lake", "a")).await, Ok(Verdict::Allow));
        let denied = hooks.authorize(&policy, &question("AKIA1", "other", "a")).await;
        assert_eq!(denied, Ok(Verdict::Deny(Denied::Said(String::new()))));

        let secret = hooks.lookup_secret(&policy, "AKIA1").await.unwrap().unwrap();
        assert!(secret.with_exposed(|secret| secret == "0123456789abcdef"));
        assert_eq!(hooks.lookup_secret(&policy, "AKIA2").await, Ok(None));
        let fetched = hooks.fetch_credentials(&policy, ("AKIA1", "lake"), &Default::default()).await.unwrap();
        let BackendCredentials::Keys { access_key, secret_key, session_token: None, expires_at: None } = fetched else {
            panic!("{fetched:?}")
        };
        assert_eq!((access_key, secret_key), ("backend-AKIA1".to_owned(), secret));
        let fetched = hooks.fetch_credentials(&policy, ("AKIA1", "ibm"), &Default::default()).await.unwrap();
        assert!(matches!(fetched, BackendCredentials::ApiKey(_)));

        assert_eq!(hooks.authorize(&typed, &question("AKIA1", "lake", "tmp/a/b")).await, Ok(Verdict::Allow));
        let denied = hooks.authorize(&typed, &question("AKIA1", "lake", "tmpx/a")).await;
        assert_eq!(denied, Ok(Verdict::Deny(Denied::Said("only below tmp/".to_owned()))));
        let mut batch = question("AKIA1", "lake", "");
        batch.keys = Some(vec!["tmp/a".to_owned(), "b".to_owned()]);
        assert_eq!(hooks.authorize(&typed, &batch).await, Ok(Verdict::Split(vec![true, false])));

        assert_eq!(hooks.lookup_secret(&typed, "AKIA1").await, Err(NoAnswer::NoCallable));
        assert_eq!(hooks.authorize(&id("other"), &question("AKIA1", "lake", "a")).await, Err(NoAnswer::NoHook));
    }
}

// C61: what a decision may be kept by
#[tokio::test]
async fn inputs_are_equal_exactly_when_the_hook_is_given_the_same() {
    let text = "cache_by = ('token', 'bucket', 'key/1')\ndef authorize(token, bucket, request): return True\n";
    let mut mount = Mount::new(&[("policy.py", text)]);
    let hooks = mount.hooks(support::BOTH[0]).await;
    let inputs = |key: &str| hooks.pin().inputs(&id("policy"), &question("AKIA1", "lake", key)).unwrap();
    assert_eq!(inputs("a/b"), inputs("a/c/d"));
    assert_ne!(inputs("a/b"), inputs("b/b"));
    let asker = Asker::of("AKIA1");
    let (old, kept) = (hooks.pin(), inputs("a/b"));
    mount.swap(&[("policy.py", &format!("{text}# changed\n"))]);
    hooks.reload().await.unwrap();
    assert_ne!(kept, inputs("a/b"), "another text decides anew");
    assert_eq!(old.authorize(&kept, asker).await, Ok(Verdict::Allow), "whoever began with the old one ends with it");
    assert_eq!(hooks.pin().authorize(&kept, asker).await, Err(NoAnswer::NoHook), "and nobody mixes them");
}
