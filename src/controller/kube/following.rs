//! What one process knows of its cluster, and what it does about news: state without a loop.

mod patience;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use osp_core::model::{HookStates, Kind};
use osp_core::table::Publisher;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::Instant;

use super::build::{Built, build, keep, plan, plan_one, restore};
use super::conditions::Desired;
use super::follow::{Message, Seen, Teller, follow};
use super::metrics::Metrics;
use super::named::{MOST_NAMED, Named};
use super::object::{OURS, Object};
use super::scope::{Progress, Scope};
use super::source::Source;
use super::status::Board;
use super::store::{Change, Key, Store};
use super::{Applied, Settings, WallClock, disk};
use crate::debounce::Debounce;

/// All statuses are compared this often, whatever was missed.
const COMPARE: Duration = Duration::from_secs(60);
/// Problems that are logged one by one after a change; the rest is a number.
const MOST_LOGGED: usize = 100;

/// Where the table in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InForce {
    Nothing,
    Disk,
    Cluster,
}

pub struct Following {
    settings: Settings,
    client: Client,
    metrics: Metrics,
    wall: WallClock,
    board: Arc<Board>,
    /// `None` only while a rebuild has them.
    work: Option<(Store, Publisher)>,
    scopes: BTreeMap<Scope, (Progress, AbortHandle)>,
    /// Number of watches that were ever opened.
    epochs: u64,
    /// One for each scope.
    pub tasks: JoinSet<()>,
    messages: mpsc::Sender<Message>,
    debounce: Debounce,
    began: Instant,
    /// When the API server answered last, with whatever status.
    answered: Instant,
    /// The disk is looked at once: nobody but this process writes there.
    disk_tried: bool,
    /// Since when every watch that is there from the start is in step; `None` while one of them is not.
    steady_since: Option<Instant>,
    /// Number of references that are not watched.
    unwatched: usize,
    compared: Instant,
    in_force: InForce,
    desired: BTreeMap<Key, Desired>,
    logged: BTreeSet<String>,
}

impl Following {
    /// Opens all watches.
    pub fn new(source: Source, client: Client, board: Arc<Board>, messages: mpsc::Sender<Message>) -> Self {
        let Source { settings, publisher, metrics, wall, hooks: _ } = source;
        let store = Store::new(settings.process.clone(), settings.snapshot_dir.is_some());
        let scopes = settings.watch.scopes(settings.namespace_labels);
        let now = Instant::now();
        let mut following = Self {
            settings,
            client,
            metrics,
            wall,
            board,
            work: Some((store, publisher)),
            scopes: BTreeMap::new(),
            epochs: 0,
            tasks: JoinSet::new(),
            messages,
            debounce: Debounce::default(),
            began: now,
            answered: now,
            disk_tried: false,
            steady_since: None,
            unwatched: 0,
            compared: now,
            in_force: InForce::Nothing,
            desired: BTreeMap::new(),
            logged: BTreeSet::new(),
        };
        following.open(scopes);
        following
    }

    fn open(&mut self, scopes: impl IntoIterator<Item = Scope>) {
        for scope in scopes {
            let (client, class) = (self.client.clone(), self.settings.process.class.clone());
            self.epochs += 1;
            let teller = Teller { scope: scope.clone(), epoch: self.epochs, messages: self.messages.clone() };
            let task = self.tasks.spawn(follow(client, class, teller));
            let now = Instant::now();
            // References come and go: if each new one were waited for, readiness would be in the hands of whoever edits.
            let progress = Progress::new(self.epochs, now, scope.name.is_some().then_some(self.began));
            self.scopes.insert(scope, (progress, task));
        }
    }

    /// Takes in what a watch tells.
    pub fn hear(&mut self, Message { scope, epoch, seen }: Message) {
        let now = Instant::now();
        let Some((store, _)) = &mut self.work else { return };
        // The last words of a watch that was closed count no more, not even when there is another one of the same scope.
        let Some((progress, _)) = self.scopes.get_mut(&scope).filter(|(progress, _)| progress.epoch == epoch) else {
            return;
        };
        let kind = scope.kind;
        self.metrics.event(kind, seen.name());
        if !matches!(seen, Seen::Init | Seen::Failed { status: None, .. }) {
            self.answered = now;
        }
        let mut touched = None;
        let change = match seen {
            Seen::Init => {
                progress.list();
                Change::Nothing
            }
            Seen::Listed(object) => {
                progress.arrived(object, now);
                Change::Nothing
            }
            Seen::InitDone => replace(store, &scope, progress.complete(now)),
            Seen::Applied(object) => {
                progress.sign(now);
                let key = (object.kind, object.name.clone());
                touched = Some(key);
                store.apply(object)
            }
            Seen::Deleted(object) => {
                progress.sign(now);
                store.remove(&(object.kind, object.name))
            }
            Seen::Opened(200..300) => replace(store, &scope, progress.opened(now)),
            Seen::Answered | Seen::Opened(_) => Change::Nothing,
            Seen::Failed { status, message } => {
                self.metrics.error(kind, status);
                if progress.failed(status == Some(403), now) {
                    tracing::warn!(%scope, message, "a watch failed; it is tried again");
                }
                if progress.give_up(now) {
                    log_forbidden(&scope);
                    self.debounce.event(now);
                }
                Change::Nothing
            }
        };
        self.act_on(change, touched, now);
    }

    /// Takes in what has become of the hooks of the process.
    pub fn hear_of_hooks(&mut self, hooks: Arc<HookStates>) {
        if let Some((store, _)) = &mut self.work {
            store.set_hooks(Arc::clone(&hooks));
        }
        // for a store that is made of what is on disk
        self.settings.process.hooks = Some(hooks);
        self.debounce.event(Instant::now());
    }

    fn act_on(&mut self, change: Change, touched: Option<Key>, now: Instant) {
        if change == Change::Inputs {
            self.debounce.event(now);
            self.follow_references();
        }
        if change == Change::Status {
            match touched {
                Some(key) => self.compare_one(&key),
                None => self.compare_all(),
            }
        }
        self.begin_when_settled(now);
    }

    /// Opens and closes the watches of single objects.
    fn follow_references(&mut self) {
        let Some((store, _)) = &mut self.work else { return };
        let Named { watched: wanted, beyond } = self.settings.watch.named(|| store.references());
        if !beyond.is_empty() && self.unwatched == 0 {
            tracing::error!(most = MOST_NAMED, "too many Secrets and ConfigMaps are referred to: not all are watched");
        }
        self.unwatched = beyond.len();
        self.metrics.unwatched(self.unwatched);
        store.set_unwatched(beyond);
        let closed: Vec<Scope> =
            self.scopes.keys().filter(|scope| scope.name.is_some() && !wanted.contains(*scope)).cloned().collect();
        for scope in closed {
            if let Some((_, task)) = self.scopes.remove(&scope) {
                task.abort();
            }
            store.replace(&scope, Vec::new());
        }
        let opened: Vec<Scope> = wanted.into_iter().filter(|scope| !self.scopes.contains_key(scope)).collect();
        self.open(opened);
    }

    /// Compiles and publishes what is known.
    pub async fn rebuild(&mut self) -> Option<Applied> {
        self.debounce = Debounce::default();
        let incomplete = self.incomplete();
        let unread: Vec<Scope> =
            self.scopes.iter().filter(|(_, (progress, _))| !progress.listed).map(|(scope, _)| scope.clone()).collect();
        let job = move |store: &mut Store, publisher: &Publisher, settings: &Settings| {
            keep(store, settings, &unread);
            build(store, publisher, settings)
        };
        let built = self.with_work(incomplete, job).await?;
        self.in_force = InForce::Cluster;
        self.report(&built);
        let applied = applied(&built);
        self.desired = built.desired;
        self.logged = built.problems;
        self.compare_all();
        Some(applied)
    }

    /// Lends store and publisher to a thread that may be busy for a while. `None` when they are lent already, which this
    /// file does not do.
    async fn with_work(
        &mut self,
        incomplete: bool,
        job: impl FnOnce(&mut Store, &Publisher, &Settings) -> Built + Send + 'static,
    ) -> Option<Built> {
        let (mut store, publisher) = self.work.take()?;
        let settings = self.settings.clone();
        let done = spawn_blocking(move || {
            store.set_incomplete(incomplete);
            let built = job(&mut store, &publisher, &settings);
            (store, publisher, built)
        });
        match done.await {
            Ok((store, publisher, built)) => {
                self.work = Some((store, publisher));
                Some(built)
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // cancelled: the process ends
                Err(_) => None,
            },
        }
    }

    fn report(&self, built: &Built) {
        let Built { fingerprint, served, broken, problems, .. } = built;
        self.measure();
        self.metrics.swapped(built.took, (self.wall)());
        if let Some((store, _)) = &self.work {
            for (kind, count) in store.counts() {
                self.metrics.objects(kind, count);
            }
        }
        for kind in OURS {
            self.metrics.rejected(kind, built.rejected.get(&kind).copied().unwrap_or_default());
        }
        tracing::info!(
            hash = built.hash,
            fingerprint = format!("{fingerprint:016x}"),
            served,
            broken,
            problems = problems.len(),
            "configuration applied"
        );
        for problem in problems.difference(&self.logged).take(MOST_LOGGED) {
            tracing::warn!(problem, "configuration problem");
        }
    }

    fn compare_all(&mut self) {
        self.compared = Instant::now();
        if let (Some((store, _)), Some(_)) = (&self.work, &self.settings.statuses) {
            self.board.replace(plan(store, &self.desired, (self.wall)()));
        }
    }

    fn compare_one(&self, key: &Key) {
        if let (Some((store, _)), Some(_)) = (&self.work, &self.settings.statuses) {
            self.board.set(key, plan_one(store, &self.desired, key, (self.wall)()));
        }
    }

    fn measure(&self) {
        self.metrics.quiet_since(self.scopes.values().map(|(progress, _)| progress.heard()).min());
        let mut in_step: BTreeMap<Kind, bool> = BTreeMap::new();
        for (scope, (progress, _)) in &self.scopes {
            *in_step.entry(scope.kind).or_insert(true) &= progress.synced();
        }
        in_step.into_iter().for_each(|(kind, synced)| self.metrics.synced(kind, synced));
    }

    /// What time alone changes.
    pub async fn look(&mut self) -> Option<Applied> {
        let now = Instant::now();
        let mut news = false;
        for (scope, (progress, _)) in &mut self.scopes {
            if progress.give_up(now) {
                log_forbidden(scope);
                news = true;
            }
        }
        if news {
            self.debounce.event(now);
        }
        self.measure();
        if now.duration_since(self.compared) >= COMPARE {
            self.compare_all();
        }
        let wanted = self.in_force == InForce::Nothing && !self.disk_tried;
        let applied = if wanted && self.is_silent(now) { self.load_from_disk().await } else { None };
        self.go_on_without_answers(now);
        self.begin_when_settled(now);
        applied
    }

    /// The API server does not answer: what it said last, before this process was started, is better than nothing.
    async fn load_from_disk(&mut self) -> Option<Applied> {
        self.disk_tried = true;
        let dir = self.settings.snapshot_dir.clone()?;
        let objects = match disk::load(&dir, &self.settings.process.class) {
            Ok(objects) => objects,
            Err(error) => {
                tracing::warn!(%error, dir = %dir.display(), "no inputs on disk, and the API server does not answer");
                return None;
            }
        };
        let built = self
            .with_work(true, move |_, publisher, settings| build(&mut restore(objects, settings), publisher, settings))
            .await?;
        self.in_force = InForce::Disk;
        tracing::warn!("the API server does not answer: serving the last good inputs from disk");
        self.report(&built);
        Some(applied(&built))
    }
}

fn log_forbidden(scope: &Scope) {
    tracing::error!(%scope, "forbidden: going on without it; look at the Role of OSP's service account");
}

fn replace(store: &mut Store, scope: &Scope, objects: Option<Vec<Object>>) -> Change {
    objects.map_or(Change::Nothing, |objects| store.replace(scope, objects))
}

fn applied(built: &Built) -> Applied {
    let Built { hash, fingerprint, served, broken, problems, .. } = built;
    Applied {
        hash: hash.clone(),
        fingerprint: *fingerprint,
        served: *served,
        broken: *broken,
        problems: problems.len(),
    }
}
