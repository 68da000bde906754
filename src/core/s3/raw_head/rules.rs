//! What every head must obey, whichever protocol it came by (security.md 1, SIG-16).

use std::ops::Range;

use super::RawHead;
use crate::Denial;
use crate::s3::outgoing::is_passed_on;

/// Request line and header block together; S3 itself takes 8 KiB of headers, presigned URLs need some more (H-3).
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Longest request target: a key of 1,024 bytes, percent-encoded, and a presigned query with a session token.
pub(super) const MAX_TARGET_BYTES: usize = 8 * 1024;
/// SDKs send about 20; S3 metadata of 2 KiB cannot make it more than a few dozen.
pub(super) const MAX_FIELDS: usize = 100;

/// Options of one `Connection` header; clients send one.
const MAX_CONNECTION_OPTIONS: usize = 8;

/// The lower-case form of every byte that a header name may have (a token of RFC 9110, 5.6.2); 0 for all others. A table,
/// because every byte of every name is looked up.
const NAME_BYTES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if is_token_byte(byte) {
            #[expect(clippy::indexing_slicing, reason = "a constant: out of bounds would not compile")]
            {
                table[byte as usize] = byte.to_ascii_lowercase();
            }
        }
        byte += 1;
    }
    table
};

/// What a head's field names usually need.
const USUAL_NAMES_BYTES: usize = 256;

/// The field names of a head in lower case, collected one after the other.
pub(super) struct Names(Vec<u8>);

impl Default for Names {
    fn default() -> Self {
        Self(Vec::with_capacity(USUAL_NAMES_BYTES))
    }
}

impl Names {
    /// Appends a name, in any case; returns it in lower case and where it is.
    pub(super) fn push(&mut self, name: &[u8]) -> Result<(&[u8], Range<usize>), Denial> {
        let start = self.0.len();
        let (mut is_token, mut has_underscore) = (!name.is_empty(), false);
        self.0.extend(name.iter().map(|&byte| {
            let lower = NAME_BYTES.get(usize::from(byte)).copied().unwrap_or(0);
            is_token &= lower != 0;
            has_underscore |= lower == b'_';
            lower
        }));
        let pushed = self.0.get(start..).unwrap_or_default();
        if !is_token {
            return Err(NO_TOKEN);
        }
        // Backends that speak CGI read `x_amz_acl` as `x-amz-acl`; keys of user metadata may have underscores.
        if has_underscore && !pushed.starts_with(b"x-amz-meta-") {
            return Err(Denial::MalformedHead("a header name has an underscore"));
        }
        Ok((pushed, start..start + pushed.len()))
    }

    /// All of them.
    pub(super) fn into_text(self) -> Result<String, Denial> {
        String::from_utf8(self.0).map_err(|_| NO_TOKEN)
    }
}

const NO_TOKEN: Denial = Denial::MalformedHead("a header name is not a token");

/// Checks bytes of a request target: visible characters and obs-text, no fragment, origin form.
pub(super) fn check_target(target: &[u8]) -> Result<(), Denial> {
    if target.len() > MAX_TARGET_BYTES {
        return Err(Denial::HeadTooLarge);
    }
    if target.first() != Some(&b'/') {
        return Err(Denial::MalformedHead("the request target does not begin with a slash"));
    }
    if all(target, is_plain_in_targets) {
        return Ok(());
    }
    if !all(target, |byte| byte > b' ' && byte != 0x7f && byte != b'#') {
        return Err(Denial::MalformedHead("the request target holds a character that must be percent-encoded"));
    }
    // what the HTTP library behind us cannot read it would answer by itself, without XML and without a log line
    http::uri::PathAndQuery::try_from(target)
        .map(drop)
        .map_err(|_| Denial::MalformedHead("the request target holds a character that must be percent-encoded"))
}

/// What clients send in targets: percent-encoded text and what RFC 3986 reserves. All of it passes every check, so that
/// only other targets need the slower ones.
pub(super) fn is_plain_in_targets(byte: u8) -> bool {
    // as ranges, so that the compiler can take many bytes at a time
    byte.is_ascii_alphanumeric() | matches!(byte, b'$'..=b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'_' | b'~')
}

/// True for a head of printable ASCII, tabs and CRLFs: every CR stands before an LF, every LF after a CR. No value in it can
/// fail [`check_value`], so that one look at all bytes does instead of one at each field.
pub(super) fn is_plain(head: &[u8]) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    // in pairs and not by counting: without a branch and without a sum the compiler takes many bytes at a time
    let pairs = head.iter().zip(head.get(1..).unwrap_or_default());
    let is_paired = |&byte: &u8, &next: &u8| is_plain(byte) & ((byte == b'\r') == (next == b'\n'));
    let ends = head.first() != Some(&b'\n') && head.last().is_none_or(|&last| last != b'\r' && is_plain(last));
    ends && pairs.fold(true, |so_far, (byte, next)| so_far & is_paired(byte, next))
}

/// Checks the value of a field; `name` is a token in lower case.
pub(super) fn check_value(name: &[u8], value: &[u8]) -> Result<(), Denial> {
    if !all(value, |byte| (byte >= b' ' || byte == b'\t') && byte != 0x7f) {
        return Err(Denial::MalformedHead("a header value holds a control character"));
    }
    if !value.is_ascii() && (name.starts_with(b"x-amz-") || name == b"authorization") {
        return Err(Denial::MalformedHead("an x-amz-* or authorization header is not ASCII"));
    }
    Ok(())
}

/// True when every byte passes. Looks at all of them without a branch, so that the compiler can take many at a time: every
/// byte of every head comes through here.
fn all(bytes: &[u8], passes: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |so_far, &byte| so_far & passes(byte))
}

/// Checks the fields of a head against each other.
pub(super) fn check_head(head: &RawHead) -> Result<(), Denial> {
    for (index, (name, value)) in head.fields().enumerate() {
        if is_singleton(name) && head.fields.iter().take(index).any(|earlier| head.is_named(earlier, name)) {
            return Err(Denial::DuplicateHeader(name.to_owned()));
        }
        if name == "connection" {
            check_connection(value)?;
        }
    }
    let host = head.field("host").ok_or(Denial::MalformedHead("there is no Host header"))?;
    if is_host(host) { Ok(()) } else { Err(Denial::MalformedHead("the Host header is no host name")) }
}

/// The value of `Content-Length`: digits only.
pub(super) fn parse_length(value: &[u8]) -> Result<u64, Denial> {
    const WRONG: Denial = Denial::MalformedHead("Content-Length is not a number");
    if !value.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(WRONG)
}

/// Removes spaces and tabs at both ends, and nothing else: a CR there is an attack, not white space.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    trim_end(trim_start(value))
}

/// Removes spaces and tabs at the end.
pub(super) fn trim_end(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Removes spaces and tabs at the beginning.
pub(super) fn trim_start(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    value
}

/// True for headers that must not be repeated, because two readers could pick different ones. `x-amz-*` headers are
/// singletons as a rule; user metadata may be repeated and is joined by commas.
fn is_singleton(name: &str) -> bool {
    match name.strip_prefix("x-amz-") {
        Some(rest) => !rest.starts_with("meta-"),
        None => matches!(
            name,
            "host"
                | "authorization"
                | "content-length"
                | "transfer-encoding"
                | "content-md5"
                | "content-type"
                | "date"
                | "range"
                | "expect"
        ),
    }
}

/// `Connection` may name hop-by-hop fields only. If it could name one that S3 reads, an intermediary would be told to
/// remove it after it was signed and decided on.
fn check_connection(value: &[u8]) -> Result<(), Denial> {
    for (index, option) in value.split(|&byte| byte == b',').enumerate() {
        let option = trim(option).to_ascii_lowercase();
        let names_ours = option.starts_with(b"x-amz-")
            || option.starts_with(b"x-forwarded-")
            || option == b"forwarded"
            || index >= MAX_CONNECTION_OPTIONS
            || std::str::from_utf8(&option).is_ok_and(|option| is_singleton(option) || is_passed_on(option));
        if names_ours && option != b"transfer-encoding" {
            return Err(Denial::MalformedHead("Connection names a header that belongs to the request"));
        }
    }
    Ok(())
}

/// `name`, `name:port`, `1.2.3.4`, `[v6]:port`. No user info, no path, nothing percent-encoded.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.strip_prefix(b"[") {
        Some(rest) => {
            let Some((literal, port)) = split_once(rest, b']') else { return false };
            let is_v6 = std::str::from_utf8(literal).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
            (if is_v6 { literal } else { b"" }, port)
        }
        None => {
            let end = host.iter().position(|&byte| byte == b':').unwrap_or(host.len());
            let (name, port) = host.split_at_checked(end).unwrap_or_default();
            let is_name = name.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
            (if is_name { name } else { b"" }, port)
        }
    };
    !name.is_empty() && is_port(port)
}

fn is_port(suffix: &[u8]) -> bool {
    match suffix.strip_prefix(b":") {
        Some(digits) => (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        None => suffix.is_empty(),
    }
}

fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let (before, after) = text.split_at_checked(memchr::memchr(separator, text)?)?;
    Some((before, after.get(1..)?))
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}
