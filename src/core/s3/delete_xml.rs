//! Bodies of `DeleteObjects`: parsed, decided key by key, written anew, merged (D03, s3-protocol.md 4.3).

use super::response_xml::{INTERNAL, client_error};
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
    /// `<Deleted>`.
    Deleted(String),
    /// `<Error>` with code and message.
    Failed { key: String, code: String, message: String },
}

impl DeleteRequest {
    /// Parses a body of at most 2 MiB; no DTD, depth bounded, 1 to 1,000 keys, versions refused. White space in keys
    /// counts; any namespace will do.
    ///
    /// Source: AWS "DeleteObjects" (`API_DeleteObjects.html`).
    ///
    /// # Errors
    /// [`Denial::MalformedXml`], [`Denial::KeyTooLong`], [`Denial::NotImplemented`] for `<VersionId>` and conditional
    /// elements.
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
    /// Text of the current element, references decoded.
    text: String,
}

impl Reading {
    fn item(&mut self, path: &[ElementName], item: Item<'_>) -> Result<(), Denial> {
        match item {
            Item::Open { .. } => self.open(path),
            Item::Text(raw) => {
                let text = normalized(raw).and_then(|raw| unescape(&raw)).map_err(|Broken| Denial::MalformedXml)?;
                let is_leaf = matches!(locals(path), ["Delete", "Object", "Key"] | ["Delete", "Quiet", ""]);
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
            ["Delete", "Object", name @ ("VersionId" | "ETag" | "LastModifiedTime" | "Size")] => {
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
            ["Delete", "Object", ""] => {
                let key = self.key.take().ok_or(Denial::MalformedXml)?;
                self.objects.push(DeleteEntry { key });
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

impl DeleteOutcome {
    /// Reads a backend's `<DeleteResult>` and gives the client's names; keys outside the mapping are dropped. Codes and
    /// messages are those that a client may see, as in error bodies.
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for anything that is no `DeleteResult`, or one with more than 1,000 keys.
    pub fn parse_result(body: &[u8], mapping: &Mapping) -> Result<Vec<Self>, Denial> {
        let mut outcomes = Vec::new();
        let (mut key, mut code, mut text) = (None, None, String::new());
        let read = Scanner::read(body, &mut |path, item| {
            let names = locals(path);
            match (names, item) {
                ([root, ..], Item::Open { .. }) => {
                    text.clear();
                    if root != "DeleteResult" {
                        return Err(Broken);
                    }
                }
                ([_, _, "Key" | "Code"], Item::Text(raw)) if path.len() == 3 => text.push_str(&unescape(raw)?),
                ([_, "Deleted" | "Error", "Key"], Item::Close { .. }) if path.len() == 3 => key = Some(text.clone()),
                ([_, "Error", "Code"], Item::Close { .. }) if path.len() == 3 => code = Some(text.clone()),
                ([_, entry @ ("Deleted" | "Error"), ""], Item::Close { .. }) => {
                    let (key, code) = (key.take(), code.take());
                    let client_key = key.as_deref().and_then(|key| mapping.client_text(key));
                    if let Some(key) = client_key.filter(|key| !key.is_empty()) {
                        outcomes.push(Self::of(entry, &key, code.as_deref()));
                    }
                }
                _ => {}
            }
            if outcomes.len() > MAX_KEYS { Err(Broken) } else { Ok(()) }
        });
        read.map(|()| outcomes).map_err(|Broken| Denial::UpstreamMisbehaved)
    }

    fn of(entry: &str, key: &str, code: Option<&str>) -> Self {
        if entry == "Deleted" {
            return Self::Deleted(key.to_owned());
        }
        let error = code.and_then(client_error).unwrap_or(INTERNAL);
        Self::Failed { key: key.to_owned(), code: error.code.to_owned(), message: error.message.to_owned() }
    }

    /// The client's `<DeleteResult>`; quiet hides `Deleted`, never errors.
    #[must_use]
    pub fn render_result(outcomes: &[Self], quiet: bool) -> Vec<u8> {
        let mut body = opening("DeleteResult");
        for outcome in outcomes {
            match outcome {
                Self::Deleted(_) if quiet => {}
                Self::Deleted(key) => {
                    body.extend_from_slice(b"<Deleted>");
                    element("Key", key, &mut body);
                    body.extend_from_slice(b"</Deleted>");
                }
                Self::Failed { key, code, message } => {
                    body.extend_from_slice(b"<Error>");
                    for (name, text) in [("Key", key), ("Code", code), ("Message", message)] {
                        element(name, text, &mut body);
                    }
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
