use osp_core::access::{Decision, Hooks, Question};

async fn twice(question: Question, hooks: &dyn Hooks) -> (Decision, Decision) {
    (question.answer(hooks).await.unwrap(), question.answer(hooks).await.unwrap())
}

fn main() {
    let _ = twice;
}
