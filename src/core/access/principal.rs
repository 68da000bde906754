//! Who a request is from.

use std::fmt;

use crate::model::ObjectName;

/// A `ClientIdentity`, by `namespace/name`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(ObjectName);

impl Principal {
    /// The principal of a `ClientIdentity` document.
    #[must_use]
    pub fn new(identity: ObjectName) -> Self {
        Self(identity)
    }

    /// The document.
    #[must_use]
    pub fn identity(&self) -> &ObjectName {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
