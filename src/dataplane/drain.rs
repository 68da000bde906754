//! Stopping without dropping anybody (kubernetes.md 3.9): not ready, still accepting, then done.

use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use prometheus::IntGauge;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How often the end of running connections is looked for.
const POLL: Duration = Duration::from_millis(50);

/// Beyond the drain itself, for the other parts of the process.
const SETTLE: Duration = Duration::from_secs(8);

/// What the rest of the process sees of a shutdown.
#[derive(Debug, Clone)]
pub struct DrainWatch {
    /// True from the signal on: `/readyz` answers 503, answers carry `Connection: close`, HTTP/2 gets GOAWAY.
    pub draining: watch::Receiver<bool>,
    /// True at the end of the drain delay: HTTP/2 connections that began while draining get their GOAWAY now.
    pub last_call: watch::Receiver<bool>,
}

/// Runs the shutdown. pingora asks it when to stop.
#[derive(Debug)]
pub struct Drain {
    draining: watch::Sender<bool>,
    last_call: watch::Sender<bool>,
    /// Go on accepting this long after SIGTERM: endpoints are removed from Services with a delay.
    delay: Duration,
    /// Then wait this long for running transfers.
    timeout: Duration,
    active: IntGauge,
    /// Turns true when another part of the process has put its things in order.
    settled: Option<watch::Receiver<bool>>,
}

impl Drain {
    /// A drain and its watch; `active` counts open client connections.
    #[must_use]
    pub fn new(delay: Duration, timeout: Duration, active: IntGauge) -> (Self, DrainWatch) {
        let (draining, draining_watch) = watch::channel(false);
        let (last_call, last_call_watch) = watch::channel(false);
        let watch = DrainWatch { draining: draining_watch, last_call: last_call_watch };
        (Self { draining, last_call, delay, timeout, active, settled: None }, watch)
    }

    /// Ends no sooner than `settled` turns true (or its sender is gone), within a bound of its own.
    #[must_use]
    pub fn and_wait_for(mut self, settled: watch::Receiver<bool>) -> Self {
        self.settled = Some(settled);
        self
    }

    async fn run(&self) {
        tracing::info!(delay_s = self.delay.as_secs(), "draining: still accepting");
        let _ = self.draining.send(true);
        tokio::time::sleep(self.delay).await;
        let _ = self.last_call.send(true);
        let waiting = async {
            while self.active.get() > 0 {
                tokio::time::sleep(POLL).await;
            }
        };
        if tokio::time::timeout(self.timeout, waiting).await.is_err() {
            tracing::warn!(connections = self.active.get(), "drain time-out: connections are cut");
        }
        if let Some(mut settled) = self.settled.clone() {
            // Late or gone: what it had to do is not worth a longer wait.
            let _ = tokio::time::timeout(SETTLE, settled.wait_for(|settled| *settled)).await;
        }
        tracing::info!("drained");
    }
}

#[async_trait]
impl ShutdownSignalWatch for Drain {
    /// SIGTERM drains; SIGINT, or a second signal, stops at once. After our own drain pingora has nothing left to wait
    /// for, so it is always told to stop fast.
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("signals cannot be watched; the process only ends by SIGKILL");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
            _ = terminate.recv() => {}
        }
        tokio::select! {
            () = self.run() => {}
            () = any(&mut terminate, &mut interrupt) => tracing::warn!("second signal: not waiting any longer"),
        }
        ShutdownSignal::FastShutdown
    }
}

async fn any(first: &mut Signal, second: &mut Signal) {
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}
