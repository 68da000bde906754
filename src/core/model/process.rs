//! What the operator of the process decided about routes: its class, its hosts, who may use them, where it may connect.

use std::fmt;
use std::sync::Arc;

use super::{Endpoint, HookStates, LabelSelector, ProcessProxies};
use crate::s3::BucketPattern;

/// The class of objects, and of processes, that name none.
pub const DEFAULT_CLASS: &str = "osp";

/// Rules of one process; part of the input of [`crate::table::compile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRules {
    /// Objects of another `spec.className` are none of this process' business.
    pub class: String,
    /// Base hosts, lower case, without ports.
    pub base_hosts: Vec<String>,
    /// `tenancy.hosts`: who may claim which host. A host without a rule is everybody's.
    pub hosts: Vec<HostRule>,
    /// `tenancy.bucketPatterns`: who may make routes of patterns; `None` = everybody, `Some` of nothing = nobody.
    pub patterns: Option<Vec<PatternRule>>,
    /// Where backends may be; empty = everywhere that [`super::forbidden_address`] allows.
    pub allowed_endpoints: Vec<HostPort>,
    /// The proxies to backends whose route names none. They are the operator's own, so `allowed_endpoints` says nothing
    /// about them.
    pub proxies: ProcessProxies,
    /// The hooks that routes may name; `None` = nobody has looked, so nothing is known of them.
    pub hooks: Option<Arc<HookStates>>,
}

/// One entry of `tenancy.hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// A base host.
    pub host: String,
    /// The namespaces whose routes serve it.
    pub namespaces: LabelSelector,
}

/// One entry of `tenancy.bucketPatterns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternRule {
    /// The widest pattern that is allowed.
    pub pattern: BucketPattern,
    /// The namespaces that may use it, or a narrower one.
    pub namespaces: LabelSelector,
}

/// `host:port` of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// DNS name or address, lower case, IPv6 without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl HostPort {
    /// Parses `host:port` by the rules of [`Endpoint::parse`]; both must be there.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "must be host:port, such as minio.example.com:9000";
        let host_end = text.rfind(']').unwrap_or(0);
        if !text.get(host_end..).is_some_and(|rest| rest.contains(':')) || text.contains('/') {
            return Err(EXPECTED);
        }
        let Endpoint { host, port, .. } = Endpoint::parse(&format!("http://{text}"))?;
        Ok(Self { host, port })
    }

    /// True for this very host and port.
    #[must_use]
    pub fn is_of(&self, endpoint: &Endpoint) -> bool {
        self.host == endpoint.host && self.port == endpoint.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Default for ProcessRules {
    fn default() -> Self {
        Self {
            class: DEFAULT_CLASS.to_owned(),
            base_hosts: Vec::new(),
            hosts: Vec::new(),
            patterns: None,
            allowed_endpoints: Vec::new(),
            proxies: ProcessProxies::default(),
            hooks: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_both_needed() {
        for (text, host, port) in
            [("MinIO.dr.svc:9000", "minio.dr.svc", 9000), ("10.0.0.1:80", "10.0.0.1", 80), ("[::1]:443", "::1", 443)]
        {
            assert_eq!(HostPort::parse(text), Ok(HostPort { host: host.to_owned(), port }), "{text}");
        }
        for text in ["", "minio", "minio:", "minio:0", ":80", "[::1]", "::1", "http://minio:80", "minio:80/x", "*:80"] {
            assert!(HostPort::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_endpoint_matches_by_host_and_port() {
        let allowed = HostPort::parse("s3.example.com:443").unwrap();
        assert!(allowed.is_of(&Endpoint::parse("https://s3.example.com").unwrap()));
        for other in ["http://s3.example.com", "https://s3.example.com:8443", "https://x.s3.example.com"] {
            assert!(!allowed.is_of(&Endpoint::parse(other).unwrap()), "{other}");
        }
    }
}
