//! Who asks: header and query signatures, whole and damaged (SIG, PRE; security.md S01-S13). Every denial here is decided
//! by the head, so the backend must see nothing at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::time::{Duration, SystemTime};

use osp_test_support::{ALICE, Key, Payload, Request, STRANGER, Signer, World};

const DENIED: &str = "AccessDenied";
const MISMATCH: &str = "SignatureDoesNotMatch";
const MALFORMED: &str = "AuthorizationHeaderMalformed";
const QUERY: &str = "AuthorizationQueryParametersError";

fn world() -> std::sync::MutexGuard<'static, World> {
    let world = World::shared(env!("CARGO_BIN_EXE_osp"));
    world.backend.seed("alpha-at-backend", "k", b"content");
    world
}

fn flipped(signature: &str) -> String {
    let last = if signature.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &signature[..signature.len() - 1])
}

#[test]
fn a_signed_request_is_served_and_an_unsigned_one_is_not() {
    let world = world();
    world.forwarded(&world.signed("GET", "/alpha/k"));
    world.denied_by_head(&world.request("GET", "/alpha/k"), 403, DENIED);
    world.denied_by_head(&world.request("PUT", "/alpha/k").header("Content-Length", "1").body("x"), 403, DENIED);
    world.denied_by_head(&world.request("GET", "/"), 403, DENIED);
}

#[test]
fn every_signed_part_counts() {
    let world = world();
    let good = Signer::new(ALICE).sign(
        world.request("PUT", "/alpha/k").query("x-id=PutObject").header("x-amz-meta-a", "b").body("x"),
        Payload::Sha256,
    );
    world.forwarded(&good);
    let authorization = good.value("authorization").to_owned();
    let signature = good.signature().unwrap().to_owned();
    let damaged = [
        good.clone().replacing("authorization", &authorization.replace(&signature, &flipped(&signature))),
        good.clone().replacing("x-amz-meta-a", "c"),
        Request { path: "/alpha/other".to_owned(), ..good.clone() },
        Request { path: "/beta/k".to_owned(), ..good.clone() },
        Request { query: "x-id=Other".to_owned(), ..good.clone() },
        Request { query: String::new(), ..good.clone() },
        Request { query: "x-id=PutObject&a=b".to_owned(), ..good.clone() },
        Request { method: "POST".to_owned(), ..good.clone() },
        good.clone().replacing("host", "other.test"),
        Signer::new(Key { secret: "wrong", ..ALICE }).sign(world.request("GET", "/alpha/k"), Payload::Sha256),
    ];
    for request in damaged {
        world.denied_by_head(&request, 403, MISMATCH);
    }
    let stranger = Signer::new(STRANGER).sign(world.request("GET", "/alpha/k"), Payload::Sha256);
    world.denied_by_head(&stranger, 403, "InvalidAccessKeyId");
}

#[test]
fn sig_8_amz_headers_must_be_signed() {
    let world = world();
    let put = || world.request("PUT", "/alpha/k").body("x");
    world.forwarded(&Signer::new(ALICE).sign(put().header("x-amz-meta-a", "b"), Payload::Sha256));
    for (name, value) in [
        ("x-amz-meta-a", "b"),
        ("x-amz-copy-source", "/alpha/other"),
        ("x-amz-tagging", "a=b"),
        ("x-amz-acl", "private"),
        ("X-AMZ-Storage-Class", "STANDARD"),
    ] {
        let late = Signer::new(ALICE).sign(put(), Payload::Sha256).header(name, value);
        let response = world.denied_by_head(&late, 403, DENIED);
        assert_eq!(response.element("HeadersNotSigned"), Some(name.to_ascii_lowercase()), "{}", response.text());
    }
    let presigned = Signer::new(ALICE).presign(put(), Duration::from_secs(60));
    world.forwarded(&presigned);
    world.denied_by_head(&presigned.header("x-amz-copy-source", "/alpha/other"), 403, DENIED);
}

#[test]
fn sig_7_signed_headers_must_name_what_is_there() {
    let world = world();
    let good = Signer::new(ALICE).sign(world.request("GET", "/alpha/k").header("x-amz-meta-a", "b"), Payload::Sha256);
    let authorization = good.value("authorization").to_owned();
    world.forwarded(&good);
    world.denied_by_head(&good.clone().without("x-amz-meta-a"), 403, MISMATCH);
    for (from, to) in [
        ("SignedHeaders=host;", "SignedHeaders=host;host;"),
        ("SignedHeaders=host;", "SignedHeaders=Host;"),
        ("SignedHeaders=host;x-amz-content-sha256;", "SignedHeaders=x-amz-content-sha256;host;"),
    ] {
        let damaged = authorization.replace(from, to);
        assert_ne!(damaged, authorization);
        world.denied_by_head(&good.clone().replacing("authorization", &damaged), 403, MISMATCH);
    }
    // S01: a signature that leaves out the host is no signature for this server.
    let mut signer = Signer::new(ALICE);
    signer.leave_out = vec!["host".to_owned()];
    world.denied_by_head(&signer.sign(world.request("GET", "/alpha/k"), Payload::Sha256), 403, DENIED);
}

#[test]
fn sig_10_authorization_is_read_strictly() {
    let world = world();
    let good = world.signed("GET", "/alpha/k");
    let text = good.value("authorization").to_owned();
    // s3cmd sends no spaces after the commas.
    world.forwarded(&good.clone().replacing("authorization", &text.replace(", ", ",")));
    let without = |part: &str| {
        let kept = text["AWS4-HMAC-SHA256 ".len()..].split(", ").filter(|field| !field.starts_with(part));
        format!("AWS4-HMAC-SHA256 {}", kept.collect::<Vec<_>>().join(", "))
    };
    let malformed = [
        without("Credential"),
        without("SignedHeaders"),
        without("Signature="),
        format!("{text}, Signature={}", good.signature().unwrap()),
        text.replace("/aws4_request", ""),
        text.replace("/aws4_request", "/aws4_other"),
        "AWS4-HMAC-SHA256".to_owned(),
    ];
    for value in malformed {
        world.denied_by_head(&good.clone().replacing("authorization", &value), 400, MALFORMED);
    }
}

#[test]
fn sig_11_the_scope_must_be_of_the_day_and_of_s3() {
    let world = world();
    let mut signer = Signer::new(ALICE);
    "sts".clone_into(&mut signer.service);
    world.denied_by_head(&signer.sign(world.request("GET", "/alpha/k"), Payload::Sha256), 400, MALFORMED);
    let good = world.signed("GET", "/alpha/k");
    let day = &good.value("x-amz-date")[..8];
    let other = good.value("authorization").replace(&format!("/{day}/"), "/20200101/");
    world.denied_by_head(&good.clone().replacing("authorization", &other), 400, MALFORMED);
    // SIG-12: any region is accepted.
    for region in ["eu-central-1", "auto", "garage"] {
        let signer = Signer { region: region.to_owned(), ..Signer::new(ALICE) };
        world.forwarded(&signer.sign(world.request("GET", "/alpha/k"), Payload::Sha256));
    }
}

#[test]
fn s07_other_schemes_are_refused_never_a_fallback() {
    let world = world();
    let good = world.signed("GET", "/alpha/k");
    let text = good.value("authorization").to_owned();
    for value in [
        "AWS OSPTESTALICE00000001:frJIUN8DYpKDtOLCwo//yllqDzg=".to_owned(),
        text.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        text.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
        "Bearer abc".to_owned(),
        "Basic eDp5".to_owned(),
    ] {
        // SigV4A is known and not served: 501; the rest is not supported: 400. Never anything else.
        world.refused_by_head(&good.clone().replacing("authorization", &value), &[400, 501]);
    }
    let query = format!("AWSAccessKeyId={}&Expires=9999999999&Signature=abc", ALICE.id);
    world.denied_by_head(&world.request("GET", "/alpha/k").query(&query), 400, "InvalidRequest");
}

#[test]
fn sig_15_only_one_mechanism() {
    let world = world();
    let presigned = Signer::new(ALICE).presign(world.request("GET", "/alpha/k"), Duration::from_secs(60));
    world.forwarded(&presigned);
    world.denied_by_head(&presigned.clone().header("Authorization", "Bearer abc"), 400, "InvalidArgument");
    let authorization = world.signed("GET", "/alpha/k").value("authorization").to_owned();
    world.denied_by_head(&presigned.header("Authorization", &authorization), 400, "InvalidArgument");
}

#[test]
fn s06_the_payload_literal_is_known_and_present() {
    let world = world();
    for operation in ["GET", "PUT", "DELETE", "HEAD"] {
        for literal in ["STREAMING-UNSIGNED-PAYLOAD", "unsigned-payload", "", "abc", &"g".repeat(64)] {
            let request = Signer::new(ALICE).sign_literal(world.request(operation, "/alpha/k"), literal);
            world.refused_by_head(&request, &[400]);
        }
        let absent = Signer::new(ALICE).sign(world.request(operation, "/alpha/k"), Payload::Sha256);
        world.denied_by_head(&absent.without("x-amz-content-sha256"), 400, "InvalidRequest");
    }
    assert_eq!(world.backend.object("alpha-at-backend", "k").unwrap(), b"content");
}

#[test]
fn sig_13_a_date_is_needed() {
    let world = world();
    world.denied_by_head(&world.signed("GET", "/alpha/k").without("x-amz-date"), 403, DENIED);
    let odd = world.signed("GET", "/alpha/k").replacing("x-amz-date", "yesterday");
    world.denied_by_head(&odd, 403, DENIED);
}

#[test]
fn s12_session_tokens_of_others_are_refused() {
    let world = world();
    let request = world.request("GET", "/alpha/k").header("x-amz-security-token", "token");
    world.denied_by_head(&Signer::new(ALICE).sign(request, Payload::Sha256), 400, "InvalidToken");
    let query = world.request("GET", "/alpha/k").query("X-Amz-Security-Token=token");
    world.denied_by_head(&Signer::new(ALICE).presign(query, Duration::from_secs(60)), 400, "InvalidToken");
}

#[test]
fn presigned_requests_are_served() {
    let world = world();
    let minute = Duration::from_secs(60);
    let (response, _) = world.forwarded(&Signer::new(ALICE).presign(world.request("GET", "/alpha/k"), minute));
    assert_eq!(response.body, b"content");
    world.forwarded(&Signer::new(ALICE).presign(world.request("PUT", "/alpha/new").body("fresh"), minute));
    assert_eq!(world.backend.object("alpha-at-backend", "new").unwrap(), b"fresh");
    let overrides = world.request("GET", "/alpha/k").query("response-content-type=text%2Fplain");
    let (_, seen) = world.forwarded(&Signer::new(ALICE).presign(overrides, minute));
    assert_eq!(seen.head.query(), "response-content-type=text%2Fplain");
    world.forwarded(&Signer::new(ALICE).presign(world.request("HEAD", "/alpha/k"), Duration::from_secs(604_800)));
}

#[test]
fn pre_6_a_presigned_url_is_for_one_method() {
    let world = world();
    let good = Signer::new(ALICE).presign(world.request("GET", "/alpha/k"), Duration::from_secs(60));
    for method in ["HEAD", "PUT", "DELETE"] {
        world.denied_by_head(&Request { method: method.to_owned(), ..good.clone() }, 403, MISMATCH);
    }
}

#[test]
fn presigned_queries_cannot_be_changed() {
    let world = world();
    let signer = Signer::new(ALICE);
    let good = signer.presign(world.request("GET", "/alpha/k").query("x-id=GetObject"), Duration::from_secs(60));
    world.forwarded(&good);
    let changed = |from: &str, to: &str| {
        let query = good.query.replace(from, to);
        assert_ne!(query, good.query, "nothing to change: {from}");
        Request { query, ..good.clone() }
    };
    let signature = good.signature().unwrap().to_owned();
    for request in [
        changed("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        changed("X-Amz-Expires=60", "X-Amz-Expires=060"),
        changed("x-id=GetObject&", ""),
        changed("x-id=GetObject", "x-id=Other"),
        changed(&signature, &flipped(&signature)),
        changed("x-id=GetObject", "x-id=GetObject&response-content-type=text%2Fhtml"),
        Request { path: "/alpha/other".to_owned(), ..good.clone() },
        good.clone().replacing("host", "other.test"),
    ] {
        world.denied_by_head(&request, 403, MISMATCH);
    }
    let other = changed(ALICE.id, STRANGER.id);
    world.denied_by_head(&other, 403, "InvalidAccessKeyId");
}

#[test]
fn pre_1_every_parameter_is_needed_once() {
    let world = world();
    let good = Signer::new(ALICE).presign(world.request("GET", "/alpha/k"), Duration::from_secs(60));
    for name in ["Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let prefix = format!("X-Amz-{name}=");
        let kept: Vec<&str> = good.query.split('&').filter(|pair| !pair.starts_with(&prefix)).collect();
        world.denied_by_head(&Request { query: kept.join("&"), ..good.clone() }, 400, QUERY);
        let pair = good.query.split('&').find(|pair| pair.starts_with(&prefix)).unwrap();
        let twice = Request { query: format!("{}&{pair}", good.query), ..good.clone() };
        world.refused_by_head(&twice, &[400]);
    }
}

#[test]
fn pre_2_the_life_of_a_url_is_bounded() {
    let world = world();
    let ago = |seconds| Signer::new(ALICE).at(SystemTime::now() - Duration::from_secs(seconds));
    let get = || world.request("GET", "/alpha/k");
    world.forwarded(&ago(50).presign(get(), Duration::from_secs(120)));
    // Older than 15 minutes and still alive: a presigned URL lives as long as it says.
    world.forwarded(&ago(3000).presign(get(), Duration::from_secs(3600)));
    let response = world.denied_by_head(&ago(120).presign(get(), Duration::from_secs(60)), 403, DENIED);
    assert_eq!(response.element("Message").as_deref(), Some("Request has expired"));
    let early = Signer::new(ALICE).at(SystemTime::now() + Duration::from_secs(1200));
    world.denied_by_head(&early.presign(get(), Duration::from_secs(3600)), 403, DENIED);
    for expires in ["604801", "-1", "1000000000", "+1", "", "1e3", "abc"] {
        world.denied_by_head(&Signer::new(ALICE).presign_text(get(), expires), 400, QUERY);
    }
}

#[test]
fn pre_4_amz_parameters_stand_for_headers() {
    let world = world();
    world.backend.seed("beta", "source", b"from beta");
    let minute = Duration::from_secs(60);
    // Trap 3: this is a CopyObject, with the rights of one.
    let copy = world.request("PUT", "/alpha/copied").query("x-amz-copy-source=%2Fbeta%2Fsource");
    let (_, seen) = world.forwarded(&Signer::new(ALICE).presign(copy, minute));
    let source = seen.head.header("x-amz-copy-source").unwrap();
    assert_eq!(source.trim_start_matches('/'), "beta/source");
    assert_eq!(world.backend.object("alpha-at-backend", "copied").unwrap(), b"from beta");
    // A header that says otherwise than the query.
    let both = world.request("PUT", "/alpha/copied").query("x-amz-meta-a=1").header("x-amz-meta-a", "2").body("x");
    world.denied_by_head(&Signer::new(ALICE).presign(both, minute), 400, "InvalidRequest");
}

#[test]
fn uploads_are_named_only_where_they_belong() {
    let world = world();
    let cases: [(&str, &str, &str, &[u16]); 13] = [
        ("GET", "/alpha", "uploadId=x", &[400]),
        ("GET", "/", "uploadId=x", &[400]),
        ("DELETE", "/alpha", "uploadId=x", &[400, 403]),
        ("POST", "/alpha", "uploadId=x", &[400, 405]),
        ("HEAD", "/alpha/k", "uploadId=x", &[400]),
        ("PUT", "/alpha/k", "uploadId=x", &[400]),
        ("PUT", "/alpha/k", "partNumber=1", &[400]),
        ("PUT", "/alpha/k", "partNumber=1&uploadId=", &[400]),
        ("PUT", "/alpha/k", "partNumber=0&uploadId=x", &[400]),
        ("PUT", "/alpha/k", "partNumber=1&uploadId=x&uploadId=y", &[400]),
        ("POST", "/alpha/k", "uploads&uploadId=x", &[400]),
        ("GET", "/alpha/k", "uploadId=x&acl", &[400]),
        ("POST", "/alpha/k", "uploadId=x&select&select-type=2", &[400, 501]),
    ];
    for (method, path, query, statuses) in cases {
        let request = Signer::new(ALICE).sign(world.request(method, path).query(query), Payload::Sha256);
        world.refused_by_head(&request, statuses);
    }
    // Trap 15: it opens nothing without a signature, and not when added after signing.
    for query in ["uploadId=x", "partNumber=1&uploadId=x", "uploads"] {
        world.denied_by_head(&world.request("PUT", "/alpha/k").query(query), 403, DENIED);
        let late = Request { query: query.to_owned(), ..world.signed("PUT", "/alpha/k") };
        world.denied_by_head(&late, 403, MISMATCH);
    }
}

#[test]
fn the_multipart_family_works() {
    let world = world();
    let sign = |method: &str, query: &str, body: &[u8]| {
        let request = world.request(method, "/mapped/big").query(query).body(body);
        Signer::new(ALICE).sign(request, Payload::Sha256)
    };
    let (begun, _) = world.forwarded(&sign("POST", "uploads", b""));
    assert_eq!((begun.element("Bucket").as_deref(), begun.element("Key").as_deref()), (Some("mapped"), Some("big")));
    let id = osp_test_support::sigv4::uri_encode(begun.element("UploadId").unwrap().as_bytes(), false);
    world.forwarded(&sign("PUT", &format!("partNumber=1&uploadId={id}"), b"one"));
    world.forwarded(&sign("PUT", &format!("partNumber=2&uploadId={id}"), b"two"));
    let (listed, _) = world.forwarded(&sign("GET", &format!("uploadId={id}"), b""));
    assert_eq!(listed.element("Key").as_deref(), Some("big"));
    let part = |n, data: &[u8]| {
        format!("<Part><PartNumber>{n}</PartNumber><ETag>\"{}\"</ETag></Part>", osp_test_support::checksum::etag(data))
    };
    let body = format!("<CompleteMultipartUpload>{}{}</CompleteMultipartUpload>", part(1, b"one"), part(2, b"two"));
    let (done, _) = world.forwarded(&sign("POST", &format!("uploadId={id}"), body.as_bytes()));
    assert_eq!(done.element("Key").as_deref(), Some("big"));
    assert!(!done.text().contains("shared-at-backend") && !done.text().contains("tenants/a/"), "{}", done.text());
    assert_eq!(world.backend.object("shared-at-backend", "tenants/a/big").unwrap(), b"onetwo");
}
