//! Where XML tokens end, for input that comes in pieces of any size.

use super::Broken;

/// Longest token in bytes: a key of 1,024 bytes needs 10 KiB when every byte of it is a numeric reference.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// One complete token as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// Character data between two tokens of markup, never empty.
    Text(&'a str),
    /// `<...>`: a start, end or empty-element tag, with its angle brackets.
    Tag(&'a str),
    /// What stands inside `<![CDATA[...]]>`.
    Cdata(&'a str),
    /// What stands inside `<?...?>`.
    Instruction(&'a str),
    /// A comment; its text is of no use to anybody.
    Comment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After `<`: the next byte decides.
    Markup,
    /// After `<!`: the next bytes decide between a comment and CDATA; a DTD is refused.
    Bang,
    Tag,
    /// Inside an attribute value that ends at this quote.
    Quoted(u8),
    Comment,
    Cdata,
    Instruction,
}

const COMMENT: (&str, &str) = ("<!--", "-->");
const CDATA: (&str, &str) = ("<![CDATA[", "]]>");
const INSTRUCTION: (&str, &str) = ("<?", "?>");

/// Collects bytes until they are a whole token. Never holds more than [`MAX_TOKEN_BYTES`].
#[derive(Debug)]
pub struct Lexer {
    state: State,
    token: Vec<u8>,
}

type Sink<'a> = &'a mut dyn FnMut(Token<'_>) -> Result<(), Broken>;

impl Lexer {
    /// At the beginning of the input.
    pub const fn new() -> Self {
        Self { state: State::Text, token: Vec::new() }
    }

    /// Gives every token that `input` completes to `sink`, in order.
    pub fn push(&mut self, mut input: &[u8], sink: Sink<'_>) -> Result<(), Broken> {
        while !input.is_empty() {
            let (taken, delimiter_found) = self.find_delimiter(input);
            let (taken, rest) = input.split_at_checked(taken).ok_or(Broken)?;
            input = rest;
            if self.token.len() + taken.len() > MAX_TOKEN_BYTES {
                return Err(Broken);
            }
            if self.state == State::Text && delimiter_found {
                self.end_of_text(taken, sink)?;
            } else {
                self.token.extend_from_slice(taken);
                if delimiter_found {
                    self.after_delimiter(sink)?;
                }
            }
        }
        Ok(())
    }

    /// Gives out a text that has not ended yet; what follows becomes a token of its own.
    pub fn flush_text(&mut self, sink: Sink<'_>) -> Result<(), Broken> {
        if self.state == State::Text && !self.token.is_empty() { self.emit(sink) } else { Ok(()) }
    }

    /// True when no token is half read.
    pub fn is_empty(&self) -> bool {
        self.state == State::Text && self.token.is_empty()
    }

    /// How many bytes of `input` belong to the token up to the next byte that may change the state, that byte included.
    fn find_delimiter(&self, input: &[u8]) -> (usize, bool) {
        let at = match self.state {
            State::Text => memchr::memchr(b'<', input),
            State::Markup | State::Bang => Some(0),
            State::Tag => memchr::memchr3(b'>', b'"', b'\'', input),
            State::Quoted(quote) => memchr::memchr(quote, input),
            State::Comment | State::Cdata | State::Instruction => memchr::memchr(b'>', input),
        };
        at.map_or((input.len(), false), |at| (at + 1, true))
    }

    /// `taken` ends with the `<` that ends the text.
    fn end_of_text(&mut self, taken: &[u8], sink: Sink<'_>) -> Result<(), Broken> {
        let (_, text) = taken.split_last().ok_or(Broken)?;
        self.token.extend_from_slice(text);
        self.flush_text(sink)?;
        self.token.push(b'<');
        self.state = State::Markup;
        Ok(())
    }

    /// The last byte of the token is one that may change the state.
    fn after_delimiter(&mut self, sink: Sink<'_>) -> Result<(), Broken> {
        let last = self.token.last().copied().ok_or(Broken)?;
        match (self.state, last) {
            (State::Markup, b'?') => self.state = State::Instruction,
            (State::Markup, b'!') => self.state = State::Bang,
            // `<>`, `<'` and `<"` begin nothing.
            (State::Markup, b'>' | b'"' | b'\'') => return Err(Broken),
            (State::Markup, _) => self.state = State::Tag,
            (State::Bang, _) => self.state = self.after_bang()?,
            (State::Tag, b'>') => return self.emit(sink),
            (State::Tag, quote) => self.state = State::Quoted(quote),
            (State::Quoted(_), _) => self.state = State::Tag,
            (State::Comment, _) if self.ends(COMMENT) => return self.emit(sink),
            (State::Cdata, _) if self.ends(CDATA) => return self.emit(sink),
            (State::Instruction, _) if self.ends(INSTRUCTION) => {
                return self.emit(sink);
            }
            (State::Text | State::Comment | State::Cdata | State::Instruction, _) => {}
        }
        Ok(())
    }

    fn after_bang(&self) -> Result<State, Broken> {
        match self.token.as_slice() {
            token if token == COMMENT.0.as_bytes() => Ok(State::Comment),
            token if token == CDATA.0.as_bytes() => Ok(State::Cdata),
            token if COMMENT.0.as_bytes().starts_with(token) || CDATA.0.as_bytes().starts_with(token) => {
                Ok(State::Bang)
            }
            _ => Err(Broken),
        }
    }

    /// The length keeps `<!-->` from being a comment: its dashes cannot serve twice.
    fn ends(&self, (open, close): (&str, &str)) -> bool {
        self.token.len() >= open.len() + close.len() && self.token.ends_with(close.as_bytes())
    }

    /// Gives out the collected token, which the state names, and begins a text.
    fn emit(&mut self, sink: Sink<'_>) -> Result<(), Broken> {
        let whole = std::str::from_utf8(&self.token).map_err(|_| Broken)?;
        let inside = |(open, close)| whole.strip_prefix(open).and_then(|text| text.strip_suffix(close)).ok_or(Broken);
        sink(match self.state {
            State::Text => Token::Text(whole),
            State::Comment => Token::Comment,
            State::Cdata => Token::Cdata(inside(CDATA)?),
            State::Instruction => Token::Instruction(inside(INSTRUCTION)?),
            State::Markup | State::Bang | State::Tag | State::Quoted(_) => Token::Tag(whole),
        })?;
        self.token.clear();
        self.state = State::Text;
        Ok(())
    }
}
