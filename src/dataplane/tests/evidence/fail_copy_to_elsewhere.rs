use osp_core::Denial;
use osp_core::access::{Permit, PlannedCopy};

fn anything(copy: &PlannedCopy) -> Result<Permit, Denial> {
    copy.copying.permit("DeleteObject", String::new(), Vec::new())
}

fn main() {
    let _ = anything;
}
