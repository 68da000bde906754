//! The headers that mean something, with presigned `x-amz-*` query parameters hoisted in (trap 3, PRE-4).

#[cfg(test)]
mod tests;

use super::form::{is_of_the_signature, tagging_header};
use super::{RawHead, Target};
use crate::Denial;
use crate::sigv4::ProvedForm;

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

/// Fields of a form beside `x-amz-*` that stand for the header of the same name.
const ENTITY_FIELDS: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];
/// Headers that say how a body is framed or proved: what a form says of that is its boundary.
const FRAMING: [&str; 3] = ["x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer"];

/// Header values by lower-case name, from the head and from the query, or from the fields of a form: classification,
/// authorisation and forwarding read headers only through this view, so no place can hide one from them.
#[derive(Debug, Clone)]
pub struct Semantics<'a> {
    /// `None` for a form: nothing but its fields is covered by its policy.
    head: Option<&'a RawHead>,
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
        Ok(Self { head: Some(head), hoisted })
    }

    /// Reads the fields of a form, and nothing else of its request: `acl` and `tagging` stand for `x-amz-acl` and
    /// `x-amz-tagging`, `x-amz-*` and entity headers for themselves. All others mean nothing.
    ///
    /// # Errors
    /// [`Denial::InvalidRequest`] for a field that cannot be a header, and for one that frames a body,
    /// [`Denial::DuplicateHeader`] when two stand for the same, [`Denial::MalformedXml`] for tags that cannot be read.
    pub fn of_form(form: &'a ProvedForm) -> Result<Self, Denial> {
        let mut hoisted: Vec<(String, String)> = Vec::new();
        for (field, value) in form.fields() {
            let (name, value) = match field {
                "acl" => ("x-amz-acl", value.to_owned()),
                "tagging" => ("x-amz-tagging", tagging_header(value)?),
                // browsers send what was left empty
                _ if ENTITY_FIELDS.contains(&field) && value.is_empty() => continue,
                _ if ENTITY_FIELDS.contains(&field) => (field, value.to_owned()),
                _ if is_amz_parameter(field) && !is_of_the_signature(field) => (field, value.to_owned()),
                _ => continue,
            };
            let value = value.trim_matches([' ', '\t']);
            if FRAMING.contains(&name) || !could_be_header(name, value) {
                return Err(Denial::InvalidRequest(format!("The form field {field} cannot stand for a header.")));
            }
            if hoisted.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Denial::DuplicateHeader(name.to_owned()));
            }
            hoisted.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self { head: None, hoisted })
    }

    /// The value of a lower-case header name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let hoisted = || self.hoisted.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_bytes());
        self.head.and_then(|head| head.field(name)).or_else(hoisted)
    }

    /// The value as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// Every header, hoisted ones last.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut head = self.head.map(RawHead::fields);
        let mut hoisted = self.hoisted.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        // `flat_map` and `chain` cost more than what is done with each header
        std::iter::from_fn(move || head.as_mut().and_then(Iterator::next).or_else(|| hoisted.next()))
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
