//! Turns what the client sent into what may be released to the backend: nothing leaves a [`Gate`] as the last byte
//! before hash, chunk signatures, trailer signature and checksums are proved (trap 4; s3-protocol.md 1.3, 2.2).
//!
//! Read in this order: `declared` (what the head says of the body), [`Obligation`] (what has therefore to hold),
//! [`Gate`] (one body on its way through), then its parts `chunked`, `trailer`, `form_file`, `digests` and `reframe`.

mod chunked;
mod declared;
mod digests;
mod form_file;
mod gate;
mod obligation;
mod reframe;
mod restoration;
mod trailer;
mod transit;

pub use digests::{ChecksumAlgorithm, content_md5, sha256_hex};
pub use form_file::FormFile;
pub use gate::Gate;
pub use obligation::{Announcement, Obligation, PayloadAuth};
pub use transit::Transit;

#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code, reason = "the tests need more of it than fuzzing"))]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
