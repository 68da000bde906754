//! Who may name whom: references, labels and consent.

use std::collections::BTreeMap;

use super::ObjectName;

/// `metadata.labels`.
pub type Labels = BTreeMap<String, String>;

/// A label that every Namespace has by itself: its name. Selectors on it need no Namespace objects.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// `{name, namespace?}`: without a namespace, an object beside the one that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Absent = the namespace of the object that holds the reference.
    pub namespace: Option<String>,
    /// `metadata.name` of the target.
    pub name: String,
}

impl Reference {
    /// A reference inside the namespace.
    #[must_use]
    pub fn local(name: &str) -> Self {
        Self { namespace: None, name: name.to_owned() }
    }

    /// What it names, seen from `holder`.
    #[must_use]
    pub fn target(&self, holder: &ObjectName) -> ObjectName {
        match &self.namespace {
            None => holder.sibling(&self.name),
            Some(namespace) => ObjectName::new(namespace, &self.name),
        }
    }
}

/// `matchLabels`: every one of these labels must be there; never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSelector {
    /// At least one, so that nothing is selected by an oversight.
    pub match_labels: Labels,
}

impl LabelSelector {
    /// True when `labels` has all of them. A selector without labels selects nothing.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        !self.match_labels.is_empty() && self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// True when the namespace of this name, with these labels if they are known, has all of them. Its name counts as
    /// the label [`NAMESPACE_NAME_LABEL`], known or not; what is not known does not match.
    #[must_use]
    pub fn selects_namespace(&self, name: &str, labels: Option<&Labels>) -> bool {
        !self.match_labels.is_empty()
            && self.match_labels.iter().all(|(key, value)| {
                if key == NAMESPACE_NAME_LABEL { value == name } else { labels.and_then(|l| l.get(key)) == Some(value) }
            })
    }
}

/// `allowedNamespaces`: whose routes may name this object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedNamespaces {
    /// `from: Same`: the object's own.
    #[default]
    Same,
    /// `from: Selector`: its own, and those with these labels.
    Selector(LabelSelector),
    /// `from: All`.
    All,
}

/// Whom an `access` or `deny` entry is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clients {
    /// `clientRef`: one `ClientIdentity`.
    One(Reference),
    /// `clientSelector`: every `ClientIdentity` of the route's own namespace with these labels.
    Selected(LabelSelector),
    /// `principal: Authenticated`: everybody whose signature is good, whatever knows their key.
    Authenticated,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_selector_needs_every_label_and_at_least_one() {
        let selector = LabelSelector { match_labels: labels(&[("role", "reader"), ("tier", "1")]) };
        assert!(selector.selects(&labels(&[("role", "reader"), ("tier", "1"), ("x", "y")])));
        assert!(!selector.selects(&labels(&[("role", "reader")])));
        assert!(!selector.selects(&labels(&[("role", "writer"), ("tier", "1")])));
        let empty = LabelSelector { match_labels: Labels::new() };
        assert!(!empty.selects(&labels(&[("a", "b")])) && !empty.selects_namespace("a", Some(&labels(&[]))));
    }

    #[test]
    fn k_api_4_the_name_of_a_namespace_needs_no_namespace_object_and_cannot_be_faked_by_a_label() {
        let by_name = LabelSelector { match_labels: labels(&[(NAMESPACE_NAME_LABEL, "team-a")]) };
        assert!(by_name.selects_namespace("team-a", None));
        assert!(!by_name.selects_namespace("team-b", Some(&labels(&[(NAMESPACE_NAME_LABEL, "team-a")]))));
        let by_label = LabelSelector { match_labels: labels(&[("tenant", "true")]) };
        assert!(by_label.selects_namespace("team-a", Some(&labels(&[("tenant", "true")]))));
        assert!(!by_label.selects_namespace("team-a", None), "what is not known does not match");
    }
}
