use proptest::prelude::*;

use super::*;
use crate::s3::{BucketName, KeyPrefix};

fn mapping(issuer: &str, names: [&str; 4]) -> Mapping {
    let [client_bucket, client_prefix, backend_bucket, prefix] = names;
    Mapping {
        client_bucket: BucketName::parse(client_bucket).unwrap().into(),
        client_prefix: KeyPrefix::parse(client_prefix).unwrap(),
        backend_bucket: backend_bucket.to_owned(),
        prefix: KeyPrefix::parse(prefix).unwrap(),
        issuer: issuer.into(),
    }
}

const ROUTE: &str = "team/data\nmain\nhttps://s3.backend.example";

fn photos() -> Mapping {
    mapping(ROUTE, ["photos", "", "corp-backend-7", "tenant-a/"])
}

/// The same place but for one of its names.
fn neighbours() -> Vec<Mapping> {
    let other = |issuer: &str| mapping(issuer, ["photos", "", "corp-backend-7", "tenant-a/"]);
    vec![
        other("team/other\nmain\nhttps://s3.backend.example"),
        other("other/data\nmain\nhttps://s3.backend.example"),
        other("team/data\nold\nhttps://s3.backend.example"),
        other("team/data\nmain\nhttps://s3.other.example"),
        mapping(ROUTE, ["photos", "raw/", "corp-backend-7", "tenant-a/"]),
        mapping(ROUTE, ["photos", "", "corp-backend-8", "tenant-a/"]),
        mapping(ROUTE, ["photos", "", "corp-backend-7", "tenant-b/"]),
        // where one name ends and the next begins is a part of the key
        mapping(ROUTE, ["photos", "", "corp-backend-7tenant-", "a/"]),
    ]
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn incorrect() -> Denial {
    Denial::InvalidArgument("The continuation token provided is incorrect".to_owned())
}

fn any_position() -> impl Strategy<Value = Option<Position>> {
    let position = (any::<String>(), any::<bool>());
    prop::option::of(position.prop_map(|(text, is_prefix)| Position { text, is_prefix }))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn section_11_what_was_wrapped_opens_at_its_backend_and_there_only(
        id in any::<String>(), key in any::<String>(), prefix in any::<String>(), after in any_position(),
    ) {
        let wrapped = seal_upload(&photos(), &key, &id).unwrap();
        prop_assert_eq!(open_upload(&photos(), &key, &wrapped), Ok(id.clone()));
        let token = seal_page(&photos(), &prefix, &id, after.as_ref()).unwrap();
        let page = Page { token: Some(id), after: after.clone() };
        prop_assert_eq!(open_page(&photos(), &prefix, &token), Ok(page));
        for other in neighbours() {
            prop_assert_eq!(open_upload(&other, &key, &wrapped), Err(Unopened::Elsewhere));
            // a list goes on after the last name
            let page = Page { token: None, after: after.clone() };
            prop_assert_eq!(open_page(&other, &prefix, &token), Ok(page));
        }
    }

    #[test]
    fn every_other_text_is_nonsense(
        id in "[ -~]{0,40}", key in any::<String>(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
        text in any::<String>(), more in 1..30_usize,
    ) {
        let wrapped = seal_upload(&photos(), &key, &id).unwrap();
        let token = seal_page(&photos(), &key, &id, Some(&Position::key(&key))).unwrap();
        prop_assert_eq!(open_upload(&photos(), &key, &text), Err(Unopened::Foreign));
        prop_assert_eq!(open_page(&photos(), &key, &text), Err(incorrect()));
        let damaged = |text: &str| {
            let mut flipped = decoded(text);
            flipped[at.index(text.len() * 3 / 4)] ^= 1 << bit;
            let cut = text.chars().take(text.len().saturating_sub(more)).collect();
            [URL_SAFE_NO_PAD.encode(flipped), cut, format!("{text}{}", "A".repeat(more)), format!("{text}="), format!(" {text}")]
        };
        for wrong in damaged(&wrapped) {
            prop_assert_eq!(open_upload(&photos(), &key, &wrong), Err(Unopened::Foreign));
        }
        for wrong in damaged(&token) {
            prop_assert_eq!(open_page(&photos(), &key, &wrong), Err(incorrect()));
        }
    }

    /// Whoever knows how it is made can make the check fit; what is sealed stays shut.
    #[test]
    fn a_check_that_fits_opens_nothing(
        id in "[a-z]{1,40}", at in any::<prop::sample::Index>(), bit in 0..8_u8, made_up in any::<Vec<u8>>(),
    ) {
        let used_for = [UPLOAD, b"photos", b"k"];
        let mut body = unwrap(&used_for, &seal_upload(&photos(), "k", &id).unwrap()).unwrap();
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        for body in [body, made_up] {
            prop_assert_eq!(open_upload(&photos(), "k", &wrap(&used_for, &body)), Err(Unopened::Elsewhere));
        }
    }
}

#[test]
fn d06_an_upload_id_is_for_one_key_of_one_bucket() {
    let wrapped = seal_upload(&photos(), "team-a/k", "id").unwrap();
    for key in ["team-a/k2", "team-a/", "team-b/k", ""] {
        assert_eq!(open_upload(&photos(), key, &wrapped), Err(Unopened::Foreign), "{key}");
    }
    // another alias of the same place
    let alias = mapping(ROUTE, ["albums", "", "corp-backend-7", "tenant-a/"]);
    assert_eq!(open_upload(&alias, "team-a/k", &wrapped), Err(Unopened::Foreign));
    let token = seal_page(&photos(), "team-a/", "token", None).unwrap();
    assert_eq!(open_page(&alias, "team-a/", &token), Err(incorrect()));
    for prefix in ["", "team-", "team-b/"] {
        assert_eq!(open_page(&photos(), prefix, &token), Err(incorrect()), "{prefix}");
    }
    // one is not taken for the other
    assert_eq!(open_page(&photos(), "team-a/k", &wrapped), Err(incorrect()));
    assert_eq!(open_upload(&photos(), "team-a/", &token), Err(Unopened::Foreign));
}

#[test]
fn an_upload_has_one_id_wherever_it_is_shown() {
    let of = |key: &str, id: &str| seal_upload(&photos(), key, id).unwrap();
    assert_eq!(of("k", "upload-1"), of("k", "upload-1"));
    // nothing but its length is alike in two of them: not even the nonce shows equal ids
    for (one, other) in [(of("k", "upload-1"), of("k", "upload-2")), (of("k", "upload-1"), of("l", "upload-1"))] {
        let (one, other) = (decoded(&one), decoded(&other));
        assert_eq!(one.len(), other.len());
        assert!(one[1..13] != other[1..13] && one[9..21] != other[9..21] && one[21..] != other[21..]);
    }
}

#[test]
fn c15_nothing_of_a_backend_can_be_read() {
    let id = "corp-backend-7.MmY1ZDk4.tenant-a/2026";
    let bytes = [
        decoded(&seal_upload(&photos(), "2026", id).unwrap()),
        decoded(&seal_page(&photos(), "", id, Some(&Position::key("2026"))).unwrap()),
    ];
    for hidden in ["corp", "tenant", "MmY1ZDk4", "team", "data", "main", "backend.example"] {
        assert!(bytes.iter().all(|bytes| !contains(bytes, hidden)), "{hidden}");
    }
    assert!(contains(&bytes[1], "2026"), "the client's own names may be");
}

#[test]
fn section_8_ids_of_aws_stay_short() {
    let wrapped = seal_upload(&photos(), &"k".repeat(1024), &"i".repeat(140)).unwrap();
    assert!(wrapped.len() < 256, "{}", wrapped.len());
    assert!(wrapped.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{wrapped}");
}

/// Uploads last for days and replicas are updated one by one: a change of the form needs another version, not another form
/// of this one. The values were computed by a second implementation (Python's `hmac` and `cryptography`).
#[test]
fn the_form_of_version_1_stays() {
    let wrapped = seal_upload(&photos(), "k", "upload-1").unwrap();
    assert_eq!(wrapped, "AeFhKEj1QbvKNb1LQtdxgqzLpjeOSUFOurrhEQm0Hv40Dz6m7apqcwoVLPMg");
    let token = seal_page(&photos(), "", "t", Some(&Position { text: "a/".to_owned(), is_prefix: true })).unwrap();
    assert_eq!(token, "AS7FuwNjrGVhAgACYS-KXyVhgjdOAxrsmWBPJqS-5aq-EiTIDhqbrUEdpg");
}

#[test]
fn rn_4_a_common_prefix_is_left_behind_with_all_its_keys() {
    let after = |text: &str, is_prefix| Position { text: text.to_owned(), is_prefix }.start_after().into_owned();
    assert_eq!(after("a/k", false), "a/k");
    assert!(after("a/", true).as_str() > "a/zzz\u{fffd}" && after("a/", true).as_str() < "a0");
    let long = "k".repeat(MAX_KEY_BYTES - 3);
    assert_eq!(after(&long, true), long, "no key is longer than 1,024 bytes");
}
