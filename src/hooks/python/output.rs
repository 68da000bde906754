//! What hooks print and log, on its way out of Python: the module `_osp`, which the SDK's engine writes to.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;

use pyo3::prelude::*;

/// One line. Longer ones are cut: a line of a worker has to fit into one atomic write to a pipe.
pub(crate) const MAX_LINE_BYTES: usize = 3_800;

/// One line that a hook printed, or one record that it logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The hook that ran in the thread; `None` in threads that hooks start themselves.
    pub(crate) hook: Option<u32>,
    /// As in Python's `logging`: 20 for what goes to standard output, 30 for standard error.
    pub(crate) level: i32,
    /// Name of the logger; `stdout` or `stderr`.
    pub(crate) logger: String,
    pub(crate) text: String,
}

/// Where records go. It is called with Python's lock held: it must neither wait nor attach.
pub(crate) type Sink = Box<dyn Fn(Record) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

thread_local! {
    static HOOK: Cell<Option<u32>> = const { Cell::new(None) };
    static LINES: RefCell<[String; 2]> = const { RefCell::new([String::new(), String::new()]) };
}

/// Says where records go. Only the first one counts.
pub(crate) fn set_sink(sink: Sink) {
    let _ = SINK.set(sink);
}

/// Says which hook this thread runs from now on.
pub(crate) fn set_hook(hook: Option<u32>) {
    HOOK.set(hook);
}

fn put(level: i32, logger: &str, text: &str) {
    let end = text.floor_char_boundary(MAX_LINE_BYTES);
    let text = text.get(..end).unwrap_or_default().trim_end().to_owned();
    if let Some(sink) = SINK.get()
        && !text.is_empty()
    {
        sink(Record { hook: HOOK.get(), level, logger: logger.to_owned(), text });
    }
}

mod functions {
    use super::{LINES, MAX_LINE_BYTES, put};
    use pyo3::prelude::*;

    /// A part of what is written to standard output (1) or error (2): whole lines are passed on.
    #[pyfunction]
    pub(super) fn write(stream: u8, text: &str) {
        let (at, level, name) = if stream == 1 { (0, 20, "stdout") } else { (1, 30, "stderr") };
        for part in text.split_inclusive('\n') {
            let line = LINES.with_borrow_mut(|lines| {
                let line = lines.get_mut(at)?;
                // what is beyond the limit would be cut anyway
                if line.len() < MAX_LINE_BYTES {
                    line.push_str(part.get(..part.floor_char_boundary(MAX_LINE_BYTES)).unwrap_or_default());
                }
                part.ends_with('\n').then(|| std::mem::take(line))
            });
            if let Some(line) = line {
                put(level, name, &line);
            }
        }
    }

    /// A record of Python's `logging`.
    #[pyfunction]
    pub(super) fn log(level: i32, logger: &str, text: &str) {
        put(level, logger, text);
    }
}

/// Makes `import _osp` work.
pub(super) fn register(py: Python<'_>) -> PyResult<()> {
    let module = PyModule::new(py, "_osp")?;
    module.add_function(wrap_pyfunction!(functions::write, &module)?)?;
    module.add_function(wrap_pyfunction!(functions::log, &module)?)?;
    py.import("sys")?.getattr("modules")?.set_item("_osp", module)
}
