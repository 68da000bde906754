//! The published S3 examples and every rule of claim and verify. The drafts below are signed by a few lines of their
//! own, not by the code under test.

use super::*;
use crate::model::ObjectName;
use crate::s3::{BaseHosts, parse};
use crate::sigv4::SecretKey;

pub(super) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(super) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NOON: &str = "20130524T120000Z";

pub(super) fn secret_of(name: &str, secret: &str) -> ClientSecret {
    let principal = Principal::new(ObjectName::new("default", name));
    ClientSecret::new(principal, SecretKey::new(secret.to_owned()).unwrap())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_amz(text.as_bytes()).unwrap()
}

/// A head from lines that end in `\n`.
fn head_of(text: &str) -> RawHead {
    let lines = text.trim_end().replace('\n', "\r\n");
    RawHead::parse_http1(format!("{lines}\r\n\r\n").as_bytes()).unwrap().0
}

pub(super) fn target_of(head: &RawHead) -> Target {
    parse(head, &BaseHosts::new(["s3.amazonaws.com".to_owned()])).unwrap()
}

fn verify_at(head: &RawHead, secrets: &[ClientSecret], now: Timestamp) -> Result<Verified, Denial> {
    claim(head, &target_of(head))?.verify(secrets, now)
}

/// Verifies at noon with the one right secret.
fn verify(head: &RawHead) -> Result<Verified, Denial> {
    verify_at(head, &[secret_of("alice", SECRET)], at(NOON))
}

/// A request that is right in every way, and what a test changes in it.
struct Draft {
    method: &'static str,
    /// Raw path, and as it is signed.
    path: (String, String),
    /// Raw query without authentication, and as it is signed (sorted, when a presigned one is prepended).
    query: (String, String),
    fields: Vec<(&'static str, String)>,
    signed: String,
    payload: String,
    date: &'static str,
    credential: String,
    expires: String,
}

impl Draft {
    fn header() -> Self {
        Self {
            method: "GET",
            path: ("/bucket/key".into(), "/bucket/key".into()),
            query: (String::new(), String::new()),
            fields: vec![
                ("host", "localhost:8080".into()),
                ("x-amz-content-sha256", EMPTY.into()),
                ("x-amz-date", NOON.into()),
            ],
            signed: "host;x-amz-content-sha256;x-amz-date".into(),
            payload: EMPTY.into(),
            date: NOON,
            credential: format!("{ACCESS_KEY}/20130524/us-east-1/s3/aws4_request"),
            expires: "86400".into(),
        }
    }

    fn presigned() -> Self {
        let fields = vec![("host", "localhost:8080".into())];
        Self { fields, signed: "host".into(), payload: "UNSIGNED-PAYLOAD".into(), ..Self::header() }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds a field and signs it; `signed` must stay sorted, so fields are added in order.
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.into()));
        let mut names: Vec<&str> = self.signed.split(';').chain([name]).collect();
        names.sort_unstable();
        names.dedup();
        self.signed = names.join(";");
        self
    }

    fn signature(&self, query: &str) -> String {
        let mut canonical = format!("{}\n{}\n{query}\n", self.method, self.path.1);
        for name in self.signed.split(';') {
            let values = self.fields.iter().filter(|(present, _)| *present == name).map(|(_, value)| value.as_str());
            canonical += &format!("{name}:{}\n", values.collect::<Vec<_>>().join(","));
        }
        canonical += &format!("\n{}\n{}", self.signed, self.payload);
        let hash = hex::encode(ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes()));
        let (_, scope) = self.credential.split_once('/').unwrap();
        let mut key = format!("AWS4{SECRET}").into_bytes();
        let string_to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", self.date);
        for text in scope.split('/').chain([string_to_sign.as_str()]) {
            let derived = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
            key = ring::hmac::sign(&derived, text.as_bytes()).as_ref().to_vec();
        }
        hex::encode(key)
    }

    fn authorization(&self) -> String {
        let signature = self.signature(&self.query.1);
        format!("AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature={signature}", self.credential, self.signed)
    }

    fn render(&self, query: &str, authorization: Option<String>) -> RawHead {
        let mark = if query.is_empty() { "" } else { "?" };
        let mut text = format!("{} {}{mark}{query} HTTP/1.1\n", self.method, self.path.0);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\n");
        }
        head_of(&(text + &authorization.map(|value| format!("Authorization: {value}\n")).unwrap_or_default()))
    }

    fn by_header(&self) -> RawHead {
        self.render(&self.query.0, Some(self.authorization()))
    }

    /// The query with the authentication parameters, signature included.
    fn presigned_query(&self) -> String {
        let credential = self.credential.replace('/', "%2F");
        let mut query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders={}",
            self.date,
            self.expires,
            self.signed.replace(';', "%3B")
        );
        if !self.query.1.is_empty() {
            query += &format!("&{}", self.query.1);
        }
        let mut sorted: Vec<&str> = query.split('&').collect();
        sorted.sort_unstable();
        let signature = self.signature(&sorted.join("&"));
        format!("{query}&X-Amz-Signature={signature}")
    }

    fn by_query(&self) -> RawHead {
        self.render(&self.presigned_query(), None)
    }
}

/// The `reason` of the error table, for denials whose text does not matter.
fn reason(denial: &Denial) -> &'static str {
    denial.row().reason
}

/// AWS "Signature Calculations for the Authorization Header" (single chunk and chunked) and "Using Query Parameters".
#[test]
fn the_published_s3_examples() {
    let credential = format!("{ACCESS_KEY}/20130524/us-east-1/s3/aws4_request");
    let host = "Host: examplebucket.s3.amazonaws.com\n";
    let date = "x-amz-date: 20130524T000000Z\n";
    let auth = |signed: &str, signature: &str| {
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}\n"
        )
    };
    let empty = format!("x-amz-content-sha256:{EMPTY}\n");
    let get_object = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let put_object = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    let presigned = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let chunked = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let plain = "host;x-amz-content-sha256;x-amz-date";
    let examples = [
        (
            format!(
                "GET /test.txt HTTP/1.1\n{host}Range: bytes=0-9\n{empty}{date}{}",
                auth("host;range;x-amz-content-sha256;x-amz-date", get_object)
            ),
            "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
        ),
        (
            format!(
                "PUT /test$file.text HTTP/1.1\n{host}Date: Fri, 24 May 2013 00:00:00 GMT\n{date}x-amz-storage-class: REDUCED_REDUNDANCY\nx-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n{}",
                auth("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", put_object)
            ),
            "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
        ),
        (
            format!("GET /?lifecycle HTTP/1.1\n{host}{date}{empty}{}", auth(plain, lifecycle)),
            "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
        ),
        (
            format!("GET /?max-keys=2&prefix=J HTTP/1.1\n{host}{date}{empty}{}", auth(plain, list)),
            "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
        ),
        (
            format!(
                "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature={presigned} HTTP/1.1\n{host}",
                credential.replace('/', "%2F")
            ),
            "3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04",
        ),
        (
            format!(
                "PUT /examplebucket/chunkObject.txt HTTP/1.1\nHost: s3.amazonaws.com\n{date}x-amz-storage-class:REDUCED_REDUNDANCY\n{}x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\nContent-Encoding:aws-chunked\nx-amz-decoded-content-length:66560\nContent-Length:66824\n",
                auth(
                    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
                    chunked
                )
            ),
            "cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455",
        ),
    ];
    for (text, canonical_hash) in examples {
        let head = head_of(&text);
        let target = target_of(&head);
        let claim = claim(&head, &target).unwrap();
        assert_eq!(claim.access_key().as_str(), ACCESS_KEY);
        let (path, _) = std::str::from_utf8(head.target())
            .unwrap()
            .split_once('?')
            .unwrap_or((std::str::from_utf8(head.target()).unwrap(), ""));
        let mut string_to_sign = Vec::new();
        claim.string_to_sign(
            &canonical_path(path.as_bytes()).unwrap(),
            &canonical_query(&target.query),
            &mut string_to_sign,
        );
        assert_eq!(
            String::from_utf8(string_to_sign).unwrap(),
            format!("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n{canonical_hash}"),
            "{text}"
        );
        let verified = claim.verify(&[secret_of("alice", SECRET)], at("20130524T001500Z")).unwrap();
        assert_eq!(verified.principal().to_string(), "default/alice");
    }
}

#[test]
fn a_streaming_request_seeds_its_chain() {
    for (literal, with_trailer) in
        [("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false), ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true)]
    {
        let draft = Draft::header().with(|draft| {
            draft.fields[1].1 = literal.into();
            draft.payload = literal.into();
        });
        let verified = verify(&draft.by_header()).unwrap();
        let PayloadAuth::SignedChunks { mut chain, trailer } = verified.payload().clone() else { panic!("{literal}") };
        assert_eq!(trailer, with_trailer);
        let scope = claim(&draft.by_header(), &target_of(&draft.by_header())).unwrap().authorization.scope.clone();
        let key = SigningKey::derive(&SecretKey::new(SECRET.to_owned()).unwrap(), &scope);
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{NOON}\n{scope}\n{}\n{EMPTY}\n{EMPTY}", draft.signature(""));
        let empty: [u8; 32] = hex::decode(EMPTY).unwrap().try_into().unwrap();
        chain.prove_chunk(hex::encode(key.sign(text.as_bytes())).as_bytes(), &empty).unwrap();
    }
}

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
    let fifth = ["1", "2", "3", "4", SECRET].map(|secret| secret_of("alice", secret));
    assert_eq!(verify_at(&head, &fifth, at(NOON)).unwrap_err(), Denial::SignatureMismatch);
    assert!(verify_at(&head, &fifth[1..], at(NOON)).is_ok());
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
    let scope = super::super::Scope { date: "20130524".into(), region: "us-east-1".into(), service: "s3".into() };
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
