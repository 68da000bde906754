//! Secret access keys: redacted, zeroised, exposed only inside this module tree.

use std::fmt;

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Which secret it was: differs when the secret does. Never printed, since it would let people try guesses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretVersion(u64);

impl SecretVersion {
    /// As a number that tells nothing to whoever cannot guess the secret.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretVersion(redacted)")
    }
}

/// A secret access key. Never printed; compared in constant time; wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Takes ownership of a secret; `None` when it is empty.
    #[must_use]
    pub fn new(secret: String) -> Option<Self> {
        (!secret.is_empty()).then(|| Self(Zeroizing::new(secret)))
    }

    /// Tells this secret from others, without telling anything of it to whoever prints it.
    #[must_use]
    pub fn version(&self) -> SecretVersion {
        let hash = digest(&SHA256, self.0.as_bytes());
        SecretVersion(hash.as_ref().first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
    }

    /// The secret itself: only `sigv4/` may call this.
    pub(in crate::sigv4) fn expose(&self) -> &str {
        &self.0
    }

    /// Gives the secret to a signer outside this crate, for the duration of `use_it` only: backend signatures are
    /// derived by `aws-sigv4` in the data plane.
    pub fn with_exposed<T>(&self, use_it: impl FnOnce(&str) -> T) -> T {
        use_it(&self.0)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretKey {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compilations that find the same secret keep what they have, signing keys included; any other one is another.
    #[test]
    fn secrets_are_equal_when_their_texts_are_and_are_never_shown() {
        let of = |text: &str| SecretKey::new(text.to_owned()).unwrap();
        assert!(of("a secret") == of("a secret"));
        for other in ["a secreT", "a secret ", "a", "b secret"] {
            assert!(of("a secret") != of(other), "{other}");
        }
        assert!(SecretKey::new(String::new()).is_none(), "nothing is no secret");
        assert_eq!(format!("{:?}", of("a secret")), "SecretKey(redacted)");
    }
}
