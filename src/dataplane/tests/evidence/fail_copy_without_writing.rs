use osp_core::access::{PlannedCopy, SourcePermit};
use osp_core::payload::Transit;

fn carry(copy: &PlannedCopy, source: &SourcePermit) -> Transit {
    copy.transit(0, source, source)
}

fn main() {
    let _ = carry;
}
