//! The backend request, regenerated from the permit and signed with credentials that only OSP holds. Takes the evidence:
//! without a permit nothing can be signed.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, header};
use osp_core::access::Permit;
use osp_core::model::BackendCredential;
use osp_core::s3::XmlDocument;
use osp_core::sigv4::{CanonicalRequest, Scope, canonical_values, string_to_sign};
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
    /// Checksum and framing headers, signed where they are `x-amz-*`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Add `aws-chunked` to `content-encoding`.
    pub aws_chunked: bool,
}

impl Body {
    /// The body that the client sends, as its gate releases it.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        if !permit.operation().takes_body() {
            let method = &permit.outgoing().method;
            let content_length = (method == http::Method::PUT || method == http::Method::POST).then_some(0);
            return Self { content_length, sha256: EMPTY_SHA256.into(), headers: Vec::new(), aws_chunked: false };
        }
        let announced = permit.announcement();
        Self {
            content_length: Some(announced.content_length),
            sha256: announced.content_sha256.into(),
            headers: announced.headers,
            aws_chunked: announced.aws_chunked,
        }
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
    let mut head =
        RequestHeader::build_no_case(outgoing.method.clone(), target.as_bytes(), Some(count)).map_err(|_| BUG)?;
    let authority = permit.upstream().endpoint.authority(outgoing.bucket_label.as_deref());
    put(&mut head, header::HOST, value(&authority)?)?;
    // what is rewritten must come plain
    let rewritten = XmlDocument::of(permit.operation()).is_some();
    let passed = outgoing.headers.iter().filter(|(name, _)| !(rewritten && name == header::ACCEPT_ENCODING));
    for (name, value) in passed.chain(&body.headers) {
        head.append_header(name.clone(), value.clone()).map_err(|_| BUG)?;
    }
    if body.aws_chunked {
        let rest = head.headers.get(header::CONTENT_ENCODING).and_then(|rest| rest.to_str().ok());
        let encoding = rest.map_or_else(|| "aws-chunked".to_owned(), |rest| format!("aws-chunked,{rest}"));
        put(&mut head, header::CONTENT_ENCODING, value(&encoding)?)?;
    }
    if let Some(length) = body.content_length {
        put(&mut head, header::CONTENT_LENGTH, HeaderValue::from(length))?;
    }
    sign(&mut head, permit, &body.sha256, keys, now)?;
    Ok(head)
}

const BUG: Denial = Denial::Internal("a backend request could not be written");

fn sign(
    head: &mut RequestHeader,
    permit: &Permit,
    sha256: &str,
    keys: &SigningKeys,
    now: Timestamp,
) -> Result<(), Denial> {
    let upstream = permit.upstream();
    let BackendCredential::Keys { access_key, secret, session_token } = &*upstream.credential else {
        return Ok(());
    };
    put(head, HeaderName::from_static("x-amz-content-sha256"), value(sha256)?)?;
    put(head, HeaderName::from_static("x-amz-date"), value(&now.amz())?)?;
    if let Some(token) = session_token {
        #[expect(clippy::disallowed_methods, reason = "the token goes into its header")]
        let mut token = token.with_exposed(value)?;
        token.set_sensitive(true);
        put(head, HeaderName::from_static("x-amz-security-token"), token)?;
    }
    let scope = Scope { date: now.scope_date(), region: upstream.region.clone(), service: "s3".to_owned() };
    let (names, canonical) = canonical(head, permit, sha256);
    let text = string_to_sign(now, &scope, &canonical);
    let credential: (&Arc<BackendCredential>, _) = (&upstream.credential, secret);
    let signature = keys.sign(upstream.pool_group, credential, &scope, text.as_bytes());
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}");
    put(head, header::AUTHORIZATION, value(&authorization)?)
}

/// The signed header names and the canonical request. Signed are `host`, every `x-amz-*`, `content-type` and
/// `content-md5`: nothing that an intermediary may touch (RS-1).
fn canonical(head: &RequestHeader, permit: &Permit, sha256: &str) -> (String, Vec<u8>) {
    let is_signed = |name: &str| name.starts_with("x-amz-") || matches!(name, "host" | "content-type" | "content-md5");
    let mut headers: Vec<(&str, Cow<'_, [u8]>)> = Vec::with_capacity(head.headers.keys_len());
    for name in head.headers.keys().map(HeaderName::as_str).filter(|name| is_signed(name)) {
        let values = head.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        headers.push((name, canonical_values(values)));
    }
    headers.sort_unstable_by_key(|(name, _)| *name);
    let outgoing = permit.outgoing();
    let request = CanonicalRequest {
        method: outgoing.method.as_str(),
        uri: &outgoing.path,
        query: &outgoing.query,
        headers: &headers,
        payload: sha256,
    };
    let mut canonical = Vec::with_capacity(1024);
    request.render(&mut canonical);
    (request.signed_headers(), canonical)
}

fn put(head: &mut RequestHeader, name: HeaderName, value: HeaderValue) -> Result<(), Denial> {
    head.insert_header(name, value).map_err(|_| BUG)
}

fn value(text: &str) -> Result<HeaderValue, Denial> {
    HeaderValue::from_str(text).map_err(|_| BUG)
}
