//! What holds for any bytes whatever: the functions that fuzzing (`tests/fuzz/`) and the property tests share. Each takes
//! raw bytes, builds its input from them, and panics where the property does not hold. Compiled for tests and fuzzing only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a property is an assertion, and how it fails is its report"
)]

mod authentication;
mod body;
mod document;
mod form;
mod request;

#[cfg(test)]
mod tests;

pub use authentication::{authorization, presigned_query};
pub use body::{chunks, trailer};
pub use document::{batch, listing};
pub use form::{form, post_policy};
pub use request::{classifier, raw_target};

/// What holds for any bytes: panics where it does not.
type Property = fn(&[u8]);

/// Every property by the name of its fuzz target.
pub const ALL: [(&str, Property); 10] = [
    ("raw_target", raw_target),
    ("authorization", authorization),
    ("presigned_query", presigned_query),
    ("form", form),
    ("post_policy", post_policy),
    ("chunks", chunks),
    ("trailer", trailer),
    ("listing", listing),
    ("batch", batch),
    ("classifier", classifier),
];

/// Cuts at the first line end: what is one value, and what comes after it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', data) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}
