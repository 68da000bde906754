//! A request as it was typed -> the values that the request path has of a real one.

use std::sync::Arc;

use osp_core::Denial;
use osp_core::access::{Hypothesis, Principal};
use osp_core::model::{CorsMethod, CorsRequest, ObjectName};
use osp_core::s3::{BucketName, CopySource, ObjectKey, Operation, Query, encode_query, named};
use osp_core::table::CorsPlace;

use crate::ConfigError;
use crate::args::ExplainedRequest;

/// A request, understood.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) principal: Principal,
    pub(super) operation: Operation,
    host: Option<Arc<str>>,
    query: Query,
    origin: Option<String>,
}

impl Asked {
    /// Everything that is wrong has the name of its parameter for its place.
    pub(crate) fn read(request: &ExplainedRequest, base_hosts: &[String]) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let principal = client(&request.client).map_err(|reason| errors.push(wrong("client", reason))).ok();
        let mut part = |place: &str, denial: Denial| errors.push(wrong(place, denial.to_string()));
        let bucket = request.bucket.as_deref().map(BucketName::parse).transpose();
        let bucket = bucket.map_err(|denial| part("bucket", denial));
        let key = request.key.as_ref().map(|key| ObjectKey::parse(key.clone().into_bytes())).transpose();
        let key = key.map_err(|denial| part("key", denial));
        let source = request.source.as_ref().map(|source| CopySource::parse(source.as_bytes())).transpose();
        let source = source.map_err(|denial| part("source", denial));
        let query = listing(request.prefix.as_deref()).map_err(|denial| part("prefix", denial));
        let (Ok(bucket), Ok(key), Ok(source), Ok(query)) = (bucket, key, source, query) else { return Err(errors) };
        let operation = named(&request.operation, bucket, key, source);
        if operation.is_none() {
            let reason = format!("{:?} is no operation on what bucket, key and source name", request.operation);
            errors.push(wrong("operation", reason));
        }
        let (Some(principal), Some(operation)) = (principal, operation) else { return Err(errors) };
        // A host that is no base host means path style, and routes without hosts, as for requests.
        let host = request.host.as_deref().map(str::to_ascii_lowercase).filter(|host| base_hosts.contains(host));
        let origin = request.origin.clone();
        Ok(Self { principal, operation, host: host.map(Arc::from), query, origin })
    }

    pub(super) fn hypothesis(&self) -> Hypothesis<'_> {
        let Self { principal, operation, host, query, .. } = self;
        Hypothesis { principal, host: host.as_ref(), operation, query }
    }

    /// What a browser would ask for a page of the origin that was typed, and of what; `None` without one, and for what no
    /// rule can be about.
    pub(super) fn cross_origin(&self) -> Option<(CorsPlace<'_>, CorsRequest)> {
        let Self { operation, host, query, origin, .. } = self;
        let method = CorsMethod::of(&operation.method())?;
        let names = (operation.bucket()?, operation.key());
        let asked = CorsRequest { origin: origin.clone()?, method, headers: Vec::new() };
        Some((CorsPlace::new(host.as_deref(), names, query, method), asked))
    }
}

/// The same mistakes, with other names of their places.
pub(super) fn with_prefix(prefix: &str, mut errors: Vec<ConfigError>) -> Vec<ConfigError> {
    errors.iter_mut().for_each(|error| error.place.insert_str(0, prefix));
    errors
}

pub(super) fn wrong(place: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError { place: place.to_owned(), reason: reason.into() }
}

fn client(text: &str) -> Result<Principal, String> {
    text.split_once('/')
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty() && !name.contains('/'))
        .map(|(namespace, name)| Principal::new(ObjectName::new(namespace, name)))
        .ok_or_else(|| format!("{text:?} is no NAMESPACE/NAME of a ClientIdentity"))
}

/// The query of a listing.
fn listing(prefix: Option<&str>) -> Result<Query, Denial> {
    let Some(prefix) = prefix else { return Ok(Query::default()) };
    let mut raw = "prefix=".to_owned();
    encode_query(prefix.as_bytes(), &mut raw);
    Query::parse(raw.as_bytes())
}
