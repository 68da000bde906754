//! One thing that is wrong, with the file and the document that it is in.

use std::fmt;

use osp_core::model::Problem;

/// Where a document stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// File name inside the directory.
    pub file: String,
    /// Number of the document inside the file, from 1; empty documents count.
    pub document: usize,
}

/// One thing that is wrong. Contains no values of documents, so no secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The document.
    pub origin: Origin,
    /// Its kind, as written.
    pub kind: String,
    /// `namespace/name`, or what stands for it when it has no readable name.
    pub name: String,
    /// Field path, reason and message.
    pub problem: Problem,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.file, self.document)
    }
}

/// One line: `routes.yaml#2 BucketRoute default/data spec.backends[0].endpoint: Invalid: must begin with http://`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, kind, name, problem: Problem { field, reason, message } } = self;
        let space = if field.is_empty() { "" } else { " " };
        write!(f, "{origin} {kind} {name}{space}{field}: {reason}: {message}")
    }
}
