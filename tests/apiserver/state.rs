//! Objects, their versions and their history.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fault::{Fault, Rule};
use crate::request::{Asked, Verb};

/// Kind, resource name.
const KINDS: [(&str, &str); 8] = [
    ("BucketRoute", "bucketroutes"),
    ("CredentialSource", "credentialsources"),
    ("ClientIdentity", "clientidentities"),
    ("Secret", "secrets"),
    ("ConfigMap", "configmaps"),
    ("Namespace", "namespaces"),
    ("Lease", "leases"),
    ("Event", "events"),
];

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it wanted to do.
    pub verb: Verb,
    /// With which resource.
    pub plural: String,
    /// Where; empty = everywhere.
    pub namespace: String,
    /// With which object; empty for collections.
    pub name: String,
    /// With which part of it; empty for the whole.
    pub subresource: String,
    /// `fieldSelector` and `labelSelector`, joined with `&`.
    pub selector: String,
    /// Whether the answer may be compressed.
    pub accepts_gzip: bool,
    /// How its answer was spoiled.
    pub fault: Option<Fault>,
    /// When.
    pub at: Instant,
}

/// (resource, namespace, name).
type Key = (String, String, String);

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub version: u64,
    pub plural: String,
    /// Before and after; `None` after a deletion, or before a creation.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

#[derive(Default)]
pub(crate) struct State {
    pub version: u64,
    objects: BTreeMap<Key, Value>,
    pub log: Vec<Logged>,
    /// Events up to this version are forgotten.
    pub compacted: u64,
    pub rules: Vec<Rule>,
    pub seen: Vec<Seen>,
    pub down: bool,
    /// Number of times that open watches were cut or frozen: a watch compares with what it began with.
    pub cuts: u64,
    pub freezes: u64,
    uids: u64,
}

/// What a write came to.
pub(crate) enum Written {
    Stored(Value),
    Conflict(&'static str),
    NotFound,
}

impl State {
    pub fn apply(&mut self, document: Value) -> Value {
        let kind = document["kind"].as_str().expect("a kind").to_owned();
        let name = document["metadata"]["name"].as_str().expect("a name").to_owned();
        let namespace = document["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let key = (plural(&kind).to_owned(), namespace, name);
        let mut object = document;
        match self.objects.get(&key) {
            Some(before) => {
                let changed = before["spec"] != object["spec"];
                let generation = before["metadata"]["generation"].as_i64();
                for field in ["uid", "creationTimestamp"] {
                    object["metadata"][field] = before["metadata"][field].clone();
                }
                if let Some(generation) = generation {
                    object["metadata"]["generation"] = json!(generation + i64::from(changed));
                }
                // The status is another resource: who writes the object does not touch it.
                if let Some(status) = before.get("status") {
                    object["status"] = status.clone();
                }
            }
            None => {
                self.uids += 1;
                object["metadata"]["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", self.uids));
                if object["metadata"].get("creationTimestamp").is_none() {
                    let (minutes, seconds) = (self.uids / 60 % 60, self.uids % 60);
                    let hour = self.uids / 3600 % 24;
                    object["metadata"]["creationTimestamp"] =
                        json!(format!("2026-11-22T{hour:02}:{minutes:02}:{seconds:02}Z"));
                }
                if object.get("spec").is_some() {
                    object["metadata"]["generation"] = json!(1);
                }
            }
        }
        self.store(key, object)
    }

    pub fn set_status(&mut self, kind: &str, namespace: &str, name: &str, status: Value) {
        let mut object = self.object(kind, namespace, name).expect("an object");
        object["status"] = status;
        self.store((plural(kind).to_owned(), namespace.to_owned(), name.to_owned()), object);
    }

    pub fn delete(&mut self, kind: &str, namespace: &str, name: &str) {
        let key = (plural(kind).to_owned(), namespace.to_owned(), name.to_owned());
        if let Some(mut before) = self.objects.remove(&key) {
            self.version += 1;
            before["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.log.push(Logged { version: self.version, plural: key.0, before: Some(before), after: None });
        }
    }

    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.get(plural(kind), namespace, name).cloned()
    }

    pub fn objects(&self, kind: &str) -> Vec<Value> {
        self.objects.iter().filter(|((plural_, ..), _)| plural_ == plural(kind)).map(|(_, one)| one.clone()).collect()
    }

    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(plural.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// Objects of a collection after `after`, in the order of their keys.
    pub fn page<'a>(&'a self, asked: &'a Asked, after: &'a str) -> impl Iterator<Item = (String, &'a Value)> + 'a {
        self.objects
            .iter()
            .filter(|((plural, namespace, _), object)| {
                *plural == asked.plural
                    && (asked.namespace.is_empty() || *namespace == asked.namespace)
                    && selected(asked, object)
            })
            .map(|((_, namespace, name), object)| (format!("{namespace}/{name}"), object))
            .filter(move |(key, _)| key.as_str() > after)
    }

    pub fn create(&mut self, asked: &Asked, object: Value) -> Written {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if self.get(&asked.plural, &asked.namespace, &name).is_some() {
            return Written::Conflict("AlreadyExists");
        }
        let mut object = object;
        object["metadata"]["namespace"] = json!(asked.namespace);
        self.uids += 1;
        object["metadata"]["uid"] = json!(format!("00000000-0000-0000-0000-{:012}", self.uids));
        Written::Stored(self.store((asked.plural.clone(), asked.namespace.clone(), name), object))
    }

    /// Writes over the version that the object names.
    pub fn replace(&mut self, asked: &Asked, object: Value) -> Written {
        let Some(before) = self.get(&asked.plural, &asked.namespace, &asked.name) else { return Written::NotFound };
        let version = &object["metadata"]["resourceVersion"];
        if !version.is_null() && *version != before["metadata"]["resourceVersion"] {
            return Written::Conflict("Conflict");
        }
        Written::Stored(self.store((asked.plural.clone(), asked.namespace.clone(), asked.name.clone()), object))
    }

    /// Server-side apply of a status: the whole of what its one owner says.
    pub fn apply_status(&mut self, asked: &Asked, patch: &Value) -> Written {
        let Some(before) = self.get(&asked.plural, &asked.namespace, &asked.name) else { return Written::NotFound };
        let version = &patch["metadata"]["resourceVersion"];
        if !version.is_null() && *version != before["metadata"]["resourceVersion"] {
            return Written::Conflict("Conflict");
        }
        let mut after = before.clone();
        after["status"] = patch["status"].clone();
        if after == *before {
            return Written::Stored(after);
        }
        Written::Stored(self.store((asked.plural.clone(), asked.namespace.clone(), asked.name.clone()), after))
    }

    fn store(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let before = self.objects.insert(key.clone(), object.clone());
        self.log.push(Logged { version: self.version, plural: key.0, before, after: Some(object.clone()) });
        object
    }
}

/// True when an object is in the selection of a LIST or a watch.
pub(crate) fn selected(asked: &Asked, object: &Value) -> bool {
    let equal = |selector: &str, value: &dyn Fn(&str) -> Option<String>| {
        selector.split(',').filter(|one| !one.is_empty()).all(|one| match one.split_once('=') {
            Some((key, wanted)) => value(key).as_deref() == Some(wanted),
            None => value(one).is_some(),
        })
    };
    let label = |key: &str| object["metadata"]["labels"][key].as_str().map(str::to_owned);
    let field = |key: &str| {
        let pointer = format!("/{}", key.replace('.', "/"));
        let found = object.pointer(&pointer).and_then(Value::as_str);
        // The default of the schema.
        found.or((key == "spec.className").then_some("osp")).map(str::to_owned)
    };
    let inside = asked.namespace.is_empty() || object["metadata"]["namespace"] == asked.namespace.as_str();
    inside && equal(asked.parameter("labelSelector"), &label) && equal(asked.parameter("fieldSelector"), &field)
}

pub(crate) fn plural(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, plural)| *plural).expect("a known kind")
}

pub(crate) fn kind(plural: &str) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == plural).map_or("Unknown", |(kind, _)| kind)
}
