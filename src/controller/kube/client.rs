//! The connection to the API server: where it is, and how long it may be silent.

use std::path::Path;
use std::time::Duration;

use http::{Request, Response};
use kube::client::{Body, Client, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tower::timeout::TimeoutLayer;
use tower::{BoxError, Service};

/// Nothing arrives on a connection for this long: it is dead. Above the 65 s after which an open watch is opened anew, or a
/// quiet watch would fail every minute.
const READ_TIMEOUT: Duration = Duration::from_secs(70);

/// From a request to the head of its answer. A LIST and the opening of a watch have no other limit.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

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
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
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
            let answer = client.send(request).await?;
            answered(is_watch, answer.status().as_u16()).await;
            Ok::<_, kube::Error>(answer)
        }
    });
    Client::new(service, namespace)
}
