use osp_core::sigv4::ProvedForm;

fn main() {
    let _ = ProvedForm { form: todo!() };
}
