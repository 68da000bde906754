//! Uploads by a form (`PostObject`): only what the signed policy allows is stored, whole, under the backend's names, and
//! nothing else reaches the backend (s3-protocol.md 1.4, 3, 4.1; trap 4; security.md D11, S04, S14).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use std::time::{Duration, SystemTime};

use osp_test_support::checksum::{crc32_base64, md5_base64};
use osp_test_support::documents::Route;
use osp_test_support::form::BOUNDARY;
use osp_test_support::http2::Session;
use osp_test_support::{
    ALICE, Answer, BASE_HOST, BOB, Connection, Fault, Payload, Request, Response, Rule, STRANGER, Signer, UploadForm,
    World,
};

fn world() -> std::sync::MutexGuard<'static, World> {
    World::shared(env!("CARGO_BIN_EXE_osp"))
}

/// A good form of Alice for a bucket, not yet signed.
fn form(bucket: &str) -> UploadForm {
    UploadForm::new(ALICE, bucket).field("key", "dir/k 1")
}

fn posted(world: &World, form: &UploadForm) -> Request {
    form.request(&world.host(), "/alpha")
}

/// A form that a change breaks has a twin without the change that passes.
fn twin(world: &World, form: &UploadForm) {
    let (response, seen) = world.forwarded(&posted(world, form));
    assert_eq!(response.status, 204, "{response:?}");
    assert_eq!(seen.wire_body, form.file);
}

#[test]
fn section_4_1_a_form_becomes_a_put_object_under_the_backends_names() {
    let world = world();
    for (bucket, target) in
        [("alpha", "/alpha-at-backend/dir/k%201"), ("mapped", "/shared-at-backend/tenants/a/dir/k%201")]
    {
        let form = form(bucket)
            .field("Content-Type", "text/plain")
            .field("Cache-Control", "no-store")
            .field("x-amz-meta-colour", "blue")
            .field("x-amz-storage-class", "STANDARD")
            .field("acl", "private")
            .field("tagging", "<Tagging><TagSet><Tag><Key>a b</Key><Value>c</Value></Tag></TagSet></Tagging>")
            .bare("x-ignore-me", "twice")
            .bare("x-ignore-me", "twice")
            .signed();
        let (response, seen) = world.forwarded(&form.request(&world.host(), &format!("/{bucket}")));
        assert_eq!(seen.line(), format!("PUT {target}"));
        assert_eq!(seen.wire_body, b"content");
        for (name, value) in [
            ("content-type", "text/plain"),
            ("cache-control", "no-store"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-tagging", "a%20b=c"),
            ("content-length", "7"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ] {
            assert_eq!(seen.head.header(name), Some(value), "{name}");
        }
        for name in ["x-amz-acl", "policy", "x-amz-signature", "x-amz-credential", "x-ignore-me", "x-amz-algorithm"] {
            assert_eq!(seen.head.count(name), 0, "{name}");
        }
        assert_eq!(response.status, 204);
        assert!(response.body.is_empty() && response.header("content-type").is_none(), "{response:?}");
        assert!(response.header("etag").is_some(), "{response:?}");
        let location = format!("http://{}/{bucket}/dir/k%201", world.host());
        assert_eq!(response.header("location"), Some(location.as_str()));
    }
    let virtual_host = form("alpha").signed().request(&format!("alpha.{BASE_HOST}"), "/");
    assert_eq!(world.forwarded(&virtual_host).1.line(), "PUT /alpha-at-backend/dir/k%201");
    assert_eq!(world.backend.object("alpha-at-backend", "dir/k 1").as_deref(), Some(b"content".as_slice()));
}

#[test]
fn section_3_2_the_answer_has_the_clients_names() {
    let world = world();
    let with = |name: &str, value: &str| form("mapped").field(name, value).signed().request(&world.host(), "/mapped");
    let (response, _) = world.forwarded(&with("success_action_status", "201"));
    assert_eq!((response.status, response.header("content-type")), (201, Some("application/xml")));
    let location = format!("http://{}/mapped/dir/k%201", world.host());
    for (element, text) in [("Bucket", "mapped"), ("Key", "dir/k 1"), ("Location", &*location)] {
        assert_eq!(response.element(element).as_deref(), Some(text));
    }
    assert_eq!(response.element("ETag").unwrap().replace("&quot;", "\""), response.header("etag").unwrap());
    let (response, _) = world.forwarded(&with("success_action_status", "200"));
    assert_eq!((response.status, response.header("content-length")), (200, Some("0")));

    let redirect = with("success_action_redirect", "https://app.test/done?id=1#top");
    let response = world.send(&redirect);
    let location = response.header("location").unwrap().to_owned();
    assert_eq!((response.status, response.body.len()), (303, 0));
    assert!(location.starts_with("https://app.test/done?id=1&bucket=mapped&key=dir%2Fk%201&etag=%22"), "{location}");
    assert!(location.ends_with("%22#top"), "{location}");
    let evil = form("alpha").field("success_action_redirect", "javascript:alert(1)").signed();
    world.denied_by_head(&posted(&world, &evil), 400, "InvalidArgument");
    let unsigned = form("alpha").signed().bare("success_action_redirect", "https://evil.test/");
    world.denied_by_head(&posted(&world, &unsigned), 403, "AccessDenied");
}

#[test]
fn the_name_of_the_file_is_put_into_the_key_before_the_policy_is_asked() {
    let world = world();
    let named = |head: &str| {
        let mut form = UploadForm::new(ALICE, "alpha")
            .bare("key", "user/${filename}")
            .condition("[\"starts-with\", \"$key\", \"user/\"]")
            .signed();
        head.clone_into(&mut form.file_head);
        world.forwarded(&posted(&world, &form)).1.line()
    };
    assert_eq!(named("; filename=\"a b.txt\""), "PUT /alpha-at-backend/user/a%20b.txt");
    assert_eq!(named("; filename=\"C:\\dir\\a.txt\""), "PUT /alpha-at-backend/user/a.txt");
    assert_eq!(named("; filename=\"../../x/é\""), "PUT /alpha-at-backend/user/%C3%A9");
    assert_eq!(named(""), "PUT /alpha-at-backend/user/");
    // the policy is about the key that comes out, not about the text that was sent
    let escaping = UploadForm::new(ALICE, "alpha")
        .bare("key", "${filename}")
        .condition("[\"starts-with\", \"$key\", \"${filename}\"]")
        .signed();
    world.denied_by_head(&posted(&world, &escaping), 403, "AccessDenied");
}

#[test]
fn d11_nothing_that_the_policy_does_not_allow_reaches_the_backend() {
    let world = world();
    let good = form("alpha").field("Content-Type", "image/png").field("x-amz-meta-a", "b").signed();
    twin(&world, &good);
    let changed: Vec<(UploadForm, u16, &str)> = vec![
        (good.clone().replacing("key", "other"), 403, "AccessDenied"),
        (good.clone().replacing("Content-Type", "text/html"), 403, "AccessDenied"),
        (good.clone().replacing("x-amz-meta-a", "c"), 403, "AccessDenied"),
        (good.clone().without("x-amz-meta-a"), 403, "AccessDenied"),
        (good.clone().bare("acl", "public-read"), 403, "AccessDenied"),
        (good.clone().bare("x-amz-meta-more", "x"), 403, "AccessDenied"),
        (good.clone().bare("x-amz-copy-source", "/beta/secret"), 403, "AccessDenied"),
        (good.clone().bare("bucket", "beta"), 403, "AccessDenied"),
        (good.clone().bare("KEY", "dir/k 1"), 400, "InvalidArgument"),
        (good.clone().without("key"), 403, "AccessDenied"),
        (good.clone().replacing("X-Amz-Signature", &"0".repeat(64)), 403, "SignatureDoesNotMatch"),
        (good.clone().replacing("X-Amz-Signature", ""), 403, "SignatureDoesNotMatch"),
        (good.clone().without("X-Amz-Signature"), 400, "InvalidArgument"),
        (good.clone().without("Policy"), 400, "InvalidArgument"),
        (good.clone().replacing("Policy", "e30="), 400, "InvalidPolicyDocument"),
        (good.clone().without("X-Amz-Credential"), 400, "InvalidArgument"),
        (good.clone().replacing("X-Amz-Date", "20200101T000000Z"), 400, "AuthorizationQueryParametersError"),
        (
            good.clone()
                .without("Policy")
                .without("X-Amz-Signature")
                .without("X-Amz-Credential")
                .without("X-Amz-Algorithm"),
            403,
            "AccessDenied",
        ),
        (good.clone().bare("AWSAccessKeyId", "x"), 400, "InvalidArgument"),
        (UploadForm::new(STRANGER, "alpha").field("key", "a").signed(), 403, "InvalidAccessKeyId"),
        (UploadForm::new(BOB, "alpha").field("key", "team-b/k").signed(), 403, "AccessDenied"),
        (UploadForm::new(BOB, "alpha").field("key", "team-a/secret/k").signed(), 403, "AccessDenied"),
        (UploadForm::new(BOB, "beta").field("key", "k").signed(), 403, "AccessDenied"),
        (form("alpha").field("acl", "public-read").signed(), 403, "AccessDenied"),
        (form("alpha").field("x-amz-object-lock-legal-hold", "ON").signed(), 403, "AccessDenied"),
        (form("alpha").field("x-amz-security-token", "t").signed(), 400, "InvalidToken"),
        (form("alpha").field("x-amz-unheard-of", "t").signed(), 501, "NotImplemented"),
        (UploadForm::new(ALICE, "alpha").signed(), 400, "InvalidArgument"),
    ];
    for (form, status, code) in changed {
        world.denied_by_head(&posted(&world, &form), status, code);
    }
    let mut expired = form("alpha");
    expired.expires = SystemTime::now() - Duration::from_secs(2);
    world.denied_by_head(&posted(&world, &expired.signed()), 403, "AccessDenied");
    world.denied_by_head(&good.request(&world.host(), "/beta"), 403, "AccessDenied");
    let nowhere = UploadForm::new(ALICE, "nowhere").field("key", "k").signed();
    world.denied_by_head(&nowhere.request(&world.host(), "/nowhere"), 404, "NoSuchBucket");
    let (_, seen) = world.forwarded(&posted(&world, &UploadForm::new(BOB, "alpha").field("key", "team-a/k").signed()));
    assert_eq!(seen.line(), "PUT /alpha-at-backend/team-a/k", "the twin of Bob's");
}

#[test]
fn d09_what_changes_rights_needs_admin() {
    let world = world();
    let endpoint = world.backend.endpoint();
    let route = Route::new("ruled", &endpoint, "beta").allow("alice", "Write, Admin", &[]).allow("bob", "Write", &[]);
    let _ = world.apply("ruled.yaml", &route.yaml());
    let public = |key| UploadForm::new(key, "ruled").field("key", "k").field("acl", "public-read").signed();
    let (_, seen) = world.forwarded(&public(ALICE).request(&world.host(), "/ruled"));
    assert_eq!(seen.head.header("x-amz-acl"), Some("public-read"));
    world.denied_by_head(&public(BOB).request(&world.host(), "/ruled"), 403, "AccessDenied");
    world.retract("ruled.yaml");
}

#[test]
fn s04_trap_2_nothing_in_head_or_query_speaks_beside_the_form() {
    let world = world();
    let good = form("alpha").signed();
    twin(&world, &good);
    let request = posted(&world, &good);
    world.denied_by_head(&request.clone().header("Authorization", "Bearer x"), 400, "InvalidArgument");
    world.denied_by_head(&request.clone().query("X-Amz-Signature=00"), 400, "InvalidArgument");
    world.denied_by_head(&request.clone().header("x-amz-acl", "public-read"), 403, "AccessDenied");
    world.denied_by_head(&request.clone().query("x-amz-acl=public-read"), 403, "AccessDenied");
    world.denied_by_head(&request.clone().query("uploads"), 403, "AccessDenied");
    world.denied_by_head(&request.clone().query("acl=x&acl=y"), 403, "AccessDenied");
    world.denied_by_head(&request.clone().query("versionId=1"), 400, "InvalidRequest");
    world.denied_by_head(&request.clone().query("surprise=1"), 501, "NotImplemented");
    let body = request.pieces.concat();
    let by_header = world.request("POST", "/alpha").header("Content-Type", request.value("content-type")).body(body);
    world.denied_by_head(&Signer::new(ALICE).sign(by_header, Payload::Sha256), 400, "InvalidArgument");
    let put = Request { method: "PUT".to_owned(), path: "/alpha/k".to_owned(), ..request };
    world.denied_by_head(&put, 403, "AccessDenied");
}

#[test]
fn r_the_fields_are_bounded_and_must_be_a_form() {
    let world = world();
    let good = form("alpha").bare("x-ignore-padding", "").signed();
    let room = 20 * 1024 - good.before_file().len();
    let fits = good.clone().replacing("x-ignore-padding", &"p".repeat(room));
    twin(&world, &fits);
    let over = good.clone().replacing("x-ignore-padding", &"p".repeat(room + 1));
    world.denied_by_head(&posted(&world, &over), 400, "MaxPostPreDataLengthExceededError");
    let request = posted(&world, &good);
    let typed = |value: &str| request.clone().replacing("content-type", value);
    world.denied_by_head(&typed("multipart/form-data"), 400, "MalformedPOSTRequest");
    world.denied_by_head(&typed("multipart/form-data; boundary=other"), 400, "MalformedPOSTRequest");
    let unmeasured = request.clone().transfer_chunked(1000);
    world.denied_by_head(&unmeasured, 411, "MissingContentLength");
    let mut fileless = good.clone();
    fileless.end.clear();
    let cut = String::from_utf8(fileless.before_file()).unwrap();
    let at = cut.rfind(&format!("--{BOUNDARY}")).unwrap();
    let body = format!("{}--{BOUNDARY}--\r\n", &cut[..at]);
    let none = Request { pieces: vec![body.clone().into_bytes()], ..request.clone() };
    world.denied_by_head(&none.replacing("content-length", &body.len().to_string()), 400, "InvalidArgument");
}

#[test]
fn h_1_forms_over_http_2_are_the_same_forms() {
    let world = world();
    let authority = format!("localhost:{}", world.gateway.https().port());
    let mut session = Session::connect(world.gateway.https(), world.authority.client(&[b"h2"])).unwrap();
    let mut send = |request: &Request| session.exchange(&authority, request, false).answer();
    let good = form("alpha").signed().file(vec![b'x'; 100_000]);
    let request = |form: &UploadForm| form.request(&authority, "/alpha");
    let response = send(&request(&good));
    let location = format!("https://{authority}/alpha/dir/k%201");
    assert_eq!((response.status, response.header("location")), (204, Some(location.as_str())), "{}", response.text());
    assert_eq!(world.backend.object("alpha-at-backend", "dir/k 1").as_ref(), Some(&good.file));
    let before = world.backend.contents();
    world.backend.forget();
    let mut behind = good.clone();
    behind.end.push_str("epilogue");
    for (form, status, code) in [
        (good.clone().replacing("key", "other"), 403, "AccessDenied"),
        (good.clone().replacing("X-Amz-Signature", &"0".repeat(64)), 403, "SignatureDoesNotMatch"),
        (behind, 400, "MalformedPOSTRequest"),
    ] {
        let response = send(&request(&form));
        assert_eq!((response.status, response.code().as_deref()), (status, Some(code)), "{}", response.text());
    }
    let response = send(&request(&good).without("content-length"));
    assert_eq!((response.status, response.code().as_deref()), (411, Some("MissingContentLength")));
    assert!(world.backend.settled().iter().all(|one| !one.complete), "a refused form was stored");
    assert_eq!(world.backend.contents(), before);
}

#[test]
fn content_length_range_is_asked_before_anything_is_sent() {
    let world = world();
    let sized =
        |bytes: usize| form("alpha").condition("[\"content-length-range\", 10, 20]").signed().file(vec![b'x'; bytes]);
    for bytes in [10, 20] {
        twin(&world, &sized(bytes));
    }
    for (bytes, code, limit) in [(9, "EntityTooSmall", "MinSizeAllowed"), (21, "EntityTooLarge", "MaxSizeAllowed")] {
        let response = world.denied_by_head(&posted(&world, &sized(bytes)), 400, code);
        assert_eq!(response.element("ProposedSize"), Some(bytes.to_string()));
        assert_eq!(response.element(limit), Some(if bytes < 10 { "10" } else { "20" }.to_owned()));
    }
}

#[test]
fn trap_4_a_form_that_does_not_end_with_its_file_commits_nothing() {
    let world = world();
    let good = form("alpha").signed();
    for size in [0, 7, 300_000] {
        let good = good.clone().file(vec![b'x'; size]);
        twin(&world, &good);
        for end in [
            format!("\r\n--{BOUNDARY}--"),
            format!("\r\n--{BOUNDARY}--\r\nepilogue"),
            format!(
                "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--{BOUNDARY}--\r\n"
            ),
            format!("\r\n--{BOUNDARY}x--\r\n"),
            format!("\n--{BOUNDARY}--\r\n"),
        ] {
            let mut broken = good.clone();
            broken.end = end;
            world.denied_by_body(&posted(&world, &broken), 400, "MalformedPOSTRequest");
        }
    }
    for (name, value) in [("x-amz-checksum-crc32", crc32_base64(b"other")), ("content-md5", md5_base64(b"other"))] {
        let wrong = form("alpha").field(name, &value).signed();
        world.denied_by_body(&posted(&world, &wrong), 400, "BadDigest");
    }
    let right = form("alpha").field("x-amz-checksum-crc32", &crc32_base64(b"content")).signed();
    let (_, seen) = world.forwarded(&posted(&world, &right));
    assert_eq!(seen.head.header("x-amz-checksum-crc32"), Some(crc32_base64(b"content").as_str()));
}

#[test]
fn look_alikes_of_the_boundary_are_bytes_of_the_file() {
    let world = world();
    let short = &BOUNDARY[..BOUNDARY.len() - 1];
    for file in [
        format!("\r\n--{short}"),
        format!("\r\n--{short}\r\n--{short}--\r\n"),
        format!("a--{BOUNDARY}--\r\n"),
        format!("\n--{BOUNDARY}\n"),
        "\r\n\r\n".to_owned(),
        "\r".to_owned(),
        "--".to_owned(),
    ] {
        twin(&world, &form("alpha").signed().file(file));
    }
}

/// Writes a request in two segments.
fn in_two(world: &World, bytes: &[u8], cut: usize) -> Response {
    let mut connection = world.connect();
    connection.write(&bytes[..cut]).unwrap();
    // the gateway has to have read the first before the second comes: no other way to make two reads of them
    std::thread::sleep(Duration::from_millis(2));
    connection.write(&bytes[cut..]).unwrap();
    connection.read_response(false).unwrap()
}

#[test]
fn segments_may_end_at_every_byte_around_a_boundary() {
    let world = world();
    let form = form("alpha").signed().file(format!("\r\n--{}x\r\n", &BOUNDARY[..9]));
    let request = posted(&world, &form);
    let (head, bytes) = (request.head().len(), request.bytes());
    let file_at = head + form.before_file().len();
    let line = BOUNDARY.len() + 8;
    let cuts = (head..head + line).chain(file_at - line..bytes.len());
    for cut in cuts {
        world.backend.remove("alpha-at-backend", "dir/k 1");
        let response = in_two(&world, &bytes, cut);
        assert_eq!(response.status, 204, "cut at {cut}: {response:?}");
        assert_eq!(world.backend.object("alpha-at-backend", "dir/k 1").as_ref(), Some(&form.file), "cut at {cut}");
    }
}

#[test]
fn a_body_byte_by_byte_is_the_same_body() {
    let world = world();
    let form = form("alpha").signed().file("slow");
    let request = posted(&world, &form);
    let mut connection = world.connect();
    connection.write(&request.head()).unwrap();
    for byte in request.pieces.concat() {
        connection.write(&[byte]).unwrap();
    }
    assert_eq!(connection.read_response(false).unwrap().status, 204);
    assert_eq!(world.backend.object("alpha-at-backend", "dir/k 1").as_deref(), Some(b"slow".as_slice()));
    // the connection serves the next one
    assert_eq!(connection.send(&request).unwrap().status, 204);
}

#[test]
fn k08_a_form_is_judged_by_what_holds_when_it_has_come() {
    let world = world();
    let endpoint = world.backend.endpoint();
    let route = |client: &str| Route::new("late", &endpoint, "alpha-at-backend").allow(client, "Write", &[]).yaml();
    let form = UploadForm::new(ALICE, "late").field("key", "late").signed();
    let request = form.request(&world.host(), "/late");
    let (bytes, held_back) = (request.bytes(), request.pieces.concat().len() - form.before_file().len() + 5);
    let (begun, rest) = bytes.split_at(bytes.len() - held_back);
    let alices = route("alice");
    let _ = world.apply("late.yaml", &alices);
    for (change, status, code) in [
        (None, 204, None),
        (Some(route("bob")), 403, Some("AccessDenied")),
        (Some(String::new()), 404, Some("NoSuchBucket")),
    ] {
        let mut connection = world.connect();
        connection.write(begun).unwrap();
        if let Some(documents) = &change {
            let _ = world.apply("late.yaml", documents);
        }
        world.backend.forget();
        connection.write(rest).unwrap();
        let response = connection.read_response(false).unwrap();
        assert_eq!((response.status, response.code().as_deref()), (status, code), "{change:?}");
        assert_eq!(world.backend.settled().len(), usize::from(status == 204), "{change:?}");
        if change.is_some() {
            let _ = world.apply("late.yaml", &alices);
        }
    }
}

#[test]
fn k10_a_backend_that_never_comes_to_the_point_is_given_up() {
    let world = world();
    let request = posted(&world, &form("alpha").signed());
    for (interim, status) in [(3, 204), (100, 502)] {
        world.backend.misbehave(Rule::new("/dir/k", Fault::Interim(interim)).method("PUT"));
        assert_eq!(world.send(&request).status, status, "{interim}");
        world.backend.forget();
    }
}

#[test]
fn rs_12_a_client_that_leaves_leaves_nothing_behind() {
    let world = world();
    let form = form("alpha").signed().file(vec![b'x'; 100_000]);
    let request = posted(&world, &form);
    let bytes = request.bytes();
    world.backend.forget();
    let before = world.backend.contents();
    for left in [1, 10, 60_000, 100_000 + 40] {
        let mut connection = world.connect();
        connection.write(&bytes[..bytes.len() - left]).unwrap();
        connection.finish_writing();
        let _ = connection.read_response(false);
    }
    world.wait_quiet();
    let seen = world.backend.settled();
    assert!(seen.iter().all(|one| !one.complete), "{seen:?}");
    assert_eq!(world.backend.contents(), before);
}

#[test]
fn rs_10_the_body_is_invited_once() {
    let world = world();
    let request = posted(&world, &form("alpha").signed()).header("Expect", "100-continue");
    let mut connection = world.connect();
    connection.write(&request.head()).unwrap();
    assert_eq!(connection.read_interim().unwrap(), 100);
    connection.write(&request.pieces.concat()).unwrap();
    let response = connection.read_response(false).unwrap();
    assert_eq!((response.status, response.interim.len()), (204, 0));
    let mut refused: Connection = world.connect();
    refused.write(&request.header("Authorization", "Bearer x").head()).unwrap();
    let response = refused.read_response(false).unwrap();
    assert_eq!((response.status, response.interim.len()), (400, 0), "a head that is refused invites nothing");
}

#[test]
fn trap_11_errors_of_the_backend_are_told_in_the_clients_names() {
    let world = world();
    let request = posted(&world, &form("alpha").signed());
    let mut redirect = Answer::redirect("http://alpha-at-backend.test/");
    // with a region, the form would be sent there: tests/refusals.rs
    redirect.headers.retain(|(name, _)| name != "x-amz-bucket-region");
    for (fault, status, code) in [
        (Fault::Instead(Answer::error(404, "NoSuchBucket", "alpha-at-backend is gone")), 404, "NoSuchBucket"),
        (Fault::Instead(Answer::error(400, "InvalidStorageClass", "no")), 400, "InvalidStorageClass"),
        (Fault::Instead(Answer::error(403, "AccessDenied", "BACKENDKEY0000000001 may not")), 503, "ServiceUnavailable"),
        (Fault::Instead(redirect), 503, "ServiceUnavailable"),
        (Fault::Instead(Answer::error(503, "SlowDown", "later")), 503, "SlowDown"),
        (Fault::CloseUnanswered, 502, "InternalError"),
    ] {
        world.backend.misbehave(Rule::new("dir/k", fault).times(1));
        let response = world.send(&request);
        assert_eq!((response.status, response.code().as_deref()), (status, Some(code)), "{response:?}");
        let text = format!("{:?} {}", response.headers, response.text());
        assert!(!text.contains("-at-backend") && !text.contains("BACKENDKEY"), "{text}");
        let _ = world.backend.settled();
        world.backend.forget();
    }
    twin(&world, &form("alpha").signed());
}

#[test]
fn explain_knows_the_operation() {
    let world = world();
    let told = |client: &str| {
        let page = format!("/explain?client=team/{client}&operation=PostObject&bucket=alpha&key=team-b/k");
        world.gateway.admin_page(&page).1
    };
    assert!(told("alice").contains("decision: allow"), "{}", told("alice"));
    assert!(told("alice").contains("team-b/k"), "{}", told("alice"));
    assert!(told("bob").contains("decision: deny"), "{}", told("bob"));
}

#[test]
fn a_large_file_streams_in_bounded_memory() {
    let world = World::start(env!("CARGO_BIN_EXE_osp"));
    let upload = |bytes: usize| {
        let form = form("alpha").signed().file(vec![b'x'; bytes]);
        assert_eq!(world.send(&posted(&world, &form)).status, 204);
        assert_eq!(world.backend.object("alpha-at-backend", "dir/k 1").map(|object| object.len()), Some(bytes));
    };
    upload(1 << 20);
    let before = world.gateway.memory("VmHWM");
    upload(64 << 20);
    // the kernel counts by the page and by the processor: what has not grown may look a little smaller
    let growth = world.gateway.memory("VmHWM").saturating_sub(before);
    assert!(growth < 16 << 20, "{growth} bytes more for 64 MiB");
}
