use super::super::content_md5;
use super::super::sample::{SEED, obligation, obligation_of, outcome, pass, sha256, signed, signed_chunks, unsigned};
use super::*;
use crate::model::TrailingChecksums::{Drop, Forward};
use crate::s3::{BaseHosts, RawHead, classify, parse};

const DECODED: &str = "x-amz-decoded-content-length";
/// CRC-32 of no bytes.
const EMPTY_CRC32: (&str, &str) = ("x-amz-checksum-crc32", "AAAAAA==");

/// Every payload mode, with the literal hash of `body`.
fn modes(body: &[u8]) -> [PayloadAuth; 5] {
    [
        PayloadAuth::Sha256(sha256(body)),
        PayloadAuth::Unsigned,
        signed_chunks(SEED, false),
        signed_chunks(SEED, true),
        PayloadAuth::UnsignedTrailer,
    ]
}

fn invalid(result: Result<Obligation, Denial>) -> bool {
    matches!(result, Err(Denial::InvalidRequest(_)))
}

#[test]
fn ch1_s06_every_mode_on_every_kind_of_operation() {
    for body in [Body::Nothing, Body::Object, Body::Document, Body::Completion] {
        for auth in modes(b"") {
            let streaming = auth.is_streaming();
            let result = obligation_of(body, auth, Some(0), &[(DECODED, "0")]);
            if streaming && body != Body::Object {
                assert_eq!(result.err(), Some(Denial::InvalidContentSha256), "{body:?}");
            } else {
                assert!(result.unwrap().is_empty(), "{body:?}");
            }
        }
    }
}

#[test]
fn rs9_ch2_lengths_that_are_missing() {
    let missing = Some(Denial::MissingContentLength);
    for auth in modes(b"12345") {
        assert_eq!(obligation(auth.clone(), None, &[]).err(), missing);
        assert_eq!(obligation(auth.clone(), None, &[(DECODED, "5")]).unwrap().decoded_length(), 5);
        let streaming = auth.is_streaming();
        let bare = obligation(auth, Some(100), &[]);
        assert_eq!(bare.err(), missing.clone().filter(|_| streaming), "CH-2: frames do not tell the object's length");
    }
    assert_eq!(obligation_of(Body::Document, PayloadAuth::Unsigned, None, &[]).err(), missing);
}

/// boto over HTTPS: chunked transfer coding around the aws-chunked frames, or around bare bytes of a known length.
#[test]
fn ch5_chunked_transfer_coding_with_a_decoded_length() {
    let raw = obligation(PayloadAuth::Unsigned, None, &[(DECODED, "5")]).unwrap();
    assert_eq!(outcome(&raw, b"12345"), Ok(()));
    assert_eq!(outcome(&raw, b"123456"), Err(Denial::IncompleteBody));
    assert_eq!(raw.announce(Forward).content_length, 5);
}

#[test]
fn ch2_s15_lengths_that_contradict_each_other() {
    let with = |auth, length, decoded| obligation(auth, Some(length), &[(DECODED, decoded)]).err();
    let incomplete = Some(Denial::IncompleteBody);
    assert_eq!(with(PayloadAuth::Unsigned, 5, "5"), None);
    assert_eq!(with(PayloadAuth::Unsigned, 5, "4"), incomplete);
    assert_eq!(with(PayloadAuth::Unsigned, 0, "4"), incomplete);
    assert_eq!(with(PayloadAuth::UnsignedTrailer, 20, "5"), None);
    assert_eq!(with(PayloadAuth::UnsignedTrailer, 5, "5"), incomplete, "no room for frames");
    assert_eq!(with(PayloadAuth::UnsignedTrailer, 0, "5"), incomplete);
    for decoded in ["", "-5", "+5", "5.0", "0x5", "5 5", "18446744073709551616"] {
        assert!(
            matches!(with(PayloadAuth::UnsignedTrailer, 20, decoded), Some(Denial::InvalidArgument(_))),
            "{decoded}"
        );
    }
    let twice = obligation(PayloadAuth::UnsignedTrailer, None, &[(DECODED, "5"), (DECODED, "5")]);
    assert_eq!(twice.err(), Some(Denial::DuplicateHeader(DECODED.to_owned())));
}

#[test]
fn ch2_limits_in_64_bits() {
    let most = 5 * 1024 * 1024 * 1024_u64;
    assert_eq!(obligation(PayloadAuth::Unsigned, Some(most), &[]).unwrap().decoded_length(), most);
    for length in [most + 1, u64::MAX] {
        assert_eq!(obligation(PayloadAuth::Unsigned, Some(length), &[]).err(), Some(Denial::EntityTooLarge));
        let text = length.to_string();
        let framed = obligation(PayloadAuth::UnsignedTrailer, None, &[(DECODED, &text)]);
        assert_eq!(framed.err(), Some(Denial::EntityTooLarge));
    }
    for body in [Body::Document, Body::Completion] {
        let with = |length| obligation_of(body, PayloadAuth::Unsigned, Some(length), &[]).err();
        assert_eq!(with(2 * 1024 * 1024), None);
        assert_eq!(with(2 * 1024 * 1024 + 1), Some(Denial::MessageTooLong));
    }
}

#[test]
fn a_body_on_an_operation_that_takes_none() {
    let with = |length| obligation_of(Body::Nothing, PayloadAuth::Unsigned, length, &[]);
    assert!(with(Some(0)).unwrap().is_empty());
    assert!(invalid(with(Some(1))));
    assert!(invalid(with(None)));
}

#[test]
fn rs8_an_empty_body_is_proved_at_once() {
    let with = |auth, headers: &[(&str, &str)]| obligation(auth, Some(0), headers);
    assert!(with(PayloadAuth::Sha256(sha256(b"")), &[EMPTY_CRC32]).unwrap().is_empty());
    let mismatch = Denial::PayloadHashMismatch { client: "00".repeat(32), computed: hex::encode(sha256(b"")) };
    assert_eq!(with(PayloadAuth::Sha256([0; 32]), &[]).err(), Some(mismatch));
    let checksum = with(PayloadAuth::Unsigned, &[("x-amz-checksum-crc32", "AAAAAQ==")]);
    assert_eq!(checksum.err(), Some(Denial::ChecksumMismatch("CRC32")));
    let md5 = with(PayloadAuth::Unsigned, &[("content-md5", &content_md5(b"x"))]);
    assert_eq!(md5.err(), Some(Denial::ChecksumMismatch("Content-MD5")));
    assert!(with(PayloadAuth::Unsigned, &[("content-md5", &content_md5(b""))]).is_ok());
    let trailer = with(PayloadAuth::UnsignedTrailer, &[(DECODED, "0"), ("x-amz-trailer", EMPTY_CRC32.0)]);
    assert_eq!(trailer.err(), Some(Denial::MalformedTrailer), "announced, and no frame to bring it");

    let empty = with(PayloadAuth::UnsignedTrailer, &[(DECODED, "0")]).unwrap();
    assert_eq!((empty.announce(Forward).content_length, empty.proves_before_sending(Forward)), (0, false));
    assert_eq!(outcome(&empty, b""), Ok(()));
    assert_eq!(outcome(&empty, b"x"), Err(Denial::IncompleteBody));
}

#[test]
fn rs8_an_empty_object_in_frames_is_proved_before_anything_is_sent() {
    let headers = [(DECODED, "0"), ("x-amz-trailer", EMPTY_CRC32.0)];
    let framed = obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap();
    assert!(!framed.is_empty());
    assert!(framed.proves_before_sending(Drop));
    assert!(!framed.proves_before_sending(Forward), "the trailer itself is what is held back");
    let line = format!("{}:{}\r\n", EMPTY_CRC32.0, EMPTY_CRC32.1);
    assert_eq!(outcome(&framed, &unsigned(&[], &line).bytes()), Ok(()));
    let wrong = unsigned(&[], "x-amz-checksum-crc32:AAAAAQ==\r\n").bytes();
    let passage = pass(&mut framed.gate(Forward), &wrong, []);
    assert_eq!((passage.outcome, passage.released.len()), (Err(Denial::ChecksumMismatch("CRC32")), 0));

    let signed_empty = obligation(signed_chunks(SEED, false), None, &[(DECODED, "0")]).unwrap();
    assert!(signed_empty.proves_before_sending(Forward));
    assert_eq!(outcome(&signed_empty, &signed(SEED, &[], None).bytes()), Ok(()));
    let not_empty = obligation(PayloadAuth::UnsignedTrailer, None, &[(DECODED, "1")]).unwrap();
    assert!(!not_empty.proves_before_sending(Drop));
}

#[test]
fn ch7_s15_one_checksum_only() {
    let auth = || PayloadAuth::UnsignedTrailer;
    let with = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([(DECODED, "9")]).collect();
        obligation(auth(), None, &headers)
    };
    let crc32 = ("x-amz-checksum-crc32", "y/Q5Jg==");
    assert!(with(&[crc32]).is_ok());
    assert!(with(&[("x-amz-trailer", "X-Amz-Checksum-CRC32 ")]).is_ok());
    assert!(invalid(with(&[crc32, ("x-amz-checksum-crc32c", "AAAAAA==")])));
    assert!(invalid(with(&[crc32, crc32])));
    assert!(invalid(with(&[crc32, ("x-amz-trailer", "x-amz-checksum-crc32c")])));
    assert!(invalid(with(&[("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-crc32c")])));
    assert!(invalid(with(&[("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-trailer", "x-amz-checksum-crc32")])));
    assert!(invalid(with(&[("x-amz-trailer", "x-amz-meta-a")])));
    assert!(invalid(with(&[("x-amz-trailer", "x-amz-checksum-\u{fffd}")])));
    assert!(with(&[("x-amz-trailer", "x-amz-checksum-xxhash3")]).is_ok());
    assert!(with(&[("x-amz-checksum-xxhash3", "AAAAAAAAAAA=")]).is_ok());
    assert!(invalid(with(&[("x-amz-trailer", "x-amz-checksum-xxhash32")])));
    assert!(invalid(with(&[("x-amz-checksum-xxhash32", "AAAAAA==")])));
    let unannounceable = obligation(signed_chunks(SEED, false), None, &[(DECODED, "9"), ("x-amz-trailer", crc32.0)]);
    assert!(invalid(unannounceable), "this mode has no trailer");
}

#[test]
fn ch7_a_named_algorithm_needs_its_value() {
    let with = |body, headers: &[(&str, &str)]| obligation_of(body, PayloadAuth::Unsigned, Some(0), headers);
    let named = |name| ("x-amz-sdk-checksum-algorithm", name);
    for body in [Body::Object, Body::Document] {
        let good = with(body, &[named("CRC32"), EMPTY_CRC32]).unwrap();
        assert_eq!(good.announce(Forward).headers.len(), 2);
        assert!(invalid(with(body, &[named("CRC32")])));
        assert!(invalid(with(body, &[named("CRC32C"), EMPTY_CRC32])));
        assert!(invalid(with(body, &[named("CRC"), EMPTY_CRC32])));
        assert!(invalid(with(body, &[named("SHA512")])));
    }
    let create = with(Body::Nothing, &[named("CRC32"), ("x-amz-checksum-algorithm", "CRC32")]).unwrap();
    assert_eq!(create.announce(Forward).headers, [], "without a value no backend would take it");
    let trailer = [named("crc32"), (DECODED, "9"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    assert!(obligation(PayloadAuth::UnsignedTrailer, None, &trailer).is_ok());
    let other = [named("SHA1"), (DECODED, "9"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    assert!(invalid(obligation(PayloadAuth::UnsignedTrailer, None, &other)));
}

#[test]
fn s16_values_that_are_no_digests_are_refused_before_the_body() {
    let with = |name, value| obligation(PayloadAuth::Unsigned, Some(9), &[(name, value)]).err();
    assert_eq!(with("x-amz-checksum-crc32", "y/Q5Jg=="), None);
    assert_eq!(with("x-amz-checksum-crc32", "y/Q5Jg"), Some(Denial::InvalidDigest("CRC32")));
    assert_eq!(with("x-amz-checksum-sha256", "y/Q5Jg=="), Some(Denial::InvalidDigest("SHA256")));
    assert_eq!(with("content-md5", "y/Q5Jg=="), Some(Denial::InvalidDigest("Content-MD5")));
    assert_eq!(with("x-amz-checksum-mode", "ENABLED"), None);
    assert_eq!(with("x-amz-checksum-type", "FULL_OBJECT"), None);
    let twice = obligation(PayloadAuth::Unsigned, Some(0), &[("content-md5", ""), ("content-md5", "")]);
    assert_eq!(twice.err(), Some(Denial::DuplicateHeader("content-md5".to_owned())));
}

/// RS-7: of a completion the checksum is the object's and `Content-MD5` the document's.
#[test]
fn rs7_the_checksum_of_a_completion_is_passed_on() {
    let md5 = content_md5(b"<xml/>");
    let headers = [("x-amz-checksum-crc32", "AAAAAA==-3"), ("content-md5", &*md5)];
    let completion = obligation_of(Body::Completion, PayloadAuth::Unsigned, Some(6), &headers).unwrap();
    assert_eq!(outcome(&completion, b"<xml/>"), Ok(()));
    assert_eq!(outcome(&completion, b"<XML/>"), Err(Denial::ChecksumMismatch("Content-MD5")));
    assert_eq!(completion.announce(Forward).headers.len(), 2);
    assert_eq!(completion.announce(Drop).headers.len(), 1);
    let document = obligation_of(Body::Document, PayloadAuth::Unsigned, Some(6), &headers);
    assert_eq!(document.err(), Some(Denial::InvalidDigest("CRC32")), "of any other document it is the body's");
}

#[test]
fn trap6_the_mode_and_not_the_encoding_says_that_there_are_frames() {
    let encoded = [("content-encoding", "gzip, aws-chunked"), (DECODED, "9")];
    assert!(invalid(obligation(PayloadAuth::Unsigned, Some(9), &encoded)));
    assert!(obligation(PayloadAuth::Unsigned, Some(9), &[("content-encoding", "gzip")]).is_ok());
    assert!(obligation(PayloadAuth::UnsignedTrailer, None, &encoded).unwrap().framed);
    assert!(obligation(PayloadAuth::UnsignedTrailer, None, &[(DECODED, "9")]).unwrap().framed, "older minio-go");
}

/// The whole way from a head: the operation says what the body may be, hoisted headers count like sent ones.
#[test]
fn trap3_rs7_from_a_head() {
    let of = |line: &str, headers: &str, auth: PayloadAuth, length| {
        let head = format!("{line} HTTP/1.1\r\nHost: s3.example.com\r\n{headers}\r\n");
        let (head, _) = RawHead::parse_http1(head.as_bytes()).unwrap();
        let target = parse(&head, &BaseHosts::default()).unwrap();
        let semantics = Semantics::read(&head, &target).unwrap();
        let operation = classify(head.method(), &target, &semantics).unwrap();
        Obligation::new(auth, &operation, &semantics, length)
    };
    let crc32 = "x-amz-checksum-crc32: y/Q5Jg==\r\n";
    let put = of("PUT /bucket/key", crc32, PayloadAuth::Unsigned, Some(9)).unwrap();
    assert_eq!(outcome(&put, b"123456789"), Ok(()));
    assert_eq!(outcome(&put, b"123456780"), Err(Denial::ChecksumMismatch("CRC32")));
    let hoisted = "PUT /bucket/key?x-amz-checksum-crc32=AAAAAA%3D%3D";
    let hoisted = of(hoisted, "", PayloadAuth::Unsigned, Some(9)).unwrap();
    assert_eq!(outcome(&hoisted, b"123456789"), Err(Denial::ChecksumMismatch("CRC32")));

    let complete = "POST /bucket/key?uploadId=u";
    let passed_on = of(complete, crc32, PayloadAuth::Unsigned, Some(6)).unwrap();
    assert_eq!(outcome(&passed_on, b"<xml/>"), Ok(()));
    let delete = of("POST /bucket?delete", crc32, PayloadAuth::Unsigned, Some(6)).unwrap();
    assert_eq!(outcome(&delete, b"<xml/>"), Err(Denial::ChecksumMismatch("CRC32")));
    for line in ["GET /bucket/key", "POST /bucket/key?uploads", "DELETE /bucket/key", "HEAD /bucket", "GET /"] {
        assert!(of(line, "", PayloadAuth::Sha256(sha256(b"")), Some(0)).unwrap().is_empty(), "{line}");
        assert!(invalid(of(line, "", PayloadAuth::Unsigned, Some(1))), "{line}");
        let streaming = of(line, "x-amz-decoded-content-length: 0\r\n", signed_chunks(SEED, false), Some(0));
        assert_eq!(streaming.err(), Some(Denial::InvalidContentSha256), "{line}");
    }
    let part = "PUT /bucket/key?partNumber=1&uploadId=u";
    let part = of(part, "x-amz-decoded-content-length: 9\r\n", PayloadAuth::UnsignedTrailer, None);
    assert!(part.unwrap().framed);
}
