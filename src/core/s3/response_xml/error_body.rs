//! A backend's `<Error>`, read and written anew.

use super::ResponseNames;
use super::error_codes::{ClientError, INTERNAL, client_error, generic_error};
use crate::Denial;
use crate::s3::error_xml::error_element;
use crate::s3::xml::{Broken, DECLARATION, ElementName, Item, Scanner, unescape};
use crate::s3::{ErrorContext, Operation};

/// Largest error body that is read, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Longest text of a code or detail, in bytes; longer ones are cut off from the answer.
const MAX_FIELD_BYTES: usize = 1024;

/// Details that are about the client's object or request and cannot name anything of the backend.
const DETAILS: [&str; 17] = [
    "ActualObjectSize",
    "ActualPartCount",
    "ArgumentName",
    "CalculatedDigest",
    "Condition",
    "ETag",
    "ExpectedDigest",
    "MaxMessageLengthBytes",
    "MaxSizeAllowed",
    "Method",
    "MinSizeAllowed",
    "PartNumber",
    "PartNumberRequested",
    "ProposedSize",
    "RangeRequested",
    "ResourceType",
    "StorageClass",
];

/// A backend's error body (status >= 300), collected up to 64 KiB and written anew with the client's names: codes and
/// details pass when they are about the object, each code with its standard message; codes about OSP's own
/// credentials, region or address become `InternalError` (trap 11); identities, endpoints and host ids are dropped.
#[derive(Debug, Default)]
pub struct ErrorBody {
    pub(super) collected: Vec<u8>,
}

impl ErrorBody {
    /// Feeds a piece; what exceeds 64 KiB is dropped.
    pub fn push(&mut self, piece: &[u8]) {
        let space = MAX_BODY_BYTES.saturating_sub(self.collected.len());
        self.collected.extend(piece.iter().take(space));
    }

    /// True when nothing more would be kept.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.collected.len() >= MAX_BODY_BYTES
    }

    /// The backend's own code as it came, for the log; `None` when the body has none or cannot be read.
    #[must_use]
    pub fn backend_code(&self) -> Option<String> {
        ErrorFields::read(&self.collected).ok()?.code
    }

    /// The denial for an answer of this status that has no body at all.
    #[must_use]
    pub fn absent(status: u16, operation: &Operation) -> Denial {
        let ClientError { code, message } = generic_error(status, operation);
        Denial::BackendError { status, code, message, details: Vec::new() }
    }

    /// The same error as of [`Self::finish`], for an answer that OSP writes itself.
    #[must_use]
    pub fn denial(&self, status: u16, operation: &Operation) -> Denial {
        let fields = ErrorFields::read(&self.collected).unwrap_or_default();
        let error = fields.client_error().unwrap_or_else(|| generic_error(status, operation));
        let details = fields.details(error, Names::of(operation));
        Denial::BackendError { status, code: error.code, message: error.message, details }
    }

    /// The client's body for a backend answer of this `status`. Unreadable or empty bodies and unknown codes give the
    /// generic code of the status (404 `NoSuchKey` for object operations, 412 `PreconditionFailed`, ...).
    #[must_use]
    pub fn finish(self, status: u16, operation: &Operation, context: ErrorContext<'_>) -> Vec<u8> {
        let fields = ErrorFields::read(&self.collected).unwrap_or_default();
        let error = fields.client_error().unwrap_or_else(|| generic_error(status, operation));
        let details = fields.details(error, Names::of(operation));
        let mut body = DECLARATION.to_owned();
        body.push_str(&error_element((error.code, error.message), &details, context));
        body.into_bytes()
    }
}

/// What the client named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    bucket: Option<&'a str>,
    key: Option<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(operation: &'a Operation) -> Self {
        Self { bucket: operation.bucket().map(|b| b.as_str()), key: operation.key().map(|k| k.as_str()) }
    }
}

/// An `<Error>` inside a 200, written anew.
#[derive(Debug)]
pub struct EmbeddedError {
    /// Its code for the client.
    pub code: &'static str,
    /// The element, without a declaration: the backend's has already been passed on.
    pub xml: String,
}

/// Those fields of an `<Error>` that may matter; all others are forgotten while reading.
#[derive(Debug, Default)]
pub struct ErrorFields {
    code: Option<String>,
    /// Both are for OSP's eyes only.
    message: String,
    region: Option<String>,
    details: Vec<(&'static str, String)>,
    /// Escaped text of the current field.
    text: String,
}

impl ErrorFields {
    /// Reads a whole body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Broken> {
        let mut fields = Self::default();
        Scanner::read(body, &mut |path, item| {
            if path.first().is_some_and(|root| root.local() != "Error") {
                return Err(Broken);
            }
            fields.item(path, item);
            Ok(())
        })?;
        Ok(fields)
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The region that the bucket is in.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Takes the next item of an `<Error>` element.
    pub fn item(&mut self, path: &[ElementName], item: Item<'_>) {
        let [_, field] = path else { return };
        match item {
            Item::Open { .. } => self.text.clear(),
            Item::Text(raw) => {
                let space = (MAX_FIELD_BYTES + 1).saturating_sub(self.text.len());
                self.text.extend(raw.chars().take(space));
            }
            Item::Close { .. } => self.keep(field.local()),
            Item::Space(_) | Item::Declaration(_) => {}
        }
    }

    fn keep(&mut self, field: &str) {
        let Some(text) = unescape(&self.text).ok().filter(|text| text.len() <= MAX_FIELD_BYTES) else { return };
        if field == "Code" {
            self.code.get_or_insert_with(|| text.trim().to_owned());
        } else if field == "Message" {
            self.message = text;
        } else if field == "Region" {
            self.region.get_or_insert_with(|| text.trim().to_owned());
        } else if let Some(name) = DETAILS.into_iter().find(|name| *name == field)
            && self.details.iter().all(|(seen, _)| *seen != name)
            && (name != "ArgumentName" || is_parameter_name(&text))
        {
            self.details.push((name, text));
        }
    }

    fn client_error(&self) -> Option<ClientError> {
        self.code.as_deref().and_then(client_error)
    }

    /// The error for the client when it came inside a success.
    pub fn inside_success(&self, names: &ResponseNames) -> EmbeddedError {
        let error = self.client_error().unwrap_or(INTERNAL);
        let (bucket, key) = (names.mapping.client_bucket.as_str(), names.key.as_deref());
        let resource = format!("/{bucket}/{}", key.unwrap_or_default());
        let context = ErrorContext { resource: &resource, request_id: &names.request_id };
        let details = self.details(error, Names { bucket: Some(bucket), key });
        EmbeddedError { code: error.code, xml: error_element((error.code, error.message), &details, context) }
    }

    /// Elements after `<Message>`: the backend's safe ones if its code passed, and the client's own names.
    pub(super) fn details(&self, error: ClientError, names: Names<'_>) -> Vec<(&'static str, String)> {
        let mut details = Vec::new();
        match error.code {
            "NoSuchBucket" => details.extend(names.bucket.map(|bucket| ("BucketName", bucket.to_owned()))),
            "NoSuchKey" => details.extend(names.key.map(|key| ("Key", key.to_owned()))),
            _ => {}
        }
        if error != INTERNAL && self.code.as_deref() == Some(error.code) {
            details.extend(self.details.iter().cloned());
        }
        details
    }
}

/// Names of query parameters and headers look like this; values do not count on it.
fn is_parameter_name(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
