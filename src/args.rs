//! What was typed on the command line, and nothing else: no defaults, no files, no decisions.
//!
//! What it means is [`crate::config::Config`].

use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

/// Compiler and version, as `osp --version` and `osp_build_info` show them.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (rustc ", env!("OSP_RUSTC"), ")");

/// Flags that name another source of documents than a cluster: those about a cluster mean nothing beside them. Not
/// `requires = "kubernetes"`: clap waives that when something else rules `--kubernetes` out.
const NOT_A_CLUSTER: &str = "not_a_cluster";

/// An S3 gateway: clients sign with its keys; it verifies, decides, signs again with keys that only it holds, and
/// streams.
#[derive(Debug, Parser)]
#[command(name = "osp", version = VERSION, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Logs go to standard error: readable on a terminal, JSON otherwise. OSP_LOG sets what is \
logged, for example OSP_LOG=debug or OSP_LOG=warn,osp_controller=debug.")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve S3 requests until told to stop
    Serve(Box<Serve>),
    /// Look for problems in a directory of documents, without serving it
    ///
    /// Prints every problem with its file, document, field and reason, and exits with 1. Exits with 0 when `osp serve`
    /// would serve everything in the directory.
    Check(Check),
    /// Print the CustomResourceDefinitions of the kinds that OSP reads from Kubernetes
    ///
    /// For `osp crds | kubectl apply --server-side -f -`.
    Crds(Crds),
    /// Print what OSP does with every operation of S3, and which permissions it needs
    ///
    /// As Markdown: docs/operations.md of this version.
    Operations(Operations),
    /// Say what would be decided about a request, and why
    ///
    /// Which route, which entry of it, which backend and which credential: by the same functions as for real requests,
    /// and in the words of the access log. Exits with 0 whether the request would be allowed or not.
    Explain(Box<Explain>),
    /// Look after hooks
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Print a new access key: a Secret and the ClientIdentity that it belongs to
    ///
    /// Ready for `kubectl apply -f -`, or for a file in the directory of documents. The secret is shown this once.
    Keygen(Keygen),
}

/// The subcommands of `osp hooks`.
#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// Load every hook of a directory as the gateway does, and print what each defines, or what is wrong with it
    ///
    /// Runs the files, as loading a module does, in a process of its own. Exits with 1 when one does not load.
    Check(CheckHooks),
}

/// Flags of `osp hooks check`.
#[derive(Debug, Clone, ClapArgs)]
pub struct CheckHooks {
    /// The directory: each NAME.py in it is the hook NAME
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl Command {
    /// What is logged unless the environment says otherwise: a command that ends tells the user itself what is wrong.
    #[must_use]
    pub fn log_level(&self) -> LevelFilter {
        if matches!(self, Self::Serve(_)) { LevelFilter::INFO } else { LevelFilter::ERROR }
    }
}

/// Flags of `osp serve`. A flag wins over the same setting in the file of `--config`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(group = ArgGroup::new(NOT_A_CLUSTER).args(["config_dir"]))]
#[command(after_help = "When the first table of routes is in force, one line of JSON on standard output names the \
addresses that were bound, for example {\"ready\":true,\"http\":\"127.0.0.1:6190\",\"admin\":\"127.0.0.1:9090\"}.\n\n\
SIGTERM drains: /readyz turns 503, new requests are still served for drainDelay, running ones may take \
drainTimeout to end. Ctrl-C ends it at once.")]
pub struct Serve {
    /// Directory of YAML documents: routes, credentials, clients, secrets. Watched: an edit is in force within a second
    #[arg(long, value_name = "DIR", required_unless_present = "kubernetes", conflicts_with = "kubernetes")]
    pub config_dir: Option<PathBuf>,

    /// Watch the same documents in a Kubernetes cluster instead of a directory
    #[arg(long)]
    pub kubernetes: bool,

    /// What `--kubernetes` needs to know.
    #[command(flatten)]
    pub cluster: Cluster,

    /// Settings of the process itself (listeners, region, drain times), as YAML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Which documents to serve: those with this `spec.className` [default: osp]
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,

    /// Where to listen for HTTP, or `off`. Port 0 picks a free one [default: 0.0.0.0:6190]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http_listen: Option<String>,

    /// Where to listen for HTTPS, or `off` [default: 0.0.0.0:8443 when a certificate is given, otherwise off]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub https_listen: Option<String>,

    /// Certificate chain of the HTTPS listener, PEM. Read again when the file changes
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Directory of Python hooks that routes may name: each NAME.py in it is the hook NAME
    #[arg(long, value_name = "DIR")]
    pub hooks_dir: Option<PathBuf>,

    /// Where to answer /livez, /readyz, /metrics, /config and /explain, or `off` [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<String>,
}

/// Flags of whatever reads a cluster.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "With --kubernetes")]
pub struct Reading {
    /// How to reach the API server [default: $KUBECONFIG, ~/.kube/config, or the service account of the pod]
    #[arg(long, value_name = "FILE", conflicts_with = NOT_A_CLUSTER)]
    pub kubeconfig: Option<PathBuf>,

    /// Which Secrets and ConfigMaps are watched: `Namespaces` or `Cluster` (those with the label
    /// osp.flexworks.eu/watch=true), or `Named` (those that are referred to, one by one) [default: Namespaces]
    #[arg(long, value_name = "MODE", conflicts_with = NOT_A_CLUSTER)]
    pub watch_mode: Option<String>,

    /// The namespaces to watch, for `Namespaces` and `Named`
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = NOT_A_CLUSTER)]
    pub watch_namespaces: Vec<String>,

    /// Watch the labels of Namespaces: for selectors on more than a namespace's name
    #[arg(long, conflicts_with = NOT_A_CLUSTER)]
    pub namespace_labels: bool,
}

/// Flags of `osp serve --kubernetes`.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "With --kubernetes")]
pub struct Cluster {
    /// What is read, and how.
    #[command(flatten)]
    pub reading: Reading,

    /// What this process does: `all`, `proxy` (never writes to the cluster) or `controller` (writes statuses, serves no
    /// requests) [default: all]
    #[arg(long, value_name = "MODE", conflicts_with = "config_dir")]
    pub mode: Option<String>,

    /// Name of the Lease whose holder writes statuses [default: osp-CLASS-leader]
    #[arg(long, value_name = "NAME", conflicts_with = "config_dir")]
    pub lease_name: Option<String>,

    /// Namespace of that Lease [default: the one of the pod or of the kubeconfig]
    #[arg(long, value_name = "NAME", conflicts_with = "config_dir")]
    pub lease_namespace: Option<String>,

    /// Keep the last good documents here, Secrets included, for a start while the API server is away: a volume in memory
    #[arg(long, value_name = "DIR", conflicts_with = "config_dir")]
    pub snapshot_dir: Option<PathBuf>,
}

/// Flags of `osp check`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Check {
    /// Directory of YAML documents, as for `osp serve --config-dir`
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Settings of the process, as for `osp serve --config`: base hosts, tenancy and class decide about documents, too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Flags of `osp crds`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Crds {
    /// Write one file for each kind into this directory, and print nothing
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
}

/// Flags of `osp operations`.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Operations {
    /// Write the page into this file, and print nothing
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// Flags of `osp explain`: a request, and the one place that says which routes there are.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(group = ArgGroup::new("place").args(["config_dir", "kubernetes", "admin"]).required(true))]
#[command(group = ArgGroup::new(NOT_A_CLUSTER).args(["config_dir", "admin"]))]
pub struct Explain {
    /// What is asked.
    #[command(flatten)]
    pub request: ExplainedRequest,

    /// Decide by a directory of YAML documents, as for `osp serve --config-dir`
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,

    /// Decide by what is in a Kubernetes cluster now: read once, with your own rights, and nothing is written
    #[arg(long)]
    pub kubernetes: bool,

    /// Ask a running OSP by its admin listener, which answers to its own machine only: run this in the pod, or after
    /// `kubectl port-forward`
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub admin: Option<String>,

    /// What `--kubernetes` needs to know.
    #[command(flatten)]
    pub reading: Reading,

    /// Settings of the process, as for `osp serve --config`
    #[arg(long, value_name = "FILE", conflicts_with = "admin", help_heading = "With --config-dir and --kubernetes")]
    pub config: Option<PathBuf>,

    /// Which documents would be served: those with this `spec.className` [default: osp]
    #[arg(long, value_name = "NAME", conflicts_with = "admin", help_heading = "With --config-dir and --kubernetes")]
    pub class: Option<String>,
}

/// The request that `osp explain` is about. The names are those of the parameters of `/explain`, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs)]
pub struct ExplainedRequest {
    /// Who asks, as NAMESPACE/NAME of a ClientIdentity
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub client: String,

    /// What is asked for: the name of an S3 operation, such as GetObject
    #[arg(long, value_name = "NAME")]
    pub operation: String,

    /// The bucket, as clients name it; none for ListBuckets
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,

    /// The key, of an operation on one object
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,

    /// The prefix, of a listing
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,

    /// The source of a copy, percent-encoded as in x-amz-copy-source
    #[arg(long, value_name = "BUCKET/KEY")]
    pub source: Option<String>,

    /// The base host that the request comes by
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// The origin (scheme, host and port) of a page whose script would send it: may it read the answer?
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
}

/// Flags of `osp keygen`.
#[derive(Debug, Clone, ClapArgs)]
pub struct Keygen {
    /// Name of the ClientIdentity; its Secret is called NAME-key
    #[arg(long, value_name = "NAME")]
    pub name: String,

    /// Namespace of both
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: String,

    /// `spec.className` of the ClientIdentity [default: none, which means osp]
    #[arg(long, value_name = "NAME")]
    pub class: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent_and_every_flag_is_documented() {
        Args::command().debug_assert();
        for command in Args::command().get_subcommands() {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn flags_of_serve_are_kept_as_typed() {
        let typed = Args::try_parse_from(["osp", "serve", "--config-dir", "d", "--http-listen", "nonsense"]).unwrap();
        let Command::Serve(serve) = typed.command else { panic!("not serve") };
        assert_eq!(serve.config_dir, Some(PathBuf::from("d")));
        assert_eq!(serve.http_listen.as_deref(), Some("nonsense"), "what it means is decided in config.rs");
        assert_eq!(serve.admin_listen, None);
    }

    #[test]
    fn a_missing_directory_or_command_is_refused_and_a_complete_line_is_not() {
        assert!(Args::try_parse_from(["osp"]).is_err());
        assert!(Args::try_parse_from(["osp", "serve"]).is_err());
        assert!(Args::try_parse_from(["osp", "check"]).is_err());
        assert!(Args::try_parse_from(["osp", "check", "d"]).is_ok());
        assert!(Args::try_parse_from(["osp", "crds"]).is_ok());
    }

    #[test]
    fn documents_come_from_one_place_and_flags_of_the_other_one_are_refused() {
        let parse = |flags: &[&str]| Args::try_parse_from([&["osp", "serve"], flags].concat()).is_ok();
        assert!(parse(&["--kubernetes"]) && parse(&["--config-dir", "d"]));
        assert!(!parse(&["--kubernetes", "--config-dir", "d"]));
        assert!(parse(&["--kubernetes", "--watch-namespaces", "a,b", "--mode", "proxy"]));
        assert!(!parse(&["--config-dir", "d", "--mode", "proxy"]));
        assert!(!parse(&["--config-dir", "d", "--watch-namespaces", "a"]));
    }

    #[test]
    fn an_explanation_has_one_source_and_its_flags_only() {
        let parse = |flags: &str| {
            let request = ["osp", "explain", "--client", "a/b", "--operation", "GetObject"];
            Args::try_parse_from(request.into_iter().chain(flags.split_whitespace())).map_err(|error| error.to_string())
        };
        for flags in [
            "--config-dir d --class blue --config f",
            "--kubernetes --kubeconfig f --watch-mode Named --watch-namespaces a,b --namespace-labels --class c --config f",
            "--admin 127.0.0.1:9090 --bucket b --key k --host h",
        ] {
            assert!(parse(flags).is_ok(), "{flags}: {:?}", parse(flags).err());
        }
        for flags in [
            "",
            "--config-dir d --kubernetes",
            "--kubernetes --admin a:1",
            "--admin a:1 --config-dir d",
            "--admin a:1 --kubeconfig f",
            "--admin a:1 --watch-namespaces a",
            "--admin a:1 --config f",
            "--admin a:1 --class c",
            "--config-dir d --watch-mode Named",
            "--config-dir d --namespace-labels",
            "--kubernetes --mode proxy",
            "--kubernetes --snapshot-dir d",
        ] {
            assert!(parse(flags).is_err(), "{flags}");
        }
        assert!(parse("").unwrap_err().contains("--config-dir <DIR>|--kubernetes|--admin <ADDRESS:PORT>"));
    }

    #[test]
    fn the_version_names_the_compiler() {
        let text = Args::try_parse_from(["osp", "--version"]).unwrap_err().to_string();
        assert!(text.starts_with("osp 0.") && text.contains("(rustc 1."), "{text}");
    }
}
