//! Where documents come from: a directory or a cluster, and what the process says of each table.

use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;

use osp_controller::kube::{self, Cluster, LeaseName, OnceError, Source, Stop};
use osp_controller::{Configurator, HookNews, Outcome};
use osp_core::table::{Publisher, RouteTable};
use osp_dataplane::{Clock, SystemClock};

use super::failure;
use crate::config::{Documents, Kubernetes, Mode};
use crate::telemetry::{ConfigMetrics, InForce, Metrics};
use crate::{Config, Failure};

/// What to do about it.
const OTHER_RIGHTS: &str = "all of it must be readable for a true answer: ask as somebody who may (and where the kinds of OSP are installed: \
     `osp crds`), or ask a running OSP (--admin)";

/// Keeps the table in step for as long as it is polled. Must not end.
pub(super) type Following = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Documents, ready to be followed.
pub(super) enum DocumentSource {
    /// Read once already: its first table is in force.
    Directory(Box<Configurator>, Told),
    /// Not asked yet.
    Cluster(Box<(Source, Cluster)>, Told),
}

/// Whoever hears of new tables.
pub(super) struct Told {
    class: String,
    metrics: ConfigMetrics,
    clock: Arc<dyn Clock>,
}

/// The line that scripts and tests wait for, until it is written. Standard output carries it and nothing else.
pub(super) struct Announcement(pub(super) Option<String>);

impl DocumentSource {
    /// Reads the directory, or finds out where the cluster is.
    pub(super) fn open(
        config: &Config,
        (publisher, hooks): (Publisher, HookNews),
        metrics: &Metrics,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let told = Told { class: config.class.clone(), metrics: metrics.config().clone(), clock: Arc::clone(clock) };
        match &config.documents {
            Documents::Directory(dir) => {
                let mut configurator =
                    Configurator::new(dir.clone(), config.process_rules(), publisher).with_hooks(hooks);
                let first = configurator.reload();
                told.note(&first);
                if let Outcome::Refused(error) = first {
                    return Err(Failure::Documents(error.errors.iter().map(ToString::to_string).collect()));
                }
                Ok(Self::Directory(Box::new(configurator), told))
            }
            Documents::Kubernetes(wanted) => {
                // Reading files and perhaps asking a credential plugin: done before anything is bound.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failure)?;
                let cluster = runtime.block_on(Cluster::find(wanted.kubeconfig.as_deref())).map_err(failure)?;
                let metrics = kube::Metrics::register(metrics.registry()).map_err(failure)?;
                let wall = Arc::clone(clock);
                let source =
                    Source::new(kube_settings(config, wanted), publisher, metrics, Arc::new(move || wall.now()))
                        .with_hooks(hooks);
                Ok(Self::Cluster(Box::new((source, cluster)), told))
            }
        }
    }

    /// What keeps the table in step; the ready line is written when the first table is in force.
    pub(super) fn follow(self, mut announcement: Announcement, stop: Stop) -> Result<Following, Failure> {
        Ok(match self {
            Self::Directory(configurator, told) => {
                announcement.write().map_err(failure)?;
                Box::pin(async move {
                    // Nothing is written to a directory that would have to be given back.
                    let _ = stop.released.send(true);
                    configurator.run(move |outcome| told.note(outcome)).await;
                })
            }
            Self::Cluster(parts, told) => Box::pin(async move {
                let (source, cluster) = *parts;
                let tell = move |applied: &kube::Applied| {
                    told.applied(&applied.hash, applied.served, applied.broken, applied.problems);
                    if let Err(error) = announcement.write() {
                        tracing::error!(%error, "the ready line cannot be written");
                    }
                };
                source.run(cluster, stop, tell).await;
            }),
        })
    }
}

/// The table that a process with these settings would begin with: the cluster is read once.
pub(crate) fn table_of(config: &Config, wanted: &Kubernetes) -> Result<Arc<RouteTable>, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| Failure::Explain(why.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failure)?;
    runtime.block_on(async {
        let cluster = Cluster::find(wanted.kubeconfig.as_deref()).await.map_err(|why| unreadable(&why))?;
        let clock = SystemClock::default();
        let table = kube::once(cluster, kube_settings(config, wanted), Arc::new(move || clock.now())).await;
        table.map_err(|why| match why {
            OnceError::Refused(_) => unreadable(&format!("{why}\n{OTHER_RIGHTS}")),
            why => unreadable(&why),
        })
    })
}

impl Told {
    fn note(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied(applied) => {
                let hash = format!("{:016x}", applied.fingerprint);
                self.applied(&hash, applied.served, applied.broken, applied.findings.len());
            }
            Outcome::Unchanged => {
                self.metrics.unchanged();
                self.metrics.read_at(self.clock.now());
            }
            Outcome::Refused(_) => self.metrics.refused(),
        }
    }

    fn applied(&self, hash: &str, served: usize, broken: usize, problems: usize) {
        self.metrics.applied(&InForce { class: &self.class, hash, served, broken, problems });
        self.metrics.read_at(self.clock.now());
    }
}

impl Announcement {
    fn write(&mut self) -> std::io::Result<()> {
        let Some(line) = self.0.take() else { return Ok(()) };
        let mut out = std::io::stdout();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

fn kube_settings(config: &Config, wanted: &Kubernetes) -> kube::Settings {
    let lease =
        LeaseName { namespace: wanted.lease_namespace.clone(), name: wanted.lease_name.clone(), identity: identity() };
    kube::Settings {
        process: config.process_rules(),
        watch: wanted.watch.clone(),
        namespace_labels: wanted.namespace_labels,
        statuses: (wanted.mode != Mode::Proxy).then_some(lease),
        snapshot_dir: wanted.snapshot_dir.clone(),
    }
}

/// The pod's name, or the machine's, with a number that no other process has: two pods of one name follow each other.
fn identity() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let name = ["POD_NAME", "HOSTNAME"].into_iter().find_map(|variable| std::env::var(variable).ok());
    let number = RandomState::new().build_hasher().finish();
    format!("{}_{number:016x}", name.filter(|name| !name.is_empty()).as_deref().unwrap_or("osp"))
}
