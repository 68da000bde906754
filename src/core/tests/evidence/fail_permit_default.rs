use osp_core::access::Permit;

fn main() {
    let _: Permit = Default::default();
}
