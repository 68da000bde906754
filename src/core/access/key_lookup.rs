//! Who knows the secrets of keys that no `ClientIdentity` has.

use std::pin::Pin;
use std::sync::Arc;

use crate::HookFault;
use crate::model::ClientSecret;
use crate::sigv4::AccessKeyId;

/// What a look-up comes to: the live secrets of a key; none when nobody has it.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Arc<[ClientSecret]>, HookFault>> + Send + 'a>>;

/// Asked about keys that the table does not know, before anything is proved: it must bear a flood of them.
pub trait KeyLookup: Send + Sync {
    /// The secrets of a key.
    fn secrets<'a>(&'a self, access_key: &'a AccessKeyId) -> Finding<'a>;
}
