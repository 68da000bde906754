//! Copies from one storage backend to another (s3-protocol.md 3.1; D01, D02; features C8): who may, what the two backends
//! see, what is left when one of them or the client fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::MutexGuard;

use osp_test_support::backend::Seen;
use osp_test_support::connection::Response;
use osp_test_support::documents::Route;
use osp_test_support::http2;
use osp_test_support::{
    ALICE, Answer, BACKEND, BOB, Backend, Fault, Key, Latch, Payload, Request, Rule, Signer, World,
};
use serde_json::Value;

const MIB: usize = 1024 * 1024;
/// A little more than goes without parts.
const LARGE: usize = 64 * MIB + 5;
const TAKES_COPIES: &str = "copyBetweenBackends: Stream";

fn world() -> MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

/// A second backend, and a route `NAME` to its bucket `far` that takes copies from elsewhere: everything for Alice, and
/// writing below `in/` for Bob.
struct Far<'a> {
    world: &'a World,
    backend: Backend,
    name: &'static str,
}

impl<'a> Far<'a> {
    fn new(world: &'a World, name: &'static str) -> Self {
        Self::with(world, name, |route| route.traffic(TAKES_COPIES))
    }

    fn with(world: &'a World, name: &'static str, edit: impl FnOnce(Route) -> Route) -> Self {
        let backend = Backend::start(BACKEND);
        backend.create_bucket("far");
        let route = Route::new(name, &backend.endpoint(), "far")
            .backend_field("prefix: \"p/\"")
            .allow("alice", "Read, List, Write, Delete", &[])
            .allow("bob", "Write", &["in/"]);
        let _ = world.apply(&format!("{name}.yaml"), &edit(route).yaml());
        Self { world, backend, name }
    }

    /// A copy of `source` to the key `to`, with further header lines.
    fn copy(&self, key: Key, source: &str, to: &str, headers: &[(&str, &str)]) -> Request {
        self.part(key, source, (to, ""), headers)
    }

    fn part(&self, key: Key, source: &str, (to, query): (&str, &str), headers: &[(&str, &str)]) -> Request {
        let request = self.world.request("PUT", &format!("/{}/{to}", self.name)).query(query);
        let request = request.header("x-amz-copy-source", source);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        Signer::new(key).sign(request, Payload::Sha256)
    }

    /// What both backends saw since the last time, source first, without what was wrong with it: nothing.
    fn seen(&self) -> (Vec<String>, Vec<String>) {
        let lines = |seen: &[Seen]| {
            assert!(seen.iter().all(|one| one.refused.is_none()), "{seen:?}");
            seen.iter().map(Seen::line).collect()
        };
        (lines(&self.world.backend.settled()), lines(&self.backend.settled()))
    }

    fn forget(&self) {
        self.world.backend.forget();
        self.backend.forget();
    }

    /// Nothing is stored at the target, and no upload is left there.
    fn assert_empty(&self) {
        assert_eq!(self.backend.contents(), []);
        let list = self.world.request("GET", &format!("/{}", self.name)).query("uploads");
        let listed = self.world.send(&Signer::new(ALICE).sign(list, Payload::Sha256));
        assert!(listed.status == 200 && !listed.text().contains("<Upload>"), "{listed:?}");
    }

    /// The access record of an answer.
    fn record(&self, from: usize, is_it: impl Fn(&Value) -> bool) -> Value {
        let records = self.world.gateway.log.records(from, "the record", |records| records.iter().any(&is_it));
        records.into_iter().find(is_it).unwrap()
    }
}

impl Drop for Far<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.world.retract(&format!("{}.yaml", self.name));
        }
    }
}

fn pattern(length: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..251).collect();
    let mut bytes = block.repeat(length / block.len() + 1);
    bytes.truncate(length);
    bytes
}

fn assert_opaque(response: &Response) {
    let text = format!("{:?} {}", response.headers, response.text());
    for hidden in ["alpha-at-backend", "far/", "p/in", "127.0.0.1", "BACKEND", "hidden-"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

fn refused(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_deref()), (status, Some(code)), "{response:?}");
    assert_opaque(response);
}

/// Trap 10. Three copies at once, in a world of their own beside the other tests, and begun first: each has to wait for the
/// same silence. HTTP/2 has no chunks: what keeps its answer alive are frames.
#[test]
fn a_long_copy_is_kept_alive_with_white_space() {
    let world = World::start(env!("CARGO_BIN_EXE_osp"));
    world.backend.seed("alpha-at-backend", "slow", &pattern(80));
    let rule = "{allowedOrigins: ['https://app.test'], allowedMethods: [PUT]}";
    let far = Far::with(&world, "patient", |route| route.traffic(TAKES_COPIES).cors(rule));
    far.forget();
    let latch = Latch::default();
    world.backend.misbehave(Rule::new("/slow", Fault::Hold(10, latch.clone())).method("GET"));
    far.backend.misbehave(Rule::new("/far/p/late", Fault::Instead(Answer::error(503, "SlowDown", "hidden-text"))));
    let (config, address) = (world.authority.client(&[b"h2"]), world.gateway.https());
    let authority = format!("localhost:{}", address.port());
    let request = Request::new("PUT", &authority, "/patient/framed").header("x-amz-copy-source", "alpha/slow");
    let request = Signer::new(ALICE).sign(request, Payload::Sha256);
    let framed = std::thread::spawn(move || http2::exchange(address, config, &authority, &request, false).answer());
    let reads = |seen: &[Seen]| seen.iter().any(|one| one.head.method == "GET");
    let _ = world.backend.wait_for("the copy over HTTP/2 to begin", reads);
    let from = world.gateway.log.len();
    let (mut made, mut late) = (world.connect(), world.connect());
    let origin = "https://app.test";
    made.write(&far.copy(ALICE, "alpha/slow", "made", &[("Origin", origin)]).bytes()).unwrap();
    late.write(&far.copy(ALICE, "alpha/slow", "late", &[]).bytes()).unwrap();
    for connection in [&mut made, &mut late] {
        connection.wait_for(b"\r\n1\r\n \r\n").unwrap();
    }
    latch.lift();
    let [made, late] = [made, late].map(|mut connection| connection.read_response(false).unwrap());
    let framed = framed.join().unwrap();
    for (response, key) in [(&made, "p/made"), (&framed, "p/framed")] {
        let text = response.text();
        assert_eq!((response.status, response.complete, response.header("content-length")), (200, true, None));
        let rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect(&text);
        assert!(rest.trim_start_matches(' ').starts_with("<CopyObjectResult "), "{text}");
        assert!(far.backend.object("far", key).unwrap() == pattern(80), "{key}");
    }
    assert_eq!(made.header("access-control-allow-origin"), Some(origin), "like every other answer");
    // an error that comes late comes in the body
    assert_eq!((late.status, late.complete, late.code().as_deref()), (200, true, Some("SlowDown")), "{late:?}");
    assert_opaque(&late);
    let id = late.header("x-amz-request-id").unwrap().to_owned();
    let record = far.record(from, |record| record["request_id"] == id.as_str());
    assert_eq!((&record["status"], &record["code"]), (&200.into(), &"SlowDown".into()), "{record}");
    assert_eq!(far.backend.object("far", "p/late"), None);
}

#[test]
fn s3_3_1_a_copy_between_backends_is_refused_unless_the_target_allows_it() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"bytes");
    let far = Far::with(&world, "refusing", |route| route);
    world.denied_by_head(&far.copy(ALICE, "alpha/k", "in/k", &[]), 501, "NotImplemented");
    assert_eq!(far.seen().1, [""; 0]);
    drop(far);
    let far = Far::new(&world, "taking");
    assert_eq!(world.send(&far.copy(ALICE, "alpha/k", "in/k", &[])).status, 200);
    assert_eq!(far.backend.object("far", "p/in/k").unwrap(), b"bytes");
    // the other way round it is the other route's word that counts
    far.forget();
    let back = world.request("PUT", "/alpha/back").header("x-amz-copy-source", "taking/in/k");
    world.denied_by_head(&Signer::new(ALICE).sign(back, Payload::Sha256), 501, "NotImplemented");
    assert_eq!(far.seen().1, [""; 0]);
}

#[test]
fn c8_d01_only_who_may_read_the_source_and_write_the_target_copies() {
    let world = world();
    for key in ["team-a/k", "team-a/secret/k", "other"] {
        world.backend.seed("alpha-at-backend", key, key.as_bytes());
    }
    let far = Far::new(&world, "guarded");
    for (source, to) in [
        ("alpha/other", "in/stolen"),
        ("alpha/team-a/secret/k", "in/stolen"),
        ("alpha%2Fteam-a%2Fsecret%2Fk", "in/stolen"),
        ("/alpha/team-a/%73ecret/k", "in/stolen"),
        ("alpha/team-a/k", "out/stolen"),
        ("alpha/team-a/k", "in"),
        // what Bob may write he need not be able to read
        ("guarded/in/x", "in/stolen"),
    ] {
        world.denied_by_head(&far.copy(BOB, source, to, &[]), 403, "AccessDenied");
        assert_eq!(far.seen(), (vec![], vec![]), "{source} to {to}");
    }
    let acl = [("x-amz-acl", "public-read")];
    world.denied_by_head(&far.copy(BOB, "alpha/team-a/k", "in/k", &acl), 403, "AccessDenied");
    world.denied_by_head(&far.copy(ALICE, "absent/k", "in/k", &[]), 404, "NoSuchBucket");
    let part = far.part(BOB, "alpha/other", ("in/k", "partNumber=1&uploadId=u"), &[]);
    world.denied_by_head(&part, 403, "AccessDenied");
    assert_eq!((far.seen().1, far.backend.contents()), (vec![], vec![]));
    // the positive twin
    let response = world.send(&far.copy(BOB, "alpha/team-a/k", "in/k", &[]));
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(far.backend.object("far", "p/in/k").unwrap(), b"team-a/k");
    world.assert_silent();
}

#[test]
fn s3_copy_a_small_object_goes_in_one_request_with_its_metadata() {
    let world = world();
    let put = world.request("PUT", "/alpha/k").header("content-type", "text/plain").header("x-amz-meta-a", "source");
    assert_eq!(world.send(&Signer::new(ALICE).sign(put.body("bytes"), Payload::Sha256)).status, 200);
    let far = Far::new(&world, "small");
    far.forget();
    let (from, before) = (world.gateway.log.len(), copied(&world));
    let response = world.send(&far.copy(ALICE, "alpha/k", "k", &[("x-amz-meta-b", "ignored without REPLACE")]));
    assert_eq!((response.status, response.complete), (200, true), "{response:?}");
    assert_opaque(&response);
    let etag = response.element("ETag").unwrap();
    assert!(response.text().contains("<CopyObjectResult ") && response.element("LastModified").is_some());
    assert!(response.text().starts_with("<?xml "), "{}", response.text());
    assert_eq!(far.backend.object("far", "p/k").unwrap(), b"bytes");
    let (source, target) = far.seen();
    assert_eq!(source, ["HEAD /alpha-at-backend/k", "GET /alpha-at-backend/k"]);
    assert_eq!(target, ["PUT /far/p/k"]);
    let read = world.send(&world.signed("GET", "/small/k"));
    assert_eq!((read.header("content-type"), read.header("x-amz-meta-a")), (Some("text/plain"), Some("source")));
    assert_eq!((read.header("x-amz-meta-b"), read.header("etag").unwrap().trim_matches('"')), (None, etag_text(&etag)));
    let id = response.header("x-amz-request-id").unwrap().to_owned();
    let record = far.record(from, |record| record["request_id"] == id.as_str());
    assert_eq!((&record["decision"], &record["operation"]), (&"allow".into(), &"CopyObject".into()), "{record}");
    assert_eq!((&record["source_backend"], &record["backend"]), (&"main".into(), &"main".into()), "{record}");
    assert_eq!(record["bytes_copied"], 5, "{record}");
    assert_eq!(copied(&world) - before, 5.0);
    // an empty object has nothing to carry
    world.backend.seed("alpha-at-backend", "empty", b"");
    assert_eq!(world.send(&far.copy(ALICE, "alpha/empty", "empty", &[])).status, 200);
    assert_eq!(far.backend.object("far", "p/empty").unwrap(), b"");
}

/// The text of an entity tag in a document.
fn etag_text(element: &str) -> &str {
    element.trim_start_matches("&quot;").trim_end_matches("&quot;").trim_matches('"')
}

fn copied(world: &World) -> f64 {
    world.gateway.metrics().sum("osp_copied_bytes_total", &[])
}

#[test]
fn s3_copy_directives_decide_about_metadata_and_tags() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"bytes");
    let tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>c&amp;d</Value></Tag></TagSet></Tagging>";
    let tagging = world.signed_by(ALICE, ("PUT", "/alpha/k", "tagging"), tags);
    assert_eq!(world.send(&tagging).status, 200);
    let far = Far::new(&world, "directed");
    let replaced =
        [("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "request"), ("content-type", "image/png")];
    assert_eq!(world.send(&far.copy(ALICE, "alpha/k", "replaced", &replaced)).status, 200);
    let read = world.send(&world.signed("HEAD", "/directed/replaced"));
    assert_eq!((read.header("content-type"), read.header("x-amz-meta-b")), (Some("image/png"), Some("request")));
    // a source that says that it has tags is asked for them
    far.forget();
    let count = [("x-amz-tagging-count".to_owned(), "1".to_owned())];
    let tells = |method| Rule::new("/alpha-at-backend/k", Fault::Leak(count.to_vec())).method(method);
    for method in ["HEAD", "GET"] {
        far.forget();
        world.backend.misbehave(tells(method).times(1));
        assert_eq!(world.send(&far.copy(ALICE, "alpha/k", "tagged", &[])).status, 200);
        assert_eq!(far.seen().0.last().unwrap(), "GET /alpha-at-backend/k?tagging=", "{method}");
        let put = far.backend.settled().pop().unwrap();
        assert_eq!(put.head.header("x-amz-tagging"), Some("a%20b=c%26d"));
    }
    far.forget();
    world.backend.misbehave(tells("GET").times(1));
    let own = [("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "x=y")];
    assert_eq!(world.send(&far.copy(ALICE, "alpha/k", "tagged", &own)).status, 200);
    assert_eq!(far.seen().0.len(), 2, "nobody asks for tags that are replaced");
    assert_eq!(far.backend.settled().pop().unwrap().head.header("x-amz-tagging"), Some("x=y"));
    // a backend that tells of tags and does not give them
    far.forget();
    world.backend.misbehave(tells("HEAD").times(1));
    world.backend.misbehave(Rule::new("tagging", Fault::Instead(Answer::error(500, "InternalError", "broken"))));
    refused(&world.send(&far.copy(ALICE, "alpha/k", "untagged", &[])), 500, "InternalError");
    assert_eq!(far.backend.object("far", "p/untagged"), None);
}

#[test]
fn s3_copy_conditions_and_missing_sources_are_told_before_anything_is_written() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"bytes");
    let far = Far::new(&world, "conditional");
    far.forget();
    let old = "Wed, 01 Jan 2020 00:00:00 GMT";
    for (name, value, status, code) in [
        ("x-amz-copy-source-if-match", "\"other\"", 412, "PreconditionFailed"),
        ("x-amz-copy-source-if-none-match", "*", 412, "PreconditionFailed"),
        ("x-amz-copy-source-if-unmodified-since", old, 412, "PreconditionFailed"),
        ("x-amz-copy-source-if-modified-since", "Fri, 01 Jan 2027 00:00:00 GMT", 412, "PreconditionFailed"),
        ("x-amz-copy-source-if-modified-since", "yesterday", 400, "InvalidArgument"),
        ("x-amz-copy-source-range", "bytes=0-1", 400, "InvalidRequest"),
    ] {
        refused(&world.send(&far.copy(ALICE, "alpha/k", "k", &[(name, value)])), status, code);
    }
    refused(&world.send(&far.copy(ALICE, "alpha/absent", "k", &[])), 404, "NoSuchKey");
    assert_eq!((far.seen().1, far.backend.contents()), (vec![], vec![]));
    for (name, value) in
        [("x-amz-copy-source-if-none-match", "\"other\""), ("x-amz-copy-source-if-modified-since", old)]
    {
        assert_eq!(world.send(&far.copy(ALICE, "alpha/k", "k", &[(name, value)])).status, 200, "{name}");
    }
}

#[test]
fn ch_7_a_checksum_is_computed_on_the_way() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"123456789");
    let far = Far::new(&world, "summed");
    far.forget();
    // the backend compares the trailer with the bytes
    let response = world.send(&far.copy(ALICE, "alpha/k", "k", &[("x-amz-checksum-algorithm", "CRC32")]));
    assert_eq!(
        (response.status, response.element("ChecksumCRC32").as_deref()),
        (200, Some("y/Q5Jg==")),
        "{response:?}"
    );
    assert_eq!(far.seen().1, ["PUT /far/p/k"]);
    assert_eq!(far.backend.settled()[0].head.header("x-amz-trailer"), Some("x-amz-checksum-crc32"));
    assert_eq!(far.backend.object("far", "p/k").unwrap(), b"123456789");
}

#[test]
fn s3_copy_of_a_part_carries_the_range_that_was_asked_for() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"0123456789");
    let far = Far::new(&world, "parts");
    let begin = world.send(&world.signed_by(ALICE, ("POST", "/parts/whole", "uploads"), ""));
    let upload = begin.element("UploadId").unwrap();
    let part = |number: usize, headers: &[(&str, &str)]| {
        let query = format!("partNumber={number}&uploadId={upload}");
        world.send(&far.part(ALICE, "alpha/k", ("whole", &query), headers))
    };
    far.forget();
    for (range, code) in [("bytes=5-10", "InvalidArgument"), ("bytes=5-", "InvalidArgument")] {
        refused(&part(1, &[("x-amz-copy-source-range", range)]), 400, code);
    }
    assert_eq!(far.seen().1, [""; 0]);
    let first = part(1, &[("x-amz-copy-source-range", "bytes=2-4")]);
    let second = part(2, &[]);
    assert_eq!((first.status, second.status), (200, 200), "{first:?} {second:?}");
    assert!(first.text().contains("<CopyPartResult "), "{}", first.text());
    let parts: String = [first, second]
        .iter()
        .enumerate()
        .map(|(index, told)| {
            let etag = told.element("ETag").unwrap();
            format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", index + 1)
        })
        .collect();
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let query = format!("uploadId={upload}");
    let completed = world.send(&world.signed_by(ALICE, ("POST", "/parts/whole", &query), &document));
    assert_eq!(completed.status, 200, "{completed:?}");
    assert_eq!(far.backend.object("far", "p/whole").unwrap(), b"2340123456789");
}

#[test]
fn s3_copy_a_large_object_goes_in_parts_of_one_source() {
    let world = world();
    let bytes = pattern(LARGE);
    world.backend.seed("alpha-at-backend", "large", &bytes);
    let far = Far::new(&world, "large");
    far.forget();
    let response = world.send(&far.copy(ALICE, "alpha/large", "k", &[("x-amz-storage-class", "COLD")]));
    assert_eq!((response.status, response.complete), (200, true), "{response:?}");
    assert!(response.element("ETag").unwrap().contains("-2"), "{}", response.text());
    assert!(far.backend.object("far", "p/k").unwrap() == bytes, "other bytes arrived");
    let (source, target) = far.seen();
    assert_eq!(source, ["HEAD /alpha-at-backend/large", "GET /alpha-at-backend/large", "GET /alpha-at-backend/large"]);
    let reads = world.backend.settled();
    let range = |index: usize| reads[index].head.header("range").map(str::to_owned);
    assert_eq!(
        (range(0), range(1), range(2)),
        (None, Some(format!("bytes=0-{}", 64 * MIB - 1)), Some(format!("bytes={}-{}", 64 * MIB, LARGE - 1)))
    );
    assert!(reads[1..].iter().all(|read| read.head.header("if-match").is_some()));
    let methods: Vec<&str> = target.iter().map(|line| line.split('&').next().unwrap()).collect();
    assert_eq!(methods.len(), 4, "{target:?}");
    assert_eq!(methods[..3], ["POST /far/p/k?uploads=", "PUT /far/p/k?partNumber=1", "PUT /far/p/k?partNumber=2"]);
    assert!(target[3].starts_with("POST /far/p/k?uploadId="), "{target:?}");
    let begun = &far.backend.settled()[0];
    assert_eq!(begun.head.header("x-amz-storage-class"), Some("COLD"));
    world.backend.remove("alpha-at-backend", "large");
    far.backend.remove("far", "p/k");
}

#[test]
fn fault_a_source_that_ends_early_leaves_nothing_at_the_target() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", &pattern(300_000));
    let far = Far::new(&world, "halved");
    for fault in [
        Fault::Truncate(200_000),
        Fault::Truncate(0),
        Fault::Raw(b"HTTP/1.1 200 OK\r\nETag: \"other\"\r\nContent-Length: 300000\r\n\r\n".to_vec()),
        Fault::Instead(Answer::new(200, "short")),
    ] {
        far.forget();
        world.backend.misbehave(Rule::new("/k", fault.clone()).method("GET"));
        let response = world.send(&far.copy(ALICE, "alpha/k", "k", &[]));
        assert!(matches!(response.status, 409 | 502 | 503), "{fault:?}: {response:?}");
        assert_opaque(&response);
        assert!(far.backend.settled().iter().all(|one| !one.complete), "{fault:?}: the target got a whole object");
        assert_eq!(far.backend.contents(), [], "{fault:?}");
    }
    far.forget();
    world
        .backend
        .misbehave(Rule::new("/k", Fault::Instead(Answer::error(412, "PreconditionFailed", "x"))).method("GET"));
    refused(&world.send(&far.copy(ALICE, "alpha/k", "k", &[])), 409, "OperationAborted");
    far.forget();
    assert_eq!(world.send(&far.copy(ALICE, "alpha/k", "k", &[])).status, 200);
    assert!(far.backend.object("far", "p/k").unwrap() == pattern(300_000));
}

#[test]
fn fault_what_the_target_refuses_is_told_and_what_was_begun_is_given_up() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"bytes");
    let far = Far::new(&world, "unwilling");
    for (status, code, told, as_code) in [
        (403, "AccessDenied", 503, "ServiceUnavailable"),
        (403, "SignatureDoesNotMatch", 503, "ServiceUnavailable"),
        (403, "QuotaExceeded", 403, "QuotaExceeded"),
        (412, "PreconditionFailed", 412, "PreconditionFailed"),
        (503, "SlowDown", 503, "SlowDown"),
    ] {
        far.forget();
        far.backend.misbehave(Rule::new("/far/p/k", Fault::Instead(Answer::error(status, code, "no"))));
        refused(&world.send(&far.copy(ALICE, "alpha/k", "k", &[])), told, as_code);
        assert_eq!(far.backend.contents(), []);
    }
    // an upload that fails is given up, whichever of its requests fails
    world.backend.seed("alpha-at-backend", "large", &pattern(LARGE));
    let error = || Fault::Instead(Answer::error(503, "SlowDown", "no"));
    let late = Answer::xml(200, "<Error><Code>InternalError</Code><Message>hidden-message</Message></Error>");
    for (method, at, fault, code) in [
        ("PUT", "partNumber=2", error(), "SlowDown"),
        ("POST", "uploadId=", error(), "SlowDown"),
        ("POST", "uploadId=", Fault::Instead(late), "InternalError"),
    ] {
        far.forget();
        far.backend.misbehave(Rule::new(at, fault).method(method));
        let response = world.send(&far.copy(ALICE, "alpha/large", "k", &[]));
        assert_eq!(response.code().as_deref(), Some(code), "{response:?}");
        assert_opaque(&response);
        assert!(far.seen().1.last().unwrap().starts_with("DELETE /far/p/k?uploadId="), "{:?}", far.seen().1);
        far.assert_empty();
    }
    // and so is one whose source fails
    far.forget();
    let replaced = Answer::error(412, "PreconditionFailed", "no");
    world.backend.misbehave(Rule::new("/large", Fault::Leak(Vec::new())).method("GET").times(1));
    world.backend.misbehave(Rule::new("/large", Fault::Instead(replaced)).method("GET"));
    let response = world.send(&far.copy(ALICE, "alpha/large", "k", &[]));
    assert_eq!(response.code().as_deref(), Some("OperationAborted"), "{response:?}");
    assert!(far.seen().1.last().unwrap().starts_with("DELETE /far/p/k?uploadId="));
    far.assert_empty();
    // the object is there although its tag is not told (Ceph RGW)
    far.forget();
    let silent = Answer::xml(200, "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>");
    far.backend.misbehave(Rule::new("uploadId=", Fault::Instead(silent)).method("POST"));
    let response = world.send(&far.copy(ALICE, "alpha/large", "k", &[]));
    assert!(response.status == 200 && response.text().contains("</CopyObjectResult>"), "{response:?}");
    assert_eq!((response.element("ETag"), far.seen().1.len()), (None, 4), "and nothing is given up");
    world.backend.remove("alpha-at-backend", "large");
}

/// Architecture 6.11: so many copies at a time and not one more, because a copy costs its client nothing.
#[test]
fn a_copy_too_many_is_told_to_slow_down() {
    const AT_ONCE: usize = 64;
    let world = world();
    world.backend.seed("alpha-at-backend", "slow", &pattern(80));
    let far = Far::new(&world, "crowded");
    far.forget();
    let latch = Latch::default();
    world.backend.misbehave(Rule::new("/slow", Fault::Hold(10, latch.clone())).method("GET"));
    let begin = |index: usize| {
        let mut connection = world.connect();
        connection.write(&far.copy(ALICE, "alpha/slow", &format!("k{index}"), &[]).bytes()).unwrap();
        connection
    };
    let connections: Vec<_> = (0..AT_ONCE).map(begin).collect();
    let reads = |seen: &[Seen]| seen.iter().filter(|one| one.head.method == "GET").count() == AT_ONCE;
    let _ = world.backend.wait_for("as many copies as there may be", reads);
    refused(&world.send(&far.copy(ALICE, "alpha/slow", "k", &[])), 503, "SlowDown");
    latch.lift();
    for mut connection in connections {
        assert_eq!(connection.read_response(false).unwrap().status, 200);
    }
    assert_eq!(world.send(&far.copy(ALICE, "alpha/slow", "k", &[])).status, 200);
}

#[test]
fn fault_a_client_that_leaves_ends_the_copy() {
    let world = world();
    world.backend.seed("alpha-at-backend", "slow", &pattern(300_000));
    world.backend.seed("alpha-at-backend", "large", &pattern(LARGE));
    let far = Far::new(&world, "deserted");
    for (source, at_target) in [("slow", "PUT /far/p/k"), ("large", "PUT /far/p/k?partNumber=1")] {
        far.forget();
        let (from, latch) = (world.gateway.log.len(), Latch::default());
        let fault = Fault::Hold(200_000, latch.clone());
        world.backend.misbehave(Rule::new(&format!("/{source}"), fault).method("GET"));
        let mut connection = world.connect();
        connection.write(&far.copy(ALICE, &format!("alpha/{source}"), "k", &[]).bytes()).unwrap();
        let begun = |seen: &[Seen]| seen.iter().any(|one| one.line().starts_with(at_target));
        let _ = far.backend.wait_for("the write to begin", begun);
        drop(connection);
        let record = far.record(from, |record| record["operation"] == "CopyObject");
        assert_eq!((&record["reason"], &record["status"]), (&"client_gone".into(), &0.into()), "{record}");
        // although the source has not ended
        let seen = far.backend.settled();
        assert!(seen.iter().filter(|one| one.line().starts_with("PUT")).all(|one| !one.complete), "{seen:?}");
        let given_up = seen.iter().any(|one| one.line().starts_with("DELETE /far/p/k?uploadId="));
        assert_eq!(given_up, source == "large", "{seen:?}");
        far.assert_empty();
        latch.lift();
    }
    world.backend.remove("alpha-at-backend", "large");
}
