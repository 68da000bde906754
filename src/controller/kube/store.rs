//! What the cluster says right now: one lowered entry for each object, changed one at a time.
//!
//! An object is lowered once, when it changes; a rebuild takes the [`Snapshot`] as it is. The order of events does not
//! show in it: only the last state of each object counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use osp_core::model::{HookStates, Kind, ObjectName, Problem, ProcessRules, Snapshot};
use osp_core::table::{Compiled, Compiler};
use ring::digest::{Context, SHA256};

use super::conditions::Observed;
use super::object::{Object, is_ours};
use super::references::references;
use super::scope::Scope;
use crate::lower;

/// Which object.
pub type Key = (Kind, ObjectName);

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing that matters here.
    Nothing,
    /// The status or the `resourceVersion`: nothing to compile.
    Status,
    /// What the table is made of.
    Inputs,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Store {
    keep_objects: bool,
    snapshot: Snapshot,
    compiler: Compiler,
    known: BTreeMap<Key, Known>,
    /// Of the references, those that nobody watches.
    unwatched: BTreeSet<Key>,
}

/// What is kept of one object, beside its entry in the snapshot.
#[derive(Debug)]
pub struct Known {
    version: Arc<Version>,
    /// The last one seen: what a write of the status must name.
    pub resource_version: String,
    /// The status as the server has it.
    pub observed: Observed,
    created: Option<String>,
    references: BTreeSet<Key>,
    problems: Vec<Problem>,
    object: Option<Box<Object>>,
}

/// Two versions that are equal mean the same to the table; our own writes of the status make no new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    uid: String,
    generation: Option<i64>,
    /// For kinds without a generation.
    resource_version: Option<String>,
    labels: BTreeMap<String, String>,
}

impl Store {
    /// An empty one for a process with these rules. `keep_objects`: whether [`Store::objects`] is asked for.
    #[must_use]
    pub fn new(process: ProcessRules, keep_objects: bool) -> Self {
        Self { snapshot: Snapshot::new(process), keep_objects, ..Self::default() }
    }

    /// What [`osp_core::table::compile`] makes of all of it.
    #[must_use]
    pub fn compile(&mut self) -> Compiled {
        self.compiler.compile(&self.snapshot)
    }

    /// The input of [`osp_core::table::compile`].
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Says what there is to say of the hooks of the process.
    pub fn set_hooks(&mut self, hooks: Arc<HookStates>) {
        self.snapshot.process.hooks = Some(hooks);
    }

    /// Says whether some routes could not be read, so that nobody can know whether a bucket exists.
    pub fn set_incomplete(&mut self, incomplete: bool) {
        self.snapshot.incomplete = incomplete;
    }

    /// An object is there, in this state. One that is being deleted, and one of another class, is not.
    pub fn apply(&mut self, object: Object) -> Change {
        let key = (object.kind, object.name.clone());
        if object.deleted || object.class().is_some_and(|class| class != self.snapshot.process.class) {
            return self.remove(&key);
        }
        let version = Version::of(&object);
        if let Some(known) = self.known.get_mut(&key)
            && *known.version == version
        {
            let observed = Observed::read(&object.status);
            if known.resource_version == object.resource_version && known.observed == observed {
                return Change::Nothing;
            }
            known.resource_version = object.resource_version;
            known.observed = observed;
            return Change::Status;
        }
        let problems = lower::lower(&object.document(), &object.name).put(object.name.clone(), &mut self.snapshot);
        let known = Known {
            version: version.into(),
            resource_version: object.resource_version.clone(),
            observed: Observed::read(&object.status),
            created: object.created.clone(),
            references: references(&object),
            problems,
            object: self.keep_objects.then(|| Box::new(object)),
        };
        self.known.insert(key, known);
        Change::Inputs
    }

    /// An object is gone.
    pub fn remove(&mut self, key: &Key) -> Change {
        if self.known.remove(key).is_none() {
            return Change::Nothing;
        }
        self.snapshot.remove(key.0, &key.1);
        Change::Inputs
    }

    /// A complete LIST of a scope: what it does not have is gone.
    pub fn replace(&mut self, scope: &Scope, objects: Vec<Object>) -> Change {
        let listed: BTreeSet<Key> = objects.iter().map(|object| (object.kind, object.name.clone())).collect();
        let gone: Vec<Key> =
            self.known.keys().filter(|key| scope.covers(key.0, &key.1) && !listed.contains(*key)).cloned().collect();
        let removed = gone.iter().map(|key| self.remove(key)).max();
        let applied = objects.into_iter().map(|object| self.apply(object)).max();
        removed.max(applied).unwrap_or(Change::Nothing)
    }

    /// What is known of one object.
    #[must_use]
    pub fn known(&self, key: &Key) -> Option<&Known> {
        self.known.get(key)
    }

    /// All objects, sorted.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Known)> {
        self.known.iter()
    }

    /// Number of objects of each kind.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts: BTreeMap<Kind, usize> = Kind::ALL.into_iter().map(|kind| (kind, 0)).collect();
        for (kind, _) in self.known.keys() {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }

    /// The Secrets and `ConfigMap`s that anything refers to, those of the oldest objects first.
    #[must_use]
    pub fn references(&self) -> Vec<Key> {
        let mut oldest: BTreeMap<&Key, Option<&str>> = BTreeMap::new();
        for known in self.known.values() {
            // Times of one form, in UTC: their order is that of the text, and none is before all.
            let created = known.created.as_deref();
            for reference in &known.references {
                oldest.entry(reference).and_modify(|since| *since = created.min(*since)).or_insert(created);
            }
        }
        let mut keys: Vec<(Option<&str>, &Key)> = oldest.into_iter().map(|(key, since)| (since, key)).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// Says which references nobody watches, so that who refers to them can be told why they are missing.
    pub fn set_unwatched(&mut self, unwatched: BTreeSet<Key>) {
        self.unwatched = unwatched;
    }

    /// True when this object refers to something that nobody watches.
    #[must_use]
    pub fn refers_to_unwatched(&self, known: &Known) -> bool {
        !self.unwatched.is_disjoint(&known.references)
    }

    /// What is wrong and has no place in the snapshot: Secrets and `ConfigMap`s that cannot be understood.
    pub fn problems(&self) -> impl Iterator<Item = (&Key, &Problem)> {
        self.known.iter().flat_map(|(key, known)| known.problems.iter().map(move |problem| (key, problem)))
    }

    /// The objects as they came, when they are kept.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.known.values().filter_map(|known| known.object.as_deref())
    }

    /// Equal on replicas that have seen the same: of OSP's kinds their generation, of the others their version, of
    /// Namespaces their labels. 16 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut context = Context::new(&SHA256);
        // Of one object: hashing wants large pieces.
        let mut pending = Vec::new();
        for ((kind, name), Known { version, .. }) in &self.known {
            context.update(&pending);
            pending.clear();
            let mut text = |text: &str| {
                pending.extend_from_slice(&(text.len() as u64).to_be_bytes());
                pending.extend_from_slice(text.as_bytes());
            };
            for part in [kind.as_str(), &name.namespace, &name.name] {
                text(part);
            }
            if *kind == Kind::Namespace {
                version
                    .labels
                    .iter()
                    .for_each(|(key, value)| [key, value].map(|part| text(part)).into_iter().collect());
            } else {
                text(&version.uid);
                text(&version.generation.map_or_else(String::new, |generation| generation.to_string()));
                text(version.resource_version.as_deref().unwrap_or_default());
            }
        }
        context.update(&pending);
        context.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Known {
    /// Of the object that is known now.
    #[must_use]
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// `metadata.generation`.
    #[must_use]
    pub fn generation(&self) -> Option<i64> {
        self.version.generation
    }

    /// `metadata.uid`.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.version.uid
    }
}

impl Version {
    fn of(object: &Object) -> Self {
        let has_generation = is_ours(object.kind) && object.generation.is_some();
        Self {
            uid: object.uid.clone(),
            generation: object.generation.filter(|_| has_generation),
            resource_version: (!has_generation && object.kind != Kind::Namespace)
                .then(|| object.resource_version.clone()),
            labels: object.labels.clone(),
        }
    }
}
