use osp_core::Denial;
use osp_core::access::{PendingCopy, Permit};

fn write(copy: &PendingCopy) -> Result<Permit, Denial> {
    copy.put()
}

fn main() {
    let _ = write;
}
