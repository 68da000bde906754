use osp_core::access::Permit;

fn again<T: Clone>(evidence: &T) -> T {
    evidence.clone()
}

fn keep(permit: &Permit) -> Permit {
    again(permit)
}

fn main() {
    let _ = keep;
}
