//! The vendor's vectors, compared at every intermediate, and the rules of each part.

use serde_json::Value;

use super::super::{SecretKey, SigningKey, signed_headers};
use super::*;
use crate::s3::RawHead;

const VECTORS: &str = include_str!("../../../../tests/vectors/sigv4/aws-signing-test-suite.json");

/// One request of the suite, taken apart without our own parser of heads: some targets hold bytes that it refuses.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: Query,
    head: RawHead,
    body: &'a str,
}

impl<'a> Request<'a> {
    fn read(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap();
        let (line, fields) = head.split_once('\n').unwrap();
        let (method, rest) = line.split_once(' ').unwrap();
        let target = rest.strip_suffix(" HTTP/1.1").unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let http1 = format!("{method} / HTTP/1.1\r\n{}\r\n\r\n", fields.replace('\n', "\r\n"));
        let (head, _) = RawHead::parse_http1(http1.as_bytes()).unwrap();
        Self { method, path, query: Query::parse(query.as_bytes()).unwrap(), head, body }
    }

    /// The value after `name` in the `Authorization` header, or that of the query parameter `X-Amz-<name>`.
    fn signed_part(&self, name: &str) -> String {
        match self.head.text("authorization") {
            Some(value) => {
                let (_, value) = value.split_once(&format!("{name}=")).unwrap();
                value.split(',').next().unwrap().to_owned()
            }
            None => self.query.get(&format!("X-Amz-{name}")).unwrap().to_owned(),
        }
    }
}

fn check(name: &str, case: &Value, form: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let signed_request = text(&form["signed_request"]);
    let request = Request::read(&signed_request);
    let path = canonical_path(request.path.as_bytes()).unwrap();
    let list = request.signed_part("SignedHeaders");
    let headers = signed_headers::collect(&request.head, &list).unwrap();
    let body = if case["sign_body"] == true { request.body } else { "" };
    let mut payload = Vec::new();
    push_hex(&sha256(body.as_bytes()), &mut payload);
    let canonical = CanonicalRequest {
        method: request.method,
        uri: &path,
        query: &canonical_query(&request.query),
        headers: &headers,
        payload: std::str::from_utf8(&payload).unwrap(),
    };
    let mut rendered = Vec::new();
    canonical.render(&mut rendered);
    assert_eq!(String::from_utf8(rendered.clone()).unwrap(), text(&form["canonical_request"]), "{name}");
    assert_eq!(canonical.signed_headers(), list, "{name}");

    let credential = request.signed_part("Credential");
    let mut parts = credential.split('/');
    assert_eq!(parts.next(), case["access_key_id"].as_str(), "{name}");
    let date = parts.next().unwrap().to_owned();
    let scope = Scope { date, region: text(&case["region"]), service: text(&case["service"]) };
    let mut string_to_sign = rendered;
    replace_by_string_to_sign(&mut string_to_sign, b"20150830T123600Z", &scope);
    assert_eq!(String::from_utf8(string_to_sign.clone()).unwrap(), text(&form["string_to_sign"]), "{name}");

    let secret = SecretKey::new(text(&case["secret_access_key"])).unwrap();
    let signature = SigningKey::derive(&secret, &scope).sign(&string_to_sign);
    assert_eq!(hex::encode(signature), text(&form["signature"]), "{name}");
    assert_eq!(SigningKey::derive(&secret, &scope).sign_hex(&string_to_sign), text(&form["signature"]), "{name}");
    assert_eq!(request.signed_part("Signature"), text(&form["signature"]), "{name}");
}

#[test]
fn vendor_vectors_at_every_intermediate() {
    let suite: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = suite.as_object().unwrap();
    assert_eq!(cases.len(), 28);
    for (name, case) in cases {
        check(&format!("{name} (header)"), case, &case["header"]);
        check(&format!("{name} (query)"), case, &case["query"]);
    }
}

fn query(raw: &str) -> String {
    canonical_query(&Query::parse(raw.as_bytes()).unwrap())
}

#[test]
fn sig_2_paths_are_not_normalised() {
    for path in ["/", "/b//k", "/b/./k", "/b/../k", "/b/k/", "//", "/b/a-b_c.d~e"] {
        assert!(matches!(canonical_path(path.as_bytes()), Ok(Cow::Borrowed(same)) if same == path), "{path}");
    }
}

#[test]
fn sig_3_sig_4_paths_are_decoded_once_and_encoded_once() {
    for (raw, canonical) in [
        ("/b/a%20b", "/b/a%20b"),
        ("/b/a+b", "/b/a%2Bb"),
        ("/b/%e1%88%b4", "/b/%E1%88%B4"),
        ("/b/%41", "/b/A"),
        ("/b/a%2Fb", "/b/a/b"),
        ("/b/%252e", "/b/%252e"),
        ("/b/a:b@c", "/b/a%3Ab%40c"),
    ] {
        assert_eq!(canonical_path(raw.as_bytes()).unwrap(), canonical, "{raw}");
    }
    assert!(canonical_path(b"/b/%zz").is_err());
}

#[test]
fn sig_3_the_path_as_received_only_with_a_bare_reserved_byte() {
    for path in ["/b/a+b", "/b/a:b%20c", "/b/(a)", "/b/$"] {
        assert_eq!(path_as_received(path.as_bytes()), Some(path));
    }
    for path in ["/b/k", "/b/%2b", "/b/%2B", "/~a/-._"] {
        assert_eq!(path_as_received(path.as_bytes()), None, "{path}");
    }
    assert_eq!(path_as_received(b"/\xff"), None);
}

#[test]
fn sig_5_s18_queries() {
    for (raw, canonical) in [
        ("", ""),
        ("delete", "delete="),
        ("delete=", "delete="),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&a=10", "a=1&a=10&a=2"),
        ("a-b=1&a=2", "a=2&a-b=1"),
        ("p=a%2fb", "p=a%2Fb"),
        ("p=a+b", "p=a%2Bb"),
        ("p=a%20b", "p=a%20b"),
        ("p=a=b", "p=a%3Db"),
        ("p=a;b", "p=a%3Bb"),
        ("%41=1&B=2&a=3", "A=1&B=2&a=3"),
        ("a=1&X-Amz-Signature=00&x-amz-signature=11", "a=1"),
    ] {
        assert_eq!(query(raw), canonical, "{raw}");
    }
    let long = "k".repeat(2_048);
    assert_eq!(query(&format!("{long}=1&a=2")), format!("a=2&{long}=1"));
}

#[test]
fn sig_6_s17_header_values() {
    for (value, canonical) in [
        ("", ""),
        ("a b c", "a b c"),
        ("a   b  c", "a b c"),
        ("a\tb", "a b"),
        ("a \t b", "a b"),
        ("\"a  b\"", "\"a b\""),
    ] {
        assert_eq!(canonical_value(value.as_bytes()), canonical.as_bytes(), "{value:?}");
    }
    assert_eq!(canonical_value(b"\xe9  \xff"), &b"\xe9 \xff"[..], "raw bytes, not text");
    assert!(matches!(canonical_value(b"Fri, 24 May"), Cow::Borrowed(_)), "nothing to do costs nothing");
}
