//! Tokens -> one well-formed document, bounded in depth.

use quick_xml::events::attributes::Attributes;

use super::lexer::{Lexer, Token};
use super::{Broken, text};

/// S3's deepest answer has four levels.
const MAX_DEPTH: usize = 16;
/// Longest element name in bytes, its namespace prefix included.
const MAX_NAME_BYTES: usize = 128;
/// Most attributes of one element; telling duplicates apart costs their square.
const MAX_ATTRIBUTES: usize = 16;

/// The name of an open element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElementName {
    qualified: String,
    local_at: usize,
}

impl ElementName {
    /// The name as it came, with its namespace prefix.
    pub fn qualified(&self) -> &str {
        &self.qualified
    }

    /// The name without its namespace prefix: backends differ in namespaces, never in names (RN-5).
    pub fn local(&self) -> &str {
        self.qualified.get(self.local_at..).unwrap_or_default()
    }

    /// Becomes this name; what it was has no more use, so nothing has to be allocated for most names.
    fn set(&mut self, qualified: &str) -> Result<(), Broken> {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let other = |c: char| first(c) || c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
        let well_formed = qualified.len() <= MAX_NAME_BYTES
            && qualified.starts_with(first)
            && qualified.chars().all(other)
            && !qualified.ends_with(':');
        if !well_formed {
            return Err(Broken);
        }
        self.local_at = qualified.find(':').map_or(0, |colon| colon + 1);
        self.qualified.clear();
        self.qualified.push_str(qualified);
        Ok(())
    }
}

/// One step through a document. `raw` is the text as it came: what needs no change is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// White space outside the root element, given out without waiting for more.
    Space(&'a str),
    /// What stands inside the `<?...?>` of the XML declaration.
    Declaration(&'a str),
    /// A start tag; the path already ends with it. An empty-element tag is followed by its `Close` at once.
    Open {
        /// `<name ...>` or `<name .../>`.
        raw: &'a str,
        /// True for `<name .../>`.
        empty: bool,
    },
    /// Character data in an element, escaped; several in a row make one text.
    Text(&'a str),
    /// An end tag; the path still ends with it. `raw` is empty after an empty-element tag.
    Close {
        /// `</name>` or nothing.
        raw: &'a str,
    },
}

/// Who receives the document: the path from the root to the current element, and what happens there.
pub type Handler<'a> = &'a mut dyn FnMut(&[ElementName], Item<'_>) -> Result<(), Broken>;

/// Some tools write it before their UTF-8; it says nothing.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads one document in pieces of any size. Memory is bounded by one token and [`MAX_DEPTH`] names.
#[derive(Debug)]
pub struct Scanner {
    lexer: Lexer,
    document: Document,
    /// What of the byte order mark may still come; empty after the first byte of the document.
    mark: &'static [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the root element; a declaration may come.
    Prolog,
    /// Declaration seen.
    Declared,
    /// The root element is open.
    Inside,
    /// The root element is closed.
    Done,
}

/// Checks that tokens form one document.
#[derive(Debug)]
struct Document {
    stage: Stage,
    /// The first [`Self::depth`] are the open elements; those behind were.
    names: Vec<ElementName>,
    depth: usize,
}

impl Scanner {
    /// At the beginning of a document.
    pub const fn new() -> Self {
        let document = Document { stage: Stage::Prolog, names: Vec::new(), depth: 0 };
        Self { lexer: Lexer::new(), document, mark: BYTE_ORDER_MARK }
    }

    /// Reads a whole document.
    pub fn read(body: &[u8], handler: Handler<'_>) -> Result<(), Broken> {
        let mut scanner = Self::new();
        scanner.push(body, handler)?;
        scanner.finish()
    }

    /// Reads the next piece and tells `handler` all that is certain.
    pub fn push(&mut self, mut piece: &[u8], handler: Handler<'_>) -> Result<(), Broken> {
        while !piece.is_empty() {
            piece = self.push_to_child(piece, handler)?;
        }
        Ok(())
    }

    /// The same up to the next place between two children of the root element; returns what follows it.
    pub fn push_to_child<'a>(&mut self, piece: &'a [u8], handler: Handler<'_>) -> Result<&'a [u8], Broken> {
        let mut rest = self.skip_mark(piece)?;
        let Self { lexer, document, .. } = self;
        while let Some(token) = lexer.next(&mut rest, document.depth == 0)? {
            document.token(token, handler)?;
            if document.depth == 1 {
                break;
            }
        }
        Ok(rest)
    }

    /// True in the root element, outside its children, when no token is half read.
    pub const fn is_between_children(&self) -> bool {
        self.document.depth == 1 && self.lexer.is_empty()
    }

    /// Ends the input: the document must be complete.
    pub fn finish(&self) -> Result<(), Broken> {
        if self.document.stage == Stage::Done && self.lexer.is_empty() { Ok(()) } else { Err(Broken) }
    }

    fn skip_mark<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], Broken> {
        while let (Some((wanted, more)), Some((byte, rest))) = (self.mark.split_first(), piece.split_first()) {
            if byte == wanted {
                (self.mark, piece) = (more, rest);
            } else if self.mark == BYTE_ORDER_MARK {
                self.mark = &[];
            } else {
                return Err(Broken);
            }
        }
        Ok(piece)
    }
}

impl Document {
    /// From the root to the current element.
    fn path(&self) -> &[ElementName] {
        self.names.get(..self.depth).unwrap_or_default()
    }

    fn token(&mut self, token: Token<'_>, handler: Handler<'_>) -> Result<(), Broken> {
        match token {
            Token::Comment => Ok(()),
            Token::Instruction(content) => self.declaration(content, handler),
            Token::Text(raw) if self.depth == 0 => {
                let space = raw.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
                if space { handler(self.path(), Item::Space(raw)) } else { Err(Broken) }
            }
            Token::Text(raw) => {
                text::check_references(raw)?;
                handler(self.path(), Item::Text(raw))
            }
            Token::Cdata(_) if self.depth == 0 => Err(Broken),
            Token::Cdata(content) => {
                let mut raw = String::with_capacity(content.len());
                text::escape_markup(content, &mut raw);
                handler(self.path(), Item::Text(&raw))
            }
            Token::Tag(raw) => self.tag(raw, handler),
        }
    }

    fn declaration(&mut self, content: &str, handler: Handler<'_>) -> Result<(), Broken> {
        let attributes = content.strip_prefix("xml").filter(|rest| rest.starts_with([' ', '\t', '\r', '\n']));
        let attributes = attributes.filter(|_| self.stage == Stage::Prolog).ok_or(Broken)?;
        for attribute in Attributes::new(attributes, 0) {
            let attribute = attribute.map_err(|_| Broken)?;
            if attribute.key.as_ref() == "encoding" && !attribute.value.eq_ignore_ascii_case("utf-8") {
                return Err(Broken);
            }
        }
        self.stage = Stage::Declared;
        handler(self.path(), Item::Declaration(content))
    }

    fn tag(&mut self, raw: &str, handler: Handler<'_>) -> Result<(), Broken> {
        let content = raw.strip_prefix('<').and_then(|raw| raw.strip_suffix('>')).ok_or(Broken)?;
        if let Some(name) = content.strip_prefix('/') {
            return self.close(name.trim_ascii_end(), raw, handler);
        }
        let (content, empty) = content.strip_suffix('/').map_or((content, false), |content| (content, true));
        let name = content.split_ascii_whitespace().next().filter(|name| content.starts_with(name)).ok_or(Broken)?;
        if name.len() < content.len() {
            check_attributes(content, name.len())?;
        }
        self.open(name)?;
        handler(self.path(), Item::Open { raw, empty })?;
        if empty { self.close(name, "", handler) } else { Ok(()) }
    }

    fn open(&mut self, name: &str) -> Result<(), Broken> {
        if self.stage == Stage::Done || self.depth == MAX_DEPTH {
            return Err(Broken);
        }
        if self.depth == self.names.len() {
            self.names.push(ElementName::default());
        }
        self.names.get_mut(self.depth).ok_or(Broken)?.set(name)?;
        self.depth += 1;
        self.stage = Stage::Inside;
        Ok(())
    }

    fn close(&mut self, name: &str, raw: &str, handler: Handler<'_>) -> Result<(), Broken> {
        if self.path().last().is_none_or(|open| open.qualified() != name) {
            return Err(Broken);
        }
        handler(self.path(), Item::Close { raw })?;
        self.depth -= 1;
        if self.depth == 0 {
            self.stage = Stage::Done;
        }
        Ok(())
    }
}

fn check_attributes(content: &str, name_len: usize) -> Result<(), Broken> {
    if content.contains('<') {
        return Err(Broken);
    }
    for (count, attribute) in Attributes::new(content, name_len).enumerate() {
        let attribute = attribute.map_err(|_| Broken)?;
        if count == MAX_ATTRIBUTES {
            return Err(Broken);
        }
        text::check_references(&attribute.value)?;
    }
    Ok(())
}
