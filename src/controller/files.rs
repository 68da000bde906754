//! Documents from a directory: `*.yaml`, `*.yml`, `*.json`, several documents in a file, not recursive.
//!
//! Hidden entries are skipped, so the `..data` link of a mounted `ConfigMap` is not read twice: the files beside it are
//! links through it.

use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use osp_core::model::ProcessRules;
use serde::Deserialize;
use serde_json::Value;

use crate::collect::{Document, Loaded, collect};
use crate::finding::Origin;

/// Largest file that is read: ten thousand routes are a tenth of this; more is a mistake, not configuration.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// How often a directory is read again because it changed while it was read.
const MAX_READS: usize = 5;

/// Why a directory could not be read at all. The table in force stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    /// Every file that is to blame, sorted.
    pub errors: Vec<FileError>,
}

/// One file that cannot be read or is not YAML.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileError {
    /// File name inside the directory; the directory itself when that is to blame.
    pub file: String,
    /// What is wrong, with line and column where there are any.
    pub message: String,
}

/// What tells one state of a directory from another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stamp(Vec<(PathBuf, Option<SystemTime>, u64, u64)>);

/// Reads and lowers a directory for a process with these rules.
///
/// # Errors
/// [`LoadError`] names *all* files that cannot be read or parsed, or that hold a document that is no object: what such a
/// file was meant to say is unknown, so the whole change is refused.
pub fn load(dir: &Path, process: &ProcessRules) -> Result<Loaded, LoadError> {
    let (documents, errors) = read(dir);
    if errors.is_empty() { Ok(collect(documents, process)) } else { Err(LoadError { errors }) }
}

/// Everything that can be read, and everything that cannot.
pub(crate) fn read(dir: &Path) -> (Vec<Document>, Vec<FileError>) {
    let mut documents = Vec::new();
    let mut errors = Vec::new();
    match contents(dir) {
        Err(error) => errors.push(FileError::new(dir, &error)),
        Ok(files) => {
            for (path, bytes) in files {
                match bytes.map_err(|error| error.to_string()).and_then(|bytes| parse(&bytes)) {
                    Ok(values) => documents.extend(values.into_iter().map(|(number, value)| Document {
                        origin: Origin { file: file_name(&path), document: number },
                        value,
                    })),
                    Err(message) => errors.push(FileError { file: file_name(&path), message }),
                }
            }
        }
    }
    errors.sort();
    (documents, errors)
}

type Contents = Vec<(PathBuf, io::Result<Vec<u8>>)>;

/// The files of one moment: reads again when the directory changed meanwhile, so that half of a change is never seen.
fn contents(dir: &Path) -> io::Result<Contents> {
    for _ in 0..MAX_READS {
        let before = stamp(dir)?;
        let files = before.0.iter().map(|(path, ..)| (path.clone(), read_file(path))).collect();
        if stamp(dir)? == before {
            return Ok(files);
        }
    }
    Err(io::Error::other("the directory keeps changing while it is read"))
}

/// The documents' files, sorted by name, with what changes when they are written or replaced.
pub(crate) fn stamp(dir: &Path) -> io::Result<Stamp> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = file_name(&path).starts_with('.');
        let wanted = path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json");
        if hidden || !wanted {
            continue;
        }
        // Follows links. What cannot be looked at is kept: reading it gives the error that is reported.
        match fs::metadata(&path) {
            Ok(data) if data.is_dir() => {}
            Ok(data) => files.push((path, modified(&data), data.len(), data.ino())),
            Err(_) => files.push((path, None, 0, 0)),
        }
    }
    files.sort();
    Ok(Stamp(files))
}

fn modified(data: &Metadata) -> Option<SystemTime> {
    data.modified().ok()
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let data = fs::metadata(path)?;
    if !data.is_file() {
        return Err(io::Error::other("not a file")); // a pipe would block for ever
    }
    if data.len() > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    fs::read(path)
}

/// The documents of a file with their numbers from 1; empty ones are left out and count.
///
/// Goes through YAML's own value type, because that refuses a key that stands twice in one object; reading straight into
/// JSON values would keep the last one and drop, say, the first `deny`. JSON is read as the YAML that it is.
fn parse(bytes: &[u8]) -> Result<Vec<(usize, Value)>, String> {
    let mut values = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_slice(bytes).enumerate() {
        let number = index + 1;
        let said = |error: &dyn fmt::Display| format!("document {number}: {error}");
        let yaml = serde_yaml::Value::deserialize(document).map_err(|error| said(&error))?;
        if matches!(yaml, serde_yaml::Value::Tagged(_)) {
            return Err(said(&"YAML tags are not supported"));
        }
        match serde_json::to_value(yaml).map_err(|error| said(&error))? {
            Value::Null => {}
            value @ Value::Object(_) => values.push((number, value)),
            _ => return Err(said(&"not an object")),
        }
    }
    Ok(values)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl FileError {
    fn new(path: &Path, error: &io::Error) -> Self {
        Self { file: path.display().to_string(), message: error.to_string() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

/// One line for each file.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
