//! One task per worker, so that a caller who goes away never leaves half an exchange behind.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::time::{sleep, timeout};

use super::Office;
use super::worker::Worker;
use crate::metrics::Metrics;
use crate::outcome::{Answer, NoAnswer};
use crate::plan::Plan;
use crate::queue::{Job, Queue};
use crate::settings::{FIRST_BACK_OFF, LAST_BACK_OFF};

/// Where actors get the next worker.
pub(super) type Spares = Arc<Mutex<mpsc::Receiver<Worker>>>;

/// Serves the queue until it is closed and empty, with one worker after the other.
pub(super) async fn serve(mut worker: Worker, queue: Arc<Queue>, spares: Spares, metrics: Arc<Metrics>) {
    loop {
        let next = tokio::select! {
            biased;
            how = worker.died() => {
                tracing::warn!(%how, "an idle hook worker ended");
                None
            }
            next = queue.take() => match next {
                Some(next) => Some(next),
                None => return,
            },
        };
        let is_usable = match next {
            Some((job, ticket)) => {
                let is_usable = run(&mut worker, job).await;
                drop(ticket);
                is_usable
            }
            None => false,
        };
        if !is_usable {
            metrics.worker_lost();
            match spares.lock().await.recv().await {
                Some(spare) => worker = spare,
                None => return,
            }
        }
    }
}

/// Runs one call; false when the worker is not to be used again.
///
/// The budget begins here, with the execution. By the caller's deadline, a call that waited in the queue would have a
/// millisecond left, be killed, and make the next one wait for another start: one hang would become an endless series.
async fn run(worker: &mut Worker, job: Job) -> bool {
    let answer = match timeout(job.budget, worker.call(&job.call)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::NoAnswer(NoAnswer::WorkerLost(worker.ended().await)),
        Err(_) => Answer::NoAnswer(NoAnswer::Timeout),
    };
    let is_usable = match &answer {
        Answer::NoAnswer(why) => !matches!(why, NoAnswer::Timeout | NoAnswer::WorkerLost(_)) && !why.is_exhaustion(),
        _ => true,
    };
    if !is_usable {
        // first: nothing of the hook goes on when its caller hears
        worker.kill();
    }
    // a caller who has gone does not want to know
    let _ = job.reply.send(answer);
    is_usable
}

/// Keeps one worker ready, so that a lost one is replaced at once.
pub(super) async fn keep_spare(office: Office, plan: Arc<Plan>, spares: mpsc::Sender<Worker>) {
    let mut back_off = FIRST_BACK_OFF;
    while let Ok(place) = spares.reserve().await {
        match Worker::ready(&office, &plan).await {
            Ok(worker) => {
                back_off = FIRST_BACK_OFF;
                place.send(worker);
            }
            Err(why) => {
                drop(place);
                tracing::error!(%why, "a hook worker cannot be replaced");
                tokio::select! {
                    () = sleep(back_off) => {}
                    () = spares.closed() => return,
                }
                back_off = (back_off * 2).min(LAST_BACK_OFF);
            }
        }
    }
}
