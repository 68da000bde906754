//! Forms that are not what was signed, and what stands beside them (D11, S04, trap 2, trap 4).

use osp_test_support::{Request, STRANGER};

use super::{
    Attack, Effect, FULL, FULL_AND_UNGRANTED, PREFIXED, add_pair, after, attack, denied, denied_by_body, signing,
};
use crate::forms::{BOUNDARY, set_body};
use crate::model::{Code, DENIED, INVALID_ARGUMENT, MALFORMED_FORM, MALFORMED_QUERY, MISMATCH, Principal, UNKNOWN_KEY};

const BAD_POLICY: Code = (400, "InvalidPolicyDocument");

pub(super) fn all() -> Vec<Attack> {
    [fields(), missing(), extra(), beside(), ends(), resigned()].into_iter().flatten().collect()
}

/// Where the value of a field stands in the text of the fields.
fn value_of(fields: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let start = format!("name=\"{name}\"\r\n\r\n");
    let from = fields.find(&start)? + start.len();
    let end = fields[from..].find(&format!("\r\n--{BOUNDARY}"))?;
    Some(from..from + end)
}

/// Changes the text of the fields, which is the first piece.
fn edit(request: &mut Request, change: impl Fn(&str) -> Option<String>) -> Option<()> {
    let mut pieces = request.pieces.clone();
    let fields = String::from_utf8(pieces[0].clone()).ok()?;
    pieces[0] = change(&fields)?.into_bytes();
    set_body(request, pieces);
    Some(())
}

fn part(name: &str, value: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn flipped(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    String::from_utf8(bytes).unwrap()
}

/// Every field, changed.
fn fields() -> Vec<Attack> {
    type Edit = fn(&str) -> String;
    let edits: [(&str, &str, Edit, &'static [Code]); 22] = [
        ("key", "another", |_| "team-a/other".to_owned(), &[DENIED]),
        ("key", "one byte more", |key| format!("{key}x"), &[DENIED]),
        ("key", "of others", |_| "team-b/k".to_owned(), &[DENIED]),
        ("key", "empty", |_| String::new(), &[DENIED]),
        ("Content-Type", "another", |_| "text/html".to_owned(), &[DENIED]),
        ("x-amz-meta-colour", "another", |_| "red".to_owned(), &[DENIED]),
        ("x-amz-algorithm", "another", |_| "AWS4-HMAC-SHA512".to_owned(), &[MALFORMED_QUERY]),
        ("x-amz-date", "by a second", |date| flipped(date, 14), &[DENIED]),
        ("x-amz-date", "another day", |_| "20200101T000000Z".to_owned(), &[MALFORMED_QUERY]),
        ("x-amz-date", "none", |_| String::new(), &[MALFORMED_QUERY]),
        ("x-amz-credential", "another known key", |text| with_key(text, osp_test_support::ALICE.id), &[MISMATCH]),
        ("x-amz-credential", "an unknown key", |text| with_key(text, STRANGER.id), &[UNKNOWN_KEY]),
        ("x-amz-credential", "another region", |text| text.replace("us-east-1", "us-east-9"), &[MISMATCH]),
        ("x-amz-credential", "another service", |text| text.replace("/s3/", "/sts/"), &[MALFORMED_QUERY]),
        ("x-amz-credential", "no scope", |_| "AKIAX".to_owned(), &[MALFORMED_QUERY]),
        ("policy", "a digit", |text| flipped(text, 20), &[MISMATCH, BAD_POLICY]),
        ("policy", "white space behind it", |text| format!("{text} "), &[MISMATCH, BAD_POLICY]),
        ("policy", "of nothing", |_| "e30=".to_owned(), &[BAD_POLICY]),
        ("x-amz-signature", "first digit", |text| flipped(text, 0), &[MISMATCH]),
        ("x-amz-signature", "last digit", |text| flipped(text, 63), &[MISMATCH]),
        ("x-amz-signature", "all zeros", |_| "0".repeat(64), &[MISMATCH]),
        ("x-amz-signature", "empty", |_| String::new(), &[MISMATCH]),
    ];
    let change = |(name, what, change, codes): (&'static str, &str, Edit, &'static [Code])| {
        let act = after(move |request, _| {
            edit(request, |fields| {
                let at = value_of(fields, name)?;
                let mut text = fields.to_owned();
                text.replace_range(at.clone(), &change(&fields[at]));
                Some(text)
            })?;
            denied(codes)
        });
        attack("D11", format!("field {name}: {what}"), FULL_AND_UNGRANTED, act)
    };
    edits.map(change).into()
}

fn with_key(credential: &str, key: &str) -> String {
    let (_, scope) = credential.split_once('/').unwrap();
    format!("{key}/{scope}")
}

/// Every field, left out.
fn missing() -> Vec<Attack> {
    let names = [
        ("key", DENIED),
        ("Content-Type", DENIED),
        ("x-amz-meta-colour", DENIED),
        ("x-amz-algorithm", INVALID_ARGUMENT),
        ("x-amz-credential", INVALID_ARGUMENT),
        ("x-amz-date", INVALID_ARGUMENT),
        ("policy", INVALID_ARGUMENT),
        ("x-amz-signature", INVALID_ARGUMENT),
    ];
    let change = |(name, code): (&'static str, Code)| {
        let act = after(move |request, _| {
            edit(request, |fields| {
                let at = value_of(fields, name)?;
                Some(fields.replace(&part(name, &fields[at]), ""))
            })?;
            denied(&[code])
        });
        attack("D11", format!("field {name} left out"), FULL_AND_UNGRANTED, act)
    };
    names.map(change).into()
}

/// Fields that nobody has signed.
fn extra() -> Vec<Attack> {
    let fields: [(&str, &str, &[Code]); 14] = [
        ("acl", "public-read", &[DENIED]),
        ("acl", "private", &[DENIED]),
        ("x-amz-acl", "public-read", &[DENIED]),
        ("x-amz-meta-late", "1", &[DENIED]),
        ("x-amz-copy-source", "/foreign/secret", &[DENIED]),
        ("x-amz-object-lock-legal-hold", "ON", &[DENIED]),
        ("x-amz-server-side-encryption", "AES256", &[DENIED]),
        ("x-amz-security-token", "token", &[DENIED, (400, "InvalidToken")]),
        ("tagging", "<Tagging/>", &[DENIED]),
        ("success_action_redirect", "https://evil.test/", &[DENIED]),
        ("bucket", "foreign", &[DENIED]),
        ("submit", "Upload", &[DENIED]),
        ("AWSAccessKeyId", "x", &[INVALID_ARGUMENT]),
        ("KEY", "team-b/k", &[INVALID_ARGUMENT]),
    ];
    let add = |(name, value, codes): (&'static str, &'static str, &'static [Code])| {
        let act = after(move |request, _| {
            edit(request, |fields| Some(format!("{fields}{}", part(name, value))))?;
            denied(codes)
        });
        attack("D11", format!("field {name}={value} added"), FULL_AND_UNGRANTED, act)
    };
    let mut all: Vec<Attack> = fields.map(add).into();
    let ignored = after(|request, _| {
        edit(request, |fields| Some(format!("{fields}{}", part("x-ignore-me", "1"))))?;
        Some(Effect::Harmless)
    });
    all.push(attack("D11", "field x-ignore-me added", FULL, ignored));
    let large = after(|request, _| {
        edit(request, |fields| Some(format!("{fields}{}", part("x-ignore-me", &"p".repeat(21_000)))))?;
        denied(&[(400, "MaxPostPreDataLengthExceededError")])
    });
    all.push(attack("R", "more than 20 KiB of fields", FULL, large));
    all
}

/// Other credentials and headers, which the form does not cover.
fn beside() -> Vec<Attack> {
    let header = |name: &'static str, value: &'static str, code: Code| {
        let act = after(move |request, _| {
            request.headers.push((name.to_owned(), value.to_owned()));
            denied(&[code])
        });
        attack("S04", format!("{name}: {value} beside a form"), FULL_AND_UNGRANTED, act)
    };
    let pair = |pair: &'static str, code: Code| {
        let act = after(move |request, _| {
            add_pair(request, pair);
            denied(&[code])
        });
        attack("S04", format!("{pair} beside a form"), FULL_AND_UNGRANTED, act)
    };
    let host = after(|request, target| {
        // the policy names the bucket, wherever it is sent
        if target.front.is_virtual_host() {
            let host = request.headers.iter_mut().find(|(name, _)| name == "host")?;
            host.1 = host.1.replacen("vault.", "foreign.", 1);
        } else {
            request.path = request.path.replacen("/vault", "/foreign", 1);
        }
        denied(&[DENIED])
    });
    vec![
        header("authorization", "Bearer abc", INVALID_ARGUMENT),
        header("authorization", "AWS OSPMATRIXFULL0000001:c2lnbmF0dXJl", INVALID_ARGUMENT),
        header("x-amz-acl", "public-read", DENIED),
        header("x-amz-security-token", "token", DENIED),
        header("x-amz-copy-source", "/foreign/secret", DENIED),
        pair("X-Amz-Signature=00", INVALID_ARGUMENT),
        pair("Signature=abc", INVALID_ARGUMENT),
        pair("x-amz-acl=public-read", DENIED),
        attack("D11", "sent to another bucket", FULL_AND_UNGRANTED, host),
    ]
}

/// Trap 4: the file ends elsewhere.
fn ends() -> Vec<Attack> {
    let end = |name: &str, change: fn(&mut Vec<Vec<u8>>)| {
        let act = after(move |request, _| {
            let mut pieces = request.pieces.clone();
            change(&mut pieces);
            set_body(request, pieces);
            denied_by_body(&[MALFORMED_FORM])
        });
        attack("S14", format!("a form {name}"), FULL, act)
    };
    let content = after(|request, _| {
        let mut pieces = request.pieces.clone();
        pieces[2][7] ^= 1;
        set_body(request, pieces);
        Some(Effect::Harmless)
    });
    vec![
        end("without its last line end", |pieces| {
            let length = pieces[3].len();
            pieces[3].truncate(length - 2);
        }),
        end("with an epilogue", |pieces| pieces[3].extend_from_slice(b"x\r\n")),
        end("with another boundary at its end", |pieces| pieces[3][5] ^= 1),
        end("with a field behind its file", |pieces| {
            let more = format!("\r\n{}", part("submit", "Upload"));
            pieces[2].extend_from_slice(&more.as_bytes()[..more.len() - 2]);
        }),
        end("with a second file", |pieces| {
            let (file, content) = (pieces[1].clone(), pieces[2].clone());
            pieces.splice(3..3, [b"\r\n".to_vec(), file, content]);
        }),
        attack("S14", "a form with another file: nothing in it is signed", FULL, content),
    ]
}

/// Well signed by the wrong one, or for the wrong.
fn resigned() -> Vec<Attack> {
    let service = signing(|signing, _| {
        signing.service = "sts";
        denied(&[MALFORMED_QUERY])
    });
    let region = signing(|signing, _| {
        signing.region = "eu-central-7";
        Some(Effect::Harmless)
    });
    let token = signing(|signing, _| {
        signing.token = Some("token");
        denied(&[(400, "InvalidToken")])
    });
    let wrong = signing(|signing, _| {
        signing.key.secret = Principal::Reader.key().secret;
        denied(&[MISMATCH])
    });
    let past = signing(|signing, _| {
        signing.at -= std::time::Duration::from_secs(8 * 86_400);
        denied(&[DENIED])
    });
    let future = signing(|signing, _| {
        signing.at += std::time::Duration::from_secs(3600);
        denied(&[DENIED])
    });
    let of_others = super::before(|request, _| {
        let key = request.headers.iter_mut().find(|(name, _)| name == crate::operations::FORM_KEY)?;
        "team-b/k".clone_into(&mut key.1);
        denied(&[DENIED])
    });
    vec![
        attack("S11", "a form signed for another service", FULL_AND_UNGRANTED, service),
        attack("S11", "a form signed for another region", FULL, region),
        attack("S12", "a form with a signed session token", FULL_AND_UNGRANTED, token),
        attack("signed", "a form by another identity's secret", FULL_AND_UNGRANTED, wrong),
        attack("S08", "a form signed eight days ago", FULL_AND_UNGRANTED, past),
        attack("S08", "a form signed in an hour", FULL_AND_UNGRANTED, future),
        attack("P05", "a well signed form for the keys of others", PREFIXED, of_others),
    ]
}
