//! Everything that was configured at one moment: the input of [`crate::table::compile`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Client, Credential, Labels, ObjectName, ProcessRules, Reason, Route, RouteMatch, Routes, Shared};
use crate::Timestamp;
use crate::s3::{BucketMatch, KeyPrefix};

/// A document that was present, with what its metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<T> {
    /// `metadata.creationTimestamp`; `None` = older than every other, as documents in files are.
    pub created: Option<Timestamp>,
    /// `metadata.labels`.
    pub labels: Labels,
    /// Its contents.
    pub entry: Entry<T>,
}

/// Contents of a document: valid, or invalid with everything that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<T> {
    /// Lowered without a problem.
    Valid(T),
    /// Present and invalid: what it claims is broken (503), not absent (404).
    Invalid {
        /// What of a route's `spec.match` could be read all the same.
        claim: Claim,
        /// At least one.
        problems: Vec<Problem>,
    },
}

/// What an invalid route claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Claim {
    /// Nobody can say; also of every document that is no route.
    #[default]
    Unreadable,
    /// Something of this bucket, under this prefix; an empty one when it cannot be read.
    Bucket(BucketMatch, KeyPrefix),
    /// Exactly this.
    Match(RouteMatch),
}

/// One thing that is wrong, with the place. Contains no secret values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Field path, such as `spec.backends[0].endpoint`; empty for the whole document.
    pub field: String,
    /// Why, for machines.
    pub reason: Reason,
    /// For people.
    pub message: String,
}

/// Secret data by key; wiped when dropped, never printed.
pub type SecretData = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// The kinds of documents that OSP reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `osp.flexworks.eu` `BucketRoute`.
    BucketRoute,
    /// `osp.flexworks.eu` `CredentialSource`.
    CredentialSource,
    /// `osp.flexworks.eu` `ClientIdentity`.
    ClientIdentity,
    /// `v1` `Secret`.
    Secret,
    /// `v1` `ConfigMap`.
    ConfigMap,
    /// `v1` `Namespace`, without a namespace: its [`ObjectName`] has an empty one.
    Namespace,
}

/// One lowered document. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Document {
    /// A `BucketRoute`.
    Route(Object<Route>),
    /// A `CredentialSource`.
    Credential(Object<Credential>),
    /// A `ClientIdentity`.
    Client(Object<Client>),
    /// A `Secret`.
    Secret(SecretData),
    /// A `ConfigMap`.
    ConfigMap(BTreeMap<String, String>),
    /// A `Namespace`: its labels.
    Namespace(Labels),
}

/// Everything configured at one moment. Maps, so that no order of events can show.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// `BucketRoute`s.
    pub routes: Routes,
    /// `CredentialSource`s.
    pub credentials: Shared<BTreeMap<ObjectName, Object<Credential>>>,
    /// `ClientIdentity`s.
    pub clients: Shared<BTreeMap<ObjectName, Object<Client>>>,
    /// `Secret`s.
    pub secrets: Shared<BTreeMap<ObjectName, SecretData>>,
    /// `ConfigMap`s.
    pub config_maps: Shared<BTreeMap<ObjectName, BTreeMap<String, String>>>,
    /// Labels of the `Namespace`s that are known.
    pub namespaces: Shared<BTreeMap<Arc<str>, Labels>>,
    /// What the operator of the process decided.
    pub process: ProcessRules,
    other_class: BTreeSet<(Kind, ObjectName)>,
    /// True when there may be `BucketRoute`s that could not be read: a bucket that no route has answers 503, not 404.
    pub incomplete: bool,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::BucketRoute,
        Self::CredentialSource,
        Self::ClientIdentity,
        Self::Secret,
        Self::ConfigMap,
        Self::Namespace,
    ];

    /// As documents spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BucketRoute => "BucketRoute",
            Self::CredentialSource => "CredentialSource",
            Self::ClientIdentity => "ClientIdentity",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::Namespace => "Namespace",
        }
    }

    /// The kind of this spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T> Object<T> {
    /// Contents without metadata: what a file usually holds.
    #[must_use]
    pub fn new(entry: Entry<T>) -> Self {
        Self { created: None, labels: Labels::new(), entry }
    }

    /// The contents, if they are valid.
    #[must_use]
    pub fn valid(&self) -> Option<&T> {
        match &self.entry {
            Entry::Valid(value) => Some(value),
            Entry::Invalid { .. } => None,
        }
    }
}

impl<T> From<Entry<T>> for Object<T> {
    fn from(entry: Entry<T>) -> Self {
        Self::new(entry)
    }
}

impl Document {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Route(_) => Kind::BucketRoute,
            Self::Credential(_) => Kind::CredentialSource,
            Self::Client(_) => Kind::ClientIdentity,
            Self::Secret(_) => Kind::Secret,
            Self::ConfigMap(_) => Kind::ConfigMap,
            Self::Namespace(_) => Kind::Namespace,
        }
    }
}

impl Object<Route> {
    /// The bucket or pattern that it claims, as far as it can be read.
    #[must_use]
    pub fn bucket(&self) -> Option<&BucketMatch> {
        match &self.entry {
            Entry::Valid(route) => Some(&route.matches.bucket),
            Entry::Invalid { claim: Claim::Match(matches), .. } => Some(&matches.bucket),
            Entry::Invalid { claim: Claim::Bucket(bucket, _), .. } => Some(bucket),
            Entry::Invalid { claim: Claim::Unreadable, .. } => None,
        }
    }
}

impl Snapshot {
    /// Nothing is configured yet.
    #[must_use]
    pub fn new(process: ProcessRules) -> Self {
        Self { process, ..Self::default() }
    }

    /// Puts a document in, in place of the one that had its kind and name. One of another class is left out, and only
    /// counted.
    pub fn insert(&mut self, name: ObjectName, class: Option<&str>, document: Document) {
        if class.is_some_and(|class| class != self.process.class) {
            self.remove(document.kind(), &name);
            self.other_class.insert((document.kind(), name));
            return;
        }
        self.other_class.remove(&(document.kind(), name.clone()));
        match document {
            Document::Route(object) => drop(self.routes.insert(name, object)),
            Document::Credential(object) => drop(self.credentials.insert(name, object)),
            Document::Client(object) => drop(self.clients.insert(name, object)),
            Document::Secret(data) => drop(self.secrets.insert(name, data)),
            Document::ConfigMap(data) => drop(self.config_maps.insert(name, data)),
            Document::Namespace(labels) => drop(self.namespaces.insert(name.name, labels)),
        }
    }

    /// Takes a document out; one that is not there is no mistake.
    pub fn remove(&mut self, kind: Kind, name: &ObjectName) {
        self.other_class.remove(&(kind, name.clone()));
        match kind {
            Kind::BucketRoute => drop(self.routes.remove(name)),
            Kind::CredentialSource => drop(self.credentials.remove(name)),
            Kind::ClientIdentity => drop(self.clients.remove(name)),
            Kind::Secret => drop(self.secrets.remove(name)),
            Kind::ConfigMap => drop(self.config_maps.remove(name)),
            Kind::Namespace => drop(self.namespaces.remove(&name.name)),
        }
    }

    /// Number of documents of other classes that were left out.
    #[must_use]
    pub fn of_other_classes(&self) -> usize {
        self.other_class.len()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(object) => object.fmt(f),
            Self::Credential(object) => object.fmt(f),
            Self::Client(object) => object.fmt(f),
            Self::Secret(data) => f.debug_tuple("Secret").field(&data.keys().collect::<Vec<_>>()).finish(),
            Self::ConfigMap(data) => f.debug_tuple("ConfigMap").field(&data.keys().collect::<Vec<_>>()).finish(),
            Self::Namespace(labels) => f.debug_tuple("Namespace").field(labels).finish(),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("routes", &self.routes)
            .field("credentials", &*self.credentials)
            .field("clients", &*self.clients)
            .field("secrets", &self.secrets.keys().collect::<Vec<_>>())
            .field("config_maps", &self.config_maps.keys().collect::<Vec<_>>())
            .field("namespaces", &*self.namespaces)
            .field("process", &self.process)
            .field("other_class", &self.other_class)
            .field("incomplete", &self.incomplete)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str) -> (ObjectName, Document) {
        let problem = Problem { field: String::new(), reason: Reason::Invalid, message: "bad".to_owned() };
        let entry = Entry::Invalid { claim: Claim::Unreadable, problems: vec![problem] };
        (ObjectName::new("default", name), Document::Route(Object::new(entry)))
    }

    #[test]
    fn documents_of_another_class_are_left_out_and_counted() {
        let mut snapshot = Snapshot::default();
        let (name, document) = route("a");
        snapshot.insert(name.clone(), Some("other"), document.clone());
        assert_eq!((snapshot.routes.len(), snapshot.of_other_classes()), (0, 1));
        snapshot.insert(name.clone(), Some("osp"), document.clone());
        assert_eq!((snapshot.routes.len(), snapshot.of_other_classes()), (1, 0));
        snapshot.insert(name.clone(), Some("other"), document);
        assert_eq!((snapshot.routes.len(), snapshot.of_other_classes()), (0, 1), "a class may change in a file");
        snapshot.remove(Kind::BucketRoute, &name);
        assert_eq!(snapshot, Snapshot::default());
    }

    #[test]
    fn k_api_3_insert_and_remove_leave_no_trace() {
        let name = ObjectName::new("team", "a");
        let documents = [
            Document::Secret(SecretData::new()),
            Document::ConfigMap(BTreeMap::new()),
            Document::Namespace(Labels::new()),
            route("a").1,
        ];
        let mut snapshot = Snapshot::default();
        for document in documents.clone() {
            snapshot.insert(name.clone(), None, document);
        }
        assert_ne!(snapshot, Snapshot::default());
        for document in documents {
            snapshot.remove(document.kind(), &name);
            snapshot.remove(document.kind(), &name);
        }
        assert_eq!(snapshot, Snapshot::default());
    }
}
