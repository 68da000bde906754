//! The headers that mean something, with presigned `x-amz-*` query parameters hoisted in (trap 3, PRE-4).

#[cfg(test)]
mod tests;

use super::{RawHead, Target};
use crate::Denial;

/// `X-Amz-*` parameters that authenticate; [`crate::sigv4::claim`] reads them.
const AUTHENTICATION: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
];
/// As many as a head may have fields.
const MAX_HOISTED: usize = 100;

/// Header values by lower-case name, from the head and from the query: classification, authorisation and forwarding
/// read headers only through this view, so neither place can hide one from them.
#[derive(Debug, Clone)]
pub struct Semantics<'a> {
    head: &'a RawHead,
    hoisted: Vec<(String, String)>,
}

impl<'a> Semantics<'a> {
    /// Reads head and query. `x-amz-*` parameters are hoisted whether the request is presigned or not: some backends
    /// would read them either way. The authentication parameters and `X-Amz-Security-Token` are not hoisted.
    ///
    /// # Errors
    /// [`Denial::InvalidRequest`] when a name appears in both with different values or no header could have that name
    /// or value, [`Denial::DuplicateHeader`] when it appears twice in the query, [`Denial::HeadTooLarge`] when there
    /// are more than 100.
    pub fn read(head: &'a RawHead, target: &Target) -> Result<Self, Denial> {
        let mut hoisted: Vec<(String, String)> = Vec::new();
        for (name, value) in target.query.pairs().filter(|(name, _)| stands_for_header(name)) {
            let name = name.to_ascii_lowercase();
            if hoisted.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Denial::DuplicateHeader(name));
            }
            if hoisted.len() == MAX_HOISTED {
                return Err(Denial::HeadTooLarge);
            }
            let value = value.trim_matches([' ', '\t']);
            if !could_be_header(&name, value) {
                return Err(Denial::InvalidRequest("A query parameter cannot stand for a header.".to_owned()));
            }
            hoisted.push((name, value.to_owned()));
        }
        drop_repetitions(head, &mut hoisted)?;
        Ok(Self { head, hoisted })
    }

    /// The value of a lower-case header name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let hoisted = || self.hoisted.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_bytes());
        self.head.field(name).or_else(hoisted)
    }

    /// The value as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// Every header, hoisted ones last.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.fields().chain(self.hoisted.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
    }
}

/// True for an `x-amz-*` query parameter, in any case, that is not about authentication.
pub(super) fn stands_for_header(name: &str) -> bool {
    is_amz_parameter(name) && !AUTHENTICATION.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// True for any `x-amz-*` query parameter, in any case.
pub(super) fn is_amz_parameter(name: &str) -> bool {
    name.as_bytes().get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-"))
}

fn could_be_header(name: &str, value: &str) -> bool {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name && value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

/// A name may stand in both places with one value (signers hoist *and* send); the header then speaks for both.
fn drop_repetitions(head: &RawHead, hoisted: &mut Vec<(String, String)>) -> Result<(), Denial> {
    if hoisted.is_empty() {
        return Ok(());
    }
    for (name, value) in hoisted.iter() {
        if head.fields().any(|(present, sent)| present == name && sent != value.as_bytes()) {
            return Err(Denial::InvalidRequest(format!("{name} differs between the headers and the query.")));
        }
    }
    hoisted.retain(|(name, _)| head.field(name).is_none());
    Ok(())
}
