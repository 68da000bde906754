//! Credentials that are fetched when a request needs them: what the table knows of them, and how they are asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Denial;
use crate::model::{BackendCredential, HookName, ObjectName, ProcessProxy, TokenEndpoint};
use crate::sigv4::SecretKey;

/// What requests to an upstream are signed with: known, or yet to be fetched. Equal ones are the same credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamCredential {
    /// It stands in the table.
    Fixed(Arc<BackendCredential>),
    /// It has an end, so it does not.
    Fetched(Arc<FetchedSource>),
}

/// A `CredentialSource` that credentials are fetched from. `Debug` shows no secret.
#[derive(Debug)]
pub struct FetchedSource {
    /// The document.
    pub source: ObjectName,
    /// SHA-256 of everything in it and of what it refers to, secrets included.
    pub digest: [u8; 32],
    /// How.
    pub kind: FetchedKind,
}

/// How credentials are fetched.
#[derive(Debug)]
pub enum FetchedKind {
    /// An IBM Cloud API key is exchanged for a token.
    IbmIam {
        /// The key.
        api_key: SecretKey,
        /// Where.
        endpoint: TokenEndpoint,
        /// The process' proxy on the way.
        proxy: Option<ProcessProxy>,
        /// Goes with the token ([`BackendCredential::Bearer`]).
        service_instance_id: Option<String>,
    },
    /// A hook is asked for each client and bucket.
    Python {
        /// Its name.
        hook: HookName,
        /// What it is told beside them.
        parameters: BTreeMap<String, String>,
    },
}

/// For whom a credential is fetched: everything that may decide which one it is, beside the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForWhom<'a> {
    /// Access key id of the client.
    pub access_key: &'a str,
    /// The bucket as the client names it; of a list of buckets, the pattern of the route.
    pub bucket: &'a str,
}

/// An answer that is awaited.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Arc<BackendCredential>, Denial>> + Send + 'a>>;

/// Whoever fetches credentials; may remember them, by all of a [`FetchedSource`] and, for kinds that use it, of [`ForWhom`].
pub trait Credentials: fmt::Debug + Send + Sync {
    /// A credential that is valid now. Bounded in time.
    ///
    /// # Errors
    /// [`Denial::Credential`].
    fn fetch<'a>(&'a self, source: &'a Arc<FetchedSource>, whom: ForWhom<'a>) -> Fetching<'a>;
}

impl PartialEq for FetchedSource {
    /// The same document with the same contents: another document's equal contents are somebody else's.
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.digest == other.digest
    }
}

impl Eq for FetchedSource {}

impl FetchedSource {
    /// True when every client, for every bucket, gets the same credential.
    #[must_use]
    pub const fn is_for_everybody(&self) -> bool {
        match self.kind {
            FetchedKind::IbmIam { .. } => true,
            FetchedKind::Python { .. } => false,
        }
    }
}

impl UpstreamCredential {
    /// What stands in the table.
    #[must_use]
    pub fn fixed(&self) -> Option<&BackendCredential> {
        match self {
            Self::Fixed(fixed) => Some(fixed),
            Self::Fetched(_) => None,
        }
    }

    /// True when a request may be signed with a credential that has an end.
    #[must_use]
    pub fn may_expire(&self) -> bool {
        self.fixed().is_none_or(|fixed| matches!(fixed, BackendCredential::Keys { session_token: Some(_), .. }))
    }

    /// True when each client has a credential of its own for each bucket.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        matches!(self, Self::Fetched(source) if !source.is_for_everybody())
    }
}

impl From<BackendCredential> for UpstreamCredential {
    fn from(fixed: BackendCredential) -> Self {
        Self::Fixed(Arc::new(fixed))
    }
}
