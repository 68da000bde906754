//! The head of one part: what the field is called, and the name of its file.

use crate::{Denial, FormFault};

/// Longest name of a field in bytes.
const MOST_NAME_BYTES: usize = 256;

/// What the head of a part says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Name of the field, in lower case.
    pub(super) name: String,
    /// Name of the file, for a part that is one.
    pub(super) file_name: Option<String>,
}

impl Part {
    /// Reads the lines of a head, the empty one not included.
    ///
    /// # Errors
    /// [`FormFault::Malformed`].
    pub(super) fn parse(head: &[u8]) -> Result<Self, Denial> {
        let text = std::str::from_utf8(head)
            .map_err(|_| Denial::Form(FormFault::Malformed("the head of a part is not UTF-8")))?;
        let mut disposition = None;
        for line in text.split("\r\n") {
            let (name, value) =
                line.split_once(':').ok_or(Denial::Form(FormFault::Malformed("a line of a part has no colon")))?;
            // no dash at its beginning: with a colon in the boundary, that might be a boundary to others
            let is_token = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !is_token || value.contains(['\r', '\n']) {
                return Err(Denial::Form(FormFault::Malformed("a line of a part cannot be read")));
            }
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" if disposition.replace(value).is_some() => {
                    return Err(Denial::Form(FormFault::Malformed("a part has two names")));
                }
                "content-transfer-encoding" if !is_identity(value) => {
                    return Err(Denial::Form(FormFault::Malformed("a part is encoded")));
                }
                // its Content-Type says nothing: that of the object is a field, which the policy covers
                _ => {}
            }
        }
        let disposition = disposition.and_then(parameters).filter(|(kind, _)| kind.eq_ignore_ascii_case("form-data"));
        let (_, parameters) =
            disposition.ok_or(Denial::Form(FormFault::Malformed("a part has no readable Content-Disposition")))?;
        Self::of(parameters)
    }

    fn of(parameters: Vec<(String, String)>) -> Result<Self, Denial> {
        let (mut name, mut file_name) = (None, None);
        for (parameter, value) in parameters {
            match parameter.as_str() {
                "name" => name = Some(value.to_ascii_lowercase()),
                "filename" => file_name = Some(value),
                // RFC 7578, 4.2: not to be used; a second name beside the first would be read by one reader and not by another
                "name*" | "filename*" => return Err(Denial::Form(FormFault::Malformed("a part has an encoded name"))),
                _ => {}
            }
        }
        let name = name.filter(|name| (1..=MOST_NAME_BYTES).contains(&name.len()));
        Ok(Self { name: name.ok_or(Denial::Form(FormFault::Malformed("a part has no name")))?, file_name })
    }
}

/// True for the encodings that change nothing.
fn is_identity(value: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|known| value.trim().eq_ignore_ascii_case(known))
}

/// A header's value: its first word, and its parameters with names in lower case, none of them twice. `None` when it is no
/// such value.
pub(super) fn parameters(value: &str) -> Option<(&str, Vec<(String, String)>)> {
    let (word, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let mut found: Vec<(String, String)> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Some((word.trim_matches([' ', '\t']), found));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t']).to_ascii_lowercase();
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte));
        if !is_name || found.iter().any(|(earlier, _)| *earlier == name) {
            return None;
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(text) => quoted(text)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (value, after) = after.split_at_checked(end)?;
                (value.trim_matches([' ', '\t']).to_owned(), after)
            }
        };
        found.push((name, value));
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(';') {
            Some(rest) => rest,
            None if after.is_empty() => after,
            None => return None,
        };
    }
}

/// A text up to its closing quote, and what follows. A backslash escapes a quote and itself, and is itself before anything
/// else: old browsers send `C:\path`, curl escapes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.clone().next() {
                Some((_, escaped @ ('"' | '\\'))) => {
                    value.push(escaped);
                    characters.next();
                }
                _ => value.push('\\'),
            },
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, file_name: Option<&str>) -> Part {
        Part { name: name.to_owned(), file_name: file_name.map(str::to_owned) }
    }

    #[test]
    fn rfc_7578_heads_of_browsers_and_tools() {
        for (head, expected) in [
            ("Content-Disposition: form-data; name=\"key\"", part("key", None)),
            ("content-disposition:form-data;name=key", part("key", None)),
            ("Content-Disposition: form-data; name=\"X-Amz-Date\";", part("x-amz-date", None)),
            (
                "Content-Disposition: form-data; name=\"file\"; filename=\"a;b=\u{e9}.txt\"\r\nContent-Type: text/plain",
                part("file", Some("a;b=\u{e9}.txt")),
            ),
            (
                "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\a \\\"b\\\"\"",
                part("file", Some("C:\\dir\\a \"b\"")),
            ),
            ("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: 8bit", part("a", None)),
        ] {
            assert_eq!(Part::parse(head.as_bytes()), Ok(expected), "{head}");
        }
    }

    #[test]
    fn d11_a_part_with_an_ambiguous_name_is_refused() {
        for head in [
            "",
            "Content-Type: text/plain",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=\"\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"a\"; NAME=\"b\"",
            "Content-Disposition: form-data; name=\"a\"; filename=\"b\"; filename*=utf-8''c",
            "Content-Disposition: form-data; name=\"a\"; name*=utf-8''c",
            "Content-Disposition: form-data; name=\"a\r\nContent-Type: b\"",
            "Content-Disposition: form-data; name=\"a\" b",
            "Content-Disposition: form-data; name=\"a",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"",
            "Content-Disposition: form-data; name=\"a\"\r\n folded",
            "Content-Disposition: form-data; name=\"a\"\nX: b",
            "Content-Disposition : form-data; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"\r\n--b:c",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64",
        ] {
            assert!(matches!(Part::parse(head.as_bytes()), Err(Denial::Form(FormFault::Malformed(_)))), "{head}");
        }
        assert!(Part::parse(b"Content-Disposition: form-data; name=\"\xff\"").is_err());
        let long = format!("Content-Disposition: form-data; name=\"{}\"", "a".repeat(257));
        assert!(Part::parse(long.as_bytes()).is_err());
    }
}
