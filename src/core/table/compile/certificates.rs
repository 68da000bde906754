//! `caCertificateRefs` -> DER certificates.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::canonical::{Canonical, Digest};
use super::problem;
use super::surroundings::Surroundings;
use crate::model::{Backend, CaRef, CaRefKind, ObjectName, Problem, Reason, TlsVerification};
use crate::table::Trust;

/// Trust settings with a digest of their contents.
#[derive(Debug, Clone)]
pub(super) struct Trusted {
    pub(super) trust: Trust,
    pub(super) digest: Digest,
}

/// What was found under each list of references.
type Read = BTreeMap<Vec<CaRef>, Result<Trusted, Problem>>;

/// Reads each set of bundles once: thousands of routes usually share one.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    /// By namespace.
    pub(super) read: BTreeMap<Arc<str>, Read>,
}

impl Bundles {
    /// Forgets what no route has.
    pub(super) fn tidy(&mut self) {
        let is_used = |trusted: &Trusted| matches!(&trusted.trust, Trust::Roots(roots) if Arc::strong_count(roots) > 1);
        for read in self.read.values_mut() {
            read.retain(|_, found| found.as_ref().is_ok_and(is_used));
        }
        self.read.retain(|_, read| !read.is_empty());
    }

    /// Whom connections to this backend trust, or the first bundle that cannot be used.
    pub(super) fn trust(
        &mut self,
        route: &ObjectName,
        backend: &Backend,
        surroundings: &Surroundings,
    ) -> Result<Trusted, Problem> {
        match (backend.verification, backend.ca.as_slice()) {
            (TlsVerification::Insecure, _) => Ok(trusted(Trust::Insecure)),
            (TlsVerification::Full, []) => Ok(trusted(Trust::System)),
            (TlsVerification::Full, refs) => {
                if let Some(found) = self.read.get(&route.namespace).and_then(|read| read.get(refs)) {
                    return found.clone();
                }
                let each = refs.iter().enumerate().map(|(index, one)| certificates(index, one, route, surroundings));
                let roots = each.collect::<Result<Vec<_>, _>>().map(|each| each.concat());
                let found = roots.map(|roots| trusted(Trust::Roots(Arc::new(roots))));
                self.read.entry(Arc::clone(&route.namespace)).or_default().insert(refs.to_vec(), found.clone());
                found
            }
        }
    }
}

fn certificates(
    index: usize,
    reference: &CaRef,
    route: &ObjectName,
    surroundings: &Surroundings,
) -> Result<Vec<Vec<u8>>, Problem> {
    let wrong = |what: &str| problem(format!("tls.caCertificateRefs[{index}]"), Reason::InvalidCertificateRef, what);
    let object = route.sibling(&reference.name);
    let pem: &[u8] = match reference.kind {
        CaRefKind::ConfigMap => {
            surroundings.config_maps.get(&object).and_then(|data| data.get(&reference.key)).map(String::as_bytes)
        }
        CaRefKind::Secret => {
            surroundings.secrets.get(&object).and_then(|data| data.get(&reference.key)).map(|bytes| bytes.as_slice())
        }
    }
    .ok_or_else(|| wrong("there is no such object with this key in this namespace"))?;
    let found = CertificateDer::pem_slice_iter(pem)
        .map(|item| item.ok().map(|der| der.to_vec()).filter(|der| is_one_sequence(der)))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| wrong("the PEM text is damaged"))?;
    if found.is_empty() { Err(wrong("there is no PEM certificate in it")) } else { Ok(found) }
}

/// True for one DER SEQUENCE and nothing after it: the outside of every certificate. The inside is checked by whoever
/// connects; this catches other base64 between certificate markers and certificates that were cut.
pub(super) fn is_one_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    match rest {
        [length @ 0..=0x7f, content @ ..] => content.len() == usize::from(*length),
        [0x81, length, content @ ..] => content.len() == usize::from(*length),
        [0x82, high, low, content @ ..] => content.len() == usize::from(u16::from_be_bytes([*high, *low])),
        _ => false,
    }
}

fn trusted(trust: Trust) -> Trusted {
    let mut canonical = Canonical::new("trust");
    match &trust {
        Trust::System => canonical.text("system"),
        Trust::Insecure => canonical.text("insecure"),
        Trust::Roots(roots) => {
            canonical.number(roots.len());
            roots.iter().fold(&mut canonical, |canonical, root| canonical.bytes(root))
        }
    };
    Trusted { digest: canonical.digest(), trust }
}
