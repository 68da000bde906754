//! Upload ids and list tokens, as clients see them: wrapped (s3-protocol.md 3.1, 3.2, 11).
//!
//! Both are words of a backend. `SeaweedFS` and Ceph put the backend's last key into a token, prefix and all, and base64
//! hides nothing; `MinIO` puts the id of its installation into an upload id. Both also mean something to one backend only.
//! So clients get a word of OSP's, which tells every replica at which backend to go on.
//!
//! **What a client gains by one.** Nothing that it could not have without: S3 authorises every request by the bucket and
//! key, or prefix, that the request names, and so does OSP, before a word is opened. What a word must not do is
//! * *tell* what backends say: their part is encrypted;
//! * *lead* somewhere: it has no address in it. A backend of the route is asked if it is one of those whose key opens the
//!   word, and no other can be;
//! * *work elsewhere*: the client's bucket, the route, the backend and the use are part of the key or authenticated, and so
//!   is the key of an upload (D06: some backends do not look whose upload it is) and the prefix of a listing. A word of
//!   another alias of the same backend's bucket does not open.
//!
//! **The key.** Replicas share no state but their documents, and whatever of those is a secret is rotated: uploads last for
//! days and must outlive that. So the key is derived from what the word hides and what does not change while it is good:
//! route, backend, endpoint, bucket and prefix there. Whoever can compute it knows the names already; without all of them a
//! word neither opens nor can be made; somebody who guesses all of them at once can see that the guess was right. It is no
//! proof of who made the word, and nothing relies on one: a made-up word names an upload that the backend would have to have
//! for exactly this key, in a request that is authorised for this key.
//! One id has one wrapped form, so that an upload is found in a list by the id that it was begun with.
//!
//! **The check** in front is a plain hash. It tells words of OSP for this use from anything else, so that nonsense is called
//! nonsense and is never taken for the word of a backend that has left.
//!
//! Base64url of: version, 1 byte; check, 8 bytes; of an upload the sealed id; of a list the position (kind, 1 byte; length
//! in bytes, 2; text) and the sealed token. Sealing adds 28 bytes: AWS's ids of about 140 bytes become about 240.

mod seal;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use self::seal::{Seal, pieces};
use super::Mapping;
use super::key::MAX_KEY_BYTES;
use crate::Denial;

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;
const UPLOAD: &[u8] = b"upload";
const PAGE: &[u8] = b"page";

/// Why an upload id does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// OSP has never made it for this bucket and key.
    Foreign,
    /// It belongs to another backend, route or place there.
    Elsewhere,
}

/// Where a listing has got to, in the client's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// A key or common prefix.
    pub text: String,
    /// All keys that begin with it are done.
    pub is_prefix: bool,
}

/// What a list token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The backend's own token, if it is this backend's.
    pub token: Option<String>,
    /// The last name that was shown; `None` when none was.
    pub after: Option<Position>,
}

/// Wraps the id that the backend of `mapping` gave to an upload of the client's `key`. `None` only if it cannot be sealed:
/// no id is that long.
#[must_use]
pub fn seal_upload(mapping: &Mapping, key: &str, id: &str) -> Option<String> {
    let sealed = Seal::of(mapping)?.close(&pieces(&[UPLOAD, key.as_bytes()]), id.as_bytes())?;
    Some(wrap(&[UPLOAD, mapping.client_bucket.as_str().as_bytes(), key.as_bytes()], &sealed))
}

/// The backend's id of an upload.
///
/// # Errors
/// [`Unopened`].
pub fn open_upload(mapping: &Mapping, key: &str, id: &str) -> Result<String, Unopened> {
    let used_for = [UPLOAD, mapping.client_bucket.as_str().as_bytes(), key.as_bytes()];
    let sealed = unwrap(&used_for, id).ok_or(Unopened::Foreign)?;
    let opened = Seal::of(mapping).and_then(|seal| seal.open(&pieces(&[UPLOAD, key.as_bytes()]), &sealed));
    opened.and_then(|id| String::from_utf8(id).ok()).ok_or(Unopened::Elsewhere)
}

/// Wraps the token of the backend of `mapping` for the next page of a listing of `prefix`, in the client's names. `None`
/// only if it cannot be sealed.
#[must_use]
pub fn seal_page(mapping: &Mapping, prefix: &str, token: &str, after: Option<&Position>) -> Option<String> {
    let position = position_bytes(after)?;
    let sealed = Seal::of(mapping)?.close(&pieces(&[PAGE, prefix.as_bytes(), &position]), token.as_bytes())?;
    Some(wrap(&page_of(mapping, prefix), &[position, sealed].concat()))
}

/// What a token says to the backend of `mapping`.
///
/// # Errors
/// [`Denial::InvalidArgument`] for anything but a token of OSP's for this bucket and prefix.
pub fn open_page(mapping: &Mapping, prefix: &str, token: &str) -> Result<Page, Denial> {
    let incorrect = || Denial::InvalidArgument("The continuation token provided is incorrect".to_owned());
    let body = unwrap(&page_of(mapping, prefix), token).ok_or_else(incorrect)?;
    let (position, after, sealed) = read_position(&body).ok_or_else(incorrect)?;
    let opened = Seal::of(mapping).and_then(|seal| seal.open(&pieces(&[PAGE, prefix.as_bytes(), position]), sealed));
    Ok(Page { token: opened.and_then(|token| String::from_utf8(token).ok()), after })
}

impl Position {
    /// After this key.
    #[must_use]
    pub fn key(text: &str) -> Self {
        Self { text: text.to_owned(), is_prefix: false }
    }

    /// `start-after` for a backend that has no token for it. Of a common prefix, no key sorts behind the greatest
    /// character: some backends would show the prefix again, because its keys are greater than itself.
    #[must_use]
    pub fn start_after(&self) -> Cow<'_, str> {
        if self.is_prefix && self.text.len() + char::MAX.len_utf8() <= MAX_KEY_BYTES {
            Cow::Owned(format!("{}{}", self.text, char::MAX))
        } else {
            Cow::Borrowed(&self.text)
        }
    }
}

fn page_of<'a>(mapping: &'a Mapping, prefix: &'a str) -> [&'a [u8]; 3] {
    [PAGE, mapping.client_bucket.as_str().as_bytes(), prefix.as_bytes()]
}

fn position_bytes(after: Option<&Position>) -> Option<Vec<u8>> {
    let (kind, text) = after.map_or((0, ""), |after| (if after.is_prefix { 2 } else { 1 }, after.text.as_str()));
    let length = u16::try_from(text.len()).ok()?;
    Some([&[kind][..], &length.to_be_bytes(), text.as_bytes()].concat())
}

/// The bytes of a position, what they say, and what follows them.
fn read_position(body: &[u8]) -> Option<(&[u8], Option<Position>, &[u8])> {
    let [kind, high, low, rest @ ..] = body else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (text, sealed) = rest.split_at_checked(length)?;
    let text = std::str::from_utf8(text).ok()?.to_owned();
    let after = match kind {
        0 if text.is_empty() => None,
        1 => Some(Position { text, is_prefix: false }),
        2 => Some(Position { text, is_prefix: true }),
        _ => return None,
    };
    Some((body.get(..3 + length)?, after, sealed))
}

fn check(used_for: &[&[u8]; 3], body: &[u8]) -> [u8; CHECK_BYTES] {
    let [kind, bucket, name] = *used_for;
    let hash = digest(&SHA256, &pieces(&[kind, bucket, name, body]));
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

fn wrap(used_for: &[&[u8]; 3], body: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&[VERSION][..], &check(used_for, body), body].concat())
}

/// The body of what was wrapped for exactly this.
fn unwrap(used_for: &[&[u8]; 3], text: &str) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let [VERSION, rest @ ..] = bytes.as_slice() else { return None };
    let (found, body) = rest.split_first_chunk::<CHECK_BYTES>()?;
    if *found != check(used_for, body) {
        return None;
    }
    Some(bytes.split_off(1 + CHECK_BYTES))
}

#[cfg(test)]
mod tests;
