use osp_core::access::PendingCopy;

fn main() {
    let _ = PendingCopy { copying: todo!() };
}
