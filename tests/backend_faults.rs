//! A backend that misbehaves: what the client sees then, and what it never sees (security.md 4, rows 1-4; H response side;
//! traps 10 and 11; RN-6; B).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr
)]

use std::net::TcpListener;
use std::time::Duration;

use osp_test_support::certificate::Authority;
use osp_test_support::documents::{Route, authority};
use osp_test_support::{
    ALICE, Answer, BACKEND, Backend, Connection, Fault, Payload, Request, Response, Rule, Signer, World,
};

fn world() -> std::sync::MutexGuard<'static, World> {
    let world = World::shared(env!("CARGO_BIN_EXE_osp"));
    world.backend.seed("alpha-at-backend", "k", &vec![7; 300_000]);
    world
}

fn put(world: &World, size: usize) -> Request {
    Signer::new(ALICE).sign(world.request("PUT", "/alpha/k").body(vec![1; size]), Payload::Sha256)
}

fn unchanged(world: &World) {
    assert!(world.backend.object("alpha-at-backend", "k").unwrap() == vec![7; 300_000], "the object changed");
}

/// Nothing of the backend's own identity, names or secrets in an answer.
fn assert_opaque(response: &Response) {
    let headers = format!("{:?}", response.headers);
    for trace in [
        BACKEND.id,
        "hidden-backend-bucket",
        "alpha-at-backend",
        "BACKENDHOSTID",
        "BACKENDREQUESTID",
        "StringToSign",
        "CanonicalRequest",
        "backend-region-9",
        "FakeBackend",
    ] {
        assert!(!response.text().contains(trace) && !headers.contains(trace), "{trace}: {headers} {}", response.text());
    }
}

#[test]
fn row_1_a_get_that_breaks_off_never_looks_whole() {
    let world = world();
    for count in [0, 1, 100_000, 299_999] {
        world.backend.misbehave(Rule::new("/k", Fault::Truncate(count)));
        let result = world.connect().send(&world.signed("GET", "/alpha/k"));
        assert!(result.is_err() || result.is_ok_and(|response| !response.complete || response.status >= 500));
        let seen = world.backend.settled();
        assert!(count == 0 || seen.len() == 1, "a retry after the first byte: {seen:?}");
        world.backend.forget();
    }
    world.forwarded(&world.signed("GET", "/alpha/k"));
}

#[test]
fn row_1_a_listing_that_breaks_off_never_looks_whole() {
    let world = world();
    for query in ["", "list-type=2"] {
        world.backend.misbehave(Rule::new("/alpha-at-backend", Fault::Truncate(150)));
        let list = Signer::new(ALICE).sign(world.request("GET", "/alpha").query(query), Payload::Sha256);
        let result = world.connect().send(&list);
        assert!(result.is_err() || result.is_ok_and(|response| !response.complete || response.status >= 500));
        world.backend.forget();
        world.forwarded(&list);
    }
}

#[test]
fn row_2_a_put_that_is_reset_is_not_repeated() {
    let world = world();
    for (size, after) in [(10, 0), (1_000_000, 0), (1_000_000, 500_000), (1_000_000, 999_999)] {
        world.backend.forget();
        world.backend.misbehave(Rule::new("/k", Fault::ResetAfter(after)).method("PUT"));
        let response = world.send(&put(&world, size));
        assert!(matches!(response.status, 502 | 503), "{size} {after}: {}", response.text());
        assert!(response.code().is_some(), "S3 XML: {}", response.text());
        let seen = world.backend.settled();
        assert_eq!(seen.len(), 1, "a streamed body was sent twice: {seen:?}");
        unchanged(&world);
    }
}

#[test]
fn a_put_without_an_answer_is_not_repeated() {
    let world = world();
    world.backend.misbehave(Rule::new("/k", Fault::CloseUnanswered).method("PUT"));
    let response = world.send(&put(&world, 1000));
    assert!(matches!(response.status, 502 | 503), "{}", response.text());
    assert_eq!(world.backend.settled().len(), 1);
    unchanged(&world);
}

#[test]
fn a_kept_connection_that_is_closed_costs_a_get_nothing() {
    let world = world();
    world.forwarded(&world.signed("GET", "/alpha/k"));
    world.backend.forget();
    world.backend.misbehave(Rule::new("/k", Fault::CloseUnanswered).method("GET").times(1));
    let response = world.send(&world.signed("GET", "/alpha/k"));
    // A replay is allowed, and so is an error that SDKs repeat (RS-13).
    assert!(matches!(response.status, 200 | 500 | 502 | 503), "{}", response.text());
    assert!(world.backend.settled().len() <= 2);
    world.backend.forget();
    world.forwarded(&world.signed("GET", "/alpha/k"));
}

#[test]
fn row_3_slow_down_is_passed_on() {
    let world = world();
    let slow_down = Answer::error(503, "SlowDown", "Please reduce your request rate.").header("Retry-After", "7");
    world.backend.misbehave(Rule::new("/k", Fault::Instead(slow_down)));
    for request in [put(&world, 1000), world.signed("GET", "/alpha/k"), world.signed("DELETE", "/alpha/k")] {
        let response = world.send(&request);
        assert_eq!((response.status, response.code().as_deref()), (503, Some("SlowDown")), "{}", response.text());
        assert_eq!(response.header("retry-after"), Some("7"));
        assert_opaque(&response);
    }
    let puts = world.backend.settled().iter().filter(|seen| seen.head.method != "GET").count();
    assert_eq!(puts, 2, "writes are never repeated");
    unchanged(&world);
}

#[test]
fn row_3_an_error_of_the_backend_is_one_of_ours() {
    let world = world();
    let error = Answer::error(500, "InternalError", "We encountered an internal error.");
    world.backend.misbehave(Rule::new("/k", Fault::Instead(error)).method("PUT"));
    let response = world.send(&put(&world, 1000));
    assert_eq!((response.status, response.code().as_deref()), (500, Some("InternalError")));
    assert_opaque(&response);
    assert_eq!(world.backend.settled().len(), 1);
}

#[test]
fn row_4_a_slow_answer_is_waited_for() {
    let world = world();
    world.backend.misbehave(Rule::new("/k", Fault::Late(Duration::from_millis(700))));
    world.forwarded(&world.signed("GET", "/alpha/k"));
    world.backend.forget();
    world.backend.misbehave(Rule::new("/k", Fault::Drip(30_000, Duration::from_millis(20))));
    let (response, _) = world.forwarded(&world.signed("GET", "/alpha/k"));
    assert_eq!(response.body.len(), 300_000);
}

#[test]
fn row_4_a_backend_that_is_not_there_breaks_its_bucket_only() {
    let world = world();
    // Bound and dropped: nobody listens there.
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let everything = "Read, List, Write, Delete";
    let route = Route::new("dead", &format!("http://{dead}"), "dead").allow("alice", everything, &[]);
    let unknown = Route::new("nodns", "http://no-such-host.invalid", "dead").allow("alice", everything, &[]);
    let _ = world.apply("dead.yaml", &format!("{}---\n{}", route.yaml(), unknown.yaml()));
    for bucket in ["dead", "nodns"] {
        for method in ["GET", "PUT", "HEAD"] {
            let mut connection = world.connect();
            let response = connection.send(&world.signed(method, &format!("/{bucket}/k"))).unwrap();
            assert_eq!(response.status, 503, "{method} {bucket}");
            // the next request on a connection that ends without a word meets a reset, which clients report
            assert_eq!(response.header("connection"), Some("close"), "{method} {bucket}");
            assert!(connection.is_closed(), "{method} {bucket}");
            assert!(method == "HEAD" || response.code().as_deref() == Some("ServiceUnavailable"));
        }
    }
    world.backend.forget();
    world.forwarded(&world.signed("GET", "/alpha/k"));
    world.retract("dead.yaml");
}

#[test]
fn trap_4_success_before_the_body_is_proved_is_a_failure() {
    let world = world();
    let early = Answer::new(200, "").header("ETag", "\"early\"");
    world.backend.misbehave(Rule::new("/k", Fault::EarlyAnswer(early)).method("PUT"));
    // The rest never comes: whether it would still be in time is a race that proves nothing.
    for (size, begun) in [(4_000_000, 60_000), (100_000, 0)] {
        let mut connection = world.connect();
        let request = put(&world, size);
        connection.write(&request.head()).unwrap();
        connection.write(&request.pieces[0][..begun]).unwrap();
        let answer = connection.read_response(false);
        assert!(answer.as_ref().is_ok_and(|response| response.status == 502), "{size}: {answer:?}");
    }
    unchanged(&world);
}

#[test]
fn an_early_error_reaches_the_client() {
    let world = world();
    let early = Answer::error(503, "SlowDown", "later");
    world.backend.misbehave(Rule::new("/k", Fault::EarlyAnswer(early)).method("PUT"));
    for size in [1000, 900_000] {
        let response = world.send(&put(&world, size));
        assert!(matches!(response.status, 502 | 503), "{}", response.text());
        assert_opaque(&response);
    }
    unchanged(&world);
}

#[test]
fn trap_11_what_the_backend_says_of_our_credentials_stays_inside() {
    let world = world();
    let region = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>backend-region-9</Region></Error>";
    let refusals = [
        Answer::signature_refused(BACKEND.id),
        Answer::error(403, "InvalidAccessKeyId", BACKEND.id),
        Answer::error(403, "RequestTimeTooSkewed", "clock"),
        Answer::error(400, "ExpiredToken", "token"),
        Answer::error(400, "InvalidToken", "token"),
        Answer::xml(400, region).header("x-amz-bucket-region", "backend-region-9"),
        Answer::redirect("http://169.254.169.254/latest"),
        Answer::error(307, "TemporaryRedirect", "there").header("Location", "http://other.test/"),
        Answer::new(403, ""),
        Answer::new(401, "who are you").header("WWW-Authenticate", "Basic"),
    ];
    for refusal in refusals {
        for request in [
            world.signed("GET", "/alpha/k"),
            world.signed("HEAD", "/alpha/k"),
            world.signed("GET", "/alpha"),
            world.signed("DELETE", "/alpha/k"),
            put(&world, 1000),
        ] {
            world.backend.forget();
            world.backend.misbehave(Rule::new("/alpha-at-backend", Fault::Instead(refusal.clone())));
            let response = world.send(&request);
            // An answer to HEAD has no code: a bare 400 may as well be about the request.
            let bare = request.method == "HEAD" && refusal.status == 400 && response.status == 400;
            assert!(response.status == 503 || bare, "{} {}: {response:?}", request.method, refusal.status);
            assert_eq!((response.header("location"), response.header("www-authenticate")), (None, None));
            assert_opaque(&response);
            world.assert_silent();
        }
    }
    unchanged(&world);
}

#[test]
fn errors_about_the_object_are_passed_on_under_the_clients_names() {
    let world = world();
    let from = world.gateway.log.len();
    let response = world.send(&world.signed("GET", "/alpha/absent%20key"));
    assert_eq!((response.status, response.code().as_deref()), (404, Some("NoSuchKey")));
    let _ = world.gateway.log.records(from, "the backend's code", |records| {
        records.iter().any(|one| one["backend_code"] == "NoSuchKey" && one["status"] == 404)
    });
    assert_opaque(&response);
    assert!(response.text().contains("absent"), "{}", response.text());
    assert_eq!(response.element("RequestId").as_deref(), response.header("x-amz-request-id"));
    let head = world.send(&world.signed("HEAD", "/alpha/absent"));
    assert_eq!((head.status, head.body.len()), (404, 0));
    for (status, code) in [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict"), (416, "InvalidRange")] {
        world.backend.forget();
        world.backend.misbehave(Rule::new("/k", Fault::Instead(Answer::error(status, code, "as asked"))));
        let response = world.send(&world.signed("GET", "/alpha/k"));
        assert_eq!((response.status, response.code().as_deref()), (status, Some(code)));
        assert_opaque(&response);
    }
    world.backend.forget();
    world.backend.misbehave(Rule::new("/k", Fault::Instead(Answer::new(304, "").header("ETag", "\"e\""))));
    let response = world.send(&world.signed("GET", "/alpha/k"));
    assert_eq!((response.status, response.header("etag")), (304, Some("\"e\"")));
}

#[test]
fn rn_5_garbage_instead_of_xml_is_never_passed_on_as_success() {
    let world = world();
    let garbage: [&[u8]; 6] = [
        b"this is no XML",
        b"",
        b"<ListBucketResult><Name>alpha-at-backend</Name>",
        b"<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult><Name>&b;</Name></ListBucketResult>",
        b"<html><body>proxy error</body></html>",
        b"\xff\xfe<\0a\0>\0",
    ];
    for body in garbage {
        for query in ["", "list-type=2", "uploads"] {
            world.backend.forget();
            world.backend.misbehave(Rule::new("/alpha-at-backend", Fault::Instead(Answer::new(200, body))));
            let list = Signer::new(ALICE).sign(world.request("GET", "/alpha").query(query), Payload::Sha256);
            let Ok(response) = world.connect().send(&list) else { continue };
            assert!(response.status >= 500 || !response.complete, "{:?}: {response:?}", String::from_utf8_lossy(body));
            assert_opaque(&response);
        }
    }
}

#[test]
fn trap_10_an_error_after_200_is_translated() {
    let world = world();
    let error = "   \n <Error><Code>InternalError</Code><Message>half way</Message>\
                 <BucketName>hidden-backend-bucket</BucketName><HostId>BACKENDHOSTID</HostId></Error>";
    let begin = world.request("POST", "/alpha/k").query("uploads");
    let begun = world.send(&Signer::new(ALICE).sign(begin, Payload::Sha256));
    let id = begun.element("UploadId").unwrap();
    world.backend.misbehave(Rule::new("/alpha-at-backend", Fault::Instead(Answer::xml(200, error))));
    let copy = world.request("PUT", "/alpha/copied").header("x-amz-copy-source", "alpha/k");
    let complete = world.request("POST", "/alpha/k").query(&format!("uploadId={id}")).body(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part></CompleteMultipartUpload>",
    );
    for request in [copy, complete] {
        let response = world.send(&Signer::new(ALICE).sign(request, Payload::Sha256));
        assert_eq!(response.code().as_deref(), Some("InternalError"), "{response:?} {}", response.text());
        assert_opaque(&response);
    }
}

#[test]
fn broken_http_of_the_backend_is_502() {
    let world = world();
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(2_000_000));
    let cases: [(&str, Vec<u8>); 6] = [
        ("no HTTP", b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".to_vec()),
        ("length is no number", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc".to_vec()),
        ("status is no number", b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
        ("a huge head", long.into_bytes()),
    ];
    for (name, bytes) in cases {
        world.backend.forget();
        world.backend.misbehave(Rule::new("/k", Fault::Raw(bytes)));
        let response = world.send(&world.signed("GET", "/alpha/k"));
        assert!(matches!(response.status, 502 | 503), "{name}: {response:?}");
        assert!(response.code().is_some(), "{name}: S3 XML expected, got {}", response.text());
    }
    world.backend.forget();
    world.forwarded(&world.signed("GET", "/alpha/k"));
}

#[test]
fn length_beside_chunks_in_an_answer_is_not_reused() {
    let world = world();
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
                    HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    world.backend.misbehave(Rule::new("/k", Fault::Raw(smuggled.as_bytes().to_vec())).times(1));
    let _ = world.connect().send(&world.signed("GET", "/alpha/k"));
    world.backend.forget();
    let (response, _) = world.forwarded(&world.signed("GET", "/alpha/k"));
    assert_eq!(response.body.len(), 300_000);
}

#[test]
fn interim_answers_of_the_backend_stop_at_the_gateway() {
    let world = world();
    world.backend.misbehave(Rule::new("/k", Fault::Interim(3)));
    let direct = Request::new("GET", &world.backend.address().to_string(), "/alpha-at-backend/k");
    let interim = Connection::plain(world.backend.address()).send(&direct).unwrap().interim;
    assert_eq!(interim.len(), 3, "the fault: {interim:?}");
    // `forwarded` would make the backend forget the fault
    for request in [world.signed("GET", "/alpha/k"), put(&world, 9)] {
        let response = world.send(&request);
        assert!(response.status == 200 && response.interim.is_empty(), "{response:?}");
    }
    world.backend.forget();
    world.backend.misbehave(Rule::new("/k", Fault::Interim(100)));
    let storm = world.send(&world.signed("GET", "/alpha/k"));
    assert!(storm.status == 502 && storm.interim.is_empty(), "{storm:?}");
    world.backend.seed("alpha-at-backend", "k", &vec![7; 300_000]);
}

#[test]
fn b_4_headers_of_the_backend_are_not_shown() {
    let world = world();
    let names = [
        ("Set-Cookie", "a=b"),
        ("x-amz-bucket-arn", "arn:aws:s3:::alpha-at-backend"),
        ("x-amz-bucket-region", "backend-region-9"),
        ("Access-Control-Allow-Origin", "*"),
        ("Alt-Svc", "h3=\":443\""),
        ("Link", "<http://backend>"),
        ("X-Powered-By", "FakeBackend"),
    ];
    let leak = names.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    world.backend.misbehave(Rule::new("/k", Fault::Leak(leak)));
    // `forwarded` would make the backend forget the fault
    let response = world.send(&world.signed("GET", "/alpha/k"));
    assert_eq!(response.status, 200, "{response:?}");
    assert_opaque(&response);
    for name in ["set-cookie", "access-control-allow-origin", "alt-svc", "link", "x-powered-by", "x-amz-bucket-arn"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    for name in ["etag", "accept-ranges", "last-modified", "content-length", "x-amz-request-id"] {
        assert!(response.header(name).is_some(), "{name} is missing: {response:?}");
    }
}

#[test]
fn ranges_and_metadata_pass() {
    let world = world();
    let put = world.request("PUT", "/alpha/meta").header("x-amz-meta-color", "blue").header("Content-Type", "a/b");
    world.forwarded(&Signer::new(ALICE).sign(put.body("0123456789"), Payload::Sha256));
    let get = world.request("GET", "/alpha/meta").header("Range", "bytes=2-4");
    let (response, _) = world.forwarded(&Signer::new(ALICE).sign(get, Payload::Sha256));
    assert_eq!((response.status, response.body.as_slice()), (206, b"234".as_slice()));
    assert_eq!(response.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!((response.header("x-amz-meta-color"), response.header("content-type")), (Some("blue"), Some("a/b")));
}

#[test]
fn row_17_a_client_that_leaves_ends_the_backend_request() {
    let world = world();
    world.backend.seed("alpha-at-backend", "large", &vec![3; 64 * 1024 * 1024]);
    world.backend.misbehave(Rule::new("/large", Fault::Drip(64 * 1024, Duration::from_millis(50))));
    let mut connection = world.connect();
    connection.write(&world.signed("GET", "/alpha/large").bytes()).unwrap();
    let _ = world.backend.wait_for("the request", |seen| !seen.is_empty());
    drop(connection);
    // Undisturbed it would drip for 50 s; `settled` gives up after 20.
    let seen = world.backend.settled();
    let (_, next) = world.forwarded(&world.signed("GET", "/alpha/k"));
    assert_ne!(next.connection, seen[0].connection);
    world.backend.remove("alpha-at-backend", "large");
}

#[test]
fn b_3_certificates_of_backends_are_checked() {
    let world = world();
    let ours = Authority::new("backend authority");
    let named = Backend::start_tls(BACKEND, ours.issue().server());
    let misnamed = Backend::start_tls(BACKEND, ours.issue_for(&["other.test"]).server());
    for backend in [&named, &misnamed] {
        backend.seed("b", "k", b"over TLS");
    }
    let everything = "Read, List, Write, Delete";
    let route = |bucket: &str, backend: &Backend, tls: &str| {
        let route = Route::new(bucket, &backend.endpoint(), "b").allow("alice", everything, &[]);
        if tls.is_empty() { route.yaml() } else { route.backend_field(tls).yaml() }
    };
    let trust = "tls: {caCertificateRefs: [{kind: ConfigMap, name: backend-ca, key: ca.crt}]}";
    let documents = [
        authority("backend-ca", ours.pem()),
        route("trusted", &named, trust),
        route("untrusted", &named, ""),
        route("misnamed", &misnamed, trust),
        route("insecure", &misnamed, "tls: {verification: Insecure}"),
    ];
    let _ = world.apply("tls.yaml", &documents.join("---\n"));
    // Twice: a connection that one route made must not serve another one with other trust (K-CTL-7).
    for _ in 0..2 {
        for (bucket, status) in [("trusted", 200), ("insecure", 200), ("untrusted", 503), ("misnamed", 503)] {
            let response = world.send(&world.signed("GET", &format!("/{bucket}/k")));
            assert_eq!(response.status, status, "{bucket}: {}", response.text());
        }
    }
    assert!(named.settled().iter().all(|seen| seen.refused.is_none()));
    world.retract("tls.yaml");
}
