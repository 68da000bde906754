//! What holds for every decision that is kept (issue 6, cache laws), with a clock and a hook that the test commands.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use prometheus::Registry;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::*;
use crate::metrics::CacheResult;
use crate::outcome::NoAnswer;
use crate::question::Input;

const TTL: Duration = Duration::from_secs(300);
const DEADLINE: Duration = Duration::from_secs(20);
const YES: Outcome<Verdict> = Ok(Verdict::Allow);

fn said(why: &str) -> Outcome<Verdict> {
    Ok(Verdict::Deny(Denied::Said(why.to_owned())))
}

/// A book with a clock that stands still.
struct Desk {
    book: Arc<Book>,
    millis: Arc<AtomicU64>,
    calls: Arc<AtomicUsize>,
}

impl Desk {
    fn new(settings: DecisionSettings) -> Self {
        let millis = Arc::new(AtomicU64::new(7_000));
        let seen = Arc::clone(&millis);
        let clock: Clock = Arc::new(move || Duration::from_millis(seen.load(Ordering::SeqCst)));
        let metrics = Arc::new(Metrics::register(&Registry::new()).unwrap());
        Self { book: Arc::new(Book::new(settings, clock, metrics)), millis, calls: Arc::default() }
    }

    fn keeping(ttl: Duration) -> Self {
        Self::new(DecisionSettings { ttl, ..DecisionSettings::default() })
    }

    fn pass(&self, time: Duration) {
        self.millis.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Asks a hook that answers this at once.
    async fn ask(&self, key: &Sought, answer: Outcome<Verdict>) -> Outcome<Verdict> {
        let calls = Arc::clone(&self.calls);
        let hook = || async move {
            calls.fetch_add(1, Ordering::SeqCst);
            answer
        };
        self.book.decide(key.clone(), DEADLINE, hook).await
    }

    /// Asks a hook that answers this when it is let go.
    fn ask_later(
        &self,
        key: &Sought,
        answer: Outcome<Verdict>,
        gate: &Arc<Semaphore>,
    ) -> impl Future<Output = Outcome<Verdict>> + Send + 'static {
        let (book, key, calls, gate) = (Arc::clone(&self.book), key.clone(), Arc::clone(&self.calls), Arc::clone(gate));
        async move {
            let hook = || async move {
                calls.fetch_add(1, Ordering::SeqCst);
                let _pass = gate.acquire().await.unwrap();
                answer
            };
            book.decide(key, DEADLINE, hook).await
        }
    }

    fn counted(&self, result: CacheResult) -> u64 {
        self.book.metrics.cache_count(key("a").hook.as_str(), Callable::Authorize, result)
    }
}

fn key_of(declared: &[Input], question: &Inquiry, revision: u64, version: u64) -> Sought {
    let question = Inquiry { version, ..question.clone() };
    Sought::new(&HookName::new("policy").unwrap(), (Revision(revision), declared), &question)
}

fn key(of: &str) -> Sought {
    key_of(&[Input::Key], &Inquiry { key: of.to_owned(), ..Inquiry::default() }, 1, 1)
}

// --- no decision is used for a request that differs in any input that the hook could read (C61)

/// What a function with this declaration can read of a question, said in another way than `given` does.
fn readable(declared: &[Input], question: &Inquiry) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut see = |name: &str, value: &str| drop(seen.insert(name.to_owned(), format!("{value:?}")));
    for input in declared {
        match input {
            Input::Token => see("token", &question.token),
            Input::Bucket => see("bucket", &question.bucket),
            Input::Principal => see("principal", &question.principal),
            Input::Method => see("method", &question.method),
            Input::Key => see("key", &question.key),
            Input::Operation => see("operation", &question.operation),
            Input::SourceIp => {
                see("source_ip", &question.source_ip.map(|address| address.to_string()).unwrap_or_default())
            }
            Input::Path if question.key.is_empty() => see("path", &format!("/{}", question.bucket)),
            Input::Path => see("path", &format!("/{}/{}", question.bucket, question.key)),
            Input::Folders(depth) => {
                let parts: Vec<_> = question.key.split_inclusive('/').collect();
                let folders = parts.iter().filter(|part| part.ends_with('/')).take(usize::from(*depth));
                see("key", &folders.copied().collect::<String>());
            }
            Input::Query => {
                let of_client = question.query.iter().filter(|(name, _)| !name.to_lowercase().starts_with("x-amz-"));
                of_client.for_each(|(name, value)| see(&format!("query.{name}"), value));
            }
            Input::OneQuery(name) => {
                question.query.get(name).into_iter().for_each(|value| see(&format!("query.{name}"), value));
            }
            Input::Headers => {
                let stable =
                    ["host", "x-amz-acl"].into_iter().filter_map(|name| Some((name, question.headers.get(name)?)));
                stable.for_each(|(name, value)| see(&format!("headers.{name}"), value));
            }
            Input::OneHeader(name) => {
                question.headers.get(name).into_iter().for_each(|value| see(&format!("headers.{name}"), value));
            }
            Input::Keys => see("keys", &format!("{:?}", question.keys)),
            Input::Parameters => {}
        }
    }
    seen
}

fn declarations() -> impl Strategy<Value = Vec<Input>> {
    let all = vec![
        Input::Token,
        Input::Bucket,
        Input::Principal,
        Input::Method,
        Input::Path,
        Input::Operation,
        Input::Query,
        Input::OneQuery("versionId".to_owned()),
        Input::Headers,
        Input::OneHeader("range".to_owned()),
        Input::SourceIp,
        Input::Keys,
    ];
    let of_key = select(vec![None, Some(Input::Key), Some(Input::Folders(1)), Some(Input::Folders(2))]);
    (subsequence(all, 0..=12), of_key).prop_map(|(mut inputs, of_key)| {
        inputs.extend(of_key);
        inputs
    })
}

/// Few values for each field, so that questions are the same in some inputs and differ in others.
fn questions() -> impl Strategy<Value = Inquiry> {
    let few = |texts: &'static [&'static str]| select(texts).prop_map(str::to_owned);
    let map = |names, values| btree_map(few(names), few(values), 0..3);
    let names = (few(&["AKIA1", "AKIA2"]), few(&["default/a", "default/b"]), few(&["192.0.2.1", "192.0.2.2"]));
    let place = (few(&["lake", "lake/a"]), few(&["", "a", "a/b", "a/b/", "a/b/c", "a/c/c", "a//b", "ab/c", "b/c"]));
    let what =
        (few(&["GET", "PUT"]), few(&["GetObject", "PutObject"]), option::weighted(0.2, vec(few(&["a", "b"]), 1..3)));
    let more = (
        map(&["versionId", "prefix", "X-Amz-Date"], &["1", "2", ""]),
        map(&["host", "x-amz-acl", "range", "authorization"], &["1", "2"]),
    );
    (names, place, what, more).prop_map(
        |((token, principal, source_ip), (bucket, key), (method, operation, keys), (query, headers))| Inquiry {
            token,
            bucket,
            key,
            principal,
            method,
            operation,
            query: query.into_iter().collect(),
            headers: headers.into_iter().collect(),
            source_ip: source_ip.parse().ok(),
            keys,
            version: 0,
        },
    )
}

/// A request: what is asked, by which text of the hook, with which version of the route, and how much later.
fn requests() -> impl Strategy<Value = Vec<(Inquiry, u64, u64, u64)>> {
    let one = (questions(), 1..=2_u64, 1..=2_u64, select(vec![0_u64, 0, 1_000, 29_000, 299_000]));
    // some of them again, in any order
    vec(one, 1..8).prop_flat_map(|some| vec(select(some), 1..40))
}

/// What the hook says when it is asked: all that it can read, so that a decision about something else is told apart.
fn uncached(declared: &[Input], (question, revision, version): (&Inquiry, u64, u64)) -> Outcome<Verdict> {
    let text = format!("{revision} {version} {:?}", readable(declared, question));
    if text.len().is_multiple_of(2) { YES } else { said(&text) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_decision_is_used_for_nothing_else_and_not_too_long(declared in declarations(), requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let desk = Desk::keeping(TTL);
        // what may be kept, by everything that the hook can read, and until when
        let mut kept: BTreeMap<String, Duration> = BTreeMap::new();
        let (mut now, mut calls) = (Duration::ZERO, 0);
        for (question, revision, version, later) in &requests {
            now += Duration::from_millis(*later);
            desk.pass(Duration::from_millis(*later));
            let expected = uncached(&declared, (question, *revision, *version));
            let asked = format!("{revision} {version} {:?}", readable(&declared, question));
            if kept.get(&asked).is_none_or(|until| *until <= now) {
                calls += 1;
                let life = if expected == YES { TTL } else { Duration::from_secs(30) };
                if !(question.keys.is_some() && declared.contains(&Input::Keys)) {
                    kept.insert(asked, now + life);
                }
            }
            let key = key_of(&declared, question, *revision, *version);
            prop_assert_eq!(runtime.block_on(desk.ask(&key, expected.clone())), expected);
            prop_assert_eq!(desk.calls(), calls, "as many as are needed, and no more");
        }
    }
}

// --- for how long (C27)

#[tokio::test]
async fn a_yes_is_used_for_its_time_to_live() {
    for ttl in [1, 10, 300, 86_400].map(Duration::from_secs) {
        let desk = Desk::keeping(ttl);
        assert_eq!(desk.ask(&key("a"), YES).await, YES);
        desk.pass(ttl - Duration::from_secs(1));
        assert_eq!(desk.ask(&key("a"), said("changed")).await, YES, "{ttl:?} less a second");
        desk.pass(Duration::from_secs(1));
        assert_eq!(desk.ask(&key("a"), said("changed")).await, said("changed"), "{ttl:?}");
        assert_eq!(desk.calls(), 2);
    }
}

#[tokio::test]
async fn a_no_is_used_for_30_seconds_at_most() {
    for (ttl, negative) in [(300, 30), (30, 30), (10, 10)] {
        for no in [said("no"), Ok(Verdict::Deny(Denied::NotTrue("NoneType".to_owned())))] {
            let desk = Desk::keeping(Duration::from_secs(ttl));
            assert_eq!(desk.ask(&key("a"), no.clone()).await, no);
            desk.pass(Duration::from_secs(negative - 1));
            assert_eq!(desk.ask(&key("a"), YES).await, no);
            desk.pass(Duration::from_secs(1));
            assert_eq!(desk.ask(&key("a"), YES).await, YES);
            assert_eq!(desk.calls(), 2);
        }
    }
}

#[tokio::test]
async fn the_time_begins_with_asking() {
    let (desk, gate) = (Desk::keeping(TTL), Arc::new(Semaphore::new(0)));
    let waiting = tokio::spawn(desk.ask_later(&key("a"), YES, &gate));
    until(|| desk.calls() == 1).await;
    desk.pass(Duration::from_secs(200));
    gate.add_permits(1);
    assert_eq!(waiting.await.unwrap(), YES);
    desk.pass(Duration::from_secs(99));
    assert_eq!(desk.ask(&key("a"), said("no")).await, YES);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.ask(&key("a"), said("no")).await, said("no"));
}

#[tokio::test]
async fn with_a_time_of_0_every_request_asks() {
    let desk = Desk::keeping(Duration::ZERO);
    for _ in 0..5 {
        assert_eq!(desk.ask(&key("a"), YES).await, YES);
    }
    let gate = Arc::new(Semaphore::new(0));
    let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(desk.ask_later(&key("a"), YES, &gate))).collect();
    until(|| desk.calls() == 10).await;
    gate.add_permits(5);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), YES);
    }
}

// --- what is not kept

#[tokio::test]
async fn no_answer_a_split_one_and_those_about_keys_are_not_kept() {
    let batch = Inquiry { keys: Some(vec!["a".to_owned()]), ..Inquiry::default() };
    let of_batch = key_of(&[Input::Keys], &batch, 1, 1);
    let none = key_of(&[Input::Keys], &Inquiry::default(), 1, 1);
    let cases = [
        (key("a"), Err(NoAnswer::Timeout), 3),
        (key("b"), Err(NoAnswer::Overflow), 3),
        (key("c"), Ok(Verdict::Split(vec![true])), 3),
        (of_batch, YES, 3),
        (none, YES, 1),
    ];
    for (key, answer, calls) in cases {
        let desk = Desk::keeping(TTL);
        for _ in 0..3 {
            assert_eq!(desk.ask(&key, answer.clone()).await, answer);
        }
        assert_eq!(desk.calls(), calls, "{answer:?}");
        assert_eq!(desk.book.flights.len(), 0);
    }
}

// C61: 1 M distinct keys; shelf.rs has the same with a million
#[tokio::test]
async fn many_questions_leave_as_many_decisions_as_there_may_be() {
    let desk = Desk::new(DecisionSettings { max_entries: 2_500, ..DecisionSettings::default() });
    for number in 0..20_000 {
        assert_eq!(desk.ask(&key(&number.to_string()), YES).await, YES);
    }
    assert!((2_000..=2_500).contains(&desk.book.kept.len()), "{}", desk.book.kept.len());
    assert_eq!(desk.book.flights.len(), 0);
    let desk = Desk::new(DecisionSettings { max_entries: 100, ..DecisionSettings::default() });
    for number in 0..1_000 {
        desk.ask(&key(&number.to_string()), said(&"x".repeat(9 * 1_024))).await.unwrap();
    }
    assert!((5..=10).contains(&desk.book.kept.len()), "{} of 10 KiB each", desk.book.kept.len());
}

// --- one call for many (performance.md, row g4)

async fn until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "never");
        tokio::task::yield_now().await;
    }
}

/// A thousand who ask the same, of whom all but one wait for the one.
async fn a_thousand(desk: &Desk, answer: Outcome<Verdict>) {
    let gate = Arc::new(Semaphore::new(0));
    let waiting: Vec<_> = (0..1_000).map(|_| tokio::spawn(desk.ask_later(&key("a"), answer.clone(), &gate))).collect();
    until(|| desk.counted(CacheResult::Shared) == 999).await;
    gate.add_permits(1_000);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), answer);
    }
    assert_eq!(desk.calls(), 1);
    assert_eq!(desk.counted(CacheResult::Miss), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cold_requests_are_one_call() {
    for answer in [YES, said("no")] {
        let desk = Desk::keeping(TTL);
        a_thousand(&desk, answer.clone()).await;
        assert_eq!(desk.ask(&key("a"), Err(NoAnswer::Timeout)).await, answer, "and it is kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_share_no_answer_and_those_who_come_later_do_not() {
    let desk = Desk::keeping(TTL);
    a_thousand(&desk, Err(NoAnswer::Timeout)).await;
    assert_eq!(desk.ask(&key("a"), YES).await, YES);
    assert_eq!(desk.calls(), 2);
}

#[tokio::test]
async fn whoever_goes_away_takes_no_answer_along() {
    let (desk, gate) = (Desk::keeping(TTL), Arc::new(Semaphore::new(0)));
    let first = tokio::spawn(desk.ask_later(&key("a"), YES, &gate));
    until(|| desk.calls() == 1).await;
    let second = tokio::spawn(desk.ask_later(&key("a"), YES, &gate));
    until(|| desk.counted(CacheResult::Shared) == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = tokio::spawn(desk.ask_later(&key("a"), YES, &gate));
    until(|| desk.counted(CacheResult::Shared) == 2).await;
    gate.add_permits(1);
    assert_eq!((second.await.unwrap(), third.await.unwrap()), (YES, YES));
    // all go away: the answer is kept nevertheless
    let only = tokio::spawn(desk.ask_later(&key("b"), YES, &gate));
    until(|| desk.calls() == 2).await;
    only.abort();
    gate.add_permits(1);
    until(|| desk.book.flights.len() == 0).await;
    assert_eq!(desk.ask(&key("b"), said("no")).await, YES);
    assert_eq!(desk.calls(), 2);
}

#[tokio::test]
async fn whoever_has_a_shorter_deadline_waits_no_longer() {
    let (desk, gate) = (Desk::keeping(TTL), Arc::new(Semaphore::new(0)));
    let first = tokio::spawn(desk.ask_later(&key("a"), YES, &gate));
    until(|| desk.calls() == 1).await;
    let never = || async { panic!("asked a second time") };
    let answer = timeout(DEADLINE, desk.book.decide(key("a"), Duration::from_millis(10), never)).await;
    assert_eq!(answer, Ok(Err(NoAnswer::Timeout)));
    gate.add_permits(1);
    assert_eq!(first.await.unwrap(), YES);
}

#[tokio::test]
async fn a_call_that_panics_is_no_answer() {
    let (desk, gate) = (Desk::keeping(TTL), Arc::new(Semaphore::new(0)));
    let (book, opened) = (Arc::clone(&desk.book), Arc::clone(&gate));
    let panics = || async move {
        let _pass = opened.acquire().await;
        panic!("a test")
    };
    let first = tokio::spawn(async move { book.decide(key("a"), DEADLINE, panics).await });
    until(|| desk.counted(CacheResult::Miss) == 1).await;
    let second = tokio::spawn(desk.ask_later(&key("a"), YES, &gate));
    until(|| desk.counted(CacheResult::Shared) == 1).await;
    gate.add_permits(1);
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(second.await.unwrap(), Err(NoAnswer::Stopped));
    assert_eq!(desk.ask(&key("a"), YES).await, YES, "the next one asks");
}
