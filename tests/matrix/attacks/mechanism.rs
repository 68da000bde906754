//! Other mechanisms, other times, other secrets (S04 to S13).

use std::time::Duration;

use super::signature::{EXPIRES, edit, header};
use super::{Attack, Effect, FULL, FULL_AND_UNGRANTED, add_pair, after, attack, before, denied, signing};
use crate::forms::{Auth, strip};
use crate::model::{
    Code, DENIED, INVALID_ARGUMENT, INVALID_REQUEST, MALFORMED, MALFORMED_HEADER, MALFORMED_QUERY, MISMATCH,
    NOT_IMPLEMENTED, Principal,
};

const SKEWED: Code = (403, "RequestTimeTooSkewed");
const INVALID_TOKEN: Code = (400, "InvalidToken");
/// In a header the algorithm has no name.
const ALGORITHM: (&str, &str) = ("", "X-Amz-Algorithm=");

pub(super) fn all() -> Vec<Attack> {
    [schemes(), times(), resigned()].into_iter().flatten().collect()
}

/// S04, S05, S07: other mechanisms, and two at once.
fn schemes() -> Vec<Attack> {
    let mut all = Vec::new();
    for value in ["Bearer abc", "AWS OSPMATRIXFULL0000001:c2lnbmF0dXJl", "Basic eDp5"] {
        let second = after(move |request, _| {
            request.headers.push(("authorization".to_owned(), value.to_owned()));
            denied(&[INVALID_ARGUMENT])
        });
        all.push(attack("S04", format!("and {value}"), FULL_AND_UNGRANTED, second));
        let instead = after(move |request, target| {
            strip(request, target.auth);
            request.headers.push(("authorization".to_owned(), value.to_owned()));
            denied(&[INVALID_REQUEST])
        });
        all.push(attack("S07", format!("{value} instead"), FULL, instead));
    }
    for pair in ["X-Amz-Signature=00", "X-Amz-Credential=x", "Signature=abc", "AWSAccessKeyId=x"] {
        let act = after(move |request, target| {
            if target.auth == Auth::Presigned && pair.starts_with("X-Amz") {
                return None;
            }
            add_pair(request, pair);
            denied(&[INVALID_ARGUMENT])
        });
        all.push(attack("S04", format!("and {pair} in the query"), FULL, act));
    }
    let pieces = after(|request, target| {
        strip(request, target.auth);
        add_pair(request, "X-Amz-Credential=OSPMATRIXFULL0000001");
        denied(&[MALFORMED_QUERY])
    });
    all.push(attack("S05", "a credential in the query and no signature", FULL, pieces));
    let streaming = after(|request, target| {
        if target.auth != Auth::Presigned {
            return None;
        }
        let literal = "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned();
        request.headers.push(("x-amz-content-sha256".to_owned(), literal));
        denied(&[NOT_IMPLEMENTED, INVALID_REQUEST, MISMATCH])
    });
    all.push(attack("S05", "a streaming body behind a presigned URL", FULL, streaming));
    let version_2 = after(|request, target| {
        strip(request, target.auth);
        add_pair(request, "AWSAccessKeyId=OSPMATRIXFULL0000001&Expires=9999999999&Signature=abc");
        denied(&[INVALID_REQUEST])
    });
    all.push(attack("S07", "version 2 in the query", FULL, version_2));
    for algorithm in ["AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA512", "aws4-hmac-sha256", ""] {
        let act = after(move |request, target| {
            if target.auth == Auth::Presigned {
                edit(request, ALGORITHM, |_| algorithm.to_owned())?;
            } else {
                let value = header(request, "authorization")?;
                *value = value.replacen("AWS4-HMAC-SHA256", algorithm, 1);
            }
            denied(&[INVALID_REQUEST, NOT_IMPLEMENTED, MALFORMED_QUERY, MALFORMED_HEADER])
        });
        all.push(attack("S07", format!("algorithm {algorithm:?}"), FULL_AND_UNGRANTED, act));
    }
    all
}

/// S08, S09: time.
fn times() -> Vec<Attack> {
    let mut all = Vec::new();
    for (name, seconds) in [("16 minutes late", -960_i64), ("16 minutes early", 960), ("a day late", -86_400)] {
        let act = signing(move |signing, target| {
            let offset = Duration::from_secs(seconds.unsigned_abs());
            signing.at = if seconds < 0 { signing.at - offset } else { signing.at + offset };
            denied(if target.auth == Auth::Presigned { &[DENIED] } else { &[SKEWED] })
        });
        all.push(attack("S08", format!("signed {name}"), FULL_AND_UNGRANTED, act));
    }
    let close = signing(|signing, target| {
        signing.at -= Duration::from_secs(780);
        signing.lifetime = Duration::from_secs(3600);
        (target.auth != Auth::PostPolicy).then_some(Effect::Harmless)
    });
    all.push(attack("S08", "signed 13 minutes ago", FULL, close));
    let date = after(|request, _| {
        "yesterday".clone_into(header(request, "x-amz-date")?);
        denied(&[DENIED])
    });
    all.push(attack("S08", "a date that is none", FULL_AND_UNGRANTED, date));
    for expires in ["604801", "-1", "%2B1", "1000000000", "", "1e3", "9999999999999999999999"] {
        let act = after(move |request, _| {
            edit(request, EXPIRES, |_| expires.to_owned())?;
            denied(&[MALFORMED_QUERY])
        });
        all.push(attack("S09", format!("X-Amz-Expires={expires}"), FULL_AND_UNGRANTED, act));
    }
    let week = signing(|signing, target| {
        signing.lifetime = Duration::from_secs(604_800);
        (target.auth == Auth::Presigned).then_some(Effect::Harmless)
    });
    all.push(attack("S09", "a life of a week", FULL, week));
    all
}

/// Signed with a good key, and still wrong (S06, S11, S12).
fn resigned() -> Vec<Attack> {
    let mut all = Vec::new();
    for literal in ["STREAMING-UNSIGNED-PAYLOAD", "unsigned-payload", "", "abc", "STREAMING-AWS4-HMAC-SHA256"] {
        let act = signing(move |signing, target| {
            signing.literal = Some(literal.to_owned());
            denied(&[INVALID_REQUEST]).filter(|_| target.auth != Auth::Presigned)
        });
        all.push(attack("S06", format!("payload literal {literal:?}"), FULL_AND_UNGRANTED, act));
    }
    let service = signing(|signing, _| {
        signing.service = "sts";
        denied(MALFORMED)
    });
    all.push(attack("S11", "signed for another service", FULL_AND_UNGRANTED, service));
    let region = signing(|signing, _| {
        signing.region = "eu-central-7";
        Some(Effect::Harmless)
    });
    all.push(attack("S11", "signed for another region", FULL, region));
    let token = signing(|signing, _| {
        signing.token = Some("token");
        denied(&[INVALID_TOKEN])
    });
    all.push(attack("S12", "a signed session token", FULL_AND_UNGRANTED, token));
    let wrong = signing(|signing, _| {
        signing.key.secret = "wrong";
        denied(&[MISMATCH])
    });
    all.push(attack("signed", "the secret", FULL_AND_UNGRANTED, wrong));
    let foreign = signing(|signing, _| {
        signing.key.secret = Principal::Reader.key().secret;
        denied(&[MISMATCH])
    });
    all.push(attack("signed", "another identity's secret", FULL_AND_UNGRANTED, foreign));
    let left_out = signing(|signing, _| {
        signing.leave_out.push("host");
        denied(&[DENIED])
    });
    all.push(attack("S01", "a signature without the host", FULL, left_out));
    let spaced = before(|request, target| {
        if target.operation.name != "PutObject" {
            return None;
        }
        request.headers.push(("x-amz-meta-spaces".to_owned(), "a  b".to_owned()));
        Some(Effect::Harmless)
    });
    all.push(attack("S17", "inner spaces in a signed header", FULL, spaced));
    all
}
