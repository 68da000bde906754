//! The doubles are only worth what they are held against: the signatures against AWS's published example and the
//! `aws-sigv4` crate, the strict backend against a client that knows nothing of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use osp_test_support::sigv4::{Parts, SigningKey, amz_date, canonical_request};
use osp_test_support::{Answer, BACKEND, Backend, Connection, Fault, Payload, Request, Response, Rule, Signer};

#[test]
fn dates_are_those_of_the_calendar() {
    for (seconds, text) in
        [(0, "19700101T000000Z"), (951_827_696, "20000229T123456Z"), (1_369_353_600, "20130524T000000Z")]
    {
        assert_eq!(amz_date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
    }
}

/// AWS, "Signature calculations: transferring payload in multiple chunks".
#[test]
fn chunk_signatures_are_those_of_the_published_example() {
    let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524T000000Z", "us-east-1", "s3");
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let first = key.sign_chunk(seed, &[b'a'; 65_536]);
    assert_eq!(first, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    let second = key.sign_chunk(&first, &[b'a'; 1024]);
    assert_eq!(second, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    let last = key.sign_chunk(&second, b"");
    assert_eq!(last, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

#[test]
fn request_signatures_are_those_of_aws_sigv4() {
    let at = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = aws_sigv4::sign::v4::SigningParams::builder();
    let credentials = aws_credential_types(BACKEND.id, BACKEND.secret);
    let params = identity.identity(&credentials).region("eu-test-1").name("s3").time(at).settings(settings);
    let params = params.build().unwrap().into();
    for (path, query) in [("/bucket/key", ""), ("/bucket//a/../b%20c%2Bd", "list-type=2&prefix=x%2Fy&delete=")] {
        let headers = [("x-amz-meta-a", "one  two"), ("content-type", "text/plain")];
        let uri = format!("https://backend.test{path}?{query}");
        let uri = uri.trim_end_matches('?');
        let signable = SignableRequest::new("PUT", uri, headers.into_iter(), SignableBody::Bytes(b"hello")).unwrap();
        let theirs = sign(signable, &params).unwrap().signature().to_owned();
        let mut signer = Signer::new(BACKEND).at(at);
        "eu-test-1".clone_into(&mut signer.region);
        let mut request = Request::new("PUT", "backend.test", path).query(query).body("hello");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let ours = signer.sign(request, Payload::Sha256);
        assert_eq!(ours.signature(), Some(theirs.as_str()), "{path}?{query}");
    }
}

fn aws_credential_types(id: &str, secret: &str) -> aws_smithy_runtime_api::client::identity::Identity {
    aws_credential_types::Credentials::new(id, secret, None, None, "test").into()
}

#[test]
fn whitespace_in_header_values_collapses_and_repeated_headers_join() {
    let headers =
        [("Host".into(), "h".into()), ("X-Amz-Meta-A".into(), " a  b ".into()), ("x-amz-meta-a".into(), "c".into())];
    let signed = ["host".to_owned(), "x-amz-meta-a".to_owned()];
    let parts =
        Parts { method: "GET", path: "/a b", query: "b=2&a", headers: &headers, signed: &signed, payload: "HASH" };
    let expected = "GET\n/a%20b\na=&b=2\nhost:h\nx-amz-meta-a:a b,c\n\nhost;x-amz-meta-a\nHASH";
    assert_eq!(canonical_request(parts), expected);
}

fn backend() -> Backend {
    let backend = Backend::start(BACKEND);
    backend.create_bucket("b");
    backend
}

fn signer() -> Signer {
    Signer { region: "eu-test-1".to_owned(), ..Signer::new(BACKEND) }
}

fn send(backend: &Backend, method: &str, path: &str, query: &str, body: &[u8]) -> Response {
    let request = Request::new(method, &backend.address().to_string(), path).query(query).body(body);
    Connection::plain(backend.address()).send(&signer().sign(request, Payload::Sha256)).unwrap()
}

#[test]
fn the_backend_keeps_objects() {
    let backend = backend();
    assert_eq!(send(&backend, "PUT", "/b/a/x/y", "", b"hello").status, 200);
    assert_eq!(backend.object("b", "a/x/y").unwrap(), b"hello");
    assert_eq!(send(&backend, "GET", "/b/a/x/y", "", b"").body, b"hello");
    let head = send(&backend, "HEAD", "/b/a/x/y", "", b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
    let listed = send(&backend, "GET", "/b", "list-type=2&delimiter=%2F", b"");
    assert_eq!(listed.element("CommonPrefixes").unwrap(), "<Prefix>a/</Prefix>");
    let begun = send(&backend, "POST", "/b/big", "uploads=", b"");
    let id = begun.element("UploadId").unwrap();
    for (number, data) in [("1", b"one"), ("2", b"two")] {
        assert_eq!(send(&backend, "PUT", "/b/big", &format!("partNumber={number}&uploadId={id}"), data).status, 200);
    }
    let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part><Part><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>";
    assert_eq!(send(&backend, "POST", "/b/big", &format!("uploadId={id}"), parts.as_bytes()).status, 200);
    assert_eq!(backend.object("b", "big").unwrap(), b"onetwo");
    assert!(
        send(&backend, "POST", "/b", "delete=", b"<Delete><Object><Key>big</Key></Object></Delete>")
            .text()
            .contains("big")
    );
    assert_eq!(backend.object("b", "big"), None);
    assert!(backend.settled().iter().all(|seen| seen.refused.is_none() && seen.complete));
}

#[test]
fn the_backend_takes_a_trailer_and_checks_it() {
    let backend = backend();
    let request = Request::new("PUT", &backend.address().to_string(), "/b/k").body(vec![7; 200_000]);
    let good = signer().sign(request, Payload::UnsignedTrailer);
    assert_eq!(Connection::plain(backend.address()).send(&good).unwrap().status, 200);
    assert_eq!(backend.object("b", "k").unwrap(), vec![7; 200_000]);
    let mut bad = good;
    bad.pieces[1][100] ^= 1;
    assert_eq!(Connection::plain(backend.address()).send(&bad).unwrap().status, 403);
    let small = Request::new("PUT", &backend.address().to_string(), "/b/k").body(vec![7; 20_000]);
    let small = signer().chunk(8191).sign(small, Payload::UnsignedTrailer);
    assert_eq!(Connection::plain(backend.address()).send(&small).unwrap().status, 403);
}

#[test]
fn the_backend_refuses_what_is_not_signed_or_not_signed_for_it() {
    let backend = backend();
    let good = signer().sign(Request::new("PUT", &backend.address().to_string(), "/b/k").body("x"), Payload::Sha256);
    let bad = [
        good.clone().header("x-amz-meta-late", "1"),
        good.clone().header("Expect", "100-continue"),
        good.clone().replacing("host", "other"),
        Request { path: "/b/%6B".to_owned(), ..good.clone() },
        Request { query: "a=b".to_owned(), ..good.clone() },
        Signer::new(BACKEND).sign(Request::new("GET", &backend.address().to_string(), "/b/k"), Payload::Sha256),
        good.clone().without("authorization"),
    ];
    for request in bad {
        let response = Connection::plain(backend.address()).send(&request).unwrap();
        assert_eq!(response.status, 403, "{request:?}");
    }
    assert_eq!(backend.object("b", "k"), None);
    assert_eq!(Connection::plain(backend.address()).send(&good).unwrap().status, 200);
    assert_eq!(backend.settled().iter().filter(|seen| seen.refused.is_none()).count(), 1);
}

#[test]
fn the_backend_misbehaves_on_command() {
    let backend = backend();
    backend.seed("b", "k", &[1; 1000]);
    backend.misbehave(Rule::new("/b/k", Fault::Truncate(10)).times(1));
    let cut = send(&backend, "GET", "/b/k", "", b"");
    assert_eq!((cut.status, cut.body.len(), cut.complete), (200, 10, false));
    backend.misbehave(
        Rule::new("/b/k", Fault::Instead(Answer::error(500, "InternalError", "once"))).method("GET").times(1),
    );
    assert_eq!(send(&backend, "GET", "/b/k", "", b"").status, 500);
    assert_eq!(send(&backend, "GET", "/b/k", "", b"").body.len(), 1000);
    backend.misbehave(Rule::new("/b/k", Fault::ResetAfter(100)).method("PUT"));
    let request = Request::new("PUT", &backend.address().to_string(), "/b/k").body(vec![2; 4_000_000]);
    let request = signer().sign(request, Payload::Sha256);
    assert!(Connection::plain(backend.address()).send(&request).is_err());
    assert_eq!(backend.object("b", "k").unwrap(), vec![1; 1000]);
    assert!(backend.settled().last().is_some_and(|seen| !seen.complete));
}

#[test]
fn http_chunks_carry_the_same_bytes() {
    let request = Request::new("PUT", "h", "/b/k").body(vec![3; 100]);
    let framed = Signer::new(BACKEND).at(SystemTime::now()).sign(request, Payload::Unsigned).transfer_chunked(64);
    assert_eq!(framed.pieces.concat().len(), 4 + 64 + 2 + 4 + 36 + 2 + 5);
    assert_eq!(framed.value("transfer-encoding"), "chunked");
    assert_eq!(framed.value("content-length"), "");
}
