use osp_core::Denial;
use osp_core::access::{PlannedCopy, TargetPermit};

fn anything(copy: &PlannedCopy) -> Result<TargetPermit, Denial> {
    copy.copying.sides.of_target("DeleteObject", String::new(), Vec::new())
}

fn main() {
    let _ = anything;
}
