//! XML as S3 speaks it, read piece by piece in bounded memory: the one front end of every body that OSP reads.
//!
//! [`Scanner`] accepts a small, harmless part of XML: UTF-8, no DTD, no processing instruction but the declaration, no
//! entities but the five predefined ones, and limits on depth and on every token. Read in this order: `lexer` finds
//! where tokens end, `scanner` checks that they form one document, `text` reads and writes character data.

mod lexer;
mod scanner;
mod text;

pub use scanner::{ElementName, Item, Scanner};
pub use text::{check_references, decoded, escape, escape_printable, normalized, strip_prefix, unescape};

/// The namespace of S3's documents.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// How every document of OSP begins.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Not the XML that OSP reads. The caller knows whose fault that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Appends `<name>text</name>` with `text` escaped.
pub fn element(name: &str, text: &str, out: &mut Vec<u8>) {
    let mut escaped = String::with_capacity(text.len());
    escape(text, &mut escaped);
    for part in ["<", name, ">", &escaped, "</", name, ">"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests;
