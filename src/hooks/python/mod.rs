//! The interpreter: one per process, started by hand, and everything that touches it. Nothing of Python leaves this
//! module but `Answer` and texts.

mod convert;
pub(crate) mod output;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3::{ffi, intern};

use crate::outcome::Answer;
use crate::question::Values;
use crate::sdk;
use crate::wire::Declaration;
use osp_core::model::Callable;

/// The SDK's engine in the running interpreter.
#[derive(Debug)]
pub(crate) struct Engine {
    load: Py<PyAny>,
    ask: Py<PyAny>,
    retire: Py<PyAny>,
    collect: Py<PyAny>,
    deadline: Py<PyAny>,
}

/// A loaded hook. Dropped while attached, or Python's own deferral of that keeps it a while.
#[derive(Debug)]
pub(crate) struct LoadedHook(Py<PyAny>);

static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();

/// Starts Python unless it runs already. `environment` is what hooks see as `os.environ`; only the first one counts.
///
/// # Errors
/// Why Python does not start: there is no second attempt in a process.
pub(crate) fn start(environment: &BTreeMap<String, String>) -> Result<&'static Engine, String> {
    let start = || {
        initialise()?;
        Python::attach(|py| Engine::new(py, environment).map_err(|error| error.to_string()))
    };
    ENGINE.get_or_init(start).as_ref().map_err(Clone::clone)
}

/// Isolated: neither `PYTHON*` of the environment, nor the working directory, nor a user's site-packages decide what is
/// imported. No signal handlers, since signals are the gateway's; no byte code is written, since the file system is
/// read-only.
#[expect(unsafe_code, reason = "Python::initialize() honours PYTHONPATH and installs signal handlers")]
fn initialise() -> Result<(), String> {
    // SAFETY: called once in a process (OnceLock), before anything else of Python. The configuration lives until it is
    // cleared; the strings are copied. PyEval_SaveThread gives back the lock that initialising has taken, so that this
    // thread may attach like any other.
    unsafe {
        let mut config: ffi::PyConfig = std::mem::zeroed();
        ffi::PyConfig_InitIsolatedConfig(&raw mut config);
        config.install_signal_handlers = 0;
        config.write_bytecode = 0;
        config.parse_argv = 0;
        let mut status = ffi::PyConfig_SetBytesString(&raw mut config, &raw mut config.home, c"/usr".as_ptr());
        if ffi::PyStatus_Exception(status) == 0 {
            status = ffi::Py_InitializeFromConfig(&raw const config);
        }
        ffi::PyConfig_Clear(&raw mut config);
        if ffi::PyStatus_Exception(status) != 0 {
            let text = status.err_msg;
            return Err(if text.is_null() {
                "Python does not start".to_owned()
            } else {
                std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
            });
        }
        ffi::PyEval_SaveThread();
    }
    Ok(())
}

impl Engine {
    fn new(py: Python<'_>, environment: &BTreeMap<String, String>) -> PyResult<Self> {
        output::register(py)?;
        // the parent has to be there before its modules; its own text runs last, in this same module
        let package = module(py, "osp_hooks", "")?;
        package.setattr("__path__", PyList::empty(py))?;
        for (name, text) in sdk::MODULES {
            module(py, name, text)?;
        }
        let engine = py.import("osp_hooks._engine")?;
        let variables = PyDict::new(py);
        for (name, value) in environment {
            variables.set_item(name, value)?;
        }
        engine.call_method1("capture", (variables,))?;
        let named = |name: &str| engine.getattr(name).map(Bound::unbind);
        Ok(Self {
            load: named("load")?,
            ask: named("ask")?,
            retire: named("retire")?,
            collect: named("collect")?,
            deadline: named("HookDeadline")?,
        })
    }

    /// Loads a text as a hook.
    ///
    /// # Errors
    /// What it raised, or what is wrong with it, in one line.
    pub(crate) fn load(
        &self,
        py: Python<'_>,
        (name, path): (&str, &str),
        text: &str,
    ) -> Result<(LoadedHook, Declaration), String> {
        let loaded =
            self.load.bind(py).call1((name, path, text)).map_err(|error| convert::one_line(py, &error, path))?;
        let declaration = convert::declaration(&loaded).map_err(|error| error.to_string())?;
        Ok((LoadedHook(loaded.unbind()), declaration))
    }

    /// Calls one function of a hook. Whatever Python does short of ending the process becomes an answer.
    pub(crate) fn ask(&self, py: Python<'_>, hook: &LoadedHook, callable: Callable, values: &Values) -> Answer {
        let answer = convert::arguments(py, values)
            .and_then(|given| self.ask.bind(py).call1((hook.0.bind(py), intern_name(py, callable), given)))
            .and_then(|answer| convert::answer(callable, &answer));
        answer.unwrap_or_else(|error| convert::failure(py, &error))
    }

    /// Lets go of hooks that nobody calls any more.
    pub(crate) fn retire(&self, py: Python<'_>, hooks: Vec<LoadedHook>) {
        for LoadedHook(hook) in hooks {
            if let Err(error) = self.retire.bind(py).call1((hook.bind(py),)) {
                tracing::warn!(%error, "an old hook may keep its memory");
            }
        }
        if let Err(error) = self.collect.bind(py).call0() {
            tracing::warn!(%error, "old hooks may keep their memory");
        }
    }

    /// Raises `HookDeadline` in another thread, at its next step in Python. Does nothing to a thread that is not there.
    #[expect(unsafe_code, reason = "pyo3 has no safe form of PyThreadState_SetAsyncExc")]
    pub(crate) fn interrupt(&self, py: Python<'_>, thread: u64) {
        // SAFETY: attached, as `py` proves; the exception is a live class; an unknown thread is looked up and not found.
        unsafe {
            ffi::PyThreadState_SetAsyncExc(thread as _, self.deadline.bind(py).as_ptr());
        }
    }
}

/// The number of this thread as Python knows it.
pub(crate) fn thread_number(py: Python<'_>) -> u64 {
    let number = py.import(intern!(py, "threading")).and_then(|threading| threading.call_method0("get_ident"));
    number.and_then(|number| number.extract()).unwrap_or_default()
}

fn intern_name<'py>(py: Python<'py>, callable: Callable) -> &'py Bound<'py, pyo3::types::PyString> {
    match callable {
        Callable::Authorize => intern!(py, "authorize"),
        Callable::LookupSecret => intern!(py, "lookup_secret"),
        Callable::FetchCredentials => intern!(py, "fetch_credentials"),
    }
}

fn module<'py>(py: Python<'py>, name: &str, text: &str) -> PyResult<Bound<'py, PyModule>> {
    let file = format!("<gateway>/{}.py", name.replace('.', "/"));
    PyModule::from_code(py, &CString::new(text)?, &CString::new(file)?, &CString::new(name)?)
}
