//! Ids and tokens of an answer on their way to the client: each is wrapped with a name, which may come after it. What is
//! wrapped is base64url, so nothing of it needs escaping.

use super::ResponseNames;
use crate::s3::token::{Position, open_page, seal_page, seal_upload};
use crate::s3::xml::{Broken, unescape};

/// What of a document the ids and tokens in it are wrapped with.
#[derive(Debug, Default)]
pub struct Wrapping {
    /// The greatest name of the page so far: keys and common prefixes come in two lists.
    last: Option<Position>,
    /// Where the next page of uploads begins, in the client's names.
    next_key: Option<String>,
}

impl Wrapping {
    /// An entry has been shown. `position` is of no more use to the caller, but its memory may be.
    pub fn shown(&mut self, position: &mut Position) {
        match &mut self.last {
            Some(last) if *last >= *position => {}
            Some(last) => std::mem::swap(last, position),
            None => self.last = Some(std::mem::take(position)),
        }
    }

    /// The next page of uploads begins after one of this key.
    pub fn begins_at(&mut self, key: Option<String>) {
        self.next_key = key;
    }

    /// True when the upload after which the next page begins can be wrapped.
    pub const fn knows_next_key(&self) -> bool {
        self.next_key.is_some()
    }

    /// The token of the next page. A page of which nothing is shown leaves the client where it was.
    pub fn next_token(&self, names: &ResponseNames, raw: &str) -> Result<String, Broken> {
        let prefix = names.query.get("prefix").unwrap_or_default();
        let earlier = || {
            let token = names.query.get("continuation-token");
            let page = token.and_then(|token| open_page(&names.mapping, prefix, token).ok());
            page.and_then(|page| page.after).or_else(|| names.query.get("start-after").map(Position::key))
        };
        let after = self.last.clone().or_else(earlier);
        seal_page(&names.mapping, prefix, &unescape(raw)?, after.as_ref()).ok_or(Broken)
    }

    /// The upload after which the next page begins; `None` when its key is none of the client's.
    pub fn next_upload(&self, names: &ResponseNames, raw: &str) -> Result<Option<String>, Broken> {
        self.next_key.as_deref().map(|key| upload(names, key, raw)).transpose()
    }
}

/// The id of an upload of this key, which is the client's.
pub fn upload(names: &ResponseNames, key: &str, raw: &str) -> Result<String, Broken> {
    seal_upload(&names.mapping, key, &unescape(raw)?).ok_or(Broken)
}
