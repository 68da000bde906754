//! Bodies of `DeleteObjects`: parsed, decided key by key, written anew, merged (D03, s3-protocol.md 4.3).

use super::response_xml::entry_error;
use super::xml::{Broken, DECLARATION, ElementName, Item, NAMESPACE, Scanner, element, normalized, unescape};
use super::{Mapping, ObjectKey};
use crate::Denial;

/// Most keys of one request, and so of one answer.
const MAX_KEYS: usize = 1000;

/// One `<Object>` of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteEntry {
    /// The client's key.
    pub key: ObjectKey,
    /// The version, if one is named.
    pub version: Option<String>,
}

/// A parsed `<Delete>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRequest {
    /// 1 to 1,000 objects, in order.
    pub objects: Vec<DeleteEntry>,
    /// `<Quiet>true</Quiet>`: the answer names only errors.
    pub quiet: bool,
}

/// What happened to one key, in the client's names.
#[expect(missing_docs, reason = "the fields are what their names and types say")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// `<Deleted>`, with the version that was named and the delete marker that was made or taken away.
    Deleted { key: String, version: Option<String>, marker: Option<Marker> },
    /// `<Error>` with code and message.
    Failed { key: String, version: Option<String>, code: String, message: String },
}

/// A delete marker that a deletion made or took away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marker {
    /// Its version.
    pub version: Option<String>,
}

impl DeleteRequest {
    /// Parses a body of at most 2 MiB; no DTD, depth bounded, 1 to 1,000 keys. White space in keys counts; any namespace
    /// will do.
    ///
    /// Source: AWS "DeleteObjects" (`API_DeleteObjects.html`).
    ///
    /// # Errors
    /// [`Denial::MalformedXml`], [`Denial::KeyTooLong`], [`Denial::InvalidArgument`] for an empty version,
    /// [`Denial::NotImplemented`] for conditional elements.
    pub fn parse(body: &[u8]) -> Result<Self, Denial> {
        let mut reading = Reading::default();
        let mut denial = None;
        let read = Scanner::read(body, &mut |path, item| {
            reading.item(path, item).map_err(|reason| {
                denial = Some(reason);
                Broken
            })
        });
        match (read, denial, reading) {
            (_, Some(denial), _) => Err(denial),
            (Ok(()), None, Reading { objects, quiet, .. }) if !objects.is_empty() => {
                Ok(Self { objects, quiet: quiet.unwrap_or(false) })
            }
            _ => Err(Denial::MalformedXml),
        }
    }

    /// The body for the backend: these objects under the backend's names, not quiet (so that every key is answered).
    ///
    /// # Errors
    /// [`Denial::KeyTooLong`].
    pub fn render(objects: &[DeleteEntry], mapping: &Mapping) -> Result<Vec<u8>, Denial> {
        let mut body = opening("Delete");
        for object in objects {
            body.extend_from_slice(b"<Object>");
            element("Key", &mapping.backend_key(&object.key)?, &mut body);
            if let Some(version) = &object.version {
                element("VersionId", version, &mut body);
            }
            body.extend_from_slice(b"</Object>");
        }
        body.extend_from_slice(b"</Delete>");
        Ok(body)
    }
}

/// A `<Delete>` while it is read.
#[derive(Debug, Default)]
struct Reading {
    objects: Vec<DeleteEntry>,
    quiet: Option<bool>,
    /// The key of the current `<Object>`.
    key: Option<ObjectKey>,
    /// Its version.
    version: Option<String>,
    /// Text of the current element, references decoded.
    text: String,
}

impl Reading {
    fn item(&mut self, path: &[ElementName], item: Item<'_>) -> Result<(), Denial> {
        match item {
            Item::Open { .. } => self.open(path),
            Item::Text(raw) => {
                let text = normalized(raw).and_then(|raw| unescape(&raw)).map_err(|Broken| Denial::MalformedXml)?;
                let is_leaf =
                    matches!(locals(path), ["Delete", "Object", "Key" | "VersionId"] | ["Delete", "Quiet", ""]);
                if is_leaf {
                    self.text.push_str(&text);
                } else if !text.trim_ascii().is_empty() {
                    return Err(Denial::MalformedXml);
                }
                Ok(())
            }
            Item::Close { .. } => self.close(path),
            Item::Space(_) | Item::Declaration(_) => Ok(()),
        }
    }

    fn open(&mut self, path: &[ElementName]) -> Result<(), Denial> {
        self.text.clear();
        if path.len() > 3 {
            return Err(Denial::MalformedXml);
        }
        match locals(path) {
            ["Delete", "", ""] => Ok(()),
            ["Delete", "Object", ""] if self.objects.len() < MAX_KEYS => Ok(()),
            ["Delete", "Quiet", ""] if self.quiet.is_none() => Ok(()),
            ["Delete", "Object", "Key"] if self.key.is_none() => Ok(()),
            ["Delete", "Object", "VersionId"] if self.version.is_none() => Ok(()),
            ["Delete", "Object", name @ ("ETag" | "LastModifiedTime" | "Size")] => {
                Err(Denial::NotImplemented(format!("{name} in DeleteObjects")))
            }
            _ => Err(Denial::MalformedXml),
        }
    }

    fn close(&mut self, path: &[ElementName]) -> Result<(), Denial> {
        match locals(path) {
            ["Delete", "Object", "Key"] => {
                let key = ObjectKey::parse(std::mem::take(&mut self.text).into_bytes());
                self.key = Some(key.map_err(|denial| match denial {
                    Denial::KeyTooLong => denial,
                    _ => Denial::MalformedXml,
                })?);
            }
            ["Delete", "Object", "VersionId"] => {
                let version = std::mem::take(&mut self.text);
                if version.is_empty() {
                    return Err(Denial::InvalidArgument("Version id cannot be the empty string".to_owned()));
                }
                self.version = Some(version);
            }
            ["Delete", "Object", ""] => {
                let key = self.key.take().ok_or(Denial::MalformedXml)?;
                self.objects.push(DeleteEntry { key, version: self.version.take() });
            }
            ["Delete", "Quiet", ""] => {
                self.quiet = Some(match self.text.trim_ascii() {
                    "true" | "True" | "TRUE" | "1" => true,
                    "false" | "False" | "FALSE" | "0" => false,
                    _ => return Err(Denial::MalformedXml),
                });
            }
            _ => {}
        }
        Ok(())
    }
}

/// The first three local names of a path; what is not there is empty.
fn locals(path: &[ElementName]) -> [&str; 3] {
    [0, 1, 2].map(|level| path.get(level).map_or("", ElementName::local))
}

fn opening(root: &str) -> Vec<u8> {
    format!("{DECLARATION}<{root} xmlns=\"{NAMESPACE}\">").into_bytes()
}

/// What a backend tells of one key, while it is read.
#[derive(Debug, Default)]
struct Told {
    key: Option<String>,
    version: Option<String>,
    code: Option<String>,
    message: String,
    made_marker: bool,
    marker_version: Option<String>,
}

impl Told {
    fn keep(&mut self, field: &str, text: &str) {
        let text = text.to_owned();
        match field {
            "Key" => self.key = Some(text),
            // some backends write it empty where there is none
            "VersionId" => self.version = Some(text).filter(|text| !text.is_empty()),
            "Code" => self.code = Some(text),
            "Message" => self.message = text,
            "DeleteMarker" => self.made_marker = text.trim_ascii() == "true",
            "DeleteMarkerVersionId" => self.marker_version = Some(text).filter(|text| !text.is_empty()),
            _ => {}
        }
    }

    /// In the client's names; `None` for a key that is not of the route.
    fn outcome(self, entry: &str, mapping: &Mapping) -> Option<DeleteOutcome> {
        let Self { key, version, code, message, made_marker, marker_version } = self;
        let key = mapping.client_text(&key?).filter(|key| !key.is_empty())?.into_owned();
        if entry == "Deleted" {
            let marker = made_marker.then_some(Marker { version: marker_version });
            return Some(DeleteOutcome::Deleted { key, version, marker });
        }
        let error = entry_error(&code.unwrap_or_default(), &message, version.is_some());
        let (code, message) = (error.code.to_owned(), error.message.to_owned());
        Some(DeleteOutcome::Failed { key, version, code, message })
    }
}

fn optional(name: &str, text: Option<&String>, body: &mut Vec<u8>) {
    if let Some(text) = text {
        element(name, text, body);
    }
}

impl DeleteOutcome {
    /// Reads a backend's `<DeleteResult>` and gives the client's names; keys outside the mapping are dropped. Codes and
    /// messages are those that a client may see, as in error bodies.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for anything that is no `DeleteResult`, or one with more than 1,000 keys.
    pub fn parse_result(body: &[u8], mapping: &Mapping) -> Result<Vec<Self>, Denial> {
        let mut outcomes = Vec::new();
        let (mut told, mut text) = (Told::default(), String::new());
        let read = Scanner::read(body, &mut |path, item| {
            let names = locals(path);
            match (names, item) {
                ([root, ..], Item::Open { .. }) => {
                    text.clear();
                    if root != "DeleteResult" {
                        return Err(Broken);
                    }
                }
                ([_, "Deleted" | "Error", _], Item::Text(raw)) if path.len() == 3 => text.push_str(&unescape(raw)?),
                ([_, "Deleted" | "Error", field], Item::Close { .. }) if path.len() == 3 => told.keep(field, &text),
                ([_, entry @ ("Deleted" | "Error"), ""], Item::Close { .. }) => {
                    outcomes.extend(std::mem::take(&mut told).outcome(entry, mapping));
                }
                _ => {}
            }
            if outcomes.len() > MAX_KEYS { Err(Broken) } else { Ok(()) }
        });
        read.map(|()| outcomes).map_err(|Broken| Denial::UpstreamMisbehaved)
    }

    /// The client's `<DeleteResult>`; quiet hides `Deleted`, never errors.
    #[must_use]
    pub fn render_result(outcomes: &[Self], quiet: bool) -> Vec<u8> {
        let mut body = opening("DeleteResult");
        for outcome in outcomes {
            match outcome {
                Self::Deleted { .. } if quiet => {}
                Self::Deleted { key, version, marker } => {
                    body.extend_from_slice(b"<Deleted>");
                    element("Key", key, &mut body);
                    optional("VersionId", version.as_ref(), &mut body);
                    if let Some(marker) = marker {
                        element("DeleteMarker", "true", &mut body);
                        optional("DeleteMarkerVersionId", marker.version.as_ref(), &mut body);
                    }
                    body.extend_from_slice(b"</Deleted>");
                }
                Self::Failed { key, version, code, message } => {
                    body.extend_from_slice(b"<Error>");
                    element("Key", key, &mut body);
                    optional("VersionId", version.as_ref(), &mut body);
                    element("Code", code, &mut body);
                    element("Message", message, &mut body);
                    body.extend_from_slice(b"</Error>");
                }
            }
        }
        body.extend_from_slice(b"</DeleteResult>");
        body
    }
}

#[cfg(test)]
mod tests;
