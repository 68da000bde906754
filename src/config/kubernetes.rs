//! What `--kubernetes` means: which cluster, which part of it, and what this process does there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use osp_controller::kube::WatchMode;

use super::settings::Settings;
use super::value;
use crate::args::{Reading, Serve};

/// Where documents come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Documents {
    /// A directory of YAML files.
    Directory(PathBuf),
    /// A Kubernetes cluster.
    Kubernetes(Kubernetes),
}

/// What a process does in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Serves requests and writes statuses when it is its turn.
    All,
    /// Serves requests and never writes to the cluster.
    Proxy,
    /// Writes statuses and serves no requests.
    Controller,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// How to reach it; the environment says when `None`.
    pub kubeconfig: Option<PathBuf>,
    /// What this process does.
    pub mode: Mode,
    /// What is watched.
    pub watch: WatchMode,
    /// Whether labels of Namespaces are watched.
    pub namespace_labels: bool,
    /// Name of the Lease.
    pub lease_name: String,
    /// Its namespace; the one of the pod or of the kubeconfig when `None`.
    pub lease_namespace: Option<String>,
    /// Where the last good documents are kept.
    pub snapshot_dir: Option<PathBuf>,
}

impl Documents {
    /// False for a process that only writes statuses.
    #[must_use]
    pub fn serves_requests(&self) -> bool {
        !matches!(self, Self::Kubernetes(cluster) if cluster.mode == Mode::Controller)
    }

    /// The directory or the cluster that was asked for.
    pub(super) fn read(settings: &mut Settings, typed: &Serve, class: &str) -> Self {
        if let (Some(dir), false) = (&typed.config_dir, typed.kubernetes) {
            return Self::Directory(dir.clone());
        }
        Self::Kubernetes(Kubernetes::read(settings, typed, class))
    }
}

impl Kubernetes {
    fn read(settings: &mut Settings, typed: &Serve, class: &str) -> Self {
        let flags = &typed.cluster;
        let mode = settings.flag_or_parsed(("mode", "--mode"), flags.mode.as_deref(), Mode::parse, || Mode::All);
        let watch = watch(settings, &flags.reading);
        let name = |flag: Option<&String>, key, place, settings: &mut Settings, default: Option<String>| {
            let parse = |text: &str| value::object_name(text).map(Some);
            settings.flag_or_parsed((key, place), flag.map(String::as_str), parse, || default.clone())
        };
        let default = format!("osp-{class}-leader");
        let lease_name = name(flags.lease_name.as_ref(), "leaseName", "--lease-name", settings, Some(default.clone()));
        let lease_namespace =
            name(flags.lease_namespace.as_ref(), "leaseNamespace", "--lease-namespace", settings, None);
        Self {
            kubeconfig: settings.path("kubeconfig", "--kubeconfig", flags.reading.kubeconfig.as_deref()),
            mode,
            watch,
            namespace_labels: settings.flag_or_switch("namespaceLabels", flags.reading.namespace_labels),
            lease_name: lease_name.unwrap_or(default),
            lease_namespace,
            snapshot_dir: settings.path("snapshotDir", "--snapshot-dir", flags.snapshot_dir.as_deref()),
        }
    }

    /// With the names of `osp.yaml`.
    pub(super) fn effective(&self) -> serde_json::Map<String, serde_json::Value> {
        let (watch_mode, namespaces) = match &self.watch {
            WatchMode::Namespaces(namespaces) => ("Namespaces", Some(namespaces)),
            WatchMode::Named(namespaces) => ("Named", Some(namespaces)),
            WatchMode::Cluster => ("Cluster", None),
        };
        let shown = serde_json::json!({
            "mode": self.mode.as_str(),
            "watchMode": watch_mode,
            "watchNamespaces": namespaces,
            "namespaceLabels": self.namespace_labels,
            "leaseName": self.lease_name,
            "leaseNamespace": self.lease_namespace,
            "kubeconfig": self.kubeconfig,
            "snapshotDir": self.snapshot_dir,
        });
        let set = shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        set.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Mode {
    fn parse(text: &str) -> Result<Self, String> {
        [Self::All, Self::Proxy, Self::Controller]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of all, proxy, controller"))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Proxy => "proxy",
            Self::Controller => "controller",
        }
    }
}

fn watch(settings: &mut Settings, typed: &Reading) -> WatchMode {
    let in_file: Vec<String> = settings.list("watchNamespaces", value::label);
    let mut namespaces = BTreeSet::from_iter(in_file);
    if !typed.watch_namespaces.is_empty() {
        namespaces.clear();
        for text in &typed.watch_namespaces {
            match value::label(text) {
                Ok(name) => drop(namespaces.insert(name)),
                Err(reason) => settings.error("--watch-namespaces", reason),
            }
        }
    }
    let parse = |text: &str| match text {
        "Namespaces" => Ok(WatchMode::Namespaces(BTreeSet::new())),
        "Named" => Ok(WatchMode::Named(BTreeSet::new())),
        "Cluster" => Ok(WatchMode::Cluster),
        _ => Err(format!("{text:?} is none of Namespaces, Named, Cluster")),
    };
    let typed = typed.watch_mode.as_deref();
    let mode =
        settings.flag_or_parsed(("watchMode", "--watch-mode"), typed, parse, || WatchMode::Namespaces(BTreeSet::new()));
    match (mode, namespaces.is_empty()) {
        (WatchMode::Cluster, true) => WatchMode::Cluster,
        (WatchMode::Cluster, false) => {
            settings.error("--watch-namespaces", "means nothing with --watch-mode Cluster");
            WatchMode::Cluster
        }
        (WatchMode::Namespaces(_), false) => WatchMode::Namespaces(namespaces),
        (WatchMode::Named(_), false) => WatchMode::Named(namespaces),
        (mode, true) => {
            settings.error("--watch-namespaces", "one namespace at least must be named, or --watch-mode Cluster");
            mode
        }
    }
}
