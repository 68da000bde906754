use super::*;
use osp_core::model::Callable;

fn job(hook: u32, token: &str) -> (Job, oneshot::Receiver<Answer>) {
    let (reply, answer) = oneshot::channel();
    let call = Call { hook, callable: Callable::Authorize, values: Arc::default() };
    let soon = Duration::from_secs(60);
    (Job { call, token: token.into(), due: Instant::now() + soon, budget: soon, reply }, answer)
}

/// Three workers, two hooks, eight places.
fn queue() -> Arc<Queue> {
    Queue::new(Shares::new(8, 3, 2))
}

fn next(queue: &Arc<Queue>) -> Option<(Job, Ticket)> {
    match queue.state().next(queue) {
        Next::Job(job) => Some(*job),
        Next::Wait | Next::End => None,
    }
}

// hooks.md, "Two hangs at once": a hook has all workers but one at most
#[test]
fn one_hook_or_client_leaves_a_worker_for_the_others() {
    let queue = queue();
    let mut answers = Vec::new();
    for (hook, token) in [(0, "a"), (0, "b"), (0, "c"), (1, "a"), (1, "d")] {
        let (job, answer) = job(hook, token);
        queue.push(job).unwrap();
        answers.push(answer);
    }
    let running: Vec<_> = std::iter::from_fn(|| next(&queue)).collect();
    let names: Vec<_> = running.iter().map(|(job, _)| (job.call.hook, &*job.token)).collect();
    assert_eq!(names, [(0, "a"), (0, "b"), (1, "a"), (1, "d")], "the third call of hook 0 waits");
    assert_eq!(queue.depth(), 1);
    drop(running);
    assert_eq!(next(&queue).map(|(job, _)| job.token.to_string()).as_deref(), Some("c"));
}

#[test]
fn a_client_has_all_workers_but_one() {
    let queue = queue();
    let mut answers = Vec::new();
    for hook in [0, 1] {
        let (job, answer) = job(hook, "a");
        queue.push(job).unwrap();
        answers.push(answer);
    }
    let both = [next(&queue), next(&queue)];
    assert!(both.iter().all(Option::is_some), "two of three");
    let (third, _answer) = job(0, "a");
    queue.push(third).unwrap();
    let (other, _answer) = job(0, "b");
    queue.push(other).unwrap();
    assert_eq!(next(&queue).map(|(job, _)| job.token.to_string()).as_deref(), Some("b"));
    assert!(next(&queue).is_none());
}

// issue 6, engine: bounded queue with a named limit
#[test]
fn the_queue_is_bounded_and_nobody_has_all_of_it() {
    let queue = queue();
    let mut answers = Vec::new();
    let mut push = |token: &str| {
        let (job, answer) = job(0, token);
        answers.push(answer);
        queue.push(job)
    };
    assert_eq!([push("a"), push("a"), push("a")], [Ok(()), Ok(()), Err(NoAnswer::Overflow)], "a quarter of eight");
    for client in 0..6 {
        push(&client.to_string()).unwrap();
    }
    assert_eq!(push("z"), Err(NoAnswer::Overflow));
    assert_eq!(queue.depth(), 8);
    // callers who have gone make room
    answers.clear();
    let (job, _answer) = job(0, "z");
    queue.push(job).unwrap();
    assert_eq!(queue.depth(), 1);
    assert_eq!(queue.state().of_token.len(), 1, "nothing is kept of clients without calls");
}

#[test]
fn nobody_runs_what_nobody_waits_for() {
    let queue = queue();
    let (gone, answer) = job(0, "a");
    drop(answer);
    queue.push(gone).unwrap();
    let (mut late, _answer) = job(0, "b");
    late.due = Instant::now();
    queue.push(late).unwrap();
    assert!(next(&queue).is_none());
    assert!(queue.state().of_token.is_empty());
}

#[test]
fn workers_of_both_kinds_finish_what_waits_and_end() {
    let queue = queue();
    let (kept, _answer) = job(0, "a");
    queue.push(kept).unwrap();
    queue.close();
    let (late, _answer) = job(0, "a");
    assert_eq!(queue.push(late), Err(NoAnswer::Stopped));
    let waiting = Arc::clone(&queue);
    let thread = std::thread::spawn(move || waiting.take_blocking().is_some());
    assert!(thread.join().unwrap());
    assert!(queue.take_blocking().is_none());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(queue.take()).is_none());
}

#[test]
fn a_task_that_waits_is_woken() {
    let queue = queue();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.take().await.map(|(job, _)| job.token) })
            })
            .collect();
        tokio::task::yield_now().await;
        let (jobs, _answers): (Vec<_>, Vec<_>) = ["a", "b", "c"].into_iter().map(|token| job(0, token)).unzip();
        jobs.into_iter().for_each(|job| queue.push(job).unwrap());
        for worker in workers {
            assert!(worker.await.unwrap().is_some());
        }
    });
}
