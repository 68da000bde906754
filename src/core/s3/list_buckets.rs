//! Answers that OSP makes itself: `ListBuckets` and `GetBucketLocation`.

use super::{BucketName, Query};
use crate::{Denial, Timestamp};

/// One page of `ListBuckets`: `prefix`, `max-buckets` (1..=10,000) and `continuation-token` are honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListBucketsPage {
    /// Sorted names.
    pub buckets: Vec<BucketName>,
    /// Present when more follow.
    pub continuation_token: Option<String>,
    /// Echo of the request's prefix.
    pub prefix: Option<String>,
}

impl ListBucketsPage {
    /// Cuts the page that `query` asks for out of `visible`, which is sorted.
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`] for `max-buckets` outside its range or a foreign token.
    pub fn cut(_visible: &[BucketName], _query: &Query) -> Result<Self, Denial> {
        todo!()
    }
}

/// `<ListAllMyBucketsResult>`: every bucket with the same stable `created` date, owner `osp`, region `region`.
#[must_use]
pub fn list_buckets_xml(_page: &ListBucketsPage, _created: Timestamp, _region: &str) -> Vec<u8> {
    todo!()
}

/// `<LocationConstraint>`; empty for `us-east-1`.
#[must_use]
pub fn location_xml(_region: &str) -> Vec<u8> {
    todo!()
}
