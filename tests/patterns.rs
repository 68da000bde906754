//! Pattern routes (kubernetes.md 2.4): buckets that nobody listed are served, made, deleted and listed under their own names,
//! and nobody gets at a bucket that no entry gives them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use osp_test_support::documents::{Route, client};
use osp_test_support::{BOB, Fault, Key, Payload, Response, Rule, STRANGER, Signer, UploadForm, World, wait_until};

/// Has everything in `team-a-*`. Not Alice: the test support asks as her whether all is well.
const DORA: Key = Key { id: "OSPTESTDORA000000001", secret: "canary-dora-secret-5b90c7f3" };
/// Has grants on data, and none on buckets.
const CAROL: Key = Key { id: "OSPTESTCAROL00000001", secret: "canary-carol-secret-0d4c1b7e" };
const ALL: &str = "Read, List, Write, Delete, ManageBuckets, Admin";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// `team-*` is `hidden-*-at-backend` at the backend; Dora has `team-a-*`, Bob `team-b-*`, Carol may write in all of them;
/// `team-a-own` is a bucket of a route of its own.
fn world() -> World {
    let world = World::start(env!("CARGO_BIN_EXE_osp"));
    let endpoint = world.backend.endpoint();
    let documents = [
        client("carol", CAROL),
        client("dora", DORA),
        Route::new("team-*", &endpoint, "hidden-{bucket}-at-backend")
            .allow_buckets("dora", ALL, &["team-a-*"])
            .allow_buckets("bob", "Read, List, Write, Delete, ManageBuckets", &["team-b-*"])
            .allow("carol", "Read, Write", &[])
            .yaml(),
        Route::new("team-a-own", &endpoint, "own-at-backend").allow("dora", "Read, List, Write, Delete", &[]).yaml(),
    ];
    let _ = world.apply("patterns.yaml", &documents.join("---\n"));
    world
}

/// The names of a list of buckets.
fn names(answer: &Response) -> Vec<String> {
    let text = answer.text();
    text.split("<Name>").skip(1).map(|rest| rest.split("</Name>").next().unwrap().to_owned()).collect()
}

fn list(world: &World, key: Key, query: &str) -> Response {
    let answer = world.send(&world.signed_by(key, ("GET", "/", query), ""));
    assert_no_backend(&answer);
    answer
}

/// Nothing of the backend is in an answer.
fn assert_no_backend(answer: &Response) {
    let shown = format!("{answer:?} {}", answer.text());
    for hidden in ["hidden-", "-at-backend", "BACKEND", "eu-test-1"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

fn backend_bucket(name: &str) -> String {
    format!("hidden-{name}-at-backend")
}

#[test]
fn k_2_4_objects_of_a_bucket_that_nobody_listed_are_served_under_the_templates_name() {
    let world = world();
    world.backend.create_bucket(&backend_bucket("team-a-1"));
    let (_, seen) = world.forwarded(&world.signed_by(DORA, ("PUT", "/team-a-1/k", ""), "content"));
    assert_eq!(seen.line(), "PUT /hidden-team-a-1-at-backend/k");
    let (got, _) = world.forwarded(&world.signed_by(DORA, ("GET", "/team-a-1/k", ""), ""));
    assert_eq!(got.text(), "content");
    let (listed, seen) = world.forwarded(&world.signed_by(DORA, ("GET", "/team-a-1", "list-type=2"), ""));
    assert_eq!(seen.line(), "GET /hidden-team-a-1-at-backend?list-type=2");
    assert_eq!(listed.element("Name").as_deref(), Some("team-a-1"));
    assert_no_backend(&listed);
    let (_, seen) = world.forwarded(&world.signed_by(DORA, ("HEAD", "/team-a-1", ""), ""));
    assert_eq!(seen.line(), "HEAD /hidden-team-a-1-at-backend");
    // configuration, too: nobody else is about this bucket
    let (_, seen) = world.forwarded(&world.signed_by(DORA, ("GET", "/team-a-1", "versioning"), ""));
    assert_eq!(seen.line(), "GET /hidden-team-a-1-at-backend?versioning=");
    let delete = "<Delete><Object><Key>k</Key></Object></Delete>";
    let (answer, seen) = world.forwarded(&world.signed_by(DORA, ("POST", "/team-a-1", "delete"), delete));
    assert_eq!(
        (answer.element("Key").as_deref(), seen.line().as_str()),
        (Some("k"), "POST /hidden-team-a-1-at-backend?delete=")
    );
    // a copy inside the pattern
    world.backend.create_bucket(&backend_bucket("team-a-2"));
    world.backend.seed(&backend_bucket("team-a-1"), "k", b"content");
    let copy = world.request("PUT", "/team-a-2/k").header("x-amz-copy-source", "/team-a-1/k");
    let (_, seen) = world.forwarded(&Signer::new(DORA).sign(copy, Payload::Sha256));
    assert_eq!(seen.head.header("x-amz-copy-source"), Some("hidden-team-a-1-at-backend/k"));
    // a bucket that the backend does not have
    let answer = world.send(&world.signed_by(DORA, ("GET", "/team-a-none/k", ""), ""));
    assert_eq!((answer.status, answer.code().as_deref()), (404, Some("NoSuchBucket")));
    assert_no_backend(&answer);
    // the last one is counted after its answer
    wait_until("requests to be counted under the pattern", || {
        world.gateway.metrics().sum("osp_requests_total", &["bucket=\"team-*\""]) >= 8.0
    });
    assert_eq!(world.gateway.metrics().sum("osp_requests_total", &["bucket=\"team-a-1\""]), 0.0);
}

#[test]
fn k_2_4_section_4_1_forms_are_decided_like_every_upload() {
    let world = world();
    for bucket in ["team-a-1", "team-b-1"] {
        world.backend.create_bucket(&backend_bucket(bucket));
    }
    world.backend.create_bucket("own-at-backend");
    let form = |key, bucket: &str| UploadForm::new(key, bucket).field("key", "dir/k").signed();
    let to = |form: &UploadForm, bucket: &str| form.request(&world.host(), &format!("/{bucket}"));
    for (key, bucket, stored_in) in [
        (DORA, "team-a-1", Some("hidden-team-a-1-at-backend")),
        (CAROL, "team-a-1", Some("hidden-team-a-1-at-backend")),
        (CAROL, "team-b-1", Some("hidden-team-b-1-at-backend")),
        (BOB, "team-b-1", Some("hidden-team-b-1-at-backend")),
        (DORA, "team-a-own", Some("own-at-backend")),
        (DORA, "team-b-1", None),
        (BOB, "team-a-1", None),
        // not the pattern's: the bucket has a route of its own
        (CAROL, "team-a-own", None),
    ] {
        let put = world.signed_by(key, ("PUT", &format!("/{bucket}/dir/k"), ""), "content");
        for request in [put, to(&form(key, bucket), bucket)] {
            let Some(stored_in) = stored_in else {
                assert_no_backend(&world.denied_by_head(&request, 403, "AccessDenied"));
                continue;
            };
            let (response, seen) = world.forwarded(&request);
            assert_eq!(seen.line(), format!("PUT /{stored_in}/dir/k"));
            assert_eq!(seen.wire_body, b"content");
            assert_no_backend(&response);
        }
    }
    let (response, _) = world.forwarded(&to(&form(DORA, "team-a-1"), "team-a-1"));
    let location = format!("http://{}/team-a-1/dir/k", world.host());
    assert_eq!((response.status, response.header("location")), (204, Some(location.as_str())));
    // a policy is for one bucket of the pattern, also where its holder may write in another
    world.denied_by_head(&to(&form(DORA, "team-a-1"), "team-a-2"), 403, "AccessDenied");
    let answer = world.send(&to(&form(DORA, "team-a-none"), "team-a-none"));
    assert_eq!((answer.status, answer.code().as_deref()), (404, Some("NoSuchBucket")));
    assert_no_backend(&answer);
}

#[test]
fn k_2_4_who_is_denied_everything_sees_no_names() {
    let world = world();
    world.backend.create_bucket("deep-shut-1");
    let route = Route::new("shut-*", &world.backend.endpoint(), "deep-{bucket}");
    let open = route.allow("dora", "Read", &[]).allow("bob", "Read, List", &[]);
    let _ = world.apply("shut.yaml", &open.yaml());
    for (key, shown) in [(DORA, true), (BOB, true)] {
        assert_eq!(names(&list(&world, key, "")).contains(&"shut-1".to_owned()), shown, "the positive twin");
    }
    let _ = world.apply("shut.yaml", &open.clone().deny("bob", "Read, List", &["k"]).yaml());
    assert!(names(&list(&world, BOB, "")).contains(&"shut-1".to_owned()), "what is left is worth the name");
    let _ = world.apply("shut.yaml", &open.deny("bob", "Read, List", &[]).yaml());
    for (key, shown) in [(DORA, true), (BOB, false)] {
        assert_eq!(names(&list(&world, key, "")).contains(&"shut-1".to_owned()), shown, "{}", key.id);
    }
}

#[test]
fn k_2_4_access_buckets_keeps_clients_apart_before_the_backend_is_asked() {
    let world = world();
    for name in ["team-a-1", "team-b-1"] {
        world.backend.create_bucket(&backend_bucket(name));
    }
    for (key, bucket) in [(DORA, "team-b-1"), (BOB, "team-a-1"), (STRANGER, "team-a-1")] {
        let code = if key.id == STRANGER.id { "InvalidAccessKeyId" } else { "AccessDenied" };
        for (method, path, query) in [
            ("PUT", format!("/{bucket}/k"), ""),
            ("GET", format!("/{bucket}/k"), ""),
            ("GET", format!("/{bucket}"), "list-type=2"),
            ("PUT", format!("/{bucket}"), ""),
            ("DELETE", format!("/{bucket}"), ""),
        ] {
            world.denied_by_head(&world.signed_by(key, (method, &path, query), ""), 403, code);
        }
    }
    // a copy needs both
    let copy = world.request("PUT", "/team-a-1/k").header("x-amz-copy-source", "/team-b-1/k");
    world.denied_by_head(&Signer::new(DORA).sign(copy, Payload::Sha256), 403, "AccessDenied");
    // outside the pattern nothing has changed
    for path in ["/tea/k", "/other/k"] {
        world.denied_by_head(&world.signed_by(DORA, ("GET", path, ""), ""), 404, "NoSuchBucket");
    }
}

#[test]
fn k_2_4_buckets_are_made_where_the_route_says() {
    let world = world();
    let configuration = |region: &str| {
        format!(
            "<CreateBucketConfiguration xmlns=\"{NAMESPACE}\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    for (name, body) in [("team-a-1", String::new()), ("team-a-2", configuration("us-east-1"))] {
        let (made, seen) = world.forwarded(&world.signed_by(DORA, ("PUT", &format!("/{name}"), ""), &body));
        assert_eq!((made.status, made.header("location")), (200, Some(format!("/{name}").as_str())));
        assert_eq!(seen.line(), format!("PUT /hidden-{name}-at-backend"));
        assert_eq!(String::from_utf8(seen.wire_body).unwrap().matches("eu-test-1").count(), 1, "the backend's region");
        assert_no_backend(&made);
    }
    let taken = osp_test_support::Answer::error(409, "BucketAlreadyOwnedByYou", "it is hidden-owner's");
    world.backend.misbehave(Rule::new("team-a-1", Fault::Instead(taken)));
    let again = world.send(&world.signed_by(DORA, ("PUT", "/team-a-1", ""), ""));
    assert_eq!((again.status, again.code().as_deref()), (409, Some("BucketAlreadyOwnedByYou")));
    assert_no_backend(&again);
    // elsewhere is not for the client to say
    for (body, code, status) in [
        (configuration("eu-west-1"), "InvalidLocationConstraint", 400),
        ("<CreateBucketConfiguration>".to_owned(), "MalformedXML", 400),
        ("<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>".to_owned(), "NotImplemented", 501),
    ] {
        world.denied_by_body(&world.signed_by(DORA, ("PUT", "/team-a-3", ""), &body), status, code);
    }
    // headers that change rights need Admin, which Bob does not have
    for header in ["x-amz-acl", "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership", "x-amz-grant-read"] {
        let value = if header == "x-amz-acl" { "public-read" } else { "true" };
        let ask = |key: Key, path: &str| {
            Signer::new(key).sign(world.request("PUT", path).header(header, value), Payload::Sha256)
        };
        world.denied_by_head(&ask(BOB, "/team-b-9"), 403, "AccessDenied");
        let (_, seen) = world.forwarded(&ask(DORA, &format!("/team-a-{}", header.len())));
        assert_eq!(seen.head.header(header), Some(value));
    }
}

#[test]
fn k_2_4_only_whoever_manages_buckets_makes_and_deletes_them_and_only_of_patterns() {
    let world = world();
    world.backend.create_bucket(&backend_bucket("team-a-1"));
    for (key, path) in [
        (CAROL, "/team-a-1"),
        (DORA, "/team-a-own"),
        (DORA, "/alpha"),
        (DORA, "/nobody-has-this"),
        (BOB, "/nobody-has-this"),
    ] {
        for method in ["PUT", "DELETE"] {
            world.denied_by_head(&world.signed_by(key, (method, path, ""), ""), 403, "AccessDenied");
        }
    }
    world.backend.seed(&backend_bucket("team-a-1"), "k", b"x");
    let full = world.send(&world.signed_by(DORA, ("DELETE", "/team-a-1", ""), ""));
    assert_eq!((full.status, full.code().as_deref()), (409, Some("BucketNotEmpty")));
    assert_no_backend(&full);
    world.backend.remove(&backend_bucket("team-a-1"), "k");
    let (gone, seen) = world.forwarded(&world.signed_by(DORA, ("DELETE", "/team-a-1", ""), ""));
    assert_eq!((gone.status, seen.line().as_str()), (204, "DELETE /hidden-team-a-1-at-backend"));
    // what a backend might take for the bucket itself
    for query in ["nonsense", "website", "versionId=1"] {
        let answer = world.refused_by_head(&world.signed_by(DORA, ("DELETE", "/team-a-1", query), ""), &[400, 501]);
        assert!(answer.status >= 400);
    }
}

#[test]
fn k_2_4_lists_are_merged_and_show_what_grants_allow() {
    let world = world();
    // made at the backend by others, too: foreign names, and names that no template makes
    for name in ["team-a-1", "team-a-2", "team-b-1", "team-c-1", "other"] {
        world.backend.create_bucket(&backend_bucket(name));
    }
    for foreign in ["team-a-9", "hidden-Team-a-8-at-backend", "hidden-team-a-own-at-backend", "own-at-backend"] {
        world.backend.create_bucket(foreign);
    }
    let of = |key: Key, query: &str| names(&list(&world, key, query));
    assert_eq!(of(DORA, ""), ["team-a-1", "team-a-2", "team-a-own"]);
    assert_eq!(of(BOB, ""), ["alpha", "beta", "team-b-1"]);
    assert_eq!(of(CAROL, ""), ["team-a-1", "team-a-2", "team-b-1", "team-c-1"], "the exact route shadows team-a-own");
    assert_eq!(of(DORA, "prefix=team-a"), ["team-a-1", "team-a-2", "team-a-own"]);
    let first = list(&world, DORA, "max-buckets=2");
    assert_eq!(names(&first), ["team-a-1", "team-a-2"]);
    let token = first.element("ContinuationToken").unwrap();
    assert_eq!(of(DORA, &format!("max-buckets=2&continuation-token={token}")), ["team-a-own"]);
    let dated = list(&world, DORA, "prefix=team-a-1").text();
    assert!(dated.contains("<CreationDate>2020-02-02T02:02:02.000Z</CreationDate>"), "{dated}");
}

#[test]
fn k_2_4_a_list_is_complete_or_there_is_none() {
    let world = world();
    world.backend.create_bucket(&backend_bucket("team-a-1"));
    let denied = |key: Key| {
        let answer = list(&world, key, "");
        assert_eq!((answer.status, answer.code().as_deref()), (503, Some("ServiceUnavailable")), "{}", answer.text());
        assert!(answer.header("retry-after").is_some() && names(&answer).is_empty());
    };
    let refused = |status: u16| Fault::Instead(osp_test_support::Answer::error(status, "AccessDenied", "hidden-"));
    for fault in [refused(500), refused(403), Fault::CloseUnanswered, Fault::Truncate(40)] {
        world.backend.misbehave(Rule::new("/", fault).method("GET"));
        denied(DORA);
        world.backend.forget();
        assert_eq!(list(&world, DORA, "").status, 200);
    }
    // a route of a pattern that is broken, as well; who has no entry on it is not concerned
    let broken = Route::new("team-z*", &world.backend.endpoint(), "{bucket}")
        .backend_field("credentialRef: {name: absent}")
        .allow("dora", "Read", &[]);
    let _ = world.apply("broken.yaml", &broken.yaml());
    denied(DORA);
    assert_eq!(list(&world, BOB, "").status, 200);
}
