//! Which principals have entries where: for `ListBuckets`.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashMap;

use crate::access::{Principal, Who};
use crate::s3::BucketName;
use crate::table::route_table::Visible;

type Selection = Arc<BTreeSet<Principal>>;

/// A [`Visible`] in the making.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_all: BTreeSet<BucketName>,
    by_name: HashMap<Principal, Vec<BucketName>>,
    /// By the address of the selection: one selector of one namespace has one.
    by_selection: HashMap<*const BTreeSet<Principal>, (Selection, Vec<BucketName>)>,
}

impl Index {
    /// These have entries on a route of this bucket.
    pub(super) fn note(&mut self, bucket: &BucketName, grantees: &[Who]) {
        for who in grantees {
            let buckets = match who {
                Who::Everyone => {
                    self.by_all.insert(bucket.clone());
                    continue;
                }
                Who::One(principal) => self.by_name.entry(principal.clone()).or_default(),
                Who::These(selection) => {
                    let new = || (Arc::clone(selection), Vec::new());
                    &mut self.by_selection.entry(Arc::as_ptr(selection)).or_insert_with(new).1
                }
            };
            buckets.push(bucket.clone());
        }
    }

    pub(super) fn finish(self) -> Visible {
        let by_selection = self.by_selection.into_values().collect();
        Visible { by_all: self.by_all, by_name: self.by_name, by_selection }
    }
}
