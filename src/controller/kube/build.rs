//! Store -> table in force and the statuses that go with it. Runs beside the event loop: nothing here waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use osp_core::Timestamp;
use osp_core::model::{self, CredentialKind, Kind, ObjectName, Problem, Snapshot};
use osp_core::sigv4::AccessKeyId;
use osp_core::table::{Problems, Publisher, Rejection};
use tokio::time::Instant;

use super::conditions::{Desired, Unseen, Verdict, conditions};
use super::object::{Object, is_ours};
use super::scope::Scope;
use super::status::Due;
use super::store::{Key, Store};
use super::{Settings, WatchMode, disk};

/// What came of a rebuild.
#[derive(Debug)]
pub struct Built {
    /// Of the inputs.
    pub hash: String,
    /// Of the table.
    pub fingerprint: u64,
    /// Number of buckets that are served.
    pub served: usize,
    /// Number of buckets that answer 503.
    pub broken: usize,
    /// What every object of OSP's kinds should say of itself.
    pub desired: BTreeMap<Key, Desired>,
    /// Everything that is wrong, for the log: one line each, sorted.
    pub problems: BTreeSet<String>,
    /// Number of objects with a problem.
    pub rejected: BTreeMap<Kind, usize>,
    /// Compiling, statuses included; not the writing of the inputs.
    pub took: Duration,
}

/// Writes the inputs to disk, if they are kept: before the table that is made of them is put in force. Of the scopes that
/// this process has not read, what is there stays: one that is forbidden would else wipe out what was good.
pub fn keep(store: &Store, settings: &Settings, unread: &[Scope]) {
    let Some(dir) = &settings.snapshot_dir else { return };
    let class = &store.snapshot().process.class;
    let mut before = if unread.is_empty() { Vec::new() } else { disk::load(dir, class).unwrap_or_default() };
    before.retain(|object| unread.iter().any(|scope| scope.covers(object.kind, &object.name)));
    if let Err(error) = disk::save(dir, class, store.objects().chain(&before)) {
        tracing::error!(%error, dir = %dir.display(), "the last good inputs cannot be written");
        if let Err(error) = disk::forget(dir, class) {
            tracing::error!(%error, dir = %dir.display(), "nor can the old ones be removed: what was revoked is in them");
        }
    }
}

/// A store of objects that another process has kept: those that this one would watch, and no others. Settings and
/// references may have changed since then, and what is not watched is not allowed to be served.
pub fn restore(objects: Vec<Object>, settings: &Settings) -> Store {
    let mut store = Store::new(settings.process.clone(), false);
    let watched = settings.watch.scopes(settings.namespace_labels);
    let (selected, others): (Vec<Object>, Vec<Object>) =
        objects.into_iter().partition(|object| watched.iter().any(|scope| scope.selects(object)));
    for object in selected {
        store.apply(object);
    }
    let named = settings.watch.named(|| store.references());
    for object in others.into_iter().filter(|object| named.watched.iter().any(|scope| scope.selects(object))) {
        store.apply(object);
    }
    store.set_unwatched(named.beyond);
    // Routes that were made since then are not in it.
    store.set_incomplete(true);
    store
}

/// Compiles what is known and puts it in force.
pub fn build(store: &mut Store, publisher: &Publisher, settings: &Settings) -> Built {
    let began = Instant::now();
    let compiled = store.compile();
    let store = &*store;
    let lines: Vec<String> = compiled.rejections.iter().map(|one| line(one.kind, &one.name, &one.problem)).collect();
    let told = compiled.rejections.iter().zip(&lines).map(|(one, line)| (one, vec![line.clone()]));
    let told = Problems::sort(store.snapshot(), told);
    // Before anybody may say that it is programmed.
    let (table, _dropped_at_the_end) = publisher.publish(compiled.table.with_problems(told));
    let named = matches!(settings.watch, WatchMode::Named(_));
    let (rejections, notices) = (by_object(&compiled.rejections), by_object(&compiled.notices));
    let mut rejected: BTreeMap<Kind, usize> = BTreeMap::new();
    for (kind, _) in rejections.keys() {
        *rejected.entry(*kind).or_default() += 1;
    }
    let desired = store
        .all()
        .filter(|((kind, _), _)| is_ours(*kind))
        .map(|(key, known)| {
            let mine = (key.0, &key.1);
            let verdict = Verdict {
                kind: key.0,
                rejections: rejections.get(&mine).map_or(&[][..], Vec::as_slice),
                notices: notices.get(&mine).map_or(&[][..], Vec::as_slice),
                in_table: table.serves(&key.1),
                unseen: match named {
                    false => Unseen::Unlabelled,
                    true if store.refers_to_unwatched(known) => Unseen::Beyond,
                    true => Unseen::Nothing,
                },
            };
            let fields = fields(key, store.snapshot());
            let (version, generation) = (Arc::clone(known.version()), known.generation());
            (key.clone(), Desired { version, generation, conditions: conditions(&verdict), fields })
        })
        .collect();
    Built {
        hash: store.hash(),
        fingerprint: table.fingerprint(),
        served: table.routes().count(),
        broken: table.broken().count(),
        desired,
        problems: lines.into_iter().chain(unplaced(store)).collect(),
        rejected,
        took: began.elapsed(),
    }
}

/// The writes that bring every status in line.
pub fn plan(store: &Store, desired: &BTreeMap<Key, Desired>, now: Timestamp) -> BTreeMap<Key, Due> {
    desired.keys().filter_map(|key| Some((key.clone(), plan_one(store, desired, key, now)?))).collect()
}

/// The write for one object. None while it is another one than in the table: a rebuild is on its way, and until then
/// nothing true can be said of it. Its generation does not tell: an object that was made anew begins with 1 again.
pub fn plan_one(store: &Store, desired: &BTreeMap<Key, Desired>, key: &Key, now: Timestamp) -> Option<Due> {
    let (known, desired) = (store.known(key)?, desired.get(key)?);
    if known.version() != &desired.version {
        return None;
    }
    let patch = desired.difference(&known.observed, now)?;
    Some(Due { resource_version: known.resource_version.clone(), uid: known.uid().to_owned(), patch })
}

fn by_object(rejections: &[Rejection]) -> BTreeMap<(Kind, &ObjectName), Vec<&Rejection>> {
    let mut found: BTreeMap<(Kind, &ObjectName), Vec<&Rejection>> = BTreeMap::new();
    for rejection in rejections {
        if let Some(kind) = Kind::parse(rejection.kind) {
            found.entry((kind, &rejection.name)).or_default().push(rejection);
        }
    }
    found
}

/// What printer columns show and conditions do not say.
fn fields((kind, name): &Key, snapshot: &Snapshot) -> BTreeMap<&'static str, String> {
    let found = match kind {
        Kind::CredentialSource => {
            snapshot.credentials.get(name).and_then(model::Object::valid).map(|source| match source.kind {
                CredentialKind::Secret { .. } => ("type", "Secret".to_owned()),
                CredentialKind::IbmIam { .. } => ("type", "IBMIAM".to_owned()),
                CredentialKind::Python { .. } => ("type", "Python".to_owned()),
                CredentialKind::Anonymous => ("type", "Anonymous".to_owned()),
            })
        }
        Kind::ClientIdentity => snapshot.clients.get(name).and_then(model::Object::valid).and_then(|client| {
            client.secrets.iter().find_map(|reference| {
                let data = snapshot.secrets.get(&name.sibling(&reference.name))?;
                let id = AccessKeyId::parse(std::str::from_utf8(data.get(&reference.access_key_id_key)?).ok()?)?;
                Some(("accessKeyID", id.as_str().to_owned()))
            })
        }),
        _ => None,
    };
    found.into_iter().collect()
}

/// What is wrong with objects that have no place in the snapshot.
fn unplaced(store: &Store) -> impl Iterator<Item = String> {
    store.problems().map(|(key, problem)| line(key.0.as_str(), &key.1, problem))
}

/// For people: `BucketRoute team-a/data spec.match.bucket: Conflicted: ...`.
fn line(kind: &str, name: &ObjectName, Problem { field, reason, message }: &Problem) -> String {
    let space = if field.is_empty() { "" } else { " " };
    format!("{kind} {name}{space}{field}: {reason}: {message}")
}
