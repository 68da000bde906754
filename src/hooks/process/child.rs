//! A worker process, from inside.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use pyo3::prelude::{PyAnyMethods, PyResult, Python};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, Signal, kill_current_process_group, setrlimit};
use rustix::stdio;

use super::output::line;
use crate::outcome::{Answer, NoAnswer};
use crate::python::{self, Engine, LoadedHook, output};
use crate::wire::{Call, FromWorker, ToWorker, read, write};

/// The argument that makes this program a worker.
pub(crate) const ARGUMENT: &str = "--hook-worker";
/// File descriptors of ours start here: hooks may use the small ones as they like.
const FIRST_OWN_FD: i32 = 10;
/// Half way to "first of all".
const OOM_SCORE: &str = "500";
/// Stacks of threads that hooks start: they count against the memory limit as soon as they are mapped, and by glibc's
/// default of 8 MiB thirty-two sleeping threads would use it up. This is what Python itself uses on musl; a hook that
/// needs more says so by `threading.stack_size`.
const HOOK_THREAD_STACK_BYTES: usize = 1 << 20;
/// The thread that waits for the parent's end needs next to nothing.
const WATCH_STACK_BYTES: usize = 64 << 10;

/// Call this first in `main`: when the process was started as a hook worker, it serves until its parent closes the socket,
/// and the process has to end with what is returned. `None` when it is no worker.
#[must_use]
pub fn serve_if_worker() -> Option<ExitCode> {
    let is_worker = std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT);
    is_worker.then(|| match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // read by the parent as a raw line
            let _ = writeln!(io::stderr(), "hook worker: {error}");
            ExitCode::FAILURE
        }
    })
}

fn serve() -> io::Result<()> {
    let mut socket = isolate()?;
    let Some(ToWorker::Setup { memory, environment }) = read(&mut socket)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    limit_memory(memory)?;
    print_to_parent()?;
    let environment: BTreeMap<_, _> = environment.into_iter().collect();
    match python::start(&environment) {
        Err(why) => write(&mut socket, &FromWorker::Ready(Err(why))),
        Ok(engine) => Python::attach(|py| {
            let ready = limit_stacks(py).map_err(|error| error.to_string());
            let is_ready = ready.is_ok();
            write(&mut socket, &FromWorker::Ready(ready))?;
            if is_ready { answer(py, engine, &mut socket) } else { Ok(()) }
        }),
    }
}

/// Leaves nothing of the parent's in reach but the socket, which no hook finds under a small number and no child of a
/// hook inherits.
fn isolate() -> io::Result<UnixStream> {
    close_inherited()?;
    // when memory is short, a worker goes before the gateway; where this may not be written, the kernel chooses
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let socket: OwnedFd = fcntl_dupfd_cloexec(stdio::stdin(), FIRST_OWN_FD)?;
    stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    let watched = fcntl_dupfd_cloexec(&socket, FIRST_OWN_FD)?;
    std::thread::Builder::new()
        .name("osp-parent".to_owned())
        .stack_size(WATCH_STACK_BYTES)
        .spawn(move || leave_with_parent(&watched))?;
    Ok(UnixStream::from(socket))
}

/// The parent opens everything close-on-exec, but it may have inherited others itself.
#[expect(unsafe_code, reason = "closing by number")]
fn close_inherited() -> io::Result<()> {
    let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // SAFETY: the process has just begun, has one thread, and owns nothing above 2. The directory that was read is
        // closed already: closing it again fails.
        let _ = unsafe { rustix::io::try_close(number) };
    }
    Ok(())
}

/// A hook that hangs would outlive a gateway that was killed: this does not wait for it.
fn leave_with_parent(socket: &OwnedFd) {
    loop {
        let mut sockets = [PollFd::new(socket, PollFlags::RDHUP)];
        let _ = poll(&mut sockets, None);
        let [socket] = sockets;
        if socket.revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR) {
            let _ = kill_current_process_group(Signal::KILL);
        }
    }
}

/// Above what is mapped already: allocators reserve address space before `main`, and a limit below that would end it.
fn limit_memory(budget: u64) -> io::Result<()> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or_default();
    let size = u64::try_from(rustix::param::page_size()).unwrap_or(4_096);
    let limit = Some(pages.saturating_mul(size).saturating_add(budget));
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit })?;
    Ok(())
}

/// Of threads that Python starts from now on.
fn limit_stacks(py: Python<'_>) -> PyResult<()> {
    py.import("_thread")?.call_method1("stack_size", (HOOK_THREAD_STACK_BYTES,)).map(drop)
}

/// Each line is one write, so those of several threads do not mix.
fn print_to_parent() -> io::Result<()> {
    let pipe = std::fs::File::from(fcntl_dupfd_cloexec(stdio::stderr(), FIRST_OWN_FD)?);
    output::set_sink(Box::new(move |record| {
        // a parent that has gone ends this process soon
        let _ = (&pipe).write(&line(&record));
    }));
    Ok(())
}

fn answer(py: Python<'_>, engine: &Engine, socket: &mut UnixStream) -> io::Result<()> {
    let mut hooks = Vec::new();
    let own = std::process::id();
    while let Some(frame) = py.detach(|| read(socket))? {
        let reply = match frame {
            ToWorker::Load { name, path, text } => {
                FromWorker::Loaded(load(py, engine, (&name, &path, &text), &mut hooks))
            }
            ToWorker::Call { number, call } => FromWorker::Answer { number, answer: ask(py, engine, &hooks, &call) },
            ToWorker::Setup { .. } => return Err(io::ErrorKind::InvalidData.into()),
        };
        if std::process::id() != own {
            // a hook has forked: this is the copy, and the answer is the other one's
            return Ok(());
        }
        write(socket, &reply)?;
    }
    Ok(())
}

fn load(
    py: Python<'_>,
    engine: &Engine,
    (name, path, text): (&str, &str, &str),
    hooks: &mut Vec<LoadedHook>,
) -> Result<crate::wire::Declaration, String> {
    output::set_hook(u32::try_from(hooks.len()).ok());
    let loaded = engine.load(py, (name, path), text);
    output::set_hook(None);
    let (hook, declaration) = loaded?;
    hooks.push(hook);
    Ok(declaration)
}

fn ask(py: Python<'_>, engine: &Engine, hooks: &[LoadedHook], call: &Call) -> Answer {
    let Some(hook) = usize::try_from(call.hook).ok().and_then(|at| hooks.get(at)) else {
        return Answer::NoAnswer(NoAnswer::NoHook);
    };
    output::set_hook(Some(call.hook));
    let answer = engine.ask(py, hook, call.callable, &call.values);
    output::set_hook(None);
    answer
}
