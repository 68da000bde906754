//! Bodies in frames.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::payload::PayloadAuth;
use crate::payload::sample::{self, SEED, obligation, pass_both, signed, signed_chunks, unsigned};

/// Bytes at the beginning of the input that say how the rest is used.
const SWITCHES: usize = 4;

/// CH-5, S14, S15: the rest of the input is a body in frames as an attacker wrote it, cut into pieces anywhere. The cuts
/// make no difference; a refused body lacks bytes; and of signed chunks only those pass that were signed.
///
/// When the third switch is odd, the input is an object instead, framed as a client does it: it passes and comes out as
/// it went in, and with one bit flipped it does not.
pub fn chunks(data: &[u8]) {
    let Some((switches, rest)) = data.split_at_checked(SWITCHES) else { return };
    let [mode, cut, honest, flip] = *switches else { return };
    if honest & 1 == 1 {
        return framed_object(rest, mode, cut, flip);
    }
    let declared = usize::from(cut).min(rest.len()).to_string();
    let headers = [("x-amz-decoded-content-length", declared.as_str())];
    let is_signed = mode & 1 == 1;
    let auth = if is_signed { signed_chunks(SEED, false) } else { PayloadAuth::UnsignedTrailer };
    let Ok(obligation) = obligation(auth, None, &headers) else { return };
    let released = agreed(&obligation, rest, cut);
    // the seed is published with its example: no other body has signatures that begin with it but an empty one
    assert!(!is_signed || released.is_none_or(|bytes| bytes.is_empty()), "unsigned bytes were released");
}

fn framed_object(object: &[u8], mode: u8, cut: u8, flip: u8) {
    // one chunk, or a first one of the least size
    let (first, second) = object.split_at(object.len().min(8192));
    let chunks: Vec<&[u8]> = [first, second].into_iter().filter(|chunk| !chunk.is_empty()).collect();
    let checksum = format!("x-amz-checksum-sha256:{}", STANDARD.encode(sample::sha256(object)));
    let length = object.len().to_string();
    let mut headers = vec![("x-amz-decoded-content-length", length.as_str())];
    let (auth, mut body) = match mode % 3 {
        0 => (signed_chunks(SEED, false), signed(SEED, &chunks, None).bytes()),
        1 => (signed_chunks(SEED, true), signed(SEED, &chunks, Some(&checksum)).bytes()),
        _ => (PayloadAuth::UnsignedTrailer, unsigned(&chunks, &format!("{checksum}\r\n")).bytes()),
    };
    if !mode.is_multiple_of(3) {
        headers.push(("x-amz-trailer", "x-amz-checksum-sha256"));
    }
    let obligation = obligation(auth, None, &headers).unwrap();
    assert_eq!(agreed(&obligation, &body, cut).as_deref(), Some(object), "a good body was refused");
    let at = usize::from(flip) * 251 % body.len();
    body[at] ^= 1;
    assert_eq!(agreed(&obligation, &body, cut), None, "a changed byte at {at} was not noticed");
}

/// S15, CH-7: the input is everything after the last chunk's size. It passes only when it says the checksum of the object,
/// under the name that was announced, and nothing else.
pub fn trailer(data: &[u8]) {
    let checksum = STANDARD.encode(sample::sha256(b"object"));
    let headers = [("x-amz-decoded-content-length", "6"), ("x-amz-trailer", "x-amz-checksum-sha256")];
    let unsigned = obligation(PayloadAuth::UnsignedTrailer, None, &headers).unwrap();
    let body = [b"6\r\nobject\r\n0\r\n".as_slice(), data].concat();
    if agreed(&unsigned, &body, 7).is_some() {
        let text = std::str::from_utf8(data).unwrap();
        let (name, rest) = text.split_once(':').unwrap();
        assert!(name.eq_ignore_ascii_case("x-amz-checksum-sha256"), "{text:?}");
        assert_eq!(rest.split_whitespace().collect::<Vec<_>>(), [checksum.as_str()], "{text:?}");
    }
    let mut wire = signed(SEED, &[b"object"], None);
    wire.end = String::new();
    let signed = obligation(signed_chunks(SEED, true), None, &headers).unwrap();
    let body = [&wire.bytes(), data].concat();
    let honest = sample::signed(SEED, &[b"object"], Some(&format!("x-amz-checksum-sha256:{checksum}"))).end;
    let signature = honest.split("signature:").nth(1).unwrap().trim_end();
    let passed = agreed(&signed, &body, 7).is_some();
    assert!(!passed || memchr::memmem::find(data, signature.as_bytes()).is_some(), "nobody signed this trailer");
}

/// What a body came to, in one piece, in pieces around a cut and byte by byte: the object, or `None` when it was refused.
fn agreed(obligation: &crate::payload::Obligation, body: &[u8], cut: u8) -> Option<Vec<u8>> {
    let [whole, framed] = pass_both(obligation, body, &[]);
    assert_eq!(whole.outcome, framed.outcome);
    let step = usize::from(cut).max(1);
    let places: Vec<usize> = (1..body.len()).filter(|at| at % step == 0).collect();
    for cuts in [&places[..], &[usize::from(cut).min(body.len())]] {
        let [cut, framed] = pass_both(obligation, body, cuts);
        assert_eq!((&cut.outcome, &framed.outcome), (&whole.outcome, &whole.outcome), "the cut made a difference");
        assert!(whole.outcome.is_err() || cut.released == whole.released);
    }
    whole.outcome.is_ok().then_some(whole.released)
}
