//! Raw request line and host -> one structured value. The only parser of names in the product (P1).

#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{BucketName, ObjectKey, Query, RawHead, decode};
use crate::Denial;

/// How the client named the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`.
    Path,
    /// `https://bucket.host/key`.
    VirtualHost,
}

/// The host names under which OSP is reached; `<bucket>.<host>` is implied for each (H-7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseHosts {
    hosts: Vec<Arc<str>>,
}

impl BaseHosts {
    /// Lower-cases and keeps the names; ports are ignored when matching.
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Self {
            hosts: hosts
                .into_iter()
                .map(|host| host_name(&host).to_ascii_lowercase())
                .filter(|host| !host.is_empty())
                .map(Arc::from)
                .collect(),
        }
    }

    /// The base host that `authority` is below or equal to, if any, and the label before it, lower-case (no label means
    /// path style). The longest base host wins; an exact one is the longest.
    fn split(&self, authority: &str) -> (Option<Arc<str>>, Option<String>) {
        let host = host_name(authority);
        if self.hosts.is_empty() || is_address(host) {
            return (None, None);
        }
        let host = host.to_ascii_lowercase();
        if let Some(exact) = self.hosts.iter().find(|base| ***base == *host) {
            return (Some(Arc::clone(exact)), None);
        }
        // Both sides of the dot must be there: `evilexample.com` is not below `example.com` (label boundary).
        self.hosts
            .iter()
            .filter_map(|base| Some((base, host.strip_suffix(&**base)?.strip_suffix('.')?)))
            .min_by_key(|(_, label)| label.len())
            .map_or((None, None), |(base, label)| (Some(Arc::clone(base)), Some(label.to_owned())))
    }
}

/// What a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Path or virtual-host style.
    pub addressing: Addressing,
    /// The base host under which the request came; `None` for any other host.
    pub base_host: Option<Arc<str>>,
    /// `None` for `/`.
    pub bucket: Option<BucketName>,
    /// `None` when a bucket or the service is meant.
    pub key: Option<ObjectKey>,
    /// Decoded query, authentication parameters included.
    pub query: Query,
}

/// Parses the raw target and the host of a head. A host under no base host means path style; an exact base host beats
/// bucket-in-host; the longest base host wins.
///
/// # Errors
/// [`Denial::InvalidUri`], [`Denial::InvalidBucketName`], [`Denial::KeyTooLong`].
pub fn parse(head: &RawHead, hosts: &BaseHosts) -> Result<Target, Denial> {
    let target = head.target();
    let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(path_end).unwrap_or_default();
    let query = Query::parse(query.strip_prefix(b"?").unwrap_or_default())?;
    let path = path.strip_prefix(b"/").ok_or(Denial::InvalidUri("the path does not begin with a slash"))?;
    let (base_host, label) = hosts.split(head.host());
    match label {
        Some(label) => {
            let bucket = Some(BucketName::parse(&label)?);
            Ok(Target { addressing: Addressing::VirtualHost, base_host, bucket, key: key(path)?, query })
        }
        None => {
            let (bucket, key) = path_style(path)?;
            Ok(Target { addressing: Addressing::Path, base_host, bucket, key, query })
        }
    }
}

/// `bucket`, `bucket/` and `bucket/key`: split at the first literal slash, before anything is decoded.
fn path_style(path: &[u8]) -> Result<(Option<BucketName>, Option<ObjectKey>), Denial> {
    if path.is_empty() {
        return Ok((None, None));
    }
    let bucket_end = memchr::memchr(b'/', path).unwrap_or(path.len());
    let (bucket, rest) = path.split_at_checked(bucket_end).unwrap_or_default();
    let bucket = String::from_utf8(decode(bucket)?).map_err(|_| Denial::InvalidUri("the bucket is not UTF-8"))?;
    Ok((Some(BucketName::parse(&bucket)?), key(rest.strip_prefix(b"/").unwrap_or_default())?))
}

/// Everything after the bucket's slash is the key, slashes and dots included; nothing there means the bucket itself.
fn key(raw: &[u8]) -> Result<Option<ObjectKey>, Denial> {
    if raw.is_empty() { Ok(None) } else { ObjectKey::parse(decode(raw)?).map(Some) }
}

/// An authority without its port and without the dot that ends a fully qualified name.
fn host_name(authority: &str) -> &str {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}
