use osp_core::access::{Decision, Question};

fn twice(question: Question) -> (Decision, Decision) {
    (question.answer().unwrap(), question.answer().unwrap())
}

fn main() {
    let _ = twice;
}
