//! The fields of a form, read piece by piece up to the first byte of its file.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::part::Part;
use super::{Boundary, Form, is_ignored};
use crate::s3::{RawHead, Target};
use crate::{Denial, FormFault};

/// Most bytes before the file, boundaries and the heads of parts included.
/// Source: AWS "POST Object": 20 KB of form data beside the content of the file.
pub(super) const MOST_BYTES: usize = 20 * 1024;
/// Most fields: S3 knows about 40 and takes 2 KB of metadata.
const MOST_FIELDS: usize = 100;
/// The field that is the object.
const FILE: &str = "file";

/// Reads what stands before the file. Memory is bounded by 20 KiB and one piece.
#[derive(Debug)]
pub struct FormReader {
    boundary: Boundary,
    /// CRLF, two dashes, the boundary.
    delimiter: Bytes,
    /// Bytes of the whole body.
    content_length: u64,
    buffer: BytesMut,
    /// Where that begins what has not been understood yet.
    at: usize,
    /// Where no more has to be searched, so that small pieces do not cost their square.
    searched: usize,
    expects: Expects,
    fields: Vec<(String, String)>,
}

#[derive(Debug)]
enum Expects {
    /// The first boundary.
    Opening,
    /// The head of a part.
    Head,
    /// The value of this field, and the boundary behind it.
    Value(String),
}

enum Step {
    /// Something was understood.
    Forward,
    /// More bytes are needed.
    Starved,
    /// The file begins; its name.
    File(Option<String>),
}

impl FormReader {
    /// For a request that [`crate::s3::is_form_upload`]. Nothing but the form says who asks and for what: credentials and
    /// `x-amz-*` in head or query are refused, whether they contradict it or not (S04, trap 2).
    ///
    /// # Errors
    /// [`Denial::MultipleAuthentication`], [`Denial::HeadersNotSigned`], [`Denial::MissingContentLength`],
    /// [`FormFault::Malformed`] without a boundary.
    pub fn new(head: &RawHead, target: &Target, content_length: Option<u64>) -> Result<Self, Denial> {
        if head.field("authorization").is_some() || crate::sigv4::is_signed_query(&target.query) {
            return Err(Denial::MultipleAuthentication);
        }
        let names = head.fields().map(|(name, _)| name).chain(target.query.pairs().map(|(name, _)| name));
        let unsigned: Vec<String> =
            names.map(str::to_ascii_lowercase).filter(|name| name.starts_with("x-amz-")).collect();
        if !unsigned.is_empty() {
            return Err(Denial::HeadersNotSigned(unsigned));
        }
        let boundary = Boundary::of_content_type(head.field("content-type").unwrap_or_default())?;
        Ok(Self {
            delimiter: boundary.delimiter().into(),
            boundary,
            content_length: content_length.ok_or(Denial::MissingContentLength)?,
            buffer: BytesMut::new(),
            at: 0,
            searched: 0,
            expects: Expects::Opening,
            fields: Vec::new(),
        })
    }

    /// Takes the next piece of the body. `Some` once the file begins: the form, and the bytes of the body that follow.
    ///
    /// # Errors
    /// [`FormFault::Malformed`], [`FormFault::FieldsTooLarge`], [`Denial::InvalidArgument`] for a field that appears twice, and
    /// for a form with another file than the one, or with none.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<(Form, Bytes)>, Denial> {
        self.buffer.extend_from_slice(piece);
        loop {
            match self.step()? {
                Step::Forward => {}
                Step::Starved if self.buffer.len() > MOST_BYTES => return Err(Denial::Form(FormFault::FieldsTooLarge)),
                Step::Starved => return Ok(None),
                Step::File(name) => {
                    let rest = self.buffer.split_off(self.at).freeze();
                    let left = self.content_length.checked_sub(self.at as u64).ok_or(Denial::IncompleteBody)?;
                    let fields = std::mem::take(&mut self.fields);
                    let form = Form::new(fields, name.as_deref(), (self.boundary.clone(), left))?;
                    return Ok(Some((form, rest)));
                }
            }
        }
    }

    fn step(&mut self) -> Result<Step, Denial> {
        match &mut self.expects {
            Expects::Opening => self.opening(),
            Expects::Head => self.head(),
            Expects::Value(name) => {
                let name = std::mem::take(name);
                let step = self.value(&name)?;
                if matches!(step, Step::Starved) {
                    self.expects = Expects::Value(name);
                }
                Ok(step)
            }
        }
    }

    fn opening(&mut self) -> Result<Step, Denial> {
        let opening = [self.delimiter.get(2..).unwrap_or_default(), b"\r\n"].concat();
        let begun = self.rest();
        if begun.len() < opening.len() && opening.starts_with(begun) {
            return Ok(Step::Starved);
        }
        if !begun.starts_with(&opening) {
            return Err(Denial::Form(FormFault::Malformed("it does not begin with its boundary")));
        }
        self.forward(opening.len(), Expects::Head);
        Ok(Step::Forward)
    }

    fn head(&mut self) -> Result<Step, Denial> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(length) = self.find(END) else { return Ok(Step::Starved) };
        let Part { name, file_name } = Part::parse(self.rest().get(..length).unwrap_or_default())?;
        if name == FILE {
            self.at += length + END.len();
            return Ok(Step::File(file_name));
        }
        if file_name.is_some() {
            return Err(Denial::InvalidArgument(ONE_FILE.to_owned()));
        }
        if !is_ignored(&name) && self.fields.iter().any(|(earlier, _)| *earlier == name) {
            return Err(Denial::InvalidArgument(format!("The form field {name} may appear only once.")));
        }
        if self.fields.len() == MOST_FIELDS {
            return Err(Denial::Form(FormFault::FieldsTooLarge));
        }
        self.forward(length + END.len(), Expects::Value(name));
        Ok(Step::Forward)
    }

    fn value(&mut self, name: &str) -> Result<Step, Denial> {
        let delimiter = self.delimiter.clone();
        // the line before it ends the head, so that others may read a boundary here and no value
        if self.rest().starts_with(delimiter.get(2..).unwrap_or_default()) {
            return Err(Denial::Form(FormFault::Malformed("a field begins with the boundary")));
        }
        let Some(length) = self.find(&delimiter) else { return Ok(Step::Starved) };
        let after = length + delimiter.len();
        let Some(end) = self.rest().get(after..after + 2) else { return Ok(Step::Starved) };
        match end {
            b"\r\n" => {}
            b"--" => return Err(Denial::InvalidArgument(ONE_FILE.to_owned())),
            _ => return Err(Denial::Form(FormFault::Malformed("a boundary does not end its line"))),
        }
        let value = self.rest().get(..length).unwrap_or_default().to_vec();
        let value = String::from_utf8(value).map_err(|_| Denial::Form(FormFault::Malformed("a field is not UTF-8")))?;
        self.fields.push((name.to_owned(), value));
        self.forward(after + 2, Expects::Head);
        Ok(Step::Forward)
    }

    /// What has not been understood yet; nothing beyond the limit ever is.
    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..self.buffer.len().min(MOST_BYTES)).unwrap_or_default()
    }

    /// Where in [`Self::rest`] this text begins.
    fn find(&mut self, text: &[u8]) -> Option<usize> {
        let from = self.searched.saturating_sub(text.len() - 1).max(self.at);
        let end = self.buffer.len().min(MOST_BYTES);
        let found = memmem::find(self.buffer.get(from..end)?, text).map(|at| from + at);
        self.searched = found.unwrap_or(end);
        found.map(|at| at - self.at)
    }

    fn forward(&mut self, bytes: usize, expects: Expects) {
        self.at += bytes;
        self.expects = expects;
    }
}

const ONE_FILE: &str = "POST requires exactly one file upload per request.";
