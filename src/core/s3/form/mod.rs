//! Uploads by a form (`PostObject`): what stands before the file in a body of `multipart/form-data`, read piece by piece,
//! and what the browser is told afterwards. Nothing here proves anything: [`crate::sigv4::claim_form`] does.
//!
//! Read in this order: `boundary` (where parts end), `part` (what one is called), [`FormReader`] (the fields, up to the
//! first byte of the file), [`Form`], `receipt`.
//!
//! Source: RFC 7578; AWS "POST Object" (`RESTObjectPOST.html`) and "POST Policy" (`sigv4-HTTPPOSTConstructPolicy.html`).

mod boundary;
mod part;
mod reader;
mod receipt;
mod tagging;

pub(crate) use boundary::Boundary;
pub use reader::FormReader;
pub use receipt::{Receipt, Told};
pub(super) use tagging::tagging_header;

use crate::{Denial, FormFault};

/// Stands for the name of the file in the value of a field.
const FILE_NAME: &str = "${filename}";
/// Fields in which it does not: they are about the signature.
const OF_THE_SIGNATURE: [&str; 6] =
    ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"];

/// The fields of a form, its file not yet read. Anybody can send any: nothing of it may be used before
/// [`crate::sigv4::FormClaim::verify`] has turned it into a [`crate::sigv4::ProvedForm`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Names in lower case, in order of arrival; each appears once, but for those that are ignored.
    fields: Vec<(String, String)>,
    boundary: Boundary,
    /// Bytes from the first one of the file to the end of the body.
    file_wire_bytes: u64,
}

impl Form {
    /// Puts the name of the file where the fields ask for it: policies are about the fields as they are then.
    ///
    /// # Errors
    /// [`FormFault::FieldsTooLarge`] when that makes more of them than may be sent.
    fn new(
        mut fields: Vec<(String, String)>,
        file_name: Option<&str>,
        (boundary, file_wire_bytes): (Boundary, u64),
    ) -> Result<Self, Denial> {
        // some browsers give a path; what stands behind its last separator is the name
        let file_name = file_name.and_then(|name| name.rsplit(['/', '\\']).next()).unwrap_or_default();
        let mut bytes = 0;
        for (name, value) in &mut fields {
            let places = if is_of_the_signature(name) { 0 } else { value.matches(FILE_NAME).count() };
            bytes += value.len() + places * file_name.len();
            if bytes > reader::MOST_BYTES {
                return Err(Denial::Form(FormFault::FieldsTooLarge));
            }
            if places > 0 {
                *value = value.replace(FILE_NAME, file_name);
            }
        }
        Ok(Self { fields, boundary, file_wire_bytes })
    }

    /// The value of a field by its lower-case name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields().find(|(present, _)| *present == name).map(|(_, value)| value)
    }

    /// All fields, in order of arrival.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What ends the file.
    pub(crate) const fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// Bytes from the first one of the file to the end of the body.
    pub(crate) const fn file_wire_bytes(&self) -> u64 {
        self.file_wire_bytes
    }
}

/// True for the fields by which a form is signed.
pub(crate) fn is_of_the_signature(name: &str) -> bool {
    OF_THE_SIGNATURE.contains(&name)
}

/// True for fields that mean nothing to S3 and need no condition.
pub(crate) fn is_ignored(name: &str) -> bool {
    name.starts_with("x-ignore-")
}

#[cfg(test)]
mod tests;
