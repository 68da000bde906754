//! What can be wrong with a form that uploads an object, beside what can be wrong with every request.
//! Source: AWS "Error responses" (`ErrorResponses.html`), s3-protocol.md section 1.4.

use super::Blame::Client;
use super::{Row, row};

/// Why a form stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// The body cannot be read.
    #[error("The body of your POST request is not well-formed multipart/form-data: {0}.")]
    Malformed(&'static str),
    /// More than 20 KiB before the file, or too many fields.
    #[error("Your POST request fields preceding the upload file were too large.")]
    FieldsTooLarge,
    /// This field does not stand before the file.
    #[error("Bucket POST must contain a field named '{0}'.  If it is specified, please check the order of the fields.")]
    MissingField(&'static str),
    /// The policy cannot be read.
    #[error("Invalid Policy: {0}.")]
    InvalidPolicy(&'static str),
    /// The policy does not allow the form.
    #[error("Invalid according to Policy: {0}")]
    PolicyViolated(String),
    /// The file is smaller than the policy wants.
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    FileTooSmall {
        /// Bytes of the file.
        proposed: u64,
        /// Bytes that it must have.
        least: u64,
    },
    /// The file is larger than the policy allows.
    #[error("Your proposed upload exceeds the maximum allowed size")]
    FileTooLarge {
        /// Bytes of the file.
        proposed: u64,
        /// Bytes that it may have.
        most: u64,
    },
}

impl FormFault {
    /// Part of [`super::Denial::row`].
    pub(super) const fn row(&self) -> Row {
        match self {
            Self::Malformed(_) => row(400, "MalformedPOSTRequest", Client, "malformed_form"),
            Self::FieldsTooLarge => row(400, "MaxPostPreDataLengthExceededError", Client, "too_large"),
            Self::MissingField(_) => row(400, "InvalidArgument", Client, "malformed_auth"),
            Self::InvalidPolicy(_) => row(400, "InvalidPolicyDocument", Client, "malformed_auth"),
            Self::PolicyViolated(_) => row(403, "AccessDenied", Client, "form_policy"),
            Self::FileTooSmall { .. } => row(400, "EntityTooSmall", Client, "too_small"),
            Self::FileTooLarge { .. } => row(400, "EntityTooLarge", Client, "too_large"),
        }
    }

    /// Part of [`super::Denial::details`].
    pub(super) fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::MissingField(name) => vec![("ArgumentName", (*name).to_owned())],
            Self::FileTooSmall { proposed, least } => {
                vec![("ProposedSize", proposed.to_string()), ("MinSizeAllowed", least.to_string())]
            }
            Self::FileTooLarge { proposed, most } => {
                vec![("ProposedSize", proposed.to_string()), ("MaxSizeAllowed", most.to_string())]
            }
            _ => Vec::new(),
        }
    }
}
