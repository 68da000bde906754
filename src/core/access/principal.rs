//! Who a request is from.

use std::fmt;

use crate::model::ObjectName;
use crate::sigv4::AccessKeyId;

/// A `ClientIdentity`, by `namespace/name`, or an access key that only a hook knows. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(ObjectName);

impl Principal {
    /// The principal of a `ClientIdentity` document.
    #[must_use]
    pub fn new(identity: ObjectName) -> Self {
        Self(identity)
    }

    /// The principal of an access key that no document is about, because only a hook knows it. Its namespace is empty,
    /// which no document's is; `None` for a key with `/`, because as a text it could be the principal of a document.
    #[must_use]
    pub fn of_key(key: &AccessKeyId) -> Option<Self> {
        (!key.as_str().contains('/')).then(|| Self(ObjectName::new("", key.as_str())))
    }

    /// The document; of a key that no document is about, a name without a namespace.
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

#[cfg(test)]
mod tests {
    use super::*;

    // issue 6, item 4: keys that only a hook knows
    #[test]
    fn the_principal_of_a_key_is_no_document() {
        let of_key = |key| Principal::of_key(&AccessKeyId::parse(key).unwrap());
        assert_eq!(of_key("AKIA1").map(|principal| principal.to_string()).as_deref(), Some("AKIA1"));
        assert_ne!(of_key("AKIA1"), of_key("AKIA2"));
        assert_ne!(of_key("alice"), Some(Principal::new(ObjectName::new("default", "alice"))));
        assert_eq!(of_key("default/alice"), None, "reads like a document");
    }
}
