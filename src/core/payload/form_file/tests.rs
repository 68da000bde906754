//! Files of forms on their way through a gate: they end where the length of the body says, or nothing is released whole.

use proptest::prelude::*;

use super::*;
use crate::model::TrailingChecksums::Forward;
use crate::payload::sample::{obligation, pass};
use crate::payload::{Obligation, PayloadAuth};
use crate::s3::sample::boundary;

const ANY: (u64, u64) = (0, u64::MAX);

fn file(wire_bytes: usize, allowed: (u64, u64)) -> PayloadAuth {
    PayloadAuth::Form(FormFile::new(&boundary("xyz"), wire_bytes as u64, allowed))
}

fn body(content: &[u8]) -> Vec<u8> {
    [content, b"\r\n--xyz--\r\n"].concat()
}

/// The obligation of a body that is as long as this one.
fn of(body: &[u8]) -> Obligation {
    obligation(file(body.len(), ANY), None, &[]).unwrap()
}

#[test]
fn trap_4_a_file_is_released_to_its_last_byte_only_when_it_has_ended_well() {
    for content in [
        &b""[..],
        b"a",
        b"\r\n--xy",
        b"\r",
        b"\r\n",
        b"--xy",
        b"\r\r\n--\r\n--xyz".get(..11).unwrap(),
        b"\r\n-",
        &[0; 9000],
    ] {
        let body = body(content);
        let obligation = of(&body);
        assert_eq!((obligation.decoded_length(), obligation.is_empty()), (content.len() as u64, false));
        let announced = obligation.announce(Forward);
        assert_eq!(
            (announced.content_length, announced.content_sha256.as_str()),
            (content.len() as u64, "UNSIGNED-PAYLOAD")
        );
        assert_eq!(obligation.proves_before_sending(Forward), content.is_empty());
        for cut in (0..=body.len()).filter(|cut| body.len() < 100 || cut % 997 == 0) {
            let passed = pass(&mut obligation.gate(Forward), &body, [cut]);
            assert_eq!((passed.outcome, passed.released.as_slice()), (Ok(()), content), "cut at {cut}");
        }
        let passed = pass(&mut obligation.gate(Forward), &body, 0..body.len());
        assert_eq!((passed.outcome, passed.released.as_slice()), (Ok(()), content), "byte by byte");
    }
}

#[test]
fn trap_4_a_file_that_ends_elsewhere_is_never_released_whole() {
    let good = body(b"content");
    let changed = |from: &str, to: &str| String::from_utf8(good.clone()).unwrap().replace(from, to).into_bytes();
    let field = "\r\n--xyz\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload";
    for (body, why) in [
        (changed("--\r\n", "--"), "no line end"),
        (changed("--\r\n", "--\n\n"), "another line end"),
        (changed("--xyz--", "--xyz-x"), "a boundary that closes nothing"),
        (changed("xyz", "xyy"), "another boundary"),
        (changed("\r\n--xyz", "\n\n--xyz"), "no line before the boundary"),
        (body(format!("content{field}").as_bytes()), "a field behind the file"),
        (body(b"content\r\n--xyz--\r\nepilogue"), "an epilogue that ends alike"),
        (body(b"--xyz--\r\nmore"), "a boundary as its first bytes"),
        (body(b"a\r\n--xyzw"), "a boundary that goes on"),
        ([&good[..], b"\r\n"].concat(), "one line more"),
    ] {
        let obligation = of(&body);
        for cuts in [vec![], (0..body.len()).collect()] {
            let passed = pass(&mut obligation.gate(Forward), &body, cuts);
            assert_eq!(passed.outcome, Err(NOT_LAST), "{why}");
            assert!((passed.released.len() as u64) < obligation.decoded_length(), "{why}: all of it is out");
        }
    }
    for end in 0..good.len() {
        let passed = pass(&mut of(&good).gate(Forward), &good[..end], []);
        assert_eq!(passed.outcome, Err(Denial::IncompleteBody), "{end}");
        assert!(passed.released.len() < 7, "{end}");
    }
    let too_much = [&good[..], b"x"].concat();
    assert!(pass(&mut of(&good).gate(Forward), &too_much, []).outcome.is_err());
}

#[test]
fn content_length_range_counts_the_file_before_anything_is_sent() {
    let wire = body(b"12345").len();
    let with = |allowed| obligation(file(wire, allowed), None, &[]).err();
    for allowed in [(5, 5), (0, 5), (5, u64::MAX)] {
        assert_eq!(with(allowed), None, "{allowed:?}");
    }
    assert_eq!(with((6, 9)), Some(Denial::Form(FormFault::FileTooSmall { proposed: 5, least: 6 })));
    assert_eq!(with((0, 4)), Some(Denial::Form(FormFault::FileTooLarge { proposed: 5, most: 4 })));
    assert_eq!(with((9, 1)), Some(Denial::Form(FormFault::FileTooSmall { proposed: 5, least: 9 })), "an empty range");
    assert_eq!(obligation(file(3, ANY), None, &[]).err(), Some(NOT_LAST), "shorter than its own end");
    let huge = obligation(file(usize::MAX / 2, ANY), None, &[]).err();
    assert_eq!(huge, Some(Denial::EntityTooLarge));
}

#[test]
fn ch_7_checksums_of_a_form_are_proved() {
    let body = body(b"content");
    let with = |name, value| obligation(file(body.len(), ANY), None, &[(name, value)]);
    let md5 = crate::payload::content_md5(b"content");
    assert_eq!(pass(&mut with("content-md5", &md5).unwrap().gate(Forward), &body, []).outcome, Ok(()));
    let other = crate::payload::content_md5(b"other");
    let passed = pass(&mut with("content-md5", &other).unwrap().gate(Forward), &body, [2]);
    assert_eq!(passed.outcome, Err(Denial::ChecksumMismatch("Content-MD5")));
    assert!(passed.released.len() < 7);
    assert!(matches!(with("content-encoding", "aws-chunked").err(), Some(Denial::InvalidRequest(_))));
}

proptest! {
    /// Look-alikes of the boundary are data, the boundary is not, wherever the network cuts.
    #[test]
    fn whatever_the_file_and_the_pieces(
        words in proptest::collection::vec(prop_oneof![
            Just("\r"), Just("\n"), Just("\r\n"), Just("-"), Just("--"), Just("x"), Just("xy"), Just("xyz"), Just("\r\n--xy"), Just("a"),
        ], 0..30),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let content = words.concat();
        let body = body(content.as_bytes());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.sort_unstable();
        let passed = pass(&mut of(&body).gate(Forward), &body, cuts);
        if content.contains("\r\n--xyz") || content.starts_with("--xyz") {
            prop_assert_eq!(passed.outcome, Err(NOT_LAST));
            prop_assert!(passed.released.len() < content.len());
        } else {
            prop_assert_eq!(passed.outcome, Ok(()));
            prop_assert_eq!(passed.released, content.as_bytes());
        }
    }
}
