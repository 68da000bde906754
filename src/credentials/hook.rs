//! What this crate wants of Python hooks; the root crate connects it with them.

use std::collections::BTreeMap;
use std::fmt;

use osp_core::model::HookName;
use osp_core::sigv4::SecretKey;
use osp_core::table::ForWhom;

use crate::{Boxed, Failure};

/// What a hook's `fetch_credentials` returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAnswer {
    /// A key pair.
    Keys {
        /// Key id at the backend.
        access_key: String,
        /// Its secret.
        secret: SecretKey,
        /// Of temporary keys.
        session_token: Option<SecretKey>,
        /// Seconds since 1970; `None` = the hook does not know.
        expires_at: Option<u64>,
    },
    /// An IBM Cloud API key, to be exchanged for a token.
    ApiKey(SecretKey),
}

/// Asks hooks.
pub trait Hooks: fmt::Debug + Send + Sync {
    /// The state of a hook: another one after each change of its text. Credentials of an older state are not used.
    fn revision(&self, hook: &HookName) -> Option<String>;

    /// Asks `fetch_credentials` of this hook. Bounded in time.
    ///
    /// # Errors
    /// [`Failure::Hook`], [`Failure::NoHook`], [`Failure::Busy`], [`Failure::Timeout`].
    fn fetch<'a>(
        &'a self,
        hook: &'a HookName,
        whom: ForWhom<'a>,
        parameters: &'a BTreeMap<String, String>,
    ) -> Boxed<'a, Result<HookAnswer, Failure>>;
}
