//! `osp explain` says what the gateway does: the same status and code, the same place at the backend, and both what a
//! model says that was written for this test alone (issue "Kubernetes drives it", acceptance; law 2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::collections::BTreeMap;
use std::process::Command;

use osp::{Explain, ExplainedRequest, explain};
use osp_test_support::{ALICE, BASE_HOST, BOB, Connection, Key, Payload, Request, STRANGER, Signer, World};

const OSP: &str = env!("CARGO_BIN_EXE_osp");
const SETS: usize = 50;
const REQUESTS: usize = 40;
const BUCKETS: [&str; 4] = ["one", "two", "three", "nobodys"];
const PARTS: [&str; 3] = ["", "raw/", "raw/2026/"];
const PREFIXES: [&str; 5] = ["raw/", "raw/2026/", "raw/2026/secret/", "k", "logs/"];
const KEYS: [&str; 6] = ["k", "raw/x", "raw/2026/y", "raw/2026/secret/z", "logs/q", "other"];
const CLIENTS: [(&str, Key); 3] = [("alice", ALICE), ("bob", BOB), ("stranger", STRANGER)];
const OPERATIONS: [(&str, &str, &str); 5] = [
    ("GetObject", "GET", "Read"),
    ("HeadObject", "HEAD", "Read"),
    ("PutObject", "PUT", "Write"),
    ("DeleteObject", "DELETE", "Delete"),
    ("ListObjectsV2", "GET", "List"),
];

/// The same numbers in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn one<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn some<T: Copy>(&mut self, items: &[T], most: usize) -> Vec<T> {
        let count = self.below(most + 1);
        let mut chosen: Vec<T> = Vec::new();
        let start = self.below(items.len());
        chosen.extend(items.iter().cycle().skip(start).take(count.min(items.len())));
        chosen
    }
}

struct Rule {
    client: Option<&'static str>,
    permissions: Vec<&'static str>,
    prefixes: Vec<&'static str>,
}

/// One route: a part of a bucket.
struct Part {
    bucket: &'static str,
    prefix: &'static str,
    broken: bool,
    backend_bucket: &'static str,
    backend_prefix: Option<&'static str>,
    access: Vec<Rule>,
    deny: Vec<Rule>,
}

fn rule(dice: &mut Dice, of_all: bool) -> Rule {
    let client = if of_all && dice.percent(30) { None } else { Some(dice.one(&["alice", "bob"])) };
    let mut permissions = dice.some(&["Read", "Write", "Delete", "List"], 3);
    permissions.push(dice.one(&["Read", "Write", "Delete", "List"]));
    permissions.sort_unstable();
    permissions.dedup();
    Rule { client, permissions, prefixes: dice.some(&PREFIXES, 2) }
}

fn parts(dice: &mut Dice) -> Vec<Part> {
    let mut parts = Vec::new();
    for bucket in &BUCKETS[..3] {
        for prefix in PARTS {
            if dice.percent(40) {
                continue;
            }
            parts.push(Part {
                bucket,
                prefix,
                broken: dice.percent(12),
                backend_bucket: dice.one(&["alpha-at-backend", "beta"]),
                backend_prefix: dice.one(&[None, Some("moved/"), Some("")]),
                access: (0..=dice.below(4)).map(|_| rule(dice, false)).collect(),
                deny: (0..dice.below(3)).map(|_| rule(dice, true)).collect(),
            });
        }
    }
    parts
}

impl Part {
    fn yaml(&self, name: usize, endpoint: &str) -> String {
        let quoted = |items: &[&str]| items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ");
        let entries = |rules: &[Rule]| {
            let one = |(index, rule): (usize, &Rule)| {
                let mut fields =
                    vec![format!("name: entry-{index}"), format!("permissions: [{}]", quoted(&rule.permissions))];
                fields.extend(rule.client.map(|client| format!("clientRef: {{name: {client}}}")));
                if !rule.prefixes.is_empty() {
                    fields.push(format!("prefixes: [{}]", quoted(&rule.prefixes)));
                }
                format!("{{{}}}", fields.join(", "))
            };
            rules.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
        };
        let credential = if self.broken { "gone" } else { "backend" };
        let backend_prefix = self.backend_prefix.map(|prefix| format!(", prefix: {prefix:?}")).unwrap_or_default();
        format!(
            "apiVersion: osp.flexworks.eu/v1alpha1\nkind: BucketRoute\nmetadata: {{name: part-{name}, namespace: team}}\n\
             spec:\n  match: {{bucket: {}, prefix: {:?}}}\n  backends:\n  - {{name: main, endpoint: \"{endpoint}\", region: \
             eu-test-1, bucket: {}, credentialRef: {{name: {credential}}}{backend_prefix}}}\n  access: [{}]\n  deny: [{}]\n",
            self.bucket,
            self.prefix,
            self.backend_bucket,
            entries(&self.access),
            entries(&self.deny)
        )
    }
}

#[derive(Clone, Copy)]
struct Asked {
    client: &'static str,
    key: Key,
    bucket: &'static str,
    operation: &'static str,
    method: &'static str,
    permission: &'static str,
    /// Key, or prefix of a listing.
    text: &'static str,
}

/// What has to happen: the place at the backend, or why not.
#[derive(Debug, PartialEq)]
enum Expected {
    Forwarded { bucket: String, key: String },
    Refused(u16, &'static str, &'static str),
}

impl Asked {
    fn roll(dice: &mut Dice) -> Self {
        let (client, key) = if dice.percent(6) { CLIENTS[2] } else { dice.one(&CLIENTS[..2]) };
        let bucket = if dice.percent(5) { BUCKETS[3] } else { dice.one(&BUCKETS[..3]) };
        let (operation, method, permission) = dice.one(&OPERATIONS);
        let text = if permission == "List" {
            dice.one(&["raw/", "raw/2026/", "raw/2026/secret/", "logs/", ""])
        } else {
            dice.one(&KEYS)
        };
        Self { client, key, bucket, operation, method, permission, text }
    }

    fn lists(&self) -> bool {
        self.permission == "List"
    }

    fn request(&self, world: &World) -> Request {
        let request = if self.lists() {
            let query = format!("list-type=2&prefix={}", self.text.replace('/', "%2F"));
            world.request(self.method, &format!("/{}", self.bucket)).query(&query)
        } else {
            world.request(self.method, &format!("/{}/{}", self.bucket, self.text))
        };
        let request = if self.method == "PUT" { request.body("text") } else { request };
        Signer::new(self.key).sign(request, Payload::Sha256)
    }

    /// By the directory; the running process must say the same, byte for byte.
    fn explained(&self, world: &World) -> BTreeMap<String, String> {
        let text = Some(self.text.to_owned());
        let request = ExplainedRequest {
            client: format!("team/{}", self.client),
            operation: self.operation.to_owned(),
            bucket: Some(self.bucket.to_owned()),
            key: text.clone().filter(|_| !self.lists()),
            prefix: text.filter(|_| self.lists()),
            ..ExplainedRequest::default()
        };
        let part = if self.lists() { "prefix" } else { "key" };
        let page = format!(
            "/explain?client=team%2F{}&operation={}&bucket={}&{part}={}",
            self.client,
            self.operation,
            self.bucket,
            self.text.replace('/', "%2F")
        );
        let config_dir = Some(world.config.path().to_owned());
        let text = explain(&Explain { request, config_dir, ..Explain::default() }).unwrap();
        assert_eq!(world.gateway.admin_page(&page), (200, text.clone()), "{page}");
        text.lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The rules as kubernetes.md 2.4 and docs/configuration.md have them, not as the code has them.
    fn expected(&self, parts: &[Part]) -> Expected {
        if self.client == "stranger" {
            return Expected::Refused(403, "InvalidAccessKeyId", "nobody");
        }
        let of_bucket: Vec<&Part> = parts.iter().filter(|part| part.bucket == self.bucket).collect();
        if of_bucket.is_empty() {
            return Expected::Refused(404, "NoSuchBucket", "absent");
        }
        let around = of_bucket.into_iter().filter(|part| self.text.starts_with(part.prefix));
        let Some(part) = around.max_by_key(|part| part.prefix.len()) else {
            return Expected::Refused(403, "AccessDenied", "outside");
        };
        if part.broken {
            return Expected::Refused(503, "ServiceUnavailable", "broken");
        }
        let concerns = |rule: &&Rule| {
            rule.client.is_none_or(|client| client == self.client) && rule.permissions.contains(&self.permission)
        };
        // A listing could show every key under its prefix: one denied key among them is enough.
        let hits = |prefix: &&str| self.text.starts_with(prefix) || (self.lists() && prefix.starts_with(self.text));
        if part.deny.iter().filter(concerns).any(|rule| rule.prefixes.is_empty() || rule.prefixes.iter().any(&hits)) {
            return Expected::Refused(403, "AccessDenied", "denied");
        }
        let covers = |prefix: &&str| self.text.starts_with(*prefix);
        if !part
            .access
            .iter()
            .filter(concerns)
            .any(|rule| rule.prefixes.is_empty() || rule.prefixes.iter().any(&covers))
        {
            return Expected::Refused(403, "AccessDenied", "not granted");
        }
        let rest = &self.text[part.prefix.len()..];
        let key = format!("{}{rest}", part.backend_prefix.unwrap_or(part.prefix));
        Expected::Forwarded { bucket: part.backend_bucket.to_owned(), key }
    }
}

/// Asks all three; gives back what kind of answer it was.
fn agree(world: &World, asked: Asked, parts: &[Part]) -> &'static str {
    let expected = asked.expected(parts);
    let explained = asked.explained(world);
    world.backend.forget();
    let response = world.send(&asked.request(world));
    let seen = world.backend.settled();
    let what = format!("{} {} {}/{}: {explained:?}", asked.client, asked.operation, asked.bucket, asked.text);
    let said = |field: &str| explained.get(field).map(String::as_str);
    match expected {
        Expected::Refused(status, code, why) => {
            assert_eq!((response.status, seen.len()), (status, 0), "{why}: {what}");
            assert_eq!(
                (said("decision"), said("status")),
                (Some("deny"), Some(status.to_string().as_str())),
                "{why}: {what}"
            );
            assert_eq!(said("code"), Some(code), "{why}: {what}");
            assert!(asked.method == "HEAD" || response.code().as_deref() == Some(code), "{why}: {what}");
            why
        }
        Expected::Forwarded { bucket, key } => {
            assert_eq!(said("decision"), Some("allow"), "{what}");
            assert_eq!(said("backendBucket"), Some(bucket.as_str()), "{what}");
            // Only what the backend itself does not have is missing.
            let missing = response.status == 404 && matches!(asked.permission, "Read");
            assert!(missing || (200..300).contains(&response.status), "{}: {what}", response.status);
            assert_eq!(seen.len(), 1, "{what}");
            let target = &seen[0].head.target;
            if asked.lists() {
                assert!(target.starts_with(&format!("/{bucket}?")), "{target}: {what}");
                assert!(target.contains(&format!("prefix={}", key.replace('/', "%2F"))), "{target}: {what}");
            } else {
                assert_eq!(target, &format!("/{bucket}/{key}"), "{what}");
                assert_eq!(said("backendKey"), Some(key.as_str()), "{what}");
            }
            "forwarded"
        }
    }
}

#[test]
fn explain_the_gateway_and_a_model_agree_on_two_thousand_requests() {
    let world = World::start(OSP);
    let mut dice = Dice(2026);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..SETS {
        let parts = parts(&mut dice);
        let endpoint = world.backend.endpoint();
        let documents: Vec<String> = parts.iter().enumerate().map(|(name, part)| part.yaml(name, &endpoint)).collect();
        let _ = world.apply("set.yaml", &documents.join("---\n"));
        for _ in 0..REQUESTS {
            *counts.entry(agree(&world, Asked::roll(&mut dice), &parts)).or_default() += 1;
        }
    }
    let total: usize = counts.values().sum();
    let refused = total - counts["forwarded"];
    assert_eq!(total, 2000);
    assert!(refused * 10 >= total * 3, "{counts:?}");
    for why in ["nobody", "absent", "outside", "broken", "denied", "not granted"] {
        assert!(counts[why] >= 10, "{why}: {counts:?}");
    }
}

/// `osp explain` as it is typed: its exit code, what it prints, what it complains of.
fn typed(arguments: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(OSP).arg("explain").args(arguments).env_clear().output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn explain_asks_a_running_process_and_says_what_a_request_is_told() {
    let world = World::start(OSP);
    let admin = world.gateway.admin().to_string();
    let settings = world.tls_dir().join("osp.yaml");
    let dir = ["--config-dir", world.config.path().to_str().unwrap(), "--config", settings.to_str().unwrap()];
    world.backend.seed("alpha-at-backend", "team-a/ä +%2F", b"text");
    for (client, key, asked, status) in [
        ("team/bob", "team-a/ä +%2F", "GET", 200),
        ("team/bob", "team-a/secret/x", "GET", 403),
        ("team/nobody", "k", "GET", 403),
    ] {
        let operation = ["--client", client, "--operation", "GetObject", "--bucket", "alpha", "--key", key];
        let (code, told, complaint) = typed(&[&["--admin", &admin], &operation[..]].concat());
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{told}");
        assert_eq!((code, told.clone(), complaint), typed(&[&dir[..], &operation].concat()));
        let signer = Signer::new(if client == "team/bob" { BOB } else { STRANGER });
        let path = format!(
            "/alpha/{}",
            key.replace('%', "%25").replace('ä', "%C3%A4").replace(' ', "%20").replace('+', "%2B")
        );
        let answer = world.send(&signer.sign(world.request(asked, &path), Payload::Sha256));
        assert_eq!(answer.status, status, "{key}: {}", answer.text());
        let said = answer.code().map_or("decision: allow".to_owned(), |code| format!("code: {code}"));
        assert!(told.lines().any(|line| line == said), "{said}: {told}");
    }
    // The base hosts are those of the process: a route for this host only.
    let route = format!(
        "apiVersion: osp.flexworks.eu/v1alpha1\nkind: BucketRoute\nmetadata: {{name: hosted, namespace: team}}\nspec:\n  \
         match: {{bucket: hosted, hosts: [{BASE_HOST}]}}\n  backends: [{{name: main, endpoint: \"{}\", bucket: beta, \
         credentialRef: {{name: backend}}}}]\n  access: [{{name: all, clientRef: {{name: alice}}, permissions: [List]}}]\n",
        world.backend.endpoint()
    );
    let _ = world.apply("hosted.yaml", &route);
    let buckets = |host: &str| {
        let told =
            typed(&["--admin", &admin, "--client", "team/alice", "--operation", "ListBuckets", "--host", host]).1;
        told.lines().filter_map(|line| line.strip_prefix("shows: ").map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(buckets("elsewhere.example"), ["alpha", "beta", "mapped"]);
    assert_eq!(buckets(&BASE_HOST.to_uppercase()), ["alpha", "beta", "hosted", "mapped"]);
}

#[test]
fn mistakes_and_silence_are_exit_1_with_every_reason() {
    let world = World::start(OSP);
    let admin = world.gateway.admin().to_string();
    let wrong = ["--client", "alice", "--operation", "GetObject", "--bucket", "NO", "--key", "k"];
    let (code, told, complaint) = typed(&[&["--admin", &admin], &wrong[..]].concat());
    assert_eq!((code, told.as_str()), (Some(1), ""));
    let lines: Vec<&str> = complaint.lines().collect();
    assert_eq!(lines.len(), 2, "{complaint}");
    assert!(lines[0].starts_with("osp: client: ") && lines[1].starts_with("osp: bucket: "), "{complaint}");

    let (status, body) =
        world.gateway.admin_page("/explain?client=team/alice&operation=GetObject&bucket=alpha&bucket=beta&x=");
    assert_eq!(status, 400);
    assert_eq!(body.lines().count(), 3, "{body}");
    let (status, body) = world.gateway.admin_page("/explain?client=team/alice&operation=GetObject&bucket=alpha&key=k");
    assert!(status == 200 && body.starts_with("decision: allow\n"), "{body}");
    let post =
        Request::new("POST", &admin, "/explain?client=team/alice&operation=ListBuckets").header("Connection", "close");
    assert_eq!(Connection::plain(world.gateway.admin()).send(&post).unwrap().status, 405);

    let (code, _, complaint) = typed(&["--client", "a/b", "--operation", "ListBuckets"]);
    assert!(code == Some(2) && complaint.contains("--kubernetes"), "{complaint}");
    drop(world);
    let (code, _, complaint) = typed(&["--admin", &admin, "--client", "a/b", "--operation", "ListBuckets"]);
    assert_eq!(code, Some(1));
    assert!(complaint.starts_with(&format!("osp: {admin}: cannot connect: ")), "{complaint}");
}

#[test]
fn the_longest_key_and_the_longest_source_fit_into_one_question() {
    let world = World::start(OSP);
    let admin = world.gateway.admin().to_string();
    let key = "ü".repeat(512);
    let source = format!("alpha/{}", "%C3%BC".repeat(512));
    let copy = ["--client", "team/alice", "--operation", "CopyObject", "--bucket", "alpha", "--key", &key];
    let (code, told, complaint) = typed(&[&["--admin", &admin, "--source", &source], &copy[..]].concat());
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    assert!(told.starts_with("decision: allow\n") && told.contains(&format!("Read on alpha/{key}: allowed")), "{told}");
}
