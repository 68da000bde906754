use osp_core::Denial;
use osp_core::access::{PendingCopy, Permit, PlannedCopy};

fn write(copy: &PendingCopy) -> Result<Permit, Denial> {
    PlannedCopy::put(copy)
}

fn main() {
    let _ = write;
}
