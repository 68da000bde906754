use osp_core::Denial;
use osp_core::access::{PlannedCopy, SourcePermit};

fn read(copy: &PlannedCopy) -> Result<SourcePermit, Denial> {
    copy.put()
}

fn main() {
    let _ = read;
}
