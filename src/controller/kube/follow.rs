//! One task for each scope: watches, and tells what it sees in order.

use futures::{Stream, StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use osp_core::model::Kind;
use tokio::sync::mpsc;

use super::client::listening;
use super::object::{Object, resource};
use super::resilient::{resilient, status_code, told};
use super::scope::Scope;

/// What one watch tells.
#[derive(Debug)]
pub struct Message {
    /// Who tells it.
    pub scope: Scope,
    /// Which watch of this scope: another one each time that it is opened.
    pub epoch: u64,
    /// What.
    pub seen: Seen,
}

/// One watch, as those who listen know it.
#[derive(Debug, Clone)]
pub struct Teller {
    /// What it covers.
    pub scope: Scope,
    /// Its number.
    pub epoch: u64,
    /// Who listens.
    pub messages: mpsc::Sender<Message>,
}

impl Teller {
    /// False when nobody listens any more: the process ends.
    async fn tell(&self, seen: Seen) -> bool {
        let Self { scope, epoch, messages } = self;
        messages.send(Message { scope: scope.clone(), epoch: *epoch, seen }).await.is_ok()
    }
}

/// What happened on a watch.
#[derive(Debug)]
pub enum Seen {
    /// A LIST begins.
    Init,
    /// One object of the LIST.
    Listed(Object),
    /// The LIST is complete: what was not in it is gone.
    InitDone,
    /// An object was added or changed.
    Applied(Object),
    /// An object was deleted, or left the selection.
    Deleted(Object),
    /// The server answered a LIST, with whatever status: there is one.
    Answered,
    /// The server answered the opening of a watch with this status.
    Opened(u16),
    /// An error; the watch goes on after a pause.
    Failed {
        /// HTTP status, when there was an answer.
        status: Option<u16>,
        /// For people.
        message: String,
    },
}

impl Seen {
    /// For metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Listed(_) => "listed",
            Self::InitDone => "init_done",
            Self::Applied(_) => "applied",
            Self::Deleted(_) => "deleted",
            Self::Answered => "answered",
            Self::Opened(_) => "opened",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Watches a scope until nobody listens.
pub async fn follow(client: Client, class: String, teller: Teller) {
    let answered = {
        let teller = teller.clone();
        move |is_watch, status| {
            let teller = teller.clone();
            async move {
                teller.tell(if is_watch { Seen::Opened(status) } else { Seen::Answered }).await;
            }
        }
    };
    let client = listening(client, answered);
    let config = teller.scope.watcher_config(&class);
    let kind = teller.scope.kind;
    if kind == Kind::Namespace {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
        pass_on(resilient(api, config), teller, |received| Object::partial(kind, received)).await;
    } else {
        let resource = resource(kind);
        let api: Api<DynamicObject> = match &teller.scope.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        pass_on(resilient(api, config), teller, |received| Object::new(kind, received)).await;
    }
}

async fn pass_on<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    teller: Teller,
    strip: impl Fn(K) -> Option<Object>,
) {
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let seen = match event {
            Ok(Event::Init) => Some(Seen::Init),
            Ok(Event::InitApply(object)) => strip(object).map(Seen::Listed),
            Ok(Event::InitDone) => Some(Seen::InitDone),
            Ok(Event::Apply(object)) => strip(object).map(Seen::Applied),
            Ok(Event::Delete(object)) => strip(object).map(Seen::Deleted),
            Err(error) => Some(Seen::Failed { status: status_code(&error), message: told(&error) }),
        };
        let Some(seen) = seen else { continue };
        if !teller.tell(seen).await {
            return;
        }
    }
}
