use osp_core::access::PlannedCopy;

fn main() {
    let _ = PlannedCopy { copying: todo!() };
}
