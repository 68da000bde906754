//! # OSP, a gateway for object storage
//!
//! Clients sign their S3 requests with keys that OSP gave them. OSP verifies the signature, decides whether this client
//! may do this, picks the backend, signs the request again with a key that only OSP holds, and streams. One process
//! holds two halves that meet in one place: what was *configured* becomes an immutable table, and what is *requested*
//! is judged by that table.
//!
//! ```text
//!   configuration                                                   requests
//!
//!   *.yaml in a directory, or a cluster                             a socket
//!        | osp-controller: watch, lower                                | osp-dataplane: front
//!        v                                                             v
//!   Snapshot (validated values)                                     Target + Claim      what is named, who says so
//!        | osp-core: compile (pure, total)                             | verify
//!        v                                                             v
//!   RouteTable ----- publish ----> LiveTable ---- pinned once ----> Verified            the signature is genuine
//!        |                        (one ArcSwap)    per request         | authorize
//!        v                                                             v
//!   Rejections: log, metrics, statuses,                             Permit              allowed, and by which route
//!     `osp check`, `osp explain`                                       | sign again, stream through the Gate
//!                                                                      v
//!                                                                   the backend
//!
//!   Any step on the right may end in a Denial, which one file turns into an S3 error.
//! ```
//!
//! # Five laws
//!
//! 1. **Data flows one way**: sources, model, table, request. Nothing flows back.
//! 2. **What is missing, late, unknown or broken denies.** `None` never means that a check was skipped, and without a
//!    table every request is answered 503.
//! 3. **Time and randomness are arguments.** One file of the data plane reads the clock; `osp-core` cannot.
//! 4. **One immutable table with one writer**, and every request keeps the one that it began with. No request writes
//!    configuration.
//! 5. **Python lives in one crate**, `osp-hooks`, and never on a thread that moves bytes.
//!
//! And a rule of evidence: nothing reaches a backend without a `Permit`. Only `authorize` makes one, and only from a
//! `Verified`, which only `verify` makes. The signer and the choice of the peer take the `Permit` as an argument, so
//! a forgotten check is a compile error and not an incident.
//!
//! # Read these files in this order
//!
//! | file | answers |
//! |---|---|
//! | `src/core/s3/target.rs`, `operation/table.rs` | which bucket, key and operation does a request name? |
//! | `src/core/sigv4/claim.rs`, `canonical.rs` | who signed it, and is the signature genuine? |
//! | `src/core/s3/form/`, `sigv4/post_policy.rs` | what does a browser's form ask for, and does its policy allow it? |
//! | `src/core/access/question.rs`, `policy.rs`, `permit.rs` | may they? |
//! | `src/core/payload/gate.rs` | is the body the one that was signed? |
//! | `src/core/denial.rs` | every reason to stop, and what the client is told |
//! | `src/core/model/`, `src/core/table/compile.rs` | what can be configured, and what becomes of it |
//! | `src/controller/` | how documents become model values |
//! | `src/dataplane/front.rs`, `gateway.rs`, `stage/` | how bytes move through all of this |
//! | `src/credentials/sources.rs`, `keeper.rs` | how backend credentials that end are had, one fetch for all who wait |
//! | `src/hooks/lib.rs`, `question.rs`, `crew.rs` | what Python is asked, and how it is kept from doing harm |
//! | `src/wiring.rs` | how the parts are joined; the only file that names all crates |
//!
//! A crate exists where it forbids an edge: `osp-core` has no IO, only `osp-controller` knows Kubernetes, only
//! `osp-dataplane` knows pingora, only `osp-credentials` speaks HTTP with those who issue tokens, only `osp-hooks` knows
//! Python. `.config/deny.toml` keeps it so.
//!
//! This root crate is the process around them: the command line ([`Args`]), its meaning ([`Config`]), logs and metrics
//! ([`telemetry`]) and the operator's listener ([`admin`]).

pub mod admin;
mod args;
pub mod config;
mod explain;
mod keygen;
pub mod telemetry;
mod wiring;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

pub use args::{
    Args, Check, CheckHooks, Cluster, Command, Crds, Explain, ExplainedRequest, HooksCommand, Keygen, Operations,
    Reading, Serve,
};
pub use config::{Config, ConfigError};
pub use explain::explain;
pub use keygen::keygen;

/// Why the process ends with an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The command line or `osp.yaml`: every mistake.
    #[error("{}", lines(.0))]
    Config(Vec<ConfigError>),
    /// Documents that cannot be served: one line per problem.
    #[error("{}", lines(.0))]
    Documents(Vec<String>),
    /// A listener that cannot be bound, or a part of the process that ended.
    #[error("{0}")]
    Serve(String),
    /// Whoever was asked for an explanation does not give one.
    #[error("{0}")]
    Explain(String),
    /// The definitions of the kinds cannot be written where they are wanted.
    #[error("{0}")]
    Crds(String),
    /// Hooks that do not load: one line per problem.
    #[error("{}", lines(.0))]
    Hooks(Vec<String>),
    /// The page of operations cannot be written where it is wanted.
    #[error("{0}")]
    Page(String),
}

impl From<Vec<ConfigError>> for Failure {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::Config(errors)
    }
}

/// Does what was typed.
///
/// # Errors
/// Those of the command.
pub fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(typed) => Config::read(&typed).map_err(Failure::from).and_then(run),
        Command::Check(typed) => check(&typed),
        Command::Crds(typed) => crds(typed.write.as_deref()),
        Command::Operations(typed) => operations(typed.write.as_deref()),
        Command::Explain(typed) => explain(&typed).and_then(|text| print(&text)),
        Command::Hooks(HooksCommand::Check(typed)) => check_hooks(&typed).and_then(|text| print(&text)),
        Command::Keygen(typed) => keygen(&typed).and_then(|text| print(&text)),
    }
}

/// When this process was started to run hooks: does that until the gateway ends, and gives the exit code. To be asked
/// before anything else.
#[must_use]
pub fn serve_if_hook_worker() -> Option<ExitCode> {
    wiring::serve_if_hook_worker()
}

/// Loads every hook of a directory as a gateway would, and says what each defines.
///
/// # Errors
/// [`Failure::Hooks`] with everything that does not load.
pub fn check_hooks(typed: &CheckHooks) -> Result<String, Failure> {
    wiring::check_hooks(&typed.dir)
}

/// Serves until the process is told to end and has drained.
///
/// # Errors
/// A listener cannot be bound, the documents cannot be read at start, or a part of the process ended on its own.
pub fn run(config: Config) -> Result<(), Failure> {
    wiring::serve(config)
}

/// Looks for problems in a directory of documents.
///
/// # Errors
/// [`Failure::Documents`] with every problem: file, document, field and reason. [`Failure::Config`] for mistakes in the
/// settings.
pub fn check(typed: &Check) -> Result<(), Failure> {
    let serve = Serve { config_dir: Some(typed.dir.clone()), config: typed.config.clone(), ..Serve::default() };
    wiring::check(&typed.dir, &Config::read(&serve)?.process_rules())
}

/// Writes the `CustomResourceDefinition`s to standard output, or one file for each into a directory.
///
/// # Errors
/// [`Failure::Crds`] when they cannot be written.
pub fn crds(dir: Option<&Path>) -> Result<(), Failure> {
    wiring::crds(dir)
}

/// Writes the table of operations to standard output, or into a file.
///
/// # Errors
/// [`Failure::Page`] when it cannot be written.
pub fn operations(file: Option<&Path>) -> Result<(), Failure> {
    let page = osp_core::s3::operations_page();
    match file {
        None => print(&page),
        Some(file) => std::fs::write(file, page).map_err(|why| Failure::Page(format!("{}: {why}", file.display()))),
    }
}

/// Prints a result on standard output.
///
/// # Errors
/// [`Failure::Serve`] when it cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::Serve(error.to_string()))
}

/// Tells a person why the process ends, one line per reason.
pub fn report(failure: &Failure) {
    let prefix = if matches!(failure, Failure::Documents(_) | Failure::Hooks(_)) { "" } else { "osp: " };
    for line in failure.to_string().lines() {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(std::io::stderr(), "{prefix}{line}");
    }
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_everything_one_line_each() {
        let error = |place: &str| ConfigError { place: place.to_owned(), reason: "is wrong".to_owned() };
        let failure = Failure::from(vec![error("--http-listen"), error("osp.yaml: region")]);
        assert_eq!(failure.to_string(), "--http-listen: is wrong\nosp.yaml: region: is wrong");
    }
}
