//! Pages of other origins (s3-protocol.md 7.13, CL-5, CL-8, security.md D12): preflights are answered by OSP, before anybody
//! has signed and without a backend; every other answer is marked by the rules of its route, and by nothing of the backend's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use std::time::Duration;

use osp_test_support::documents::{NAMESPACE, Route, client, credential};
use osp_test_support::{
    ALICE, Answer, BACKEND, BASE_HOST, BOB, Fault, Key, Payload, Request, Response, Rule, STRANGER, Signer, UploadForm,
    World, http2,
};

const APP: &str = "https://app.test";
/// Of another namespace.
const ERIN: Key = Key { id: "OSPTESTERIN000000001", secret: "canary-erin-secret-2f8d61c0" };
const EVERYTHING: &str = "Read, List, Write, Delete";
const RULE: &str = "{allowedOrigins: ['https://app.test', 'https://*.app.test'], allowedMethods: [GET, PUT, POST, DELETE], \
                    allowedHeaders: [Content-Type, 'x-amz-*'], exposeHeaders: [ETag, x-amz-request-id], maxAgeSeconds: 600}";
/// The second rule of `web`.
const READERS: &str = "{allowedOrigins: ['*'], allowedMethods: [GET]}";
const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/// `web` has another name at the backend, and two rules; so do the buckets of `team-*`, and those of `parts` under `raw/`.
/// `alpha` has no rules.
fn world() -> World {
    let world = World::start(env!("CARGO_BIN_EXE_osp"));
    let endpoint = world.backend.endpoint();
    world.backend.create_bucket("web-at-backend");
    world.backend.seed("web-at-backend", "k", b"content");
    world.backend.seed("alpha-at-backend", "k", b"content");
    let route = |bucket: &str, at: &str| Route::new(bucket, &endpoint, at).allow("alice", EVERYTHING, &[]);
    let part = route("parts", "beta").cors(RULE).yaml();
    let broken = route("broken", "beta").backend_field("credentialRef: {name: gone}").cors(RULE).yaml();
    let documents = [
        route("web", "web-at-backend").allow("bob", "Read", &["open/"]).cors(RULE).cors(READERS).yaml(),
        // not Alice: the test support asks as her whether all is well
        Route::new("team-*", &endpoint, "hidden-{bucket}").allow("bob", EVERYTHING, &[]).cors(RULE).yaml(),
        part.replace("match: {bucket: parts}", "match: {bucket: parts, prefix: raw/}"),
        broken,
    ];
    let _ = world.apply("cors.yaml", &documents.join("---\n"));
    world
}

/// A preflight as browsers send it.
fn preflight(world: &World, path: &str, (origin, method, headers): (&str, &str, &str)) -> Request {
    let request = world.request("OPTIONS", path).header("Origin", origin);
    let request = request.header("Access-Control-Request-Method", method).header("Sec-Fetch-Mode", "cors");
    if headers.is_empty() { request } else { request.header("Access-Control-Request-Headers", headers) }
}

/// The headers for pages of other origins, without what is in every name.
fn told(response: &Response) -> Vec<(&str, &str)> {
    let ours = |(name, value)| Some((str::strip_prefix(name, "access-control-")?, value));
    let mut told: Vec<_> =
        response.headers.iter().filter_map(|(name, value)| ours((name.as_str(), value.as_str()))).collect();
    told.sort_unstable();
    told
}

/// A preflight that is granted: nothing at the backend, one record.
fn granted(world: &World, request: &Request) -> Response {
    world.backend.forget();
    let from = world.gateway.log.len();
    let response = world.send(request);
    assert_eq!((response.status, response.body.len()), (200, 0), "{} {response:?}", request.target());
    assert!(world.backend.settled().is_empty(), "a preflight reached the backend");
    let id = response.header("x-amz-request-id").unwrap().to_owned();
    let records = world.gateway.log.records(from, "record of the preflight", |records| {
        records.iter().any(|record| record["request_id"] == id.as_str())
    });
    let record = records.iter().find(|record| record["request_id"] == id.as_str()).unwrap();
    assert_eq!((&record["decision"], &record["operation"]), (&"allow".into(), &"Preflight".into()), "{record}");
    world.assert_silent();
    response
}

fn refused(world: &World, request: &Request) -> Response {
    let response = world.denied_by_head(request, 403, "AccessForbidden");
    assert!(response.element("Message").unwrap().starts_with("CORSResponse: "), "{}", response.text());
    assert_eq!(told(&response), [], "{response:?}");
    response
}

fn from_page(world: &World, origin: &str, (method, path, query): (&str, &str, &str), body: &str) -> Request {
    let request = world.request(method, path).query(query).header("Origin", origin);
    let request = if body.is_empty() { request } else { request.body(body) };
    Signer::new(ALICE).sign(request, Payload::Sha256)
}

/// What the first rule of `web` says beside an answer.
fn marks(origin: &str) -> Vec<(&str, &str)> {
    vec![("allow-credentials", "true"), ("allow-origin", origin), ("expose-headers", "ETag, x-amz-request-id")]
}

#[test]
fn s3_7_13_preflights_are_answered_before_anybody_has_signed_and_without_a_backend() {
    let world = world();
    let response = granted(&world, &preflight(&world, "/web/k", (APP, "PUT", "Content-Type,X-Amz-Date")));
    let expected = [
        ("allow-credentials", "true"),
        ("allow-headers", "content-type, x-amz-date"),
        ("allow-methods", "GET, PUT, POST, DELETE"),
        ("allow-origin", APP),
        ("expose-headers", "ETag, x-amz-request-id"),
        ("max-age", "600"),
    ];
    assert_eq!((told(&response), response.header("vary")), (expected.to_vec(), Some(VARY)));
    // the second rule: for every origin, without credentials
    let response = granted(&world, &preflight(&world, "/web/k", ("https://elsewhere.test", "GET", "")));
    assert_eq!(told(&response), [("allow-methods", "GET"), ("allow-origin", "*")]);
    // a subdomain, a key of many kinds, a listing, a bucket, a batch, an upload in parts, a presigned URL
    for (path, query, method) in [
        ("/web/a%20b/%C3%A9", "", "PUT"),
        ("/web", "list-type=2&prefix=raw%2F", "GET"),
        ("/web/", "", "POST"),
        ("/web", "delete", "POST"),
        ("/web/k", "uploadId=x&partNumber=1", "PUT"),
        ("/web/k", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=nobody&X-Amz-Signature=0", "GET"),
        // patterns and prefixes, also where the keys stand in the body
        ("/team-a/k", "", "PUT"),
        ("/parts/raw/x", "", "GET"),
        ("/parts", "list-type=2&prefix=raw%2F", "GET"),
        ("/parts", "delete", "POST"),
    ] {
        let origin = "https://www.app.test";
        let response = granted(&world, &preflight(&world, path, (origin, method, "")).query(query));
        assert_eq!(response.header("access-control-allow-origin"), Some(origin), "{path}");
    }
    // virtual-host style, over HTTP/1.1 and HTTP/2
    let styled = preflight(&world, "/k", (APP, "PUT", "")).replacing("host", &format!("web.{BASE_HOST}"));
    assert_eq!(granted(&world, &styled).header("access-control-allow-origin"), Some(APP));
    let config = world.authority.client(&[b"h2"]);
    let authority = format!("web.{BASE_HOST}");
    let response = http2::exchange(world.gateway.https(), config, &authority, &styled, false).answer();
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, Some(APP)), "{response:?}");
}

#[test]
fn cl_8_every_other_preflight_is_refused_and_all_refusals_are_alike() {
    let world = world();
    let like = |request: &Request| {
        let response = refused(&world, request);
        let text = response.text();
        let id = response.header("x-amz-request-id").unwrap();
        let names: Vec<String> = response.headers.iter().map(|(name, _)| name.clone()).collect();
        (names, text.replace(id, "ID").replace(&format!("<Resource>{}<", request.path), "<Resource>PATH<"))
    };
    let mut seen = std::collections::BTreeSet::new();
    for (path, asked) in [
        ("/web/k", ("https://app.test.evil.test", "PUT", "")),
        ("/web/k", ("http://app.test", "PUT", "")),
        ("/web/k", (APP, "HEAD", "")),
        ("/web/k", (APP, "PATCH", "")),
        ("/web/k", (APP, "put", "")),
        ("/web/k", (APP, "PUT", "x-amz-date, cookie")),
        ("/web/k", ("null", "PUT", "")),
        // no rules, no bucket, a broken route, no part of a bucket, a bucket without a name that routes know
        ("/alpha/k", (APP, "PUT", "")),
        ("/absent/k", (APP, "PUT", "")),
        ("/broken/k", (APP, "PUT", "")),
        ("/parts/other", (APP, "PUT", "")),
        ("/", (APP, "GET", "")),
    ] {
        seen.insert(like(&preflight(&world, path, asked)));
    }
    let preflight = preflight(&world, "/web/k", (APP, "PUT", ""));
    seen.insert(like(&preflight.clone().without("origin")));
    seen.insert(like(&preflight.clone().without("access-control-request-method")));
    seen.insert(like(&preflight.clone().header("Origin", APP)));
    // a signature opens nothing that a rule does not
    let signed = world.request("OPTIONS", "/alpha/k").header("Origin", APP);
    let signed = signed.header("Access-Control-Request-Method", "PUT");
    seen.insert(like(&Signer::new(ALICE).sign(signed, Payload::Sha256)));
    assert_eq!(seen.len(), 1, "{seen:#?}");
    granted(&world, &preflight);
}

#[test]
fn s3_7_13_every_answer_to_a_page_is_marked_by_the_rules_of_its_route() {
    let world = world();
    let delete = "<Delete><Object><Key>gone</Key></Object></Delete>";
    for (asked, body) in [
        (("GET", "/web/k", ""), ""),
        (("PUT", "/web/new", ""), "content"),
        (("GET", "/web", "list-type=2"), ""),
        (("POST", "/web", "delete"), delete),
        (("POST", "/web/parts", "uploads"), ""),
        (("DELETE", "/web/new", ""), ""),
    ] {
        let request = from_page(&world, APP, asked, body);
        let (response, _) = world.forwarded(&request);
        assert_eq!((told(&response), response.header("vary")), (marks(APP), Some(VARY)), "{asked:?}");
        let (response, _) = world.forwarded(&from_page(&world, "https://elsewhere.test", asked, body));
        // the second rule is for GET only
        let expected = if asked.0 == "GET" { vec![("allow-origin", "*")] } else { vec![] };
        assert_eq!(told(&response), expected, "{asked:?}");
        // no cache keeps answers to POST
        assert!(asked.0 == "POST" || response.header("vary") == Some(VARY), "{asked:?}");
    }
    // a cache that keeps an answer to nobody's page must not give it to one
    let (response, _) = world.forwarded(&world.signed("GET", "/web/k"));
    assert_eq!((told(&response), response.header("vary")), (vec![], Some(VARY)));
    // OSP's own answer
    let own = world.send(&from_page(&world, APP, ("GET", "/web", "location"), ""));
    assert_eq!((own.status, told(&own)), (200, marks(APP)), "{own:?}");
    // a presigned URL, whose Origin nobody signed
    let presigned = Signer::new(ALICE).presign(world.request("GET", "/web/k"), Duration::from_secs(60));
    let (response, _) = world.forwarded(&presigned.header("Origin", APP));
    assert_eq!(told(&response), marks(APP));
}

#[test]
fn s3_7_13_errors_can_be_read_as_well() {
    let world = world();
    let page =
        |key: Key, path: &str| Signer::new(key).sign(world.request("GET", path).header("Origin", APP), Payload::Sha256);
    // the backend's
    let missing = world.send(&page(ALICE, "/web/missing"));
    assert_eq!((missing.status, told(&missing)), (404, marks(APP)));
    let refusal = Answer::error(416, "InvalidRange", "range");
    world.backend.misbehave(Rule::new("/k", Fault::Instead(refusal)).times(1));
    let range = world.send(&page(ALICE, "/web/k").header("Range", "bytes=99-"));
    assert_eq!((range.status, told(&range)), (416, marks(APP)));
    // OSP's, of all kinds: who asks is proved, is not, cannot be
    for (request, status, code) in [
        (page(BOB, "/web/k"), 403, "AccessDenied"),
        (page(STRANGER, "/web/k"), 403, "InvalidAccessKeyId"),
        (page(Key { secret: "wrong", ..ALICE }, "/web/k"), 403, "SignatureDoesNotMatch"),
        (world.request("GET", "/web/k").header("Origin", APP), 403, "AccessDenied"),
        (from_page(&world, APP, ("GET", "/web/k", "nonsense"), ""), 501, "NotImplemented"),
    ] {
        let response = world.denied_by_head(&request, status, code);
        assert_eq!(told(&response), marks(APP), "{response:?}");
    }
    // a body that is not what was signed
    let put = from_page(&world, APP, ("PUT", "/web/k", ""), "content");
    let damaged = Request { pieces: vec![b"contend".to_vec()], ..put };
    let response = world.denied_by_body(&damaged, 400, "XAmzContentSHA256Mismatch");
    assert_eq!(told(&response), marks(APP));
    // a backend that is away, or talks nonsense
    world.backend.misbehave(Rule::new("web-at-backend/k", Fault::CloseUnanswered));
    let response = world.send(&page(ALICE, "/web/k"));
    assert!(response.status >= 500, "{response:?}");
    assert_eq!(told(&response), marks(APP));
}

#[test]
fn s3_7_13_answers_to_forms_can_be_read() {
    let world = world();
    let form = |key: Key, bucket: &str, name: &str| {
        let form = UploadForm::new(key, bucket).field("key", name).signed();
        form.request(&world.host(), &format!("/{bucket}")).header("Origin", APP)
    };
    for (bucket, name) in [("web", "posted"), ("parts", "raw/posted")] {
        let (response, _) = world.forwarded(&form(ALICE, bucket, name));
        assert_eq!((response.status, told(&response), response.header("vary")), (204, marks(APP), Some(VARY)));
    }
    let (response, _) = world.forwarded(&form(ALICE, "alpha", "posted"));
    assert_eq!((response.status, told(&response)), (204, vec![]), "no rules");
    for key in [BOB, STRANGER, Key { secret: "wrong", ..ALICE }] {
        let response = world.send(&form(key, "web", "posted"));
        assert_eq!((response.status, told(&response)), (403, marks(APP)), "{response:?}");
    }
}

#[test]
fn s3_7_13_what_a_backend_says_of_origins_reaches_nobody() {
    let world = world();
    let leak = ["Origin", "Credentials", "Methods", "Headers"].map(|what| {
        let value = if what == "Origin" { "https://evil.test" } else { "true" };
        (format!("Access-Control-Allow-{what}"), value.to_owned())
    });
    let more =
        [("Access-Control-Expose-Headers", "x-hidden"), ("Timing-Allow-Origin", "*"), ("Vary", "Accept, origin")];
    let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let leak: Vec<(String, String)> = leak.into_iter().chain(more).collect();
    world.backend.misbehave(Rule::new("-at-backend/k", Fault::Leak(leak)));
    let evil = "http://evil.test";
    for (bucket, origin, expected) in [
        ("alpha", APP, vec![]),
        ("alpha", evil, vec![]),
        ("web", APP, marks(APP)),
        ("web", evil, vec![("allow-origin", "*")]),
    ] {
        for method in ["GET", "PUT"] {
            let path = format!("/{bucket}/k");
            let body = if method == "PUT" { "content" } else { "" };
            let response = world.send(&from_page(&world, origin, (method, &path, ""), body));
            assert_eq!(response.status, 200, "{response:?}");
            let expected = if method == "PUT" && origin == evil { vec![] } else { expected.clone() };
            assert_eq!(told(&response), expected, "{method} {path} {origin}");
            assert_eq!(response.header("timing-allow-origin"), None);
            // in what the answer depends on, the backend has a say
            let vary =
                if bucket == "web" { format!("Accept, origin{}", &VARY[6..]) } else { "Accept, origin".to_owned() };
            assert_eq!(response.header("vary"), Some(vary.as_str()));
        }
    }
}

#[test]
fn rules_are_in_force_for_what_begins_after_a_change() {
    let world = world();
    let asked = preflight(&world, "/fresh/k", (APP, "PUT", ""));
    let apply = |rules: &[&str]| {
        let route = Route::new("fresh", &world.backend.endpoint(), "web-at-backend").allow("alice", EVERYTHING, &[]);
        let route = rules.iter().fold(route, |route, rule| route.cors(rule));
        let _ = world.apply("fresh.yaml", &route.yaml());
    };
    refused(&world, &asked);
    apply(&[]);
    refused(&world, &asked);
    apply(&[RULE]);
    granted(&world, &asked);
    apply(&[&RULE.replace("app.test", "other.test")]);
    refused(&world, &asked);
    assert_eq!(told(&world.send(&from_page(&world, APP, ("GET", "/fresh/k", ""), ""))), []);
    apply(&[&RULE.replace("app.test", "other.test"), RULE]);
    granted(&world, &asked);
    // a rule that cannot be understood is no rule: the route is broken
    apply(&["{allowedOrigins: ['https://app.test/'], allowedMethods: [GET]}"]);
    refused(&world, &asked);
    assert_eq!(world.send(&world.signed("GET", "/fresh/k")).status, 503);
    world.retract("fresh.yaml");
    refused(&world, &asked);
}

/// K01: a route for the clients of its own namespace says nothing about anybody else's, and what is said once they have signed
/// is what their own route says.
#[test]
fn k01_rules_of_a_route_for_its_own_clients_are_theirs() {
    let world = world();
    let other = |text: &str| text.replace(&format!("namespace: {NAMESPACE}"), "namespace: other");
    let route = |rules: &[&str]| {
        let route = Route::new("web", &world.backend.endpoint(), "alpha-at-backend").allow("erin", EVERYTHING, &[]);
        let route = rules.iter().fold(route, |route, rule| route.cors(rule)).yaml();
        other(&route.replace("match: {bucket: web}", "match: {bucket: web, clientScope: SameNamespace}"))
    };
    let apply = |rules: &[&str]| {
        let identity = [other(&client("erin", ERIN)), other(&credential("backend", BACKEND)), route(rules)];
        let _ = world.apply("other.yaml", &identity.join("---\n"));
    };
    let signed = |key: Key, origin: &str| {
        Signer::new(key).sign(world.request("GET", "/web/k").header("Origin", origin), Payload::Sha256)
    };
    let evil = "https://evil.test";
    let wide = RULE.replace("https://app.test", evil).replace("https://*.app.test", "https://*.evil.test");
    apply(&[&wide]);
    refused(&world, &preflight(&world, "/web/k", (evil, "PUT", "")));
    granted(&world, &preflight(&world, "/web/k", (APP, "PUT", "")));
    assert_eq!(told(&world.forwarded(&signed(ERIN, evil)).0), marks(evil));
    assert_eq!(told(&world.forwarded(&signed(ALICE, evil)).0), [("allow-origin", "*")], "the second rule of hers");
    assert_eq!(told(&world.forwarded(&signed(ERIN, APP)).0), []);
    apply(&[]);
    granted(&world, &preflight(&world, "/web/k", (APP, "PUT", "")));
    assert_eq!(told(&world.forwarded(&signed(ERIN, APP)).0), []);
    assert_eq!(told(&world.forwarded(&signed(ALICE, APP)).0), marks(APP));
}
