//! Election and status writer together, and how they end: what is due is written, then the Lease is given back.

use std::sync::Arc;
use std::time::Duration;

use futures::pin_mut;
use kube::Client;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::election::{Election, leads};
use super::metrics::Metrics;
use super::status::{Board, Writer};
use super::{Settings, WallClock};

/// For the statuses that are due when the process is told to end.
const FLUSH: Duration = Duration::from_secs(2);
/// How often the end of writing is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// How the process tells that it ends, and is told that it may.
#[derive(Debug)]
pub struct Stop {
    /// True from the signal on.
    pub draining: watch::Receiver<bool>,
    /// True when the Lease is given back, or when there is none.
    pub released: watch::Sender<bool>,
}

/// The running parts, which end with this value; none when this process writes no statuses.
#[derive(Debug)]
pub struct Statuses(JoinSet<()>);

impl Statuses {
    /// Starts them.
    pub fn start(
        settings: &Settings,
        client: &Client,
        board: &Arc<Board>,
        (metrics, wall): (&Metrics, &WallClock),
        stop: Stop,
    ) -> Self {
        let Some(lease) = &settings.statuses else {
            let _ = stop.released.send(true);
            return Self(JoinSet::new());
        };
        let (election, leadership) = Election::new(client.clone(), lease, Arc::clone(wall));
        let writer =
            Writer::new(client.clone(), &settings.process.class, &lease.identity, leadership.clone(), metrics.clone());
        let board = Arc::clone(board);
        let mut parts = JoinSet::new();
        parts.spawn(async move {
            let Stop { mut draining, released } = stop;
            let (end, ending) = watch::channel(false);
            // A set of one: it ends with this task.
            let mut electing = JoinSet::new();
            electing.spawn(election.run(ending));
            let writing = writer.run(&board);
            pin_mut!(writing);
            tokio::select! {
                () = &mut writing => {}
                Some(ended) = electing.join_next() => pass_on(ended),
                _ = draining.wait_for(|draining| *draining) => {}
            }
            let flushed = async {
                while leads(&leadership) && !board.is_idle() {
                    sleep(LOOK).await;
                }
            };
            let flushed = timeout(FLUSH, flushed);
            tokio::select! {
                () = &mut writing => {}
                _ = flushed => {}
            }
            let _ = end.send(true);
            electing.join_next().await.into_iter().for_each(pass_on);
            let _ = released.send(true);
            // The rest of the process goes on for as long as it drains.
            std::future::pending::<()>().await;
        });
        Self(parts)
    }

    /// Returns when they have ended on their own, which they must not.
    ///
    /// # Panics
    /// Passes on a panic.
    pub async fn ended(&mut self) {
        match self.0.join_next().await {
            Some(ended) => pass_on(ended),
            None => std::future::pending().await,
        }
    }
}

fn pass_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
