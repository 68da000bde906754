//! The only file that names all crates: joins configuration, controller, data plane, admin listener and shutdown.

mod credentials;
mod documents;
mod hooks;

use std::fmt::Display;
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use osp_controller::kube::Stop;
use osp_core::model::ProcessRules;
use osp_core::s3::BaseHosts;
use osp_core::table;
use osp_dataplane::{
    AccessLog, CertificateFiles, CertificateStore, ClientTimeouts, Clock, Drain, Front, Gateway, LogFormat, Observer,
    PreBound, Proxy, RequestIds, Settings, Suppliers, SystemClock, SystemResolver, server_conf,
};
use pingora_core::server::{RunArgs, Server, ShutdownWatch};
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_proxy::http_proxy;
use serde_json::json;
use tokio::sync::watch;

pub(crate) use self::documents::table_of;
use self::documents::{Announcement, DocumentSource, Following};
use self::hooks::RunningHooks;
pub(crate) use self::hooks::{check_hooks, serve_if_hook_worker};
use crate::admin::{self, Admin};
use crate::telemetry::Metrics;
use crate::{Config, ConfigError, Failure};

/// Exit code when a part of the process ended that must not: whoever runs OSP starts it anew.
const PART_ENDED: i32 = 70;

/// Runs the gateway until it is told to stop.
pub(crate) fn serve(config: Config) -> Result<(), Failure> {
    let metrics = Metrics::new().map_err(failure)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let (publisher, reader) = table::live();
    let hooks = RunningHooks::start(&config, &metrics, &clock)?;
    let documents = DocumentSource::open(&config, (publisher, hooks.news()), &metrics, &clock)?;
    let sockets = Sockets::bind(&config)?;
    let observer = observer(&config, &metrics, &clock)?;
    let active = observer.metrics.active_connections.clone();
    let (drain, watch) = Drain::new(config.drain_delay, config.drain_timeout, active);
    let settings = settings(&config);
    let client = settings.client;
    let mut server = Server::new_with_opt_and_conf(None, server_conf(&settings));
    server.bootstrap();
    let admin = Admin {
        table: reader.clone(),
        draining: watch.draining.clone(),
        metrics: metrics.clone(),
        settings: Arc::new(config.effective()),
        base_hosts: Arc::from(config.base_hosts.as_slice()),
    };
    let draining = watch.draining.clone();
    let resolver = Box::new(SystemResolver::new(Arc::clone(&clock)));
    let credentials = credentials::credentials(&config, &metrics, &clock, hooks.credentials())?;
    let suppliers = Suppliers { resolver, credentials };
    let gateway = Gateway::new(settings, reader, Arc::clone(&observer), suppliers, watch.draining.clone());
    let gateway = gateway.with_policy(hooks.policy(), hooks.key_lookup());
    metrics.registry().register(Box::new(gateway.backend_health())).map_err(failure)?;
    let proxy = http_proxy(&server.configuration, Proxy(gateway));
    let front = Front::new(proxy, Arc::clone(&observer), watch, client);
    let announcement = sockets.announcement();
    sockets.start(&mut server, front, admin)?;
    let (released, release) = watch::channel(false);
    let following = documents.follow(Announcement(Some(announcement)), Stop { draining, released })?;
    server.add_service(background_service("configuration", Configuration(Mutex::new(Some(following)))));
    server.run(RunArgs { shutdown_signal: Box::new(drain.and_wait_for(release)) });
    observer.log.close();
    Ok(())
}

/// Prints every problem of a directory.
pub(crate) fn check(dir: &Path, process: &ProcessRules) -> Result<(), Failure> {
    let report = osp_controller::check(dir, process);
    if report.is_clean() {
        return Ok(());
    }
    Err(Failure::Documents(report.to_string().lines().map(str::to_owned).collect()))
}

/// Writes the definitions of the kinds.
pub(crate) fn crds(dir: Option<&Path>) -> Result<(), Failure> {
    let failure = |place: &Path, why: &dyn Display| Failure::Crds(format!("{}: {why}", place.display()));
    let definitions = osp_controller::crd::definitions().map_err(|why| Failure::Crds(why.to_string()))?;
    if let Some(dir) = dir {
        return definitions.iter().try_for_each(|one| {
            let file = dir.join(&one.file_name);
            std::fs::write(&file, &one.yaml).map_err(|why| failure(&file, &why))
        });
    }
    let stream: Vec<&str> = definitions.iter().map(|one| one.yaml.as_str()).collect();
    crate::print(&stream.join("---\n"))
}

/// The listeners of the process, bound before anything runs: a taken port is an error at start, and port 0 gets its
/// number here.
struct Sockets {
    http: Option<TcpListener>,
    https: Option<(TcpListener, Arc<CertificateStore>)>,
    admin: Option<TcpListener>,
}

impl Sockets {
    /// Binds all of them and reads the certificate; all failures at once.
    fn bind(config: &Config) -> Result<Self, Failure> {
        let mut errors = Vec::new();
        let mut error = |place: &str, reason: String| errors.push(ConfigError { place: place.to_owned(), reason });
        let mut listen = |place: &str, address: SocketAddr| match TcpListener::bind(address) {
            Ok(socket) => Some(socket),
            Err(why) => {
                error(place, format!("cannot listen on {address}: {why}"));
                None
            }
        };
        let http = config.http.and_then(|address| listen("httpListen", address));
        let admin = config.admin.and_then(|address| listen("adminListen", address));
        let https_socket = config.https.as_ref().and_then(|https| listen("httpsListen", https.listen));
        let files = config
            .https
            .as_ref()
            .map(|https| CertificateFiles { chain: https.certificate.clone(), key: https.key.clone() });
        let https = match (https_socket, files.map(CertificateStore::open)) {
            (Some(socket), Some(Ok(certificates))) => Some((socket, certificates)),
            (_, Some(Err(why))) => {
                error("tlsCert, tlsKey", why);
                None
            }
            _ => None,
        };
        if errors.is_empty() { Ok(Self { http, https, admin }) } else { Err(Failure::Config(errors)) }
    }

    /// The line that scripts and tests wait for.
    fn announcement(&self) -> String {
        let address = |socket: Option<&TcpListener>| {
            socket.and_then(|socket| socket.local_addr().ok()).map(|address| address.to_string())
        };
        let mut line = serde_json::Map::new();
        line.insert("ready".to_owned(), json!(true));
        let bound = [
            ("http", address(self.http.as_ref())),
            ("https", address(self.https.as_ref().map(|(socket, _)| socket))),
            ("admin", address(self.admin.as_ref())),
        ];
        line.extend(bound.into_iter().filter_map(|(name, address)| Some((name.to_owned(), json!(address?)))));
        serde_json::Value::Object(line).to_string()
    }

    /// Hands them to the server.
    fn start(self, server: &mut Server, front: Front, admin: Admin) -> Result<(), Failure> {
        let mut s3 = PreBound::new("s3", front);
        if let Some(socket) = self.http {
            s3.add(socket, None).map_err(failure)?;
        }
        if let Some((socket, certificates)) = self.https {
            s3.add(socket, Some(Arc::clone(&certificates))).map_err(failure)?;
            server.add_service(background_service("certificates", Certificates(certificates)));
        }
        server.add_service(s3);
        if let Some(socket) = self.admin {
            server.add_service(background_service("admin", AdminListener { socket: Mutex::new(Some(socket)), admin }));
        }
        Ok(())
    }
}

/// Follows the documents. Its end, a panic included, ends the process: a gateway that no longer hears of revoked keys
/// must not go on.
struct Configuration(Mutex<Option<Following>>);

#[async_trait]
impl BackgroundService for Configuration {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let Some(following) = taken(&self.0) else { return };
        let following = tokio::spawn(following);
        tokio::select! {
            ended = following => {
                tracing::error!(panicked = ended.is_err(), "the configuration is no longer followed: stopping");
                std::process::exit(PART_ENDED);
            }
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    }
}

/// Watches the HTTPS listener's files.
struct Certificates(Arc<CertificateStore>);

#[async_trait]
impl BackgroundService for Certificates {
    async fn start(&self, _shutdown: ShutdownWatch) {
        Arc::clone(&self.0).watch().await;
    }
}

/// Serves health, metrics and configuration.
struct AdminListener {
    socket: Mutex<Option<TcpListener>>,
    admin: Admin,
}

#[async_trait]
impl BackgroundService for AdminListener {
    async fn start(&self, shutdown: ShutdownWatch) {
        let Some(socket) = taken(&self.socket) else { return };
        if let Err(error) = admin::serve(socket, self.admin.clone(), shutdown).await {
            tracing::error!(%error, "the admin listener ended");
        }
    }
}

fn taken<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn settings(config: &Config) -> Settings {
    Settings {
        region: config.region.clone(),
        base_hosts: BaseHosts::new(config.base_hosts.iter().cloned()),
        trusted_proxies: config.trusted_proxies.clone(),
        server_name: config.server_name.clone(),
        max_attempts: config.max_attempts,
        threads: config.threads,
        client: ClientTimeouts {
            head: config.client_head_timeout,
            stall: config.client_stall_timeout,
            idle: config.client_idle_timeout,
        },
    }
}

fn observer(config: &Config, metrics: &Metrics, clock: &Arc<dyn Clock>) -> Result<Arc<Observer>, Failure> {
    let format = if std::io::stderr().is_terminal() { LogFormat::Human } else { LogFormat::Json };
    // ids of two processes differ: started at another second, or beside one another with another number
    let seed = clock.now().unix_seconds().unsigned_abs() << 24 ^ u64::from(std::process::id());
    Ok(Arc::new(Observer {
        metrics: osp_dataplane::Metrics::register(metrics.registry()).map_err(failure)?,
        log: AccessLog::start(format, std::io::stderr()).map_err(failure)?,
        clock: Arc::clone(clock),
        ids: RequestIds::new(seed),
        server_name: config.server_name.clone(),
    }))
}

pub(crate) fn failure(error: impl Display) -> Failure {
    Failure::Serve(error.to_string())
}
