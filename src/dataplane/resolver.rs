//! Asynchronous name resolution with a short memory: pingora itself would block and unwrap.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use osp_core::Denial;
use osp_core::model::forbidden_address;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::settings::{CONNECT_TIMEOUT, DNS_TTL};

/// Turns a backend's host into addresses.
#[async_trait]
pub trait Resolver: std::fmt::Debug + Send + Sync {
    /// All allowed addresses of `host`, at least one.
    ///
    /// # Errors
    /// [`Denial::UpstreamUnreachable`] when the name has no address or only forbidden ones (B-1: link-local and metadata
    /// addresses are refused after resolution, so no DNS answer can smuggle them in).
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Denial>;
}

/// The machine's resolver, on the blocking pool, remembering each answer for [`DNS_TTL`]. When asking again fails, the
/// last good answer stays in use (fault 5).
#[derive(Debug)]
pub struct SystemResolver {
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<(String, u16), Answer>>,
}

#[derive(Debug, Clone)]
struct Answer {
    addresses: Vec<SocketAddr>,
    expires_at: Duration,
}

impl SystemResolver {
    /// A resolver that remembers by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Mutex::default() }
    }

    async fn ask(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, port))).await;
        match answer {
            Ok(Ok(addresses)) => Some(addresses.collect()),
            Ok(Err(error)) => {
                tracing::warn!(host, %error, "a backend's name does not resolve");
                None
            }
            Err(_) => {
                tracing::warn!(host, "resolving a backend's name took too long");
                None
            }
        }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Denial> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return allowed(vec![SocketAddr::new(address, port)]);
        }
        let key = (host.to_owned(), port);
        let known = self.known.lock().get(&key).cloned();
        let now = self.clock.monotonic();
        if let Some(answer) = &known
            && now < answer.expires_at
        {
            return allowed(answer.addresses.clone());
        }
        match self.ask(host, port).await {
            Some(addresses) if !addresses.is_empty() => {
                let answer = Answer { addresses: addresses.clone(), expires_at: now + DNS_TTL };
                self.known.lock().insert(key, answer);
                allowed(addresses)
            }
            _ => allowed(known.map(|answer| answer.addresses).unwrap_or_default()),
        }
    }
}

fn allowed(mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Denial> {
    addresses.retain(|address| !forbidden_address(address.ip()));
    if addresses.is_empty() { Err(Denial::UpstreamUnreachable) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn b_1_literals_resolve_and_metadata_addresses_do_not() {
        let resolver = SystemResolver::new(Arc::new(SystemClock::default()));
        assert_eq!(resolver.resolve("127.0.0.1", 9000).await, Ok(vec!["127.0.0.1:9000".parse().unwrap()]));
        for host in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"] {
            assert_eq!(resolver.resolve(host, 80).await, Err(Denial::UpstreamUnreachable), "{host}");
        }
    }
}
