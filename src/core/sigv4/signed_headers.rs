//! Which headers were signed, and their canonical values.

use std::borrow::Cow;

use super::canonical::canonical_value;
use crate::Denial;
use crate::s3::RawHead;

/// (lower-case name, canonical value) of every signed header, sorted by name.
pub(super) type SignedHeaders<'a> = Vec<(&'a str, Cow<'a, [u8]>)>;

/// Most headers that any known client signs; more only cost an allocation.
const USUAL_COUNT: usize = 12;

/// Collects the headers that `list` (`a;b;c`) names, from the head as received (SIG-6, SIG-7).
///
/// # Errors
/// [`Denial::SignedHeadersWrong`] when the list is not sorted, unique and lower-case, or names an absent header;
/// [`Denial::HeadersNotSigned`] when it lacks `host` or an `x-amz-*` header that is there (SIG-8).
pub(super) fn collect<'a>(head: &'a RawHead, list: &'a str) -> Result<SignedHeaders<'a>, Denial> {
    let mut names: Vec<&str> = Vec::with_capacity(USUAL_COUNT);
    for name in list.split(';') {
        if names.last().is_some_and(|last| *last >= name) || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Denial::SignedHeadersWrong);
        }
        names.push(name);
    }
    if names.binary_search(&"host").is_err() {
        return Err(Denial::HeadersNotSigned(vec!["host".to_owned()]));
    }
    let mut values: Vec<Option<Cow<'a, [u8]>>> = vec![None; names.len()];
    let mut unsigned = Vec::new();
    for (name, value) in head.fields() {
        match names.binary_search(&name) {
            Ok(position) => {
                if let Some(slot) = values.get_mut(position) {
                    *slot = Some(join(slot.take(), canonical_value(value)));
                }
            }
            Err(_) if must_be_signed(name) => unsigned.push(name.to_owned()),
            Err(_) => {}
        }
    }
    if !unsigned.is_empty() {
        return Err(Denial::HeadersNotSigned(unsigned));
    }
    let found = names.into_iter().zip(values).map(|(name, value)| Some((name, value?)));
    found.collect::<Option<_>>().ok_or(Denial::SignedHeadersWrong)
}

/// An attacker's `x-amz-*` header must not be carried on under our signature (trap 2). `x-amz-content-sha256` is
/// signed as the last line of the canonical request.
fn must_be_signed(name: &str) -> bool {
    name.starts_with("x-amz-") && name != "x-amz-content-sha256"
}

/// Repeated headers are one header with commas.
fn join<'a>(first: Option<Cow<'a, [u8]>>, next: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    let Some(first) = first else { return next };
    let mut joined = first.into_owned();
    joined.push(b',');
    joined.extend_from_slice(&next);
    Cow::Owned(joined)
}
