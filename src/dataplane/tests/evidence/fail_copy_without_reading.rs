use osp_core::access::{PlannedCopy, TargetPermit};
use osp_core::payload::Transit;

fn carry(copy: &PlannedCopy, target: &TargetPermit) -> Transit {
    copy.transit(0, target, target)
}

fn main() {
    let _ = carry;
}
