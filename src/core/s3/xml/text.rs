//! Character data: escaping, references, and prefixes of names that are still escaped.

use std::borrow::Cow;

use super::Broken;

/// Appends `text` so that every XML parser gives back exactly `text`: markup is escaped, control characters (which
/// XML 1.0 cannot hold, but S3 keys can) become numeric references as S3 itself writes them, and so do line breaks and
/// tabs, which parsers would normalise.
pub fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            _ if push_markup(character, out) => {}
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                let code = u32::from(character);
                out.push_str(&if matches!(character, '\t' | '\n' | '\r') {
                    format!("&#{code};")
                } else {
                    format!("&#x{code:X};")
                });
            }
            _ => out.push(character),
        }
    }
}

/// Appends `text` for readers, not for programs: what XML 1.0 cannot hold becomes U+FFFD.
pub fn escape_printable(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            _ if push_markup(character, out) => {}
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
}

/// Appends `text` with nothing but markup escaped.
pub fn escape_markup(text: &str, out: &mut String) {
    for character in text.chars() {
        if !push_markup(character, out) {
            out.push(character);
        }
    }
}

fn push_markup(character: char, out: &mut String) -> bool {
    out.push_str(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&apos;",
        _ => return false,
    });
    true
}

/// One character of escaped text.
struct Unit<'a> {
    /// `None` for a reference to what is no character (`&#xD800;`).
    character: Option<char>,
    /// The escaped text after it.
    rest: &'a str,
}

/// The first character of `raw`, a reference decoded; `None` at the end.
fn first_unit(raw: &str) -> Result<Option<Unit<'_>>, Broken> {
    let mut characters = raw.chars();
    match characters.next() {
        None => Ok(None),
        Some('&') => {
            let (name, rest) = characters.as_str().split_once(';').ok_or(Broken)?;
            Ok(Some(Unit { character: reference(name)?, rest }))
        }
        character => Ok(Some(Unit { character, rest: characters.as_str() })),
    }
}

fn reference(name: &str) -> Result<Option<char>, Broken> {
    let number = match name {
        "amp" => return Ok(Some('&')),
        "lt" => return Ok(Some('<')),
        "gt" => return Ok(Some('>')),
        "quot" => return Ok(Some('"')),
        "apos" => return Ok(Some('\'')),
        _ => name.strip_prefix('#').ok_or(Broken)?,
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    if digits.is_empty() || digits.len() > 16 || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Broken);
    }
    Ok(u32::from_str_radix(digits, radix).ok().and_then(char::from_u32))
}

/// Refuses entities that only a DTD could define.
pub fn check_references(mut raw: &str) -> Result<(), Broken> {
    while let Some((_, name)) = split_at_byte(raw, b'&') {
        let (name, rest) = split_at_byte(name, b';').ok_or(Broken)?;
        reference(name)?;
        raw = rest;
    }
    Ok(())
}

/// What [`str::split_once`] gives, several times as fast in texts of a few dozen bytes.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    text.get(..at).zip(text.get(at + 1..))
}

/// Decodes references; refuses those to what is no character.
pub fn unescape(mut raw: &str) -> Result<String, Broken> {
    let mut text = String::with_capacity(raw.len());
    while let Some(unit) = first_unit(raw)? {
        text.push(unit.character.ok_or(Broken)?);
        raw = unit.rest;
    }
    Ok(text)
}

/// Raw text with line ends as every XML parser reports them (XML 1.0 section 2.11), refused when it holds characters
/// that XML 1.0 does not allow to stand there unescaped.
pub fn normalized(raw: &str) -> Result<String, Broken> {
    let forbidden =
        |c: char| matches!(c, '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}') && !matches!(c, '\t' | '\n' | '\r');
    if raw.contains(forbidden) {
        return Err(Broken);
    }
    Ok(raw.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The part of `raw` after `prefix`, escaped as it came; `None` when the decoded text does not begin with `prefix`.
///
/// With `url`, `raw` is percent-encoded inside the XML as `encoding-type=url` has it; `+` then stands for a space.
/// Only the prefix is decoded: whatever form the backend gave to the rest (space as `+` or `%20`, slashes encoded or
/// not, references to control characters) stays, so that nothing is lost in a second encoding (RN-1).
pub fn strip_prefix<'a>(mut raw: &'a str, prefix: &str, url: bool) -> Option<&'a str> {
    let mut wanted = prefix.as_bytes();
    while !wanted.is_empty() {
        let unit = first_unit(raw).ok().flatten()?;
        raw = unit.rest;
        let mut buffer = [0; 4];
        let found = match unit.character? {
            '%' if url => {
                let (byte, rest) = percent_encoded_byte(raw)?;
                raw = rest;
                wanted = wanted.strip_prefix(&[byte])?;
                continue;
            }
            '+' if url => " ",
            character => character.encode_utf8(&mut buffer),
        };
        wanted = wanted.strip_prefix(found.as_bytes())?;
    }
    Some(raw)
}

/// The name that `raw` stands for to a client that decodes it as it is told to; `None` when there are references to no
/// character in it.
///
/// Some servers say `url` of lists that they did not encode (RN-2; `SeaweedFS` of its uploads). What is no
/// percent-encoding in such a name stands for itself, as `unquote` of the clients leaves it.
pub fn decoded(raw: &str, url: bool) -> Option<Cow<'_, str>> {
    let special =
        if url { memchr::memchr3(b'&', b'%', b'+', raw.as_bytes()) } else { memchr::memchr(b'&', raw.as_bytes()) };
    if special.is_none() {
        return Some(Cow::Borrowed(raw));
    }
    let mut rest = raw;
    let mut name = Vec::with_capacity(raw.len());
    while let Some(unit) = first_unit(rest).ok()? {
        rest = unit.rest;
        match unit.character? {
            '%' if url => {
                let (byte, after) = percent_encoded_byte(rest).unwrap_or((b'%', rest));
                rest = after;
                name.push(byte);
            }
            '+' if url => name.push(b' '),
            character => name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(name).ok().or_else(|| unescape(raw).ok()).map(Cow::Owned)
}

/// The byte whose two hexadecimal digits begin `raw`, and what follows them.
fn percent_encoded_byte(raw: &str) -> Option<(u8, &str)> {
    let high = first_unit(raw).ok().flatten()?;
    let low = first_unit(high.rest).ok().flatten()?;
    let byte = high.character?.to_digit(16)? << 4 | low.character?.to_digit(16)?;
    Some((u8::try_from(byte).ok()?, low.rest))
}
