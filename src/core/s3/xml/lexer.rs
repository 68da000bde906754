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

/// Finds tokens. One that lies whole in its piece of the input is given out where it lies; of any other the bytes are
/// collected until it is whole, never more than [`MAX_TOKEN_BYTES`].
#[derive(Debug)]
pub struct Lexer {
    state: State,
    token: Vec<u8>,
    /// The collected token has been given out; its memory is for the next one.
    is_given: bool,
}

impl Lexer {
    /// At the beginning of the input.
    pub const fn new() -> Self {
        Self { state: State::Text, token: Vec::new(), is_given: false }
    }

    /// The token that `input` completes, which is taken off it; `None` when all of it is taken and more has to come.
    /// Text outside the root element is given out as far as it came: nobody waits for its end.
    pub fn next<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input [u8],
        is_outside: bool,
    ) -> Result<Option<Token<'a>>, Broken> {
        if std::mem::take(&mut self.is_given) {
            self.token.clear();
        }
        if self.is_empty()
            && let Some(whole) = whole_token(input, is_outside)?
        {
            return Ok(Some(whole));
        }
        while !input.is_empty() {
            let (taken, delimiter_found) = self.find_delimiter(input);
            self.take(taken, input)?;
            if delimiter_found && self.at_delimiter(input)? {
                return self.collected().map(Some);
            }
        }
        Ok(None)
    }

    /// True when no token is half read.
    pub const fn is_empty(&self) -> bool {
        matches!(self.state, State::Text) && (self.is_given || self.token.is_empty())
    }

    /// How many bytes of `input` belong to the token up to the next byte that may change the state, and whether there is
    /// one. That byte is among them, unless it ends a text: then it begins the next token.
    fn find_delimiter(&self, input: &[u8]) -> (usize, bool) {
        let at = match self.state {
            State::Text => return memchr::memchr(b'<', input).map_or((input.len(), false), |at| (at, true)),
            State::Markup | State::Bang => Some(0),
            State::Tag => memchr::memchr3(b'>', b'"', b'\'', input),
            State::Quoted(quote) => memchr::memchr(quote, input),
            State::Comment | State::Cdata | State::Instruction => memchr::memchr(b'>', input),
        };
        at.map_or((input.len(), false), |at| (at + 1, true))
    }

    /// Moves so many bytes from `input` to the token.
    fn take(&mut self, count: usize, input: &mut &[u8]) -> Result<(), Broken> {
        let (taken, rest) = input.split_at_checked(count).ok_or(Broken)?;
        if self.token.len() + taken.len() > MAX_TOKEN_BYTES {
            return Err(Broken);
        }
        self.token.extend_from_slice(taken);
        *input = rest;
        Ok(())
    }

    /// A byte that may change the state has been found. True when the token is whole.
    fn at_delimiter(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        if self.state != State::Text {
            return self.after_delimiter();
        }
        if self.token.is_empty() {
            self.state = State::Markup;
            return self.take(1, input).map(|()| false);
        }
        // as long as a token of markup, of which the delimiter is a part
        if self.token.len() < MAX_TOKEN_BYTES { Ok(true) } else { Err(Broken) }
    }

    /// The last byte of the token is one that may change the state.
    fn after_delimiter(&mut self) -> Result<bool, Broken> {
        let last = self.token.last().copied().ok_or(Broken)?;
        match (self.state, last) {
            (State::Markup, b'?') => self.state = State::Instruction,
            (State::Markup, b'!') => self.state = State::Bang,
            // `<>`, `<'` and `<"` begin nothing.
            (State::Markup, b'>' | b'"' | b'\'') => return Err(Broken),
            (State::Markup, _) => self.state = State::Tag,
            (State::Bang, _) => self.state = self.after_bang()?,
            (State::Tag, b'>') => return Ok(true),
            (State::Tag, quote) => self.state = State::Quoted(quote),
            (State::Quoted(_), _) => self.state = State::Tag,
            (State::Comment, _) => return Ok(self.ends(COMMENT)),
            (State::Cdata, _) => return Ok(self.ends(CDATA)),
            (State::Instruction, _) => return Ok(self.ends(INSTRUCTION)),
            (State::Text, _) => {}
        }
        Ok(false)
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

    /// The collected token, which the state names; a text begins.
    fn collected(&mut self) -> Result<Token<'_>, Broken> {
        let state = std::mem::replace(&mut self.state, State::Text);
        self.is_given = true;
        let whole = utf8(&self.token)?;
        let inside = |(open, close)| whole.strip_prefix(open).and_then(|text| text.strip_suffix(close)).ok_or(Broken);
        Ok(match state {
            State::Text => Token::Text(whole),
            State::Comment => Token::Comment,
            State::Cdata => Token::Cdata(inside(CDATA)?),
            State::Instruction => Token::Instruction(inside(INSTRUCTION)?),
            State::Markup | State::Bang | State::Tag | State::Quoted(_) => Token::Tag(whole),
        })
    }
}

/// The token at the beginning of `input`, taken off it, where it lies whole there and its end is plain to see: nearly all
/// tokens of most documents. `None` leaves it to the byte by byte reading, limits included.
fn whole_token<'a>(input: &mut &'a [u8], is_outside: bool) -> Result<Option<Token<'a>>, Broken> {
    let is_tag = input.first() == Some(&b'<');
    let end = match is_tag {
        true => plain_tag_len(input).filter(|len| *len <= MAX_TOKEN_BYTES),
        false if is_outside => memchr::memchr(b'<', input).or(Some(input.len())),
        false => memchr::memchr(b'<', input).filter(|len| *len < MAX_TOKEN_BYTES),
    };
    let Some((token, rest)) = end.filter(|len| *len > 0).and_then(|end| input.split_at_checked(end)) else {
        return Ok(None);
    };
    *input = rest;
    let token = utf8(token)?;
    Ok(Some(if is_tag { Token::Tag(token) } else { Token::Text(token) }))
}

/// Length of the tag that `markup` begins with, if it is whole and has no attribute.
fn plain_tag_len(markup: &[u8]) -> Option<usize> {
    markup.get(1).filter(|byte| byte.is_ascii_alphabetic() || **byte == b'/')?;
    let end = memchr::memchr3(b'>', b'"', b'\'', markup)?;
    (markup.get(end) == Some(&b'>')).then_some(end + 1)
}

fn utf8(bytes: &[u8]) -> Result<&str, Broken> {
    std::str::from_utf8(bytes).map_err(|_| Broken)
}
