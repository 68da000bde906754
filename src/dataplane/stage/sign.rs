//! The backend request, regenerated from the permit and signed with credentials that only OSP holds. Takes the evidence:
//! without a permit nothing can be signed.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use osp_core::access::Permit;
use osp_core::model::BackendCredential;
use osp_core::payload::Announcement;
use osp_core::s3::XmlDocument;
use osp_core::sigv4::{CanonicalRequest, Scope, canonical_value, join_values, replace_by_string_to_sign};
use osp_core::{Denial, Timestamp};
use pingora_http::RequestHeader;

use crate::signing_keys::SigningKeys;

/// SHA-256 of nothing.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// How the body of a backend request is announced.
#[derive(Debug)]
pub struct Body {
    /// `None` sends no `Content-Length`: for methods without a body.
    pub content_length: Option<u64>,
    /// Value of `x-amz-content-sha256`.
    pub sha256: Cow<'static, str>,
    /// Checksum and framing headers, each name once and in place of the client's, signed where they are `x-amz-*`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Add `aws-chunked` to `content-encoding`.
    pub aws_chunked: bool,
}

impl Body {
    /// The body that the client sends, as its gate releases it.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        if !permit.operation().takes_body() {
            return Self::empty(permit);
        }
        permit.announcement().into()
    }

    /// No body.
    #[must_use]
    pub fn empty(permit: &Permit) -> Self {
        let method = &permit.outgoing().method;
        let content_length = (method == http::Method::PUT || method == http::Method::POST).then_some(0);
        Self { content_length, sha256: EMPTY_SHA256.into(), headers: Vec::new(), aws_chunked: false }
    }
}

impl From<Announcement> for Body {
    fn from(announced: Announcement) -> Self {
        let Announcement { content_length, content_sha256, headers, aws_chunked } = announced;
        Self { content_length: Some(content_length), sha256: content_sha256.into(), headers, aws_chunked }
    }
}

/// Builds and signs the head of the backend request, for every attempt anew: a fresh date (RS-3).
///
/// # Errors
/// [`Denial::Internal`] when a value cannot be written as a header: a bug, since all were validated.
pub fn regenerate(permit: &Permit, body: Body, keys: &SigningKeys, now: Timestamp) -> Result<RequestHeader, Denial> {
    let outgoing = permit.outgoing();
    let mut target = String::with_capacity(outgoing.path.len() + outgoing.query.len() + 1);
    target.push_str(&outgoing.path);
    if !outgoing.query.is_empty() {
        target.push('?');
        target.push_str(&outgoing.query);
    }
    let count = outgoing.headers.len() + body.headers.len() + 6;
    let mut headers = HeaderMap::with_capacity(count);
    let authority = permit.endpoint().authority(outgoing.bucket_label.as_deref());
    headers.insert(header::HOST, value(authority)?);
    // what is rewritten must come plain
    let rewritten = XmlDocument::of(permit.operation()).is_some();
    let passed = outgoing.headers.iter().filter(|(name, _)| !(rewritten && name == header::ACCEPT_ENCODING));
    for (name, value) in passed {
        headers.append(name.clone(), value.clone());
    }
    // OSP's own word where it writes the body: beside the client's, servers would read two values of what is one
    for (name, value) in &body.headers {
        headers.insert(name.clone(), value.clone());
    }
    if body.aws_chunked {
        let mut encoding = "aws-chunked".to_owned();
        for rest in headers.get_all(header::CONTENT_ENCODING) {
            encoding.push(',');
            encoding.push_str(rest.to_str().map_err(|_| BUG)?);
        }
        headers.insert(header::CONTENT_ENCODING, value(encoding)?);
    }
    if let Some(length) = body.content_length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    sign(&mut headers, permit, &body.sha256, keys, now)?;
    // from finished parts: pingora's setters read every name anew
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = outgoing.method.clone();
    parts.uri = PathAndQuery::try_from(target).map_err(|_| BUG)?.into();
    parts.headers = headers;
    Ok(parts.into())
}

const BUG: Denial = Denial::Internal("a backend request could not be written");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

fn sign(
    headers: &mut HeaderMap,
    permit: &Permit,
    sha256: &str,
    keys: &SigningKeys,
    now: Timestamp,
) -> Result<(), Denial> {
    let upstream = permit.upstream();
    let BackendCredential::Keys { access_key, secret, session_token } = &*upstream.credential else {
        return Ok(());
    };
    let moment = now.amz();
    headers.insert(X_AMZ_CONTENT_SHA256, value(sha256.to_owned())?);
    headers.insert(X_AMZ_DATE, value(moment.clone())?);
    if let Some(token) = session_token {
        #[expect(clippy::disallowed_methods, reason = "the token goes into its header")]
        let mut token = token.with_exposed(|token| value(token.to_owned()))?;
        token.set_sensitive(true);
        headers.insert(X_AMZ_SECURITY_TOKEN, token);
    }
    let day = moment.get(..8).unwrap_or_default();
    let key = keys.key(permit.pool_group(), (&upstream.credential, secret), (day, permit.region()));
    let (names, mut text) = canonical(headers, permit, sha256);
    replace_by_string_to_sign(&mut text, moment.as_bytes(), &key.scope);
    let signature = key.sign(&text);
    let Scope { date, region, service } = &key.scope;
    // in pieces: `format!` costs five times as much
    let authorization = [
        "AWS4-HMAC-SHA256 Credential=",
        access_key.as_str(),
        "/",
        date,
        "/",
        region,
        "/",
        service,
        "/aws4_request, SignedHeaders=",
        &names,
        ", Signature=",
        &signature,
    ];
    headers.insert(header::AUTHORIZATION, value(authorization.concat())?);
    Ok(())
}

/// The signed header names and the canonical request. Signed are `host`, every `x-amz-*`, `content-type` and
/// `content-md5`: nothing that an intermediary may touch (RS-1).
fn canonical(headers: &HeaderMap, permit: &Permit, sha256: &str) -> (String, Vec<u8>) {
    let is_signed = |name: &str| name.starts_with("x-amz-") || matches!(name, "host" | "content-type" | "content-md5");
    let mut signed: Vec<(&str, Cow<'_, [u8]>)> = Vec::with_capacity(headers.len());
    let named = headers.iter().map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| is_signed(name));
    signed.extend(named.map(|(name, value)| (name, canonical_value(value.as_bytes()))));
    // stable: the values of one name keep their order
    signed.sort_by_key(|(name, _)| *name);
    signed.dedup_by(|next, first| {
        let repeated = next.0 == first.0;
        if repeated {
            join_values(&mut first.1, &next.1);
        }
        repeated
    });
    let outgoing = permit.outgoing();
    let request = CanonicalRequest {
        method: outgoing.method.as_str(),
        uri: &outgoing.path,
        query: &outgoing.query,
        headers: &signed,
        payload: sha256,
    };
    let mut canonical = Vec::with_capacity(1024);
    request.render(&mut canonical);
    (request.signed_headers(), canonical)
}

fn value(text: String) -> Result<HeaderValue, Denial> {
    HeaderValue::try_from(text).map_err(|_| BUG)
}
