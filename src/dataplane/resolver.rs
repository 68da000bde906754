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
use crate::settings::{CONNECT_TIMEOUT, DNS_RETRY, DNS_TTL};

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

/// The machine's resolver, on the blocking pool, remembering each answer for 10 s. One question a name at a time:
/// meanwhile, and when asking fails, the last good answer stays in use (fault 5).
#[derive(Debug)]
pub struct SystemResolver {
    clock: Arc<dyn Clock>,
    names: Mutex<HashMap<(String, u16), Arc<Name>>>,
}

/// What is known of one name.
#[derive(Debug, Default)]
struct Name {
    answer: Mutex<Answer>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default, Clone)]
struct Answer {
    addresses: Vec<SocketAddr>,
    expires_at: Duration,
}

impl SystemResolver {
    /// A resolver that remembers by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, names: Mutex::default() }
    }

    async fn ask(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, port))).await;
        match answer {
            Ok(Ok(addresses)) => Some(addresses.collect()).filter(|addresses: &Vec<_>| !addresses.is_empty()),
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

    fn name(&self, host: &str, port: u16) -> Arc<Name> {
        Arc::clone(self.names.lock().entry((host.to_owned(), port)).or_default())
    }

    /// Asks, unless somebody else has while this request waited for its turn.
    async fn refresh(&self, name: &Name, host: &str, port: u16) {
        if name.answer(self.clock.monotonic()).is_some() {
            return;
        }
        let asked = self.ask(host, port).await;
        let now = self.clock.monotonic();
        let mut answer = name.answer.lock();
        match asked {
            Some(addresses) => *answer = Answer { addresses, expires_at: now + DNS_TTL },
            None => answer.expires_at = now + DNS_RETRY,
        }
    }
}

impl Name {
    /// The addresses, unless it is time to ask again.
    fn answer(&self, now: Duration) -> Option<Vec<SocketAddr>> {
        let answer = self.answer.lock();
        (now < answer.expires_at).then(|| answer.addresses.clone())
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Denial> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return allowed(vec![SocketAddr::new(address, port)]);
        }
        let name = self.name(host, port);
        if let Some(addresses) = name.answer(self.clock.monotonic()) {
            return allowed(addresses);
        }
        let stale = name.answer.lock().addresses.clone();
        match (name.asking.try_lock(), stale.is_empty()) {
            (Ok(_turn), _) => self.refresh(&name, host, port).await,
            // somebody asks already and there is an answer to go on with
            (Err(_), false) => return allowed(stale),
            (Err(_), true) => {
                let _turn = name.asking.lock().await;
                self.refresh(&name, host, port).await;
            }
        }
        let addresses = name.answer.lock().addresses.clone();
        allowed(addresses)
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
