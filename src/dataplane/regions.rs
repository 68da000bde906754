//! In which regions backends said that their buckets are (RN-6), beside the table: so that only the first request to a
//! bucket in another region than its route says has to be sent twice.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::HashMap;
use osp_core::access::Permit;
use osp_core::model::Region;
use parking_lot::RwLock;

/// Above this many buckets all are forgotten: each costs one more request then.
const MAX_ENTRIES: usize = 4096;

/// What was learned. An entry is for one backend (endpoint, trust and credential: its pool group), one
/// bucket of it and the region that the route says: a route that is corrected leaves its entry behind, and nothing that is
/// learned for one credential is used with another. A bucket that moves again says so, and is learned anew.
#[derive(Debug, Default)]
pub struct Regions {
    any: AtomicBool,
    entries: RwLock<HashMap<u64, Learned>>,
}

#[derive(Debug)]
struct Learned {
    bucket: String,
    declared: String,
    region: Region,
}

impl Regions {
    /// Sends the request to where the bucket was found, if it was found elsewhere.
    pub fn apply(&self, permit: &mut Permit) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let known = {
            let (bucket, declared) = place(permit);
            let entries = self.entries.read();
            let known = entries.get(&slot(permit)).filter(|one| one.bucket == bucket && one.declared == declared);
            known.map(|one| one.region.clone())
        };
        if let Some(region) = known {
            let _ = permit.relocate(&region);
        }
    }

    /// Remembers where the bucket of this permit is.
    pub fn learn(&self, permit: &Permit, region: &Region) {
        let (bucket, declared) = place(permit);
        let learned = Learned { bucket: bucket.to_owned(), declared: declared.to_owned(), region: region.clone() };
        let mut entries = self.entries.write();
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(slot(permit), learned);
        self.any.store(true, Ordering::Relaxed);
    }
}

/// The backend's bucket, and the region that its route says.
fn place(permit: &Permit) -> (&str, &str) {
    (&permit.backend().mapping.backend_bucket, &permit.upstream().region)
}

fn slot(permit: &Permit) -> u64 {
    let mut hasher = DefaultHasher::new();
    (permit.upstream().pool_group, place(permit)).hash(&mut hasher);
    hasher.finish()
}
