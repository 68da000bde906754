//! The text that separates the parts of a form.

use std::sync::Arc;

use super::part::parameters;
use crate::{Denial, FormFault};

/// Longest boundary in bytes (RFC 2046, 5.1.1).
const MOST_BYTES: usize = 70;
const UNREADABLE: Denial = Denial::Form(FormFault::Malformed("its Content-Type names no boundary"));

/// The `boundary` of a `Content-Type`, without the dashes before it: 1 to 70 bytes of `bchars` without the space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boundary(Arc<str>);

impl Boundary {
    /// Reads the value of a `Content-Type`.
    ///
    /// # Errors
    /// [`FormFault::Malformed`].
    pub(crate) fn of_content_type(value: &[u8]) -> Result<Self, Denial> {
        let text = std::str::from_utf8(value).map_err(|_| UNREADABLE)?;
        let (kind, parameters) = parameters(text).ok_or(UNREADABLE)?;
        if !kind.eq_ignore_ascii_case("multipart/form-data") {
            return Err(UNREADABLE);
        }
        let boundary = parameters.into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
        let boundary = boundary.filter(|text| (1..=MOST_BYTES).contains(&text.len()) && text.bytes().all(is_allowed));
        boundary.map(|text| Self(text.into())).ok_or(UNREADABLE)
    }

    /// What stands between two parts, and in no value: CRLF, two dashes and the boundary.
    pub(crate) fn delimiter(&self) -> Vec<u8> {
        ["\r\n--", &self.0].concat().into_bytes()
    }

    /// What ends the body behind the file: the delimiter, two dashes and CRLF.
    pub(crate) fn closing(&self) -> Vec<u8> {
        ["\r\n--", &self.0, "--\r\n"].concat().into_bytes()
    }
}

/// `bchars` without the space, which tools disagree about.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2046_boundaries_of_browsers_and_tools() {
        for (value, boundary) in [
            ("multipart/form-data; boundary=x", "x"),
            ("Multipart/Form-Data;boundary=\"a b\"", ""),
            (
                "multipart/form-data; boundary=----WebKitFormBoundaryE19zNvXGzXaLvS5C",
                "----WebKitFormBoundaryE19zNvXGzXaLvS5C",
            ),
            ("multipart/form-data; charset=utf-8; BOUNDARY=\"gc0p4Jq0M2Yt08j34c0p=?:\"", "gc0p4Jq0M2Yt08j34c0p=?:"),
        ] {
            let read = Boundary::of_content_type(value.as_bytes());
            if boundary.is_empty() {
                assert_eq!(read, Err(UNREADABLE), "{value}");
            } else {
                let expected = format!("\r\n--{boundary}--\r\n");
                assert_eq!(read.unwrap().closing(), expected.as_bytes(), "{value}");
            }
        }
    }

    #[test]
    fn rfc_2046_what_is_no_boundary_is_refused() {
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        for value in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=\"x",
            "multipart/form-data; boundary=x; boundary=y",
            "multipart/form-data; boundary=\"a\rb\"",
            "multipart/form-data; boundary=\u{e9}",
            "multipart/form-data-x; boundary=x",
            "multipart/form-data boundary=x",
            &long,
        ] {
            assert_eq!(Boundary::of_content_type(value.as_bytes()), Err(UNREADABLE), "{value}");
        }
        assert_eq!(Boundary::of_content_type(b"multipart/form-data; boundary=\xff"), Err(UNREADABLE));
    }
}
