use osp_core::sigv4::Verified;

fn main() {
    let _ = Verified { principal: todo!() };
}
