//! Each row of the table, from what a backend sends to what the client gets.

use super::*;
use crate::s3::{BucketName, ObjectKey, Query, named};

fn of(name: &str) -> Operation {
    let key = (!name.contains("Bucket") && name != "ListObjects").then(|| ObjectKey::parse(b"a&b".to_vec()).unwrap());
    named(name, BucketName::parse("photos").ok(), key, None).unwrap()
}

fn judge(name: &str, query: &str, refusal: Refusal<'_>, body: &str) -> Meaning {
    let mut error = ErrorBody::default();
    body.as_bytes().chunks(7).for_each(|piece| error.push(piece));
    error.judge(refusal, &of(name), &Query::parse(query.as_bytes()).unwrap())
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message><BucketName>corp</BucketName></Error>"
    )
}

fn answered(status: u16) -> Refusal<'static> {
    Refusal { status, ..Refusal::default() }
}

/// Status, code and message of what the client gets.
fn told(meaning: &Meaning) -> Option<(u16, &str, String)> {
    let Meaning::Client(denial) = meaning else { return None };
    Some((denial.row().status, denial.row().code, denial.to_string()))
}

fn region(name: &str) -> Meaning {
    Meaning::Elsewhere(Region::parse(name).unwrap())
}

const LOCK: &str = "Access Denied because object protected by object lock.";

#[test]
fn er_4_a_locked_version_is_the_clients_business_at_every_backend() {
    for (status, code, message, operation, query) in [
        // AWS, Ceph RGW, MinIO: they say so
        (403, "AccessDenied", LOCK, "DeleteObject", "versionId=v"),
        (403, "AccessDenied", "forbidden by object lock", "DeleteObject", "versionId=v"),
        (400, "InvalidRequest", "Object is WORM protected and cannot be overwritten", "DeleteObject", "versionId=v"),
        (403, "AccessDenied", "Forbidden by object lock. ", "PutObject", ""),
        (403, "ObjectLocked", "whatever", "PutObject", ""),
    ] {
        let meaning = judge(operation, query, answered(status), &error(code, message));
        assert_eq!(told(&meaning), Some((403, "AccessDenied", LOCK.to_owned())), "{code} {message}");
    }
    // SeaweedFS has one text for everything: the operation tells
    for (operation, query) in
        [("DeleteObject", "versionId=v"), ("PutObjectRetention", "retention"), ("PutObjectLegalHold", "legal-hold")]
    {
        let meaning = judge(operation, query, answered(403), &error("AccessDenied", "Access Denied."));
        assert_eq!(told(&meaning), Some((403, "AccessDenied", "Access Denied".to_owned())), "{operation}");
    }
}

#[test]
fn trap_11_any_other_access_denied_is_about_osp() {
    for (operation, query) in [
        ("GetObject", ""),
        ("GetObject", "versionId=v"),
        ("HeadObject", ""),
        ("PutObject", ""),
        ("DeleteObject", ""),
        ("GetObjectRetention", "retention"),
        ("ListObjects", ""),
    ] {
        for message in ["Access Denied", "User is not authorized to perform: s3:PutObjectLegalHold", "object lock", ""]
        {
            let meaning = judge(operation, query, answered(403), &error("AccessDenied", message));
            assert_eq!(meaning, Meaning::Gateway, "{operation} {message}");
        }
    }
}

#[test]
fn trap_11_credentials_clock_and_address_stay_inside_whatever_the_status() {
    for code in [
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "ExpiredToken",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "AuthorizationQueryParametersError",
        "XAmzContentSHA256Mismatch",
        "AccessForbidden",
        "AuthorizationHeaderMalformed",
        "PermanentRedirect",
        "TemporaryRedirect",
    ] {
        for status in [301, 307, 400, 401, 403, 407] {
            for operation in ["GetObject", "PutObject", "DeleteObject", "PutObjectRetention"] {
                let meaning = judge(operation, "versionId=v", answered(status), &error(code, "corp"));
                assert_eq!(meaning, Meaning::Gateway, "{code} {status} {operation}");
            }
        }
    }
    for status in [300, 301, 302, 307, 308, 401, 403, 407] {
        for body in ["", "<html>", &error("SomethingNew", ""), &error("NoSuchKey", ""), &error("InvalidArgument", "")] {
            assert_eq!(judge("GetObject", "", answered(status), body), Meaning::Gateway, "{status} {body}");
        }
    }
}

#[test]
fn er_4_403_about_the_object_and_400_about_the_request_are_passed_on() {
    for (status, code) in [
        (403, "InvalidObjectState"),
        (403, "ObjectAlreadyInActiveTierError"),
        (403, "QuotaExceeded"),
        (400, "InvalidArgument"),
        (400, "EntityTooSmall"),
        (400, "BadDigest"),
    ] {
        let meaning = judge("PutObject", "", answered(status), &error(code, "corp"));
        let (found, client, message) = told(&meaning).unwrap();
        assert_eq!((found, client), (status, code));
        assert!(!message.contains("corp"));
    }
    assert_eq!(judge("PutObject", "", answered(400), "<html>No required SSL certificate was sent"), Meaning::Gateway);
    for status in [301, 307, 401, 407] {
        for code in ["QuotaExceeded", "InvalidObjectState"] {
            assert_eq!(judge("PutObject", "", answered(status), &error(code, "")), Meaning::Gateway, "{status} {code}");
        }
    }
    for body in ["", &error("SomethingNew", "corp")] {
        let meaning = judge("PutObject", "", answered(400), body);
        assert_eq!(told(&meaning).map(|(status, code, _)| (status, code)), Some((400, "InvalidRequest")), "{body}");
    }
    let archived = "<Error><Code>InvalidObjectState</Code><StorageClass>GLACIER</StorageClass><Key>p/x</Key></Error>";
    let Meaning::Client(denial) = judge("GetObject", "", answered(403), archived) else { panic!() };
    assert_eq!(denial.details(), [("StorageClass", "GLACIER".to_owned())]);
}

#[test]
fn rn_6_the_region_comes_from_the_header_or_the_body_and_never_an_address() {
    let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
    assert_eq!(judge("PutObject", "", answered(400), body), region("eu-west-1"));
    let moved = "<Error><Code>PermanentRedirect</Code><Endpoint>evil.test</Endpoint></Error>";
    assert_eq!(judge("GetObject", "", answered(301), moved), Meaning::Gateway);
    let header = Refusal { region: Some("us-west-2"), ..answered(301) };
    assert_eq!(judge("GetObject", "", header, moved), region("us-west-2"));
    for text in ["evil.test", "a/b", "", "a b"] {
        let header = Refusal { region: Some(text), ..answered(301) };
        assert_eq!(judge("GetObject", "", header, moved), Meaning::Gateway, "{text}");
    }
    // a region beside an error that is not about regions says nothing
    let header = Refusal { region: Some("us-west-2"), ..answered(403) };
    assert_eq!(judge("GetObject", "", header, &error("SignatureDoesNotMatch", "")), Meaning::Gateway);
    assert!(told(&judge("GetObject", "", Refusal { status: 400, ..header }, &error("InvalidArgument", ""))).is_some());
}

#[test]
fn er_2_what_an_answer_to_head_means() {
    let head = |query: &str, refusal: Refusal<'_>| judge("HeadObject", query, refusal, "");
    let bad_request = |meaning: &Meaning| told(meaning).map(|(status, ..)| status) == Some(400);
    assert!(bad_request(&head("", answered(400))));
    assert_eq!(head("", answered(403)), Meaning::Gateway);
    assert_eq!(head("", Refusal { region: Some("eu-west-1"), ..answered(400) }), region("eu-west-1"));
    assert_eq!(head("", Refusal { region: Some("eu-west-1"), ..answered(301) }), region("eu-west-1"));
    // a session token may have expired
    let temporary = Refusal { is_temporary: true, ..answered(400) };
    assert_eq!(head("", temporary), Meaning::Gateway);
    assert!(bad_request(&head("versionId=x", temporary)) && bad_request(&head("partNumber=x", temporary)));
    // MinIO says the code in a header
    assert_eq!(head("", Refusal { code: Some("AccessDenied"), ..answered(403) }), Meaning::Gateway);
    assert_eq!(head("", Refusal { code: Some("AuthorizationHeaderMalformed"), ..answered(400) }), Meaning::Gateway);
    assert!(bad_request(&head("", Refusal { code: Some("XMinioInvalidObjectName"), ..answered(400) })));
    assert_eq!(judge("HeadBucket", "", answered(400), ""), Meaning::Gateway);
}

#[test]
fn d03_the_errors_of_single_keys() {
    let entry = |code, message, version| entry_error(code, message, version).message;
    assert_eq!(entry("AccessDenied", LOCK, true), LOCK);
    assert_eq!(entry("InvalidRequest", "Object is WORM protected and cannot be overwritten", true), LOCK);
    assert_eq!(entry("AccessDenied", "Access Denied.", true), "Access Denied");
    for (code, message) in [("AccessDenied", "Access Denied."), ("SignatureDoesNotMatch", LOCK), ("", ""), ("New", "")]
    {
        assert_eq!(entry_error(code, message, false), INTERNAL, "{code}");
    }
    assert_eq!(entry_error("SlowDown", "", false).code, "SlowDown");
}

#[test]
fn ambiguous_are_redirects_and_refusals() {
    for status in [300, 301, 302, 307, 308, 400, 401, 403, 407] {
        assert!(is_ambiguous(status), "{status}");
    }
    for status in [200, 204, 206, 304, 404, 405, 409, 412, 416, 429, 500, 503] {
        assert!(!is_ambiguous(status), "{status}");
    }
}

/// C26: with a credential of the client's own, what the backend denies is denied to the client; whatever else is wrong with
/// the credential is still nobody's business.
#[test]
fn c26_what_a_personal_credential_may_not_do_the_client_may_not_do() {
    for (is_personal, expected) in [(true, Some((403, "AccessDenied", "Access Denied".to_owned()))), (false, None)] {
        let refusal = Refusal { is_personal, ..answered(403) };
        assert_eq!(told(&judge("PutObject", "", refusal, &error("AccessDenied", "no"))), expected, "{is_personal}");
        assert_eq!(told(&judge("HeadObject", "", refusal, "")), expected, "{is_personal}: HEAD");
        for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"] {
            assert_eq!(judge("PutObject", "", refusal, &error(code, "no")), Meaning::Gateway, "{is_personal} {code}");
        }
    }
}
