//! The HTTPS listener's certificate: read from files, read again when they change, swapped without dropping anybody.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How often the files are looked at. Kubernetes swaps mounted Secrets by a symlink, which changes their times too.
const POLL: Duration = Duration::from_secs(1);

/// Where certificate chain and key stand, PEM.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// Leaf first.
    pub chain: PathBuf,
    /// PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// The certificate in force.
#[derive(Debug)]
pub struct CertificateStore {
    files: CertificateFiles,
    current: ArcSwap<CertifiedKey>,
}

impl CertificateStore {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn open(files: CertificateFiles) -> Result<Arc<Self>, String> {
        let current = read(&files)?;
        Ok(Arc::new(Self { files, current: ArcSwap::from_pointee(current) }))
    }

    /// Watches the files for ever: a pair that reads and fits replaces the one in force, anything else is logged and the
    /// old pair stays.
    pub async fn watch(self: Arc<Self>) {
        let mut seen = self.files.modified();
        loop {
            tokio::time::sleep(POLL).await;
            let modified = self.files.modified();
            if modified == seen {
                continue;
            }
            match read(&self.files) {
                Ok(key) => {
                    self.current.store(Arc::new(key));
                    tracing::info!(chain = %self.files.chain.display(), "TLS certificate reloaded");
                }
                // a pair is often written file by file: look again at the next change, keep the old one until then
                Err(error) => tracing::warn!(%error, "TLS certificate not reloaded"),
            }
            seen = modified;
        }
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl CertificateFiles {
    fn modified(&self) -> [Option<SystemTime>; 2] {
        [&self.chain, &self.key].map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok())
    }
}

fn read(files: &CertificateFiles) -> Result<CertifiedKey, String> {
    let say = |path: &PathBuf, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.chain)
        .and_then(Iterator::collect)
        .map_err(|error| say(&files.chain, &error))?;
    if chain.is_empty() {
        return Err(say(&files.chain, &"no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| say(&files.key, &error))?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider())
        .map_err(|error| say(&files.key, &error))
}
