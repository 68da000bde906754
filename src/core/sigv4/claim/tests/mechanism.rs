//! Which mechanism, which secret, which time, which payload, and tokens.

use super::*;

#[test]
fn sig_13_s08_the_date_header_will_do() {
    for value in ["Fri, 24 May 2013 12:00:00 GMT", NOON] {
        let dated = |list: &str| {
            Draft::header().with(|draft| {
                draft.fields.retain(|(name, _)| *name != "x-amz-date");
                draft.fields.push(("date", value.into()));
                draft.signed = list.into();
            })
        };
        assert!(verify(&dated("date;host;x-amz-content-sha256").by_header()).is_ok(), "{value}");
        assert!(
            verify(&dated("host;x-amz-content-sha256").by_header()).is_ok(),
            "{value}: bound by the string to sign"
        );
    }
    let undated = Draft::header().with(|draft| {
        draft.fields.retain(|(name, _)| *name != "x-amz-date");
        draft.signed = "host;x-amz-content-sha256".into();
    });
    assert_eq!(verify(&undated.by_header()).unwrap_err(), Denial::MissingDate);
    let broken =
        Draft::header().and("date", "Fri, 24 May 2013 12:00:00 GMT").with(|draft| draft.fields[2].1 = "noon".into());
    assert_eq!(verify(&broken.by_header()).unwrap_err(), Denial::MissingDate, "x-amz-date is not made good by Date");
    let conflict = Draft::header().and("date", "Thu, 23 May 2013 12:00:00 GMT");
    assert!(verify(&conflict.by_header()).is_ok(), "x-amz-date wins");
}

#[test]
fn sig_13_s08_a_quarter_of_an_hour_either_way() {
    let head = Draft::header().by_header();
    let alice = [secret_of("alice", SECRET)];
    for now in ["20130524T114500Z", "20130524T121500Z"] {
        assert!(verify_at(&head, &alice, at(now)).is_ok(), "{now}");
    }
    for now in ["20130524T114459Z", "20130524T121501Z", "20140524T120000Z"] {
        let denied = Denial::ClockSkew { request: at(NOON), server: at(now) };
        assert_eq!(verify_at(&head, &alice, at(now)).unwrap_err(), denied);
        assert_eq!(verify_at(&head, &[], at(now)).unwrap_err(), denied, "whatever the key");
    }
    let midnight = Draft::header().with(|draft| {
        draft.date = "20130524T235959Z";
        draft.fields[2].1 = draft.date.into();
    });
    assert!(verify_at(&midnight.by_header(), &alice, at("20130525T000500Z")).is_ok(), "the day may have turned");
}

#[test]
fn sig_14_unknown_keys_and_wrong_secrets() {
    let head = Draft::header().by_header();
    assert_eq!(verify_at(&head, &[], at(NOON)).unwrap_err(), Denial::UnknownAccessKey);
    let wrong = [secret_of("alice", "another secret")];
    assert_eq!(verify_at(&head, &wrong, at(NOON)).unwrap_err(), Denial::SignatureMismatch);
    for signature in ["", "00", &"0".repeat(64), &"F".repeat(64), &"g".repeat(64)] {
        let draft = Draft::header();
        let (start, _) = draft.authorization().rsplit_once('=').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let head = draft.render("", Some(format!("{start}={signature}")));
        assert_eq!(verify(&head).unwrap_err(), Denial::SignatureMismatch, "{signature}");
        assert_eq!(verify_at(&head, &[], at(NOON)).unwrap_err(), Denial::UnknownAccessKey, "{signature}");
    }
    let upper = Draft::header().authorization().rsplit_once('=').map(|(a, b)| format!("{a}={}", b.to_uppercase()));
    assert_eq!(verify(&Draft::header().render("", upper)).unwrap_err(), Denial::SignatureMismatch, "one text only");
}

#[test]
fn two_live_secrets_of_one_principal_and_the_same_of_two() {
    let head = Draft::header().by_header();
    let old_and_new = [secret_of("alice", "old"), secret_of("alice", SECRET)];
    assert_eq!(verify_at(&head, &old_and_new, at(NOON)).unwrap().principal().to_string(), "default/alice");
    let twice = [secret_of("alice", SECRET), secret_of("alice", SECRET)];
    assert!(verify_at(&head, &twice, at(NOON)).is_ok());
    let different = [secret_of("bob", "old"), secret_of("alice", SECRET)];
    assert_eq!(verify_at(&head, &different, at(NOON)).unwrap().principal().to_string(), "default/alice");
    let shared = [secret_of("alice", SECRET), secret_of("alice", "old"), secret_of("bob", SECRET)];
    assert_eq!(verify_at(&head, &shared, at(NOON)).unwrap_err(), Denial::SignatureMismatch);
    let ninth = ["1", "2", "3", "4", "5", "6", "7", "8", SECRET].map(|secret| secret_of("alice", secret));
    assert_eq!(verify_at(&head, &ninth, at(NOON)).unwrap_err(), Denial::SignatureMismatch);
    assert!(verify_at(&head, &ninth[1..], at(NOON)).is_ok());
}

#[test]
fn sig_15_s04_one_mechanism_only() {
    let header = Draft::header();
    let authorization = Some(header.authorization());
    for query in [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "x-amz-signature=00",
        "X-Amz-Credential=",
        "X-AMZ-EXPIRES=1",
        "AWSAccessKeyId=AK",
        "Signature=abc&Expires=1",
    ] {
        assert_eq!(
            verify(&header.render(query, authorization.clone())).unwrap_err(),
            Denial::MultipleAuthentication,
            "{query}"
        );
    }
    let presigned = Draft::presigned();
    for value in ["AWS AK:sig", "Bearer abc", &header.authorization()] {
        let head = presigned.render(&presigned.presigned_query(), Some(value.to_owned()));
        assert_eq!(verify(&head).unwrap_err(), Denial::MultipleAuthentication, "{value}");
    }
    let both_versions = format!("{}&AWSAccessKeyId=AK", presigned.presigned_query());
    assert_eq!(verify(&presigned.render(&both_versions, None)).unwrap_err(), Denial::MultipleAuthentication);
}

#[test]
fn s05_s07_no_credentials_and_other_schemes() {
    let draft = Draft::header();
    assert_eq!(verify(&draft.render("", None)).unwrap_err(), Denial::Anonymous);
    assert_eq!(verify(&draft.render("list-type=2", None)).unwrap_err(), Denial::Anonymous);
    for value in
        ["AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", "Bearer abc", "AWS4-HMAC-SHA512 Credential=x"]
    {
        assert_eq!(verify(&draft.render("", Some(value.into()))).unwrap_err(), Denial::UnsupportedAuthentication);
    }
    for query in ["AWSAccessKeyId=AK&Signature=abc&Expires=1", "Signature=abc&Expires=1", "awsaccesskeyid=AK"] {
        assert_eq!(verify(&draft.render(query, None)).unwrap_err(), Denial::UnsupportedAuthentication, "{query}");
    }
    let sigv4a = draft.authorization().replace("HMAC-SHA256", "ECDSA-P256-SHA256");
    assert_eq!(reason(&verify(&draft.render("", Some(sigv4a))).unwrap_err()), "not_implemented");
    let query = Draft::presigned().presigned_query();
    let sigv4a = query.replace("HMAC-SHA256", "ECDSA-P256-SHA256");
    assert_eq!(reason(&verify(&Draft::presigned().render(&sigv4a, None)).unwrap_err()), "not_implemented");
    for algorithm in ["AWS4-HMAC-SHA512", "AWS4-HMAC-SHA256%20", ""] {
        let other = query.replace("AWS4-HMAC-SHA256", algorithm);
        let denied = verify(&Draft::presigned().render(&other, None)).unwrap_err();
        assert!(matches!(denied, Denial::QueryAuthorizationMalformed(_)), "{algorithm}");
    }
}

#[test]
fn s06_the_payload_of_a_header_request() {
    let with = |literal: &str| {
        Draft::header().with(|draft| {
            draft.fields[1].1 = literal.into();
            draft.payload = literal.into();
        })
    };
    assert!(matches!(verify(&with("UNSIGNED-PAYLOAD").by_header()).unwrap().payload(), PayloadAuth::Unsigned));
    let trailer = verify(&with("STREAMING-UNSIGNED-PAYLOAD-TRAILER").by_header()).unwrap();
    assert!(matches!(trailer.payload(), PayloadAuth::UnsignedTrailer));
    for literal in ["STREAMING-UNSIGNED-PAYLOAD", "unsigned-payload", "abc"] {
        assert_eq!(verify(&with(literal).by_header()).unwrap_err(), Denial::InvalidContentSha256, "{literal}");
    }
    assert_eq!(
        reason(&verify(&with("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD").by_header()).unwrap_err()),
        "not_implemented"
    );
    let missing = Draft::header().with(|draft| {
        draft.fields.remove(1);
        draft.signed = "host;x-amz-date".into();
    });
    assert_eq!(verify(&missing.by_header()).unwrap_err(), Denial::MissingContentSha256);
}

#[test]
fn s12_a_session_token_is_refused_after_the_signature() {
    let in_header = Draft::header().and("x-amz-security-token", "token");
    assert_eq!(verify(&in_header.by_header()).unwrap_err(), Denial::InvalidToken);
    let in_query = Draft::presigned().with(|draft| draft.query.1 = "X-Amz-Security-Token=token".into());
    assert_eq!(verify(&in_query.by_query()).unwrap_err(), Denial::InvalidToken);
    let across = Draft::header().with(|draft| {
        draft.query = ("X-Amz-Security-Token=token".into(), "X-Amz-Security-Token=token".into());
    });
    assert_eq!(verify(&across.by_header()).unwrap_err(), Denial::InvalidToken);
    let wrong = [secret_of("alice", "another secret")];
    assert_eq!(verify_at(&in_header.by_header(), &wrong, at(NOON)).unwrap_err(), Denial::SignatureMismatch);
}

#[test]
fn trap_13_over_http2_the_host_is_the_authority() {
    let draft = Draft::header();
    let authorization = draft.authorization();
    let verify_h2 = |authority: &str| {
        let fields = draft.fields.iter().filter(|(name, _)| *name != "host");
        let fields =
            fields.map(|(name, value)| (*name, value.as_bytes())).chain([("authorization", authorization.as_bytes())]);
        verify(&RawHead::from_http2(http::Method::GET, b"/bucket/key", authority, fields).unwrap())
    };
    assert!(verify_h2("localhost:8080").is_ok());
    assert_eq!(verify_h2("localhost:8081").unwrap_err(), Denial::SignatureMismatch);
}

#[test]
fn sig_17_only_success_is_remembered() {
    let alice = secret_of("alice", SECRET);
    let scope = crate::sigv4::Scope { date: "20130524".into(), region: "us-east-1".into(), service: "s3".into() };
    let poison = SigningKey::derive_dummy(&scope);
    let is_remembered = |secret: &ClientSecret| {
        // Remembering is a no-op for a scope that is remembered already: the poison then does not stick.
        let probe = secret.clone();
        probe.remember(&scope, &poison);
        probe.signing_key(&scope).sign(b"x") != poison.sign(b"x")
    };
    let mut wrong = Draft::header();
    wrong.payload = "UNSIGNED-PAYLOAD".into();
    assert!(verify_at(&wrong.by_header(), std::slice::from_ref(&alice), at(NOON)).is_err());
    assert!(!is_remembered(&alice));
    let alice = secret_of("alice", SECRET);
    assert!(verify_at(&Draft::header().by_header(), std::slice::from_ref(&alice), at(NOON)).is_ok());
    assert!(is_remembered(&alice));
}
