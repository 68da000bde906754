//! S15: everything that can be wrong with an aws-chunked body, each with its positive twin.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::PayloadAuth;
use super::super::sample::{
    SEED, TRAILER_SEED, Wire, obligation, outcome, pass_both, sha256, signed, signed_chunks, unsigned,
};
use super::super::{Gate, Obligation};
use super::*;
use crate::model::TrailingChecksums::Drop;

/// CRC-32 of "123456789".
const TRAILER: &str = "x-amz-checksum-crc32:y/Q5Jg==";

type Chunks = Vec<(String, Vec<u8>)>;

/// The obligation of "123456789" with an unsigned trailer.
fn nine() -> Obligation {
    let headers = [("x-amz-decoded-content-length", "9"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap()
}

fn answer(body: &str) -> Result<(), Denial> {
    outcome(&nine(), body.as_bytes())
}

fn three_chunks() -> Vec<Vec<u8>> {
    vec![vec![b'x'; 8_192], vec![b'y'; 8_192], vec![b'z'; 100]]
}

/// Three signed chunks, and what they owe.
fn three() -> (Wire, Obligation) {
    let chunks = three_chunks();
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let headers = [("x-amz-decoded-content-length", "16484")];
    (signed(SEED, &chunks, None), obligation(signed_chunks(SEED, false), None, &headers).unwrap())
}

/// The outcome, the same for both forms of the backend's body.
fn result(obligation: &Obligation, wire: &Wire) -> Result<(), Denial> {
    let [bare, framed] = pass_both(obligation, &wire.bytes(), &[]);
    assert_eq!(bare.outcome, framed.outcome);
    bare.outcome
}

#[test]
fn s15_any_flipped_bit_of_a_signed_body_is_refused() {
    let data = vec![b'd'; 300];
    let line = format!("x-amz-checksum-sha256:{}", STANDARD.encode(sha256(&data)));
    let body = signed(SEED, &[&data], Some(&line)).bytes();
    let headers = [("x-amz-decoded-content-length", "300"), ("x-amz-trailer", "x-amz-checksum-sha256")];
    let obligation = obligation(signed_chunks(SEED, true), None, &headers).unwrap();
    assert_eq!(outcome(&obligation, &body), Ok(()));
    for at in 0..body.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut body = body.clone();
            body[at] ^= bit;
            for passage in pass_both(&obligation, &body, &[]) {
                assert!(passage.outcome.is_err(), "byte {at} ^ {bit:#x}");
            }
        }
    }
}

#[test]
fn s15_a_wrong_signature_in_the_first_middle_last_and_final_chunk() {
    let (wire, obligation) = three();
    assert_eq!(result(&obligation, &wire), Ok(()));
    for index in 0..4 {
        let mut wire = wire.clone();
        let header = &mut wire.chunks[index].0;
        let last = header.len() - 3;
        let other = if header.as_bytes()[last] == b'0' { "1" } else { "0" };
        header.replace_range(last..=last, other);
        assert_eq!(result(&obligation, &wire), Err(Denial::ChunkSignatureMismatch), "chunk {index}");
    }
}

#[test]
fn s15_chunks_dropped_doubled_swapped_inserted_or_from_another_request() {
    let (wire, obligation) = three();
    let tampered = |tamper: &dyn Fn(&mut Chunks)| {
        let mut wire = wire.clone();
        tamper(&mut wire.chunks);
        result(&obligation, &wire)
    };
    assert_eq!(tampered(&|_| ()), Ok(()));
    let forged = Err(Denial::ChunkSignatureMismatch);
    assert_eq!(tampered(&|chunks| drop(chunks.remove(0))), forged);
    assert_eq!(tampered(&|chunks| drop(chunks.remove(1))), forged);
    assert_eq!(tampered(&|chunks| drop(chunks.remove(2))), forged);
    assert_eq!(tampered(&|chunks| chunks.swap(0, 1)), forged);
    assert_eq!(tampered(&|chunks| chunks.insert(0, chunks[0].clone())), forged);
    let other = signed(TRAILER_SEED, &[&three_chunks()[0]], None).chunks[0].clone();
    assert_eq!(tampered(&|chunks| chunks[0] = other.clone()), forged);
    assert_eq!(
        tampered(&|chunks| chunks.truncate(3)),
        Err(Denial::MalformedChunk("the chunk signature cannot be read"))
    );
}

#[test]
fn s15_a_body_that_stops_anywhere_is_incomplete() {
    let (wire, obligation) = three();
    let body = wire.bytes();
    for end in
        [0, 1, 87, 8_000, 8_280, 8_281, 8_282, 8_283, body.len() - 88, body.len() - 3, body.len() - 2, body.len() - 1]
    {
        for passage in pass_both(&obligation, &body[..end], &[]) {
            assert_eq!(passage.outcome, Err(Denial::IncompleteBody), "{end}");
        }
    }
    let body = format!("9\r\n123456789\r\n0\r\n{TRAILER}\r\n\r\n");
    assert_eq!(answer(&body), Ok(()));
    for end in 0..body.len() {
        let refused = outcome(&nine(), &body.as_bytes()[..end]);
        assert!(refused.is_err(), "{end}");
    }
}

#[test]
fn s15_nothing_may_follow_the_end() {
    let (mut wire, obligation) = three();
    let after = Denial::MalformedChunk("data after the final chunk");
    for end in ["\r\n\r\n", "\r\nx", "\r\n0\r\n\r\n", "x\r\n", "\n", "x-amz-checksum-crc32:y/Q5Jg==\r\n\r\n"] {
        wire.end = end.to_owned();
        assert_eq!(result(&obligation, &wire), Err(after.clone()), "{end:?}");
    }
    for end in ["\r\nx", "\r\r\n", "\n", "\r\n\r\n", "\r"] {
        assert_eq!(answer(&format!("9\r\n123456789\r\n0\r\n{TRAILER}\r\n\r\n{end}")), Err(after.clone()), "{end:?}");
    }
}

#[test]
fn ch4_the_line_ends_of_real_clients() {
    for trailer in [
        format!("{TRAILER}\r\n\r\n"),
        format!("{TRAILER}\n\r\n"),
        format!("{TRAILER}\n\n"),
        // minio-go
        format!("{TRAILER}\n\r\n\r\n"),
        "X-Amz-Checksum-CRC32: y/Q5Jg== \r\n\r\n".to_owned(),
    ] {
        assert_eq!(answer(&format!("9\r\n123456789\r\n0\r\n{trailer}")), Ok(()), "{trailer:?}");
    }
}

#[test]
fn ch4_s15_trailers_that_are_not_what_was_announced() {
    let with = |trailer: &str| answer(&format!("9\r\n123456789\r\n0\r\n{trailer}\r\n"));
    assert_eq!(with(&format!("{TRAILER}\r\n")), Ok(()));
    assert_eq!(with(&format!("{TRAILER}{}\r\n", " ".repeat(900))), Ok(()), "CH-3");
    let long = format!("{TRAILER}{}\r\n", " ".repeat(LINE_BYTES_LIMIT));
    for trailer in [
        "",
        "x-amz-checksum-crc32c:AAAAAA==\r\n",
        "x-amz-meta-a:b\r\n",
        "x-amz-checksum-crc32\r\n",
        ":y/Q5Jg==\r\n",
        &format!("{TRAILER}\r\n{TRAILER}\r\n"),
        &format!("{TRAILER}\r\nx-amz-checksum-crc32c:AAAAAA==\r\n"),
        &format!("{TRAILER}\r\nx-amz-trailer-signature:{SEED}\r\n"),
        &long,
    ] {
        assert_eq!(with(trailer), Err(Denial::MalformedTrailer), "{trailer:?}");
    }
    assert_eq!(with("x-amz-checksum-crc32:AAAAAA==\r\n"), Err(Denial::ChecksumMismatch("CRC32")));
    assert_eq!(with("x-amz-checksum-crc32:AAAA\r\n"), Err(Denial::InvalidDigest("CRC32")));
    assert_eq!(with("x-amz-checksum-crc32:\r\n"), Err(Denial::InvalidDigest("CRC32")));
}

#[test]
fn s15_a_trailer_of_signed_chunks_is_signed() {
    let headers = [("x-amz-decoded-content-length", "9"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    let obligation = obligation(signed_chunks(SEED, true), None, &headers).unwrap();
    let wire = signed(SEED, &[b"123456789"], Some(TRAILER));
    assert_eq!(result(&obligation, &wire), Ok(()));
    let with = |end: &str| result(&obligation, &Wire { end: end.to_owned(), ..wire.clone() });
    let signature = wire.end.split_once("x-amz-trailer-signature:").unwrap().1;
    assert_eq!(with(&format!("{TRAILER}\nx-amz-trailer-signature:{signature}")), Ok(()), "CH-4");
    assert_eq!(with(&format!("{TRAILER}\r\n\r\n")), Err(Denial::MalformedTrailer));
    assert_eq!(with(&format!("x-amz-trailer-signature:{signature}")), Err(Denial::MalformedTrailer));
    let forged = format!("{TRAILER}\r\nx-amz-trailer-signature:{SEED}\r\n\r\n");
    assert_eq!(with(&forged), Err(Denial::ChunkSignatureMismatch));
    let other = wire.end.replace("y/Q5Jg==", "AAAAAA==");
    assert_eq!(with(&other), Err(Denial::ChunkSignatureMismatch), "the signature speaks before the checksum");
}

/// Nothing announced, nothing sent: the chunks alone. A signed trailer is then a signature over no lines.
#[test]
fn ch4_a_trailer_mode_without_a_trailer() {
    let headers = [("x-amz-decoded-content-length", "9")];
    let plain = obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap();
    assert_eq!(outcome(&plain, &unsigned(&[b"123456789"], "").bytes()), Ok(()));
    let line = format!("{TRAILER}\r\n");
    assert_eq!(outcome(&plain, &unsigned(&[b"123456789"], &line).bytes()), Err(Denial::MalformedTrailer));
    let signed_trailer = obligation(signed_chunks(SEED, true), None, &headers).unwrap();
    assert_eq!(result(&signed_trailer, &signed(SEED, &[b"123456789"], None)), Err(Denial::MalformedTrailer));
}

#[test]
fn s15_sizes_that_are_no_sizes() {
    let with = |size: &str| answer(&format!("{size}\r\n123456789\r\n0\r\n{TRAILER}\r\n\r\n"));
    for size in ["9", "0000000000000009"] {
        assert_eq!(with(size), Ok(()), "{size}");
    }
    let unreadable = Err(Denial::MalformedChunk("the chunk size cannot be read"));
    for size in ["", "0x9", "+9", "-9", " 9", "9 ", "9;a=b", "g", "00000000000000009", "9\r"] {
        assert_eq!(with(size), unreadable, "{size}");
    }
    assert_eq!(with("ffffffffffffffff"), Err(Denial::IncompleteBody));
    assert_eq!(with("a"), Err(Denial::IncompleteBody));
    assert_eq!(with("8"), Err(Denial::MalformedChunk("no line end after the chunk data")));
    let no_return = format!("9\n123456789\r\n0\r\n{TRAILER}\r\n\r\n");
    assert_eq!(answer(&no_return), Err(Denial::MalformedChunk("the chunk header has no line end")));
    assert_eq!(with(&"0".repeat(LINE_BYTES_LIMIT)), Err(Denial::MalformedChunk("the chunk header is too long")));
    let endless = "0".repeat(LINE_BYTES_LIMIT + 1);
    assert_eq!(answer(&endless), Err(Denial::MalformedChunk("the chunk header is too long")));
}

#[test]
fn s15_signatures_that_cannot_be_read() {
    let (wire, obligation) = three();
    let with = |header: &str| {
        let mut wire = wire.clone();
        wire.chunks[0].0 = header.to_owned();
        result(&obligation, &wire)
    };
    let good = wire.chunks[0].0.clone();
    assert_eq!(with(&good), Ok(()));
    for header in [
        "2000\r\n".to_owned(),
        "2000;\r\n".to_owned(),
        "2000;chunk-signature=\r\n".to_owned(),
        good.replace("\r\n", "0\r\n"),
        good.replace("\r\n", ";a=b\r\n"),
        good.replace("chunk-signature", "other-signature"),
        format!("2000;chunk-signature={}\r\n", "g".repeat(64)),
    ] {
        assert_eq!(with(&header), Err(Denial::MalformedChunk("the chunk signature cannot be read")), "{header}");
    }
}

#[test]
fn ch2_the_chunks_add_up_to_the_declared_length() {
    let chunks = three_chunks();
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    for (declared, expected) in
        [("16484", Ok(())), ("16483", Err(Denial::IncompleteBody)), ("16485", Err(Denial::IncompleteBody))]
    {
        let headers = [("x-amz-decoded-content-length", declared)];
        let signed_chunks = obligation(signed_chunks(SEED, false), None, &headers).unwrap();
        assert_eq!(result(&signed_chunks, &signed(SEED, &chunks, None)), expected, "{declared}");
        let plain = obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap();
        assert_eq!(result(&plain, &unsigned(&chunks, "")), expected, "{declared}");
    }
}

#[test]
fn ch5_the_frames_are_exactly_as_long_as_declared() {
    let body = unsigned(&[b"123456789"], "").bytes();
    let headers = [("x-amz-decoded-content-length", "9")];
    let length = body.len() as u64;
    for (declared, expected) in
        [(length, Ok(())), (length - 1, Err(Denial::IncompleteBody)), (length + 1, Err(Denial::IncompleteBody))]
    {
        let plain = obligation(PayloadAuth::UnsignedTrailer, Some(declared), &headers).unwrap();
        assert_eq!(outcome(&plain, &body), expected, "{declared}");
    }
}

#[test]
fn ch3_only_the_last_chunk_may_be_small() {
    let small = vec![b'x'; 8_191];
    let least = vec![b'x'; 8_192];
    let with = |chunks: &[&[u8]]| {
        let length = chunks.iter().map(|chunk| chunk.len()).sum::<usize>().to_string();
        let headers = [("x-amz-decoded-content-length", length.as_str())];
        result(&obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap(), &unsigned(chunks, ""))
    };
    assert_eq!(with(&[&least, &least, b"x"]), Ok(()));
    assert_eq!(with(&[&small]), Ok(()));
    assert_eq!(with(&[&least, &small, b"x"]), Err(Denial::InvalidChunkSize));
    assert_eq!(with(&[&small, &least]), Err(Denial::InvalidChunkSize));
}

/// The declared size of a chunk costs nothing until its bytes come.
#[test]
fn ch3_a_chunk_of_five_gib_is_a_number() {
    let headers = [("x-amz-decoded-content-length", "5368709120")];
    let huge = obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap();
    let mut gate: Gate = huge.gate(Drop);
    assert_eq!(gate.push(Bytes::from_static(b"140000000\r\nfirst")), Ok(Bytes::new()));
    assert_eq!(gate.push(Bytes::from_static(b"second")), Ok(Bytes::from_static(b"first")));
    assert_eq!(gate.decoded_bytes(), 11);
    assert_eq!(gate.finish(), Err(Denial::IncompleteBody));
}

/// Object bytes in one run are a slice of the piece; in several runs they are moved together in the piece's memory.
#[test]
fn decoded_bytes_stay_in_the_memory_of_their_piece() {
    let mut decoder = Decoder::new(3 * 8_192, None);
    let data = [b'x'; 8_192];
    let wire = unsigned(&[&data, &data, &data], "").bytes();
    let first = Bytes::copy_from_slice(&wire[..100]);
    let (from, to) = (first.as_ptr() as usize, first.as_ptr() as usize + first.len());
    let decoded = decoder.decode(first).unwrap();
    assert!((from..to).contains(&(decoded.as_ptr() as usize)));
    let rest = Bytes::copy_from_slice(&wire[100..3 * 8_192]);
    let (from, to) = (rest.as_ptr() as usize, rest.as_ptr() as usize + rest.len());
    let decoded = decoder.decode(rest).unwrap();
    assert!((from..to).contains(&(decoded.as_ptr() as usize)));
    assert!(decoded.iter().all(|byte| *byte == b'x'));
}
