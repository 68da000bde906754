//! All hooks of a gateway: which are in force, and how a change comes into force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use osp_core::access::Inquiry;
use osp_core::model::{HookName, HookState, HookStates};
use osp_core::sigv4::SecretKey;
use tokio::sync::{Mutex, watch};
use tokio::time::sleep;

use crate::crew::{Asker, Crew, Pinned};
use crate::directory::settled;
use crate::log::hidden;
use crate::metrics::Metrics;
use crate::outcome::{BackendCredentials, Outcome, Verdict};
use crate::plan::{Plan, Refusals, Text};
use crate::queue::{Queue, Shares};
use crate::settings::{Isolation, LAST_BACK_OFF, POLL, Settings};
use crate::state::Memory;
use crate::{process, thread};

/// The hooks of a gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hooks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    hidden: Arc<[String]>,
    office: Office,
    crew: ArcSwap<Crew>,
    states: watch::Sender<Arc<HookStates>>,
    /// One reload at a time.
    memory: Mutex<Memory>,
}

#[derive(Debug)]
enum Office {
    Process(process::Office),
    Thread(Arc<thread::Office>),
}

/// What a look at the directory has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The directory is as it was.
    None,
    /// Everything in the directory is in force.
    Applied,
    /// Something does not load: see [`Hooks::states`].
    Partly,
}

/// What [`check`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What there is to say of every hook.
    pub states: HookStates,
    /// Python files whose names no route could say.
    pub ignored: BTreeSet<String>,
}

/// Loads every file of a directory as a gateway would, and says what there is to say of each. Nothing is asked.
///
/// # Errors
/// The directory cannot be read, or no worker can be started.
pub async fn check(settings: Settings) -> Result<Checked, String> {
    let metrics = Metrics::register(&prometheus::Registry::new()).map_err(|error| error.to_string())?;
    let files = settled(&settings.dir).map_err(|error| format!("{}: {error}", settings.dir.display()))?;
    let (mut memory, hidden) = (Memory::default(), hidden(&settings.environment));
    let wanted = memory.wanted(&settings.dir, &files, &Plan::default());
    // always in a process: a file that is looked at for the first time may do anything
    let office = process::Office { settings: Arc::new(settings), metrics: Arc::new(metrics), hidden };
    let (plan, refused) = process::plan(&office, &wanted).await?;
    let ignored = files.ignored.clone();
    Ok(Checked { states: memory.conclude(files, &plan, &refused), ignored })
}

impl Hooks {
    /// Loads the directory and starts the workers. A hook that does not load is no error: it is [`HookState::Invalid`], and
    /// questions to it have no answer.
    ///
    /// # Errors
    /// The directory cannot be read, or no worker can be started.
    pub async fn start(settings: Settings, metrics: Metrics) -> Result<Self, String> {
        let (settings, metrics) = (Arc::new(settings), Arc::new(metrics));
        let hidden = hidden(&settings.environment);
        let (given, counted, kept) = (Arc::clone(&settings), Arc::clone(&metrics), Arc::clone(&hidden));
        let office = match settings.isolation {
            Isolation::Process => Office::Process(process::Office { settings: given, metrics: counted, hidden: kept }),
            Isolation::Thread => Office::Thread(thread::open(given, counted, kept)?),
        };
        let nobody = Crew {
            plan: Arc::default(),
            queue: Queue::new(Shares::new(0, 0, 0)),
            settings: Arc::clone(&settings),
            metrics: Arc::clone(&metrics),
            hidden: Arc::clone(&hidden),
        };
        let (crew, states) = (ArcSwap::from_pointee(nobody), watch::Sender::default());
        let shared = Shared { settings, metrics, hidden, office, crew, states, memory: Mutex::default() };
        let hooks = Self { shared: Arc::new(shared) };
        hooks.reload().await?;
        Ok(hooks)
    }

    /// The hooks as they are now, for one request.
    #[must_use]
    pub fn pin(&self) -> Pinned {
        Pinned(self.shared.crew.load_full())
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// What there is to say of every hook.
    #[must_use]
    pub fn states(&self) -> Arc<HookStates> {
        Arc::clone(&self.shared.states.borrow())
    }

    /// The same from now on: for the conditions of whatever names hooks.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<Arc<HookStates>> {
        self.shared.states.subscribe()
    }

    /// May this client do this? For callers without a cache; others have [`Decisions`](crate::Decisions).
    ///
    /// # Errors
    /// No answer is never a yes.
    pub async fn authorize(&self, hook: &HookName, question: &Inquiry) -> Outcome<Verdict> {
        let pinned = self.pin();
        pinned.authorize(&pinned.inputs(hook, question)?, Asker::of(&question.token)).await
    }

    /// The secret of an access key id; `None`: there is no such key.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn lookup_secret(&self, hook: &HookName, access_key: &str) -> Outcome<Option<SecretKey>> {
        self.pin().lookup_secret(hook, access_key).await
    }

    /// The backend credentials for a client and a bucket.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn fetch_credentials(
        &self,
        hook: &HookName,
        asked: (&str, &str),
        parameters: &BTreeMap<String, String>,
    ) -> Outcome<BackendCredentials> {
        let pinned = self.pin();
        pinned.fetch_credentials(&pinned.credential_inputs(hook, asked, parameters)?, Asker::of(asked.0)).await
    }

    /// Looks at the directory every second, for ever. That is enough for the swap of a mounted `ConfigMap`, needs no
    /// events (which network mounts do not have), and a look is a few reads. Whoever has a watcher calls
    /// [`Self::reload`] instead.
    pub async fn follow(&self) {
        let mut wait = POLL;
        let mut told = None;
        loop {
            sleep(wait).await;
            let error = self.reload().await.err();
            wait = if error.is_some() { (wait * 2).min(LAST_BACK_OFF) } else { POLL };
            if let Some(error) = error.as_ref().filter(|error| told.as_ref() != Some(*error)) {
                tracing::error!(error, "hooks stay as they are");
            }
            told = error;
        }
    }

    /// Brings the directory's present state into force: starts new workers, and lets the old ones finish only when all of
    /// those have loaded it. What does not load stays as it is.
    ///
    /// # Errors
    /// The directory cannot be read, or no worker can be started: everything stays as it is, and the next call tries
    /// again.
    pub async fn reload(&self) -> Result<Change, String> {
        let shared = &*self.shared;
        let mut memory = shared.memory.lock().await;
        let dir = shared.settings.dir.clone();
        let files = tokio::task::spawn_blocking(move || settled(&dir)).await.map_err(|error| error.to_string())?;
        let files = files.map_err(|error| format!("{}: {error}", shared.settings.dir.display()))?;
        if !memory.is_news(&files) {
            return Ok(Change::None);
        }
        let current = shared.crew.load_full();
        let wanted = memory.wanted(&shared.settings.dir, &files, &current.plan);
        let (plan, refused) =
            shared.replace(&wanted, &current).await.inspect_err(|_| shared.metrics.reloaded(false))?;
        let ignored = files.ignored.clone();
        let states = memory.conclude(files, &plan, &refused);
        drop(memory);
        tell(&states, &ignored);
        let is_current = states.values().all(|state| matches!(state, HookState::Current { .. }));
        shared.metrics.reloaded(is_current);
        shared.metrics.states(&states);
        shared.states.send_replace(Arc::new(states));
        Ok(if is_current { Change::Applied } else { Change::Partly })
    }
}

fn tell(states: &HookStates, ignored: &BTreeSet<String>) {
    for name in ignored {
        tracing::warn!(name, "not a hook: no route could say this name");
    }
    for (hook, state) in states {
        if let HookState::Stale { why, .. } | HookState::Invalid { why } = state {
            tracing::error!(%hook, why, "a hook does not load");
        }
    }
}

impl Shared {
    /// Brings what loads of these texts into force. Returns the plan that is in force then.
    async fn replace(&self, wanted: &[Vec<Text>], current: &Crew) -> Result<(Arc<Plan>, Refusals), String> {
        match &self.office {
            Office::Process(office) => {
                let (plan, refused) = process::plan(office, wanted).await?;
                if !current.plan.is_replaced_by(&plan, wanted) {
                    return Ok((Arc::clone(&current.plan), refused));
                }
                let crew = self.crew(plan);
                process::hire(office, &crew.plan, &crew.queue).await?;
                Ok((self.put_in_force(crew), refused))
            }
            Office::Thread(office) => {
                let (plan, modules, refused) = thread::plan(office, wanted).await?;
                if !current.plan.is_replaced_by(&plan, wanted) {
                    thread::retire(office, modules)?;
                    return Ok((Arc::clone(&current.plan), refused));
                }
                let crew = self.crew(plan);
                thread::hire(office, &crew.plan, modules, &crew.queue)?;
                Ok((self.put_in_force(crew), refused))
            }
        }
    }

    fn crew(&self, plan: Plan) -> Crew {
        let shares = Shares::new(self.settings.queue, self.settings.workers(), plan.hooks.len());
        Crew {
            plan: Arc::new(plan),
            queue: Queue::new(shares),
            settings: Arc::clone(&self.settings),
            metrics: Arc::clone(&self.metrics),
            hidden: Arc::clone(&self.hidden),
        }
    }

    fn put_in_force(&self, crew: Crew) -> Arc<Plan> {
        let plan = Arc::clone(&crew.plan);
        self.crew.store(Arc::new(crew));
        plan
    }
}
