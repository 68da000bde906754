//! Routes for parts of a bucket: every operation goes where its key belongs, the backend's prefix replaces the client's,
//! and a broken part is broken alone (kubernetes.md 2.4, s3-protocol.md 3).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use osp_test_support::{ALICE, BOB, Key, Payload, Request, Signer, World};

/// `parts/raw/` is `moved/` in one backend bucket, `parts/logs/` the same in another one, `parts/bad/` is broken.
fn world() -> World {
    let world = World::start(env!("CARGO_BIN_EXE_osp"));
    let route = |name: &str, prefix: &str, backend: &str| {
        format!(
            "apiVersion: osp.flexworks.eu/v1alpha1\nkind: BucketRoute\nmetadata: {{name: {name}, namespace: team}}\n\
             spec:\n  match: {{bucket: parts, prefix: {prefix}}}\n  backends:\n  - {{name: main, endpoint: \"{}\", \
             region: eu-test-1, {backend}}}\n  access:\n  - name: alice\n    clientRef: {{name: alice}}\n    \
             permissions: [Read, List, Write, Delete]\n",
            world.backend.endpoint()
        )
    };
    let documents = [
        route("raw", "raw/", "bucket: alpha-at-backend, prefix: moved/, credentialRef: {name: backend}"),
        route("logs", "logs/", "bucket: beta, credentialRef: {name: backend}"),
        route("bad", "bad/", "bucket: beta, credentialRef: {name: gone}"),
    ];
    let _ = world.apply("parts.yaml", &documents.join("---\n"));
    world
}

fn signed(world: &World, key: Key, method: &str, path: &str, query: &str) -> Request {
    world.signed_by(key, (method, path, query), "")
}

fn batch(world: &World, keys: &[&str]) -> Request {
    let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
    let body = format!("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{objects}</Delete>");
    let md5 = osp_test_support::checksum::md5_base64(body.as_bytes());
    let request = world.request("POST", "/parts").query("delete").header("Content-MD5", &md5);
    Signer::new(ALICE).sign(request.body(body), Payload::Sha256)
}

#[test]
fn each_part_of_a_bucket_goes_to_its_own_place() {
    let world = world();
    for (key, backend) in [("raw/x", "/alpha-at-backend/moved/x"), ("logs/y", "/beta/logs/y")] {
        let put = Signer::new(ALICE).sign(world.request("PUT", &format!("/parts/{key}")).body("text"), Payload::Sha256);
        assert_eq!(world.forwarded(&put).1.line(), format!("PUT {backend}"));
        let (response, seen) = world.forwarded(&world.signed("GET", &format!("/parts/{key}")));
        assert_eq!((seen.line(), response.text().as_str()), (format!("GET {backend}"), "text"));
    }
    world.denied_by_head(&world.signed("GET", "/parts/other"), 403, "AccessDenied");
    world.denied_by_head(&world.signed("PUT", "/parts/raw"), 403, "AccessDenied");
    world.denied_by_head(&signed(&world, BOB, "GET", "/parts/raw/x", ""), 403, "AccessDenied");
    // K-API-6: the broken part answers 503, and no other.
    world.denied_by_head(&world.signed("GET", "/parts/bad/x"), 503, "ServiceUnavailable");

    let (response, seen) = world.forwarded(&signed(&world, ALICE, "GET", "/parts", "list-type=2&prefix=raw%2F"));
    assert_eq!(seen.line(), "GET /alpha-at-backend?list-type=2&prefix=moved%2F");
    let xml = response.text();
    assert!(xml.contains("<Key>raw/x</Key>") && xml.contains("<Prefix>raw/</Prefix>"), "{xml}");
    assert!(xml.contains("<Name>parts</Name>") && !xml.contains("moved") && !xml.contains("alpha"), "{xml}");
    for query in ["", "prefix=ra", "prefix=other%2F"] {
        world.denied_by_head(&signed(&world, ALICE, "GET", "/parts", query), 403, "AccessDenied");
    }
    let after = signed(&world, ALICE, "GET", "/parts", "list-type=2&prefix=raw%2F&start-after=a");
    let (_, seen) = world.forwarded(&after);
    assert_eq!(seen.line(), "GET /alpha-at-backend?list-type=2&prefix=moved%2F", "it begins before the first key");

    let copy = world.request("PUT", "/parts/logs/copy").header("x-amz-copy-source", "parts/raw/x");
    let (_, seen) = world.forwarded(&Signer::new(ALICE).sign(copy, Payload::Sha256));
    assert_eq!(seen.line(), "PUT /beta/logs/copy");
    assert_eq!(seen.head.header("x-amz-copy-source"), Some("alpha-at-backend/moved/x"));
}

#[test]
fn a_bucket_in_parts_exists_and_shows_for_those_who_have_grants() {
    let world = world();
    world.backend.forget();
    let head = world.send(&world.signed("HEAD", "/parts"));
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, Some("us-east-1")));
    assert_eq!(world.send(&signed(&world, ALICE, "GET", "/parts", "location")).status, 200);
    assert!(world.send(&world.signed("GET", "/")).text().contains("<Name>parts</Name>"));
    assert!(!world.send(&signed(&world, BOB, "GET", "/", "")).text().contains("<Name>parts</Name>"));
    // Bob has no grants, and one part is broken: nobody can say that he may not.
    assert_eq!(world.send(&signed(&world, BOB, "HEAD", "/parts", "")).status, 503);
    assert!(world.backend.settled().is_empty(), "nothing was asked of the backend");
}

#[test]
fn d03_a_batch_deletes_in_one_place_and_says_what_it_left() {
    let world = world();
    for (bucket, key) in [("alpha-at-backend", "moved/x"), ("alpha-at-backend", "moved/z"), ("beta", "logs/y")] {
        world.backend.seed(bucket, key, b"x");
    }
    let (response, seen) = world.forwarded(&batch(&world, &["other", "raw/x", "logs/y", "bad/q", "raw/z"]));
    assert_eq!(seen.line(), "POST /alpha-at-backend?delete=");
    let xml = response.text();
    for deleted in ["raw/x", "raw/z"] {
        assert!(xml.contains(&format!("<Deleted><Key>{deleted}</Key></Deleted>")), "{xml}");
    }
    for (kept, code) in [("other", "AccessDenied"), ("logs/y", "InvalidRequest"), ("bad/q", "ServiceUnavailable")] {
        assert!(xml.contains(&format!("<Error><Key>{kept}</Key><Code>{code}</Code>")), "{kept}: {xml}");
    }
    let (response, seen) = world.forwarded(&batch(&world, &["logs/y"]));
    assert_eq!(seen.line(), "POST /beta?delete=");
    assert!(response.text().contains("<Deleted><Key>logs/y</Key></Deleted>"), "it was there still");
}
