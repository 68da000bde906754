//! What can be set, and the limits that cannot.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

/// A worker's inputs or answer. The largest question is a `DeleteObjects` of 1,000 keys of 1,024 bytes, the largest text
/// of a hook is a `ConfigMap` of 1 MiB.
pub(crate) const MAX_FRAME_BYTES: usize = 4 << 20;
/// A hook's file: what a `ConfigMap` can hold.
pub(crate) const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Files in the directory. Every worker holds them all.
pub(crate) const MAX_HOOKS: usize = 256;
/// No call is killed earlier than this after it began, however short its caller's deadline: a deadline of a millisecond
/// would otherwise kill healthy workers for ever.
pub(crate) const MIN_BUDGET: Duration = Duration::from_millis(50);
/// No call waits longer, whatever a route says: by then the client has given up.
pub(crate) const MAX_DEADLINE: Duration = Duration::from_secs(60);
/// For how long a no is kept at most: whoever has just been let in does not wait longer than that.
pub(crate) const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(30);
/// How often the directory is read. A second keeps a change far within the promised ten, and costs a few reads.
pub(crate) const POLL: Duration = Duration::from_secs(1);
/// After a failed start of a worker, doubled each time.
pub(crate) const FIRST_BACK_OFF: Duration = Duration::from_millis(50);
/// Ceiling of that.
pub(crate) const LAST_BACK_OFF: Duration = Duration::from_secs(5);
/// Threads that replace those which hang, in one process: beyond that there are as many fewer.
pub(crate) const MAX_REPLACEMENTS: usize = 4;
/// Deep recursion in C code needs room: Python's own limit is tuned for 8 MiB.
pub(crate) const STACK_BYTES: usize = 16 << 20;
/// Lines that one worker may print in a second; what is more is counted and dropped.
pub(crate) const MAX_LINES_PER_SECOND: u32 = 500;

/// What a hook may do to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Hooks run in worker processes: a hang, a crash or an exit costs one worker.
    #[default]
    Process,
    /// Hooks run in threads of the gateway: less than half the cost of a call, but a hook that crashes or exits takes the
    /// gateway with it, and one that never comes back from C stops all hooks.
    Thread,
}

/// How hooks are run. The figures behind the defaults were measured; see `docs/hooks.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the files are: every `*.py` directly in it is a hook.
    pub dir: PathBuf,
    /// In processes or threads.
    pub isolation: Isolation,
    /// What a caller waits at most, waiting for a worker included; and what a call may take once it runs.
    pub deadline: Duration,
    /// What a file may take to load.
    pub load_timeout: Duration,
    /// Processes or threads, two at least.
    pub workers: usize,
    /// Calls that may wait. A client may have a quarter of them.
    pub queue: usize,
    /// What a worker process may allocate above what it has at its start, in bytes.
    pub memory: u64,
    /// The environment that hooks see. It is empty otherwise.
    pub environment: BTreeMap<String, String>,
    /// What is started as a worker: this very program, unless a test says otherwise.
    pub program: PathBuf,
}

impl Settings {
    /// The defaults, for hooks in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            dir: dir.into(),
            isolation: Isolation::default(),
            deadline: Duration::from_millis(250),
            load_timeout: Duration::from_secs(5),
            workers: cores.max(2),
            queue: 256,
            memory: 256 << 20,
            environment: BTreeMap::new(),
            program: PathBuf::from("/proc/self/exe"),
        }
    }

    /// At least two, so that one hook or client can never have all.
    pub(crate) fn workers(&self) -> usize {
        self.workers.max(2)
    }
}
