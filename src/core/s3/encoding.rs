//! Percent-encoding in the one form that S3 signs: `UriEncode` of AWS's `SigV4` page.

use crate::Denial;

const MALFORMED: Denial = Denial::InvalidUri("malformed percent-encoding");

/// Decodes `%XX` once; `+` stays a plus (SIG-4). A lone or malformed `%` is an error, never passed on.
///
/// # Errors
/// [`Denial::InvalidUri`] for a `%` that two hexadecimal digits do not follow.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Denial> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = memchr::memchr(b'%', rest).and_then(|at| rest.split_at_checked(at)) {
        let [_, high, low, after @ ..] = escape else { return Err(MALFORMED) };
        out.extend_from_slice(plain);
        out.push(hex_value(*high).ok_or(MALFORMED)? << 4 | hex_value(*low).ok_or(MALFORMED)?);
        rest = after;
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Appends `text` with everything but `A-Z a-z 0-9 - . _ ~ /` as upper-case `%XX`: the form of paths.
pub fn encode_key(text: &[u8], out: &mut String) {
    encode(text, out, true);
}

/// Appends `text` with everything but `A-Z a-z 0-9 - . _ ~` as upper-case `%XX`: the form of query names and values.
pub fn encode_query(text: &[u8], out: &mut String) {
    encode(text, out, false);
}

fn encode(text: &[u8], out: &mut String, keep_slash: bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let stays = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || (keep_slash && byte == b'/')
    };
    // most keys have nothing to encode
    if let Some(plain) = std::str::from_utf8(text).ok().filter(|_| text.iter().all(|&byte| stays(byte))) {
        return out.push_str(plain);
    }
    for &byte in text {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 0xf] {
                out.push(HEX.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
        }
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_undoes_encoding() {
        let all: Vec<u8> = (0..=255).collect();
        for encode in [encode_key, encode_query] {
            let mut text = String::new();
            encode(&all, &mut text);
            assert_eq!(decode(text.as_bytes()).unwrap(), all);
        }
    }

    proptest::proptest! {
        #[test]
        fn sig_3_encoding_again_what_was_decoded_changes_nothing(text in "([A-Za-z0-9._~-]|%(2F|20|C3%A9|00)){0,40}") {
            let mut again = String::new();
            encode_query(&decode(text.as_bytes()).unwrap(), &mut again);
            proptest::prop_assert_eq!(again, text);
        }

        #[test]
        fn decoding_never_panics(text: Vec<u8>) {
            let _ = decode(&text);
        }
    }

    #[test]
    fn sig_4_plus_is_a_plus_and_space_is_percent_20() {
        assert_eq!(decode(b"a+b%2Bc%20d").unwrap(), b"a+b+c d");
        let mut text = String::new();
        encode_key(b"a+b c/d", &mut text);
        assert_eq!(text, "a%2Bb%20c/d");
    }

    #[test]
    fn p02_malformed_escapes_are_refused() {
        for text in [&b"%"[..], b"%1", b"%zz", b"a%2"] {
            assert!(decode(text).is_err());
        }
    }
}
