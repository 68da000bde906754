//! What the entries of one list have in common, so that all but the first are read at the speed of a comparison.
//!
//! The tags of an entry that has passed are a guess at the tags of those after it. [`Shapes::find`] takes an entry that
//! consists of exactly these tags with good character data between them: of such an entry the scanner would tell the same
//! items, and the rules, which look at nothing but tags, would say the same of them. Every other entry is left to the
//! scanner, the broken ones and those that are cut by the end of a piece among them.

use super::rules::Field;
use crate::s3::xml::check_references;

/// Shapes of one list that are kept: entries of AWS differ in checksums, owners and what was restored.
const MAX_SHAPES: usize = 4;
/// Longest markup of a shape in bytes; the longest of AWS has about 600.
const MAX_MARKUP_BYTES: usize = 2 * 1024;
/// Most texts of a shape; the longest entry of AWS has a dozen.
const MAX_TEXTS: usize = 64;
/// Longest entry that is compared, in bytes: less than the limits on a token and on a replaced text, so those hold.
const MAX_COMPARED_BYTES: usize = 8 * 1024;

/// How backends write the quotes around an `ETag`: as parts of the shape, these references need no check.
const QUOTES: [&str; 2] = ["&quot;", "&#34;"];

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// The shapes of the entries that have passed.
#[derive(Debug, Default)]
pub struct Shapes {
    known: Vec<Shape>,
    /// Which of them the next one takes the place of.
    oldest: usize,
    /// Of the entry that the scanner is reading.
    recorded: Option<Shape>,
    /// The last item of that entry is a start tag.
    after_open: bool,
    found: Vec<Leaf>,
    #[cfg(test)]
    pub taken: usize,
}

/// The tags of an entry, and where between them texts may stand.
#[derive(Debug, Default)]
struct Shape {
    /// All tags as they came, and the [`QUOTES`] of texts.
    markup: String,
    texts: Vec<Text>,
}

/// A text, which may be empty.
#[derive(Debug)]
struct Text {
    /// How many bytes of the markup stand before it.
    at: usize,
    /// What it names, if anything, and the lengths of the tags around it.
    leaf: Option<(Field, usize, usize)>,
    /// Where the markup after it ends.
    end: usize,
    /// Its length in the entry before: a guess.
    len: usize,
}

/// An element of an entry that names something: where in the entry its start tag, text and end tag begin, and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    pub field: Field,
    pub open: usize,
    pub text: usize,
    pub close: usize,
    pub end: usize,
}

impl Shapes {
    /// The entry that `input` begins with, whole, and what in it names something; `None` leaves it to the scanner.
    pub fn find<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &[Leaf])> {
        let input = input.get(..MAX_COMPARED_BYTES).unwrap_or(input);
        let Self { known, found, .. } = self;
        let entry = known.iter_mut().find_map(|shape| shape.entry(input, found))?;
        #[cfg(test)]
        (self.taken += 1);
        Some((entry, &self.found))
    }

    /// An entry begins.
    pub fn begin(&mut self) {
        self.recorded = Some(Shape::default());
    }

    /// A start tag; `field` is what the element names. Outside an entry, this and the next two change nothing.
    pub fn open(&mut self, raw: &str, empty: bool, field: Option<Field>) {
        self.after_open = !empty;
        if let Some(shape) = self.recorded() {
            shape.markup.push_str(raw);
            if let Some(field) = field {
                shape.add_text(Some((field, raw.len(), 0)));
            }
        }
    }

    /// Character data.
    pub fn text(&mut self, raw: &str) {
        self.after_open = false;
        let Some(shape) = self.recorded() else { return };
        let at = shape.markup.len();
        if shape.texts.last().is_some_and(|text| text.at == at) {
            return;
        }
        let is_quoted = |quote: &&str| raw.strip_prefix(*quote).is_some_and(|rest| rest.ends_with(*quote));
        let quote = QUOTES.into_iter().find(is_quoted).unwrap_or_default();
        shape.markup.push_str(quote);
        shape.add_text(None);
        shape.markup.push_str(quote);
    }

    /// An end tag.
    pub fn close(&mut self, raw: &str) {
        let is_empty = std::mem::take(&mut self.after_open);
        let Some(shape) = self.recorded() else { return };
        if is_empty {
            shape.add_text(None);
        }
        if let Some(Text { at, leaf: Some((.., close)), .. }) = shape.texts.last_mut()
            && *at == shape.markup.len()
        {
            *close = raw.len();
        }
        shape.markup.push_str(raw);
    }

    /// The entry is none whose like could be passed on by comparison.
    pub fn give_up(&mut self) {
        self.recorded = None;
    }

    /// The entry has ended well.
    pub fn end(&mut self) {
        self.recorded();
        let Some(mut shape) = self.recorded.take() else { return };
        if self.known.iter().any(|known| known.is_like(&shape)) {
            return;
        }
        shape.complete();
        match self.known.get_mut(self.oldest) {
            Some(oldest) => *oldest = shape,
            None => self.known.push(shape),
        }
        self.oldest = (self.oldest + 1) % MAX_SHAPES;
    }

    fn recorded(&mut self) -> Option<&mut Shape> {
        let is_large = |shape: &mut Shape| shape.markup.len() > MAX_MARKUP_BYTES || shape.texts.len() > MAX_TEXTS;
        self.recorded.take_if(is_large);
        self.recorded.as_mut()
    }
}

impl Shape {
    /// A text may stand here; several in a row make one.
    fn add_text(&mut self, leaf: Option<(Field, usize, usize)>) {
        let at = self.markup.len();
        if self.texts.last().is_none_or(|text| text.at != at) {
            self.texts.push(Text { at, leaf, end: at, len: 0 });
        }
    }

    /// Takes note of where the markup after each text ends.
    fn complete(&mut self) {
        let mut end = self.markup.len();
        for text in self.texts.iter_mut().rev() {
            text.end = std::mem::replace(&mut end, text.at);
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let place = |text: &Text| (text.at, text.leaf);
        self.markup == other.markup && self.texts.iter().map(place).eq(other.texts.iter().map(place))
    }

    /// The entry of this shape that `input` begins with; what names something in it goes to `found`.
    fn entry<'a>(&mut self, input: &'a [u8], found: &mut Vec<Leaf>) -> Option<&'a [u8]> {
        found.clear();
        let markup = self.markup.as_bytes();
        let mut rest = input.strip_prefix(markup.get(..self.texts.first()?.at)?)?;
        for text in &mut self.texts {
            let at = input.len() - rest.len();
            let after = markup.get(text.at..text.end)?;
            rest = match rest.get(text.len..).and_then(|rest| rest.strip_prefix(after)) {
                Some(rest) => rest,
                None => {
                    let quote = memchr::memchr(b'<', after)?;
                    text.len = memchr::memchr(b'<', rest)?.checked_sub(quote)?;
                    rest.get(text.len..)?.strip_prefix(after)?
                }
            };
            if !is_text(input.get(at..at + text.len)?) {
                return None;
            }
            if let Some((field, open, close)) = text.leaf {
                let end = at + text.len;
                found.push(Leaf { field, open: at - open, text: at, close: end, end: end + close });
            }
        }
        input.get(..input.len() - rest.len())
    }
}

/// True for the character data that the scanner would accept.
fn is_text(text: &[u8]) -> bool {
    let is_good = |text: &str| check_references(text).is_ok();
    is_plain(text) || (memchr::memchr(b'<', text).is_none() && std::str::from_utf8(text).is_ok_and(is_good))
}

/// True for ASCII without markup and references: most texts. All bytes of a block are looked at, as one vector; no block
/// after the end of a text, for a guess may lie far behind it.
fn is_plain(text: &[u8]) -> bool {
    let special = |byte: &u8| byte & 0x80 | u8::from(*byte == b'<') | u8::from(*byte == b'&');
    let none = |bytes: &[u8]| bytes.iter().fold(0, |any, byte| any | special(byte)) == 0;
    let Some(end) = text.last_chunk::<BLOCK>() else { return none(text) };
    text.as_chunks::<BLOCK>().0.iter().all(|block| none(block)) && none(end)
}
