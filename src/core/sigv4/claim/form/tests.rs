//! Forms signed by a few lines of their own, and what an attacker with a form but without a key can change in one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::s3::sample::head;
use crate::s3::{BaseHosts, FormReader, Kind, Needs, Permission, Resource, Semantics, classify_form, parse};
use crate::sigv4::claim::tests::{ACCESS_KEY, SECRET, secret_of, target_of};

/// AWS "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)" (`sigv4-post-example.html`).
const PUBLISHED_POLICY: [&str; 16] = [
    "{ \"expiration\": \"2015-12-30T12:00:00.000Z\",",
    "  \"conditions\": [",
    "    {\"bucket\": \"sigv4examplebucket\"},",
    "    [\"starts-with\", \"$key\", \"user/user1/\"],",
    "    {\"acl\": \"public-read\"},",
    "    {\"success_action_redirect\": \"http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html\"},",
    "    [\"starts-with\", \"$Content-Type\", \"image/\"],",
    "    {\"x-amz-meta-uuid\": \"14365123651274\"},",
    "    {\"x-amz-server-side-encryption\": \"AES256\"},",
    "    [\"starts-with\", \"$x-amz-meta-tag\", \"\"],",
    "",
    "    {\"x-amz-credential\": \"AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request\"},",
    "    {\"x-amz-algorithm\": \"AWS4-HMAC-SHA256\"},",
    "    {\"x-amz-date\": \"20151229T000000Z\" }",
    "  ]",
    "}",
];
const PUBLISHED_SIGNATURE: &str = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";
const CREDENTIAL: &str = "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request";
const REDIRECT: &str = "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html";

/// A form that is right in every way, and what a test changes in it.
#[derive(Clone)]
struct Draft {
    bucket: &'static str,
    fields: Vec<(String, String)>,
    policy: String,
    secret: &'static str,
    /// Instead of the true signature.
    signature: Option<&'static str>,
    content: usize,
}

impl Draft {
    fn published() -> Self {
        let fields = [
            ("key", "user/user1/${filename}"),
            ("acl", "public-read"),
            ("success_action_redirect", REDIRECT),
            ("Content-Type", "image/jpeg"),
            ("x-amz-meta-uuid", "14365123651274"),
            ("x-amz-server-side-encryption", "AES256"),
            ("X-Amz-Credential", CREDENTIAL),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Date", "20151229T000000Z"),
            ("x-amz-meta-tag", ""),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let policy = PUBLISHED_POLICY.join("\r\n");
        Self { bucket: "sigv4examplebucket", fields, policy, secret: SECRET, signature: None, content: 5 }
    }

    /// Sets a field, or adds it.
    fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self
    }

    /// Another text of the policy, signed.
    fn policy(mut self, from: &str, to: &str) -> Self {
        assert!(self.policy.contains(from), "{from}");
        self.policy = self.policy.replace(from, to);
        self
    }

    /// One condition more, signed.
    fn condition(self, condition: &str) -> Self {
        self.policy("{\"acl\": \"public-read\"},", &format!("{{\"acl\": \"public-read\"}},{condition},"))
    }

    fn signature(&self, text: &str) -> String {
        let credential = self.fields.iter().find(|(name, _)| name == "X-Amz-Credential").map_or(CREDENTIAL, |(_, v)| v);
        let (_, scope) = credential.split_once('/').unwrap_or_default();
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for text in scope.split('/').chain([text]) {
            let derived = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
            key = ring::hmac::sign(&derived, text.as_bytes()).as_ref().to_vec();
        }
        hex::encode(key)
    }

    fn form(&self) -> Form {
        let text = STANDARD.encode(&self.policy);
        let signature = self.signature.map_or_else(|| self.signature(&text), str::to_owned);
        let mut fields = self.fields.clone();
        let set: Vec<String> = fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        for (name, value) in [("Policy", text), ("X-Amz-Signature", signature)] {
            // a test that sets one of them means it
            if !set.contains(&name.to_ascii_lowercase()) {
                fields.push((name.to_owned(), value));
            }
        }
        // `-` takes one of them away
        fields.retain(|(_, value)| value != "-");
        let part = |name: &str, more: &str, value: &str| {
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
        };
        let mut body: String = fields.iter().map(|(name, value)| part(name, "", value)).collect();
        body += &part("file", "; filename=\"photo.jpg\"", &"x".repeat(self.content));
        body += "--xyz--\r\n";
        let head = head("POST", &format!("/{}", self.bucket), &["content-type: multipart/form-data; boundary=xyz"]);
        let target = parse(&head, &BaseHosts::default()).unwrap();
        let mut reader = FormReader::new(&head, &target, Some(body.len() as u64)).unwrap();
        reader.push(body.as_bytes()).unwrap().unwrap().0
    }

    fn target(&self) -> Target {
        target_of(&head("POST", &format!("/{}", self.bucket), &[]))
    }

    fn verify_at(&self, secrets: &[ClientSecret], now: &str) -> Result<(Verified, ProvedForm), Denial> {
        claim_form(self.form(), &self.target())?.verify(secrets, Timestamp::parse_amz(now.as_bytes()).unwrap())
    }

    fn verify(&self) -> Result<(Verified, ProvedForm), Denial> {
        self.verify_at(&[secret_of("alice", SECRET)], "20151230T120000Z")
    }

    fn denial(&self) -> Denial {
        self.verify().map(|_| ()).unwrap_err()
    }
}

fn violated(why: &str) -> Denial {
    Denial::Form(FormFault::PolicyViolated(why.to_owned()))
}

#[test]
fn the_published_example_verifies() {
    let draft = Draft::published();
    assert_eq!(draft.signature(&STANDARD.encode(&draft.policy)), PUBLISHED_SIGNATURE);
    let (verified, form) = draft.verify().unwrap();
    assert_eq!(verified.scheme(), Scheme::Form);
    assert_eq!(claim_form(draft.form(), &draft.target()).unwrap().access_key().as_str(), ACCESS_KEY);
    assert_eq!((form.bucket().as_str(), form.key().unwrap().as_str()), ("sigv4examplebucket", "user/user1/photo.jpg"));
    assert_eq!(form.receipt().unwrap().tell("http://h", "\"e\"").status, 303);
}

#[test]
fn section_4_1_it_is_a_put_object_of_its_fields() {
    let (_, form) = Draft::published().verify().unwrap();
    let semantics = Semantics::of_form(&form).unwrap();
    let headers: Vec<(&str, &str)> =
        semantics.headers().map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect();
    let expected = [
        ("x-amz-acl", "public-read"),
        ("content-type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-meta-tag", ""),
    ];
    assert_eq!(headers, expected, "and no field of the signature");
    let target = Draft::published().target();
    let operation = classify_form(&form, &target, &semantics).unwrap();
    assert_eq!(
        (operation.name(), operation.kind(), operation.method()),
        ("PostObject", Kind::Other, http::Method::PUT)
    );
    let object = Resource::Object(form.bucket().clone(), form.key().unwrap());
    let pairs = [(Permission::Write, object.clone()), (Permission::Admin, object)];
    assert_eq!(operation.needs(&target.query), Needs::All(pairs.to_vec()), "D09: public-read is for administrators");
    let private = Draft::published().policy("public-read", "private").with("acl", "private");
    let (_, form) = private.verify().unwrap();
    let semantics = Semantics::of_form(&form).unwrap();
    let Needs::All(pairs) = classify_form(&form, &target, &semantics).unwrap().needs(&target.query) else { panic!() };
    assert_eq!(pairs.len(), 1);
}

#[test]
fn s01_every_signed_part_is_proved() {
    let right = Draft::published();
    assert!(right.verify().is_ok());
    let mismatch = Denial::SignatureMismatch;
    for (draft, why) in [
        (Draft { secret: "another", ..right.clone() }, "another secret"),
        (Draft { signature: Some(""), ..right.clone() }, "an empty signature"),
        (
            Draft {
                signature: Some("0000000000000000000000000000000000000000000000000000000000000000"),
                ..right.clone()
            },
            "zeros",
        ),
        (
            Draft {
                signature: Some("8AFDBF4008C03F22C2CD3CDB72E4AFBB1F6A588F3255AC628749A66D7F09699E"),
                ..right.clone()
            },
            "upper case",
        ),
        (
            Draft { signature: Some(PUBLISHED_SIGNATURE), ..right.clone().policy("user/user1/", "user/") },
            "another policy",
        ),
        (
            Draft { signature: Some(PUBLISHED_SIGNATURE), ..right.clone().policy("]\r\n}", "] }") },
            "the same in other bytes",
        ),
        (
            Draft {
                signature: Some(PUBLISHED_SIGNATURE),
                ..right.clone().with("X-Amz-Credential", &CREDENTIAL.replace("us-east-1", "eu-1"))
            },
            "another region",
        ),
    ] {
        assert_eq!(draft.denial(), mismatch, "{why}");
    }
    assert_eq!(right.verify_at(&[], "20151230T120000Z").err(), Some(Denial::UnknownAccessKey));
    let two = [secret_of("alice", SECRET), secret_of("bob", SECRET)];
    assert_eq!(right.verify_at(&two, "20151230T120000Z").err(), Some(mismatch), "one secret of two principals");
    let second = [secret_of("alice", "other"), secret_of("bob", SECRET)];
    assert_eq!(right.verify_at(&second, "20151230T120000Z").unwrap().0.principal(), &second[1].principal);
}

#[test]
fn d11_every_field_has_a_condition_and_every_condition_holds() {
    let right = Draft::published();
    for (draft, why) in [
        (right.clone().with("key", "user/user2/a"), "[\"starts-with\", \"$key\", \"user/user1/\"]"),
        (right.clone().with("key", "${filename}"), "[\"starts-with\", \"$key\", \"user/user1/\"]"),
        (right.clone().without("key"), "[\"starts-with\", \"$key\", \"user/user1/\"]"),
        (right.clone().with("acl", "private"), "[\"eq\", \"$acl\", \"public-read\"]"),
        (right.clone().without("acl"), "[\"eq\", \"$acl\", \"public-read\"]"),
        (right.clone().with("Content-Type", "text/html"), "[\"starts-with\", \"$content-type\", \"image/\"]"),
        (right.clone().with("Content-Type", "image/png,text/html"), "[\"starts-with\", \"$content-type\", \"image/\"]"),
        (right.clone().with("x-amz-date", "20151229T000001Z"), "[\"eq\", \"$x-amz-date\", \"20151229T000000Z\"]"),
        (
            right.clone().with("success_action_redirect", "http://evil.test"),
            &*format!("[\"eq\", \"$success_action_redirect\", \"{REDIRECT}\"]"),
        ),
        (Draft { bucket: "another", ..right.clone() }, "[\"eq\", \"$bucket\", \"sigv4examplebucket\"]"),
    ] {
        assert_eq!(draft.denial(), violated(&format!("Policy Condition failed: {why}")), "{why}");
    }
    for (draft, why) in [
        (right.clone().with("x-amz-meta-more", "a"), "x-amz-meta-more"),
        (right.clone().with("Cache-Control", "no-store").with("tagging", "<Tagging/>"), "cache-control, tagging"),
        (right.clone().with("x-amz-storage-class", "GLACIER"), "x-amz-storage-class"),
        (right.clone().with("success_action_status", "201"), "success_action_status"),
        (right.clone().with("submit", "Upload"), "submit"),
        (right.clone().policy("    {\"bucket\": \"sigv4examplebucket\"},", ""), "bucket"),
        (right.clone().policy("{\"x-amz-date\": \"20151229T000000Z\" }", "{\"acl\":\"public-read\"}"), "x-amz-date"),
    ] {
        assert_eq!(draft.denial(), violated(&format!("Extra input fields: {why}")), "{why}");
    }
    let other = right.clone().with("bucket", "another");
    assert_eq!(other.denial(), violated("the field bucket does not name the bucket of the request"));
    for (name, value) in [
        ("x-ignore-me", "a"),
        ("bucket", "sigv4examplebucket"),
        ("Content-Type", "image/png, image/gif"),
        ("x-amz-meta-tag", "t"),
    ] {
        assert!(right.clone().with(name, value).verify().is_ok(), "their twins: {name}");
    }
    assert!(right.clone().condition("[\"eq\",\"$acl\",\"public-read\"]").verify().is_ok());
    assert!(right.clone().condition("[\"starts-with\",\"$absent\",\"\"]").verify().is_ok());
    // only types are lists
    let key = right.clone().with("key", "user/user1/a,b");
    assert!(key.verify().is_ok());
    assert!(
        right.clone().condition("[\"eq\",\"$acl\",\"private\"]").verify().is_err(),
        "all conditions hold, not one of them"
    );
    for name in ["x-amz-algorithm", "x-amz-credential"] {
        let inexact = right.clone().policy(&format!("{{\"{name}\": \""), &format!("[\"starts-with\", \"${name}\", \""));
        let inexact = Draft {
            policy: inexact.policy.replace("request\"}", "request\"]").replace("SHA256\"}", "SHA256\"]"),
            ..inexact
        };
        let inexact = if name == "x-amz-algorithm" {
            Draft { policy: inexact.policy.replace("request\"]", "request\"}"), ..inexact }
        } else {
            Draft { policy: inexact.policy.replace("SHA256\"]", "SHA256\"}"), ..inexact }
        };
        assert_eq!(inexact.denial(), violated(&format!("{name} needs an exact condition")));
    }
}

#[test]
fn sig_11_sig_13_times_and_scopes() {
    let right = Draft::published();
    let at = |now: &str| right.verify_at(&[secret_of("alice", SECRET)], now).map(|_| ());
    assert_eq!(at("20151228T234500Z"), Ok(()));
    assert_eq!(at("20151228T234459Z"), Err(Denial::PresignNotYetValid));
    assert_eq!(at("20151230T120000Z"), Ok(()));
    assert_eq!(at("20151230T120001Z"), Err(violated("Policy expired.")));
    let long = right.clone().policy("2015-12-30T12", "2099-12-30T12");
    let at = |now: &str| long.verify_at(&[secret_of("alice", SECRET)], now).map(|_| ());
    assert_eq!(at("20160105T000000Z"), Ok(()));
    assert_eq!(at("20160105T000001Z"), Err(violated("Policy expired.")), "seven days are the longest");
    let forged = Draft { signature: Some("00"), ..right.clone() };
    let expired = forged.verify_at(&[secret_of("alice", SECRET)], "20161230T120001Z").map(|_| ());
    assert_eq!(expired, Err(violated("Policy expired.")), "the time comes first, whatever the signature");
    for (name, value) in [
        ("X-Amz-Credential", CREDENTIAL.replace("/s3/", "/ec2/")),
        ("X-Amz-Credential", CREDENTIAL.replace("20151229", "20151230")),
        ("X-Amz-Credential", CREDENTIAL.replace("aws4_request", "aws5_request")),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/x".to_owned()),
        ("X-Amz-Date", "Tue, 29 Dec 2015 00:00:00 GMT".to_owned()),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA512".to_owned()),
    ] {
        let denial = Draft { signature: Some(PUBLISHED_SIGNATURE), ..right.clone().with(name, &value) }.denial();
        assert!(matches!(denial, Denial::QueryAuthorizationMalformed(_)), "{name} {value}: {denial:?}");
    }
    let denial =
        Draft { signature: Some(""), ..right.with("X-Amz-Credential", &CREDENTIAL.replace("AKIA", "AK IA")) }.denial();
    assert_eq!(denial, Denial::UnknownAccessKey);
}

#[test]
fn s07_other_credentials_and_none() {
    let right = Draft::published();
    assert_eq!(right.clone().with("AWSAccessKeyId", "AK").denial(), Denial::MultipleAuthentication);
    let version_2 = right
        .clone()
        .with("X-Amz-Signature", "-")
        .without("X-Amz-Algorithm")
        .with("X-Amz-Credential", "-")
        .with("Signature", "x");
    assert_eq!(version_2.denial(), Denial::UnsupportedAuthentication);
    let ecdsa = right.clone().with("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256");
    assert_eq!(ecdsa.denial(), Denial::NotImplemented("AWS4-ECDSA-P256-SHA256".to_owned()));
    for name in ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"] {
        assert_eq!(right.clone().with(name, "-").denial(), Denial::Form(FormFault::MissingField(name)));
    }
    let nobody = Draft {
        fields: vec![("key".into(), "a".into()), ("policy".into(), "-".into()), ("x-amz-signature".into(), "-".into())],
        ..right.clone()
    };
    assert_eq!(nobody.denial(), Denial::Anonymous);
    let only_policy = nobody.with("policy", &STANDARD.encode(&right.policy));
    assert_eq!(
        only_policy.denial(),
        Denial::Form(FormFault::MissingField("x-amz-algorithm")),
        "a policy asks to be read"
    );
    let token = right.condition("{\"x-amz-security-token\":\"t\"}").with("x-amz-security-token", "t");
    assert_eq!(token.denial(), Denial::InvalidToken, "OSP has issued none");
}

#[test]
fn d11_a_policy_that_cannot_be_read_allows_nothing() {
    let right = Draft::published();
    for (from, to) in [
        ("{ \"expiration\"", "{ \"expiry\": 1, \"expiration\""),
        ("\"2015-12-30T12:00:00.000Z\"", "1451476800"),
        ("\"2015-12-30T12:00:00.000Z\"", "\"2015-12-30\""),
        ("\"2015-12-30T12:00:00.000Z\"", "\"2015-12-30T12:00:00.Z\""),
        ("\"2015-12-30T12:00:00.000Z\"", "\"2015-12-30T12:00:00+00:00\""),
        ("  \"conditions\": [", "  \"Conditions\": ["),
        ("\"starts-with\", \"$key\"", "\"ends-with\", \"$key\""),
        ("\"$key\"", "\"key\""),
        ("[\"starts-with\", \"$key\", \"user/user1/\"]", "[\"starts-with\", \"$key\"]"),
        ("[\"starts-with\", \"$key\", \"user/user1/\"]", "[\"starts-with\", \"$key\", \"user/user1/\", \"\"]"),
        ("{\"acl\": \"public-read\"}", "{\"acl\": true}"),
        ("{\"acl\": \"public-read\"}", "{}"),
        ("{\"acl\": \"public-read\"}", "\"acl\""),
        ("{\"acl\": \"public-read\"}", "[\"content-length-range\", -1, 5]"),
        ("{\"acl\": \"public-read\"}", "[\"content-length-range\", \"a\", 5]"),
        ("{\"acl\": \"public-read\"}", "[\"content-length-range\", 1.5, 5]"),
        ("{\"acl\": \"public-read\"}", "[\"content-length-range\", 5]"),
        ("{\"acl\": \"public-read\"}", "[\"content-length-range\", \"+1\", 5]"),
        ("{\"acl\": \"public-read\"}", "[\"eq\", 1, 5]"),
        ("  ]\r\n}", "  ]"),
    ] {
        let denial = right.clone().policy(from, to).denial();
        assert!(matches!(denial, Denial::Form(FormFault::InvalidPolicy(_))), "{to}: {denial:?}");
    }
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for policy in
        [&*STANDARD.encode(&right.policy).replace('e', "*"), "%", "e30", &STANDARD.encode("[]"), &STANDARD.encode(deep)]
    {
        let denial = Draft { signature: Some(""), ..right.clone().with("policy", policy) }.denial();
        assert!(matches!(denial, Denial::Form(FormFault::InvalidPolicy(_))), "{denial:?}");
    }
    for expiration in ["2015-12-30T12:00:00Z", "2015-12-30T12:00:00.1Z", "2015-12-30T12:00:00.123456Z"] {
        assert!(right.clone().policy("2015-12-30T12:00:00.000Z", expiration).verify().is_ok(), "{expiration}");
    }
}

#[test]
fn content_length_range_is_about_the_file() {
    let sized = |content, range: &str| {
        let draft = Draft { content, ..Draft::published().condition(range) };
        let (verified, form) = draft.verify().unwrap();
        let semantics = Semantics::of_form(&form).unwrap();
        let operation = classify_form(&form, &draft.target(), &semantics).unwrap();
        crate::payload::Obligation::new(verified.payload().clone(), &operation, &semantics, None).map(|_| ())
    };
    let range = "[\"content-length-range\", 3, \"7\"]";
    assert_eq!(sized(3, range), Ok(()));
    assert_eq!(sized(7, range), Ok(()));
    assert_eq!(sized(2, range), Err(Denial::Form(FormFault::FileTooSmall { proposed: 2, least: 3 })));
    assert_eq!(sized(8, range), Err(Denial::Form(FormFault::FileTooLarge { proposed: 8, most: 7 })));
    let texts = "[\"content-length-range\", \"3\", \"7\"]";
    assert!(sized(3, texts).is_ok() && sized(2, texts).is_err() && sized(8, texts).is_err());
    let both = "[\"content-length-range\", 0, 5],[\"content-length-range\", 4, 9]";
    assert_eq!(sized(5, both), Ok(()));
    assert!(sized(6, both).is_err() && sized(3, both).is_err(), "every condition holds");
}

#[test]
fn fields_that_are_no_headers_or_say_what_a_form_cannot_are_refused() {
    let semantics = |name: &str, value: &str| {
        let condition = format!("[\"starts-with\",\"${name}\",\"\"]");
        let (_, form) = Draft::published().condition(&condition).with(name, value).verify().unwrap();
        let semantics = Semantics::of_form(&form)?;
        classify_form(&form, &Draft::published().target(), &semantics).map(|_| ())
    };
    assert_eq!(semantics("Cache-Control", "no-store"), Ok(()));
    assert_eq!(semantics("anything-else", "\u{1}"), Ok(()), "it means nothing");
    assert_eq!(semantics("range", "bytes=0-1"), Ok(()), "nor does this, to an upload");
    for (name, value) in [
        ("Cache-Control", "a\u{1}b"),
        ("Content-Disposition", "attachment; filename=\"\u{e9}\""),
        ("x-amz-meta-a", "a\r\nx-amz-acl: public-read"),
        ("x-amz-meta-a b", "c"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-decoded-content-length", "1"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ] {
        assert!(matches!(semantics(name, value), Err(Denial::InvalidRequest(_))), "{name}");
    }
    assert!(matches!(semantics("x-amz-acl", "private"), Err(Denial::DuplicateHeader(_))), "beside acl");
    assert!(matches!(semantics("x-amz-copy-source", "/a/b"), Err(Denial::InvalidArgument(_))), "trap 3");
    assert!(matches!(semantics("x-amz-write-offset-bytes", "0"), Err(Denial::NotImplemented(_))), "unknown ones");
    assert_eq!(semantics("tagging", "a=b"), Err(Denial::MalformedXml));
    let long = semantics("key", &format!("user/user1/{}", "k".repeat(1020)));
    assert_eq!(long, Err(Denial::KeyTooLong));
}
