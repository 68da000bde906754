//! The connection to the API server: where it is, and how long it may be silent.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use kube::client::{Body, Client, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::time::{Instant, Sleep, sleep};
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Service};

/// Nothing arrives on a connection for this long: it is dead. Above the 65 s after which an open watch is opened anew, or a
/// quiet watch would fail every minute.
const READ_TIMEOUT: Duration = Duration::from_secs(70);

/// From a request to the head of its answer. A LIST and the opening of a watch have no other limit.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Nothing more of the body of a LIST arrives for this long: its connection is dead. Watches are silent by nature, and
/// have a limit of their own.
const BODY_SILENCE: Duration = Duration::from_secs(15);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a kubeconfig nor a service account.
    #[error("neither a kubeconfig nor the service account of a pod: {0}")]
    Infer(#[from] kube::config::InferConfigError),
    /// The kubeconfig cannot be read or understood.
    #[error("kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// Certificates or credentials that cannot be used.
    #[error("{0}")]
    Client(#[from] kube::Error),
}

/// Where a cluster is and who OSP is there.
#[derive(Debug, Clone)]
pub struct Cluster(kube::Config);

impl Cluster {
    /// The cluster that `kubeconfig` names; without one that of `KUBECONFIG`, of `~/.kube/config` or of the pod's service
    /// account. Connects to nothing.
    ///
    /// # Errors
    /// No configuration, or one that cannot be understood.
    pub async fn find(kubeconfig: Option<&Path>) -> Result<Self, ClientError> {
        let mut config = match kubeconfig {
            Some(file) => {
                let read = Kubeconfig::read_from(file)?;
                kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?
            }
            None => kube::Config::infer().await?,
        };
        config.read_timeout = Some(READ_TIMEOUT);
        // Else the time that a pooled connection was idle would count.
        config.reset_reader_on_write = true;
        // Whoever asks here has his own pace: watches, the lease and the status writer.
        config.default_retry = false;
        Ok(Self(config))
    }

    /// A client. Needs a running runtime; connects when it is used.
    ///
    /// # Errors
    /// Certificates or credentials that cannot be used.
    pub fn client(self) -> Result<Client, ClientError> {
        Ok(bounded(ClientBuilder::try_from(self.0)?))
    }
}

/// The same limits on any connection.
pub fn bounded<S, B>(builder: ClientBuilder<S>) -> Client
where
    S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send + Sync,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    builder.with_layer(&TimeoutLayer::new(HEAD_TIMEOUT)).build()
}

/// The same client, and every answer is told with its status and whether it is one to the opening of a watch: re-openings
/// and bookmarks never reach the stream of objects, so this is the only sign of life of a quiet cluster.
pub(super) fn listening<F>(client: Client, answered: impl Fn(bool, u16) -> F + Clone + Send + 'static) -> Client
where
    F: Future<Output = ()> + Send + 'static,
{
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, answered) = (client.clone(), answered.clone());
        let is_watch = request.uri().query().is_some_and(|query| query.split('&').any(|one| one == "watch=true"));
        async move {
            let (head, body) = client.send(request).await?.into_parts();
            answered(is_watch, head.status.as_u16()).await;
            let limit = (!is_watch).then(|| Box::pin(sleep(BODY_SILENCE)));
            Ok::<_, kube::Error>(Response::from_parts(head, Awaited { body, limit }))
        }
    });
    Client::new(service, namespace)
}

/// A body that fails when it is silent for too long.
struct Awaited {
    body: Body,
    limit: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Awaited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, limit } = &mut *self;
        if let Poll::Ready(next) = Pin::new(body).poll_frame(context) {
            if let Some(limit) = limit {
                limit.as_mut().reset(Instant::now() + BODY_SILENCE);
            }
            return Poll::Ready(next.map(|frame| frame.map_err(Into::into)));
        }
        let Some(limit) = limit else { return Poll::Pending };
        limit.as_mut().poll(context).map(|()| Some(Err("the answer stopped half way".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
