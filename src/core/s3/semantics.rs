//! The headers that mean something, with presigned `x-amz-*` query parameters hoisted in (trap 3, PRE-4).

use super::{RawHead, Target};
use crate::Denial;

/// Header values by lower-case name, from the head and, for presigned requests, from the query: classification,
/// authorisation and forwarding read headers only through this view, so neither place can hide one from them.
#[derive(Debug, Clone)]
pub struct Semantics<'a> {
    head: &'a RawHead,
    hoisted: Vec<(String, String)>,
}

impl<'a> Semantics<'a> {
    /// Reads head and query. The six `X-Amz-*` authentication parameters and `X-Amz-Security-Token` are not hoisted.
    ///
    /// # Errors
    /// [`Denial::InvalidRequest`] when a name appears in both with different values,
    /// [`Denial::DuplicateHeader`] when it appears twice in the query.
    pub fn read(_head: &'a RawHead, _target: &Target) -> Result<Self, Denial> {
        todo!()
    }

    /// The value of a lower-case header name.
    #[must_use]
    pub fn header(&self, _name: &str) -> Option<&[u8]> {
        todo!()
    }

    /// The value as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn text(&self, _name: &str) -> Option<&str> {
        todo!()
    }

    /// Every header, hoisted ones last.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        std::iter::empty()
    }
}
