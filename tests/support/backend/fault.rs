//! Misbehaviour on command.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::answer::Answer;
use super::wire::{Head, Wire};
use crate::connection::PATIENCE;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers as soon as the head is there, then reads the body and drops it.
    EarlyAnswer(Answer),
    /// Reads this many bytes of the body, then RST.
    ResetAfter(usize),
    /// Reads the request, closes without an answer.
    CloseUnanswered,
    /// Reads the request and answers this, without doing anything.
    Instead(Answer),
    /// Does what was asked and waits before it answers.
    Late(Duration),
    /// Does what was asked; the body of the answer drips: pieces of so many bytes with a pause after each.
    Drip(usize, Duration),
    /// Does what was asked and sends so many bytes of the answer's body; the others when the latch is lifted.
    Hold(usize, Latch),
    /// Announces the whole body, sends so many bytes of it and closes.
    Truncate(usize),
    /// Answers with these bytes and closes.
    Raw(Vec<u8>),
    /// Sends so many `102 Processing` before the regular answer.
    Interim(usize),
    /// Adds these headers to the regular answer.
    Leak(Vec<(String, String)>),
}

/// Keeps something back until a test has seen what it waits for.
#[derive(Debug, Clone, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    /// Lets go, now and for ever.
    pub fn lift(&self) {
        let (is_lifted, changed) = &*self.0;
        *is_lifted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Not longer than a test would wait.
    fn wait(&self) {
        let (is_lifted, changed) = &*self.0;
        let is_lifted = is_lifted.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = changed.wait_timeout_while(is_lifted, PATIENCE, |is_lifted| !*is_lifted);
    }
}

/// Applies a fault to requests.
#[derive(Debug, Clone)]
pub struct Rule {
    method: Option<&'static str>,
    target: String,
    times: usize,
    fault: Fault,
}

impl Rule {
    /// For every request whose raw target contains `target`.
    #[must_use]
    pub fn new(target: &str, fault: Fault) -> Self {
        Self { method: None, target: target.to_owned(), times: usize::MAX, fault }
    }

    /// Only for this method.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
}

pub(super) fn pick(rules: &mut [Rule], head: &Head) -> Option<Fault> {
    let rule = rules.iter_mut().find(|rule| {
        rule.times > 0 && head.target.contains(&rule.target) && rule.method.is_none_or(|method| method == head.method)
    })?;
    rule.times -= 1;
    Some(rule.fault.clone())
}

/// Answers a request whose body has been read; `false` ends the connection.
pub(super) fn perform<S: io::Read + io::Write>(
    fault: Fault,
    wire: &mut Wire<S>,
    head: &Head,
    normal: impl FnOnce() -> Answer,
) -> io::Result<bool> {
    let to_head = head.method == "HEAD";
    match fault {
        Fault::EarlyAnswer(_) | Fault::ResetAfter(_) | Fault::CloseUnanswered => return Ok(false),
        Fault::Instead(answer) => wire.write(&answer.bytes(to_head))?,
        Fault::Late(pause) => {
            let answer = normal();
            std::thread::sleep(pause);
            wire.write(&answer.bytes(to_head))?;
        }
        Fault::Drip(piece, pause) => {
            let answer = normal();
            wire.write(&answer.bytes(true))?;
            for part in answer.body.chunks(piece) {
                wire.write(part)?;
                std::thread::sleep(pause);
            }
        }
        Fault::Hold(count, latch) => {
            let answer = normal();
            let (first, rest) = answer.body.split_at(count.min(answer.body.len()));
            wire.write(&answer.bytes(true))?;
            wire.write(first)?;
            latch.wait();
            wire.write(rest)?;
        }
        Fault::Truncate(count) => {
            let mut answer = normal();
            answer.length = Some(answer.body.len());
            answer.body.truncate(count);
            wire.write(&answer.bytes(to_head))?;
            return Ok(false);
        }
        Fault::Raw(bytes) => {
            wire.write(&bytes)?;
            return Ok(false);
        }
        Fault::Interim(count) => {
            wire.write("HTTP/1.1 102 Processing\r\n\r\n".repeat(count).as_bytes())?;
            wire.write(&normal().bytes(to_head))?;
        }
        Fault::Leak(headers) => {
            let mut answer = normal();
            answer.headers.extend(headers);
            wire.write(&answer.bytes(to_head))?;
        }
    }
    Ok(true)
}
