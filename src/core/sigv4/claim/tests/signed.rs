//! What a signature covers: path, query, headers, scope.

use super::*;

#[test]
fn sig_1_header_and_presigned_requests_verify() {
    let verified = verify(&Draft::header().by_header()).unwrap();
    assert_eq!((verified.scheme(), verified.principal().to_string().as_str()), (Scheme::Header, "default/alice"));
    let PayloadAuth::Sha256(hash) = verified.payload() else { panic!() };
    assert_eq!(hex::encode(hash), EMPTY);
    let verified = verify(&Draft::presigned().by_query()).unwrap();
    assert_eq!(verified.scheme(), Scheme::Presigned);
    assert!(matches!(verified.payload(), PayloadAuth::Unsigned));
}

#[test]
fn sig_3_a_path_signed_as_received_verifies() {
    let bare = |signed: &str| Draft::header().with(|draft| draft.path = ("/bucket/a:(b)".into(), signed.into()));
    assert!(verify(&bare("/bucket/a%3A%28b%29").by_header()).is_ok());
    assert!(verify(&bare("/bucket/a:(b)").by_header()).is_ok());
    assert_eq!(verify(&bare("/bucket/a:%28b%29").by_header()).unwrap_err(), Denial::SignatureMismatch, "half encoded");
    let encoded = Draft::header().with(|draft| draft.path = ("/bucket/a%2f".into(), "/bucket/a%2f".into()));
    assert_eq!(verify(&encoded.by_header()).unwrap_err(), Denial::SignatureMismatch, "no bare byte, no second try");
}

#[test]
fn sig_5_a_plus_is_a_space_only_for_the_target_that_says_so() {
    let query = |raw: &str, signed: &str| Draft::header().with(|draft| draft.query = (raw.into(), signed.into()));
    assert!(verify(&query("prefix=a+b", "prefix=a%2Bb").by_header()).is_ok());
    let head = query("prefix=a+b", "prefix=a%20b").by_header();
    assert_eq!(verify(&head).unwrap_err(), Denial::SignatureMismatch, "or %20 could be swapped for a plus");
    let spaced = plus_as_space(&head, &target_of(&head)).unwrap();
    assert_eq!(spaced.query.get("prefix"), Some("a b"));
    assert_eq!(spaced.bucket, target_of(&head).bucket);
    assert!(claim(&head, &spaced).unwrap().verify(&[secret_of("alice", SECRET)], at(NOON)).is_ok());
    for raw in ["", "prefix=a%20b", "prefix=a%2Bb"] {
        let head = query(raw, "").by_header();
        assert_eq!(plus_as_space(&head, &target_of(&head)), None, "{raw}: nothing else to try");
    }
}

#[test]
fn sig_5_s18_repeated_and_empty_parameters_are_signed() {
    let draft = Draft::header().with(|draft| draft.query = ("z=1&a=2&a=1&e".into(), "a=1&a=2&e=&z=1".into()));
    assert!(verify(&draft.by_header()).is_ok());
    let moved = draft.render("a=2&a=1&e=&z=1", Some(draft.authorization()));
    assert!(verify(&moved).is_ok(), "order and an empty value make no difference");
    for changed in ["a=1&e=&z=1", "a=1&a=2&a=2&e=&z=1", "a=1&a=2&e=1&z=1", "a=1&a=2&e=&z=1&x"] {
        assert_eq!(verify(&draft.render(changed, Some(draft.authorization()))).unwrap_err(), Denial::SignatureMismatch);
    }
}

#[test]
fn sig_6_s17_header_values_are_canonical() {
    let signed = Draft::header().and("x-amz-meta-a", "one two,three").and("x-note", "");
    let sent = |first: &str, second: &str| {
        let mut sent = Draft::header().with(|draft| draft.signed = signed.signed.clone());
        sent.fields.extend([
            ("x-amz-meta-a", first.to_owned()),
            ("x-amz-meta-a", second.to_owned()),
            ("x-note", "".into()),
        ]);
        sent.render("", Some(signed.authorization()))
    };
    assert!(verify(&sent("one   two", "three")).is_ok());
    assert!(verify(&sent("one\ttwo", "  three\t")).is_ok());
    assert_eq!(verify(&sent("three", "one two")).unwrap_err(), Denial::SignatureMismatch, "arrival order counts");
}

#[test]
fn sig_6_non_ascii_values_are_signed_as_bytes() {
    let draft = Draft::header().and("user-agent", "Zürich/1");
    assert!(verify(&draft.by_header()).is_ok());
}

#[test]
fn sig_7_s03_the_list_of_signed_headers() {
    let listed = |list: &str| Draft::header().with(|draft| draft.signed = list.into()).by_header();
    assert!(verify(&listed("host;x-amz-content-sha256;x-amz-date")).is_ok());
    for list in [
        "host;x-amz-content-sha256;x-amz-date;x-amz-tagging",
        "content-type;host;x-amz-date",
        "x-amz-date;host",
        "host;host;x-amz-date",
        "Host;x-amz-date",
        "HOst;x-amz-date",
        "host;x-amz-date;",
        ";host;x-amz-date",
    ] {
        assert_eq!(verify(&listed(list)).unwrap_err(), Denial::SignedHeadersWrong, "{list}");
    }
}

#[test]
fn sig_8_s01_host_must_be_signed() {
    let unsigned = |draft: Draft, list: &str| draft.with(|draft| draft.signed = list.into());
    let denied = Denial::HeadersNotSigned(vec!["host".into()]);
    for list in ["x-amz-content-sha256;x-amz-date", ""] {
        assert_eq!(verify(&unsigned(Draft::header(), list).by_header()).unwrap_err(), denied, "{list}");
    }
    let presigned = unsigned(Draft::presigned().and("content-type", "text/plain"), "content-type").by_query();
    assert_eq!(verify(&presigned).unwrap_err(), denied);
}

#[test]
fn sig_8_s02_an_unsigned_amz_header_is_refused_in_both_forms() {
    for name in ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a", "x-amz-tagging", "x-amz-security-token"] {
        let denied = Denial::HeadersNotSigned(vec![name.into()]);
        let added = |draft: Draft| draft.with(|draft| draft.fields.push((name, "value".into())));
        assert_eq!(verify(&added(Draft::header()).by_header()).unwrap_err(), denied);
        assert_eq!(verify(&added(Draft::presigned()).by_query()).unwrap_err(), denied);
    }
    let list = "host;x-amz-content-sha256".to_owned();
    let undated = Draft::header().with(|draft| draft.signed = list);
    assert_eq!(verify(&undated.by_header()).unwrap_err(), Denial::HeadersNotSigned(vec!["x-amz-date".into()]));
    // The positive twins: signed, or not of that kind, or bound as the payload hash.
    assert!(verify(&Draft::header().and("x-amz-acl", "private").by_header()).is_ok());
    assert!(verify(&Draft::presigned().and("x-amz-acl", "private").by_query()).is_ok());
    for name in ["x-amzn-trace-id", "if-match", "content-type"] {
        assert!(verify(&Draft::header().with(|draft| draft.fields.push((name, "v".into()))).by_header()).is_ok());
    }
    assert!(verify(&Draft::header().with(|draft| draft.signed = "host;x-amz-date".into()).by_header()).is_ok());
}

#[test]
fn sig_11_s11_the_scope_of_the_day_and_of_s3() {
    let scoped = |scope: &str| Draft::header().with(|draft| draft.credential = format!("{ACCESS_KEY}/{scope}"));
    for region in ["eu-west-1", "auto", "garage"] {
        assert!(verify(&scoped(&format!("20130524/{region}/s3/aws4_request")).by_header()).is_ok(), "SIG-12 {region}");
    }
    for scope in
        ["20130523/us-east-1/s3/aws4_request", "20130524/us-east-1/sts/aws4_request", "20130524/r/s3/aws5_request"]
    {
        let header = verify(&scoped(scope).by_header()).unwrap_err();
        assert!(matches!(header, Denial::AuthorizationMalformed(_)), "{scope}: {header:?}");
        let presigned = Draft::presigned().with(|draft| draft.credential = format!("{ACCESS_KEY}/{scope}"));
        let query = verify(&presigned.by_query()).unwrap_err();
        assert!(matches!(query, Denial::QueryAuthorizationMalformed(_)), "{scope}: {query:?}");
    }
}
