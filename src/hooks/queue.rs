//! Calls that wait for a worker: bounded, and shared fairly. One hook or client never has every worker, nor the whole
//! queue, so a hook that hangs for one client leaves a worker for the others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::outcome::{Answer, NoAnswer};
use crate::wire::Call;

/// One call on its way.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) call: Call,
    /// Whose it is: access key id.
    pub(crate) token: Arc<str>,
    /// When nobody waits for it any more.
    pub(crate) due: Instant,
    /// What it may take once it runs.
    pub(crate) budget: Duration,
    pub(crate) reply: oneshot::Sender<Answer>,
}

impl Job {
    fn is_wanted(&self, now: Instant) -> bool {
        now < self.due && !self.reply.is_closed()
    }
}

/// How many calls may wait and run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Calls that may wait.
    pub(crate) waiting: usize,
    /// Calls of one client that may wait.
    pub(crate) waiting_of_one: usize,
    /// Calls of one hook that may run at once.
    pub(crate) running_of_hook: usize,
    /// Calls of one client that may run at once.
    pub(crate) running_of_one: usize,
}

impl Shares {
    /// With a single hook there is nobody to protect from it but its own other clients, so it may have all workers; a
    /// client may have all but one in any case.
    pub(crate) fn new(queue: usize, workers: usize, hooks: usize) -> Self {
        let all_but_one = workers.saturating_sub(1).max(1);
        Self {
            waiting: queue,
            waiting_of_one: (queue / 4).max(1),
            running_of_hook: if hooks > 1 { all_but_one } else { workers },
            running_of_one: all_but_one,
        }
    }
}

/// The queue of one crew.
#[derive(Debug)]
pub(crate) struct Queue {
    shares: Shares,
    state: Mutex<State>,
    /// Wakes workers that are tasks.
    notify: Notify,
    /// Wakes workers that are threads.
    condvar: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    of_token: HashMap<Arc<str>, Load>,
    running_of_hook: HashMap<u32, usize>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Load {
    waiting: usize,
    running: usize,
}

/// Held while a call runs: its place is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    hook: u32,
    token: Arc<str>,
}

impl Queue {
    pub(crate) fn new(shares: Shares) -> Arc<Self> {
        Arc::new(Self { shares, state: Mutex::default(), notify: Notify::new(), condvar: Condvar::new() })
    }

    /// Puts a call at the end.
    ///
    /// # Errors
    /// [`NoAnswer::Overflow`], [`NoAnswer::Stopped`].
    pub(crate) fn push(&self, job: Job) -> Result<(), NoAnswer> {
        let mut state = self.state();
        if state.closed {
            return Err(NoAnswer::Stopped);
        }
        if state.waiting.len() >= self.shares.waiting {
            state.drop_unwanted();
        }
        let full = state.waiting.len() >= self.shares.waiting;
        let load = state.of_token.entry(Arc::clone(&job.token)).or_default();
        if full || load.waiting >= self.shares.waiting_of_one {
            state.forget(&job.token);
            return Err(NoAnswer::Overflow);
        }
        load.waiting += 1;
        state.waiting.push_back(job);
        drop(state);
        self.wake();
        Ok(())
    }

    /// The next call that may run; `None` when the queue is closed and empty. Nothing is lost when this is dropped.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<(Job, Ticket)> {
        loop {
            let woken = self.notify.notified();
            match self.state().next(self) {
                Next::Job(job) => return Some(*job),
                Next::End => return None,
                Next::Wait => {}
            }
            woken.await;
        }
    }

    /// The same for threads.
    pub(crate) fn take_blocking(self: &Arc<Self>) -> Option<(Job, Ticket)> {
        let mut state = self.state();
        loop {
            match state.next(self) {
                Next::Job(job) => return Some(*job),
                Next::End => return None,
                Next::Wait => state = self.condvar.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// No more calls: workers finish what waits, and end.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.notify.notify_waiters();
        self.notify.notify_one();
        self.condvar.notify_all();
    }

    /// Calls that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.state().waiting.len()
    }

    fn wake(&self) {
        self.notify.notify_one();
        self.condvar.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // nothing in here panics half way through a change
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    Job(Box<(Job, Ticket)>),
    Wait,
    End,
}

impl State {
    /// The first call whose hook and client have a share left.
    fn next(&mut self, queue: &Arc<Queue>) -> Next {
        let now = Instant::now();
        let mut at = 0;
        while let Some(job) = self.waiting.get(at) {
            if !job.is_wanted(now) {
                self.remove(at);
            } else if self.has_share(job, &queue.shares) {
                let Some(job) = self.remove(at) else { break };
                return Next::Job(Box::new(self.run(job, queue)));
            } else {
                at += 1;
            }
        }
        match self.closed && self.waiting.is_empty() {
            true => Next::End,
            false => Next::Wait,
        }
    }

    fn run(&mut self, job: Job, queue: &Arc<Queue>) -> (Job, Ticket) {
        self.of_token.entry(Arc::clone(&job.token)).or_default().running += 1;
        *self.running_of_hook.entry(job.call.hook).or_default() += 1;
        if !self.waiting.is_empty() {
            // two calls may have come with one wake-up
            queue.wake();
        }
        let ticket = Ticket { queue: Arc::clone(queue), hook: job.call.hook, token: Arc::clone(&job.token) };
        (job, ticket)
    }

    fn has_share(&self, job: &Job, shares: &Shares) -> bool {
        let of_hook = self.running_of_hook.get(&job.call.hook).copied().unwrap_or_default();
        let of_one = self.of_token.get(&job.token).map_or(0, |load| load.running);
        of_hook < shares.running_of_hook && of_one < shares.running_of_one
    }

    fn remove(&mut self, at: usize) -> Option<Job> {
        let job = self.waiting.remove(at)?;
        if let Some(load) = self.of_token.get_mut(&job.token) {
            load.waiting = load.waiting.saturating_sub(1);
        }
        self.forget(&job.token);
        Some(job)
    }

    fn drop_unwanted(&mut self) {
        let now = Instant::now();
        let mut at = 0;
        while let Some(job) = self.waiting.get(at) {
            if job.is_wanted(now) {
                at += 1;
            } else {
                self.remove(at);
            }
        }
    }

    /// Keeps nothing of a client that has no call, so that distinct tokens cost no memory.
    fn forget(&mut self, token: &Arc<str>) {
        if self.of_token.get(token).is_some_and(|load| load.waiting + load.running == 0) {
            self.of_token.remove(token);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        if let Some(load) = state.of_token.get_mut(&self.token) {
            load.running = load.running.saturating_sub(1);
        }
        state.forget(&self.token);
        if let Some(running) = state.running_of_hook.get_mut(&self.hook) {
            *running = running.saturating_sub(1);
        }
        let more = !state.waiting.is_empty() || state.closed;
        drop(state);
        if more {
            self.queue.wake();
        }
    }
}

#[cfg(test)]
mod tests;
