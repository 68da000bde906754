//! Finds the end of an HTTP/1.1 chunked message, strictly: CRLF only, plain hexadecimal sizes, no bare LF anywhere.

/// Longest chunk-size line, extensions included.
const MAX_LINE: u32 = 4096;
/// Most bytes of HTTP trailers (they are dropped anyway).
const MAX_TRAILER: u32 = 16 * 1024;

/// An incremental scanner over the bytes of one chunked body.
#[derive(Debug, Default)]
pub struct ChunkScan {
    state: State,
    size: u64,
    digits: u8,
    line: u32,
    trailer: u32,
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum State {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerLine,
    TrailerLf,
    EndLf,
    Done,
}

/// The framing is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadChunk;

impl ChunkScan {
    /// True once the terminating empty line has passed.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Feeds bytes; returns how many of them belong to this message.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        let mut used = 0;
        while self.state != State::Done {
            let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) else { break };
            if self.state == State::Data {
                let step = rest.len().min(usize::try_from(self.size).unwrap_or(usize::MAX));
                self.size -= step as u64;
                used += step;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
            } else if let Some(&byte) = rest.first() {
                self.state = self.step(byte)?;
                used += 1;
            }
        }
        Ok(used)
    }

    fn step(&mut self, byte: u8) -> Result<State, BadChunk> {
        match (self.state, byte) {
            (State::Size, _) if byte.is_ascii_hexdigit() && self.digits < 15 => {
                let digit = char::from(byte).to_digit(16).ok_or(BadChunk)?;
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
                Ok(State::Size)
            }
            (State::Size, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeLf),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, _) if byte != b'\n' && self.line < MAX_LINE => {
                self.line += 1;
                Ok(State::Extension)
            }
            (State::SizeLf, b'\n') => {
                (self.digits, self.line) = (0, 0);
                Ok(if self.size == 0 { State::TrailerLine } else { State::Data })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::TrailerLine, b'\r') => Ok(if self.line == 0 { State::EndLf } else { State::TrailerLf }),
            (State::TrailerLine, _) if byte != b'\n' && self.trailer < MAX_TRAILER => {
                (self.line, self.trailer) = (self.line + 1, self.trailer + 1);
                Ok(State::TrailerLine)
            }
            (State::TrailerLf, b'\n') => {
                self.line = 0;
                Ok(State::TrailerLine)
            }
            (State::EndLf, b'\n') => Ok(State::Done),
            _ => Err(BadChunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        let mut scan = ChunkScan::default();
        let used = scan.feed(bytes)?;
        Ok((used, scan.is_done()))
    }

    #[test]
    fn the_end_is_found_and_what_follows_is_left() {
        assert_eq!(scan(b"3\r\nabc\r\n0\r\n\r\nGET "), Ok((13, true)));
        assert_eq!(scan(b"A;x=y\r\n0123456789\r\n0\r\nt: v\r\n\r\n"), Ok((33, true)));
        assert_eq!(scan(b"3\r\nab"), Ok((5, false)));
    }

    #[test]
    fn pieces_of_any_size_give_the_same_end() {
        let body = b"5\r\nhello\r\n0\r\na: b\r\n\r\n";
        let mut scan = ChunkScan::default();
        for byte in body {
            assert_eq!(scan.feed(std::slice::from_ref(byte)), Ok(1));
        }
        assert!(scan.is_done());
    }

    #[test]
    fn section_1_broken_framing_is_refused() {
        for body in [&b"3\nabc\r\n"[..], b"3 \r\nabc\r\n", b"0x3\r\nabc", b"\r\n", b"3\r\nabcX", b"3;a\nb\r\n", b"0\r\na\n\r\n"] {
            assert!(scan(body).is_err(), "{:?}", String::from_utf8_lossy(body));
        }
        assert!(scan(b"1111111111111111\r\n").is_err(), "sizes have at most 15 digits");
    }
}
