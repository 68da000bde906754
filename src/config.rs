//! What the command line and `osp.yaml` mean: every setting of the process, typed, with its default.
//!
//! Two sources, one result: [`Config::resolve`] takes what was typed ([`crate::args::Serve`]) and what the file says
//! ([`File`]), lets flags win, and reports **all** mistakes of both at once. Routes and keys are no settings of the
//! process: they are documents, read by the controller.

mod credentials;
mod hooks;
mod kubernetes;
mod proxies;
mod settings;
mod tenancy;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use osp_core::model::{DEFAULT_CLASS, HostPort, HostRule, PatternRule, ProcessProxies, ProcessRules};
use serde_json::json;

pub use self::credentials::FetchedCredentials;
pub use self::hooks::Hooks;
pub use self::kubernetes::{Documents, Kubernetes, Mode};
pub use self::settings::File;
use self::settings::Settings;
use crate::args::Serve;
pub use osp_core::model::{format_duration, parse_duration};

/// Port of the original product; clients have it in their profiles.
const DEFAULT_HTTP: &str = "0.0.0.0:6190";
/// The usual unprivileged port for HTTPS.
const DEFAULT_HTTPS: &str = "0.0.0.0:8443";
/// Loopback: metrics and the effective configuration are for the operator of this machine until he says otherwise.
const DEFAULT_ADMIN: &str = "127.0.0.1:9090";
/// What SDKs assume when they are told no region.
const DEFAULT_REGION: &str = "us-east-1";
/// Says what answered, and no version.
const DEFAULT_SERVER_NAME: &str = "osp";
/// Time for load balancers to notice `/readyz` before connections are refused (kubernetes.md 3.9).
const DEFAULT_DRAIN_DELAY: Duration = Duration::from_secs(5);
/// Uploads are long; with the delay and a margin it fits a pod grace of 330 s.
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(315);
/// For a whole request head: clients send it at once.
const CLIENT_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Of silence in a body. Half of what a backend's silence is borne (120 s), so that it is never blamed for its client.
const CLIENT_STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// SDKs give up idle connections earlier.
const CLIENT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// One retry: a connection that the backend had just closed is replaced, a broken backend is not hammered.
const DEFAULT_MAX_ATTEMPTS: usize = 2;
/// Beyond this a retry helps nobody and multiplies the load on a backend in trouble.
const LARGEST_MAX_ATTEMPTS: usize = 10;
/// More threads than any machine has; a larger number is a typing mistake.
const LARGEST_THREADS: usize = 1024;

/// Every setting of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where routes, credentials, clients and secrets come from.
    pub documents: Documents,
    /// Documents with this `spec.className` are served.
    pub class: String,
    /// Where plain HTTP is served; port 0 picks a free one.
    pub http: Option<SocketAddr>,
    /// Where HTTPS is served.
    pub https: Option<Https>,
    /// Where health, metrics and the effective configuration are served.
    pub admin: Option<SocketAddr>,
    /// The region that `GetBucketLocation` and errors about signatures name.
    pub region: String,
    /// Host names of the gateway, lower case, without ports: `<bucket>.<host>` is virtual-host style.
    pub base_hosts: Vec<String>,
    /// `tenancy.hosts`: which namespaces may claim which base host.
    pub host_rules: Vec<HostRule>,
    /// `tenancy.bucketPatterns`: which namespaces may make routes of patterns; `None` = all of them.
    pub pattern_rules: Option<Vec<PatternRule>>,
    /// Where backends may be; empty = everywhere that is not forbidden anyway.
    pub allowed_endpoints: Vec<HostPort>,
    /// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment; no settings of the file, because they may hold a
    /// password.
    pub proxies: ProcessProxies,
    /// Peers whose `X-Forwarded-For` is believed, in the access log and by hooks.
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads of the data plane; at least 1.
    pub threads: usize,
    /// How long new requests are still accepted after SIGTERM.
    pub drain_delay: Duration,
    /// How long running requests may take after that.
    pub drain_timeout: Duration,
    /// How long a client may take for a request head.
    pub client_head_timeout: Duration,
    /// How long a client may be silent in the middle of a body, and not take an answer.
    pub client_stall_timeout: Duration,
    /// How long a client may keep a connection without a request.
    pub client_idle_timeout: Duration,
    /// The `Server` header of every answer, and the name in the log; a backend's own `Server` is hidden.
    pub server_name: String,
    /// Attempts at the backend per request, the first one included; at least 1.
    pub max_attempts: usize,
    /// How hooks are run; `None` = there are none.
    pub hooks: Option<Hooks>,
    /// `credentials`: those of backends that are fetched.
    pub credentials: FetchedCredentials,
}

/// The HTTPS listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Https {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Certificate chain, PEM; read again when it changes.
    pub certificate: PathBuf,
    /// Private key, PEM; read again when it changes.
    pub key: PathBuf,
}

/// One mistake, with the place where it can be corrected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// `--http-listen`, or `osp.yaml: httpListen`.
    pub place: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl Config {
    /// Reads the file of `--config`, when there is one, and the proxies of the environment, and resolves.
    ///
    /// # Errors
    /// Everything that is wrong, at once; a file that is not YAML leaves nothing else to be said of it.
    pub fn read(typed: &Serve) -> Result<Self, Vec<ConfigError>> {
        let file = match &typed.config {
            None => File::default(),
            Some(path) => read_file(path).map_err(|error| vec![error])?,
        };
        match (Self::resolve(typed, file), proxies::read(|name| std::env::var(name).ok())) {
            (Ok(config), Ok(proxies)) => Ok(Self { proxies, ..config }),
            (Ok(_), Err(errors)) | (Err(errors), Ok(_)) => Err(errors),
            (Err(first), Err(then)) => Err(first.into_iter().chain(then).collect()),
        }
    }

    /// Gives every setting its meaning: the flag, else the file, else the default. Touches no file and no clock.
    ///
    /// # Errors
    /// Every mistake of both sources, in the order of the settings.
    pub fn resolve(typed: &Serve, file: File) -> Result<Self, Vec<ConfigError>> {
        let mut settings = Settings::new(file);
        let base_hosts = settings.list("baseHosts", value::host_name);
        let class = settings
            .flag_or_parsed(("class", "--class"), typed.class.as_deref(), value::label, || DEFAULT_CLASS.to_owned());
        let tenancy = settings.structured("tenancy", |value, problems| tenancy::read(value, &base_hosts, problems));
        let mut config = Self {
            documents: Documents::read(&mut settings, typed, &class),
            class,
            http: settings.listener("httpListen", "--http-listen", typed.http_listen.as_deref(), Some(DEFAULT_HTTP)),
            https: https(&mut settings, typed),
            admin: settings.listener(
                "adminListen",
                "--admin-listen",
                typed.admin_listen.as_deref(),
                Some(DEFAULT_ADMIN),
            ),
            region: settings.parsed("region", value::region, || DEFAULT_REGION.to_owned()),
            host_rules: tenancy.hosts,
            pattern_rules: tenancy.patterns,
            base_hosts,
            allowed_endpoints: settings.list("allowedEndpoints", value::endpoint),
            proxies: ProcessProxies::default(),
            trusted_proxies: settings.list("trustedProxies", value::network),
            threads: settings.count("threads", LARGEST_THREADS, available_threads),
            drain_delay: settings.parsed("drainDelay", parse_duration, || DEFAULT_DRAIN_DELAY),
            drain_timeout: settings.parsed("drainTimeout", parse_duration, || DEFAULT_DRAIN_TIMEOUT),
            client_head_timeout: client_timeout(&mut settings, "clientHeadTimeout", CLIENT_HEAD_TIMEOUT),
            client_stall_timeout: client_timeout(&mut settings, "clientStallTimeout", CLIENT_STALL_TIMEOUT),
            client_idle_timeout: client_timeout(&mut settings, "clientIdleTimeout", CLIENT_IDLE_TIMEOUT),
            server_name: settings.parsed("serverName", value::server_name, || DEFAULT_SERVER_NAME.to_owned()),
            max_attempts: settings.count("maxAttempts", LARGEST_MAX_ATTEMPTS, || DEFAULT_MAX_ATTEMPTS),
            hooks: Hooks::read(&mut settings, typed.hooks_dir.as_deref()),
            credentials: settings.structured("credentials", credentials::read),
        };
        if matches!(config.documents, Documents::Kubernetes(_)) {
            // a pattern takes names from everybody: nobody makes one until the operator says who
            config.pattern_rules.get_or_insert_default();
        }
        let errors = settings.finish();
        if !errors.is_empty() {
            return Err(errors);
        }
        if !config.documents.serves_requests() {
            (config.http, config.https) = (None, None);
        } else if config.http.is_none() && config.https.is_none() {
            return Err(vec![ConfigError::new("--http-listen, --https-listen", "both are off: one must listen")]);
        }
        Ok(config)
    }

    /// What of this decides about documents.
    #[must_use]
    pub fn process_rules(&self) -> ProcessRules {
        ProcessRules {
            class: self.class.clone(),
            base_hosts: self.base_hosts.clone(),
            hosts: self.host_rules.clone(),
            patterns: self.pattern_rules.clone(),
            allowed_endpoints: self.allowed_endpoints.clone(),
            proxies: self.proxies.clone(),
            // hooks are looked after while the process runs
            hooks: None,
        }
    }

    /// The effective configuration for people and scripts, with the names of `osp.yaml`. Contains no secrets: there
    /// are none among the settings of the process.
    #[must_use]
    pub fn effective(&self) -> serde_json::Value {
        let listen = |address: Option<SocketAddr>| address.map_or("off".to_owned(), |address| address.to_string());
        let mut settings = json!({
            "class": self.class,
            "httpListen": listen(self.http),
            "httpsListen": listen(self.https.as_ref().map(|https| https.listen)),
            "tlsCert": self.https.as_ref().map(|https| &https.certificate),
            "tlsKey": self.https.as_ref().map(|https| &https.key),
            "adminListen": listen(self.admin),
            "region": self.region,
            "baseHosts": self.base_hosts,
            "tenancy": {
                "hosts": self.host_rules.iter().map(|rule| json!({
                    "host": rule.host,
                    "namespaceSelector": {"matchLabels": rule.namespaces.match_labels},
                })).collect::<Vec<_>>(),
                "bucketPatterns": self.pattern_rules.as_ref().map(|rules| rules.iter().map(|rule| json!({
                    "pattern": rule.pattern.as_str(),
                    "namespaceSelector": {"matchLabels": rule.namespaces.match_labels},
                })).collect::<Vec<_>>()),
            },
            "allowedEndpoints": self.allowed_endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "trustedProxies": self.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "threads": self.threads,
            "drainDelay": format_duration(self.drain_delay),
            "drainTimeout": format_duration(self.drain_timeout),
            "clientHeadTimeout": format_duration(self.client_head_timeout),
            "clientStallTimeout": format_duration(self.client_stall_timeout),
            "clientIdleTimeout": format_duration(self.client_idle_timeout),
            "serverName": self.server_name,
            "maxAttempts": self.max_attempts,
            "credentials": {
                "ttl": format_duration(self.credentials.ttl),
                "tokenEndpoint": self.credentials.token_endpoint.to_string(),
            },
        });
        if let Some(settings) = settings.as_object_mut() {
            settings.extend(self.hooks.as_ref().map(|hooks| ("hooks".to_owned(), hooks.effective())));
            match &self.documents {
                Documents::Directory(dir) => drop(settings.insert("configDir".to_owned(), json!(dir))),
                Documents::Kubernetes(cluster) => settings.extend(cluster.effective()),
            }
        }
        settings
    }
}

impl ConfigError {
    fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }
}

/// The HTTPS listener needs an address, a certificate and a key; the certificate is what turns it on.
fn https(settings: &mut Settings, typed: &Serve) -> Option<Https> {
    let certificate = settings.path("tlsCert", "--tls-cert", typed.tls_cert.as_deref());
    let key = settings.path("tlsKey", "--tls-key", typed.tls_key.as_deref());
    let default = (certificate.is_some() || key.is_some()).then_some(DEFAULT_HTTPS);
    let listen = settings.listener("httpsListen", "--https-listen", typed.https_listen.as_deref(), default)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Https { listen, certificate, key }),
        (certificate, key) => {
            for (file, flag, what) in [(certificate, "--tls-cert", "certificate"), (key, "--tls-key", "private key")] {
                if file.is_none() {
                    settings.error(flag, format!("HTTPS on {listen} needs a {what} (PEM)"));
                }
            }
            None
        }
    }
}

/// A limit on what clients may take. The default is also the most that it can be: an operator under attack may shorten
/// it, and the other deadlines were chosen for no longer one.
fn client_timeout(settings: &mut Settings, key: &str, most: Duration) -> Duration {
    settings.parsed(key, |text| value::duration(text, value::SHORTEST_CLIENT_TIMEOUT, most), || most)
}

fn read_file(path: &Path) -> Result<File, ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::new("--config", format!("cannot read {name}: {error}")))?;
    File::parse(&name, &text)
}

/// What the scheduler grants, which in a container is its CPU limit.
fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
