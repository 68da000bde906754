use super::*;

fn outcome(expected: Expected, body: &[u8], trailer: Option<&[u8]>) -> Result<(), Denial> {
    let mut digests = Digests::new(expected);
    body.chunks(3).for_each(|piece| digests.update(piece));
    digests.prove(trailer)
}

/// The check values of the CRC catalogue, and the hashes of the same nine bytes; those of xxHash by `aws-checksums` (awscrt
/// 0.38), which is what AWS's clients send.
const TABLE: [(&str, ChecksumAlgorithm, &str); 10] = [
    ("crc32", ChecksumAlgorithm::Crc32, "cbf43926"),
    ("CRC32C", ChecksumAlgorithm::Crc32c, "e3069283"),
    ("crc64nvme", ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
    ("SHA1", ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    ("sha256", ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    (
        "SHA512",
        ChecksumAlgorithm::Sha512,
        "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf\
         574fba8ffe85",
    ),
    ("md5", ChecksumAlgorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
    ("XXHASH64", ChecksumAlgorithm::Xxhash64, "8cb841db40e6ae83"),
    ("xxhash3", ChecksumAlgorithm::Xxhash3, "72dcb18b67a17dff"),
    ("xxhash128", ChecksumAlgorithm::Xxhash128, "33119477ede5dcd5e9716427681d5860"),
];

#[test]
fn ch7_s16_every_algorithm_against_its_published_value() {
    for (name, algorithm, digest) in TABLE {
        assert_eq!(ChecksumAlgorithm::named(name), Ok(algorithm));
        let digest = hex::decode(digest).unwrap();
        let value = STANDARD.encode(&digest);
        assert_eq!(value.len(), algorithm.value_bytes());
        assert_eq!(algorithm.decode(value.as_bytes()).as_ref(), Ok(&digest));

        let header = Some(Checksum { algorithm, digest: Some(digest) });
        let header = Expected { checksum: header, ..Expected::default() };
        assert_eq!(outcome(header.clone(), b"123456789", None), Ok(()));
        let wrong = Err(Denial::ChecksumMismatch(algorithm.label()));
        assert_eq!(outcome(header, b"123456780", None), wrong);

        let trailer = Expected { checksum: Some(Checksum { algorithm, digest: None }), ..Expected::default() };
        assert_eq!(outcome(trailer.clone(), b"123456789", Some(value.as_bytes())), Ok(()));
        assert_eq!(outcome(trailer.clone(), b"12345678", Some(value.as_bytes())), wrong);
        assert_eq!(outcome(trailer.clone(), b"123456789", None), Err(Denial::MalformedTrailer));
        let malformed = Err(Denial::InvalidDigest(algorithm.label()));
        for value in ["", "=", "AAAA", "not base64!!", value.split_at(1).1, &format!("{value}AAAA")] {
            assert_eq!(outcome(trailer.clone(), b"123456789", Some(value.as_bytes())), malformed, "{name} {value}");
        }
    }
}

#[test]
fn ch7_algorithms_that_nobody_knows_are_refused() {
    for name in ["", "crc", "crc32 ", "sha-256", "xxhash", "xxhash32", "type", "mode"] {
        assert!(matches!(ChecksumAlgorithm::named(name), Err(Denial::InvalidRequest(_))), "{name}");
        assert!(!ChecksumAlgorithm::is_known(name.as_bytes()));
    }
}

#[test]
fn ch7_every_algorithm_has_its_own_header() {
    for algorithm in ChecksumAlgorithm::ALL {
        let expected = format!("x-amz-checksum-{}", algorithm.label().to_ascii_lowercase());
        assert_eq!(algorithm.header(), expected);
        assert!(TABLE.iter().any(|(_, tried, _)| *tried == algorithm), "{algorithm:?} is in the table above");
    }
}

/// One MD5 serves `Content-MD5` and the checksum; each is still compared on its own.
#[test]
fn s16_content_md5_and_the_md5_checksum_together() {
    let good: [u8; 16] = Md5::digest(b"body").into();
    let both = |md5: [u8; 16], checksum: [u8; 16]| Expected {
        payload_sha256: None,
        checksum: Some(Checksum { algorithm: ChecksumAlgorithm::Md5, digest: Some(checksum.to_vec()) }),
        md5: Some(md5),
    };
    assert_eq!(outcome(both(good, good), b"body", None), Ok(()));
    assert_eq!(outcome(both(good, [0; 16]), b"body", None), Err(Denial::ChecksumMismatch("MD5")));
    assert_eq!(outcome(both([0; 16], good), b"body", None), Err(Denial::ChecksumMismatch("Content-MD5")));
}

#[test]
fn s14_s16_payload_hash_and_content_md5() {
    let literal = |hash| Expected { payload_sha256: Some(hash), ..Expected::default() };
    let good: [u8; 32] = hex::decode(TABLE[4].2).unwrap().try_into().unwrap();
    assert_eq!(outcome(literal(good), b"123456789", None), Ok(()));
    let denial = Denial::PayloadHashMismatch { client: "00".repeat(32), computed: TABLE[4].2.to_owned() };
    assert_eq!(outcome(literal([0; 32]), b"123456789", None), Err(denial));

    let value = "JfnnlDI7RTiF9RgfG2JNCw==";
    assert_eq!(content_md5(b"123456789"), value);
    let md5 = Expected { md5: Some(decode_md5(value.as_bytes()).unwrap()), ..Expected::default() };
    assert_eq!(outcome(md5.clone(), b"123456789", None), Ok(()));
    assert_eq!(outcome(md5, b"1234567890", None), Err(Denial::ChecksumMismatch("Content-MD5")));
    for value in ["", "JfnnlDI7RTiF9RgfG2JNCw", "JfnnlDI7RTiF9RgfG2JN", "25f9e794323b453885f5181f1b624d0b"] {
        assert_eq!(decode_md5(value.as_bytes()), Err(Denial::InvalidDigest("Content-MD5")), "{value}");
    }
}

/// One hash serves the literal and the checksum; each is still compared on its own.
#[test]
fn s14_s16_payload_hash_and_sha256_checksum_together() {
    let good = Sha256::of(b"body");
    let both = |literal: [u8; 32], checksum: [u8; 32]| Expected {
        payload_sha256: Some(literal),
        checksum: Some(Checksum { algorithm: ChecksumAlgorithm::Sha256, digest: Some(checksum.to_vec()) }),
        md5: None,
    };
    assert_eq!(outcome(both(good, good), b"body", None), Ok(()));
    assert_eq!(outcome(both(good, [0; 32]), b"body", None), Err(Denial::ChecksumMismatch("SHA256")));
    assert!(matches!(outcome(both([0; 32], good), b"body", None), Err(Denial::PayloadHashMismatch { .. })));
}

#[test]
fn rs7_a_checksum_of_an_object_may_count_parts() {
    let check = |value: &str| ChecksumAlgorithm::Crc32.check_object_value(value.as_bytes());
    assert_eq!(check("AAAAAA=="), Ok(()));
    assert_eq!(check("AAAAAA==-10000"), Ok(()));
    for value in ["AAAAAA==-", "AAAAAA==-x", "AAAA-2", "-2", "AAAAAA==-1-2"] {
        assert_eq!(check(value), Err(Denial::InvalidDigest("CRC32")), "{value}");
    }
}

#[test]
fn rs_8_nothing_meets_its_own_hash_and_no_other() {
    let hash = |body: &[u8]| {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
        Expected { payload_sha256: Some(sha256), ..Expected::default() }
    };
    assert!(hash(b"").is_met_by_nothing() && Expected::default().is_met_by_nothing());
    assert!(!hash(b"a").is_met_by_nothing());
    let checksum = Checksum { algorithm: ChecksumAlgorithm::Crc32, digest: None };
    assert!(!Expected { checksum: Some(checksum), ..hash(b"") }.is_met_by_nothing());
    assert!(!Expected { md5: Some([0; 16]), ..hash(b"") }.is_met_by_nothing());
}
