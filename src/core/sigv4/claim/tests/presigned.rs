//! PRE-1 to PRE-6.

use super::*;

#[test]
fn pre_1_every_parameter_is_required_once() {
    let query = Draft::presigned().presigned_query();
    for name in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with(&format!("X-Amz-{name}="))).collect();
        let Denial::QueryAuthorizationMalformed(text) =
            verify(&Draft::presigned().render(&rest.join("&"), None)).unwrap_err()
        else {
            panic!("{name}")
        };
        assert!(text.starts_with("Query-string authentication version 4 requires the"), "{name}: {text}");
        let pair = query.split('&').find(|pair| pair.starts_with(&format!("X-Amz-{name}="))).unwrap();
        for again in [pair.to_owned(), pair.to_lowercase()] {
            let denied = verify(&Draft::presigned().render(&format!("{query}&{again}"), None)).unwrap_err();
            assert!(matches!(denied, Denial::QueryAuthorizationMalformed(_)), "SIG-16 {again}: {denied:?}");
        }
    }
}

#[test]
fn pre_2_s09_a_presigned_url_lives_as_long_as_it_says() {
    let alice = [secret_of("alice", SECRET)];
    for (expires, last) in [("0", NOON), ("60", "20130524T120100Z"), ("604800", "20130531T120000Z")] {
        let draft = Draft::presigned().with(|draft| draft.expires = expires.into());
        for now in ["20130524T114500Z", NOON, last] {
            assert!(verify_at(&draft.by_query(), &alice, at(now)).is_ok(), "{expires} at {now}");
        }
        let late = at(last).plus_seconds(1);
        let expired = Denial::PresignExpired { expires: at(last), server: late };
        assert_eq!(verify_at(&draft.by_query(), &alice, late).unwrap_err(), expired);
        let early = at("20130524T114459Z");
        assert_eq!(verify_at(&draft.by_query(), &alice, early).unwrap_err(), Denial::PresignNotYetValid);
        for secrets in [&[][..], &[secret_of("alice", "another secret")]] {
            assert_eq!(verify_at(&draft.by_query(), secrets, late).unwrap_err(), expired, "time before signature");
        }
    }
    for expires in ["604801", "-1", "%2B1", "1e9", ""] {
        let draft = Draft::presigned().with(|draft| draft.expires = expires.into());
        let denied = verify(&draft.by_query()).unwrap_err();
        assert!(matches!(denied, Denial::QueryAuthorizationMalformed(_)), "{expires}");
    }
    let date = Draft::presigned().with(|draft| draft.date = "Fri");
    assert!(matches!(verify(&date.by_query()).unwrap_err(), Denial::QueryAuthorizationMalformed(_)));
}

#[test]
fn pre_3_the_payload_of_a_presigned_request() {
    let in_query = |literal: &str| {
        Draft::presigned().with(|draft| {
            draft.query.1 = format!("X-Amz-Content-Sha256={literal}");
            draft.payload = literal.into();
        })
    };
    let in_header = |literal: &str| {
        Draft::presigned().and("x-amz-content-sha256", literal).with(|draft| draft.payload = literal.into())
    };
    for head in [in_query(EMPTY).by_query(), in_header(EMPTY).by_query()] {
        assert!(matches!(verify(&head).unwrap().payload(), PayloadAuth::Sha256(_)));
    }
    for literal in ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        assert_eq!(reason(&verify(&in_query(literal).by_query()).unwrap_err()), "not_implemented");
        assert_eq!(reason(&verify(&in_header(literal).by_query()).unwrap_err()), "not_implemented");
        let unsigned = Draft::presigned().with(|draft| draft.fields.push(("x-amz-content-sha256", literal.into())));
        assert_eq!(reason(&verify(&unsigned.by_query()).unwrap_err()), "not_implemented", "nor unsigned (trap 6)");
    }
    let unsigned = Draft::presigned().with(|draft| draft.fields.push(("x-amz-content-sha256", EMPTY.into())));
    assert!(matches!(verify(&unsigned.by_query()).unwrap().payload(), PayloadAuth::Unsigned), "it binds nothing");
    assert_eq!(verify(&in_query("abc").by_query()).unwrap_err(), Denial::InvalidContentSha256);
}

#[test]
fn pre_5_overrides_and_hoisted_parameters_are_signed() {
    let draft =
        Draft::presigned().with(|draft| draft.query.1 = "response-content-type=text%2Fplain&x-amz-acl=private".into());
    assert!(verify(&draft.by_query()).is_ok());
    for (from, to) in [("text%2Fplain", "text%2Fhtml"), ("private", "public-read"), ("&x-amz-acl=private", "")] {
        let changed = draft.presigned_query().replace(from, to);
        assert_eq!(verify(&draft.render(&changed, None)).unwrap_err(), Denial::SignatureMismatch, "{to}");
    }
    let added = format!("{}&x-amz-tagging=a%3Db", draft.presigned_query());
    assert_eq!(verify(&draft.render(&added, None)).unwrap_err(), Denial::SignatureMismatch);
}

#[test]
fn pre_6_the_method_and_the_addressing_are_bound() {
    let get = Draft::presigned();
    let head = Draft::presigned().with(|draft| draft.method = "HEAD");
    assert_eq!(verify(&head.render(&get.presigned_query(), None)).unwrap_err(), Denial::SignatureMismatch);
    assert!(verify(&head.by_query()).is_ok());
    let path_style = Draft::presigned().with(|draft| draft.fields[0].1 = "s3.amazonaws.com".into());
    let virtual_host = Draft::presigned().with(|draft| {
        draft.fields[0].1 = "bucket.s3.amazonaws.com".into();
        draft.path = ("/key".into(), "/key".into());
    });
    assert!(verify(&path_style.by_query()).is_ok() && verify(&virtual_host.by_query()).is_ok());
    let crossed = virtual_host.render(&path_style.presigned_query(), None);
    assert_eq!(verify(&crossed).unwrap_err(), Denial::SignatureMismatch);
}
