//! Which part of the cluster one watch covers, and what is known of that watch.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use kube::runtime::watcher;
use osp_core::model::{Kind, ObjectName};
use tokio::time::Instant;

use super::named::{MOST_NAMED, Named, share};
use super::object::{OURS, Object};
use super::store::Key;

/// Only objects with this label are read: it limits memory, not permission.
pub const WATCH_LABEL: &str = "osp.flexworks.eu/watch=true";

/// The server ends a quiet watch after this many seconds, and a dead one is noticed 5 s later: the longest that a revoked
/// grant can go unnoticed.
const WATCH_SECONDS: u32 = 60;

/// Objects of one page of a LIST.
const PAGE_SIZE: u32 = 500;

/// A scope that is forbidden for this long is given up, so that one missing Role does not hold everybody. So are single
/// objects of which the server tells nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How Secrets and ConfigMaps are watched; decides the permissions that OSP needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchMode {
    /// In these namespaces, those with the label.
    Namespaces(BTreeSet<String>),
    /// In these namespaces, one watch for each object that is referred to, by name.
    Named(BTreeSet<String>),
    /// In all namespaces, those with the label.
    Cluster,
}

/// What one watch covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The kind.
    pub kind: Kind,
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// One object, or all of the selected ones.
    pub name: Option<String>,
}

/// What is known of one watch.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Which watch of the scope.
    pub epoch: u64,
    /// A LIST was complete, and a watch that keeps it up to date was opened.
    pub listed: bool,
    /// The objects of a LIST that is not complete yet.
    arriving: Vec<Object>,
    /// The objects of a LIST that no watch keeps up to date yet.
    held: Option<Vec<Object>>,
    /// A watch was opened, once at least.
    opened: bool,
    /// Since when every answer is "forbidden".
    forbidden_since: Option<Instant>,
    /// Forbidden for too long: it holds nobody any more.
    given_up: bool,
    failing: bool,
    began: Instant,
    /// Being forbidden counts from here; from the first such answer when `None`.
    patient_from: Option<Instant>,
    last_sign: Option<Instant>,
}

impl WatchMode {
    /// The scopes that exist from the start. `namespace_labels`: whether Namespaces may be read.
    #[must_use]
    pub fn scopes(&self, namespace_labels: bool) -> BTreeSet<Scope> {
        let all = [OURS.as_slice(), &[Kind::Secret, Kind::ConfigMap]].concat();
        let everywhere = |kind: Kind| Scope { kind, namespace: None, name: None };
        let inside = |namespaces: &BTreeSet<String>, kinds: &[Kind]| -> BTreeSet<Scope> {
            let each = namespaces.iter().flat_map(|namespace| {
                kinds.iter().map(|kind| Scope { kind: *kind, namespace: Some(namespace.clone()), name: None })
            });
            each.collect()
        };
        let mut scopes = match self {
            Self::Namespaces(namespaces) => inside(namespaces, &all),
            Self::Named(namespaces) => inside(namespaces, &OURS),
            Self::Cluster => all.into_iter().map(everywhere).collect(),
        };
        if namespace_labels {
            scopes.insert(everywhere(Kind::Namespace));
        }
        scopes
    }

    /// The scopes of the objects that are referred to: each has its own in [`WatchMode::Named`], none elsewhere.
    #[must_use]
    pub fn named(&self, references: impl FnOnce() -> Vec<Key>) -> Named {
        let Self::Named(namespaces) = self else { return Named::default() };
        share(references().into_iter().filter(|(_, name)| namespaces.contains(&*name.namespace)), MOST_NAMED)
    }
}

impl Scope {
    /// One object.
    #[must_use]
    pub fn single((kind, ObjectName { namespace, name }): &Key) -> Self {
        Self { kind: *kind, namespace: Some(namespace.to_string()), name: Some(name.to_string()) }
    }

    /// True when an object of this kind and name comes by this watch.
    #[must_use]
    pub fn covers(&self, kind: Kind, name: &ObjectName) -> bool {
        kind == self.kind
            && self.namespace.as_deref().is_none_or(|namespace| namespace == &*name.namespace)
            && self.name.as_deref().is_none_or(|own| own == &*name.name)
    }

    /// True when the server would send this object by this watch, as far as its kind, name and labels go.
    #[must_use]
    pub fn selects(&self, object: &Object) -> bool {
        let by_label = self.name.is_none() && matches!(object.kind, Kind::Secret | Kind::ConfigMap);
        self.covers(object.kind, &object.name) && (!by_label || object.is_labelled(WATCH_LABEL))
    }

    /// What the server is asked for.
    #[must_use]
    pub fn watcher_config(&self, class: &str) -> watcher::Config {
        let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE_SIZE);
        match (&self.name, self.kind) {
            // Role rules with resourceNames allow exactly this field selector.
            (Some(name), _) => config.fields(&format!("metadata.name={name}")),
            (None, Kind::Secret | Kind::ConfigMap) => config.labels(WATCH_LABEL),
            (None, Kind::Namespace) => config,
            (None, _) => config.fields(&format!("spec.className={class}")),
        }
    }
}

impl Progress {
    /// A watch that begins now. With `patient_from`, being forbidden counts as if it had been so since then.
    #[must_use]
    pub fn new(epoch: u64, now: Instant, patient_from: Option<Instant>) -> Self {
        Self {
            epoch,
            listed: false,
            arriving: Vec::new(),
            held: None,
            opened: false,
            forbidden_since: None,
            given_up: false,
            failing: false,
            began: now,
            patient_from,
            last_sign: None,
        }
    }

    /// Something came from the server.
    pub fn sign(&mut self, now: Instant) {
        self.last_sign = Some(now);
    }

    /// A LIST begins.
    pub fn list(&mut self) {
        self.arriving = Vec::new();
        self.held = None;
    }

    /// One object of it.
    pub fn arrived(&mut self, object: Object, now: Instant) {
        self.sign(now);
        self.arriving.push(object);
    }

    /// It is complete: its objects, when they count. Before the first watch they are held: whoever may list and not watch
    /// would see them as they are now for ever, grants that were revoked since then included.
    pub fn complete(&mut self, now: Instant) -> Option<Vec<Object>> {
        self.sign(now);
        let objects = std::mem::take(&mut self.arriving);
        if self.opened {
            self.listed = true;
            return Some(objects);
        }
        self.held = Some(objects);
        None
    }

    /// A watch was opened with success: everything is as it should be. Objects that were held for it count now.
    pub fn opened(&mut self, now: Instant) -> Option<Vec<Object>> {
        self.sign(now);
        self.failing = false;
        self.opened = true;
        self.forbidden_since = None;
        self.given_up = false;
        let objects = self.held.take()?;
        self.listed = true;
        Some(objects)
    }

    /// An error; true when it is the first one in a row. Another one than "forbidden" says nothing of permissions.
    pub fn failed(&mut self, forbidden: bool, now: Instant) -> bool {
        let since = self.forbidden_since.or(self.patient_from).unwrap_or(now);
        self.forbidden_since = forbidden.then_some(since);
        !std::mem::replace(&mut self.failing, true)
    }

    /// When it began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Gives up on a scope that has been forbidden for too long; true when that is news.
    pub fn give_up(&mut self, now: Instant) -> bool {
        let late = self.forbidden_since.is_some_and(|since| now.duration_since(since) >= PATIENCE);
        let news = late && !self.given_up;
        self.given_up |= late;
        news
    }

    /// True when its contents are known and will be kept up to date.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.listed && !self.given_up
    }

    /// Goes on without an answer; what may still come counts then.
    pub fn go_on_without(&mut self) {
        self.given_up = true;
    }

    /// True when there is nothing to wait for: in step, or given up, and the last answer was no error.
    #[must_use]
    pub fn steady(&self) -> bool {
        self.given_up || (self.listed && !self.failing)
    }

    /// True when nobody has to wait for it: in step, or given up.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.listed || self.given_up
    }

    /// The last sign of life.
    #[must_use]
    pub fn heard(&self) -> Instant {
        self.last_sign.unwrap_or(self.began)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}"),
            (Some(namespace), None) => write!(f, " in {namespace}"),
            _ => write!(f, " in all namespaces"),
        }
    }
}
