//! One state of all hooks, with the workers that serve it. A request pins it, so that what a hook is given, what it is
//! asked and what its answer is kept by all belong to the same text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use osp_core::access::Inquiry;
use osp_core::model::{Callable, HookName};
use osp_core::sigv4::SecretKey;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::id::Revision;
use crate::log::redacted;
use crate::metrics::Metrics;
use crate::outcome::{Answer, BackendCredentials, NoAnswer, Outcome, Verdict};
use crate::plan::Plan;
use crate::question::{Input, Inputs, Name, Value, Values, given, size};
use crate::queue::{Job, Queue};
use crate::settings::{MAX_DEADLINE, MAX_FRAME_BYTES, MIN_BUDGET, Settings};
use crate::wire::Call;

/// A state of the hooks. Its workers end when nobody has it pinned any more.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) plan: Arc<Plan>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) hidden: Arc<[String]>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// On whose behalf a hook is asked. No input of the hook: answers that are kept by [`Inputs`] do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// Access key id. Clients share workers and queue fairly.
    pub client: &'a str,
    /// The route's own deadline; `None` = the gateway's.
    pub deadline: Option<Duration>,
}

impl<'a> Asker<'a> {
    /// This client, with the gateway's deadline.
    #[must_use]
    pub const fn of(client: &'a str) -> Self {
        Self { client, deadline: None }
    }
}

/// The hooks as they are now. Keep it for one request, not longer: the workers of an old state stay for it.
#[derive(Debug, Clone)]
pub struct Pinned(pub(crate) Arc<Crew>);

impl Pinned {
    /// What `authorize` of this hook is given of a question: the key that its verdict may be kept by.
    ///
    /// # Errors
    /// [`NoAnswer::NoHook`], [`NoAnswer::NoCallable`].
    pub fn inputs(&self, hook: &HookName, question: &Inquiry) -> Outcome<Inputs> {
        self.make(hook, Callable::Authorize, |inputs| given(inputs, question))
    }

    /// Asks `authorize`.
    ///
    /// # Errors
    /// Every [`NoAnswer`] but `WrongType`, which is a denial here.
    pub async fn authorize(&self, inputs: &Inputs, asker: Asker<'_>) -> Outcome<Verdict> {
        if inputs.callable != Callable::Authorize {
            return Err(NoAnswer::NoCallable);
        }
        self.ask(inputs, asker).await.verdict()
    }

    /// Asks `lookup_secret` for the secret of an access key id; `None`: there is no such key.
    ///
    /// # Errors
    /// Every [`NoAnswer`].
    pub async fn lookup_secret(&self, hook: &HookName, access_key: &str) -> Outcome<Option<SecretKey>> {
        self.lookup(hook, access_key, Asker::of(access_key)).await
    }

    pub(crate) async fn lookup(
        &self,
        hook: &HookName,
        access_key: &str,
        asker: Asker<'_>,
    ) -> Outcome<Option<SecretKey>> {
        let values = |_: &[Input]| [(Name::Token, Value::Text(access_key.to_owned()))].into();
        let inputs = self.make(hook, Callable::LookupSecret, values)?;
        self.ask(&inputs, asker).await.secret()
    }

    /// What `fetch_credentials` of this hook is given: the key that the credentials may be kept by. `parameters` are those
    /// of the `CredentialSource`.
    ///
    /// # Errors
    /// [`NoAnswer::NoHook`], [`NoAnswer::NoCallable`].
    pub fn credential_inputs(
        &self,
        hook: &HookName,
        (token, bucket): (&str, &str),
        parameters: &BTreeMap<String, String>,
    ) -> Outcome<Inputs> {
        self.make(hook, Callable::FetchCredentials, |inputs| {
            let question = Inquiry { token: token.to_owned(), bucket: bucket.to_owned(), ..Inquiry::default() };
            let mut values = given(inputs, &question);
            if inputs.contains(&Input::Parameters) {
                values.insert(Name::Parameters, Value::Map(parameters.clone()));
            }
            values
        })
    }

    /// Asks `fetch_credentials`.
    ///
    /// # Errors
    /// Every [`NoAnswer`].
    pub async fn fetch_credentials(&self, inputs: &Inputs, asker: Asker<'_>) -> Outcome<BackendCredentials> {
        if inputs.callable != Callable::FetchCredentials {
            return Err(NoAnswer::NoCallable);
        }
        self.ask(inputs, asker).await.credentials()
    }

    /// Which text of a hook answers.
    pub(crate) fn revision(&self, hook: &HookName, callable: Callable) -> Outcome<Revision> {
        self.declared(hook, callable).map(|(revision, _)| revision)
    }

    /// The same, and what it wants to be given.
    pub(crate) fn declared(&self, hook: &HookName, callable: Callable) -> Outcome<(Revision, &[Input])> {
        let (_, planned) = self.0.plan.find(hook).ok_or(NoAnswer::NoHook)?;
        let inputs = planned.inputs(callable).ok_or(NoAnswer::NoCallable)?;
        Ok((planned.text.revision, inputs))
    }

    /// What a caller waits at most, unless it says otherwise.
    pub(crate) fn deadline(&self) -> Duration {
        self.0.settings.deadline
    }

    fn make(&self, hook: &HookName, callable: Callable, values: impl FnOnce(&[Input]) -> Values) -> Outcome<Inputs> {
        let (revision, inputs) = self.declared(hook, callable)?;
        let values = Arc::new(values(inputs));
        Ok(Inputs { hook: hook.clone(), revision, callable, values })
    }

    /// Every answer passes here: counted and logged once.
    async fn ask(&self, inputs: &Inputs, asker: Asker<'_>) -> Answer {
        let begun = Instant::now();
        let answer = match self.0.plan.find(&inputs.hook) {
            // inputs of an older state are no question to this one
            Some((number, planned)) if planned.text.revision == inputs.revision => {
                self.0.call(number, inputs, begun, asker).await
            }
            _ => Answer::NoAnswer(NoAnswer::NoHook),
        };
        self.0.record(inputs, &answer, begun.elapsed());
        answer
    }
}

impl Crew {
    async fn call(&self, hook: u32, inputs: &Inputs, begun: Instant, asker: Asker<'_>) -> Answer {
        if size(&inputs.values) > MAX_FRAME_BYTES / 2 {
            return Answer::NoAnswer(NoAnswer::TooLarge); // half: room for lengths and names
        }
        let deadline = asker.deadline.unwrap_or(self.settings.deadline).min(MAX_DEADLINE);
        let due = begun + deadline;
        let (reply, answer) = oneshot::channel();
        let call = Call { hook, callable: inputs.callable, values: Arc::clone(&inputs.values) };
        let job = Job { call, token: asker.client.into(), due, budget: deadline.max(MIN_BUDGET), reply };
        if let Err(why) = self.queue.push(job) {
            return Answer::NoAnswer(why);
        }
        self.metrics.waiting(self.queue.depth());
        match timeout_at(due.into(), answer).await {
            Ok(Ok(answer)) => answer,
            // dropped in the queue because it was too late, which may be a moment before this clock says so
            Ok(Err(_)) if Instant::now() >= due => Answer::NoAnswer(NoAnswer::Timeout),
            Ok(Err(_)) => Answer::NoAnswer(NoAnswer::Stopped),
            Err(_) => Answer::NoAnswer(NoAnswer::Timeout),
        }
    }

    fn record(&self, inputs: &Inputs, answer: &Answer, after: Duration) {
        let (hook, callable) = (inputs.hook.as_str(), inputs.callable);
        self.metrics.answered(hook, callable, answer.label(), after);
        self.metrics.waiting(self.queue.depth());
        if let Answer::NoAnswer(why) = answer {
            let why = why.to_string();
            let why = redacted(&self.hidden, &why);
            tracing::warn!(hook, callable = callable.name(), reason = answer.label(), "no answer of a hook: {why}");
        }
    }
}
