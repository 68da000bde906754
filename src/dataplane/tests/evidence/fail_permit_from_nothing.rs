use osp_core::access::Permit;

fn main() {
    let _ = Permit { grant: todo!(), moved: None };
}
