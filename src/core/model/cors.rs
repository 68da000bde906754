//! Cross-origin rules of a route (`spec.cors`), with the meaning of AWS's `CORSRule` (`API_CORSRule.html`, "Using
//! cross-origin resource sharing (CORS)"): of the rules of a route the first one that matches decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;

use crate::s3::RawHead;

/// Most names of `Access-Control-Request-Headers` that are looked at: browsers send a dozen, and nobody has signed yet.
const MAX_REQUESTED_HEADERS: usize = 100;

/// The rules of one route, in their order; none = no page of another origin may read an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors(Arc<[CorsRule]>);

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRule {
    /// `allowedOrigins`, at least one: compared with `Origin` byte for byte.
    pub origins: Vec<Wildcard>,
    /// `allowedMethods`, at least one.
    pub methods: BTreeSet<CorsMethod>,
    /// `allowedHeaders` in lower case: each header that a preflight asks for must match one of them.
    pub headers: Vec<Wildcard>,
    /// `exposeHeaders`: headers of answers that scripts may read.
    pub exposed: Vec<String>,
    /// `maxAgeSeconds`: how long a browser may keep the answer to a preflight.
    pub max_age_seconds: Option<u32>,
}

/// A text with at most one `*`, which stands for any text, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcard {
    start: String,
    /// What follows the `*`; `None` = there is none.
    end: Option<String>,
}

/// Methods that rules can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CorsMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `PUT`
    Put,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
}

/// What a browser asks of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsRequest {
    /// `Origin`: scheme, host and port of the page, or `null`.
    pub origin: String,
    /// The method of the request itself, not of its preflight.
    pub method: CorsMethod,
    /// Names of headers that the preflight asks for, in lower case; empty in the request itself.
    pub headers: Vec<String>,
}

/// A yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsGrant {
    /// The rule allows every origin: `Access-Control-Allow-Origin: *`, and no credentials of the browser.
    pub any_origin: bool,
    /// `Access-Control-Allow-Methods`.
    pub methods: BTreeSet<CorsMethod>,
    /// `Access-Control-Expose-Headers`.
    pub exposed: Vec<String>,
    /// `Access-Control-Max-Age`.
    pub max_age_seconds: Option<u32>,
}

impl Wildcard {
    /// `None` for a text with more than one `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (start, end) = match text.split_once('*') {
            Some((start, end)) => (start, Some(end.to_owned())),
            None => (text, None),
        };
        let has_more = end.as_ref().is_some_and(|end| end.contains('*'));
        (!has_more).then(|| Self { start: start.to_owned(), end })
    }

    /// True for texts that it stands for.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.end {
            Some(end) => text.strip_prefix(self.start.as_str()).is_some_and(|rest| rest.ends_with(end.as_str())),
            None => text == self.start,
        }
    }

    /// True for `*` alone.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.start.is_empty() && self.end.as_deref() == Some("")
    }

    /// What stands before and after the `*`; nothing after it is not the same as no `*`.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        (&self.start, self.end.as_deref())
    }
}

impl CorsMethod {
    /// Every one.
    pub const EVERY: [Self; 5] = [Self::Get, Self::Head, Self::Put, Self::Post, Self::Delete];

    /// As in HTTP and in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// `None` for what no rule can name. Methods are case-sensitive (RFC 9110, section 9.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|method| method.word() == text)
    }

    /// The same of a request.
    #[must_use]
    pub fn of(method: &Method) -> Option<Self> {
        Self::parse(method.as_str())
    }
}

impl CorsRequest {
    /// What the head of a request asks for, whatever else it is; `None` when no page of another origin sent it.
    #[must_use]
    pub fn of_request(head: &RawHead) -> Option<Self> {
        // nearly all requests end here
        head.field("origin")?;
        let origin = only(head, "origin")?.to_owned();
        Some(Self { origin, method: CorsMethod::of(head.method())?, headers: Vec::new() })
    }

    /// What a preflight asks for; `None` when it is none: no origin, no method that rules can name, or headers that cannot
    /// be read (Fetch standard, "CORS-preflight fetch").
    #[must_use]
    pub fn of_preflight(head: &RawHead) -> Option<Self> {
        let origin = only(head, "origin")?.to_owned();
        let method = CorsMethod::parse(only(head, "access-control-request-method")?)?;
        let lines = head.fields().filter(|(name, _)| *name == "access-control-request-headers");
        let mut headers = Vec::new();
        for (_, line) in lines {
            let names = std::str::from_utf8(line).ok()?.split(',').map(str::trim).filter(|name| !name.is_empty());
            headers.extend(names.take(MAX_REQUESTED_HEADERS + 1).map(str::to_ascii_lowercase));
            if headers.len() > MAX_REQUESTED_HEADERS {
                return None;
            }
        }
        // they are repeated in the answer
        let is_name = |name: &String| http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        headers.iter().all(is_name).then_some(Self { origin, method, headers })
    }
}

/// The value of a field that stands there once, and in ASCII that can be shown.
fn only<'a>(head: &'a RawHead, name: &str) -> Option<&'a str> {
    let mut lines = head.fields().filter(|(field, _)| *field == name);
    let (Some((_, value)), None) = (lines.next(), lines.next()) else { return None };
    let is_shown = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(value).ok().filter(|_| is_shown)
}

impl From<Vec<CorsRule>> for Cors {
    fn from(rules: Vec<CorsRule>) -> Self {
        Self(rules.into())
    }
}

impl Cors {
    /// True when there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &[CorsRule] {
        &self.0
    }

    /// What the first rule that matches grants; `None` when none does.
    #[must_use]
    pub fn grant(&self, asked: &CorsRequest) -> Option<CorsGrant> {
        self.0.iter().find_map(|rule| rule.grant(asked))
    }
}

impl CorsRule {
    fn grant(&self, asked: &CorsRequest) -> Option<CorsGrant> {
        let origin = self.origins.iter().find(|origin| origin.matches(&asked.origin))?;
        let covers = |header: &String| self.headers.iter().any(|allowed| allowed.matches(header));
        (self.methods.contains(&asked.method) && asked.headers.iter().all(covers)).then(|| CorsGrant {
            any_origin: origin.is_any(),
            methods: self.methods.clone(),
            exposed: self.exposed.clone(),
            max_age_seconds: self.max_age_seconds,
        })
    }
}

impl CorsGrant {
    /// What both grant, where nobody can know yet whose rules count.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let knows = |name: &String| other.exposed.iter().any(|one| one.eq_ignore_ascii_case(name));
        Self {
            any_origin: self.any_origin && other.any_origin,
            methods: &self.methods & &other.methods,
            exposed: self.exposed.into_iter().filter(knows).collect(),
            max_age_seconds: self.max_age_seconds.zip(other.max_age_seconds).map(|(one, two)| one.min(two)),
        }
    }
}

#[cfg(test)]
mod tests;
