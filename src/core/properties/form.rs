//! Forms: what an attacker writes around a policy that somebody signed, and what somebody may sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::access::Principal;
use crate::model::TrailingChecksums::Drop;
use crate::model::{ClientSecret, ObjectName};
use crate::payload::Obligation;
use crate::s3::{BaseHosts, Form, FormReader, RawHead, Semantics, Target, classify_form, parse};
use crate::sigv4::{ProvedForm, Scope, SecretKey, SigningKey, Verified, claim_form};
use crate::{Denial, Timestamp};

/// 2013-05-24T12:00:00Z, when all of this happens.
const NOON: i64 = 1_369_396_800;
const SECRET: &str = "one secret that nobody knows";
/// What the policy of [`form`] says beside its conditions about the signature; [`is_allowed`] says it once more.
const CONDITIONS: &str = r#"{"bucket":"photos"},["starts-with","$key","user/"],{"acl":"private"},
    ["starts-with","$Content-Type","image/"],["starts-with","$x-amz-meta-note",""],["content-length-range",2,9]"#;
/// The fields of the signature beside the policy and the signature itself.
const ABOUT_SIGNATURE: [(&str, &str); 3] = [
    ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
    ("x-amz-credential", "AKEY/20130524/eu-1/s3/aws4_request"),
    ("x-amz-date", "20130524T120000Z"),
];
/// The fields that [`post_policy`] is asked about, and its file.
const FIELDS: [(&str, &str); 3] = [("key", "user/a"), ("acl", "private"), ("content-type", "image/png")];
const FILE: &[u8] = b"content";

/// D11, S14: the input is a form with the boundary `x` as an attacker writes it, behind the fields of a good signature when
/// its first byte is odd. Where it is cut makes no difference. Without the signature it proves nothing; with it only what the
/// policy says passes, and the object is what stands between the head of its part and the end of the body.
pub fn form(data: &[u8]) {
    let Some((&[switch, cut], rest)) = data.split_first_chunk() else { return };
    let conditions: Vec<String> =
        ABOUT_SIGNATURE.iter().map(|(name, value)| format!("{{\"{name}\":\"{value}\"}}")).collect();
    let conditions = format!("{},{CONDITIONS}", conditions.join(","));
    let policy = format!(r#"{{"expiration":"2013-05-24T13:00:00Z","conditions":[{conditions}]}}"#);
    let signed = signature(policy.as_bytes());
    let body = if switch & 1 == 1 { [written(&signed).as_slice(), rest].concat() } else { rest.to_vec() };
    let whole = read(&body, usize::MAX);
    for step in [1, usize::from(cut).max(2)] {
        assert_eq!(read(&body, step), whole, "cuts of {step} bytes made a difference");
    }
    let Ok(Some((form, begun))) = whole else { return };
    for known in [0, 1] {
        let strangers = [secret("another secret of the same key")];
        let refused = claim_form(form.clone(), &target()).and_then(|claim| claim.verify(&strangers[..known], now()));
        assert!(refused.is_err(), "verified without its secret");
    }
    let Some((proved, object)) = stored(form, &begun) else { return };
    assert_eq!(switch & 1, 1, "nobody has signed this");
    for (name, value) in proved.fields() {
        assert!(is_allowed(name, value, &signed), "{name} = {value:?} passed");
    }
    assert!(proved.fields().any(|field| field == ("acl", "private")), "a field that the policy demands was not missed");
    assert!((2..=9).contains(&object.len()));
    let end = [b"\r\n\r\n".as_slice(), &object, b"\r\n--x--\r\n"].concat();
    assert!(body.ends_with(&end), "the object is not what stands before the end of the body");
    let line_before = [b"\r\n".as_slice(), &object].concat();
    assert!(memchr::memmem::find(&line_before, b"\r\n--x").is_none(), "a boundary is in the object");
}

/// D11: the input is the text of a policy that a client signs for a good form. When the form passes, the policy is JSON that
/// has not expired, names every field, and is contradicted by none of them.
pub fn post_policy(data: &[u8]) {
    let signed = signature(data);
    let fields: Vec<(&str, String)> = FIELDS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let head = b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".as_slice();
    let body = [&written(&signed), &written(&fields), head, FILE, b"\r\n--x--\r\n"].concat();
    let Ok(Some((form, begun))) = read(&body, usize::MAX) else { return };
    let Some((_, object)) = stored(form, &begun) else { return };
    assert_eq!(object, FILE);
    let policy: Value = serde_json::from_slice(data).unwrap();
    let conditions = policy["conditions"].as_array().unwrap();
    assert!(policy["expiration"].as_str().unwrap() >= "2013-05-24T12:00:00", "{policy}");
    let sent = FIELDS.into_iter().chain(ABOUT_SIGNATURE).chain([("bucket", "photos")]);
    for (name, value) in sent {
        assert!(conditions.iter().any(|condition| names(condition, name)), "{name} has no condition: {policy}");
        let contradicts = |condition: &Value| match condition {
            Value::Object(pairs) => {
                pairs.iter().any(|(field, wanted)| field.eq_ignore_ascii_case(name) && wanted != value)
            }
            _ if !names(condition, name) => false,
            _ if condition[0] == "eq" => condition[2] != value,
            _ => !value.starts_with(condition[2].as_str().unwrap()),
        };
        assert!(!conditions.iter().any(contradicts), "{name} is not what the policy says: {policy}");
    }
}

/// True when a condition is about this field.
fn names(condition: &Value, name: &str) -> bool {
    let is_it = |field: &str| field.eq_ignore_ascii_case(name);
    match condition {
        Value::Object(pairs) => pairs.keys().any(|field| is_it(field)),
        _ => condition[1].as_str().and_then(|field| field.strip_prefix('$')).is_some_and(is_it),
    }
}

/// What [`CONDITIONS`] say, by another way.
fn is_allowed(name: &str, value: &str, signed: &[(&str, String)]) -> bool {
    match name {
        "bucket" => value == "photos",
        "key" => value.starts_with("user/"),
        "acl" => value == "private",
        "content-type" => value.split(',').all(|one| one.trim_matches([' ', '\t']).starts_with("image/")),
        "x-amz-meta-note" => true,
        _ if name.starts_with("x-ignore-") => true,
        _ => signed.iter().any(|(field, wanted)| *field == name && wanted == value),
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOON)
}

fn secret(text: &str) -> ClientSecret {
    let principal = Principal::new(ObjectName::new("default", "a"));
    ClientSecret::new(principal, SecretKey::new(text.to_owned()).unwrap())
}

/// The fields by which a policy is signed.
fn signature(policy: &[u8]) -> Vec<(&'static str, String)> {
    let [date, region, service] = ["20130524", "eu-1", "s3"].map(str::to_owned);
    let key = SigningKey::derive(&SecretKey::new(SECRET.to_owned()).unwrap(), &Scope { date, region, service });
    let policy = STANDARD.encode(policy);
    let signature = key.sign_hex(policy.as_bytes());
    let about = ABOUT_SIGNATURE.into_iter().map(|(name, value)| (name, value.to_owned()));
    about.chain([("policy", policy), ("x-amz-signature", signature)]).collect()
}

fn written(fields: &[(&str, String)]) -> Vec<u8> {
    let part = |(name, value): &(&str, String)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>().into_bytes()
}

fn head() -> RawHead {
    let head = b"POST /photos HTTP/1.1\r\nHost: s3.test\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n";
    RawHead::parse_http1(head).unwrap().0
}

fn target() -> Target {
    parse(&head(), &BaseHosts::default()).unwrap()
}

/// The fields of a body that comes in pieces of so many bytes, and everything behind them.
fn read(body: &[u8], step: usize) -> Result<Option<(Form, Vec<u8>)>, Denial> {
    let mut reader = FormReader::new(&head(), &target(), Some(body.len() as u64)).unwrap();
    let mut found: Option<(Form, Vec<u8>)> = None;
    for piece in body.chunks(step) {
        match &mut found {
            Some((_, rest)) => rest.extend_from_slice(piece),
            None => found = reader.push(piece)?.map(|(form, rest)| (form, rest.to_vec())),
        }
    }
    Ok(found)
}

/// The proof and the whole object, when everything about a form is right.
fn stored(form: Form, rest: &[u8]) -> Option<(ProvedForm, Vec<u8>)> {
    let claim = claim_form(form, &target()).ok()?;
    let (verified, proved): (Verified, ProvedForm) = claim.verify(&[secret(SECRET)], now()).ok()?;
    let semantics = Semantics::of_form(&proved).ok()?;
    let operation = classify_form(&proved, &target(), &semantics).ok()?;
    assert_eq!((operation.bucket(), operation.key().cloned()), (Some(proved.bucket()), proved.key().ok()));
    let obligation = Obligation::new(verified.payload().clone(), &operation, &semantics, None).ok()?;
    let whole = passed(&obligation, rest, usize::MAX);
    for step in [1, 3] {
        assert_eq!(passed(&obligation, rest, step), whole, "cuts of {step} bytes made a difference");
    }
    let object = whole?;
    assert_eq!(object.len() as u64, obligation.announce(Drop).content_length);
    Some((proved, object))
}

/// What a gate lets through of a body, all of it proved.
fn passed(obligation: &Obligation, body: &[u8], step: usize) -> Option<Vec<u8>> {
    let mut gate = obligation.gate(Drop);
    let mut object = Vec::new();
    for piece in body.chunks(step) {
        object.extend_from_slice(&gate.push(Bytes::copy_from_slice(piece)).ok()?);
    }
    object.extend_from_slice(&gate.finish().ok()?);
    Some(object)
}
