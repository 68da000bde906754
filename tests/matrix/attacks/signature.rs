//! Every part that a signature covers (S01, S02, S03, S11, S20).

use osp_test_support::{Request, STRANGER};

use super::{Act, Attack, FULL_AND_UNGRANTED, add_pair, after, attack, denied};
use crate::forms::Auth;
use crate::model::{
    Code, DENIED, INVALID_ARGUMENT, INVALID_REQUEST, MALFORMED, MALFORMED_HEADER, MALFORMED_QUERY, MISMATCH,
    NOT_IMPLEMENTED, UNKNOWN_KEY,
};
use crate::operations::Level;

/// What a damaged authentication parameter may be called.
const ANY_QUERY_CODE: &[Code] =
    &[MALFORMED_QUERY, MISMATCH, DENIED, UNKNOWN_KEY, INVALID_REQUEST, INVALID_ARGUMENT, NOT_IMPLEMENTED];

pub(super) fn all() -> Vec<Attack> {
    [target_parts(), value_parts(), indexed_parts(), credentials(), signatures(), lists()]
        .into_iter()
        .flatten()
        .collect()
}

/// Replaces the text that begins after `from` and ends before one of `ends`, wherever the credentials stand.
pub(super) fn edit(request: &mut Request, names: (&str, &str), change: impl Fn(&str) -> String) -> Option<()> {
    let presigned = request.query.contains("X-Amz-Signature=");
    let text = if presigned {
        &mut request.query
    } else {
        &mut request.headers.iter_mut().find(|(name, _)| name == "authorization")?.1
    };
    let start = if presigned { names.1 } else { names.0 };
    let from = text.find(start)? + start.len();
    let end = text[from..].find([',', '&']).map_or(text.len(), |end| from + end);
    let old = text[from..end].to_owned();
    let new = change(&old);
    if new == old {
        return None;
    }
    text.replace_range(from..end, &new);
    Some(())
}

const SIGNATURE: (&str, &str) = ("Signature=", "X-Amz-Signature=");
const CREDENTIAL: (&str, &str) = ("Credential=", "X-Amz-Credential=");
const SIGNED_HEADERS: (&str, &str) = ("SignedHeaders=", "X-Amz-SignedHeaders=");
const DATE: (&str, &str) = ("no such part", "X-Amz-Date=");
pub(super) const EXPIRES: (&str, &str) = ("no such part", "X-Amz-Expires=");

fn flipped_at(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(byte) = bytes.get_mut(at) {
        *byte = if *byte == b'0' { b'1' } else { b'0' };
    }
    String::from_utf8(bytes).unwrap()
}

pub(super) fn header<'a>(request: &'a mut Request, name: &str) -> Option<&'a mut String> {
    request.headers.iter_mut().find(|(header, _)| header == name).map(|(_, value)| value)
}

fn signed(name: &'static str, act: Act) -> Attack {
    attack("signed", name, FULL_AND_UNGRANTED, act)
}

/// What is asked of whom.
fn target_parts() -> Vec<Attack> {
    let swap = |method: &str| match method {
        "GET" => "DELETE",
        "PUT" => "POST",
        "POST" => "PUT",
        _ => "GET",
    };
    vec![
        signed(
            "method",
            after(move |request, _| {
                swap(&request.method).clone_into(&mut request.method);
                denied(&[MISMATCH])
            }),
        ),
        signed(
            "path",
            after(|request, _| {
                request.path.push_str("xyz-9");
                denied(&[MISMATCH])
            }),
        ),
        signed(
            "bucket",
            after(|request, target| {
                if target.operation.level == Level::Service {
                    return None;
                }
                if target.front.is_virtual_host() {
                    let host = header(request, "host")?;
                    *host = host.replacen("vault", "alpha", 1);
                } else {
                    request.path = request.path.replacen("/vault", "/alpha", 1);
                }
                denied(&[MISMATCH])
            }),
        ),
        signed(
            "host",
            after(|request, _| {
                "other.test".clone_into(header(request, "host")?);
                denied(&[MISMATCH])
            }),
        ),
    ]
}

/// What else every request says of itself.
fn value_parts() -> Vec<Attack> {
    vec![
        signed(
            "payload hash",
            after(|request, target| {
                let value = header(request, "x-amz-content-sha256")?;
                *value = match target.auth {
                    Auth::Header => flipped_at(value, 0),
                    Auth::HeaderUnsigned => "0".repeat(64),
                    _ => "UNSIGNED-PAYLOAD".to_owned(),
                };
                denied(&[MISMATCH])
            }),
        ),
        signed(
            "date by a second",
            after(|request, _| {
                // within the same minute, so within the same day
                if let Some(value) = header(request, "x-amz-date") {
                    *value = flipped_at(value, 14);
                } else {
                    edit(request, DATE, |value| flipped_at(value, 14))?;
                }
                denied(&[MISMATCH])
            }),
        ),
        signed(
            "life time",
            after(|request, _| {
                edit(request, EXPIRES, |value| format!("{value}0"))?;
                denied(&[MISMATCH])
            }),
        ),
    ]
}

/// The names of the signed headers.
fn signed_names(request: &Request) -> Vec<String> {
    let text = if request.query.contains("X-Amz-Signature=") { &request.query } else { request.value("authorization") };
    let list = text.split("SignedHeaders=").nth(1).unwrap_or_default();
    let list = list.split([',', '&']).next().unwrap_or_default().replace("%3B", ";");
    list.split(';').map(str::to_owned).collect()
}

/// Every query pair and every signed header, one by one.
fn indexed_parts() -> Vec<Attack> {
    type Edit = fn(&mut Vec<String>, usize);
    let edits: [(&str, Edit); 3] = [
        ("changed", |pairs, at| pairs[at].push('9')),
        ("removed", |pairs, at| drop(pairs.remove(at))),
        ("twice", |pairs, at| pairs.push(pairs[at].clone())),
    ];
    let mut all = Vec::new();
    for at in 0..10 {
        for (name, edit) in edits {
            let act = after(move |request, _| {
                let mut pairs: Vec<String> =
                    request.query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
                let is_authentication = pairs.get(at)?.starts_with("X-Amz-");
                edit(&mut pairs, at);
                request.query = pairs.join("&");
                denied(if is_authentication { ANY_QUERY_CODE } else { &[MISMATCH] })
            });
            all.push(attack("signed", format!("query pair {at} {name}"), FULL_AND_UNGRANTED, act));
        }
        for removed in [false, true] {
            let act = after(move |request, _| {
                let name = signed_names(request).get(at).cloned().filter(|name| name != "host")?;
                let codes: &[Code] = match name.as_str() {
                    "x-amz-date" => &[DENIED],
                    "x-amz-content-sha256" => &[INVALID_REQUEST],
                    _ => &[MISMATCH],
                };
                if removed {
                    request.headers.retain(|(header, _)| *header != name);
                } else {
                    header(request, &name)?.push('x');
                }
                denied(codes)
            });
            let what = if removed { "removed" } else { "changed" };
            all.push(attack("signed", format!("signed header {at} {what}"), FULL_AND_UNGRANTED, act));
        }
    }
    all
}

/// The fields of the credential (S11, S20).
fn credentials() -> Vec<Attack> {
    let field = |name: &str, at: usize, to: &'static str, codes: &'static [Code]| {
        let act = after(move |request, _| {
            edit(request, CREDENTIAL, |text| {
                let separator = if text.contains("%2F") { "%2F" } else { "/" };
                let mut fields: Vec<&str> = text.split(separator).collect();
                fields[at] = to;
                fields.join(separator)
            })?;
            denied(codes)
        });
        attack("signed", format!("credential: {name}"), FULL_AND_UNGRANTED, act)
    };
    let odd = &[MALFORMED_HEADER, MALFORMED_QUERY, UNKNOWN_KEY];
    vec![
        field("another known key", 0, osp_test_support::ALICE.id, &[MISMATCH]),
        field("an unknown key", 0, STRANGER.id, &[UNKNOWN_KEY]),
        field("no key", 0, "", odd),
        field("S20 a key with a slash", 0, "OSPMATRIX/FULL", odd),
        field("S20 a key with a quote", 0, "x'OR'1'='1", odd),
        field("S20 a long key", 0, LONG, odd),
        field("another day", 1, "20200101", MALFORMED),
        field("no day", 1, "", MALFORMED),
        field("another region", 2, "us-east-9", &[MISMATCH]),
        field("another service", 3, "sts", MALFORMED),
        field("another end", 4, "aws4_other", MALFORMED),
    ]
}

const LONG: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The signature itself.
fn signatures() -> Vec<Attack> {
    type Edit = fn(&str) -> String;
    let edits: [(&str, Edit); 8] = [
        ("first digit", |text| flipped_at(text, 0)),
        ("middle digit", |text| flipped_at(text, 31)),
        ("last digit", |text| flipped_at(text, 63)),
        ("cut off", |text| text[..63].to_owned()),
        ("one digit more", |text| format!("{text}0")),
        ("empty", |_| String::new()),
        ("no hex", |text| text.replace(|digit: char| digit.is_ascii_hexdigit(), "z")),
        ("all zeros", |_| "0".repeat(64)),
    ];
    let signature = |(name, change): (&str, Edit)| {
        let act = after(move |request, _| {
            edit(request, SIGNATURE, change)?;
            denied(&[MISMATCH])
        });
        attack("signed", format!("signature: {name}"), FULL_AND_UNGRANTED, act)
    };
    edits.map(signature).into()
}

/// S01, S02, S03: the list of signed headers.
fn lists() -> Vec<Attack> {
    type Edit = fn(Vec<&str>) -> Vec<&str>;
    let edits: [(&str, &str, Edit); 7] = [
        ("S01", "host left out", |list| list.into_iter().filter(|name| *name != "host").collect()),
        ("S02", "the last one left out", |list| list[..list.len() - 1].to_vec()),
        ("S03", "an absent one", |list| [list, vec!["x-amz-zz"]].concat()),
        ("S03", "one twice", |list| [&list[..1], &list].concat()),
        ("S03", "unsorted", |list| [vec!["x-z"], list].concat()),
        ("S03", "upper case", |list| [vec!["Host"], list].concat()),
        ("S03", "empty", |_| Vec::new()),
    ];
    let list = |(id, name, change): (&'static str, &str, Edit)| {
        let act = after(move |request, _| {
            edit(request, SIGNED_HEADERS, |text| {
                let separator = if request_is_encoded(text) { "%3B" } else { ";" };
                change(text.split(separator).collect()).join(separator)
            })?;
            denied(&[MISMATCH, DENIED])
        });
        attack(id, format!("SignedHeaders: {name}"), FULL_AND_UNGRANTED, act)
    };
    let mut all: Vec<Attack> = edits.map(list).into();
    for (name, value) in [
        ("x-amz-meta-late", "1"),
        ("x-amz-copy-source", "/foreign/secret"),
        ("x-amz-acl", "public-read"),
        ("x-amz-bypass-governance-retention", "true"),
        ("x-amz-security-token", "token"),
        ("x-amz-checksum-crc32", "AAAAAA=="),
    ] {
        let act = after(move |request, _| {
            if request.headers.iter().any(|(header, _)| header == name) {
                return None;
            }
            request.headers.push((name.to_owned(), value.to_owned()));
            denied(&[DENIED])
        });
        all.push(attack("S02", format!("unsigned {name}"), FULL_AND_UNGRANTED, act));
    }
    for pair in ["x-id=Other", "acl=", "response-content-type=text%2Fhtml", "X-Amz-Acl=public-read", "versionId=1"] {
        let act = after(move |request, _| {
            add_pair(request, pair);
            denied(&[MISMATCH])
        });
        all.push(attack("signed", format!("query pair {pair} added"), FULL_AND_UNGRANTED, act));
    }
    all
}

fn request_is_encoded(list: &str) -> bool {
    list.contains("%3B") || !list.contains(';')
}
