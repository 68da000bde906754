//! The last good inputs on a disk, so that a restart while the API server is away comes up all the same.
//!
//! Meant for a volume in memory: Secrets are in it. Written before the table that is made of it is published, as a whole or
//! not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::object::Object;

/// Raised when the form changes: another one is not read.
const FORM: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    form: u32,
    objects: Vec<&'a Object>,
}

#[derive(Deserialize)]
struct Read {
    form: u32,
    objects: Vec<Object>,
}

/// Writes all objects to `dir`, readable for this user only.
///
/// # Errors
/// The directory cannot be written; what was there before stays, until [`forget`] is called.
pub fn save<'a>(dir: &Path, class: &str, objects: impl Iterator<Item = &'a Object>) -> io::Result<()> {
    let target = file(dir, class);
    let beside = target.with_extension("new");
    // A file that a crash left behind may have other permissions.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let mut out = BufWriter::new(created);
    serde_json::to_writer(&mut out, &Written { form: FORM, objects: objects.collect() })?;
    out.flush()?;
    out.get_ref().sync_all()?;
    fs::rename(&beside, &target)
}

/// What [`save`] wrote.
///
/// # Errors
/// Nothing there, or not what [`save`] of this version writes.
pub fn load(dir: &Path, class: &str) -> io::Result<Vec<Object>> {
    let read: Read = serde_json::from_reader(BufReader::new(File::open(file(dir, class))?))?;
    if read.form == FORM { Ok(read.objects) } else { Err(io::Error::other("written by another version")) }
}

/// Removes what [`save`] wrote: none is better than one that still has what was revoked.
///
/// # Errors
/// It is there and cannot be removed.
pub fn forget(dir: &Path, class: &str) -> io::Result<()> {
    match fs::remove_file(file(dir, class)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn file(dir: &Path, class: &str) -> PathBuf {
    dir.join(format!("inputs-{class}.json"))
}
