//! Error bodies: what a client may learn of them.

use super::*;
use crate::s3::{ErrorContext, ObjectKey};

const CONTEXT: ErrorContext<'static> = ErrorContext { resource: "/photos/a&b", request_id: "REQUEST1" };

fn object() -> Operation {
    of("GetObject", Some("a&b"))
}

fn of(name: &str, key: Option<&str>) -> Operation {
    let key = key.map(|key| ObjectKey::parse(key.as_bytes().to_vec()).unwrap());
    crate::s3::named(name, BucketName::parse("photos").ok(), key, None).unwrap()
}

fn answer(status: u16, operation: &Operation, body: &str) -> String {
    let mut error = ErrorBody::default();
    body.as_bytes().chunks(5).for_each(|piece| error.push(piece));
    String::from_utf8(error.finish(status, operation, CONTEXT)).unwrap()
}

/// An error with all that backends of any kind add to it.
fn loaded(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>corp-backend-7 in eu-central-1: p/a&amp;b</Message>\
         <Key>p/a&amp;b</Key><BucketName>corp-backend-7</BucketName><Bucket>corp-backend-7</Bucket><Resource>/corp-backend-7/p\
         </Resource><Region>eu-central-1</Region><Endpoint>corp-backend-7.s3.amazonaws.com</Endpoint>\
         <AWSAccessKeyId>AKIABACKEND</AWSAccessKeyId><StringToSign>corp-sts</StringToSign><StringToSignBytes>41 57\
         </StringToSignBytes><CanonicalRequest>corp-cr</CanonicalRequest><SignatureProvided>corp-sig</SignatureProvided>\
         <ArgumentName>corp backend 7</ArgumentName><ArgumentValue>corp-backend-7</ArgumentValue><Token-0>corp</Token-0>\
         <RequestId>corp-request</RequestId><HostId>corp-host</HostId><ETag>&quot;1&quot;</ETag></Error>"
    )
}

fn leaks(body: &str) -> bool {
    ["corp", "eu-central", "AKIA", "p/a", "41 57"].iter().any(|secret| body.contains(secret))
}

#[test]
fn er_1_an_error_about_the_object_keeps_its_code_under_the_clients_names() {
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
        <Message>The specified key does not exist.</Message><Key>a&amp;b</Key><ETag>&quot;1&quot;</ETag>\
        <Resource>/photos/a&amp;b</Resource><RequestId>REQUEST1</RequestId><HostId>REQUEST1</HostId></Error>";
    assert_eq!(answer(404, &object(), &loaded("NoSuchKey")), expected);
    let bucket = answer(404, &object(), &loaded("NoSuchBucket"));
    assert!(bucket.contains("<BucketName>photos</BucketName>") && !leaks(&bucket));
}

#[test]
fn details_of_the_request_pass() {
    let body = "<Error><Code>InvalidRange</Code><Message>m</Message><ActualObjectSize>7</ActualObjectSize>\
                <RangeRequested>bytes=9-</RangeRequested><RangeRequested>twice</RangeRequested></Error>";
    let range = answer(416, &object(), body);
    assert!(
        range.contains("<ActualObjectSize>7</ActualObjectSize><RangeRequested>bytes=9-</RangeRequested><Resource>")
    );
    let argument =
        answer(400, &object(), "<Error><Code>InvalidArgument</Code><ArgumentName>max-keys</ArgumentName></Error>");
    assert!(argument.contains("<ArgumentName>max-keys</ArgumentName>"));
    let long = format!("<Error><Code>InvalidRange</Code><RangeRequested>{}</RangeRequested></Error>", "9".repeat(2000));
    assert!(!answer(416, &object(), &long).contains("RangeRequested"));
}

#[test]
fn trap_11_errors_about_osp_become_internal() {
    for code in [
        "AccessDenied",
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "RequestTimeTooSkewed",
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "ExpiredToken",
        "InvalidToken",
        "PermanentRedirect",
        "TemporaryRedirect",
        "Redirect",
        "IllegalLocationConstraintException",
    ] {
        let body = answer(400, &object(), &loaded(code));
        assert!(body.contains("<Code>InternalError</Code>") && !body.contains("<ETag>") && !leaks(&body), "{body}");
        assert!(!body.contains("<Region>") && !body.contains("<Endpoint>"), "{body}");
    }
}

#[test]
fn no_code_of_a_backend_lets_anything_through() {
    for code in ["NoSuchUpload", "InvalidArgument", "InternalError", "SlowDown", "SomethingNew", "", "&lt;b&gt;corp"] {
        for status in [301, 400, 403, 404, 500] {
            let body = answer(status, &object(), &loaded(code));
            assert!(!leaks(&body), "{body}");
        }
    }
}

#[test]
fn unreadable_bodies_get_the_generic_code_of_the_status() {
    let bucket = of("ListObjects", None);
    let upload = of("CompleteMultipartUpload", Some("a&b"));
    for (status, operation, code) in [
        (301, object(), "InternalError"),
        (400, object(), "InvalidRequest"),
        (403, object(), "InternalError"),
        (404, object(), "NoSuchKey"),
        (404, bucket, "NoSuchBucket"),
        (404, upload, "NoSuchUpload"),
        (409, object(), "OperationAborted"),
        (412, object(), "PreconditionFailed"),
        (416, object(), "InvalidRange"),
        (418, object(), "InternalError"),
        (429, object(), "SlowDown"),
        (500, object(), "InternalError"),
        (501, object(), "NotImplemented"),
        (503, object(), "ServiceUnavailable"),
    ] {
        for body in [
            "",
            "<html><head><title>corp</title></head></html>",
            "<Error><Code>SlowDown</Code>",
            "<Errors><Code>SlowDown</Code></Errors>",
            "<!DOCTYPE x><Error><Code>SlowDown</Code></Error>",
            "<Error><Nested><Code>SlowDown</Code></Nested></Error>",
            "{\"code\": \"SlowDown\"}",
        ] {
            let answer = answer(status, &operation, body);
            assert!(answer.contains(&format!("<Error><Code>{code}</Code><Message>")), "{status} {body} {answer}");
        }
    }
    assert!(answer(500, &object(), "<Error><Code>SlowDown</Code></Error>").contains("<Code>SlowDown</Code>"));
}

#[test]
fn a_body_over_the_limit_is_cut() {
    let mut error = ErrorBody::default();
    error.push(b"<Error><Code>SlowDown</Code>");
    for _ in 0..100 {
        error.push(&[b' '; 4096]);
    }
    error.push(b"</Error>");
    assert_eq!(error.collected.len(), 64 * 1024);
    assert_eq!(error.backend_code(), None);
    let body = String::from_utf8(error.finish(503, &object(), CONTEXT)).unwrap();
    assert!(body.contains("<Code>ServiceUnavailable</Code>"));
}

#[test]
fn the_backends_own_code_is_for_the_log() {
    let mut error = ErrorBody::default();
    error.push(loaded("AccessDenied").as_bytes());
    assert_eq!(error.backend_code().as_deref(), Some("AccessDenied"));
}
