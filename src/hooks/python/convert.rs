//! Between Rust's values and Python's. What an answer *means* is said in the SDK's `_rules.py`, for both isolations and
//! for tests; this file only carries it over, and believes nothing that does not have one of the shapes named there.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::outcome::{Answer, Denied, Hidden, NoAnswer};
use crate::question::{Name, Value, Values};
use crate::wire::{Declaration, Declared};
use osp_core::model::Callable;

/// First element of an answer, as in `_rules.py`.
const YES: u8 = 0;
const NO: u8 = 1;
const SPLIT: u8 = 2;
const NO_ANSWER: u8 = 3;
/// Of what an exception says while loading.
const MAX_TEXT: usize = 300;

/// The dictionary of a function's inputs, a new one for every call.
pub(super) fn arguments<'py>(py: Python<'py>, values: &Values) -> PyResult<Bound<'py, PyDict>> {
    let given = PyDict::new(py);
    for (name, value) in values {
        let name = key(py, *name);
        match value {
            Value::Text(text) => given.set_item(name, text)?,
            Value::List(list) => given.set_item(name, PyList::new(py, list)?)?,
            Value::Nothing => given.set_item(name, py.None())?,
            Value::Map(map) => {
                let inner = PyDict::new(py);
                for (name, value) in map {
                    inner.set_item(name, value)?;
                }
                given.set_item(name, inner)?;
            }
        }
    }
    Ok(given)
}

fn key<'py>(py: Python<'py>, name: Name) -> Bound<'py, PyString> {
    PyString::intern(py, name.as_str())
}

/// The functions of a loaded hook.
pub(super) fn declaration(hook: &Bound<'_, PyAny>) -> PyResult<Declaration> {
    let listed: Vec<(String, Vec<String>)> = hook.call_method0("declaration")?.extract()?;
    let known = listed.into_iter().map(|(name, inputs)| Some(Declared { callable: Callable::parse(&name)?, inputs }));
    known.collect::<Option<_>>().ok_or_else(|| PyTypeError::new_err("an unknown function"))
}

/// The answer of a function, from the tuple of `_rules.read` or `_rules.raised`.
pub(super) fn answer(callable: Callable, answer: &Bound<'_, PyAny>) -> PyResult<Answer> {
    let tuple = answer.cast::<PyTuple>()?;
    let code: u8 = tuple.get_item(0)?.extract()?;
    let text = |at: usize| -> PyResult<String> { tuple.get_item(at)?.extract() };
    Ok(match (code, callable) {
        (NO_ANSWER, _) => Answer::NoAnswer(no_answer(&text(1)?, text(2)?, text(3)?)),
        (YES, Callable::Authorize) if tuple.len() == 1 => Answer::Allow,
        (NO, Callable::Authorize) => Answer::Deny(match text(1)?.as_str() {
            "false" => Denied::Said(text(2)?),
            _ => Denied::NotTrue(text(2)?),
        }),
        (SPLIT, Callable::Authorize) => Answer::Split(tuple.get_item(1)?.extract()?),
        (YES, Callable::LookupSecret) => Answer::Secret(Hidden::new(text(1)?)),
        (NO, Callable::LookupSecret) if tuple.len() == 1 => Answer::Unknown,
        (YES, Callable::FetchCredentials) => credentials(tuple)?,
        _ => return Err(PyTypeError::new_err("an unknown answer")),
    })
}

fn credentials(tuple: &Bound<'_, PyTuple>) -> PyResult<Answer> {
    let kind: String = tuple.get_item(1)?.extract()?;
    if kind == "api_key" {
        return Ok(Answer::ApiKey(Hidden::new(tuple.get_item(2)?.extract()?)));
    }
    let expires: Option<f64> = tuple.get_item(5)?.extract()?;
    Ok(Answer::Keys {
        access_key: tuple.get_item(2)?.extract()?,
        secret_key: Hidden::new(tuple.get_item(3)?.extract()?),
        session_token: tuple.get_item(4)?.extract::<Option<String>>()?.map(Hidden::new),
        // seconds; the SDK lets only 0 ... 1e11 pass, and the cast saturates in any case
        expires_at: expires.map(|seconds| seconds as u64),
    })
}

fn no_answer(reason: &str, kind: String, detail: String) -> NoAnswer {
    match reason {
        "raised" => NoAnswer::Raised { kind, detail },
        "wrong_type" => NoAnswer::WrongType { kind, wanted: detail },
        _ => NoAnswer::Malformed(detail),
    }
}

/// An exception that went past the SDK: out of memory, or interrupted while it was about to answer. And text that is
/// none: Python's strings may hold halves of surrogate pairs, which no secret is made of.
pub(super) fn failure(py: Python<'_>, error: &PyErr) -> Answer {
    let kind = type_name(py, error);
    Answer::NoAnswer(NoAnswer::Raised { kind, detail: String::new() })
}

/// What went wrong while loading, with the last line of the hook's file that was involved.
pub(super) fn one_line(py: Python<'_>, error: &PyErr, path: &str) -> String {
    let text: String = error.value(py).to_string().chars().take(MAX_TEXT).collect();
    let text = text.replace('\n', " ");
    let line = line_of(py, error, path).map(|line| format!(" (line {line})")).unwrap_or_default();
    match type_name(py, error).as_str() {
        "HookError" => text,
        // says the line itself
        "SyntaxError" | "IndentationError" | "TabError" => format!("SyntaxError: {text}"),
        kind => format!("{kind}: {text}{line}"),
    }
}

fn line_of(py: Python<'_>, error: &PyErr, path: &str) -> Option<u32> {
    let mut next = error.traceback(py).map(Bound::into_any);
    let mut line = None;
    while let Some(trace) = next.filter(|trace| !trace.is_none()) {
        let code =
            trace.getattr(intern!(py, "tb_frame")).and_then(|frame| frame.getattr(intern!(py, "f_code"))).ok()?;
        let file: String = code.getattr(intern!(py, "co_filename")).and_then(|file| file.extract()).ok()?;
        if file == path {
            line = trace.getattr(intern!(py, "tb_lineno")).and_then(|line| line.extract()).ok();
        }
        next = trace.getattr(intern!(py, "tb_next")).ok();
    }
    line
}

fn type_name(py: Python<'_>, error: &PyErr) -> String {
    error.get_type(py).name().map(|name| name.to_string()).unwrap_or_default()
}
