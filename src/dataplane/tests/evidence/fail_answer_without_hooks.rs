use osp_core::access::{Decision, Question};
use osp_core::Denial;

async fn unasked(question: Question) -> Result<Decision, Denial> {
    question.answer().await
}

fn main() {
    let _ = unasked;
}
