//! One document's items in, the client's document out.

mod known;

use std::borrow::Cow;

use super::error_body::ErrorFields;
use super::rules::{self, Field};
use super::shape::Shapes;
use super::wrapping::{self, Wrapping};
use super::{ResponseNames, XmlDocument};
use crate::s3::encode_key;
use crate::s3::token::Position;
use crate::s3::xml::{Broken, ElementName, Item, decoded, escape, strip_prefix};

/// Largest list entry in bytes; AWS's largest, with a key of control characters, has about 12 KiB.
const MAX_ENTRY_BYTES: usize = 64 * 1024;
/// Longest text of a replaced element; longer ones are no names of S3.
const MAX_LEAF_BYTES: usize = 16 * 1024;
/// Stands for every account of a backend: ids and display names.
const IDENTITY: &str = "osp";

/// An element whose text is being replaced.
#[derive(Debug)]
struct Leaf {
    field: Field,
    /// Its start tag, never of the empty form, and its end tag.
    tags: (String, String),
    /// Its text so far, escaped as it came.
    text: String,
}

/// A list entry that waits for its key. Its memory is that of the next one, too.
#[derive(Debug, Default)]
struct Entry {
    is_open: bool,
    bytes: Vec<u8>,
    /// `None` until the key is seen; an entry without one is dropped like one outside the prefix.
    inside: Option<bool>,
    /// That key, where something is wrapped with it.
    position: Position,
    is_placed: bool,
    /// The backend's id of the upload that it is about, as it came, and where it goes once the key is known.
    upload: Option<(usize, String)>,
}

impl Entry {
    fn begin(&mut self) {
        self.bytes.clear();
        (self.is_open, self.inside, self.is_placed, self.upload) = (true, None, false, None);
    }
}

/// Replaces names in one document as it passes; holds back no more than the current replaced text and list entry.
#[derive(Debug)]
pub struct Rewriter {
    document: XmlDocument,
    names: ResponseNames,
    /// True when names in this document are percent-encoded. Known from the request, because MinIO says so only at the
    /// end of the document; a backend that says so unasked is believed from there on.
    url_encoded: bool,
    /// True when something may be wrapped with the keys of this document.
    wraps: bool,
    /// True when the client has the backend's keys.
    keeps_keys: bool,
    entry: Entry,
    shapes: Shapes,
    leaf: Option<Leaf>,
    wrapping: Wrapping,
    /// Replaced elements that have to wait for the end of the document: at most one of each field.
    held: Vec<Leaf>,
    error: Option<ErrorFields>,
    error_code: Option<&'static str>,
}

impl Rewriter {
    /// A rewriter at the beginning of a document.
    pub fn new(document: XmlDocument, names: ResponseNames) -> Self {
        let url_encoded = names.query.get("encoding-type").is_some_and(is_url);
        let wraps = match document {
            XmlDocument::ListObjects => names.query.get("list-type").is_some(),
            document => document == XmlDocument::ListMultipartUploads,
        };
        let keeps_keys = names.mapping.prefix.is_empty() && names.mapping.client_prefix.is_empty();
        Self {
            document,
            names,
            url_encoded,
            wraps,
            keeps_keys,
            entry: Entry::default(),
            shapes: Shapes::default(),
            leaf: None,
            wrapping: Wrapping::default(),
            held: Vec::new(),
            error: None,
            error_code: None,
        }
    }

    /// The code of an `<Error>` inside a success, as the client gets it, once the element is complete.
    pub const fn embedded_error(&self) -> Option<&'static str> {
        self.error_code
    }

    /// How many entries have been passed on by comparison.
    #[cfg(test)]
    pub const fn compared(&self) -> usize {
        self.shapes.taken
    }

    /// Takes the next item of the document.
    pub fn item(&mut self, path: &[ElementName], item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Broken> {
        if self.error.is_some() && !path.is_empty() {
            return self.error_item(path, item, out);
        }
        match item {
            Item::Space(raw) => self.write(raw, out),
            Item::Declaration(content) => {
                for raw in ["<?", content, "?>"] {
                    self.write(raw, out)?;
                }
                Ok(())
            }
            Item::Open { raw, empty } => self.open(path, raw, empty, out),
            Item::Text(raw) => self.text(raw, out),
            Item::Close { raw } => self.close(path, raw, out),
        }
    }

    fn open(&mut self, path: &[ElementName], raw: &str, empty: bool, out: &mut Vec<u8>) -> Result<(), Broken> {
        if self.leaf.is_some() {
            // A name with elements in it: its replacement would swallow them.
            return Err(Broken);
        }
        if let [root] = path {
            if root.local() == "Error" && rules::may_be_error(self.document) {
                self.error = Some(ErrorFields::default());
                return Ok(());
            }
            if !rules::is_root(self.document, root.local()) {
                return Err(Broken);
            }
        }
        if rules::is_entry(self.document, path) {
            self.entry.begin();
            self.shapes.begin();
        }
        let field = rules::field(self.document, path);
        self.shapes.open(raw, empty, field);
        let Some(field) = field else { return self.write(raw, out) };
        let open = if empty { format!("{}>", raw.trim_end_matches("/>")) } else { raw.to_owned() };
        let close = format!("</{}>", path.last().map_or("", ElementName::qualified));
        self.leaf = Some(Leaf { field, tags: (open, close), text: String::new() });
        Ok(())
    }

    fn text(&mut self, raw: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.shapes.text(raw);
        let Some(leaf) = &mut self.leaf else { return self.write(raw, out) };
        leaf.text.push_str(raw);
        if leaf.text.len() > MAX_LEAF_BYTES { Err(Broken) } else { Ok(()) }
    }

    fn close(&mut self, path: &[ElementName], raw: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.shapes.close(raw);
        if let Some(leaf) = self.leaf.take() {
            if raw != leaf.tags.1 {
                self.shapes.give_up();
            }
            return self.close_leaf(leaf, out);
        }
        if let [_] = path {
            for leaf in std::mem::take(&mut self.held) {
                self.pass_leaf(leaf.field, (&leaf.tags.0, &leaf.tags.1), &leaf.text, out)?;
            }
        }
        self.write(raw, out)?;
        if rules::is_entry(self.document, path) {
            self.end_entry(out)?;
            self.shapes.end();
        }
        Ok(())
    }

    fn close_leaf(&mut self, leaf: Leaf, out: &mut Vec<u8>) -> Result<(), Broken> {
        match leaf.field {
            // backends differ in where they put it; the last name of the page comes at the end
            Field::NextToken if !leaf.text.is_empty() => self.hold(leaf),
            Field::NextUpload if !leaf.text.is_empty() && !self.wrapping.knows_next_key() => self.hold(leaf),
            _ => self.pass_leaf(leaf.field, (&leaf.tags.0, &leaf.tags.1), &leaf.text, out),
        }
    }

    fn hold(&mut self, leaf: Leaf) -> Result<(), Broken> {
        if self.held.iter().any(|held| held.field == leaf.field) {
            return Err(Broken);
        }
        self.held.push(leaf);
        Ok(())
    }

    fn pass_leaf(
        &mut self,
        field: Field,
        (open, close): (&str, &str),
        text: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        if field == Field::EntryUpload && self.entry.is_open {
            self.write(open, out)?;
            self.entry.upload = Some((self.entry.bytes.len(), text.to_owned()));
            return self.write(close, out);
        }
        if let Some(text) = self.replacement(field, text)? {
            for part in [open, &text, close] {
                self.write(part, out)?;
            }
        }
        Ok(())
    }

    /// Passes on the entry, if it has a place in the client's names.
    fn end_entry(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let Entry { is_open, bytes, inside, position, is_placed, upload } = &mut self.entry;
        *is_open = false;
        if *inside != Some(true) {
            return Ok(());
        }
        match upload {
            None => out.extend_from_slice(bytes),
            // an id that cannot be bound to its key is not shown, and a list without it is none
            Some(_) if !*is_placed => return Err(Broken),
            Some((at, raw)) => {
                let (before, after) = bytes.split_at_checked(*at).ok_or(Broken)?;
                let id = wrapping::upload(&self.names, &position.text, raw)?;
                for part in [before, id.as_bytes(), after] {
                    out.extend_from_slice(part);
                }
            }
        }
        if *is_placed {
            self.wrapping.shown(position);
        }
        Ok(())
    }

    fn error_item(&mut self, path: &[ElementName], item: Item<'_>, out: &mut Vec<u8>) -> Result<(), Broken> {
        let Some(error) = &mut self.error else { return Err(Broken) };
        error.item(path, item);
        if let (Item::Close { .. }, [_]) = (item, path) {
            let error = self.error.take().unwrap_or_default().inside_success(&self.names);
            self.error_code = Some(error.code);
            self.write(&error.xml, out)?;
        }
        Ok(())
    }

    fn write(&mut self, raw: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        let target = if self.entry.is_open { &mut self.entry.bytes } else { out };
        if self.entry.is_open && target.len() + raw.len() > MAX_ENTRY_BYTES {
            return Err(Broken);
        }
        target.extend_from_slice(raw.as_bytes());
        Ok(())
    }

    /// The client's text for a field, escaped; `None` drops the element.
    fn replacement<'a>(&mut self, field: Field, raw: &'a str) -> Result<Option<Cow<'a, str>>, Broken> {
        let names = &self.names;
        let own = match field {
            Field::Bucket => Some(escaped(names.mapping.client_bucket.as_str())),
            Field::RequestKey => names.key.as_deref().map(escaped),
            Field::Identity => return Ok(Some(IDENTITY.into())),
            Field::EncodingType => {
                self.url_encoded |= is_url(raw);
                return Ok(Some(raw.into()));
            }
            Field::Location => self.location().map(|url| escaped(&url)),
            // An empty marker of the backend's would look like the route's prefix.
            Field::Echo(parameter) if !names.mapping.client_prefix.is_empty() => Some(self.echo(parameter)),
            Field::Echo(parameter) => return Ok(self.inside(raw).or_else(|| Some(self.echo(parameter).into()))),
            Field::Given(parameter) => Some(self.echo(parameter)),
            // An id outside an entry is none of an upload.
            Field::Dropped | Field::EntryUpload => None,
            Field::NextMarker | Field::NextToken | Field::NextUpload if raw.is_empty() => Some(String::new()),
            Field::NextMarker => {
                let text = self.inside(raw).filter(|text| !text.is_empty());
                let name = text.as_deref().and_then(|text| decoded(text, self.url_encoded));
                self.wrapping.begins_at(name.map(Cow::into_owned));
                return Ok(text);
            }
            Field::NextToken => Some(self.wrapping.next_token(names, raw)?),
            Field::NextUpload => self.wrapping.next_upload(names, raw)?,
            Field::NewUpload => Some(wrapping::upload(names, names.key.as_deref().ok_or(Broken)?, raw)?),
            Field::EntryKey => return Ok(self.entry_name(raw, false)),
            Field::EntryPrefix => return Ok(self.entry_name(raw, true)),
        };
        Ok(own.map(Cow::Owned))
    }

    /// The key or prefix of the entry; without one the whole entry is dropped.
    fn entry_name<'a>(&mut self, raw: &'a str, is_prefix: bool) -> Option<Cow<'a, str>> {
        // The bare prefix is no key: clients cannot name the object that lies there.
        let text = self.inside(raw).filter(|text| !text.is_empty());
        let name = text.as_deref().filter(|_| self.wraps).and_then(|text| decoded(text, self.url_encoded));
        let entry = &mut self.entry;
        if entry.is_open {
            entry.inside = Some(text.is_some() && entry.inside != Some(false));
            entry.is_placed = name.is_some();
            entry.position.is_prefix = is_prefix;
            entry.position.text.clear();
            entry.position.text.push_str(&name.unwrap_or_default());
        }
        text
    }

    /// A backend's text with the client's prefix in place of the backend's, in the form that the text has.
    fn inside<'a>(&self, raw: &'a str) -> Option<Cow<'a, str>> {
        let mapping = &self.names.mapping;
        let rest = strip_prefix(raw, mapping.prefix.as_str(), self.url_encoded)?;
        let before = mapping.client_prefix.as_str();
        Some(if before.is_empty() { rest.into() } else { (self.in_form(before) + rest).into() })
    }

    /// The client's own parameter, in the form that the client expects.
    fn echo(&self, parameter: &str) -> String {
        self.in_form(self.names.query.get(parameter).unwrap_or_default())
    }

    /// A name in the form that names of this document have.
    fn in_form(&self, name: &str) -> String {
        if !self.url_encoded {
            return escaped(name);
        }
        let mut encoded = String::new();
        encode_key(name.as_bytes(), &mut encoded);
        encoded
    }

    fn location(&self) -> Option<String> {
        let ResponseNames { mapping, base_url, key, .. } = &self.names;
        let mut url = format!("{base_url}/{}/", mapping.client_bucket);
        encode_key(key.as_deref()?.as_bytes(), &mut url);
        Some(url)
    }
}

fn is_url(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("url")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}
