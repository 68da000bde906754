//! A worker process, from outside.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Office;
use super::child::ARGUMENT;
use super::output;
use crate::outcome::Answer;
use crate::plan::{Plan, Refusal, Text};
use crate::settings::Settings;
use crate::wire::{Call, Declaration, FromWorker, ToWorker, exchange, frame};

/// A worker whose socket is closed is about to be gone; one that is not is killed.
const GONE: Duration = Duration::from_millis(50);

/// A running worker. Dropping it kills it with everything that it has started.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Number of its process group, which is its own number.
    group: Option<Pid>,
    socket: UnixStream,
    body: Vec<u8>,
    calls: u64,
}

/// Why a text is not loaded.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// It is no hook.
    Refused(Refusal),
    /// It has ended the worker, or did not come to an end.
    Lost(Refusal),
}

impl Worker {
    /// Starts one with Python and without hooks.
    pub(crate) async fn start(office: &Office) -> Result<Self, String> {
        Self::start_with(office, Arc::default()).await
    }

    /// Starts one that has loaded a plan.
    pub(crate) async fn ready(office: &Office, plan: &Arc<Plan>) -> Result<Self, String> {
        let mut worker = Self::start_with(office, Arc::clone(plan)).await?;
        for hook in &plan.hooks {
            let id = &hook.text.id;
            match worker.load(&hook.text, office.settings.load_timeout).await {
                Ok(declaration) if declaration == hook.declaration => {}
                Ok(_) => return Err(format!("{id}: declares something else each time that it is loaded")),
                Err(LoadError::Refused(why) | LoadError::Lost(why)) => return Err(format!("{id}: {}", why.why)),
            }
        }
        Ok(worker)
    }

    async fn start_with(office: &Office, plan: Arc<Plan>) -> Result<Self, String> {
        let settings = &office.settings;
        let (mut worker, lines) = spawn(settings).map_err(|error| format!("a worker cannot be started: {error}"))?;
        tokio::spawn(output::follow(lines, plan, Arc::clone(&office.hidden)));
        let environment = settings.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let setup = ToWorker::Setup { memory: settings.memory, environment };
        match timeout(settings.load_timeout, worker.ask(&setup)).await {
            Ok(Ok(FromWorker::Ready(ready))) => ready.map(|()| worker),
            Ok(Ok(_)) => Err("a worker says something else than that it is ready".to_owned()),
            Ok(Err(_)) => Err(format!("a worker ends at once: {}", worker.ended().await)),
            Err(_) => Err("a worker does not get ready".to_owned()),
        }
    }

    /// Loads one more text.
    pub(crate) async fn load(&mut self, text: &Text, within: Duration) -> Result<Declaration, LoadError> {
        let Text { id, path, text, .. } = text;
        let load = ToWorker::Load { name: id.to_string(), path: path.clone(), text: Arc::clone(text) };
        match timeout(within, self.ask(&load)).await {
            Ok(Ok(FromWorker::Loaded(loaded))) => loaded.map_err(|why| LoadError::Refused(Refusal::new(why))),
            Ok(Ok(_)) => Err(LoadError::Lost(Refusal::new("the worker answers something else".to_owned()))),
            Ok(Err(_)) => {
                let how = self.ended().await;
                Err(LoadError::Lost(Refusal::new(format!("loading it ends the worker: {how}"))))
            }
            Err(_) => Err(LoadError::Lost(Refusal::late(within))),
        }
    }

    /// Asks a hook. An error, or the end of waiting for it, leaves a worker that is good for nothing.
    pub(crate) async fn call(&mut self, call: &Call) -> std::io::Result<Answer> {
        self.calls += 1;
        match self.ask(&ToWorker::Call { number: self.calls, call: call.clone() }).await? {
            FromWorker::Answer { number, answer } if number == self.calls => Ok(answer),
            _ => Err(std::io::ErrorKind::InvalidData.into()),
        }
    }

    async fn ask(&mut self, what: &ToWorker) -> std::io::Result<FromWorker> {
        exchange(&mut self.socket, &frame(what)?, &mut self.body).await
    }

    /// Returns when the process is gone. Nothing is lost when this is dropped.
    pub(crate) async fn died(&mut self) -> String {
        self.child.wait().await.map_or_else(|error| error.to_string(), described)
    }

    /// How the process ended; ends it if it has not.
    pub(crate) async fn ended(&mut self) -> String {
        match timeout(GONE, self.died()).await {
            Ok(how) => how,
            Err(_) => {
                self.kill();
                "it broke off the conversation".to_owned()
            }
        }
    }

    /// Kills the whole group, because what a hook has started would stay.
    pub(crate) fn kill(&mut self) {
        // the number is the group's as long as anything of it is there; after that it is asked for once, now
        if let Some(group) = self.group.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(settings: &Settings) -> std::io::Result<(Worker, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (lines, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let child = Command::new(&settings.program)
        .arg(ARGUMENT)
        .env_clear()
        // glibc would reserve 64 MiB of the memory limit for every thread of a hook
        .env("MALLOC_ARENA_MAX", "1")
        .envs(&settings.environment)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(writer.try_clone()?))
        .stderr(Stdio::from(writer))
        .process_group(0)
        .spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok((Worker { child, group, socket: UnixStream::from_std(ours)?, body: Vec::new(), calls: 0 }, lines))
}

fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "in an unknown way".to_owned(),
    }
}
