//! Upload ids and list tokens are OSP's own words: they tell nothing of a backend, go on at the backend that is meant and
//! nowhere else, on every replica, and survive what may change under them (s3-protocol.md 3.1, 3.2, 11; C15; D06).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::sync::MutexGuard;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use osp_test_support::checksum::etag;
use osp_test_support::documents::{Route, credential};
use osp_test_support::gateway::Launch;
use osp_test_support::sigv4::uri_encode;
use osp_test_support::{
    ALICE, Answer, BACKEND, BOB, Backend, Connection, Fault, Payload, Request, Response, Rule, Seen, Signer, World,
};

const EVERYTHING: &str = "Read, List, Write, Delete";

fn world() -> MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

fn alice(world: &World, method: &str, path: &str, query: &str, body: &str) -> Request {
    world.signed_by(ALICE, (method, path, query), body)
}

/// Begins an upload; its id.
fn begin(world: &World, path: &str) -> String {
    let begun = world.send(&alice(world, "POST", path, "uploads", ""));
    assert_eq!(begun.status, 200, "{}", begun.text());
    begun.element("UploadId").unwrap()
}

fn parts(bodies: &[&str]) -> String {
    let part = |(at, body): (usize, &&str)| {
        format!("<Part><PartNumber>{}</PartNumber><ETag>\"{}\"</ETag></Part>", at + 1, etag(body.as_bytes()))
    };
    let parts: String = bodies.iter().enumerate().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

/// Everything that goes on with an upload of this key.
fn goes_on(world: &World, path: &str, id: &str) -> [Request; 4] {
    [
        alice(world, "PUT", path, &format!("partNumber=1&uploadId={id}"), "one"),
        alice(world, "GET", path, &format!("uploadId={id}"), ""),
        alice(world, "POST", path, &format!("uploadId={id}"), &parts(&["one"])),
        alice(world, "DELETE", path, &format!("uploadId={id}"), ""),
    ]
}

/// The backend's id in a request that it got.
fn id_at_backend(seen: &Seen) -> String {
    let query = seen.head.query();
    query.split('&').find_map(|pair| pair.strip_prefix("uploadId=")).unwrap_or_else(|| panic!("{query}")).to_owned()
}

fn refused(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_deref()), (status, Some(code)), "{response:?}");
}

/// `main` alone, `main` beside `fresh` which gets the writes, `fresh` alone.
fn moves(bucket: &str, main: &Backend, fresh: &Backend) -> [String; 3] {
    let begun = Route::new(bucket, &main.endpoint(), "at-main").allow("alice", EVERYTHING, &[]);
    let beside = begun.clone().backend("fresh", &fresh.endpoint(), "at-fresh").traffic("writes: fresh");
    let over = Route::new(bucket, &fresh.endpoint(), "at-fresh").backend_field("name: fresh");
    [begun.yaml(), beside.yaml(), over.allow("alice", EVERYTHING, &[]).yaml()]
}

fn two_backends() -> (Backend, Backend) {
    let (main, fresh) = (Backend::start(BACKEND), Backend::start(BACKEND));
    main.create_bucket("at-main");
    fresh.create_bucket("at-fresh");
    (main, fresh)
}

#[test]
fn section_11_an_upload_goes_on_at_its_backend_while_that_is_listed_and_ends_after() {
    let world = world();
    let (main, fresh) = two_backends();
    let [begun, beside, over] = moves("moves", &main, &fresh);
    let put = |path: &str, number: u8, id: &str, body: &str| {
        world.send(&alice(&world, "PUT", path, &format!("partNumber={number}&uploadId={id}"), body))
    };
    let _ = world.apply("moves.yaml", &begun);
    let (done, left) = (begin(&world, "/moves/done"), begin(&world, "/moves/left"));
    assert_eq!(put("/moves/done", 1, &done, "one").status, 200);

    let _ = world.apply("moves.yaml", &beside);
    let (from, count) = (world.gateway.log.len(), fresh.settled().len());
    assert_eq!(put("/moves/done", 2, &done, "two").status, 200);
    let is_part = |record: &serde_json::Value| record["operation"] == "UploadPart" && record["backend"] == "main";
    let _ = world.gateway.log.records(from, "the part", |records| records.iter().any(is_part));
    let listed = world.send(&alice(&world, "GET", "/moves/done", &format!("uploadId={done}"), ""));
    assert_eq!((listed.status, listed.text().matches("<Part>").count()), (200, 2), "{}", listed.text());
    let complete = alice(&world, "POST", "/moves/done", &format!("uploadId={done}"), &parts(&["one", "two"]));
    assert_eq!(world.send(&complete).status, 200);
    assert_eq!(main.object("at-main", "done").as_deref(), Some(&b"onetwo"[..]));
    assert_eq!(fresh.settled().len(), count, "nothing of it went where writes go now");
    // what is there to be copied is at the other backend
    let copy = world.request("PUT", "/moves/left").query(&format!("partNumber=1&uploadId={left}"));
    let copy = copy.header("x-amz-copy-source", "moves/source");
    refused(&world.send(&Signer::new(ALICE).sign(copy, Payload::Sha256)), 501, "NotImplemented");
    // the positive twin: what begins now begins where writes go
    let new = begin(&world, "/moves/new");
    assert_eq!(put("/moves/new", 1, &new, "one").status, 200);
    fresh.seed("at-fresh", "source", b"copied");
    let copy = world.request("PUT", "/moves/new").query(&format!("partNumber=2&uploadId={new}"));
    let copy = copy.header("x-amz-copy-source", "moves/source");
    assert_eq!(world.send(&Signer::new(ALICE).sign(copy, Payload::Sha256)).status, 200);

    // a backend that is listed and cannot be used may still have it: the client must not give it up
    let broken = beside.replacen("credentialRef: {name: backend}", "credentialRef: {name: absent}", 1);
    let _ = world.apply("moves.yaml", &broken);
    refused(&put("/moves/left", 1, &left, "one"), 503, "ServiceUnavailable");
    assert_eq!(put("/moves/new", 1, &new, "one").status, 200);
    refused(&put("/moves/left", 1, "nonsense", "one"), 404, "NoSuchUpload");

    let _ = world.apply("moves.yaml", &over);
    main.forget();
    fresh.forget();
    for request in goes_on(&world, "/moves/left", &left) {
        refused(&world.send(&request), 404, "NoSuchUpload");
    }
    assert_eq!((main.settled().len(), fresh.settled().len()), (0, 0), "nobody is asked");
    let complete = alice(&world, "POST", "/moves/new", &format!("uploadId={new}"), &parts(&["one", "copied"]));
    assert_eq!(world.send(&complete).status, 200);
    assert_eq!(fresh.object("at-fresh", "new").as_deref(), Some(&b"onecopied"[..]));

    // back again: it is still there
    let _ = world.apply("moves.yaml", &begun);
    let [part, list, complete, _] = goes_on(&world, "/moves/left", &left);
    for request in [part, list, complete] {
        assert_eq!(world.send(&request).status, 200);
    }
    assert_eq!(main.object("at-main", "left").as_deref(), Some(&b"one"[..]));
    world.retract("moves.yaml");
}

#[test]
fn d06_an_upload_id_is_good_for_its_key_and_for_nothing_else() {
    let world = world();
    let alias = Route::new("alias", &world.backend.endpoint(), "shared-at-backend");
    let alias = alias.backend_field("prefix: \"tenants/a/\"").allow("alice", EVERYTHING, &[]);
    let _ = world.apply("alias.yaml", &alias.yaml());
    let id = begin(&world, "/mapped/key");
    let (_, seen) = world.forwarded(&goes_on(&world, "/mapped/key", &id)[0]);
    let raw = id_at_backend(&seen);
    assert!(id != raw && !id.contains(&raw));
    let flipped = {
        let mut bytes = URL_SAFE_NO_PAD.decode(&id).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let other = begin(&world, "/mapped/other");
    let nonsense =
        [raw.as_str(), &flipped, &id[1..], &id[..id.len() - 4], &other, "upload-0", "AAAA", "%00", "%F0%9F%98%80"];
    for wrong in nonsense {
        for request in goes_on(&world, "/mapped/key", wrong) {
            world.denied_by_head(&request, 404, "NoSuchUpload");
        }
    }
    // the same place by another name, and another key there
    for path in ["/alias/key", "/mapped/key2", "/mapped/other", "/alpha/key"] {
        for request in goes_on(&world, path, &id) {
            world.denied_by_head(&request, 404, "NoSuchUpload");
        }
    }
    // who may not write learns nothing of ids
    let stranger = |id: &str| world.signed_by(BOB, ("DELETE", "/mapped/key", &format!("uploadId={id}")), "");
    world.denied_by_head(&stranger(&id), 403, "AccessDenied");
    world.denied_by_head(&stranger("nonsense"), 403, "AccessDenied");
    for request in &goes_on(&world, "/mapped/key", &id)[..3] {
        world.forwarded(request);
    }
    assert_eq!(world.backend.object("shared-at-backend", "tenants/a/key").as_deref(), Some(&b"one"[..]));
    world.retract("alias.yaml");
}

#[test]
fn section_3_2_a_list_of_uploads_has_the_ids_that_they_were_begun_with() {
    let world = world();
    let id = begin(&world, "/mapped/listed%26");
    let (_, seen) = world.forwarded(&goes_on(&world, "/mapped/listed%26", &id)[0]);
    let (listed, _) = world.forwarded(&alice(&world, "GET", "/mapped", "prefix=listed&uploads", ""));
    let entry = format!("<Key>listed&amp;</Key><UploadId>{id}</UploadId>");
    assert!(listed.text().contains(&entry), "{}", listed.text());
    assert!(!listed.text().contains(&id_at_backend(&seen)), "{}", listed.text());
    let (listed, _) = world.forwarded(&goes_on(&world, "/mapped/listed%26", &id)[1]);
    assert_eq!(listed.element("UploadId"), Some(id.clone()));

    // the marker of the next page is an id as well
    let raw = "raw/id+of the backend";
    let page = format!(
        "<ListMultipartUploadsResult><NextKeyMarker>tenants/a/listed&amp;</NextKeyMarker><NextUploadIdMarker>{raw}\
         </NextUploadIdMarker><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"
    );
    world.backend.misbehave(Rule::new("uploads", Fault::Instead(Answer::xml(200, &page))).times(1));
    let page = world.send(&alice(&world, "GET", "/mapped", "uploads", ""));
    let marker = page.element("NextUploadIdMarker").unwrap();
    assert!(page.status == 200 && !page.text().contains("raw/id"), "{}", page.text());
    let next = format!("key-marker=listed%26&upload-id-marker={marker}&uploads=");
    let (_, seen) = world.forwarded(&alice(&world, "GET", "/mapped", &next, ""));
    let expected = format!("upload-id-marker={}", uri_encode(raw.as_bytes(), false));
    assert!(seen.head.query().contains(&expected), "{}", seen.line());
    for wrong in ["key-marker=other&", "key-marker=listed%26&upload-id-marker=x"] {
        let query = if wrong.ends_with('&') { format!("{wrong}upload-id-marker={marker}") } else { wrong.to_owned() };
        let query = format!("{query}&uploads=");
        world.denied_by_head(&alice(&world, "GET", "/mapped", &query, ""), 400, "InvalidArgument");
    }
}

#[test]
fn replicas_share_ids_and_a_new_key_of_the_backend_ends_none() {
    let world = world();
    let route = Route::new("replicated", &world.backend.endpoint(), "beta").allow("alice", EVERYTHING, &[]);
    for n in 0..4 {
        world.backend.seed("beta", &format!("replicated/{n}"), b"x");
    }
    let _ = world.apply("replicated.yaml", &route.yaml());
    let id = begin(&world, "/replicated/key");
    let page = world.send(&alice(&world, "GET", "/replicated", "list-type=2&max-keys=2&prefix=replicated%2F", ""));
    let token = page.element("NextContinuationToken").unwrap();
    let next = format!("list-type=2&max-keys=2&prefix=replicated%2F&continuation-token={token}");

    let second = Launch::new(env!("CARGO_BIN_EXE_osp"), world.config.path()).http().ready();
    let elsewhere = |request: Request| {
        let host = second.http().to_string();
        let request = Request { headers: vec![("Host".to_owned(), host)], ..request };
        Connection::plain(second.http()).send(&Signer::new(ALICE).sign(request, Payload::Sha256)).unwrap()
    };
    let part = world.request("PUT", "/replicated/key").query(&format!("partNumber=1&uploadId={id}")).body("one");
    assert_eq!(elsewhere(part).status, 200);
    let listed = elsewhere(world.request("GET", "/replicated").query(&next));
    assert!(listed.text().contains("<Key>replicated/2</Key>"), "{}", listed.text());

    let rotated = route.yaml().replace("credentialRef: {name: backend}", "credentialRef: {name: rotated}");
    let _ = world.apply("replicated.yaml", &[credential("rotated", BACKEND), rotated].join("---\n"));
    let (listed, seen) = world.forwarded(&alice(&world, "GET", "/replicated", &next, ""));
    assert!(listed.text().contains("<Key>replicated/2</Key>"), "{}", listed.text());
    assert!(seen.head.query().contains("continuation-token="), "{}", seen.line());
    for request in &goes_on(&world, "/replicated/key", &id)[..3] {
        world.forwarded(request);
    }
    world.retract("replicated.yaml");
}

/// All keys and prefixes of a listing, page by page; `turn` is called after the first page.
fn pages(world: &World, bucket: &str, query: &str, turn: impl Fn()) -> Vec<String> {
    let (mut found, mut token) = (Vec::new(), String::new());
    for number in 0.. {
        assert!(number < 50, "the listing does not end");
        let page = world.send(&alice(world, "GET", &format!("/{bucket}"), &format!("list-type=2&{query}{token}"), ""));
        assert_eq!(page.status, 200, "{}", page.text());
        let text = page.text();
        let names = text.split("<Contents>").flat_map(|entry| entry.split("<CommonPrefixes>")).skip(1);
        let name = |entry: &str| {
            let name = entry.split_once("<Key>").or_else(|| entry.split_once("<Prefix>")).unwrap().1;
            name.split('<').next().unwrap().to_owned()
        };
        found.extend(names.map(name));
        assert!(!text.contains("tenants/") && !text.contains("at-main"), "{text}");
        let Some(next) = page.element("NextContinuationToken") else { break };
        let bytes = URL_SAFE_NO_PAD.decode(&next).unwrap();
        let told = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!told.contains("tenants") && !told.contains("main"), "{told}");
        token = format!("&continuation-token={next}");
        if number == 0 {
            turn();
        }
    }
    found
}

#[test]
fn section_11_a_listing_resumes_by_start_after_when_the_route_has_moved() {
    let world = world();
    let (main, fresh) = two_backends();
    let keys: Vec<String> = (0..25).map(|n| format!("k&{n:02}/{}", n % 3)).collect();
    for key in &keys {
        main.seed("at-main", &format!("tenants/old/{key}"), b"x");
        fresh.seed("at-fresh", &format!("tenants/new/{key}"), b"x");
    }
    let prefixes: Vec<String> = (0..25).map(|n| format!("k&amp;{n:02}/")).collect();
    let escaped: Vec<String> = keys.iter().map(|key| key.replace('&', "&amp;")).collect();
    let at = |backend: &Backend, bucket: &str, prefix: &str| {
        let route = Route::new("list", &backend.endpoint(), bucket).backend_field(&format!("prefix: \"{prefix}\""));
        world.apply("list.yaml", &route.allow("alice", EVERYTHING, &[]).yaml())
    };
    for (query, expected) in [("max-keys=4", &escaped), ("max-keys=4&delimiter=%2F&start-after=A", &prefixes)] {
        let _ = at(&main, "at-main", "tenants/old/");
        // the positive twin: while nothing moves, the backend gets its own token back
        main.forget();
        assert_eq!(&pages(&world, "list", query, || {}), expected);
        let seen = main.settled();
        assert!(seen.len() == 7 && seen[1].head.query().contains("continuation-token=tenants%2Fold%2F"), "{seen:?}");

        main.forget();
        fresh.forget();
        let moved = pages(&world, "list", query, || {
            let _ = at(&fresh, "at-fresh", "tenants/new/");
        });
        assert_eq!(&moved, expected, "nothing twice, nothing left out");
        let seen = fresh.settled();
        assert_eq!((main.settled().len(), seen.len()), (1, 6));
        let resumed = seen[0].head.query();
        assert!(resumed.contains("start-after=tenants%2Fnew%2Fk%2603%2F"), "{resumed}");
        assert!(!resumed.contains("continuation-token") && !resumed.contains("old"), "{resumed}");
        assert!(seen[1].head.query().contains("continuation-token=tenants%2Fnew%2F"), "{seen:?}");
    }
    world.retract("list.yaml");
}

#[test]
fn section_3_1_a_token_is_good_for_its_bucket_and_prefix_and_nonsense_for_nothing() {
    let world = world();
    let shared = |bucket: &str, prefix: &str| {
        let route = Route::new(bucket, &world.backend.endpoint(), "shared-at-backend");
        route.backend_field(&format!("prefix: \"{prefix}\"")).allow("alice", EVERYTHING, &[]).yaml()
    };
    let documents = [shared("same", "tenants/a/"), shared("next", "tenants/b/")];
    let _ = world.apply("shared.yaml", &documents.join("---\n"));
    for n in 0..6 {
        world.backend.seed("shared-at-backend", &format!("tenants/a/token/{n}"), b"x");
    }
    let list = |bucket: &str, query: &str| {
        alice(&world, "GET", &format!("/{bucket}"), &format!("list-type=2&max-keys=2&{query}"), "")
    };
    let (page, _) = world.forwarded(&list("mapped", "prefix=token%2F"));
    let token = page.element("NextContinuationToken").unwrap();
    let with = |token: &str| format!("prefix=token%2F&continuation-token={token}");
    for (bucket, query) in [
        ("mapped", with("")),
        ("mapped", with("tenants%2Fa%2Ftoken%2F1")),
        ("mapped", with(&token[1..])),
        ("mapped", with(&token[..token.len() - 3])),
        ("mapped", with(&token.to_lowercase())),
        ("mapped", with(&format!("{token}%3D"))),
        ("mapped", with(&begin(&world, "/mapped/key"))),
        ("mapped", format!("prefix=token&continuation-token={token}")),
        ("mapped", format!("continuation-token={token}")),
        ("same", with(&token)),
        ("next", with(&token)),
    ] {
        let denied = world.denied_by_head(&list(bucket, &query), 400, "InvalidArgument");
        assert!(denied.text().contains("The continuation token provided is incorrect"), "{}", denied.text());
    }
    let (next, _) = world.forwarded(&list("mapped", &with(&token)));
    assert!(next.text().contains("<Key>token/2</Key>") && !next.text().contains("token/1"), "{}", next.text());
    world.retract("shared.yaml");
}
