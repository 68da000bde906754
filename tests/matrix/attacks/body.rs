//! Bodies that are not what was signed (S14, S15, S16).

use osp_test_support::Request;
use osp_test_support::checksum::{crc32_base64, sha256_base64};

use super::{Attack, FULL, after, attack, before, denied, denied_by_body, signing};
use crate::forms::{Auth, set_body};
use crate::model::{Code, INVALID_ARGUMENT, INVALID_REQUEST, MISMATCH};
use crate::operations::Body;

const BAD_DIGEST: Code = (400, "BadDigest");
const BAD_HASH: Code = (400, "XAmzContentSHA256Mismatch");
const MALFORMED_XML: Code = (400, "MalformedXML");
/// Broken framing has many names.
const ANY: &[Code] = &[(400, ""), (403, "")];

pub(super) fn all() -> Vec<Attack> {
    [bare(), frames(), chunks(), trailers(), lengths(), checksums()].into_iter().flatten().collect()
}

/// S14: the whole body.
fn bare() -> Vec<Attack> {
    type Edit = fn(&mut Vec<u8>);
    let edits: [(&str, Edit); 5] = [
        ("first byte", |body| body[0] ^= 1),
        ("last byte", |body| *body.last_mut().unwrap() ^= 1),
        ("a byte less", |body| body.truncate(body.len() - 1)),
        ("a byte more", |body| body.push(b'x')),
        ("nothing left", Vec::clear),
    ];
    let change = |(name, edit): (&str, Edit)| {
        let act = after(move |request, target| {
            let proved = target.auth == Auth::Header || target.operation.body == Body::Keys;
            if target.operation.body == Body::Nothing || target.auth.streams() || !proved {
                return None;
            }
            let mut body = request.pieces.concat();
            edit(&mut body);
            set_body(request, vec![body]);
            // a restoration is read while it comes in, so it may be wrong before its hash is known to be
            let restores = target.operation.name == "RestoreObject";
            denied_by_body(if restores { &[BAD_HASH, BAD_DIGEST, MALFORMED_XML] } else { &[BAD_HASH, BAD_DIGEST] })
        });
        attack("S14", format!("body: {name}"), FULL, act)
    };
    edits.map(change).into()
}

/// Changes the pieces of a body in aws-chunks: two chunks and the end.
fn pieces(
    name: &str,
    codes: impl Fn(Auth) -> Option<&'static [Code]> + 'static,
    edit: impl Fn(&mut Vec<Vec<u8>>) -> Option<()> + 'static,
) -> Attack {
    let act = after(move |request, target| {
        let codes = Some(target.auth).filter(|auth| auth.streams()).and_then(&codes)?;
        let mut pieces = request.pieces.clone();
        edit(&mut pieces)?;
        set_body(request, pieces);
        denied_by_body(codes)
    });
    attack("S15", name, FULL, act)
}

fn signed_only(auth: Auth) -> Option<&'static [Code]> {
    (auth != Auth::UnsignedTrailer).then_some(&[MISMATCH])
}

fn everywhere(_: Auth) -> Option<&'static [Code]> {
    Some(ANY)
}

/// Changes the byte that stands `skip` bytes behind `text`.
fn flip_behind(piece: &mut [u8], text: &[u8], skip: usize) -> Option<()> {
    let at = piece.windows(text.len()).position(|window| window == text)? + text.len() + skip;
    let byte = piece.get_mut(at)?;
    *byte = if *byte == b'0' { b'1' } else { b'0' };
    Some(())
}

/// The signatures and the data of the chunks.
fn chunks() -> Vec<Attack> {
    let mut all = Vec::new();
    for at in 0..3 {
        for digit in [0, 63] {
            let edit = move |pieces: &mut Vec<Vec<u8>>| flip_behind(&mut pieces[at], b"chunk-signature=", digit);
            all.push(pieces(&format!("signature of chunk {at}, digit {digit}"), signed_only, edit));
        }
        let zeros = move |pieces: &mut Vec<Vec<u8>>| {
            let start = pieces[at].windows(16).position(|window| window == b"chunk-signature=")? + 16;
            pieces[at].get_mut(start..start + 64)?.fill(b'0');
            Some(())
        };
        all.push(pieces(&format!("signature of chunk {at}, all zeros"), signed_only, zeros));
    }
    for at in 0..2 {
        for back in [3, 50] {
            let edit = move |pieces: &mut Vec<Vec<u8>>| {
                let byte = pieces[at].len() - back;
                pieces[at][byte] ^= 1;
                Some(())
            };
            let codes = |auth| Some(if auth == Auth::UnsignedTrailer { &[BAD_DIGEST][..] } else { &[MISMATCH] });
            all.push(pieces(&format!("data of chunk {at}, {back} bytes before its end"), codes, edit));
        }
    }
    type Edit = fn(&mut Vec<Vec<u8>>);
    let orders: [(&str, Edit); 5] = [
        ("chunks in another order", |pieces| pieces.swap(0, 1)),
        ("the first chunk twice", |pieces| pieces[1] = pieces[0].clone()),
        ("the first chunk left out", |pieces| drop(pieces.remove(0))),
        ("the second chunk left out", |pieces| drop(pieces.remove(1))),
        ("one chunk more", |pieces| pieces.insert(1, pieces[1].clone())),
    ];
    for (name, edit) in orders {
        let edit = move |pieces: &mut Vec<Vec<u8>>| {
            edit(pieces);
            Some(())
        };
        all.push(pieces(name, everywhere, edit));
    }
    all
}

/// Sizes, line ends, the end.
fn frames() -> Vec<Attack> {
    let size = |name: &str, change: fn(&str) -> String| {
        let edit = move |pieces: &mut Vec<Vec<u8>>| {
            let end = pieces[0].iter().position(|byte| matches!(byte, b';' | b'\r'))?;
            let size = String::from_utf8(pieces[0][..end].to_vec()).ok()?;
            pieces[0] = [change(&size).as_bytes(), &pieces[0][end..]].concat();
            Some(())
        };
        pieces(&format!("size {name}"), everywhere, edit)
    };
    type Edit = fn(&mut Vec<Vec<u8>>);
    let edits: [(&str, Edit); 6] = [
        ("no final chunk", |pieces| drop(pieces.pop())),
        ("data behind the final chunk", |pieces| pieces.push(b"5\r\nextra\r\n".to_vec())),
        ("a request behind the final chunk", |pieces| pieces.push(b"DELETE /vault/team-a/k HTTP/1.1\r\n\r\n".to_vec())),
        ("bare line feeds behind data", |pieces| {
            let length = pieces[0].len();
            pieces[0].splice(length - 2.., *b"\n\n");
        }),
        ("an unknown extension", |pieces| {
            let end = pieces[0].windows(2).position(|window| window == b"\r\n").unwrap();
            pieces[0].splice(end..end, *b";evil=1");
        }),
        ("nothing at all", Vec::clear),
    ];
    let mut all: Vec<Attack> = edits
        .map(|(name, edit)| {
            let edit = move |pieces: &mut Vec<Vec<u8>>| {
                edit(pieces);
                Some(())
            };
            pieces(name, everywhere, edit)
        })
        .into();
    all.extend([
        size("with 0x", |size| format!("0x{size}")),
        size("negative", |size| format!("-{size}")),
        size("missing", |_| String::new()),
        size("with many zeros", |size| format!("{size:0>40}")),
        size("beyond all bounds", |_| "ffffffffffffffff".to_owned()),
        size("over 64 bits", |_| "10000000000000000".to_owned()),
        size("one less", |_| "1fff".to_owned()),
        size("one more", |_| "2001".to_owned()),
    ]);
    all
}

/// The trailer.
fn trailers() -> Vec<Attack> {
    let with_trailer = |auth| (auth != Auth::Chunked).then_some(ANY);
    let signed_trailer = |auth| (auth == Auth::ChunkedTrailer).then_some(&[MISMATCH][..]);
    let signature = |pieces: &mut Vec<Vec<u8>>| flip_behind(pieces.last_mut()?, b"x-amz-trailer-signature:", 5);
    let value = |pieces: &mut Vec<Vec<u8>>| flip_behind(pieces.last_mut()?, b"x-amz-checksum-crc32:", 0);
    let unsigned = |pieces: &mut Vec<Vec<u8>>| {
        let last = pieces.last_mut()?;
        let at = last.windows(24).position(|window| window == b"x-amz-trailer-signature:")?;
        last.truncate(at);
        last.extend_from_slice(b"\r\n");
        Some(())
    };
    let mut all = vec![
        pieces("trailer signature", signed_trailer, signature),
        pieces("trailer signature left out", move |auth| signed_trailer(auth).map(|_| ANY), unsigned),
        pieces("trailer value", with_trailer, value),
    ];
    for (name, line) in [
        ("of other bytes", "x-amz-checksum-crc32:AAAAAA=="),
        ("not announced", "x-amz-checksum-sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("malformed", "x-amz-checksum-crc32:!!"),
        ("of other rights", "x-amz-acl:public-read"),
        ("absent", ""),
    ] {
        let act = signing(move |signing, target| {
            signing.trailer = Some(line.to_owned());
            denied_by_body(ANY).filter(|_| matches!(target.auth, Auth::ChunkedTrailer | Auth::UnsignedTrailer))
        });
        all.push(attack("S15", format!("a trailer {name}"), FULL, act));
    }
    all
}

/// `x-amz-decoded-content-length`.
fn lengths() -> Vec<Attack> {
    let mut all = Vec::new();
    let length = |value: Option<&'static str>, by_head: Option<Code>| {
        let act = signing(move |signing, target| {
            signing.decoded_length = Some(value.map(str::to_owned));
            let effect = by_head.map_or_else(|| denied_by_body(ANY), |code| denied(&[code]));
            effect.filter(|_| target.auth.streams())
        });
        attack("S15", format!("decoded length {value:?}"), FULL, act)
    };
    all.push(length(Some("8299"), None));
    all.push(length(Some("8301"), None));
    all.push(length(Some("0"), None));
    all.push(length(Some("-1"), Some(INVALID_ARGUMENT)));
    all.push(length(Some("eight"), Some(INVALID_ARGUMENT)));
    all.push(length(None, Some((411, "MissingContentLength"))));
    all
}

/// S16: checksums in the head.
fn checksums() -> Vec<Attack> {
    let with = |name: &str, headers: Vec<(&'static str, String)>, effect: fn() -> Option<super::Effect>| {
        let act = before(move |request: &mut Request, target| {
            if target.operation.body != Body::Object || target.auth.streams() {
                return None;
            }
            request.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            effect()
        });
        attack("S16", name, FULL, act)
    };
    let wrong = || denied_by_body(&[BAD_DIGEST]);
    let malformed = || denied_by_body(&[(400, "InvalidDigest"), INVALID_REQUEST]);
    let other = crc32_base64(b"other");
    vec![
        with("crc32 of other bytes", vec![("x-amz-checksum-crc32", other.clone())], wrong),
        with("sha256 of other bytes", vec![("x-amz-checksum-sha256", sha256_base64(b"other"))], wrong),
        with("md5 of other bytes", vec![("content-md5", osp_test_support::checksum::md5_base64(b"other"))], wrong),
        with("malformed crc32", vec![("x-amz-checksum-crc32", "!!".to_owned())], malformed),
        with("malformed md5", vec![("content-md5", "AAAA".to_owned())], malformed),
        with(
            "two checksums",
            vec![("x-amz-checksum-crc32", other), ("x-amz-checksum-sha256", sha256_base64(b"other"))],
            || denied(&[INVALID_REQUEST]),
        ),
    ]
}
