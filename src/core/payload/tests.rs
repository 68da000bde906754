//! Whole bodies through whole gates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proptest::prelude::*;

use super::reframe::CHUNK_BYTES;
use super::sample::{
    SEED, TRAILER_SEED, obligation, outcome, pass, pass_both, sha256, signed, signed_chunks, unsigned,
};
use super::{Gate, Obligation, PayloadAuth};
use crate::Denial;
use crate::model::TrailingChecksums::{Drop, Forward};

/// 66,560 bytes of `a`, the object of both published examples.
fn published_object() -> Vec<u8> {
    vec![b'a'; 66_560]
}

fn decoded(length: u64) -> String {
    length.to_string()
}

fn sha256_value(data: &[u8]) -> String {
    STANDARD.encode(sha256(data))
}

/// An unsigned trailer of this body.
fn unsigned_trailer(data: &[u8], content_length: Option<u64>) -> Obligation {
    let headers = [
        ("x-amz-decoded-content-length", &*decoded(data.len() as u64)),
        ("x-amz-trailer", "x-amz-checksum-sha256"),
        ("x-amz-sdk-checksum-algorithm", "SHA256"),
    ];
    obligation(PayloadAuth::UnsignedTrailer, content_length, &headers).unwrap()
}

fn finish(gate: &mut Gate, body: &[u8]) -> Vec<u8> {
    let passage = pass(gate, body, []);
    assert_eq!(passage.outcome, Ok(()));
    passage.released
}

/// AWS "Transferring Payload in Multiple Chunks", the example calculation.
#[test]
fn t1_the_published_streaming_example() {
    let object = published_object();
    let wire = signed(SEED, &[&object[..65_536], &object[65_536..]], None);
    for (chunk, signature) in wire.chunks.iter().zip(["ad80c730", "0055627c", "b6c6ea8a"]) {
        assert!(chunk.0.contains(&format!(";chunk-signature={signature}")), "the sample encoder is right");
    }
    let body = wire.bytes();
    assert_eq!(body.len(), 66_824);
    let length = decoded(66_560);
    let headers = [("x-amz-decoded-content-length", length.as_str()), ("content-encoding", "aws-chunked")];
    for content_length in [Some(66_824), None] {
        let example = obligation(signed_chunks(SEED, false), content_length, &headers).unwrap();
        let announced = example.announce(Forward);
        assert_eq!((announced.content_length, &*announced.content_sha256), (66_560, "UNSIGNED-PAYLOAD"));
        assert_eq!((announced.headers, announced.aws_chunked), (Vec::new(), false));
        for passage in pass_both(&example, &body, &[]) {
            assert_eq!(passage.outcome, Ok(()));
            assert_eq!(passage.released, object);
        }
    }
}

/// AWS "... in Multiple Chunks with trailing headers", the example calculation.
#[test]
fn t2_the_published_trailer_example() {
    let object = published_object();
    let wire = signed(TRAILER_SEED, &[&object[..65_536], &object[65_536..]], Some("x-amz-checksum-crc32c:sOO8/Q=="));
    assert!(wire.end.contains("d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"));
    let length = decoded(66_560);
    let headers = [("x-amz-decoded-content-length", length.as_str()), ("x-amz-trailer", "x-amz-checksum-crc32c")];
    let example = obligation(signed_chunks(TRAILER_SEED, true), None, &headers).unwrap();
    let [bare, framed] = pass_both(&example, &wire.bytes(), &[]);
    assert_eq!((bare.outcome, framed.outcome), (Ok(()), Ok(())));
    assert_eq!(bare.released, object);
    let tail = "\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n";
    assert!(framed.released.starts_with(b"10000\r\na") && framed.released.ends_with(tail.as_bytes()));
}

/// Signed or not, what travels on is one form: fixed unsigned chunks, a checksum trailer, a length known in advance.
#[test]
fn t5_t6_what_is_framed_anew_is_a_legal_body_of_its_own() {
    for length in [0, 1, 9_000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
        let data: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
        let chunks: Vec<&[u8]> = data.chunks(20_000).collect();
        let line = format!("x-amz-checksum-sha256:{}", sha256_value(&data));
        let from_signed = {
            let length = decoded(length);
            let headers = [("x-amz-decoded-content-length", &*length), ("x-amz-trailer", "x-amz-checksum-sha256")];
            let obligation = obligation(signed_chunks(SEED, true), None, &headers).unwrap();
            finish(&mut obligation.gate(Forward), &signed(SEED, &chunks, Some(&line)).bytes())
        };
        let obligation = unsigned_trailer(&data, None);
        let wire = unsigned(&chunks, &format!("{line}\r\n")).bytes();
        let framed = finish(&mut obligation.gate(Forward), &wire);
        assert_eq!(framed, from_signed);

        let announced = obligation.announce(Forward);
        assert_eq!(announced.content_length, framed.len() as u64);
        assert_eq!(announced.content_sha256, "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        assert!(announced.aws_chunked);
        let names: Vec<&str> = announced.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-amz-sdk-checksum-algorithm", "x-amz-decoded-content-length", "x-amz-trailer"]);
        let again = unsigned_trailer(&data, Some(framed.len() as u64));
        assert_eq!(finish(&mut again.gate(Drop), &framed), data);
        assert_eq!(finish(&mut again.gate(Forward), &framed), framed);
    }
}

#[test]
fn rs6_drop_sends_bare_bytes_and_no_checksum() {
    let (value, md5) = (sha256_value(b"object"), super::content_md5(b"object"));
    let headers = [
        ("x-amz-checksum-sha256", value.as_str()),
        ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ("content-md5", md5.as_str()),
    ];
    let plain = obligation(PayloadAuth::Unsigned, Some(6), &headers).unwrap();
    assert_eq!(outcome(&plain, b"object"), Ok(()));
    let names = |trailing| {
        let headers = plain.announce(trailing).headers;
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(names(Drop), [format!("content-md5: {md5}")]);
    let checksum = format!("x-amz-checksum-sha256: {value}");
    assert_eq!(
        names(Forward),
        [format!("content-md5: {md5}"), checksum, "x-amz-sdk-checksum-algorithm: SHA256".to_owned()]
    );
    let trailer = unsigned_trailer(b"object", None);
    let announced = trailer.announce(Drop);
    assert_eq!((announced.content_length, &*announced.content_sha256), (6, "UNSIGNED-PAYLOAD"));
    assert_eq!((announced.headers, announced.aws_chunked), (Vec::new(), false));
}

/// S14, trap 4: of a raw body, the last piece waits for the hash, and leaves as it came, uncopied.
#[test]
fn s14_the_last_piece_waits_for_the_hash() {
    let body = b"first piece, last piece";
    let (first, last) = body.split_at(13);
    let good = obligation(PayloadAuth::Sha256(sha256(body)), Some(23), &[]).unwrap();
    assert_eq!(good.announce(Forward).content_sha256, hex::encode(sha256(body)));
    let piece = Bytes::copy_from_slice(first);
    let memory = piece.as_ptr();
    let mut gate = good.gate(Forward);
    assert_eq!(gate.push(piece).unwrap(), Bytes::new());
    let released = gate.push(Bytes::copy_from_slice(last)).unwrap();
    assert_eq!((&released[..], released.as_ptr()), (first, memory));
    assert_eq!(gate.push(Bytes::new()).unwrap(), Bytes::new(), "an empty piece moves nothing");
    assert!(!gate.is_proved());
    assert_eq!(gate.finish().unwrap(), last);
    assert!(gate.is_proved());
    assert!(matches!(gate.finish(), Err(Denial::Internal(_))), "a gate serves one attempt");

    let bad = obligation(PayloadAuth::Sha256([7; 32]), Some(23), &[]).unwrap();
    let denial = Denial::PayloadHashMismatch { client: "07".repeat(32), computed: hex::encode(sha256(body)) };
    let passage = pass(&mut bad.gate(Forward), body, [13]);
    assert_eq!((passage.outcome, passage.released.as_slice()), (Err(denial), first));
}

#[test]
fn rs12_a_raw_body_is_exactly_as_long_as_declared() {
    for auth in [PayloadAuth::Unsigned, PayloadAuth::Sha256(sha256(b"12345"))] {
        let five = obligation(auth, Some(5), &[]).unwrap();
        assert_eq!(outcome(&five, b"12345"), Ok(()));
        assert_eq!(outcome(&five, b"1234"), Err(Denial::IncompleteBody));
        assert_eq!(outcome(&five, b""), Err(Denial::IncompleteBody));
        assert_eq!(outcome(&five, b"123456"), Err(Denial::IncompleteBody));
    }
}

/// Every attempt has a gate of its own, chain included.
#[test]
fn a_second_attempt_proves_the_body_again() {
    let headers = [("x-amz-decoded-content-length", "5")];
    let small = obligation(signed_chunks(SEED, false), None, &headers).unwrap();
    let body = signed(SEED, &[b"12345"], None).bytes();
    for _ in 0..2 {
        assert_eq!(finish(&mut small.gate(Forward), &body), b"12345");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the network cuts it, a body gives the same bytes and the same answer (CH-5), good or tampered with.
    #[test]
    fn ch5_any_cut_gives_the_same_result(
        (length, mut cuts) in (0_usize..40_000).prop_flat_map(|length| {
            (Just(length), prop::collection::vec(0..=length, 0..40))
        }),
        chunk in 8_192_usize..30_000,
        flip in prop::option::of(any::<prop::sample::Index>()),
        mode in 0..4,
    ) {
        cuts.sort_unstable();
        let data: Vec<u8> = (0..length).map(|at| (at % 253) as u8).collect();
        let chunks: Vec<&[u8]> = data.chunks(chunk).collect();
        let line = format!("x-amz-checksum-sha256:{}", sha256_value(&data));
        let text = decoded(length as u64);
        let lengths = ("x-amz-decoded-content-length", text.as_str());
        let trailer = ("x-amz-trailer", "x-amz-checksum-sha256");
        let (auth, headers, mut body) = match mode {
            0 => (PayloadAuth::Sha256(sha256(&data)), vec![lengths], data.clone()),
            1 => (signed_chunks(SEED, false), vec![lengths], signed(SEED, &chunks, None).bytes()),
            2 => (signed_chunks(SEED, true), vec![lengths, trailer], signed(SEED, &chunks, Some(&line)).bytes()),
            _ => {
                let wire = unsigned(&chunks, &format!("{line}\r\n"));
                (PayloadAuth::UnsignedTrailer, vec![lengths, trailer], wire.bytes())
            }
        };
        let good = flip.is_none() || body.is_empty();
        if let Some(flip) = flip.filter(|_| !body.is_empty()) {
            let at = flip.index(body.len());
            body[at] ^= 1;
        }
        let obligation = obligation(auth, None, &headers).unwrap();
        let whole = pass_both(&obligation, &body, &[]);
        let cut = pass_both(&obligation, &body, &cuts);
        for (whole, cut) in whole.iter().zip(&cut) {
            prop_assert_eq!(whole.outcome.is_ok(), good, "{:?}", whole.outcome);
            prop_assert_eq!(&whole.outcome, &cut.outcome);
            if good {
                prop_assert_eq!(&whole.released, &cut.released);
            }
        }
        if good {
            prop_assert_eq!(&whole[0].released, &data);
        }
    }
}

/// The smallest pieces there are.
#[test]
fn ch5_one_byte_at_a_time() {
    let object = published_object();
    let body = signed(SEED, &[&object[..65_536], &object[65_536..]], None).bytes();
    let headers = [("x-amz-decoded-content-length", "66560")];
    let example = obligation(signed_chunks(SEED, false), Some(66_824), &headers).unwrap();
    let passage = pass(&mut example.gate(Drop), &body, 1..body.len());
    assert_eq!((passage.outcome, passage.released == object), (Ok(()), true));
}
