//! `osp check DIR`: every problem of a directory at once.

use std::fmt;
use std::path::Path;

use osp_core::model::ProcessRules;
use osp_core::table::compile;

use crate::collect::collect;
use crate::files::{FileError, read};
use crate::finding::Finding;

/// Everything that is wrong with a directory. Prints one line for each problem, nothing when there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Files that cannot be read or are not YAML. `osp serve` would refuse the directory as a whole.
    pub unparsable: Vec<FileError>,
    /// The problems of documents, sorted by file and document. When some files are unparsable, only those that each
    /// document has by itself: what a reference leads to cannot be said then.
    pub findings: Vec<Finding>,
}

/// Does all that `osp serve` with these rules does with a directory, but publishes nothing.
#[must_use]
pub fn check(dir: &Path, process: &ProcessRules) -> Report {
    let (documents, unparsable) = read(dir);
    let loaded = collect(documents, process);
    let mut rejections = compile(&loaded.snapshot).rejections;
    if !unparsable.is_empty() {
        rejections.retain(|one| one.condition == "Accepted");
    }
    Report { findings: loaded.findings_with(&rejections), unparsable }
}

impl Report {
    /// True when there is nothing to report.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unparsable.is_empty() && self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.unparsable {
            writeln!(f, "{error}")?;
        }
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
