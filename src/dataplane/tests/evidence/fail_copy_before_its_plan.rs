use osp_core::Denial;
use osp_core::access::{PendingCopy, PlannedCopy, TargetPermit};

fn write(copy: &PendingCopy) -> Result<TargetPermit, Denial> {
    PlannedCopy::put(copy)
}

fn main() {
    let _ = write;
}
