//! Names of configuration objects.

use std::fmt;
use std::sync::Arc;

/// `namespace/name` of a document. Orders by namespace, then name: the precedence of documents without a creation time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Kubernetes namespace; `default` when a file names none, empty for what has none.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl ObjectName {
    /// From the two parts.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// What it is written of, without a copy: `namespace/name`, or the name alone where there is no namespace.
    #[must_use]
    pub fn parts(&self) -> [&str; 3] {
        let (namespace, name) = (&*self.namespace, &*self.name);
        if namespace.is_empty() { ["", "", name] } else { [namespace, "/", name] }
    }

    /// An object of the same namespace.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        Self { namespace: Arc::clone(&self.namespace), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| f.write_str(part))
    }
}
