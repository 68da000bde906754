//! What the headers of a copy ask for, where no backend can carry it out and OSP does.
//!
//! Source: AWS "CopyObject" (`API_CopyObject.html`) and "UploadPartCopy" (`API_UploadPartCopy.html`).

#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::OutgoingHeaders;
use super::outgoing::without_aws_chunked;
use crate::payload::ChecksumAlgorithm;
use crate::{CopyFault, Denial, Timestamp};

/// The metadata of an object that goes with a copy of it, beside `x-amz-meta-*`. A redirect of a website does not.
const METADATA: [HeaderName; 6] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::EXPIRES,
];
const SOURCE_KEY: &str = "x-amz-copy-source-server-side-encryption-customer-";
const LOCK: &str = "x-amz-object-lock-";
const KEY: &str = "x-amz-server-side-encryption-customer-";

/// The headers of one copy, each under the request that it is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyTerms {
    conditions: Conditions,
    /// First and last byte, of `UploadPartCopy`.
    range: Option<(u64, u64)>,
    /// In place of the source's.
    metadata: Option<OutgoingHeaders>,
    /// The source's tags are to be the target's.
    pub(crate) copies_tags: bool,
    /// The customer's key of the source, by the names that reads have for it.
    pub(crate) source_key: OutgoingHeaders,
    /// That of the target, which every part of an upload repeats.
    pub(crate) target_key: OutgoingHeaders,
    /// What else a new object is made with.
    object: OutgoingHeaders,
    /// Under which conditions the target is replaced.
    pub(crate) only_if: OutgoingHeaders,
    /// `x-amz-checksum-algorithm`; with a lock always one, because AWS takes no locked object without a digest.
    pub(crate) checksum: Option<ChecksumAlgorithm>,
}

/// `x-amz-copy-source-if-*`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conditions {
    matches: Option<String>,
    none_match: Option<String>,
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
}

impl CopyTerms {
    /// Sorts the headers that a backend would get for the copy (see [`super::Outgoing::build`]); `is_part` tells
    /// `UploadPartCopy` from `CopyObject`.
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`] for a condition or range that cannot be read, [`Denial::InvalidRequest`] for a range of
    /// `CopyObject`.
    pub(crate) fn read(is_part: bool, headers: OutgoingHeaders) -> Result<Self, Denial> {
        let says = |name: &str, word: &str| headers.iter().any(|(other, value)| other == name && value == word);
        let replaces_metadata = says("x-amz-metadata-directive", "REPLACE");
        let replaces_tags = says("x-amz-tagging-directive", "REPLACE");
        let mut terms = Self {
            metadata: replaces_metadata.then(OutgoingHeaders::new),
            copies_tags: !is_part && !replaces_tags,
            ..Self::default()
        };
        for (name, value) in headers {
            match name.as_str() {
                "x-amz-copy-source-range" if is_part => terms.range = Some(range(&value)?),
                "x-amz-copy-source-range" => {
                    let text = "x-amz-copy-source-range goes with a copy of a part only.";
                    return Err(Denial::InvalidRequest(text.to_owned()));
                }
                condition if condition.starts_with("x-amz-copy-source-if-") => {
                    terms.conditions.read(condition, &value)?;
                }
                key if key.starts_with(SOURCE_KEY) => {
                    let renamed = HeaderName::from_bytes(
                        [KEY, key.get(SOURCE_KEY.len()..).unwrap_or_default()].concat().as_bytes(),
                    );
                    let renamed = renamed.map_err(|_| Denial::Internal("a header could not be renamed"))?;
                    terms.source_key.push((renamed, value));
                }
                key if key.starts_with(KEY) => terms.target_key.push((name, value)),
                _ if is_part => {}
                "if-match" | "if-none-match" => terms.only_if.push((name, value)),
                "x-amz-tagging" if !replaces_tags => {}
                "x-amz-checksum-algorithm" => {
                    let algorithm = ChecksumAlgorithm::named(value.to_str().unwrap_or_default())?;
                    terms.checksum = Some(algorithm);
                }
                _ if is_metadata(&name) => {
                    if let Some(metadata) = &mut terms.metadata {
                        metadata.push((name, value));
                    }
                }
                other if goes_with_object(other) => terms.object.push((name, value)),
                // of the copy itself (directives, the source, which has its own request) or of this connection
                _ => {}
            }
        }
        if terms.object.iter().any(|(name, _)| name.as_str().starts_with(LOCK)) {
            terms.checksum = terms.checksum.or(Some(ChecksumAlgorithm::Crc32));
        }
        Ok(terms)
    }

    /// Looks whether a source is as the copy wants it. A source without what is asked about does not meet the condition.
    ///
    /// # Errors
    /// [`CopyFault::Condition`].
    pub(crate) fn check(&self, source: &HeaderMap) -> Result<(), Denial> {
        let Conditions { matches, none_match, modified_since, unmodified_since } = &self.conditions;
        let text = |name: HeaderName| source.get(name).and_then(|value| value.to_str().ok());
        let etag = text(header::ETAG);
        let modified = text(header::LAST_MODIFIED).and_then(Timestamp::parse_http);
        let demand = |holds: bool, name| -> Result<(), Denial> {
            if holds { Ok(()) } else { Err(CopyFault::Condition(name).into()) }
        };
        // a tag that matches outweighs a date, and so does one that does not where it must not (AWS, and RFC 9110 13.2.2)
        match (matches, unmodified_since) {
            (Some(tags), _) => demand(names(tags, etag), "x-amz-copy-source-if-match")?,
            (None, Some(since)) => {
                demand(modified.is_some_and(|at| at <= *since), "x-amz-copy-source-if-unmodified-since")?;
            }
            (None, None) => {}
        }
        match (none_match, modified_since) {
            (Some(tags), _) => demand(etag.is_some() && !names(tags, etag), "x-amz-copy-source-if-none-match"),
            (None, Some(since)) => {
                demand(modified.is_some_and(|at| at > *since), "x-amz-copy-source-if-modified-since")
            }
            (None, None) => Ok(()),
        }
    }

    /// First byte and number of bytes of a source of `size` bytes that are copied.
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`] for a range that ends behind the source.
    pub(crate) fn extent(&self, size: u64) -> Result<(u64, u64), Denial> {
        match self.range {
            None => Ok((0, size)),
            Some((first, last)) if last < size => Ok((first, last - first + 1)),
            Some(_) => {
                let text = format!("Range specified is not valid for source object of size: {size}");
                Err(Denial::InvalidArgument(text))
            }
        }
    }

    /// True when only a part of the source was asked for.
    pub(crate) const fn has_range(&self) -> bool {
        self.range.is_some()
    }

    /// What the new object is made with: what the request says of it, and the metadata of the request or of the source.
    pub(crate) fn of_object(&self, source: &HeaderMap) -> OutgoingHeaders {
        let mut headers = self.object.clone();
        headers.extend(self.target_key.iter().cloned());
        match &self.metadata {
            Some(metadata) => headers.extend(metadata.iter().cloned()),
            None => headers.extend(metadata_of(source)),
        }
        headers
    }
}

impl Conditions {
    fn read(&mut self, name: &str, value: &HeaderValue) -> Result<(), Denial> {
        let unreadable = || Denial::InvalidArgument(format!("The value of {name} cannot be read."));
        let text = value.to_str().map_err(|_| unreadable())?;
        let date = || Timestamp::parse_http(text.trim()).ok_or_else(unreadable);
        match name {
            "x-amz-copy-source-if-match" => self.matches = Some(text.to_owned()),
            "x-amz-copy-source-if-none-match" => self.none_match = Some(text.to_owned()),
            "x-amz-copy-source-if-modified-since" => self.modified_since = Some(date()?),
            "x-amz-copy-source-if-unmodified-since" => self.unmodified_since = Some(date()?),
            // the classifier knows no other
            _ => return Err(Denial::NotImplemented(format!("the header {name}"))),
        }
        Ok(())
    }
}

/// True when a list of entity tags has this one in it. Clients leave out quotes; a weak tag vouches for no bytes.
fn names(tags: &str, etag: Option<&str>) -> bool {
    let bare = |tag: &str| tag.trim().trim_matches('"').to_owned();
    let Some(etag) = etag.filter(|etag| !etag.starts_with("W/")) else { return false };
    tags.trim() == "*" || tags.split(',').any(|tag| bare(tag) == bare(etag))
}

/// `bytes=first-last`, both of them.
fn range(value: &HeaderValue) -> Result<(u64, u64), Denial> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number)
    };
    let read = || {
        let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
        Some((number(first)?, number(last)?)).filter(|(first, last)| first <= last && *last < u64::MAX)
    };
    read().ok_or_else(|| {
        Denial::InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy"
                .to_owned(),
        )
    })
}

fn is_metadata(name: &HeaderName) -> bool {
    METADATA.contains(name) || name.as_str().starts_with("x-amz-meta-")
}

/// What a new object is made with beside its metadata: storage class, encryption, tags, access control list, lock.
fn goes_with_object(name: &str) -> bool {
    let prefixes = ["x-amz-grant-", LOCK, "x-amz-server-side-encryption"];
    matches!(name, "x-amz-acl" | "x-amz-storage-class" | "x-amz-tagging")
        || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The metadata that a backend told with an object.
fn metadata_of(source: &HeaderMap) -> OutgoingHeaders {
    let told = source.iter().filter(|(name, _)| is_metadata(name));
    let kept = told.filter_map(|(name, value)| match *name {
        // how it once came is nothing of the object, although some servers keep that
        header::CONTENT_ENCODING => {
            let rest = without_aws_chunked(value.as_bytes())?;
            Some((name.clone(), HeaderValue::from_bytes(&rest).ok()?))
        }
        _ => Some((name.clone(), value.clone())),
    });
    kept.collect()
}
