//! The backends of a route, resolved: what a connection, a signature and a choice need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::Denial;
use crate::model::{AddressingStyle, Copies, Endpoint, ObjectName, Reads, Retries, Timeouts, TrailingChecksums};
use crate::s3::{BucketName, Mapping, ObjectKey, Unopened, open_upload};
use crate::sigv4::SecretKey;
use crate::table::UpstreamCredential;

/// The usable backends of one route.
#[derive(Debug)]
pub struct Backends {
    /// At least one, in the order of the document; those that cannot be used are left out.
    pub(super) usable: Vec<Arc<ServedBackend>>,
    /// None is left out.
    pub(super) complete: bool,
    /// Where everything goes but reads of single objects and uploads begun elsewhere; `None` = that backend is not usable, so all of this is 503.
    pub(super) writes: Option<Arc<ServedBackend>>,
    pub(super) reads: Reads,
    pub(super) retries: Option<Retries>,
    pub(super) copies: Copies,
}

/// One usable backend of a route.
#[derive(Debug)]
pub struct ServedBackend {
    /// `spec.backends[].name`.
    pub name: Arc<str>,
    /// Place among the usable backends of its route, from 0 to 7.
    pub place: u8,
    /// Reads go to the lowest tier that has a usable backend.
    pub priority: u8,
    /// Share of the reads inside the tier; 0 = none while another one is usable.
    pub weight: u16,
    /// Bucket and prefix renaming.
    pub mapping: Arc<Mapping>,
    /// Where requests go.
    pub upstream: Arc<Upstream>,
    /// Where requests go instead that an `access` entry with `credentials` allows, by the entry's place in the policy.
    pub overrides: Arc<BTreeMap<usize, Upstream>>,
}

impl ServedBackend {
    /// The backend of one bucket, of a backend of a pattern that covers it; `None` when it cannot have a bucket of that name.
    fn of_bucket(&self, bucket: &BucketName) -> Option<Self> {
        let mapping = self.mapping.of_bucket(bucket)?;
        let Upstream { endpoint, addressing, .. } = &*self.upstream;
        // no wildcard certificate covers a name with a dot
        let covered = !endpoint.tls || *addressing == AddressingStyle::Path || !mapping.backend_bucket.contains('.');
        covered.then(|| Self {
            name: Arc::clone(&self.name),
            place: self.place,
            priority: self.priority,
            weight: self.weight,
            mapping: Arc::new(mapping),
            upstream: Arc::clone(&self.upstream),
            overrides: Arc::clone(&self.overrides),
        })
    }

    /// Where requests go that this `allow` rule of the policy allows.
    #[must_use]
    pub fn upstream_for(&self, rule: usize) -> &Upstream {
        self.overrides.get(&rule).unwrap_or(&self.upstream)
    }
}

/// A backend with everything that a connection and a signature to it need.
#[derive(Debug)]
pub struct Upstream {
    /// The `CredentialSource` that `credential` is from.
    pub source: ObjectName,
    /// Scheme, host, port.
    pub endpoint: Endpoint,
    /// Region that requests are signed for.
    pub region: String,
    /// The endpoint of another region of the same provider may be asked instead, where the provider documents one: nobody
    /// has limited where the credential may be sent.
    pub may_change_host: bool,
    /// Path or virtual-host style.
    pub addressing: AddressingStyle,
    /// What requests are signed with.
    pub credential: UpstreamCredential,
    /// Whom to trust.
    pub trust: Trust,
    /// The name that is asked for and that the certificate must carry; `None` = the host that the request is sent to.
    pub server_name: Option<String>,
    /// What OSP shows when the backend asks who connects.
    pub client_certificate: Option<Arc<ClientCertificate>>,
    /// The proxy on the way.
    pub proxy: Option<Arc<Proxy>>,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// What to do with checksum trailers.
    pub trailing_checksums: TrailingChecksums,
    /// Hash of everything that pooled connections must not be shared across: endpoint, trust settings, names, client
    /// certificate, proxy and credential. Health is kept by it, too.
    pub pool_group: u64,
}

/// Whose certificates a backend connection accepts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The system's roots.
    System,
    /// These DER certificates and nothing else.
    Roots(Arc<Vec<Vec<u8>>>),
    /// Anything: development only.
    Insecure,
}

/// A certificate of OSP's own towards a backend. `Debug` shows no key.
#[derive(PartialEq, Eq)]
pub struct ClientCertificate {
    /// DER, the leaf first; at least one.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8, PKCS#1 or SEC1, DER.
    pub key: Zeroizing<Vec<u8>>,
}

/// A proxy that is asked for a tunnel (`CONNECT`). `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it listens; always plain HTTP.
    pub endpoint: Endpoint,
    /// Value of `Proxy-Authorization`.
    pub authorization: Option<SecretKey>,
}

impl Backends {
    /// The backend of everything that changes something, lists, or has an id of one backend.
    #[must_use]
    pub fn writes(&self) -> Option<&Arc<ServedBackend>> {
        self.writes.as_ref()
    }

    /// The backend that an upload of this key goes on at: the one that made its id, whether writes go there or not
    /// (s3-protocol.md 11).
    ///
    /// # Errors
    /// [`Denial::NoSuchUpload`] when no backend of the route made it, [`Denial::RouteBroken`] when one that is not usable
    /// might have: a client gives up an upload that is said not to exist.
    pub fn of_upload(&self, key: &ObjectKey, id: &str) -> Result<&Arc<ServedBackend>, Denial> {
        // most uploads are where writes go
        for backend in self.writes.iter().chain(&self.usable) {
            match open_upload(&backend.mapping, key.as_str(), id) {
                Ok(_) => return Ok(backend),
                Err(Unopened::Foreign) => return Err(Denial::NoSuchUpload),
                Err(Unopened::Elsewhere) => {}
            }
        }
        Err(if self.complete { Denial::NoSuchUpload } else { Denial::RouteBroken })
    }

    /// All usable backends: where reads of single objects may go.
    #[must_use]
    pub fn usable(&self) -> &[Arc<ServedBackend>] {
        &self.usable
    }

    /// The backends of one bucket, of those of a pattern; `None` when one of them cannot have a bucket of that name.
    pub(super) fn of_bucket(&self, bucket: &BucketName) -> Option<Self> {
        let named = |backend: &Arc<ServedBackend>| backend.of_bucket(bucket).map(Arc::new);
        let usable = self.usable.iter().map(named).collect::<Option<Vec<_>>>()?;
        let place = self.writes.as_ref().map(|writes| usize::from(writes.place));
        let writes = place.and_then(|place| usable.get(place)).map(Arc::clone);
        let Self { complete, reads, retries, copies, .. } = *self;
        Some(Self { usable, writes, complete, reads, retries, copies })
    }

    /// How reads choose.
    #[must_use]
    pub fn reads(&self) -> Reads {
        self.reads
    }

    /// What is tried again, and when; `None` = what the process does.
    #[must_use]
    pub fn retries(&self) -> Option<Retries> {
        self.retries
    }

    /// What becomes of a copy into the route whose source is elsewhere.
    #[must_use]
    pub fn copies(&self) -> Copies {
        self.copies
    }
}

impl Retries {
    /// How long to wait before attempt number `attempt` (2 = the first repetition): doubled each time, at most
    /// [`Self::LONGEST`], and of that between the half and the whole, by `random`.
    #[must_use]
    pub fn delay(&self, attempt: usize, random: u64) -> Duration {
        let doublings = u32::try_from(attempt.saturating_sub(2)).unwrap_or(u32::MAX).min(16);
        let whole = self.backoff.saturating_mul(1 << doublings).min(Self::LONGEST);
        let half = whole / 2;
        let part = u32::try_from(random >> 32).unwrap_or(0);
        half + half.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }

    /// Longest wait between two attempts.
    pub const LONGEST: Duration = Duration::from_secs(10);
}

impl std::hash::Hash for ClientCertificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.chain.hash(state);
    }
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_wait_longer_each_time_and_never_the_same() {
        let retries = Retries { attempts: 5, backoff: Duration::from_millis(100) };
        let between = |attempt, low, high| {
            assert_eq!(retries.delay(attempt, 0), Duration::from_millis(low), "{attempt}");
            let most = retries.delay(attempt, u64::MAX);
            assert!(
                most <= Duration::from_millis(high) && most > Duration::from_millis(high - 1),
                "{attempt} {most:?}"
            );
        };
        between(2, 50, 100);
        between(3, 100, 200);
        between(5, 400, 800);
        let slow = Retries { attempts: 5, backoff: Duration::from_secs(8) };
        assert!(slow.delay(5, u64::MAX) <= Retries::LONGEST);
    }
}
