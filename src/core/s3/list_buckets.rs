//! Answers that OSP makes itself: `ListBuckets` and `GetBucketLocation`; and what backends say of their buckets, which goes
//! into the former where routes are of patterns.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::xml::{Broken, DECLARATION, ElementName, Item, NAMESPACE, Scanner, element, unescape};
use super::{BucketName, Query};
use crate::{Denial, Timestamp};

/// Largest and default `max-buckets`.
const MAX_BUCKETS: usize = 10_000;
/// Begins what is inside a continuation token; the last name of the page follows. Tokens are no secret and grant
/// nothing: they say where to go on among the names that the caller may see anyway.
const TOKEN_MARK: &str = "osp-buckets-1/";
/// Id and display name of every bucket's owner.
const OWNER: &str = "osp";

/// Most buckets of one page of a backend's.
const MAX_TOLD: usize = 10_000;
/// Longest token of a backend's, in bytes: AWS promises at most 1,024.
const MAX_TOLD_TOKEN: usize = 1024;

/// A bucket in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedBucket {
    /// The client's name.
    pub name: BucketName,
    /// When its backend says that it was made.
    pub created: Option<Timestamp>,
}

impl From<BucketName> for ListedBucket {
    fn from(name: BucketName) -> Self {
        Self { name, created: None }
    }
}

/// One page of a backend's own `ListBuckets`, in its names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldBuckets {
    /// Names, and when they were made.
    pub buckets: Vec<(String, Option<Timestamp>)>,
    /// There are more: where they begin.
    pub continuation_token: Option<String>,
}

impl ToldBuckets {
    /// Reads a backend's `<ListAllMyBucketsResult>`.
    ///
    /// Source: AWS "ListBuckets" (`API_ListBuckets.html`).
    ///
    /// # Errors
    /// [`Denial::UpstreamMisbehaved`] for any other document, or one with more than 10,000 buckets.
    pub fn parse(body: &[u8]) -> Result<Self, Denial> {
        let mut told = Self::default();
        let (mut name, mut created, mut text) = (None, None, String::new());
        let read = Scanner::read(body, &mut |path, item| {
            let mut levels = path.iter().map(ElementName::local);
            let names = [(); 4].map(|()| levels.next().unwrap_or_default());
            match (names, item) {
                (["ListAllMyBucketsResult", ..], Item::Open { .. }) => text.clear(),
                (_, Item::Open { .. }) => return Err(Broken),
                ([_, "ContinuationToken", "", _] | [_, "Buckets", "Bucket", _], Item::Text(raw)) => {
                    text.push_str(&unescape(raw)?);
                }
                ([_, "Buckets", "Bucket", "Name"], Item::Close { .. }) => name = Some(std::mem::take(&mut text)),
                ([_, "Buckets", "Bucket", "CreationDate"], Item::Close { .. }) => created = whole_seconds(&text),
                ([_, "Buckets", "Bucket", ""], Item::Close { .. }) => {
                    let name = name.take().filter(|_| told.buckets.len() < MAX_TOLD).ok_or(Broken)?;
                    told.buckets.push((name, created.take()));
                }
                ([_, "ContinuationToken", "", _], Item::Close { .. }) => {
                    let token = std::mem::take(&mut text);
                    told.continuation_token = Some(token).filter(|token| !token.is_empty());
                }
                _ => {}
            }
            Ok(())
        });
        let is_short = told.continuation_token.as_ref().is_none_or(|token| token.len() <= MAX_TOLD_TOKEN);
        read.ok().filter(|()| is_short).map(|()| told).ok_or(Denial::UpstreamMisbehaved)
    }
}

/// S3 writes milliseconds, some servers microseconds.
fn whole_seconds(text: &str) -> Option<Timestamp> {
    let (seconds, rest) = text.trim_ascii().split_at_checked(19)?;
    rest.ends_with('Z').then(|| Timestamp::parse_rfc3339(&format!("{seconds}Z"))).flatten()
}

/// One page of `ListBuckets`: `prefix`, `max-buckets` (1..=10,000) and `continuation-token` are honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListBucketsPage {
    /// Sorted by name.
    pub buckets: Vec<ListedBucket>,
    /// Present when more follow.
    pub continuation_token: Option<String>,
    /// Echo of the request's prefix.
    pub prefix: Option<String>,
}

impl ListBucketsPage {
    /// Cuts the page that `query` asks for out of `visible`, which is sorted. Without `max-buckets` a page has at most
    /// 10,000 names.
    ///
    /// Source: AWS "ListBuckets" (`API_ListBuckets.html`).
    ///
    /// # Errors
    /// [`Denial::InvalidArgument`] for `max-buckets` outside its range or a foreign token.
    pub fn cut(visible: &[ListedBucket], query: &Query) -> Result<Self, Denial> {
        let limit = query.get("max-buckets").map_or(Ok(MAX_BUCKETS), parse_limit)?;
        let after = query.get("continuation-token").map(parse_token).transpose()?;
        let prefix = query.get("prefix");
        let mut rest = visible
            .iter()
            .filter(|bucket| prefix.is_none_or(|prefix| bucket.name.as_str().starts_with(prefix)))
            .filter(|bucket| after.as_ref().is_none_or(|after| bucket.name > *after));
        let buckets: Vec<ListedBucket> = rest.by_ref().take(limit).cloned().collect();
        let last = buckets.last().filter(|_| rest.next().is_some());
        let continuation_token = last.map(|last| URL_SAFE_NO_PAD.encode(format!("{TOKEN_MARK}{}", last.name)));
        Ok(Self { buckets, continuation_token, prefix: prefix.map(str::to_owned) })
    }
}

fn parse_limit(text: &str) -> Result<usize, Denial> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = digits.then(|| text.parse().ok()).flatten();
    limit
        .filter(|limit| (1..=MAX_BUCKETS).contains(limit))
        .ok_or_else(|| Denial::InvalidArgument("max-buckets must be an integer between 1 and 10000".to_owned()))
}

fn parse_token(token: &str) -> Result<BucketName, Denial> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let name = text.as_deref().and_then(|text| text.strip_prefix(TOKEN_MARK));
    name.and_then(|name| BucketName::parse(name).ok())
        .ok_or_else(|| Denial::InvalidArgument("The continuation token provided is incorrect".to_owned()))
}

/// `<ListAllMyBucketsResult>`: buckets of which no backend tells have the same stable `created` date; owner `osp`, region
/// `region`.
#[must_use]
pub fn list_buckets_xml(page: &ListBucketsPage, created: Timestamp, region: &str) -> Vec<u8> {
    let mut body = format!("{DECLARATION}<ListAllMyBucketsResult xmlns=\"{NAMESPACE}\"><Owner>").into_bytes();
    element("ID", OWNER, &mut body);
    element("DisplayName", OWNER, &mut body);
    body.extend_from_slice(b"</Owner><Buckets>");
    for bucket in &page.buckets {
        body.extend_from_slice(b"<Bucket>");
        element("Name", bucket.name.as_str(), &mut body);
        element("CreationDate", &bucket.created.unwrap_or(created).iso8601(), &mut body);
        element("BucketRegion", region, &mut body);
        body.extend_from_slice(b"</Bucket>");
    }
    body.extend_from_slice(b"</Buckets>");
    for (name, text) in [("ContinuationToken", &page.continuation_token), ("Prefix", &page.prefix)] {
        if let Some(text) = text {
            element(name, text, &mut body);
        }
    }
    body.extend_from_slice(b"</ListAllMyBucketsResult>");
    body
}

/// `<LocationConstraint>`; empty for `us-east-1`.
#[must_use]
pub fn location_xml(region: &str) -> Vec<u8> {
    let mut body = DECLARATION.to_owned().into_bytes();
    if region == "us-east-1" {
        body.extend_from_slice(format!("<LocationConstraint xmlns=\"{NAMESPACE}\"/>").as_bytes());
    } else {
        let mut text = String::new();
        super::xml::escape(region, &mut text);
        let whole = format!("<LocationConstraint xmlns=\"{NAMESPACE}\">{text}</LocationConstraint>");
        body.extend_from_slice(whole.as_bytes());
    }
    body
}

#[cfg(test)]
mod tests;
