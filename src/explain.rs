//! `osp explain`: what the gateway would decide about one request, and why. The decision is
//! [`osp_core::access::explain`], which is the request path's own.

use std::fmt::Write as _;
use std::sync::Arc;

use osp_controller::Loaded;
use osp_core::Denial;
use osp_core::access::{Explanation, Hypothesis, Principal, explain as decide};
use osp_core::model::{Claim, Entry, ObjectName, Route};
use osp_core::s3::{BucketName, CopySource, ObjectKey, Operation, Query, encode_query, named};
use osp_core::table::{Compiled, compile};

use crate::args::{Explain, Serve};
use crate::{Config, ConfigError, Failure};

/// A request as it was typed, understood.
struct Asked {
    principal: Principal,
    host: Option<Arc<str>>,
    operation: Operation,
    query: Query,
}

/// Decides by a directory of documents, and says why, one `field: value` a line, in the words of the access log.
///
/// # Errors
/// [`Failure::Config`] for everything that was typed wrongly, [`Failure::Documents`] when the directory cannot be read.
pub fn explain(typed: &Explain) -> Result<String, Failure> {
    let serve = Serve { config_dir: Some(typed.config_dir.clone()), config: typed.config.clone(), ..Serve::default() };
    let config = Config::read(&serve)?;
    let asked = Asked::read(typed, &config)?;
    let loaded = osp_controller::load(&typed.config_dir, &config.process_rules())
        .map_err(|error| Failure::Documents(error.errors.iter().map(ToString::to_string).collect()))?;
    let compiled = compile(&loaded.snapshot);
    let Asked { principal, host, operation, query } = &asked;
    let hypothesis = Hypothesis { principal, host: host.as_ref(), operation, query };
    let explanation = decide(hypothesis, &compiled.table);
    Ok(render(&asked, &explanation, &problems(&asked, &explanation, &loaded, &compiled)))
}

impl Asked {
    fn read(typed: &Explain, config: &Config) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut wrong = |place: &str, reason: String| errors.push(ConfigError { place: place.to_owned(), reason });
        let principal = typed
            .client
            .split_once('/')
            .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty() && !name.contains('/'));
        if principal.is_none() {
            wrong("--client", format!("{:?} is no NAMESPACE/NAME of a ClientIdentity", typed.client));
        }
        let bucket = typed.bucket.as_deref().map(BucketName::parse);
        let key = typed.key.as_ref().map(|key| ObjectKey::parse(key.clone().into_bytes()));
        let source = typed.source.as_ref().map(|source| CopySource::parse(source.as_bytes()));
        let mut report = |place: &str, denial: Option<Denial>| {
            if let Some(denial) = denial {
                wrong(place, denial.to_string());
            }
        };
        report("--bucket", bucket.as_ref().and_then(|bucket| bucket.as_ref().err().cloned()));
        report("--key", key.as_ref().and_then(|key| key.as_ref().err().cloned()));
        report("--source", source.as_ref().and_then(|source| source.as_ref().err().cloned()));
        let parts = (bucket.and_then(Result::ok), key.and_then(Result::ok), source.and_then(Result::ok));
        let operation = named(&typed.operation, parts.0, parts.1, parts.2);
        if operation.is_none() && errors.is_empty() {
            let reason = format!("{:?} is no operation on what --bucket, --key and --source name", typed.operation);
            errors.push(ConfigError { place: "--operation".to_owned(), reason });
        }
        let (Some((namespace, name)), Some(operation), true) = (principal, operation, errors.is_empty()) else {
            return Err(errors);
        };
        // A host that is no base host means path style, and routes without hosts, as for requests.
        let host = typed.host.as_deref().map(str::to_ascii_lowercase).filter(|host| config.base_hosts.contains(host));
        Ok(Self {
            principal: Principal::new(ObjectName::new(namespace, name)),
            host: host.map(Arc::from),
            operation,
            query: listing(typed.prefix.as_deref()),
        })
    }
}

/// The query of a listing.
fn listing(prefix: Option<&str>) -> Query {
    let Some(prefix) = prefix else { return Query::default() };
    let mut raw = "prefix=".to_owned();
    encode_query(prefix.as_bytes(), &mut raw);
    Query::parse(raw.as_bytes()).unwrap_or_default()
}

/// What is wrong with the routes of the bucket, where that is why.
fn problems(asked: &Asked, explanation: &Explanation, loaded: &Loaded, compiled: &Compiled) -> Vec<String> {
    let bucket = asked.operation.bucket();
    let denial = explanation.denial.as_ref();
    if !denial.is_some_and(|denial| matches!(denial, Denial::RouteBroken | Denial::NotReady | Denial::NoSuchBucket(_)))
    {
        return Vec::new();
    }
    let is_about = |entry: &Entry<Route>| match entry {
        Entry::Valid(route) => Some(&route.matches.bucket) == bucket,
        Entry::Invalid { claim: Claim::Match(matches), .. } => Some(&matches.bucket) == bucket,
        Entry::Invalid { claim: Claim::Bucket(claimed, _), .. } => Some(claimed) == bucket,
        Entry::Invalid { claim: Claim::Unreadable, .. } => matches!(denial, Some(Denial::NotReady)),
    };
    let routes = loaded.snapshot.routes.iter().filter(|(_, object)| is_about(&object.entry)).map(|(name, _)| name);
    let names: std::collections::BTreeSet<&ObjectName> = routes.collect();
    let about: Vec<_> = compiled
        .rejections
        .iter()
        .filter(|one| one.kind == "BucketRoute" && names.contains(&one.name))
        .cloned()
        .collect();
    let all = loaded.findings_with(&about).into_iter();
    all.filter(|finding| finding.kind == "BucketRoute").map(|finding| finding.to_string()).collect()
}

fn render(asked: &Asked, explanation: &Explanation, problems: &[String]) -> String {
    let mut out = String::new();
    let mut line = |field: &str, value: &str| {
        // A `String` takes everything.
        let _ = writeln!(out, "{field}: {value}");
    };
    line("decision", if explanation.denial.is_none() { "allow" } else { "deny" });
    line("principal", &asked.principal.to_string());
    line("operation", asked.operation.name());
    if let Some(bucket) = asked.operation.bucket() {
        line("bucket", bucket.as_str());
    }
    if let Some(key) = asked.operation.key() {
        line("key", &key.as_str().escape_debug().to_string());
    }
    if let Some(denial) = &explanation.denial {
        let row = denial.row();
        line("status", &row.status.to_string());
        line("code", row.code);
        line("reason", row.reason);
        line("blame", row.blame.label());
        line("message", &denial.to_string());
    }
    for check in &explanation.checks {
        line("check", &check.to_string());
    }
    if let Some(to) = &explanation.destination {
        line("route", &to.route.to_string());
        line("backend", &to.backend);
        line("endpoint", &to.endpoint);
        line("backendBucket", &to.bucket);
        if let Some(key) = &to.key {
            line("backendKey", &key.escape_debug().to_string());
        }
        line("credential", &to.credential.to_string());
    }
    for bucket in &explanation.buckets {
        line("shows", bucket.as_str());
    }
    for problem in problems {
        line("problem", problem);
    }
    out
}

#[cfg(test)]
mod tests;
