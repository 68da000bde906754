//! Another implementation signs, ours verifies: it accepts what was signed, and nothing else.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use proptest::prelude::*;

use super::tests::{ACCESS_KEY, SECRET, secret_of, target_of};
use super::*;
use crate::s3::{decode, encode_key, encode_query};
use crate::sigv4::canonical::canonical_value;

const SIGNED_AT: i64 = 1_369_396_800;

/// What a client wants to send.
#[derive(Debug, Clone)]
struct Wish {
    presigned: bool,
    method: &'static str,
    key: String,
    query: Vec<(String, String)>,
    metadata: Vec<String>,
    region: String,
}

fn wishes() -> impl Strategy<Value = Wish> {
    let method = prop::sample::select(vec!["GET", "PUT", "DELETE", "POST", "HEAD"]);
    let name = "[a-zA-Z~ é/+-][ -~é]{0,8}";
    let value = "[ -~é\u{1234}]{0,12}";
    (
        any::<bool>(),
        method,
        "[ -~é\u{1F600}]{1,24}",
        prop::collection::vec((name, value), 0..5),
        prop::collection::vec("[!-~][ -~]{0,20}", 0..4),
        "[a-z]{2}-[a-z]{1,8}-[0-9]",
    )
        .prop_map(|(presigned, method, key, query, metadata, region)| Wish {
            presigned,
            method,
            key,
            query,
            metadata,
            region,
        })
}

/// The HTTP/1.1 head that a client with `aws-sigv4` and S3's settings sends.
fn signed_by_the_oracle(wish: &Wish) -> Vec<u8> {
    const METADATA: [&str; 3] = ["x-amz-meta-a", "x-amz-meta-b", "content-type"];
    let mut target = "/bucket/".to_owned();
    encode_key(wish.key.as_bytes(), &mut target);
    for (position, (name, value)) in wish.query.iter().enumerate() {
        target.push(if position == 0 { '?' } else { '&' });
        encode_query(name.as_bytes(), &mut target);
        target.push('=');
        encode_query(value.as_bytes(), &mut target);
    }
    let mut fields = vec![("host".to_owned(), "localhost:9000".to_owned())];
    fields.extend(METADATA.iter().zip(&wish.metadata).map(|(name, value)| ((*name).to_owned(), value.clone())));

    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if wish.presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(600));
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    }
    let identity = Credentials::new(ACCESS_KEY, SECRET, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&wish.region)
        .name("s3")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT.unsigned_abs()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("http://localhost:9000{target}");
    let named = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = if wish.presigned { SignableBody::UnsignedPayload } else { SignableBody::Bytes(b"") };
    let request = SignableRequest::new(wish.method, &url, named, body).unwrap();
    let (headers, parameters) = sign(request, &parameters).unwrap().into_parts().0.into_parts();
    for (name, value) in &parameters {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(name);
        target.push('=');
        encode_query(value.as_bytes(), &mut target);
    }
    fields.extend(headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())));
    let mut head = format!("{} {target} HTTP/1.1\r\n", wish.method);
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into_bytes()
}

/// All that a head says, without what HTTP and S3 count as the same: two heads of one meaning have one signature.
#[derive(Debug, PartialEq)]
struct Meaning {
    method: String,
    path: Vec<u8>,
    query: Vec<(String, String)>,
    fields: Vec<(String, Vec<u8>)>,
    authorization: Option<(String, String, String, Option<[u8; 32]>)>,
}

fn meaning(head: &RawHead) -> Option<Meaning> {
    let raw = head.target();
    let path = raw.split(|&byte| byte == b'?').next()?;
    let query = Query::parse(raw.get(path.len() + 1..).unwrap_or_default()).ok()?;
    // The name of the signature's own parameter is not signed.
    let name_of = |name: &str| match name.to_ascii_lowercase() {
        lower if lower == "x-amz-signature" => lower,
        _ => name.to_owned(),
    };
    let mut query: Vec<_> = query.pairs().map(|(name, value)| (name_of(name), value.to_owned())).collect();
    query.sort_unstable();
    let mut fields: Vec<_> = head
        .fields()
        .filter(|(name, _)| *name != "authorization")
        .map(|(name, value)| (name.to_owned(), canonical_value(value).into_owned()))
        .collect();
    fields.sort_unstable();
    let authorization = match head.field("authorization") {
        Some(value) => {
            let Authorization { access_key, scope, signed_headers, signature } = Authorization::parse(value).ok()?;
            Some((access_key.to_string(), scope.to_string(), signed_headers.to_owned(), signature))
        }
        None => None,
    };
    Some(Meaning { method: head.method().to_string(), path: decode(path).ok()?, query, fields, authorization })
}

/// As the data plane does it: head, target, claim, secrets of the claimed key, proof.
fn accepts(head: &[u8]) -> bool {
    let Ok((head, _)) = RawHead::parse_http1(head) else { return false };
    let Ok(target) = crate::s3::parse(&head, &crate::s3::BaseHosts::default()) else { return false };
    let Ok(claim) = claim(&head, &target) else { return false };
    let known = [secret_of("alice", SECRET)];
    let secrets: &[ClientSecret] = if claim.access_key().as_str() == ACCESS_KEY { &known } else { &[] };
    claim.verify(secrets, Timestamp::from_unix_seconds(SIGNED_AT)).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_aws_sigv4_signs_is_accepted(wish in wishes()) {
        let signed = signed_by_the_oracle(&wish);
        prop_assert!(accepts(&signed), "{}", String::from_utf8_lossy(&signed));
        let (head, _) = RawHead::parse_http1(&signed).unwrap();
        let key = target_of(&head).key.unwrap();
        prop_assert_eq!(key.as_str(), wish.key.as_str());
    }

    /// 40 changed bytes for each signed head: any that changes the meaning is refused, the others are not.
    #[test]
    fn any_changed_byte_is_refused(
        wish in wishes(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 40),
    ) {
        let signed = signed_by_the_oracle(&wish);
        let original = meaning(&RawHead::parse_http1(&signed).unwrap().0);
        prop_assert!(original.is_some() && accepts(&signed));
        for (place, flip) in changes {
            let mut changed = signed.clone();
            changed[place.index(signed.len())] ^= flip;
            let Ok((head, _)) = RawHead::parse_http1(&changed) else { continue };
            let same = meaning(&head) == original;
            prop_assert_eq!(accepts(&changed), same, "{}", String::from_utf8_lossy(&changed));
        }
    }
}

/// Every byte of one head of each form, with the flips that turn letters and digits into their neighbours.
#[test]
fn every_byte_of_two_heads_counts() {
    for presigned in [false, true] {
        let query = vec![("prefix".to_owned(), "a b".to_owned()), ("list-type".to_owned(), "2".to_owned())];
        let (key, region) = ("a b/ü".to_owned(), "eu-west-1".to_owned());
        let signed =
            signed_by_the_oracle(&Wish { presigned, method: "PUT", key, query, metadata: vec!["x  y".into()], region });
        let original = meaning(&RawHead::parse_http1(&signed).unwrap().0);
        let (mut refused, mut same) = (0, 0);
        for place in 0..signed.len() {
            for flip in [0x01, 0x20] {
                let mut changed = signed.clone();
                changed[place] ^= flip;
                let unchanged = RawHead::parse_http1(&changed).is_ok_and(|(head, _)| meaning(&head) == original);
                assert_eq!(accepts(&changed), unchanged, "{}", String::from_utf8_lossy(&changed));
                if unchanged { same += 1 } else { refused += 1 }
            }
        }
        assert!(refused > 5 * same && same > 0, "{refused} refused, {same} the same");
    }
}
