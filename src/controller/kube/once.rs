//! The table that `serve --kubernetes` would begin with, for a command that serves nothing: the same watches, until each has
//! told all that there is. No Lease, no status, nothing on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use osp_core::table::{RouteTable, live};
use prometheus::Registry;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::client::{ClientError, Cluster};
use super::follow::{Message, Seen};
use super::following::Following;
use super::metrics::Metrics;
use super::scope::{PATIENCE, Scope};
use super::source::{QUEUE, Source};
use super::{Settings, WallClock};

/// For everything together: a person waits.
const DEADLINE: Duration = Duration::from_secs(30);
// no scope is gone on without before this command has given up
const _: () = assert!(DEADLINE.as_secs() <= PATIENCE.as_secs());
/// After the first answer that no waiting will change; others may be on their way, and all of them are told at once.
const GRACE: Duration = Duration::from_secs(1);

/// Why there is no table. Each text is one line for each part of the cluster that could not be read, or one line.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// There is no client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The API server answered, and would answer the same tomorrow: no permission, not who is known there, no such kind.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// Not everything came in time.
    #[error("the cluster could not be read in time\n{}", .0.join("\n"))]
    Late(Vec<String>),
    /// A part of OSP has ended that must not.
    #[error("the reading of the cluster ended: {0}")]
    Ended(String),
}

/// Reads the cluster once, with the rights of whoever asks. Of `settings`, what writes anything is ignored.
///
/// # Errors
/// As [`OnceError`] says. Never a table of a part of what was asked for (with `Named`: of what a process would watch).
pub async fn once(cluster: Cluster, settings: Settings, wall: WallClock) -> Result<Arc<RouteTable>, OnceError> {
    read(cluster.client()?, settings, wall).await
}

/// The same over a client that exists.
pub(super) async fn read(client: Client, settings: Settings, wall: WallClock) -> Result<Arc<RouteTable>, OnceError> {
    let ended = |why: &dyn std::fmt::Display| OnceError::Ended(why.to_string());
    let metrics = Metrics::register(&Registry::new()).map_err(|why| ended(&why))?;
    let (publisher, table) = live();
    let settings = Settings { statuses: None, snapshot_dir: None, ..settings };
    let source = Source::new(settings, publisher, metrics, wall);
    let (messages, mut inbox) = mpsc::channel(QUEUE);
    let mut following = Following::new(source, client, Arc::default(), messages);
    let mut failures = Failures { known: BTreeMap::new(), deadline: Instant::now() + DEADLINE };
    loop {
        let due = following.due();
        tokio::select! {
            Some(message) = inbox.recv() => {
                failures.hear(&message);
                following.hear(message);
            }
            () = sleep_until(due.unwrap_or(failures.deadline)), if due.is_some() => {
                following.rebuild().await;
                return table.pin().ok_or_else(|| ended(&"no table"));
            }
            () = sleep_until(failures.deadline) => return Err(failures.into_error()),
        }
    }
}

/// What each watch failed with last, while it fails.
struct Failures {
    known: BTreeMap<Scope, (Option<u16>, String)>,
    deadline: Instant,
}

impl Failures {
    fn hear(&mut self, Message { scope, seen, .. }: &Message) {
        match seen {
            Seen::Failed { status, message } => {
                if is_final(*status) {
                    self.deadline = self.deadline.min(Instant::now() + GRACE);
                }
                self.known.insert(scope.clone(), (*status, message.clone()));
            }
            Seen::InitDone | Seen::Opened(200..300) => drop(self.known.remove(scope)),
            _ => {}
        }
    }

    fn into_error(self) -> OnceError {
        let (refused, others): (Vec<_>, Vec<_>) =
            self.known.into_iter().partition(|(_, (status, _))| is_final(*status));
        let lines = |failures: Vec<(Scope, (Option<u16>, String))>| {
            failures.into_iter().map(|(scope, (_, message))| format!("{scope}: {message}")).collect::<Vec<_>>()
        };
        if refused.is_empty() { OnceError::Late(lines(others)) } else { OnceError::Refused(lines(refused)) }
    }
}

/// Unauthorized, Forbidden, and no such resource: its CRD is missing.
fn is_final(status: Option<u16>) -> bool {
    matches!(status, Some(401 | 403 | 404))
}
