//! The files of hooks: what is in the directory now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use crate::settings::{MAX_HOOKS, MAX_TEXT_BYTES};
use osp_core::model::HookName;

/// What is in a directory. Equal when nothing has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// The text of every hook, or why it has none.
    pub(crate) hooks: BTreeMap<HookName, Result<Arc<str>, String>>,
    /// Files whose names no hook can have.
    pub(crate) ignored: BTreeSet<String>,
}

/// Reads every `*.py` directly in the directory, following links: the kubelet makes each file a link into `..data`, and
/// that a link to the directory of one state, which it swaps by a rename. A swap in between would mix two states; the
/// caller reads again until it sees the same twice.
///
/// # Errors
/// The directory cannot be read. A file that cannot is its hook's error.
pub(crate) fn read(dir: &Path) -> io::Result<Files> {
    let mut files = Files::default();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(".py").filter(|_| !name.starts_with('.')) else { continue };
        let Some(id) = HookName::new(stem) else {
            files.ignored.insert(name.to_owned());
            continue;
        };
        files.hooks.insert(id, text(&path));
        if files.hooks.len() > MAX_HOOKS {
            return Err(io::Error::other(format!("more than {MAX_HOOKS} hooks")));
        }
    }
    Ok(files)
}

/// The directory in one state.
///
/// # Errors
/// As [`read`], and when it does not come to rest.
pub(crate) fn settled(dir: &Path) -> io::Result<Files> {
    /// A swap is one rename; whatever changes more often than this is no mounted volume.
    const ATTEMPTS: usize = 10;
    let mut last = read(dir)?;
    for _ in 0..ATTEMPTS {
        let next = read(dir)?;
        if next == last {
            return Ok(next);
        }
        last = next;
    }
    Err(io::Error::other("the files change all the time"))
}

fn text(path: &Path) -> Result<Arc<str>, String> {
    let data = fs::metadata(path).map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("not a file".to_owned()); // a pipe would block for ever
    }
    if data.len() > MAX_TEXT_BYTES {
        return Err(format!("larger than {MAX_TEXT_BYTES} bytes"));
    }
    fs::read_to_string(path).map(Arc::from).map_err(|error| error.to_string())
}
