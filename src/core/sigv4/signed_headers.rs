//! Which headers were signed, and their canonical values.

use std::borrow::Cow;

use super::authorization::cut;
use super::canonical::{canonical_value, join_values};
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
    let mut signed = split(list)?;
    if position(&signed, "host").is_none() {
        return Err(Denial::HeadersNotSigned(vec!["host".to_owned()]));
    }
    let mut unsigned = Vec::new();
    for (name, value) in head.fields() {
        match position(&signed, name).and_then(|position| signed.get_mut(position)) {
            Some((_, Some(first))) => join_values(first, &canonical_value(value)),
            Some((_, slot)) => *slot = Some(canonical_value(value)),
            None if must_be_signed(name) => unsigned.push(name.to_owned()),
            None => {}
        }
    }
    if !unsigned.is_empty() {
        return Err(Denial::HeadersNotSigned(unsigned));
    }
    let found = signed.into_iter().map(|(name, value)| Some((name, value?)));
    found.collect::<Option<_>>().ok_or(Denial::SignedHeadersWrong)
}

/// A name of the list, and its value once it is found in the head.
type Wanted<'a> = (&'a str, Option<Cow<'a, [u8]>>);

/// The names of `a;b;c`.
fn split(list: &str) -> Result<Vec<Wanted<'_>>, Denial> {
    // without a branch, so that the compiler takes many bytes at a time
    if list.bytes().fold(false, |so_far, byte| so_far | byte.is_ascii_uppercase()) {
        return Err(Denial::SignedHeadersWrong);
    }
    let mut wanted: Vec<Wanted<'_>> = Vec::with_capacity(USUAL_COUNT);
    let mut rest = Some(list);
    while let Some(names) = rest {
        let (name, others) = cut(names, b';').map_or((names, None), |(name, others)| (name, Some(others)));
        rest = others;
        if wanted.last().is_some_and(|(last, _)| *last >= name) {
            return Err(Denial::SignedHeadersWrong);
        }
        wanted.push((name, None));
    }
    Ok(wanted)
}

/// Where a name is in the sorted list. Short lists are walked through, because names differ in their lengths already; a
/// long one is an attempt to make that slow.
fn position(wanted: &[Wanted<'_>], name: &str) -> Option<usize> {
    if wanted.len() <= USUAL_COUNT {
        wanted.iter().position(|(present, _)| *present == name)
    } else {
        wanted.binary_search_by_key(&name, |(present, _)| *present).ok()
    }
}

/// An attacker's `x-amz-*` header must not be carried on under our signature (trap 2). `x-amz-content-sha256` is
/// signed as the last line of the canonical request.
fn must_be_signed(name: &str) -> bool {
    name.starts_with("x-amz-") && name != "x-amz-content-sha256"
}
