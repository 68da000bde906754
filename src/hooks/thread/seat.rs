//! Threads that run hooks, and the one that watches them: it abandons those that take too long, and interrupts them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::Python;

use crate::python::Engine;
use crate::queue::Ticket;

/// How often busy threads are looked at; a call is abandoned that much too late at most.
const TICK: Duration = Duration::from_millis(10);
/// How often an abandoned thread is interrupted at first: it may catch what is raised.
const INTERRUPT: Duration = Duration::from_millis(20);
/// And later, when it has caught, or not heard, that many.
const MANY: u32 = 50;
/// How often then.
const RARELY: Duration = Duration::from_secs(1);

/// What a thread does when it is abandoned: it sees to its replacement.
type OnAbandoned = Box<dyn Fn() + Send + Sync>;

/// One thread that runs hooks.
pub(super) struct Seat {
    /// As Python numbers threads.
    thread: u64,
    on_abandoned: Option<OnAbandoned>,
    /// Taken with and without Python's lock held; nobody waits for Python's lock while holding this one.
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    /// The call's share in the queue is kept here, so that abandoning gives it back.
    Busy {
        until: Instant,
        ticket: Option<Ticket>,
    },
    Abandoned {
        interrupts: u32,
    },
    Left,
}

/// What the supervisor sees of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Idle,
    Busy,
    Late,
    Abandoned { often: bool },
    Left,
}

impl Seat {
    pub(super) fn new(thread: u64, on_abandoned: Option<OnAbandoned>) -> Self {
        Self { thread, on_abandoned, state: Mutex::new(State::Idle) }
    }

    /// Python begins to run.
    pub(super) fn begin(&self, budget: Duration, ticket: Option<Ticket>) {
        *self.state() = State::Busy { until: Instant::now() + budget, ticket };
    }

    /// Python has returned. Call it attached: then no interruption is on its way to whatever comes next. False when the
    /// thread has been abandoned, and has to end.
    #[must_use]
    pub(super) fn end(&self) -> bool {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Idle) {
            State::Busy { ticket, .. } => {
                drop(state);
                drop(ticket);
                true
            }
            _ => false,
        }
    }

    /// The thread ends.
    pub(super) fn leave(&self) {
        *self.state() = State::Left;
    }

    fn look(&self, now: Instant) -> Look {
        match &*self.state() {
            State::Idle => Look::Idle,
            State::Busy { until, .. } if *until <= now => Look::Late,
            State::Busy { .. } => Look::Busy,
            State::Abandoned { interrupts } => Look::Abandoned { often: *interrupts < MANY },
            State::Left => Look::Left,
        }
    }

    /// Gives up on a call that is late, unless it has just ended.
    fn abandon(&self, now: Instant) {
        let mut state = self.state();
        let State::Busy { until, ticket } = &mut *state else { return };
        if *until > now {
            return;
        }
        let ticket = ticket.take();
        *state = State::Abandoned { interrupts: 0 };
        drop(state);
        drop(ticket);
        if let Some(on_abandoned) = &self.on_abandoned {
            on_abandoned();
        }
    }

    fn interrupt(&self, py: Python<'_>, engine: &Engine) {
        if let State::Abandoned { interrupts } = &mut *self.state() {
            *interrupts = interrupts.saturating_add(1);
            engine.interrupt(py, self.thread);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that watches: one in a process.
#[derive(Debug)]
pub(super) struct Supervisor {
    watch: Arc<Watch>,
    thread: Thread,
}

#[derive(Default)]
struct Watch {
    seats: Mutex<Vec<Arc<Seat>>>,
    /// It waits until somebody says that a call has begun. Otherwise it looks by itself, and costs a call nothing.
    is_asleep: AtomicBool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("is_asleep", &self.is_asleep).finish_non_exhaustive()
    }
}

static SUPERVISOR: OnceLock<Result<Supervisor, String>> = OnceLock::new();

impl Supervisor {
    /// Starts it, unless it runs already.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(engine: &'static Engine) -> Result<&'static Self, String> {
        let start = || {
            let watch = Arc::new(Watch::default());
            let seen = Arc::clone(&watch);
            let thread = thread::Builder::new().name("osp-hook-watch".to_owned()).spawn(move || seen.supervise(engine));
            let thread = thread.map_err(|error| error.to_string())?.thread().clone();
            Ok(Self { watch, thread })
        };
        SUPERVISOR.get_or_init(start).as_ref().map_err(Clone::clone)
    }

    /// From now on this seat is looked at.
    pub(super) fn watch(&self, seat: &Arc<Seat>) {
        self.watch.seats().push(Arc::clone(seat));
    }

    /// A call has begun somewhere.
    pub(super) fn wake(&self) {
        if self.watch.is_asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}

impl Watch {
    fn seats(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn supervise(&self, engine: &Engine) {
        let mut interrupted = Instant::now();
        loop {
            let wait = self.look(engine, &mut interrupted);
            match wait {
                Some(wait) => thread::park_timeout(wait),
                None => {
                    self.is_asleep.store(true, Ordering::SeqCst);
                    // whoever began between the look and the line above saw nobody asleep
                    if self.is_anyone_busy() {
                        self.is_asleep.store(false, Ordering::SeqCst);
                    } else {
                        thread::park();
                    }
                }
            }
        }
    }

    /// One round; returns when the next one is due.
    fn look(&self, engine: &Engine, interrupted: &mut Instant) -> Option<Duration> {
        let now = Instant::now();
        let seats = {
            let mut seats = self.seats();
            seats.retain(|seat| seat.look(now) != Look::Left);
            seats.clone()
        };
        seats.iter().filter(|seat| seat.look(now) == Look::Late).for_each(|seat| seat.abandon(now));
        let looks: Vec<Look> = seats.iter().map(|seat| seat.look(now)).collect();
        let every =
            match (looks.contains(&Look::Abandoned { often: true }), looks.contains(&Look::Abandoned { often: false }))
            {
                (true, _) => Some(INTERRUPT),
                (false, true) => Some(RARELY),
                (false, false) => None,
            };
        if let Some(every) = every
            && interrupted.elapsed() >= every
        {
            *interrupted = now;
            // may wait for Python's lock: as long as nobody gets it, there is nobody else to watch
            Python::attach(|py| seats.iter().for_each(|seat| seat.interrupt(py, engine)));
        }
        let is_busy = looks.iter().any(|look| matches!(look, Look::Busy | Look::Late));
        is_busy.then_some(TICK).or(every)
    }

    fn is_anyone_busy(&self) -> bool {
        let now = Instant::now();
        self.seats().iter().any(|seat| matches!(seat.look(now), Look::Busy | Look::Late))
    }
}
