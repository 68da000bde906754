//! Bodies: five payload modes, and what happens when the body is not what the head promised. The last bytes are held
//! back until everything is proved, so a refused body changes nothing at the backend (trap 4, CH, S14-S16).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::time::Duration;

use osp_test_support::checksum::{crc32_base64, md5_base64};
use osp_test_support::{ALICE, Payload, Request, Signer, World};

const MISMATCH: &str = "SignatureDoesNotMatch";

fn world() -> std::sync::MutexGuard<'static, World> {
    let world = World::shared(env!("CARGO_BIN_EXE_osp"));
    world.backend.seed("alpha-at-backend", "k", b"before");
    world
}

/// Bytes without a period that a chunk could hide.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn put(world: &World, body: Vec<u8>) -> Request {
    world.request("PUT", "/alpha/k").body(body)
}

fn stored(world: &World) -> Vec<u8> {
    world.backend.object("alpha-at-backend", "k").unwrap()
}

#[test]
fn every_mode_and_framing_delivers_the_same_bytes() {
    let world = world();
    for payload in Payload::ALL {
        for size in [0, 1, 8191, 8192, 65_536, 300_001] {
            let request = Signer::new(ALICE).sign(put(&world, bytes(size)), payload);
            let (_, seen) = world.forwarded(&request);
            assert!(stored(&world) == bytes(size), "{payload:?} {size}");
            assert_eq!(seen.head.count("x-amz-trailer"), usize::from(!request.value("x-amz-trailer").is_empty()));
            assert_ne!(seen.head.header("content-encoding"), Some(""), "an empty Content-Encoding (CH-6)");
        }
    }
}

#[test]
fn ch_5_aws_chunks_travel_inside_http_chunks() {
    let world = world();
    for payload in [Payload::SignedChunks, Payload::SignedChunksTrailer, Payload::UnsignedTrailer] {
        for piece in [1000, 1_000_000] {
            let request = Signer::new(ALICE).sign(put(&world, bytes(200_000)), payload);
            world.forwarded(&request.transfer_chunked(piece));
            assert!(stored(&world) == bytes(200_000), "{payload:?} in HTTP chunks of {piece}");
        }
    }
    let bare = Signer::new(ALICE).sign(put(&world, bytes(1000)), Payload::Unsigned).transfer_chunked(100);
    world.denied_by_head(&bare, 411, "MissingContentLength");
}

#[test]
fn bytes_may_arrive_one_by_one() {
    let world = world();
    world.backend.forget();
    let request = Signer::new(ALICE).sign(put(&world, bytes(900)), Payload::SignedChunksTrailer);
    let mut connection = world.connect();
    for byte in request.bytes() {
        connection.write(&[byte]).unwrap();
    }
    assert_eq!(connection.read_response(false).unwrap().status, 200);
    assert_eq!(stored(&world), bytes(900));
}

#[test]
fn ch_6_other_content_encodings_stay() {
    let world = world();
    let request = put(&world, bytes(100)).header("Content-Type", "text/plain");
    let request = Signer::new(ALICE).sign(request.header("Content-Encoding", "gzip"), Payload::Sha256);
    let (_, seen) = world.forwarded(&request);
    assert_eq!(seen.head.header("content-encoding"), Some("gzip"));
    assert_eq!(seen.head.header("content-type"), Some("text/plain"));
    let (_, seen) = world.forwarded(&Signer::new(ALICE).sign(put(&world, bytes(100)), Payload::SignedChunks));
    assert_eq!(seen.head.header("content-encoding"), None);
}

#[test]
fn s14_a_body_that_is_not_the_signed_one_is_refused() {
    let world = world();
    for size in [1, 70_000, 1_000_000] {
        let good = Signer::new(ALICE).sign(put(&world, bytes(size)), Payload::Sha256);
        for at in [0, size / 2, size - 1] {
            let mut bad = good.clone();
            bad.pieces[0][at] ^= 1;
            let response = world.denied_by_body(&bad, 400, "XAmzContentSHA256Mismatch");
            assert_eq!(
                response.element("ClientComputedContentSHA256").as_deref(),
                Some(good.value("x-amz-content-sha256"))
            );
            assert!(response.element("S3ComputedContentSHA256").is_some());
        }
        assert_eq!(stored(&world), b"before");
    }
    world.forwarded(&Signer::new(ALICE).sign(put(&world, bytes(70_000)), Payload::Sha256));
}

#[test]
fn rs_8_the_hash_of_an_empty_body_is_checked_too() {
    let world = world();
    let mut wrong = Signer::new(ALICE).sign(put(&world, b"x".to_vec()), Payload::Sha256);
    wrong.pieces.clear();
    world.denied_by_body(&wrong.replacing("content-length", "0"), 400, "XAmzContentSHA256Mismatch");
    assert_eq!(stored(&world), b"before");
}

#[test]
fn s15_a_wrong_chunk_signature_is_refused_wherever_it_stands() {
    let world = world();
    for payload in [Payload::SignedChunks, Payload::SignedChunksTrailer] {
        let good = Signer::new(ALICE).sign(put(&world, bytes(200_000)), payload);
        let count = good.pieces.len();
        for index in [0, count / 2, count - 2, count - 1] {
            let mut bad = good.clone();
            let at = bad.pieces[index].windows(16).position(|window| window == b"chunk-signature=").unwrap() + 20;
            bad.pieces[index][at] = if bad.pieces[index][at] == b'0' { b'1' } else { b'0' };
            world.denied_by_body(&bad, 403, MISMATCH);
        }
        assert_eq!(stored(&world), b"before");
        world.forwarded(&good);
        world.backend.seed("alpha-at-backend", "k", b"before");
    }
}

#[test]
fn s15_changed_data_in_any_chunk_is_refused() {
    let world = world();
    for payload in [Payload::SignedChunks, Payload::SignedChunksTrailer] {
        let good = Signer::new(ALICE).sign(put(&world, bytes(200_000)), payload);
        for index in 0..good.pieces.len() - 1 {
            let mut bad = good.clone();
            let last_data_byte = bad.pieces[index].len() - 3;
            bad.pieces[index][last_data_byte] ^= 1;
            world.denied_by_body(&bad, 403, MISMATCH);
        }
    }
    let mut bad = Signer::new(ALICE).sign(put(&world, bytes(200_000)), Payload::UnsignedTrailer);
    bad.pieces[1][5000] ^= 1;
    world.denied_by_body(&bad, 400, "BadDigest");
}

#[test]
fn s15_chunks_may_not_be_reordered_repeated_or_borrowed() {
    let world = world();
    let good = Signer::new(ALICE).sign(put(&world, bytes(196_608)), Payload::SignedChunks);
    let other =
        Signer::new(ALICE).sign(world.request("PUT", "/alpha/other").body(bytes(196_608)), Payload::SignedChunks);
    let mut swapped = good.clone();
    swapped.pieces.swap(0, 1);
    let mut repeated = good.clone();
    repeated.pieces[1] = good.pieces[0].clone();
    let mut borrowed = good.clone();
    borrowed.pieces[0] = other.pieces[0].clone();
    for bad in [swapped, repeated, borrowed] {
        world.denied_by_body(&bad, 403, MISMATCH);
    }
}

#[test]
fn s15_broken_framing_is_refused() {
    let world = world();
    let good = Signer::new(ALICE).sign(put(&world, bytes(100_000)), Payload::UnsignedTrailer);
    let damaged = |from: &str, to: &str| {
        let mut bad = good.clone();
        let first = &bad.pieces[0];
        let line =
            String::from_utf8(first[..first.iter().position(|&byte| byte == b'\n').unwrap() + 1].to_vec()).unwrap();
        let data = first[line.len()..].to_vec();
        let replaced = line.replace(from, to);
        assert_ne!(replaced, line);
        bad.pieces[0] = [replaced.as_bytes(), &data].concat();
        let length: usize = bad.pieces.iter().map(Vec::len).sum();
        bad.replacing("content-length", &length.to_string())
    };
    for (from, to) in [("10000", "0x10000"), ("10000", "-10000"), ("10000", ""), ("10000", "00000000000000000010000")] {
        world.refused_by_body(&damaged(from, to));
    }
    world.refused_by_body(&damaged("10000", "ffffffffffffffff"));
    world.refused_by_body(&damaged("10000\r\n", "10000;evil=1\r\n"));
    world.refused_by_body(&damaged("\r\n", "\n"));
    world.forwarded(&good);
}

#[test]
fn ch_2_the_decoded_length_must_be_true() {
    let world = world();
    for payload in [Payload::SignedChunks, Payload::SignedChunksTrailer, Payload::UnsignedTrailer] {
        for (declared, status, code) in
            [("99999", 400, "IncompleteBody"), ("100001", 400, "IncompleteBody"), ("-1", 400, "InvalidArgument")]
        {
            let request = resigned(&world, payload, "x-amz-decoded-content-length", Some(declared));
            world.backend.forget();
            let response = world.send(&request);
            assert_eq!(response.status, status, "{payload:?} {declared}: {}", response.text());
            if declared != "-1" {
                assert_eq!(response.code().as_deref(), Some(code), "{payload:?} {declared}");
            }
            assert_eq!(stored(&world), b"before");
        }
        let absent = resigned(&world, payload, "x-amz-decoded-content-length", None);
        world.denied_by_head(&absent, 411, "MissingContentLength");
    }
}

/// A streaming upload of 100,000 bytes with one header set to another value, or left out, before signing: the chunk
/// chain is true to the changed head.
fn resigned(world: &World, payload: Payload, name: &str, value: Option<&str>) -> Request {
    let mut signer = Signer::new(ALICE);
    signer.overrides.push((name.to_owned(), value.map(str::to_owned)));
    signer.sign(put(world, bytes(100_000)), payload)
}

#[test]
fn ch_3_small_chunks_before_the_last_are_made_legal_or_refused() {
    let world = world();
    // The gateway may take them, but must not pass them on: the strict backend refuses a chunk below 8 KiB.
    let request = Signer::new(ALICE).chunk(1000).sign(put(&world, bytes(50_000)), Payload::UnsignedTrailer);
    world.backend.forget();
    let response = world.send(&request);
    let seen = world.backend.settled();
    match response.status {
        200 => assert!(seen.len() == 1 && seen[0].refused.is_none() && stored(&world) == bytes(50_000)),
        status => {
            assert_eq!((status, response.code().as_deref()), (400, Some("InvalidChunkSizeError")));
            assert_eq!(stored(&world), b"before");
        }
    }
}

#[test]
fn trailer_checksums_are_verified() {
    let world = world();
    for payload in [Payload::UnsignedTrailer, Payload::SignedChunksTrailer] {
        let mut signer = Signer::new(ALICE);
        signer.trailer = Some(format!("x-amz-checksum-crc32:{}", crc32_base64(b"other")));
        world.denied_by_body(&signer.sign(put(&world, bytes(70_000)), payload), 400, "BadDigest");
        signer.trailer = Some(format!("x-amz-checksum-sha1:{}", crc32_base64(b"other")));
        let unannounced = signer.sign(put(&world, bytes(70_000)), payload);
        world.refused_by_body(&unannounced);
        signer.trailer = Some(String::new());
        let absent = signer.sign(put(&world, bytes(70_000)), payload);
        world.denied_by_body(&absent, 400, "MalformedTrailerError");
        signer.trailer = Some("x-amz-checksum-crc32:!!".to_owned());
        world.refused_by_body(&signer.sign(put(&world, bytes(70_000)), payload));
    }
    assert_eq!(stored(&world), b"before");
}

#[test]
fn s15_the_trailer_signature_counts() {
    let world = world();
    let good = Signer::new(ALICE).sign(put(&world, bytes(70_000)), Payload::SignedChunksTrailer);
    let mut bad = good.clone();
    let last = bad.pieces.len() - 1;
    let at = bad.pieces[last].windows(24).position(|window| window == b"x-amz-trailer-signature:").unwrap() + 30;
    bad.pieces[last][at] = if bad.pieces[last][at] == b'0' { b'1' } else { b'0' };
    world.denied_by_body(&bad, 403, MISMATCH);
    world.forwarded(&good);
}

#[test]
fn s16_checksum_headers_are_verified() {
    let world = world();
    let body = bytes(70_000);
    for (name, good, bad) in [
        ("x-amz-checksum-crc32", crc32_base64(&body), crc32_base64(b"other")),
        ("Content-MD5", md5_base64(&body), md5_base64(b"other")),
        (
            "x-amz-checksum-sha256",
            osp_test_support::checksum::sha256_base64(&body),
            osp_test_support::checksum::sha256_base64(b""),
        ),
    ] {
        let with = |value: &str| put(&world, body.clone()).header(name, value);
        for payload in [Payload::Sha256, Payload::Unsigned] {
            world.forwarded(&Signer::new(ALICE).sign(with(&good), payload));
            world.backend.seed("alpha-at-backend", "k", b"before");
            world.denied_by_body(&Signer::new(ALICE).sign(with(&bad), payload), 400, "BadDigest");
        }
        let malformed = Signer::new(ALICE).sign(with("!!"), Payload::Sha256);
        world.refused_by_body(&malformed);
        let presigned = Signer::new(ALICE).presign(with(&bad), Duration::from_secs(60));
        world.denied_by_body(&presigned, 400, "BadDigest");
    }
    let two = put(&world, body.clone())
        .header("x-amz-checksum-crc32", &crc32_base64(&body))
        .header("x-amz-checksum-sha256", &osp_test_support::checksum::sha256_base64(&body));
    world.denied_by_head(&Signer::new(ALICE).sign(two, Payload::Sha256), 400, "InvalidRequest");
}

/// The values of `123456789`: from the CRC catalogue, coreutils, and `aws-checksums` for xxHash.
#[test]
fn ch7_every_algorithm_of_s3_is_verified_and_passed_on() {
    let world = world();
    for (name, value) in [
        ("crc32", "y/Q5Jg=="),
        ("crc32c", "4waSgw=="),
        ("crc64nvme", "rosUhgp5mIg="),
        ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ("sha512", "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ=="),
        ("md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
        ("xxhash64", "jLhB20DmroM="),
        ("xxhash3", "ctyxi2ehff8="),
        ("xxhash128", "MxGUd+3l3NXpcWQnaB1YYA=="),
    ] {
        let header = format!("x-amz-checksum-{name}");
        let with = |body: &[u8]| {
            let request = put(&world, body.to_vec()).header(&header, value);
            request.header("x-amz-sdk-checksum-algorithm", &name.to_uppercase())
        };
        for payload in [Payload::Sha256, Payload::Unsigned] {
            let (_, seen) = world.forwarded(&Signer::new(ALICE).sign(with(b"123456789"), payload));
            assert_eq!(seen.head.header(&header), Some(value));
            world.backend.seed("alpha-at-backend", "k", b"before");
            world.denied_by_body(&Signer::new(ALICE).sign(with(b"123456780"), payload), 400, "BadDigest");
        }
        let begin = world.request("POST", "/alpha/k").query("uploads").header("x-amz-checksum-algorithm", name);
        let (_, seen) = world.forwarded(&Signer::new(ALICE).sign(begin, Payload::Sha256));
        assert_eq!(seen.head.header("x-amz-checksum-algorithm"), Some(name));
    }
    let unknown = put(&world, bytes(9)).header("x-amz-checksum-xxhash32", "AAAAAA==");
    world.refused_by_head(&Signer::new(ALICE).sign(unknown, Payload::Sha256), &[400, 501]);
}

#[test]
fn a_truncated_body_changes_nothing() {
    let world = world();
    for payload in Payload::ALL {
        for keep in [0, 100, 150_000] {
            world.backend.forget();
            let before = world.backend.contents();
            let request = Signer::new(ALICE).sign(put(&world, bytes(200_000)), payload);
            let mut connection = world.connect();
            connection.write(&request.head()).unwrap();
            connection.write(&request.pieces.concat()[..keep]).unwrap();
            connection.finish_writing();
            if let Ok(response) = connection.read_response(false) {
                assert_eq!(response.status, 400, "{payload:?} {keep}");
            }
            drop(connection);
            world.wait_quiet();
            world.assert_aborted(&before);
        }
    }
}

#[test]
fn an_aws_chunked_body_that_ends_early_is_refused() {
    let world = world();
    for payload in [Payload::SignedChunks, Payload::SignedChunksTrailer, Payload::UnsignedTrailer] {
        let mut bad = Signer::new(ALICE).sign(put(&world, bytes(200_000)), payload);
        bad.pieces.pop();
        let length: usize = bad.pieces.iter().map(Vec::len).sum();
        world.refused_by_body(&bad.replacing("content-length", &length.to_string()));
        let mut more = Signer::new(ALICE).sign(put(&world, bytes(200_000)), payload);
        more.pieces.push(b"5\r\nextra\r\n".to_vec());
        let length: usize = more.pieces.iter().map(Vec::len).sum();
        world.refused_by_body(&more.replacing("content-length", &length.to_string()));
    }
    assert_eq!(stored(&world), b"before");
}

#[test]
fn ch_1_streaming_is_for_uploads_only() {
    let world = world();
    for (method, path, query) in [("GET", "/alpha/k", ""), ("DELETE", "/alpha/k", ""), ("POST", "/alpha", "delete")] {
        for payload in [Payload::SignedChunks, Payload::UnsignedTrailer] {
            let request = Signer::new(ALICE).sign(world.request(method, path).query(query), payload);
            world.denied_by_head(&request, 400, "InvalidRequest");
        }
    }
}

#[test]
fn bodies_on_operations_without_one_are_refused() {
    let world = world();
    for (method, query) in [("GET", ""), ("DELETE", ""), ("POST", "uploads")] {
        let request = world.request(method, "/alpha/k").query(query).body("surprise");
        world.denied_by_head(&Signer::new(ALICE).sign(request, Payload::Sha256), 400, "InvalidRequest");
    }
    assert_eq!(stored(&world), b"before");
}

#[test]
fn rs_10_continue_comes_after_the_decision() {
    let world = world();
    for payload in Payload::ALL {
        world.backend.forget();
        let request = put(&world, bytes(100_000)).header("Expect", "100-continue");
        let request = Signer::new(ALICE).sign(request, payload);
        let mut connection = world.connect();
        connection.write(&request.head()).unwrap();
        assert_eq!(connection.read_interim().unwrap(), 100, "{payload:?}");
        connection.write(&request.pieces.concat()).unwrap();
        let response = connection.read_response(false).unwrap();
        assert_eq!((response.status, response.interim.as_slice()), (200, [].as_slice()), "a second 100");
        // Keep-alive goes on after it.
        assert_eq!(connection.send(&world.signed("GET", "/alpha/k")).unwrap().body, bytes(100_000));
        let seen = world.backend.settled();
        assert_eq!((seen.len(), seen[0].head.count("expect")), (2, 0));
    }
}

#[test]
fn rs_10_no_continue_for_what_is_refused() {
    let world = world();
    let expecting = || put(&world, bytes(100_000)).header("Expect", "100-continue");
    let unsigned = expecting().header("Content-Length", "100000");
    let mut forged = Signer::new(ALICE).sign(expecting(), Payload::Sha256);
    forged.path = "/alpha/other".to_owned();
    let foreign = Signer::new(osp_test_support::BOB).sign(expecting(), Payload::Sha256);
    for (request, code) in [(unsigned, "AccessDenied"), (forged, MISMATCH), (foreign, "AccessDenied")] {
        let response = world.denied_raw(&request.head(), false, 403, code);
        assert!(response.interim.is_empty(), "100 Continue before the refusal: {response:?}");
    }
    // Trap 15: with the body sent at once, whatever Expect says.
    let mut whole = Signer::new(ALICE).sign(expecting(), Payload::Sha256);
    whole.path = "/alpha/other".to_owned();
    assert_eq!(world.send(&whole).status, 403);
    assert!(world.backend.settled().is_empty());
}

#[test]
fn the_code_of_an_early_refusal_survives_an_unread_body() {
    let world = world();
    for size in [1, 64 * 1024, 1024 * 1024 - 1024] {
        let request = Signer::new(osp_test_support::BOB).sign(put(&world, bytes(size)), Payload::Sha256);
        world.denied_by_head(&request, 403, "AccessDenied");
    }
}

#[test]
fn a_refused_body_does_not_poison_the_client_connection() {
    let world = world();
    let mut bad = Signer::new(ALICE).sign(put(&world, bytes(1000)), Payload::Sha256);
    bad.pieces[0][0] ^= 1;
    let mut connection = world.connect();
    assert_eq!(connection.send(&bad).unwrap().status, 400);
    // Either the connection is closed, or the next answer is the one to the next request.
    if let Ok(response) = connection.send(&world.signed("GET", "/alpha/k")) {
        assert_eq!((response.status, response.body.as_slice()), (200, b"before".as_slice()));
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length() {
    let world = world();
    let huge = world.request("PUT", "/alpha/k").header("Content-Length", "5368709121");
    let mut signer = Signer::new(ALICE);
    signer.leave_out.clear();
    let signed = signer.sign_literal(huge, "UNSIGNED-PAYLOAD").without("content-length");
    let signed = signed.header("Content-Length", "5368709121");
    world.denied_raw(&signed.head(), false, 400, "EntityTooLarge");
}
