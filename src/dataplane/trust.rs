//! CA certificates in the form that pingora's peers want, parsed once per set.

use std::collections::HashMap;
use std::sync::Arc;

use osp_core::Denial;
use osp_core::table::Upstream;
use parking_lot::RwLock;
use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{WrappedX509, parse_x509};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Above this many sets the cache starts over; one set a private CA is the normal case.
const MAX_ENTRIES: usize = 1024;

/// Parsed CA sets.
#[derive(Default)]
pub struct TrustStores {
    parsed: RwLock<HashMap<Arc<Vec<Vec<u8>>>, Arc<CaType>>>,
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
    pub fn roots(&self, upstream: &Upstream, ders: &Arc<Vec<Vec<u8>>>) -> Result<Arc<CaType>, Denial> {
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
}
