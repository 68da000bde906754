//! Why a condition has the status that it has: the closed list of kubernetes.md 2.4, as far as OSP can reach it.

use std::fmt;

/// The `reason` of a condition. Closed: whoever adds one also says where it comes from ([`Reason::origin`]) and tests it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The document breaks the schema, or contradicts itself.
    Invalid,
    /// OSP knows the value and does not do it.
    UnsupportedValue,
    /// Another route has the bucket, or this part of it.
    Conflicted,
    /// A base host of the process reads like this bucket in virtual-host style.
    HostConflict,
    /// A host that is no base host of the process, or that this namespace was not given.
    HostNotAllowed,
    /// A pattern of buckets that this namespace was not given.
    PatternNotAllowed,
    /// No usable `CredentialSource` of this name in the route's namespace, or of an owner who consents.
    CredentialNotFound,
    /// No usable `ClientIdentity` of this name, likewise.
    ClientNotFound,
    /// A reference into another namespace that its target does not allow; says nothing about whether there is one.
    RefNotPermitted,
    /// The process, or the credential, may not be used with this endpoint.
    EndpointNotAllowed,
    /// A certificate that is missing or cannot be read.
    InvalidCertificateRef,
    /// No such Secret, or an invalid one.
    SecretNotFound,
    /// The Secret lacks a key, or its value cannot be one.
    KeyMissing,
    /// Other identities have the same access key id.
    DuplicateAccessKey,
    /// No hook of this name.
    HookNotFound,
    /// A hook that does not load, or does not define what it would be asked.
    HookInvalid,
    /// An older text of a hook is in force (a notice).
    HookStale,
    /// `tls.verification: Insecure` (a notice).
    InsecureBackend,
    /// Not every backend of the route is usable (a notice).
    PartiallyProgrammed,
    /// Condition `Accepted` is true.
    Accepted,
    /// Condition `ResolvedRefs` is true.
    ResolvedRefs,
    /// Condition `Programmed` is true.
    Programmed,
    /// Condition `Programmed` is not yet known.
    Pending,
    /// Condition `Programmed` is false, because another one is.
    NotAccepted,
    /// Condition `Ready` is true.
    Ready,
}

/// Which part of OSP gives a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The document by itself.
    Lower,
    /// [`crate::table::compile`], in a rejection or a notice.
    Compile,
    /// The status writer, which alone knows what is in force.
    Status,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 25] = [
        Self::Invalid,
        Self::UnsupportedValue,
        Self::Conflicted,
        Self::HostConflict,
        Self::HostNotAllowed,
        Self::PatternNotAllowed,
        Self::CredentialNotFound,
        Self::ClientNotFound,
        Self::RefNotPermitted,
        Self::EndpointNotAllowed,
        Self::InvalidCertificateRef,
        Self::SecretNotFound,
        Self::KeyMissing,
        Self::DuplicateAccessKey,
        Self::HookNotFound,
        Self::HookInvalid,
        Self::HookStale,
        Self::InsecureBackend,
        Self::PartiallyProgrammed,
        Self::Accepted,
        Self::ResolvedRefs,
        Self::Programmed,
        Self::Pending,
        Self::NotAccepted,
        Self::Ready,
    ];

    /// As it stands in `status.conditions[].reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::UnsupportedValue => "UnsupportedValue",
            Self::Conflicted => "Conflicted",
            Self::HostConflict => "HostConflict",
            Self::HostNotAllowed => "HostNotAllowed",
            Self::PatternNotAllowed => "PatternNotAllowed",
            Self::CredentialNotFound => "CredentialNotFound",
            Self::ClientNotFound => "ClientNotFound",
            Self::RefNotPermitted => "RefNotPermitted",
            Self::EndpointNotAllowed => "EndpointNotAllowed",
            Self::InvalidCertificateRef => "InvalidCertificateRef",
            Self::SecretNotFound => "SecretNotFound",
            Self::KeyMissing => "KeyMissing",
            Self::DuplicateAccessKey => "DuplicateAccessKey",
            Self::HookNotFound => "HookNotFound",
            Self::HookInvalid => "HookInvalid",
            Self::HookStale => "HookStale",
            Self::InsecureBackend => "InsecureBackend",
            Self::PartiallyProgrammed => "PartiallyProgrammed",
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Programmed => "Programmed",
            Self::Pending => "Pending",
            Self::NotAccepted => "NotAccepted",
            Self::Ready => "Ready",
        }
    }

    /// Who gives it.
    #[must_use]
    pub const fn origin(self) -> Origin {
        match self {
            Self::Invalid | Self::UnsupportedValue => Origin::Lower,
            Self::Conflicted
            | Self::HostConflict
            | Self::HostNotAllowed
            | Self::PatternNotAllowed
            | Self::CredentialNotFound
            | Self::ClientNotFound
            | Self::RefNotPermitted
            | Self::EndpointNotAllowed
            | Self::InvalidCertificateRef
            | Self::SecretNotFound
            | Self::KeyMissing
            | Self::DuplicateAccessKey
            | Self::HookNotFound
            | Self::HookInvalid
            | Self::HookStale
            | Self::InsecureBackend
            | Self::PartiallyProgrammed => Origin::Compile,
            Self::Accepted
            | Self::ResolvedRefs
            | Self::Programmed
            | Self::Pending
            | Self::NotAccepted
            | Self::Ready => Origin::Status,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_api_2_every_reason_is_listed_once_and_fits_a_condition() {
        let texts: std::collections::BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(texts.len(), Reason::ALL.len());
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index, "{reason}: ALL has the order of the enum, so none is forgotten");
            assert!(reason.as_str().bytes().all(|byte| byte.is_ascii_alphabetic()), "{reason}");
            assert_eq!(format!("{reason:?}"), reason.as_str());
        }
    }
}
