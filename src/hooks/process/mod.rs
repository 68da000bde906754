//! Hooks in worker processes: the default, because whatever a hook does costs one process and nothing else.
//!
//! A worker is this very program, started anew (never forked: a fork of a process with threads holds locks that nobody
//! will release) with an empty environment, a socket as its standard input and a pipe as its output, in a process group
//! of its own. It has one call at a time. Killing the group is the only way to stop a hook for certain, so that is what
//! ends a call that takes too long.

mod actor;
pub(crate) mod child;
mod output;
mod worker;

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::plan::{Plan, Planned, Refusals, Text};
use crate::queue::Queue;
use crate::settings::Settings;
use worker::{LoadError, Worker};

/// What it takes to start workers.
#[derive(Debug, Clone)]
pub(crate) struct Office {
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) hidden: Arc<[String]>,
}

/// Loads what can be loaded: of each hook the first text that loads. A hook that ends its worker, or does not come to an
/// end, is one that does not load; what comes after it starts again with another worker.
///
/// Returns the plan with why texts were passed over.
///
/// # Errors
/// No worker can be started at all.
pub(crate) async fn plan(office: &Office, wanted: &[Vec<Text>]) -> Result<(Plan, Refusals), String> {
    let mut refused = Refusals::new();
    loop {
        let mut worker = Worker::start(office).await?;
        if let Some(hooks) = load_all(&mut worker, office, wanted, &mut refused).await {
            return Ok((Plan { hooks }, refused));
        }
    }
}

/// `None` when the worker is lost to a text, which is among those refused then.
async fn load_all(
    worker: &mut Worker,
    office: &Office,
    wanted: &[Vec<Text>],
    refused: &mut Refusals,
) -> Option<Vec<Planned>> {
    let mut hooks = Vec::new();
    for texts in wanted {
        for text in texts {
            if refused.contains_key(&text.revision) {
                continue;
            }
            let loaded = worker.load(text, office.settings.load_timeout).await;
            let is_lost = matches!(loaded, Err(LoadError::Lost(_)));
            let planned = match loaded {
                Ok(declaration) => Planned::new(text.clone(), declaration),
                Err(LoadError::Refused(why) | LoadError::Lost(why)) => Err(why),
            };
            match planned {
                Ok(planned) => {
                    hooks.push(planned);
                    break;
                }
                Err(why) => refused.insert(text.revision, why),
            };
            if is_lost {
                return None;
            }
        }
    }
    Some(hooks)
}

/// Starts the workers of a crew. They end when its queue is closed.
///
/// # Errors
/// One of them does not start, or does not load what another one has loaded: then none is left.
pub(crate) async fn hire(office: &Office, plan: &Arc<Plan>, queue: &Arc<Queue>) -> Result<(), String> {
    if plan.hooks.is_empty() {
        return Ok(()); // nobody will ask anything
    }
    let mut starting = JoinSet::new();
    for _ in 0..office.settings.workers() {
        let (office, plan) = (office.clone(), Arc::clone(plan));
        starting.spawn(async move { Worker::ready(&office, &plan).await });
    }
    let mut workers = Vec::new();
    while let Some(worker) = starting.join_next().await {
        workers.push(worker.map_err(|error| error.to_string())??);
    }
    // one: there is a spare beside each crew
    let (sender, spares) = mpsc::channel(1);
    let spares = Arc::new(Mutex::new(spares));
    for worker in workers {
        tokio::spawn(actor::serve(worker, Arc::clone(queue), Arc::clone(&spares), Arc::clone(&office.metrics)));
    }
    tokio::spawn(actor::keep_spare(office.clone(), Arc::clone(plan), sender));
    Ok(())
}
