//! CA certificates in the form that pingora's peers want, parsed once per set.

use std::collections::HashMap;
use std::sync::Arc;

use osp_core::Denial;
use osp_core::table::{ClientCertificate, Upstream};
use parking_lot::RwLock;
use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Above this many sets the cache starts over; one set a private CA is the normal case.
const MAX_ENTRIES: usize = 1024;

/// Certificates of one CA set, DER.
type Ders = Arc<Vec<Vec<u8>>>;

/// Parsed CA sets.
#[derive(Default)]
pub struct TrustStores {
    parsed: RwLock<HashMap<Ders, Arc<CaType>>>,
    client_keys: RwLock<HashMap<Arc<ClientCertificate>, Arc<CertKey>>>,
}

impl std::fmt::Debug for TrustStores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustStores").field("sets", &self.parsed.read().len()).finish()
    }
}

impl TrustStores {
    /// The parsed form of these DER certificates.
    ///
    /// # Errors
    /// [`Denial::RouteBroken`] when one is no certificate or there is none: an empty set must never mean "trust all".
    pub fn roots(&self, upstream: &Upstream, ders: &Ders) -> Result<Arc<CaType>, Denial> {
        if let Some(parsed) = self.parsed.read().get(ders) {
            return Ok(Arc::clone(parsed));
        }
        // parse_x509 panics on garbage, so look first
        if ders.is_empty() || ders.iter().any(|der| X509Certificate::from_der(der).is_err()) {
            tracing::error!(endpoint = %upstream.endpoint, "a CA bundle holds something that is no certificate");
            return Err(Denial::RouteBroken);
        }
        let parsed: Arc<CaType> = ders.iter().map(|der| WrappedX509::new(der.clone(), parse_x509)).collect();
        let mut all = self.parsed.write();
        if all.len() >= MAX_ENTRIES {
            all.clear();
        }
        all.insert(Arc::clone(ders), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// The parsed form of a client certificate.
    ///
    /// # Errors
    /// [`Denial::RouteBroken`] when the certificate or the key is none, or they do not belong together: pingora would
    /// panic on some of it, and connect without a certificate is not what was asked for.
    pub fn client_key(&self, upstream: &Upstream, given: &Arc<ClientCertificate>) -> Result<Arc<CertKey>, Denial> {
        if let Some(parsed) = self.client_keys.read().get(given) {
            return Ok(Arc::clone(parsed));
        }
        let certificates = given.chain.iter().all(|der| X509Certificate::from_der(der).is_ok());
        if given.chain.is_empty() || !certificates || !belong_together(given) {
            tracing::error!(endpoint = %upstream.endpoint, "a client certificate and its key cannot be used");
            return Err(Denial::RouteBroken);
        }
        let parsed = Arc::new(CertKey::new(given.chain.clone(), given.key.to_vec()));
        let mut all = self.client_keys.write();
        if all.len() >= MAX_ENTRIES {
            all.clear();
        }
        all.insert(Arc::clone(given), Arc::clone(&parsed));
        Ok(parsed)
    }
}

fn belong_together(given: &ClientCertificate) -> bool {
    let Ok(key) = PrivateKeyDer::try_from(given.key.as_slice()) else { return false };
    let Ok(key) = rustls::crypto::ring::sign::any_supported_type(&key) else { return false };
    let chain = given.chain.iter().map(|der| der.clone().into()).collect();
    CertifiedKey::new(chain, key).keys_match().is_ok()
}
