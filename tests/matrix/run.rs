//! Runs cases in batches, and the oracle: what the client got, what the backend saw, what the log says.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use osp_test_support::{BACKEND, Backend, Request, Response, Seen, World};
use serde_json::Value;

use crate::client::Client;
use crate::forms::{Auth, Front, OWN_KEY, Site, draft, signed};
use crate::model::{
    BACKEND_BUCKET, BUCKET, Code, FAR_BACKEND_BUCKET, MADE_BACKEND_BUCKET, Principal, Verdict, secrets,
};
use crate::operations::{Body, Level, Operation};
use crate::report::{Place, Report};

/// Cases between two looks at the backend.
const BATCH: usize = 200;
/// Longest wait for the last lines of the log.
const LOG_PATIENCE: Duration = Duration::from_secs(20);
/// What must not come to the backend from outside.
const NEVER_FORWARDED: [&str; 6] =
    ["x-forwarded-host", "x-http-method-override", "cookie", "keep-alive", "proxy-authorization", "upgrade"];

/// One request with its expectation.
pub struct Case {
    pub place: Place,
    /// Handle of the attack, empty for a whole request.
    pub id: &'static str,
    pub request: Request,
    pub verdict: Verdict,
    /// What the backend has to see: method and path.
    pub forwarded: String,
    /// The gateway has to fetch it from the other backend: a look and a read there.
    pub fetched: bool,
    /// The bytes that the object has to have afterwards.
    pub stored: Option<(String, Vec<u8>)>,
}

/// An answer that the log must have a record of.
struct Answered {
    place: String,
    status: u16,
    decision: &'static str,
}

pub struct Runner {
    pub world: World,
    /// The other storage backend.
    far: Backend,
    pub report: Report,
    /// Uploads that are never completed, by key.
    uploads: HashMap<String, String>,
    /// What the backend calls an upload, by what clients call it.
    at_backend: HashMap<String, String>,
    client: Client,
    passing: Vec<Case>,
    by_head: Vec<Case>,
    by_body: Vec<Case>,
    answered: HashMap<String, Answered>,
}

impl Runner {
    pub fn new(documents: impl Fn(&str, &str) -> String) -> Self {
        let world = World::start(env!("CARGO_BIN_EXE_osp"));
        world.backend.create_bucket(BACKEND_BUCKET);
        world.backend.seed("foreign-at-backend", "secret", b"foreign");
        let far = Backend::start(BACKEND);
        let _ = world.apply("matrix.yaml", &documents(&world.backend.endpoint(), &far.endpoint()));
        Self {
            world,
            far,
            report: Report::default(),
            uploads: HashMap::new(),
            at_backend: HashMap::new(),
            client: Client::default(),
            passing: Vec::new(),
            by_head: Vec::new(),
            by_body: Vec::new(),
            answered: HashMap::new(),
        }
    }

    /// The upload of this key, as it stands in a path, that no case ends.
    pub fn upload(&mut self, key: &str) -> String {
        if let Some(id) = self.uploads.get(key) {
            return id.clone();
        }
        let id = self.begin_upload(key);
        self.uploads.insert(key.to_owned(), id.clone());
        id
    }

    /// A fresh upload with one part.
    pub fn begin_upload(&mut self, key: &str) -> String {
        let host = self.world.host();
        let path = format!("/{BUCKET}/{key}");
        let begin = Request::new("POST", &host, &path).query("uploads=");
        let begun = self.own(begin);
        let id = begun.element("UploadId").unwrap_or_else(|| panic!("no upload: {begun:?}"));
        let part = Request::new("PUT", &host, &path).query(&format!("partNumber=1&uploadId={id}")).body("part");
        let part = self.own(part);
        assert_eq!(part.status, 200, "{part:?}");
        let seen = self.world.backend.settled().pop().unwrap_or_else(|| panic!("the part is not at the backend"));
        let found = seen.head.query().split('&').find_map(|pair| pair.strip_prefix("uploadId=")).unwrap_or_default();
        assert!(!found.is_empty() && found != id, "clients have ids of the gateway's: {id} became {found}");
        self.at_backend.insert(id.clone(), found.to_owned());
        id
    }

    /// A request of the test itself.
    fn own(&mut self, mut request: Request) -> Response {
        "host".clone_into(&mut request.headers[0].0);
        let request = signed(request, Principal::Full, Auth::Header);
        self.client.send(&self.world, Front::Http1Path, &request).unwrap()
    }

    pub fn draft(&self, operation: &Operation, site: Site, front: Front, upload: &str) -> Request {
        draft(&self.world, operation, (site, front), upload)
    }

    /// Takes a case; runs a batch when it is full.
    pub fn push(&mut self, case: Case) {
        self.report.count(&case.place, case.id, case.verdict.name());
        let batch = match case.verdict {
            Verdict::Forwarded | Verdict::Answered => &mut self.passing,
            Verdict::Head(_) | Verdict::KeysRefused => &mut self.by_head,
            Verdict::Body(_) => &mut self.by_body,
        };
        batch.push(case);
        if batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Runs what is waiting.
    pub fn flush(&mut self) {
        let passing = std::mem::take(&mut self.passing);
        self.run_passing(&passing);
        for batch in [std::mem::take(&mut self.by_head), std::mem::take(&mut self.by_body)] {
            self.run_denied(&batch);
        }
    }

    fn mismatch(&mut self, place: &Place, what: impl std::fmt::Display) {
        self.report.mismatches.push(format!("{place}: {what}"));
    }

    fn seed(&self) {
        for key in [Site::Inside.key(), Site::Outside.key()] {
            self.world.backend.seed(BACKEND_BUCKET, &key, b"content");
            self.far.seed(FAR_BACKEND_BUCKET, &key, b"content");
        }
        self.world.backend.create_bucket(MADE_BACKEND_BUCKET);
    }

    /// What the other backend has to have seen by now: of each copy from there a look and a read, and nothing else.
    fn judge_far(&mut self, cases: &[Case]) {
        let seen = self.far.settled();
        let fetched = cases.iter().filter(|case| case.fetched && case.verdict == Verdict::Forwarded).count();
        let fits = seen.chunks(2).all(|pair| {
            pair.iter().map(|one| one.head.method.as_str()).eq(["HEAD", "GET"])
                && pair.iter().all(|one| one.refused.is_none())
        });
        if seen.len() != 2 * fetched || !fits {
            let first = cases.first().map(|case| case.place.to_string());
            let text = format!("{fetched} copies from the other backend, from {first:?} on: {seen:?}");
            self.report.mismatches.push(text);
        }
    }

    fn run_passing(&mut self, cases: &[Case]) {
        self.world.backend.forget();
        self.far.forget();
        let mut expected: Vec<(&Case, &str)> = Vec::new();
        for case in cases {
            self.seed();
            let sent = self.client.send(&self.world, case.place.front, &case.request);
            if case.verdict == Verdict::Forwarded {
                expected.push((case, &case.forwarded));
            }
            match sent {
                Ok(response) => self.judge_passing(case, &response),
                Err(why) => self.mismatch(&case.place, format!("no answer: {why}")),
            }
        }
        self.judge_far(cases);
        // whoever has grants on a pattern is shown what its backend lists: as many pages as there are, and no other request
        let (lists, seen): (Vec<Seen>, Vec<Seen>) = self
            .world
            .backend
            .settled()
            .into_iter()
            .partition(|seen| seen.head.method == "GET" && seen.head.path() == "/");
        let asks = |case: &&Case| case.place.operation == "ListBuckets" && case.place.principal.has_pattern();
        let asked = cases.iter().filter(asks).count();
        let wrong = lists.len() < asked || (asked == 0 && !lists.is_empty());
        if wrong || lists.iter().any(|seen| seen.refused.is_some()) {
            let first = cases.first().map(|case| case.place.to_string());
            self.report.mismatches.push(format!("{asked} lists asked for, from {first:?} on: {lists:?}"));
        }
        if seen.len() != expected.len() {
            let (first, count) = (cases.first().map(|case| case.place.to_string()), seen.len());
            let text = format!("{count} requests at the backend, {} expected, from {first:?} on", expected.len());
            self.report.mismatches.push(text);
        }
        for ((case, line), seen) in expected.into_iter().zip(&seen) {
            if let Some(wrong) = wrong_at_backend(case, (line, &self.at_backend), seen) {
                self.mismatch(&case.place, wrong);
            }
        }
    }

    fn judge_passing(&mut self, case: &Case, response: &Response) {
        self.remember(case, response, "allow");
        if !(200..300).contains(&response.status) || !response.complete {
            self.mismatch(&case.place, format!("should pass: {} {}", response.status, response.text()));
        }
        if let Some((key, bytes)) = &case.stored
            && self.world.backend.object(BACKEND_BUCKET, key).as_ref() != Some(bytes)
        {
            self.mismatch(&case.place, "other bytes are stored than were sent");
        }
        self.search_secrets(case, response);
    }

    fn run_denied(&mut self, cases: &[Case]) {
        self.seed();
        self.world.backend.forget();
        self.far.forget();
        let before = self.world.backend.contents();
        for case in cases {
            match self.client.send(&self.world, case.place.front, &case.request) {
                Ok(response) => self.judge_denied(case, &response),
                Err(why) => self.mismatch(&case.place, format!("no answer: {why}")),
            }
        }
        self.judge_far(cases);
        let seen = self.world.backend.settled();
        let by_body = cases.iter().filter(|case| matches!(case.verdict, Verdict::Body(_))).count();
        let first = cases.first().map(|case| case.place.to_string());
        if seen.len() > by_body || seen.iter().any(|one| one.complete) {
            let lines: Vec<String> = seen.iter().map(|one| format!("{} whole: {}", one.line(), one.complete)).collect();
            let text = format!("denied, and at the backend, in the batch from {first:?} on: {lines:?}");
            self.report.mismatches.push(text);
        }
        if self.world.backend.contents() != before {
            self.report.mismatches.push(format!("denied, and something changed, in the batch from {first:?} on"));
        }
    }

    fn judge_denied(&mut self, case: &Case, response: &Response) {
        let decision = if case.verdict == Verdict::KeysRefused { "allow" } else { "deny" };
        self.remember(case, response, decision);
        let fits = match &case.verdict {
            Verdict::KeysRefused => {
                let text = response.text();
                response.status == 200 && text.contains("<Code>AccessDenied</Code>") && !text.contains("<Deleted>")
            }
            Verdict::Head(codes) | Verdict::Body(codes) => is_one_of(response, codes, case.request.method == "HEAD"),
            Verdict::Forwarded | Verdict::Answered => false,
        };
        if !fits {
            let text = format!("{:?} expected: {} {}", case.verdict, response.status, response.text());
            self.mismatch(&case.place, text);
        }
        self.search_secrets(case, response);
    }

    fn remember(&mut self, case: &Case, response: &Response, decision: &'static str) {
        let Some(id) = response.header("x-amz-request-id") else {
            self.mismatch(&case.place, format!("an answer without a request id: {response:?}"));
            return;
        };
        let answered = Answered { place: case.place.to_string(), status: response.status, decision };
        if let Some(other) = self.answered.insert(id.to_owned(), answered) {
            self.mismatch(&case.place, format!("has the request id of {}", other.place));
        }
    }

    fn search_secrets(&mut self, case: &Case, response: &Response) {
        let text = format!("{:?} {}", response.headers, response.text());
        let hidden =
            [BACKEND.id, BACKEND_BUCKET, "BACKENDHOSTID", "hidden-owner", "foreign-at-backend", FAR_BACKEND_BUCKET];
        // an error may repeat the name that the client itself has sent
        let head = String::from_utf8_lossy(&case.request.head()).into_owned();
        let found = secrets().into_iter().chain(hidden).find(|name| text.contains(name) && !head.contains(name));
        if let Some(found) = found {
            self.mismatch(&case.place, format!("{found} is in the answer: {text}"));
        }
    }

    /// The last look: one record for each answer, none beside, no secret, no bug.
    pub fn finish(mut self) -> Report {
        self.flush();
        let records = self.records();
        let mut found: HashMap<String, usize> = HashMap::new();
        for record in records {
            let id = record["request_id"].as_str().unwrap_or_default();
            let Some(answered) = self.answered.get(id) else {
                if record["decision"] == "deny" {
                    self.report.mismatches.push(format!("a deny record of no case: {record}"));
                }
                continue;
            };
            *found.entry(id.to_owned()).or_default() += 1;
            let with_reason = record["reason"].as_str().is_some_and(|reason| !reason.is_empty());
            let fits = record["decision"] == answered.decision
                && record["status"] == answered.status
                && (answered.decision == "allow" || with_reason);
            if !fits {
                self.report.mismatches.push(format!("{}: its record says {record}", answered.place));
            }
        }
        for (id, answered) in &self.answered {
            let count = found.get(id).copied().unwrap_or(0);
            if count != 1 {
                self.report.mismatches.push(format!("{}: {count} records", answered.place));
            }
        }
        self.search_log();
        self.report
    }

    /// All records, once there is one for each answer; an answer without one is found by the count.
    fn records(&self) -> Vec<Value> {
        let deadline = Instant::now() + LOG_PATIENCE;
        let mut lines = 0;
        loop {
            // parsing is dear: only what is new can change the outcome
            if self.world.gateway.log.len() > lines {
                lines = self.world.gateway.log.len();
                let records = self.world.gateway.log.records(0, "records", |_| true);
                let ids: HashSet<&str> = records.iter().filter_map(|record| record["request_id"].as_str()).collect();
                if Instant::now() > deadline || self.answered.keys().all(|id| ids.contains(id.as_str())) {
                    return records;
                }
            } else if Instant::now() > deadline {
                return self.world.gateway.log.records(0, "records", |_| true);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn search_log(&mut self) {
        let places = [
            ("the log", self.world.gateway.log.text()),
            ("the metrics page", self.world.gateway.admin_page("/metrics").1),
        ];
        let traces = ["Signature=", "X-Amz-Credential", "chunk-signature", "panicked at"];
        for (place, text) in &places {
            for secret in secrets().into_iter().chain(traces).filter(|secret| text.contains(secret)) {
                self.report.mismatches.push(format!("{secret} is in {place}"));
            }
        }
        let bugs = self.world.gateway.metrics().sum("osp_internal_errors_total", &[]);
        if bugs != 0.0 {
            self.report.mismatches.push(format!("{bugs} internal errors"));
        }
    }
}

fn is_one_of(response: &Response, codes: &[Code], to_head: bool) -> bool {
    let code = response.code();
    codes.iter().any(|(status, expected)| {
        let fits = if to_head {
            response.body.is_empty()
        } else {
            code.as_deref().is_some_and(|code| expected.is_empty() || code == *expected)
        };
        response.status == *status && fits
    })
}

/// What is wrong with a forwarded request.
fn wrong_at_backend(case: &Case, (line, uploads): (&str, &HashMap<String, String>), seen: &Seen) -> Option<String> {
    let found = format!("{} {}", seen.head.method, seen.head.path());
    if found != line || seen.refused.is_some() || !seen.complete {
        return Some(format!("{line} expected at the backend: {seen:?}"));
    }
    let pairs = |query: &str| -> Vec<String> {
        let mut pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("X-Amz-") && !pair.starts_with("x-id="))
            .map(|pair| match pair.strip_prefix("uploadId=").and_then(|id| uploads.get(id)) {
                Some(found) => format!("uploadId={found}"),
                None => pair.trim_end_matches('=').to_owned(),
            })
            .collect();
        pairs.sort();
        pairs
    };
    let (asked, forwarded) = (pairs(&case.request.query), pairs(seen.head.query()));
    if asked.iter().any(|pair| !forwarded.contains(pair)) {
        return Some(format!("query {asked:?} became {forwarded:?}"));
    }
    let travelled = NEVER_FORWARDED.iter().find(|name| seen.head.count(name) > 0);
    travelled.map(|name| format!("{name} reached the backend"))
}

/// Method and path that the backend has to see.
pub fn forwarded_line(operation: &Operation, site: Site) -> String {
    if operation.name == "PostObject" {
        return format!("PUT /{BACKEND_BUCKET}/{}", site.encoded_key());
    }
    let key = match operation.level {
        Level::Service | Level::Bucket | Level::Made => String::new(),
        Level::Object => format!("/{}", site.encoded_key()),
        Level::OwnObject | Level::FarObject => format!("/{OWN_KEY}"),
    };
    let bucket = match operation.level {
        Level::Made => MADE_BACKEND_BUCKET,
        Level::FarObject => FAR_BACKEND_BUCKET,
        _ => BACKEND_BUCKET,
    };
    format!("{} /{bucket}{key}", operation.method)
}

/// The bytes that a passing upload leaves.
pub fn stored(operation: &Operation, site: Site) -> Option<(String, Vec<u8>)> {
    matches!(operation.name, "PutObject" | "PostObject").then(|| (site.key(), crate::forms::body(Body::Object, site)))
}
