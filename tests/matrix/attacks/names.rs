//! Confused deputies and odd names (P01 to P05, D01 to D13): everything here is well signed.

use osp_test_support::Request;

use super::{Attack, Effect, FULL, PREFIXED, add_pair, attack, before, denied};
use crate::model::{BUCKET, Code, DENIED, INVALID_ARGUMENT, INVALID_REQUEST, MISMATCH, NOT_IMPLEMENTED};
use crate::operations::{Level, Need};

const NO_BUCKET: Code = (404, "NoSuchBucket");

pub(super) fn all() -> Vec<Attack> {
    [sources(), keys(), buckets(), listings(), rights()].into_iter().flatten().collect()
}

fn set_header(request: &mut Request, name: &str, value: &str) -> Option<()> {
    value.clone_into(&mut request.headers.iter_mut().find(|(header, _)| header == name)?.1);
    Some(())
}

/// D01, D02: the source of a copy.
fn sources() -> Vec<Attack> {
    let source = |by, value: &'static str, codes: &'static [Code]| {
        let act = before(move |request, _| {
            set_header(request, "x-amz-copy-source", value)?;
            denied(codes)
        });
        attack("D01", format!("copy source {value:?}"), by, act)
    };
    vec![
        source(FULL, "/foreign/secret", &[DENIED]),
        source(FULL, "foreign/secret", &[DENIED]),
        source(FULL, "foreign%2Fsecret", &[DENIED]),
        source(FULL, "%66oreign/secret", &[DENIED]),
        source(FULL, "/vault-at-backend/team-a/k", &[NO_BUCKET, DENIED]),
        source(FULL, "/foreign-at-backend/secret", &[NO_BUCKET, DENIED]),
        source(FULL, "/nowhere/secret", &[NO_BUCKET, DENIED]),
        source(FULL, "arn:aws:s3:::foreign/secret", &[NOT_IMPLEMENTED, INVALID_ARGUMENT, DENIED]),
        source(FULL, "", &[INVALID_ARGUMENT]),
        source(FULL, "/", &[INVALID_ARGUMENT]),
        source(FULL, "/vault", &[INVALID_ARGUMENT]),
        source(FULL, "/vault/", &[INVALID_ARGUMENT]),
        source(FULL, "/vault/team-a/k?x=y", &[INVALID_ARGUMENT]),
        source(FULL, "/vault/%zz", &[INVALID_ARGUMENT]),
        source(FULL, "/Vault/team-a/k", &[(400, "InvalidBucketName")]),
        source(PREFIXED, "/vault/team-b/k%201", &[DENIED]),
        source(PREFIXED, "/vault/team%2Db/k%201", &[DENIED]),
        source(PREFIXED, "vault%2Fteam-b%2Fk%201", &[DENIED]),
        source(PREFIXED, "/vault/team-ab/k", &[DENIED]),
        source(PREFIXED, "/vault/TEAM-A/k", &[DENIED]),
        source(PREFIXED, "/vault/../vault/team-b/k", &[DENIED]),
        source(PREFIXED, "/foreign/team-a/k", &[DENIED]),
    ]
}

/// Puts another key into the path, as it stands on the wire.
fn set_key(request: &mut Request, virtual_host: bool, key: &str) {
    request.path = if virtual_host { format!("/{key}") } else { format!("/{BUCKET}/{key}") };
}

/// P01, P02, P05: keys.
fn keys() -> Vec<Attack> {
    let mut all = Vec::new();
    for key in [
        "team-b/k",
        "team-ab/k",
        "team-a",
        "TEAM-A/k",
        "team-a%00/k",
        "%2fteam-a/k",
        "/team-a/k",
        "../team-a/k",
        "%2e%2e/team-a/k",
        "./team-a/k",
        "team-b/../team-a/k",
        "team-b%2F..%2Fteam-a%2Fk",
        "team-a%252Fk",
        "team-a%5Ck",
    ] {
        let act = before(move |request, target| {
            if !matches!(target.operation.need, Need::Object(_)) || target.operation.level != Level::Object {
                return None;
            }
            set_key(request, target.front.is_virtual_host(), key);
            // aws-sigv4 signs an escaped slash or dot as it stands; S3's canonical form does not have it
            denied(&[DENIED, MISMATCH, (400, "InvalidURI"), INVALID_REQUEST])
        });
        all.push(attack("P05", format!("key {key} beside the grant"), PREFIXED, act));
    }
    for key in ["team-a/%c0%af", "team-a/%ff", "team-a/%ed%a0%80", "team-a/%zz", "team-a/%"] {
        let act = before(move |request, target| {
            if !matches!(target.operation.level, Level::Object | Level::OwnObject) {
                return None;
            }
            set_key(request, target.front.is_virtual_host(), key);
            denied(&[(400, "InvalidURI")])
        });
        all.push(attack("P02", format!("key {key}"), FULL, act));
    }
    let long = before(|request, target| {
        if !matches!(target.operation.level, Level::Object | Level::OwnObject) {
            return None;
        }
        set_key(request, target.front.is_virtual_host(), &"k".repeat(1025));
        denied(&[(400, "KeyTooLongError")])
    });
    all.push(attack("P02", "a key of 1025 bytes", FULL, long));
    all
}

/// P03, P04: buckets.
fn buckets() -> Vec<Attack> {
    let mut all = Vec::new();
    let invalid: &[Code] = &[(400, "InvalidBucketName")];
    for (name, codes) in [
        ("Vault", invalid),
        ("a..b", invalid),
        ("va", invalid),
        ("192.168.1.1", invalid),
        ("%2e%2e", invalid),
        ("vault-", invalid),
        ("vault%2Fteam-a", invalid),
        ("vault-at-backend", &[NO_BUCKET]),
        ("nowhere", &[NO_BUCKET]),
        ("foreign", &[DENIED]),
    ] {
        let act = before(move |request, target| {
            if target.front.is_virtual_host() || matches!(target.operation.level, Level::Service | Level::Made) {
                return None;
            }
            request.path = request.path.replacen(BUCKET, name, 1);
            denied(codes)
        });
        all.push(attack("P04", format!("bucket {name} in the path"), FULL, act));
    }
    for (name, codes) in [("nowhere", NO_BUCKET), ("vault-at-backend", NO_BUCKET), ("foreign", DENIED)] {
        let act = before(move |request, target| {
            if !target.front.is_virtual_host() || matches!(target.operation.level, Level::Service | Level::Made) {
                return None;
            }
            let host = request.value("host").replacen(BUCKET, name, 1);
            set_header(request, "host", &host)?;
            denied(&[codes])
        });
        all.push(attack("P03", format!("bucket {name} in the host"), FULL, act));
    }
    all
}

/// D04: a listing shows nothing outside of the grant.
fn listings() -> Vec<Attack> {
    let mut all = Vec::new();
    for extra in
        ["", "prefix=", "prefix=team-", "prefix=team-b%2F", "prefix=team-a", "prefix=%2Fteam-a%2F", "delimiter=%2F"]
    {
        let act = before(move |request, target| {
            if target.operation.need != Need::Listing {
                return None;
            }
            let kept = request.query.split('&').filter(|pair| !pair.starts_with("prefix=") && !pair.is_empty());
            let pairs: Vec<&str> = kept.chain(Some(extra).filter(|pair| !pair.is_empty())).collect();
            request.query = pairs.join("&");
            denied(&[DENIED])
        });
        all.push(attack("D04", format!("listing with {extra:?}"), PREFIXED, act));
    }
    all
}

/// D09, D12, D13: headers and parameters that change rights or answers.
fn rights() -> Vec<Attack> {
    const REFUSED: &[Code] = &[DENIED, NOT_IMPLEMENTED, INVALID_REQUEST, INVALID_ARGUMENT];
    let mut all = Vec::new();
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-full-control", "id=1"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-bypass-governance-retention", "true"),
        ("x-amz-website-redirect-location", "https://evil.test"),
        ("x-amz-unheard-of", "1"),
    ] {
        let in_header = before(move |request, _| {
            request.headers.push((name.to_owned(), value.to_owned()));
            denied(REFUSED)
        });
        all.push(attack("D09", format!("a signed header {name}"), FULL, in_header));
        let in_query = before(move |request, _| {
            let value = osp_test_support::sigv4::uri_encode(value.as_bytes(), false);
            add_pair(request, &format!("{name}={value}"));
            denied(REFUSED)
        });
        all.push(attack("D09", format!("a signed parameter {name}"), FULL, in_query));
    }
    let split = before(|request, target| {
        if !target.operation.name.starts_with("GetObject (") {
            return None;
        }
        request.query.push_str("&response-expires=a%0D%0Ab");
        denied(&[INVALID_ARGUMENT])
    });
    all.push(attack("D13", "a line break for the answer's head", FULL, split));
    let method = before(|request, _| {
        request.headers.push(("x-http-method-override".to_owned(), "DELETE".to_owned()));
        Some(Effect::Harmless)
    });
    all.push(attack("D12", "a signed method override", FULL, method));
    let twice = before(|request, _| {
        let pair = request.query.split('&').next().filter(|pair| !pair.is_empty())?.to_owned();
        request.query = format!("{}&{pair}", request.query);
        // an `x-id` says nothing, so it may be said twice; it is never the first here
        denied(&[INVALID_ARGUMENT, INVALID_REQUEST])
    });
    all.push(attack("D13", "a parameter twice", FULL, twice));
    all
}
