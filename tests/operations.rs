//! Operations: each one that is served arrives under the backend's names and comes back under the client's, and nobody
//! gets more rights than a grant names (s3-protocol.md 3, 4, 11; D07, D08, D09).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use std::process::Command;

use osp_test_support::certificate::Authority;
use osp_test_support::documents::{Route, authority, client};
use osp_test_support::sigv4::uri_encode;
use osp_test_support::{
    ALICE, Answer, BACKEND, BOB, Backend, Connection, Fault, Key, Payload, Request, Rule, Signer, World,
};

/// May read in `plain`, and nothing else.
const CAROL: Key = Key { id: "OSPTESTCAROL00000001", secret: "canary-carol-secret-0d4c1b7e" };
/// May do everything that there was before `Admin`.
const DATA: &str = "Read, List, Write, Delete";
const ALL: &str = "Read, List, Write, Delete, Admin";

/// Client's bucket, backend's bucket, and what keys begin with there.
const PLACES: [(&str, &str, &str); 3] =
    [("plain", "plain", ""), ("renamed", "renamed-at-backend", ""), ("prefixed", "shared-at-backend", "tenants/p/")];

/// Alice may do everything in three buckets; Bob lacks `Admin` in `plain`, has it for one prefix of `renamed`, and for all
/// but one prefix of `walled`.
fn world() -> World {
    let world = World::start(env!("CARGO_BIN_EXE_osp"));
    let endpoint = world.backend.endpoint();
    for bucket in ["plain", "renamed-at-backend", "walled"] {
        world.backend.create_bucket(bucket);
    }
    let documents = [
        client("carol", CAROL),
        Route::new("plain", &endpoint, "plain")
            .allow("alice", ALL, &[])
            .allow("bob", DATA, &[])
            .allow("carol", "Read", &[])
            .yaml(),
        Route::new("renamed", &endpoint, "renamed-at-backend")
            .allow("alice", ALL, &[])
            .allow("bob", ALL, &["team-a/"])
            .yaml(),
        Route::new("prefixed", &endpoint, "shared-at-backend")
            .backend_field("prefix: \"tenants/p/\"")
            .allow("alice", ALL, &[])
            .yaml(),
        Route::new("walled", &endpoint, "walled").allow("bob", ALL, &[]).deny("bob", "Admin", &["secret/"]).yaml(),
    ];
    let _ = world.apply("operations.yaml", &documents.join("---\n"));
    world
}

struct Asked<'a> {
    world: &'a World,
    key: Key,
}

impl Asked<'_> {
    fn request(&self, method: &str, path: &str, query: &str, body: &str) -> Request {
        let request = self.world.request(method, path).query(query);
        if body.is_empty() { request } else { request.body(body) }
    }

    fn sign(&self, request: Request) -> Request {
        Signer::new(self.key).sign(request, Payload::Sha256)
    }

    fn signed(&self, method: &str, path: &str, query: &str, body: &str) -> Request {
        self.sign(self.request(method, path, query, body))
    }
}

fn by(world: &World, key: Key) -> Asked<'_> {
    Asked { world, key }
}

fn path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", uri_encode(key.as_bytes(), true))
}

/// Nothing of the backend is in an answer.
fn assert_no_backend(text: &str) {
    for hidden in ["tenants", "-at-backend", "hidden-", "BACKEND"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

#[test]
fn docs_operations_md_is_what_the_table_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_osp")).arg("operations").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let committed = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    assert!(output.stdout == committed, "stale; run: cargo run -- operations --write docs/operations.md");
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("operations.md");
    let written = Command::new(env!("CARGO_BIN_EXE_osp")).arg("operations").arg("--write").arg(&file).output().unwrap();
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    assert!(std::fs::read(&file).unwrap() == committed);
    let nowhere = file.join("none");
    let failed =
        Command::new(env!("CARGO_BIN_EXE_osp")).arg("operations").arg("--write").arg(&nowhere).output().unwrap();
    assert!(!failed.status.success() && !failed.stderr.is_empty(), "{failed:?}");
}

#[test]
fn section_4_2_sub_resources_of_objects_are_put_got_and_deleted_under_the_backends_names() {
    let world = world();
    let alice = by(&world, ALICE);
    for (bucket, backend_bucket, prefix) in PLACES {
        let key = "a b/ключ+%";
        let (at, target) = (path(bucket, key), path(backend_bucket, &format!("{prefix}{key}")));
        world.backend.seed(backend_bucket, &format!("{prefix}{key}"), b"content");
        for (name, document) in [
            ("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
            ("retention", "<Retention><Mode>GOVERNANCE</Mode></Retention>"),
            ("legal-hold", "<LegalHold><Status>ON</Status></LegalHold>"),
        ] {
            let (_, seen) = world.forwarded(&alice.signed("PUT", &at, name, document));
            assert_eq!(seen.line(), format!("PUT {target}?{name}="));
            assert_eq!(seen.wire_body, document.as_bytes());
            let (got, seen) = world.forwarded(&alice.signed("GET", &at, name, ""));
            assert_eq!((got.text().as_str(), seen.line()), (document, format!("GET {target}?{name}=")));
        }
        let (_, seen) = world.forwarded(&alice.signed("DELETE", &at, "tagging", ""));
        assert_eq!(seen.line(), format!("DELETE {target}?tagging="));
        let (got, _) = world.forwarded(&alice.signed("GET", &at, "tagging", ""));
        assert!(!got.text().contains("<Tag>"), "{}", got.text());

        let attributes = alice.request("GET", &at, "attributes", "").header("x-amz-object-attributes", "ObjectSize");
        let (got, seen) = world.forwarded(&alice.sign(attributes));
        assert_eq!((got.element("ObjectSize").as_deref(), got.element("ETag")), (Some("7"), None));
        assert_eq!(seen.line(), format!("GET {target}?attributes="));

        let (_, seen) =
            world.forwarded(&alice.signed("POST", &at, "restore", "<RestoreRequest><Days>1</Days></RestoreRequest>"));
        assert_eq!(seen.line(), format!("POST {target}?restore="));
        let (restored, _) = world.forwarded(&alice.signed("POST", &at, "restore", "<RestoreRequest/>"));
        assert_eq!(restored.header("x-amz-restore-output-path"), None);
    }
}

#[test]
fn section_11_accounts_of_the_backend_are_one_stable_id() {
    let world = world();
    let alice = by(&world, ALICE);
    for (bucket, backend_bucket, prefix) in PLACES {
        world.backend.seed(backend_bucket, &format!("{prefix}k"), b"x");
        let (got, _) = world.forwarded(&alice.signed("GET", &path(bucket, "k"), "acl", ""));
        let text = got.text();
        assert_eq!((text.matches("<ID>osp</ID>").count(), text.matches("FULL_CONTROL").count()), (2, 1), "{text}");
        assert_no_backend(&text);
        let canned = alice.request("PUT", &path(bucket, "k"), "acl", "").header("x-amz-acl", "public-read");
        let (_, seen) = world.forwarded(&alice.sign(canned));
        assert_eq!(seen.head.header("x-amz-acl"), Some("public-read"));
        let (got, _) = world.forwarded(&alice.signed("GET", &path(bucket, "k"), "acl", ""));
        assert!(got.text().contains("/global/AllUsers</URI>"), "{}", got.text());
        assert_no_backend(&got.text());
        // said aloud it changes something here, unlike in an upload
        let canned = alice.request("PUT", &path(bucket, "k"), "acl", "").header("x-amz-acl", "private");
        assert_eq!(world.forwarded(&alice.sign(canned)).1.head.header("x-amz-acl"), Some("private"));
    }
}

/// Requests of this key that change the rights of others; all of them are good but for the permission.
fn escalations(asked: &Asked<'_>, bucket: &str, object: &str) -> Vec<Request> {
    let at = path(bucket, object);
    let mut requests = vec![
        asked.signed("PUT", &at, "acl", "<AccessControlPolicy/>"),
        asked.signed("PUT", &at, "retention", "<Retention/>"),
        asked.signed("PUT", &at, "legal-hold", "<LegalHold/>"),
    ];
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", "id=1"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-legal-hold", "ON"),
    ] {
        requests.push(asked.sign(asked.request("PUT", &at, "", "content").header(name, value)));
        requests.push(asked.sign(asked.request("POST", &at, "uploads", "").header(name, value)));
        let source = format!("{bucket}/{object}");
        let copy = asked.request("PUT", &at, "", "").header("x-amz-copy-source", &source);
        requests.push(asked.sign(copy.header(name, value)));
    }
    let bypass = |request: Request| asked.sign(request.header("x-amz-bypass-governance-retention", "true"));
    requests.push(bypass(asked.request("DELETE", &at, "", "")));
    requests.push(bypass(asked.request("PUT", &at, "retention", "<Retention/>")));
    requests
}

#[test]
fn d09_rights_are_changed_by_admins_only() {
    let world = world();
    let before = |bucket: &str| world.backend.seed(bucket, "k", b"x");
    let (alice, bob) = (by(&world, ALICE), by(&world, BOB));
    before("plain");
    for request in escalations(&bob, "plain", "k") {
        eprintln!("denied: {} {} {:?}", request.method, request.target(), request.headers);
        world.denied_by_head(&request, 403, "AccessDenied");
    }
    for request in escalations(&alice, "plain", "k") {
        before("plain");
        eprintln!("allowed: {} {} {:?}", request.method, request.target(), request.headers);
        world.forwarded(&request);
    }
    // a grant of Admin ends where its prefixes end
    for request in escalations(&bob, "renamed", "team-ab/k") {
        world.denied_by_head(&request, 403, "AccessDenied");
    }
    world.backend.seed("renamed-at-backend", "team-a/k", b"x");
    world.forwarded(&escalations(&bob, "renamed", "team-a/k").remove(0));
}

#[test]
fn d09_a_batch_bypasses_locks_for_admins_only() {
    let world = world();
    let batch = |asked: &Asked<'_>, bucket: &str, key: &str| {
        let body = format!("<Delete><Object><Key>{key}</Key></Object></Delete>");
        let md5 = osp_test_support::checksum::md5_base64(body.as_bytes());
        let request = asked.request("POST", &format!("/{bucket}"), "delete", &body).header("Content-MD5", &md5);
        asked.sign(request.header("x-amz-bypass-governance-retention", "true"))
    };
    let (alice, bob) = (by(&world, ALICE), by(&world, BOB));
    world.denied_by_head(&batch(&bob, "plain", "k"), 403, "AccessDenied");
    let (_, seen) = world.forwarded(&batch(&alice, "plain", "k"));
    assert_eq!(seen.head.header("x-amz-bypass-governance-retention"), Some("true"));
    // In `walled` Bob has both permissions, but not on every key.
    let (told, _) = world.forwarded(&batch(&bob, "walled", "open"));
    assert!(told.text().contains("<Deleted><Key>open</Key>"), "{}", told.text());
    world.backend.forget();
    let told = world.send(&batch(&bob, "walled", "secret/k"));
    assert_eq!((told.status, told.text().matches("AccessDenied").count()), (200, 1), "{}", told.text());
    assert!(world.backend.settled().is_empty());
}

#[test]
fn reading_does_not_let_write_tags_nor_list_versions() {
    let world = world();
    world.backend.seed("plain", "k", b"x");
    let carol = by(&world, CAROL);
    for query in ["tagging", "acl", "legal-hold&versionId=null"] {
        let response = world.send(&carol.signed("GET", "/plain/k", query, ""));
        assert_ne!(response.status, 403, "{query}: {}", response.text());
    }
    for (method, path, query, body) in [
        ("PUT", "/plain/k", "tagging", "<Tagging/>"),
        ("DELETE", "/plain/k", "tagging", ""),
        ("POST", "/plain/k", "restore", "<RestoreRequest/>"),
        ("DELETE", "/plain/k", "versionId=v", ""),
        ("GET", "/plain", "versions", ""),
    ] {
        world.denied_by_head(&carol.signed(method, path, query, body), 403, "AccessDenied");
    }
    // D07: to delete is to cover with a marker; to take a version away for good is another right.
    let bob = by(&world, BOB);
    world.denied_by_head(&bob.signed("DELETE", "/plain/k", "versionId=v", ""), 403, "AccessDenied");
    world.backend.forget();
    let told = world.send(&versioned_batch(&bob, "plain", "k", "v"));
    assert!(told.text().contains("<VersionId>v</VersionId><Code>AccessDenied</Code>"), "{}", told.text());
    assert!(world.backend.settled().is_empty());
    world.forwarded(&bob.signed("DELETE", "/plain/k", "", ""));
}

/// All values of these elements, in order, of a `ListVersionsResult`.
fn versions(text: &str) -> Vec<(String, String)> {
    let inside = |text: &str, name: &str| {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        text.split(&open).nth(1).and_then(|rest| rest.split(&close).next()).unwrap_or_default().to_owned()
    };
    text.split("<Key>")
        .skip(1)
        .map(|rest| (inside(&format!("<Key>{rest}"), "Key"), inside(rest, "VersionId")))
        .collect()
}

#[test]
fn d07_versions_are_listed_read_copied_and_deleted_under_the_clients_names() {
    let world = world();
    let alice = by(&world, ALICE);
    for (bucket, backend_bucket, prefix) in PLACES {
        world.backend.keep_versions(backend_bucket);
        let mut ids = Vec::new();
        for content in ["one", "two", "three"] {
            let (put, _) = world.forwarded(&alice.signed("PUT", &path(bucket, "dir/a b"), "", content));
            ids.push(put.header("x-amz-version-id").unwrap().to_owned());
        }
        world.forwarded(&alice.signed("PUT", &path(bucket, "z"), "", "z"));
        let (marked, _) = world.forwarded(&alice.signed("DELETE", &path(bucket, "dir/a b"), "", ""));
        assert_eq!(marked.header("x-amz-delete-marker"), Some("true"));
        let marker = marked.header("x-amz-version-id").unwrap().to_owned();

        let of = |id: &str| format!("versionId={}", uri_encode(id.as_bytes(), false));
        let target = format!("{}?{}", path(backend_bucket, &format!("{prefix}dir/a b")), of(&ids[0]));
        let (got, seen) = world.forwarded(&alice.signed("GET", &path(bucket, "dir/a b"), &of(&ids[0]), ""));
        assert_eq!((got.text().as_str(), seen.line()), ("one", format!("GET {target}")));
        world.forwarded(&alice.signed("HEAD", &path(bucket, "dir/a b"), &of(&ids[1]), ""));
        let gone = world.send(&alice.signed("GET", &path(bucket, "dir/a b"), "", ""));
        assert_eq!(gone.code().as_deref(), Some("NoSuchKey"));

        // everything, and the same in pages of two, with names encoded or not
        let (all, seen) = world.forwarded(&alice.signed("GET", &format!("/{bucket}"), "versions", ""));
        assert_no_backend(&all.text());
        assert_eq!(all.element("Name").as_deref(), Some(bucket));
        assert!(seen.head.query().ends_with("versions="), "{:?}", seen.head);
        let expected: Vec<(String, String)> =
            [&marker, &ids[2], &ids[1], &ids[0]].map(|id| ("dir/a b".to_owned(), id.clone())).to_vec();
        assert_eq!(versions(&all.text())[..4], expected);
        assert_eq!(versions(&all.text())[4].0, "z");
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let query = format!("encoding-type=url&max-keys=2&versions{after}");
            let (page, _) = world.forwarded(&alice.signed("GET", &format!("/{bucket}"), &query, ""));
            assert_no_backend(&page.text());
            paged.extend(versions(&page.text()));
            let Some(key) = page.element("NextKeyMarker") else { break };
            let id = page.element("NextVersionIdMarker").unwrap();
            after = format!("&key-marker={key}&version-id-marker={}", uri_encode(id.as_bytes(), false));
        }
        let encoded: Vec<(String, String)> =
            versions(&all.text()).into_iter().map(|(key, id)| (uri_encode(key.as_bytes(), true), id)).collect();
        assert_eq!(paged, encoded);
        let below = alice.signed("GET", &format!("/{bucket}"), "prefix=dir%2F&versions", "");
        assert_eq!(versions(&world.forwarded(&below).0.text()), expected);

        let source = format!("{}?{}", path(bucket, "dir/a b"), of(&ids[1]));
        let copy = alice.request("PUT", &path(bucket, "copied"), "", "").header("x-amz-copy-source", &source);
        world.forwarded(&alice.sign(copy));
        assert_eq!(world.backend.object(backend_bucket, &format!("{prefix}copied")).as_deref(), Some(&b"two"[..]));

        let (_, seen) = world.forwarded(&alice.signed("DELETE", &path(bucket, "dir/a b"), &of(&marker), ""));
        assert!(seen.line().ends_with(&of(&marker)), "{}", seen.line());
        let stored = || world.backend.object(backend_bucket, &format!("{prefix}dir/a b"));
        assert_eq!(stored().as_deref(), Some(&b"three"[..]), "the delete marker is gone");
        let (told, _) = world.forwarded(&versioned_batch(&alice, bucket, "dir/a b", &ids[2]));
        let deleted = format!("<Deleted><Key>dir/a b</Key><VersionId>{}</VersionId></Deleted>", ids[2]);
        assert!(told.text().contains(&deleted), "{}", told.text());
        assert_eq!(stored().as_deref(), Some(&b"two"[..]), "one version, and no other");
    }
}

fn versioned_batch(asked: &Asked<'_>, bucket: &str, key: &str, version: &str) -> Request {
    let body = format!("<Delete><Object><Key>{key}</Key><VersionId>{version}</VersionId></Object></Delete>");
    let md5 = osp_test_support::checksum::md5_base64(body.as_bytes());
    asked.sign(asked.request("POST", &format!("/{bucket}"), "delete", &body).header("Content-MD5", &md5))
}

#[test]
fn d04_versions_outside_a_grant_are_out_of_reach() {
    let world = world();
    world.backend.keep_versions("renamed-at-backend");
    let (alice, bob) = (by(&world, ALICE), by(&world, BOB));
    let put = |key: &str| {
        let (put, _) = world.forwarded(&alice.signed("PUT", &path("renamed", key), "", "content"));
        format!("versionId={}", uri_encode(put.header("x-amz-version-id").unwrap().as_bytes(), false))
    };
    let (inside, outside) = (put("team-a/k"), put("team-b/k"));
    for (method, query) in [("GET", ""), ("HEAD", ""), ("DELETE", ""), ("GET", "tagging&"), ("PUT", "tagging&")] {
        let body = if method == "PUT" { "<Tagging/>" } else { "" };
        let request =
            |key: &str, version: &str| bob.signed(method, &path("renamed", key), &format!("{query}{version}"), body);
        world.denied_by_head(&request("team-b/k", &outside), 403, "AccessDenied");
        if method != "DELETE" {
            world.forwarded(&request("team-a/k", &inside));
        }
    }
    for query in ["versions", "prefix=team-&versions", "key-marker=team-a%2F&versions"] {
        world.denied_by_head(&bob.signed("GET", "/renamed", query, ""), 403, "AccessDenied");
    }
    let (listed, _) = world.forwarded(&bob.signed("GET", "/renamed", "prefix=team-a%2F&versions", ""));
    assert!(listed.text().contains("team-a/k") && !listed.text().contains("team-b"), "{}", listed.text());
    let source = format!("renamed/team-b/k?{outside}");
    let copy = bob.request("PUT", &path("renamed", "team-a/stolen"), "", "").header("x-amz-copy-source", &source);
    world.denied_by_head(&bob.sign(copy), 403, "AccessDenied");
    let told = world.send(&versioned_batch(&bob, "renamed", "team-b/k", "v"));
    assert!(told.text().contains("<VersionId>v</VersionId><Code>AccessDenied</Code>"), "{}", told.text());
    // D07: a version that is locked stays, and an admin's bypass is seen by the backend.
    world.forwarded(&alice.signed(
        "PUT",
        &path("renamed", "team-a/k"),
        &format!("retention&{inside}"),
        "<Retention><Mode>GOVERNANCE</Mode></Retention>",
    ));
    let locked = world.send(&bob.signed("DELETE", &path("renamed", "team-a/k"), &inside, ""));
    assert_eq!(locked.status, 400, "{}", locked.text());
    let bypass = bob.request("DELETE", &path("renamed", "team-a/k"), &inside, "");
    world.forwarded(&bob.sign(bypass.header("x-amz-bypass-governance-retention", "true")));
}

/// Every configuration of a bucket: sub-resource, document, can be deleted, the code when there is none.
const CONFIGURATIONS: [(&str, &str, bool, &str); 11] = [
    ("acl", "<AccessControlPolicy/>", false, ""),
    ("cors", "<CORSConfiguration/>", true, "NoSuchCORSConfiguration"),
    ("encryption", "<ServerSideEncryptionConfiguration/>", false, "ServerSideEncryptionConfigurationNotFoundError"),
    ("lifecycle", "<LifecycleConfiguration/>", true, "NoSuchLifecycleConfiguration"),
    ("object-lock", "<ObjectLockConfiguration/>", false, "ObjectLockConfigurationNotFoundError"),
    ("policy", "{\"Version\": \"2012-10-17\", \"Statement\": []}", true, "NotImplemented"),
    ("publicAccessBlock", "<PublicAccessBlockConfiguration/>", false, "NoSuchPublicAccessBlockConfiguration"),
    ("requestPayment", "<RequestPaymentConfiguration/>", false, ""),
    ("tagging", "<Tagging/>", true, "NoSuchTagSet"),
    ("versioning", "<VersioningConfiguration/>", false, ""),
    ("website", "<WebsiteConfiguration/>", false, "NoSuchWebsiteConfiguration"),
];

#[test]
fn section_3_1_buckets_are_configured_where_the_backends_bucket_is_the_routes() {
    let world = world();
    let alice = by(&world, ALICE);
    for (bucket, backend_bucket, prefix) in PLACES {
        for (query, document, deletes, missing) in CONFIGURATIONS {
            eprintln!("case: {bucket} {query}");
            let at = format!("/{bucket}");
            let names_itself = query == "policy" && bucket != backend_bucket;
            let put = alice.signed("PUT", &at, query, document);
            let get = alice.signed("GET", &at, query, "");
            if !prefix.is_empty() || names_itself {
                world.denied_by_head(&put, 501, "NotImplemented");
                world.denied_by_head(&get, 501, "NotImplemented");
                continue;
            }
            let line = |method: &str| format!("{method} /{backend_bucket}?{query}=");
            if missing.is_empty() {
                world.forwarded(&get);
            } else {
                assert_eq!(world.send(&get).code().as_deref(), Some(missing));
            }
            let (_, seen) = world.forwarded(&put);
            assert_eq!((seen.line(), seen.wire_body.as_slice()), (line("PUT"), document.as_bytes()));
            if query == "policy" {
                // its answer would name accounts of the backend (4.1)
                world.denied_by_head(&get, 501, "NotImplemented");
            } else {
                let (got, seen) = world.forwarded(&get);
                assert_eq!((seen.line(), got.text().as_str()), (line("GET"), document));
            }
            if deletes {
                assert_eq!(world.forwarded(&alice.signed("DELETE", &at, query, "")).1.line(), line("DELETE"));
                assert_eq!(world.send(&get).code().as_deref(), Some(missing));
            }
        }
    }
}

#[test]
fn d08_d10_buckets_are_configured_by_admins_of_all_of_them() {
    let world = world();
    let bob = by(&world, BOB);
    for (query, document, deletes, _) in CONFIGURATIONS {
        // Not without Admin, not with Admin for one prefix, not with Admin for all but one prefix.
        for bucket in ["/plain", "/renamed", "/walled"] {
            eprintln!("case: {bucket} {query}");
            world.denied_by_head(&bob.signed("PUT", bucket, query, document), 403, "AccessDenied");
            if query != "policy" {
                world.denied_by_head(&bob.signed("GET", bucket, query, ""), 403, "AccessDenied");
            }
            if deletes {
                world.denied_by_head(&bob.signed("DELETE", bucket, query, ""), 403, "AccessDenied");
            }
        }
    }
    let alice = by(&world, ALICE);
    for (method, query) in [("PUT", ""), ("DELETE", "")] {
        world.denied_by_head(&alice.signed(method, "/plain", query, ""), 403, "AccessDenied");
    }
    for query in ["logging", "replication", "inventory&id=1", "analytics&id=1", "notification", "metrics&id=1"] {
        for (method, body) in [("GET", ""), ("PUT", "<X/>")] {
            world.denied_by_head(&alice.signed(method, "/plain", query, body), 501, "NotImplemented");
        }
    }
    // Not those either that some backends take for making or deleting the bucket.
    for query in ["accelerate", "id=1&intelligent-tiering", "ownershipControls"] {
        world.denied_by_head(&alice.signed("PUT", "/plain", query, "<X/>"), 501, "NotImplemented");
    }
    for query in ["encryption", "publicAccessBlock", "website", "ownershipControls", "id=1&intelligent-tiering"] {
        world.denied_by_head(&alice.signed("DELETE", "/plain", query, ""), 501, "NotImplemented");
    }
    world.denied_by_head(&alice.signed("PUT", "/plain", "cors", ""), 400, "MalformedXML");
    world.forwarded(&alice.signed("GET", "/plain", "versioning", ""));
}

#[test]
fn section_3_1_a_bucket_that_several_routes_are_for_is_configured_by_nobody() {
    let world = world();
    let alice = by(&world, ALICE);
    let configure = || alice.signed("PUT", "/plain", "lifecycle", "<LifecycleConfiguration/>");
    world.forwarded(&configure());
    // The route of a part with a deny of its own; then one of another bucket whose keys lie below a prefix of this one.
    let endpoint = world.backend.endpoint();
    let part = Route::new("plain", &endpoint, "plain").allow("bob", DATA, &[]).yaml();
    let part = part.replace("match: {bucket: plain}", "match: {bucket: plain, prefix: hr/}");
    let tenant = Route::new("tenant", &endpoint, "plain").backend_field("prefix: \"hr/\"").allow("bob", DATA, &[]);
    for other in [part.replace("name: plain,", "name: part,"), tenant.yaml()] {
        let _ = world.apply("other.yaml", &other);
        world.denied_by_head(&configure(), 501, "NotImplemented");
        world.denied_by_head(&by(&world, BOB).signed("PUT", "/plain", "lifecycle", "<X/>"), 403, "AccessDenied");
        world.retract("other.yaml");
    }
    world.forwarded(&configure());
}

#[test]
fn c15_bucket_documents_name_nothing_of_the_backend() {
    let world = world();
    let alice = by(&world, ALICE);
    let (acl, _) = world.forwarded(&alice.signed("GET", "/renamed", "acl", ""));
    assert!(acl.text().contains("<ID>osp</ID>"), "{}", acl.text());
    assert_no_backend(&acl.text());
    let document = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
                    </SSEAlgorithm><KMSMasterKeyID>hidden-key</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
                    </Rule></ServerSideEncryptionConfiguration>";
    world.forwarded(&alice.signed("PUT", "/renamed", "encryption", document));
    let (got, _) = world.forwarded(&alice.signed("GET", "/renamed", "encryption", ""));
    assert!(got.text().contains("<SSEAlgorithm>aws:kms</SSEAlgorithm>"), "{}", got.text());
    assert_no_backend(&got.text());
}

#[test]
fn c15_a_backend_that_does_not_know_a_sub_resource_shows_nothing() {
    let world = world();
    let alice = by(&world, ALICE);
    world.backend.seed("renamed-at-backend", "k", b"content");
    let listing =
        "<ListBucketResult><Name>renamed-at-backend</Name><Contents><Key>k</Key></Contents></ListBucketResult>";
    for (path, query) in [("/renamed", "versioning"), ("/renamed", "accelerate"), ("/renamed/k", "tagging")] {
        world.backend.misbehave(Rule::new(&format!("{query}="), Fault::Instead(Answer::xml(200, listing))));
        let response = world.send(&alice.signed("GET", path, query, ""));
        assert!(!response.complete || response.status >= 500, "{response:?}");
        assert!(!response.text().contains("renamed-at-backend") && !response.text().contains("<Key>"), "{response:?}");
        world.backend.forget();
        world.forwarded(&alice.signed("GET", path, query, ""));
    }
}

#[test]
fn documents_are_proved_like_every_body() {
    let world = world();
    world.backend.seed("plain", "k", b"x");
    let alice = by(&world, ALICE);
    let tags = "<Tagging><TagSet/></Tagging>";
    let digest = |body: &str| osp_test_support::checksum::md5_base64(body.as_bytes());
    let put = |md5: &str| alice.sign(alice.request("PUT", "/plain/k", "tagging", tags).header("Content-MD5", md5));
    let (_, seen) = world.forwarded(&put(&digest(tags)));
    assert_eq!(seen.head.header("content-md5"), Some(digest(tags).as_str()));
    world.denied_by_body(&put(&digest("other")), 400, "BadDigest");
    let mut forged = alice.signed("PUT", "/plain/k", "tagging", tags);
    forged.pieces[0][1] = b't';
    world.denied_by_body(&forged, 400, "XAmzContentSHA256Mismatch");
    let chunks = Signer::new(ALICE).sign(alice.request("PUT", "/plain/k", "tagging", tags), Payload::SignedChunks);
    world.denied_by_head(&chunks, 400, "InvalidRequest");
    let large = alice.signed("PUT", "/plain/k", "tagging", &"x".repeat(2 * 1024 * 1024 + 1));
    world.denied_by_head(&large, 400, "MaxMessageLengthExceeded");
    // An operation without a body takes none.
    world.denied_by_head(&alice.signed("GET", "/plain/k", "tagging", tags), 400, "InvalidRequest");
    world.denied_by_head(&alice.signed("DELETE", "/plain/k", "tagging", tags), 400, "InvalidRequest");
}

#[test]
fn d08_a_restoration_goes_nowhere_else() {
    let world = world();
    world.backend.seed("plain", "k", b"x");
    let alice = by(&world, ALICE);
    let elsewhere = "<RestoreRequest><Type>SELECT</Type><OutputLocation><S3><BucketName>beta</BucketName><Prefix>x</Prefix>\
                     </S3></OutputLocation></RestoreRequest>";
    let response = world.send(&alice.signed("POST", "/plain/k", "restore", elsewhere));
    assert_eq!((response.status, response.code().as_deref()), (501, Some("NotImplemented")), "{}", response.text());
    assert!(world.backend.settled().iter().all(|seen| !seen.complete), "the backend has the whole request");
    let response = world.send(&alice.signed("POST", "/plain/k", "restore", "no XML"));
    assert_eq!(response.code().as_deref(), Some("MalformedXML"));
}

#[test]
fn a_new_object_has_the_tags_and_locks_of_its_headers() {
    let world = world();
    let alice = by(&world, ALICE);
    for (bucket, backend_bucket, prefix) in PLACES {
        let put = alice.request("PUT", &path(bucket, "k"), "", "content").header("x-amz-tagging", "a=b");
        let (_, seen) = world.forwarded(&alice.sign(put.header("x-amz-object-lock-mode", "GOVERNANCE")));
        assert_eq!(seen.head.header("x-amz-tagging"), Some("a=b"));
        let (tags, _) = world.forwarded(&alice.signed("GET", &path(bucket, "k"), "tagging", ""));
        assert!(tags.text().contains("a=b"), "{}", tags.text());
        let source = format!("{bucket}/k");
        let copy = alice.request("PUT", &path(bucket, "copy"), "", "").header("x-amz-copy-source", &source);
        let copy = copy.header("x-amz-tagging-directive", "REPLACE").header("x-amz-tagging", "c=d");
        let (_, seen) = world.forwarded(&alice.sign(copy));
        let expected = uri_encode(format!("{prefix}k").as_bytes(), true);
        assert_eq!(seen.head.header("x-amz-copy-source"), Some(format!("{backend_bucket}/{expected}").as_str()));
        assert_eq!(seen.head.header("x-amz-tagging-directive"), Some("REPLACE"));
    }
}

#[test]
fn overrides_and_conditions_travel_with_a_read() {
    let world = world();
    world.backend.seed("plain", "k", b"x");
    let alice = by(&world, ALICE);
    let query = "response-cache-control=no-store&response-content-disposition=attachment%3B%20filename%3Dx\
                 &response-content-encoding=identity&response-content-language=de&response-content-type=text%2Fplain\
                 &response-expires=Thu%2C%2001%20Jan%202026%2000%3A00%3A00%20GMT";
    let conditions = [("If-None-Match", "\"x\""), ("If-Modified-Since", "Thu, 01 Jan 2015 00:00:00 GMT")];
    let request = alice.request("GET", "/plain/k", query, "");
    let request = conditions.iter().fold(request, |request, (name, value)| request.header(name, value));
    let (_, seen) = world.forwarded(&alice.sign(request));
    assert_eq!(seen.line(), format!("GET /plain/k?{query}"));
    for (name, value) in conditions {
        assert_eq!(seen.head.header(&name.to_lowercase()), Some(value));
    }
    world.denied_by_head(&world.request("GET", "/plain/k").query(query), 403, "AccessDenied");
}

#[test]
fn a_key_of_the_customers_never_travels_in_the_clear() {
    let world = world();
    let ours = Authority::new("secure backends");
    let secure = Backend::start_tls(BACKEND, ours.issue().server());
    secure.create_bucket("secure");
    let route = Route::new("secure", &secure.endpoint(), "secure").allow("alice", DATA, &[]);
    let trust = "tls: {caCertificateRefs: [{kind: ConfigMap, name: secure-ca, key: ca.crt}]}";
    let documents = [authority("secure-ca", ours.pem()), route.backend_field(trust).yaml()];
    let _ = world.apply("secure.yaml", &documents.join("---\n"));
    let put = |host: &str, bucket: &str| {
        let request = Request::new("PUT", host, &path(bucket, "k")).body("content");
        let request = request.header("x-amz-server-side-encryption-customer-algorithm", "AES256");
        let request = request.header("x-amz-server-side-encryption-customer-key", "Y2FuYXJ5LXNzZS1jLWtleQ==");
        Signer::new(ALICE).sign(request, Payload::Sha256)
    };
    // The client's side, then the backend's.
    world.denied_by_head(&put(&world.host(), "secure"), 400, "InvalidRequest");
    let https = world.gateway.https();
    let send = |bucket: &str| {
        let mut connection = Connection::tls(https, world.authority.client(&[b"http/1.1"]));
        connection.send(&put(&https.to_string(), bucket)).unwrap()
    };
    world.backend.forget();
    let refused = send("plain");
    assert_eq!((refused.status, refused.code().as_deref()), (400, Some("InvalidRequest")), "{}", refused.text());
    assert!(world.backend.settled().is_empty());
    let stored = send("secure");
    assert_eq!(stored.status, 200, "{}", stored.text());
    let seen = secure.settled();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].head.header("x-amz-server-side-encryption-customer-key"), Some("Y2FuYXJ5LXNzZS1jLWtleQ=="));
    assert!(!world.gateway.log.text().contains("Y2FuYXJ5LXNzZS1jLWtleQ"), "the key is in the log");
    // ER-4: AWS's answer to a wrong key is the client's business, unlike any other AccessDenied.
    secure.misbehave(Rule::new("/k", Fault::Instead(Answer::error(403, "AccessDenied", "hidden"))));
    let denied = send("secure");
    assert_eq!((denied.status, denied.code().as_deref()), (403, Some("AccessDenied")), "{}", denied.text());
    assert_no_backend(&denied.text());
}
