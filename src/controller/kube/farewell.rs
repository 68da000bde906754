//! Election and status writer together, and how they end: what is due is written, then the Lease is given back.

use std::sync::Arc;
use std::time::Duration;

use futures::pin_mut;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
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

/// The running parts; none when this process writes no statuses.
#[derive(Debug)]
pub struct Statuses(Option<JoinHandle<()>>);

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
            return Self(None);
        };
        let (election, leadership) = Election::new(client.clone(), lease, Arc::clone(wall));
        let writer =
            Writer::new(client.clone(), &settings.process.class, &lease.identity, leadership.clone(), metrics.clone());
        let board = Arc::clone(board);
        Self(Some(tokio::spawn(async move {
            let Stop { mut draining, released } = stop;
            let (end, ending) = watch::channel(false);
            let mut electing = tokio::spawn(election.run(ending));
            let writing = writer.run(&board);
            pin_mut!(writing);
            tokio::select! {
                () = &mut writing => {}
                ended = &mut electing => pass_on(ended),
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
            pass_on(electing.await);
            let _ = released.send(true);
            // The rest of the process goes on for as long as it drains.
            std::future::pending::<()>().await;
        })))
    }

    /// Returns when they have ended on their own, which they must not.
    ///
    /// # Panics
    /// Passes on a panic.
    pub async fn ended(&mut self) {
        match &mut self.0 {
            Some(task) => pass_on(task.await),
            None => std::future::pending().await,
        }
    }
}

fn pass_on(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
