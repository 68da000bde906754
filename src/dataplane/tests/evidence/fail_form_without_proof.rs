use osp_core::Denial;
use osp_core::s3::{Form, Operation, Semantics, Target, classify_form};

fn classify(form: &Form, target: &Target, semantics: &Semantics<'_>) -> Result<Operation, Denial> {
    classify_form(form, target, semantics)
}

fn main() {
    let _ = classify;
}
