//! Hooks in threads of the gateway: for whoever trades safety for speed.
//!
//! A call costs less than half of one in a worker process. But nothing can stop a thread: one that spins in Python is
//! interrupted, one that waits is abandoned and replaced (within a limit), one that never leaves C code stops all hooks,
//! and one that crashes or exits takes the gateway with it.

mod seat;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pyo3::Python;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::log::Log;
use crate::metrics::Metrics;
use crate::outcome::{Answer, NoAnswer};
use crate::plan::{Plan, Planned, Refusal, Refusals, Text};
use crate::python::{self, Engine, LoadedHook, output, thread_number};
use crate::queue::Queue;
use crate::settings::{MAX_REPLACEMENTS, STACK_BYTES, Settings};
use crate::wire::Call;
use seat::{Seat, Supervisor};

/// Lines on their way to the log. What does not fit is dropped: a hook that prints must not wait for the log.
const MAX_LINES: usize = 1_024;

/// The threads of a process: what they share.
#[derive(Debug)]
pub(crate) struct Office {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    engine: &'static Engine,
    supervisor: &'static Supervisor,
    /// Threads that have been abandoned and have not ended.
    stuck: AtomicUsize,
    /// The plan whose names the log uses.
    named: arc_swap::ArcSwap<Plan>,
}

/// What the threads of one crew share. The last of them lets go of the modules.
#[derive(Debug)]
struct Crew {
    office: Arc<Office>,
    hooks: Vec<LoadedHook>,
    queue: Arc<Queue>,
    /// Threads that were abandoned and have not been replaced.
    missing: AtomicUsize,
}

/// Loaded modules, on their way from the thread that loads to a crew.
pub(crate) type Modules = Vec<LoadedHook>;

/// Starts Python in this process.
///
/// # Errors
/// It does not start, or there is no thread to be had.
pub(crate) fn open(
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    hidden: Arc<[String]>,
) -> Result<Arc<Office>, String> {
    let engine = python::start(&settings.environment)?;
    let supervisor = Supervisor::start(engine)?;
    let (stuck, named) = (AtomicUsize::new(0), arc_swap::ArcSwap::default());
    let office = Arc::new(Office { settings, metrics, engine, supervisor, stuck, named });
    log_lines(&office, hidden).map_err(|error| error.to_string())?;
    Ok(office)
}

/// The log may wait for a slow terminal; hooks may not wait for the log. So it has a thread.
fn log_lines(office: &Arc<Office>, hidden: Arc<[String]>) -> std::io::Result<()> {
    let (sender, lines) = std::sync::mpsc::sync_channel::<output::Record>(MAX_LINES);
    output::set_sink(Box::new(move |record| {
        let _ = sender.try_send(record);
    }));
    let office = Arc::downgrade(office);
    thread::Builder::new().name("osp-hook-log".to_owned()).spawn(move || {
        let mut log = Log::new(hidden);
        for record in lines {
            let plan = office.upgrade().map(|office| office.named.load_full()).unwrap_or_default();
            log.write(plan.name(record.hook), &record);
        }
    })?;
    Ok(())
}

/// Loads what can be loaded: of each hook the first text that loads, each in a thread that may hang.
///
/// # Errors
/// There is no thread to be had.
pub(crate) async fn plan(office: &Arc<Office>, wanted: &[Vec<Text>]) -> Result<(Plan, Modules, Refusals), String> {
    let (mut plan, mut modules, mut refused) = (Plan::default(), Modules::new(), Refusals::new());
    for texts in wanted {
        for text in texts {
            let number = u32::try_from(modules.len()).ok();
            let why = match load(office, text.clone(), number).await? {
                Ok((module, planned)) => {
                    modules.push(module);
                    plan.hooks.push(planned);
                    break;
                }
                Err(why) => why,
            };
            refused.insert(text.revision, why);
        }
    }
    Ok((plan, modules, refused))
}

/// The inner error is the text's.
async fn load(
    office: &Arc<Office>,
    text: Text,
    number: Option<u32>,
) -> Result<Result<(LoadedHook, Planned), Refusal>, String> {
    let (reply, loaded) = oneshot::channel();
    let within = office.settings.load_timeout;
    let office = Arc::clone(office);
    let loading = move || {
        Python::attach(|py| {
            let seat = Arc::new(Seat::new(thread_number(py), None));
            seat.begin(within, None);
            office.supervisor.watch(&seat);
            office.supervisor.wake();
            output::set_hook(number);
            let loaded = office.engine.load(py, (text.id.as_str(), &text.path), &text.text);
            output::set_hook(None);
            // late or not: whoever waited knows, and this thread ends in any case
            let _ = seat.end();
            let planned = loaded
                .map_err(Refusal::new)
                .and_then(|(module, declaration)| Planned::new(text, declaration).map(|planned| (module, planned)));
            let _ = reply.send(planned);
            seat.leave();
        });
    };
    let spawned = thread::Builder::new().name("osp-hook-load".to_owned()).stack_size(STACK_BYTES).spawn(loading);
    spawned.map_err(|error| error.to_string())?;
    Ok(match timeout(within, loaded).await {
        Ok(loaded) => loaded.unwrap_or_else(|_| Err(Refusal::new("the thread that loads it ended".to_owned()))),
        Err(_) => Err(Refusal::late(within)),
    })
}

/// Lets go of modules that no crew needs, in a thread that may wait for Python.
///
/// # Errors
/// There is no thread to be had.
pub(crate) fn retire(office: &Arc<Office>, modules: Modules) -> Result<(), String> {
    let engine = office.engine;
    let retire = move || Python::attach(|py| engine.retire(py, modules));
    let spawned = thread::Builder::new().name("osp-hook-retire".to_owned()).spawn(retire);
    spawned.map(drop).map_err(|error| error.to_string())
}

/// Starts the threads of a crew. They end when its queue is closed.
///
/// # Errors
/// There is no thread to be had.
pub(crate) fn hire(office: &Arc<Office>, plan: &Arc<Plan>, hooks: Modules, queue: &Arc<Queue>) -> Result<(), String> {
    office.named.store(Arc::clone(plan));
    if plan.hooks.is_empty() {
        return Ok(()); // nobody will ask anything
    }
    let crew =
        Arc::new(Crew { office: Arc::clone(office), hooks, queue: Arc::clone(queue), missing: AtomicUsize::new(0) });
    for _ in 0..office.settings.workers() {
        spawn(&crew).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn spawn(crew: &Arc<Crew>) -> std::io::Result<()> {
    let crew = Arc::clone(crew);
    let work = move || Python::attach(|py| work(py, crew));
    thread::Builder::new().name("osp-hook".to_owned()).stack_size(STACK_BYTES).spawn(work).map(drop)
}

/// One thread. It stays attached for its life, so that a hook's `threading.local` lives as long, and lets go of Python's
/// lock while it waits.
fn work(py: Python<'_>, crew: Arc<Crew>) {
    let owner = Arc::downgrade(&crew);
    let on_abandoned = Box::new(move || {
        if let Some(crew) = owner.upgrade() {
            crew.replace();
        }
    });
    let seat = Arc::new(Seat::new(thread_number(py), Some(on_abandoned)));
    crew.office.supervisor.watch(&seat);
    while let Some((job, ticket)) = py.detach(|| crew.queue.take_blocking()) {
        seat.begin(job.budget, Some(ticket));
        crew.office.supervisor.wake();
        let answer = crew.answer(py, &job.call);
        let is_in_time = seat.end();
        // what an abandoned thread says is that it was interrupted; the caller may not have heard yet that it is late.
        // A caller who has gone does not want to know.
        let _ = job.reply.send(if is_in_time { answer } else { Answer::NoAnswer(NoAnswer::Timeout) });
        if !is_in_time {
            crew.return_of_abandoned();
            break;
        }
    }
    seat.leave();
    if let Some(crew) = Arc::into_inner(crew) {
        crew.office.engine.retire(py, crew.hooks);
    }
}

impl Crew {
    fn answer(&self, py: Python<'_>, call: &Call) -> Answer {
        let Some(hook) = usize::try_from(call.hook).ok().and_then(|at| self.hooks.get(at)) else {
            return Answer::NoAnswer(NoAnswer::NoHook);
        };
        output::set_hook(Some(call.hook));
        let answer = self.office.engine.ask(py, hook, call.callable, &call.values);
        output::set_hook(None);
        answer
    }

    /// A thread has been abandoned: starts another one in its place, within the limit.
    fn replace(self: &Arc<Self>) {
        self.office.metrics.worker_lost();
        let stuck = self.office.stuck.fetch_add(1, Ordering::Relaxed);
        if stuck >= MAX_REPLACEMENTS || spawn(self).is_err() {
            tracing::error!(stuck, "a hook thread hangs and is not replaced any more");
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An abandoned thread has come back and ends. If nothing took its place, now something does.
    fn return_of_abandoned(self: &Arc<Self>) {
        self.office.stuck.fetch_sub(1, Ordering::Relaxed);
        let was_missing =
            self.missing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |missing| missing.checked_sub(1)).is_ok();
        if was_missing && spawn(self).is_err() {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }
}
