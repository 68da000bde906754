//! Names: every key arrives at the backend byte for byte, under the backend's names and no other; a grant on a prefix
//! holds for every operation that can name a key (P, D, RN, CL-7).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use osp_test_support::sigv4::uri_encode;
use osp_test_support::{ALICE, BOB, Key, Payload, Request, Signer, World};

/// Keys that break gateways (s3-protocol.md SIG-2 ... SIG-4, security.md P01, P02).
const NASTY: [&str; 38] = [
    "plain",
    "a/b/c",
    "a//b",
    "/leading",
    "//",
    "trailing/",
    "a/./b",
    "a/../b",
    "../up",
    "..",
    ".",
    "a/..",
    "...",
    "a b",
    " ",
    "a+b",
    "a%2Fb",
    "%",
    "%zz",
    "%2e%2e",
    "a%252e",
    "a?b",
    "a#b",
    "a&b=c",
    "a=b",
    "a;b",
    "a:b@c",
    "a,b$!'()*",
    "a\\b",
    "a\"b<c>d|e^f`g{h}[i]~",
    "é",
    "e\u{301}",
    "日本語/ключ",
    "\u{1f680}",
    "a\tb",
    "a\u{1}b",
    "a\u{7f}b",
    "uploads?uploadId=x",
];

fn world() -> std::sync::MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

fn signed(world: &World, key: Key, method: &str, path: &str, query: &str) -> Request {
    world.signed_by(key, (method, path, query), "")
}

fn path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", uri_encode(key.as_bytes(), true))
}

#[test]
fn nasty_keys_arrive_byte_for_byte() {
    let world = world();
    for (bucket, backend_bucket, prefix) in
        [("alpha", "alpha-at-backend", ""), ("mapped", "shared-at-backend", "tenants/a/")]
    {
        for key in NASTY {
            let content = format!("content of {key}");
            let stored = format!("{prefix}{key}");
            let target = path(backend_bucket, &stored);
            let put = world.request("PUT", &path(bucket, key)).body(content.clone());
            let (_, seen) = world.forwarded(&Signer::new(ALICE).sign(put, Payload::Sha256));
            assert_eq!(seen.line(), format!("PUT {target}"), "{key:?}");
            assert_eq!(world.backend.object(backend_bucket, &stored).as_deref(), Some(content.as_bytes()), "{key:?}");
            let (got, seen) = world.forwarded(&signed(&world, ALICE, "GET", &path(bucket, key), ""));
            assert_eq!((got.body.as_slice(), seen.line()), (content.as_bytes(), format!("GET {target}")));
            let (_, seen) = world.forwarded(&signed(&world, ALICE, "HEAD", &path(bucket, key), ""));
            assert_eq!(seen.line(), format!("HEAD {target}"));
            let (_, seen) = world.forwarded(&signed(&world, ALICE, "DELETE", &path(bucket, key), ""));
            assert_eq!(seen.line(), format!("DELETE {target}"));
            assert_eq!(world.backend.object(backend_bucket, &stored), None);
        }
    }
}

#[test]
fn nasty_keys_can_be_copied_listed_and_deleted_in_a_batch() {
    let world = world();
    // Characters that XML 1.0 cannot carry are listed with encoding-type=url only.
    for key in NASTY {
        world.backend.seed("shared-at-backend", &format!("tenants/a/{key}"), key.as_bytes());
    }
    world.backend.seed("shared-at-backend", "tenants/b/foreign", b"foreign");
    let query = "encoding-type=url&list-type=2";
    let (listed, seen) = world.forwarded(&signed(&world, ALICE, "GET", "/mapped", query));
    assert!(seen.head.query().contains("prefix=tenants%2Fa%2F"), "{:?}", seen.head);
    let text = listed.text();
    for key in NASTY {
        let forms = [uri_encode(key.as_bytes(), true), uri_encode(key.as_bytes(), false)];
        let plus = forms.clone().map(|form| form.replace("%20", "+"));
        let found = forms.iter().chain(&plus).any(|form| text.contains(&format!("<Key>{form}</Key>")));
        assert!(found, "{key:?} is not listed: {text}");
    }
    assert!(!text.contains("tenants") && !text.contains("shared-at-backend") && !text.contains("foreign"), "{text}");
    assert!(!text.contains("hidden-owner"), "an identity of the backend");
    for key in NASTY {
        let source = format!("/mapped/{}", uri_encode(key.as_bytes(), true));
        let copy = world.request("PUT", "/alpha/copied").header("x-amz-copy-source", &source);
        world.forwarded(&Signer::new(ALICE).sign(copy, Payload::Sha256));
        assert_eq!(world.backend.object("alpha-at-backend", "copied").as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    let keys: Vec<&str> = NASTY.into_iter().filter(|key| !key.contains(['\u{1}'])).collect();
    let (deleted, seen) = world.forwarded(&delete_batch(&world, ALICE, "mapped", &keys));
    // OSP writes that body anew and says so once: a second Content-Type breaks the signature at Ceph RGW (RN-1).
    assert_eq!(seen.head.header("content-type"), Some("application/xml"));
    assert_eq!(deleted.text().matches("<Deleted>").count(), keys.len());
    assert!(!deleted.text().contains("tenants"), "{}", deleted.text());
    for key in keys {
        assert_eq!(world.backend.object("shared-at-backend", &format!("tenants/a/{key}")), None, "{key:?}");
    }
    assert!(world.backend.object("shared-at-backend", "tenants/b/foreign").is_some());
}

fn delete_batch(world: &World, key: Key, bucket: &str, keys: &[&str]) -> Request {
    let objects: String = keys
        .iter()
        .map(|key| {
            let text = key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\t', "&#9;");
            format!("<Object><Key>{text}</Key></Object>")
        })
        .collect();
    let body = format!("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{objects}</Delete>");
    let md5 = osp_test_support::checksum::md5_base64(body.as_bytes());
    let request = world.request("POST", &format!("/{bucket}")).query("delete").header("Content-MD5", &md5);
    let request = request.header("Content-Type", "text/xml");
    Signer::new(key).sign(request.body(body), Payload::Sha256)
}

#[test]
fn sig_3_any_spelling_of_a_key_is_the_same_key() {
    let world = world();
    world.backend.seed("alpha-at-backend", "a!b/c+d", b"content");
    for spelling in ["/alpha/a!b/c+d", "/alpha/a%21b/c%2Bd", "/alpha/%61!b%2Fc%2bd"] {
        let (_, seen) = world.forwarded(&signed(&world, ALICE, "GET", spelling, ""));
        assert_eq!(seen.line(), "GET /alpha-at-backend/a%21b/c%2Bd", "{spelling}");
    }
}

#[test]
fn impossible_names_are_refused() {
    let world = world();
    for (path, status, code) in [
        ("/alpha/%c0%af", 400, "InvalidURI"),
        ("/alpha/%ff", 400, "InvalidURI"),
        ("/alpha/%ed%a0%80", 400, "InvalidURI"),
        ("/alpha/%zz", 400, "InvalidURI"),
        ("/alpha/%", 400, "InvalidURI"),
        ("/Alpha/k", 400, "InvalidBucketName"),
        ("/al/k", 400, "InvalidBucketName"),
        ("/192.168.1.1/k", 400, "InvalidBucketName"),
        ("/a..b/k", 400, "InvalidBucketName"),
        ("/../alpha/k", 400, "InvalidBucketName"),
        ("//alpha/k", 400, "InvalidBucketName"),
        ("/nowhere/k", 404, "NoSuchBucket"),
        ("/alpha-at-backend/k", 404, "NoSuchBucket"),
    ] {
        eprintln!("case: {path}");
        world.denied_by_head(&signed(&world, ALICE, "GET", path, ""), status, code);
    }
    let long = "k".repeat(1025);
    world.denied_by_head(&signed(&world, ALICE, "GET", &path("alpha", &long), ""), 400, "KeyTooLongError");
    // Its length counts in the backend's names: 1,020 bytes and a prefix of 10 are too many.
    let request = signed(&world, ALICE, "GET", &path("mapped", &long[..1020]), "");
    world.denied_by_head(&request, 400, "KeyTooLongError");
    let put = Signer::new(ALICE).sign(world.request("PUT", &path("alpha", &long[..1024])).body("x"), Payload::Sha256);
    world.forwarded(&put);
}

#[test]
fn bucket_names_on_the_wire_are_decoded_once() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"content");
    let (_, seen) = world.forwarded(&signed(&world, ALICE, "GET", "/%61lpha/k", ""));
    assert_eq!(seen.line(), "GET /alpha-at-backend/k");
    // An encoded slash belongs to the name that it stands in: there is no such bucket, and no key is made of it.
    let response = world.send(&signed(&world, ALICE, "GET", "/alpha%2Fk", ""));
    assert!(matches!(response.status, 400 | 200), "{}", response.text());
}

/// Bob's requests for `key`, by every operation that can name one.
fn attempts(world: &World, key: &str) -> Vec<Request> {
    let sign = |request: Request| Signer::new(BOB).sign(request, Payload::Sha256);
    let at = path("alpha", key);
    let source = format!("alpha/{}", uri_encode(key.as_bytes(), true));
    let encoded_prefix = uri_encode(key.as_bytes(), false);
    vec![
        sign(world.request("GET", &at)),
        sign(world.request("HEAD", &at)),
        sign(world.request("PUT", &at).body("x")),
        sign(world.request("DELETE", &at)),
        sign(world.request("POST", &at).query("uploads")),
        sign(world.request("PUT", &at).query("partNumber=1&uploadId=upload-0").body("x")),
        sign(world.request("POST", &at).query("uploadId=upload-0").body("<CompleteMultipartUpload/>")),
        sign(world.request("DELETE", &at).query("uploadId=upload-0")),
        sign(world.request("GET", &at).query("uploadId=upload-0")),
        sign(world.request("PUT", &at).header("x-amz-copy-source", "alpha/team-a/mine")),
        sign(world.request("PUT", "/alpha/team-a/copy").header("x-amz-copy-source", &source)),
        sign(world.request("PUT", "/alpha/team-a/copy").header("x-amz-copy-source", &source.replace('/', "%2F"))),
        sign(
            world
                .request("PUT", "/alpha/team-a/copy")
                .query("partNumber=1&uploadId=upload-0")
                .header("x-amz-copy-source", &source),
        ),
        sign(world.request("GET", "/alpha").query(&format!("prefix={encoded_prefix}"))),
        sign(world.request("GET", "/alpha").query(&format!("list-type=2&prefix={encoded_prefix}"))),
        sign(world.request("GET", "/alpha").query(&format!("prefix={encoded_prefix}&uploads"))),
    ]
}

#[test]
fn p05_a_key_outside_the_grant_is_out_of_reach_for_every_operation() {
    let world = world();
    world.backend.seed("alpha-at-backend", "team-a/mine", b"mine");
    let before_all = {
        for key in ["team-b/k", "team-ab/k", "team-a", "TEAM-A/k", "team-a/secret/k", "root"] {
            world.backend.seed("alpha-at-backend", key, b"not yours");
        }
        world.backend.contents()
    };
    for key in ["team-b/k", "team-ab/k", "team-a", "TEAM-A/k", "team-a/secret/k", "root", "../team-a/mine"] {
        for request in attempts(&world, key) {
            eprintln!("case: {} {} {:?}", request.method, request.target(), request.value("x-amz-copy-source"));
            world.denied_by_head(&request, 403, "AccessDenied");
        }
    }
    for query in ["", "list-type=2", "prefix=", "list-type=2&start-after=team-a%2F", "delimiter=%2F", "uploads"] {
        world.denied_by_head(&signed(&world, BOB, "GET", "/alpha", query), 403, "AccessDenied");
    }
    assert_eq!(world.backend.contents(), before_all);
}

#[test]
fn inside_the_grant_every_operation_works() {
    let world = world();
    world.backend.seed("alpha-at-backend", "team-a/mine", b"mine");
    world.backend.seed("beta", "open", b"open");
    let sign = |request: Request| Signer::new(BOB).sign(request, Payload::Sha256);
    world.forwarded(&sign(world.request("GET", "/alpha/team-a/mine")));
    world.forwarded(&sign(world.request("HEAD", "/alpha/team-a/mine")));
    world.forwarded(&sign(world.request("PUT", "/alpha/team-a/new").body("x")));
    let copy = |source: &str| sign(world.request("PUT", "/alpha/team-a/copy").header("x-amz-copy-source", source));
    for source in ["alpha/team-a/mine", "/alpha/team-a/mine", "alpha%2Fteam-a%2Fmine", "beta/open"] {
        world.forwarded(&copy(source));
    }
    for query in ["prefix=team-a%2Fm", "list-type=2&prefix=team-a%2Fmi"] {
        let (listed, _) = world.forwarded(&signed(&world, BOB, "GET", "/alpha", query));
        assert!(listed.text().contains("team-a/mine") && !listed.text().contains("team-b"), "{}", listed.text());
    }
    // It would show the names under the denied prefix.
    world.denied_by_head(&signed(&world, BOB, "GET", "/alpha", "prefix=team-a%2F"), 403, "AccessDenied");
    world.forwarded(&sign(world.request("DELETE", "/alpha/team-a/new")));
    // P01: dots are text. This key lies inside the prefix, and nobody takes it for another.
    world.forwarded(&sign(world.request("PUT", "/alpha/team-a/../team-b/k").body("x")));
    assert!(world.backend.object("alpha-at-backend", "team-a/../team-b/k").is_some());
}

#[test]
fn d03_a_batch_is_decided_key_by_key() {
    let world = world();
    for key in ["team-a/1", "team-a/2", "team-b/1", "team-a/secret/1"] {
        world.backend.seed("alpha-at-backend", key, b"x");
    }
    let keys = ["team-a/1", "team-b/1", "team-a/secret/1", "team-a/2"];
    let (response, seen) = world.forwarded(&delete_batch(&world, BOB, "alpha", &keys));
    let sent = String::from_utf8_lossy(&seen.wire_body).into_owned();
    assert!(sent.contains("team-a/1") && sent.contains("team-a/2"), "{sent}");
    assert!(!sent.contains("team-b") && !sent.contains("secret"), "{sent}");
    assert_eq!(seen.head.count("content-md5"), 1, "RS-7: Content-MD5 is always added");
    let text = response.text();
    assert_eq!(
        (text.matches("<Deleted>").count(), text.matches("<Code>AccessDenied</Code>").count()),
        (2, 2),
        "{text}"
    );
    assert!(world.backend.object("alpha-at-backend", "team-b/1").is_some());
    assert!(world.backend.object("alpha-at-backend", "team-a/secret/1").is_some());
    assert!(world.backend.object("alpha-at-backend", "team-a/1").is_none());
}

#[test]
fn d03_a_batch_of_foreign_keys_only_reaches_no_backend() {
    let world = world();
    world.backend.seed("alpha-at-backend", "team-b/1", b"x");
    world.backend.forget();
    let response = world.send(&delete_batch(&world, BOB, "alpha", &["team-b/1", "team-b/2"]));
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.text().matches("<Code>AccessDenied</Code>").count(), 2);
    assert!(world.backend.settled().is_empty());
    // Bob may only read in beta: the head says no at once.
    world.denied_by_head(&delete_batch(&world, BOB, "beta", &["k"]), 403, "AccessDenied");
}

#[test]
fn a_batch_body_must_be_proved_and_well_formed() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"x");
    let good = delete_batch(&world, ALICE, "alpha", &["k"]);
    let mut forged = good.clone();
    let at = forged.pieces[0].windows(5).position(|window| window == b"<Key>").unwrap() + 5;
    forged.pieces[0][at] = b'j';
    world.refused_by_body(&forged);
    world.backend.forget();
    let many: Vec<String> = (0..1001).map(|n| format!("key-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(world.send(&delete_batch(&world, ALICE, "alpha", &many)).code().as_deref(), Some("MalformedXML"));
    let bomb = "<!DOCTYPE d [<!ENTITY a \"k\">]><Delete><Object><Key>&a;</Key></Object></Delete>";
    for body in [bomb, "<Delete><Object><Key>k</Key>", "", "<Other/>"] {
        let md5 = osp_test_support::checksum::md5_base64(body.as_bytes());
        let request = world.request("POST", "/alpha").query("delete").header("Content-MD5", &md5).body(body);
        let response = world.send(&Signer::new(ALICE).sign(request, Payload::Sha256));
        assert_eq!(response.code().as_deref(), Some("MalformedXML"), "{body}: {}", response.text());
    }
    assert!(world.backend.settled().is_empty());
    world.forwarded(&good);
}

#[test]
fn d01_copy_sources_are_read_strictly() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"x");
    let copy = |source: &str| {
        let request = world.request("PUT", "/alpha/copied").header("x-amz-copy-source", source);
        Signer::new(ALICE).sign(request, Payload::Sha256)
    };
    world.forwarded(&copy("alpha/k"));
    for source in ["", "/", "alpha", "alpha/", "arn:aws:s3:eu-west-1:1:accesspoint/x/object/k", "alpha/%zz"] {
        world.refused_by_head(&copy(source), &[400, 404, 501]);
    }
    // The backend's own names mean nothing to clients.
    world.denied_by_head(&copy("alpha-at-backend/k"), 404, "NoSuchBucket");
    // CL-3: a copy source on anything but PUT.
    let get = world.request("GET", "/alpha/k").header("x-amz-copy-source", "alpha/k");
    world.denied_by_head(&Signer::new(ALICE).sign(get, Payload::Sha256), 400, "InvalidArgument");
}

#[test]
fn operations_that_are_not_served_reach_no_backend() {
    let world = world();
    world.backend.seed("alpha-at-backend", "k", b"x");
    let cases = [
        ("PUT", "/alpha", ""),
        ("DELETE", "/alpha", ""),
        ("PUT", "/alpha", "policy"),
        ("GET", "/alpha", "policy"),
        ("PUT", "/alpha", "acl"),
        ("PUT", "/alpha/k", "acl"),
        ("PUT", "/alpha", "lifecycle"),
        ("PUT", "/alpha", "versioning"),
        ("PUT", "/alpha/k", "retention"),
        ("POST", "/alpha/k", "select&select-type=2"),
        ("GET", "/alpha/k", "torrent"),
        ("GET", "/alpha/k", "unheard-of"),
        ("PUT", "/alpha/k", "renameObject"),
        ("GET", "/alpha", "session"),
        ("GET", "/alpha", "acl&policy"),
    ];
    for (method, path, query) in cases {
        let request = Signer::new(ALICE).sign(world.request(method, path).query(query), Payload::Sha256);
        world.refused_by_head(&request, &[400, 403, 405, 501]);
    }
    for (name, value) in
        [("x-amz-acl", "public-read"), ("x-amz-grant-read", "id=1"), ("x-amz-bypass-governance-retention", "true")]
    {
        let request = world.request("PUT", "/alpha/k").header(name, value).body("x");
        world.denied_by_head(&Signer::new(ALICE).sign(request, Payload::Sha256), 403, "AccessDenied");
    }
}

#[test]
fn d05_list_buckets_shows_what_the_caller_may_use() {
    let world = world();
    world.backend.forget();
    let names = |key: Key| {
        let response = world.send(&Signer::new(key).sign(world.request("GET", "/"), Payload::Sha256));
        assert_eq!(response.status, 200, "{}", response.text());
        let text = response.text();
        text.split("<Name>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(ALICE), ["alpha", "beta", "mapped"]);
    assert_eq!(names(BOB), ["alpha", "beta"]);
    assert!(world.backend.settled().is_empty(), "ListBuckets is never forwarded");
    let location = world.send(&signed(&world, ALICE, "GET", "/alpha", "location"));
    assert!(location.status == 200 && !location.text().contains("eu-test-1"), "{}", location.text());
    assert!(world.backend.settled().is_empty(), "GetBucketLocation is never forwarded");
}

#[test]
fn preflights_are_refused_cleanly() {
    let world = world();
    let request = world.request("OPTIONS", "/alpha/k").header("Origin", "https://app.test");
    let request = request.header("Access-Control-Request-Method", "PUT");
    world.denied_by_head(&request, 403, "AccessForbidden");
}

#[test]
fn listings_are_paged_under_the_clients_names() {
    let world = world();
    for n in 0..25 {
        world.backend.seed("shared-at-backend", &format!("tenants/a/page/{n:02}"), b"x");
    }
    let mut keys = Vec::new();
    let mut token = String::new();
    loop {
        let query = format!("list-type=2&max-keys=10&prefix=page%2F{token}");
        let (page, _) = world.forwarded(&signed(&world, ALICE, "GET", "/mapped", &query));
        let text = page.text();
        keys.extend(text.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
        let Some(next) = page.element("NextContinuationToken") else { break };
        token = format!("&continuation-token={}", uri_encode(next.as_bytes(), false));
    }
    let expected: Vec<String> = (0..25).map(|n| format!("page/{n:02}")).collect();
    assert_eq!(keys, expected);
    // Version 1 goes on after the last key (RN-4).
    let (page, _) = world.forwarded(&signed(&world, ALICE, "GET", "/mapped", "marker=page%2F22&prefix=page%2F"));
    assert_eq!(page.text().matches("<Key>").count(), 2, "{}", page.text());
}

#[test]
fn rn_3_how_long_a_backends_prefix_is_can_only_be_seen_by_those_who_may_ask() {
    let world = world();
    let path = format!("/mapped/{}", "k".repeat(1020));
    let signed = |key| Signer::new(key).sign(world.request("GET", &path), Payload::Sha256);
    world.denied_by_head(&signed(BOB), 403, "AccessDenied");
    world.denied_by_head(&signed(ALICE), 400, "KeyTooLongError");
}
