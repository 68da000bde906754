//! The backend request, regenerated from the permit and signed with credentials that only OSP holds. Takes the evidence:
//! without a permit nothing can be signed.

use std::borrow::Cow;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use osp_core::access::Permit;
use osp_core::model::BackendCredential;
use osp_core::payload::Announcement;
use osp_core::s3::{Kind, XmlDocument};
use osp_core::sigv4::{
    AccessKeyId, CanonicalRequest, Scope, SecretKey, canonical_value, join_values, replace_by_string_to_sign,
};
use osp_core::table::{Credentials, Trust, UpstreamCredential};
use osp_core::{CredentialFault, Denial, Timestamp};
use pingora_http::RequestHeader;

use crate::signing_keys::{BackendKey, SigningKeys};

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

/// What requests are signed by.
#[derive(Debug)]
pub struct Signer {
    keys: SigningKeys,
    credentials: Arc<dyn Credentials>,
}

impl Signer {
    /// One that gets credentials that are not in the table from here.
    #[must_use]
    pub fn new(credentials: Arc<dyn Credentials>) -> Self {
        Self { keys: SigningKeys::default(), credentials }
    }
}

/// Builds and signs the head of the backend request, for every attempt anew: a fresh date (RS-3), and a credential that is
/// valid now. Nothing is waited for when the credential stands in the table.
///
/// # Errors
/// [`Denial::Credential`]; [`Denial::Internal`] when a value cannot be written as a header: a bug, since all were validated.
pub async fn regenerate(permit: &Permit, body: Body, signer: &Signer, now: Timestamp) -> Result<RequestHeader, Denial> {
    let credential = match &permit.upstream().credential {
        UpstreamCredential::Fixed(fixed) => Arc::clone(fixed),
        UpstreamCredential::Fetched(source) => signer.credentials.fetch(source, permit.for_whom()).await?,
    };
    write(permit, body, (&credential, &signer.keys), now)
}

fn write(
    permit: &Permit,
    body: Body,
    (credential, keys): (&Arc<BackendCredential>, &SigningKeys),
    now: Timestamp,
) -> Result<RequestHeader, Denial> {
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
    match &**credential {
        BackendCredential::Keys { access_key, secret, session_token } => {
            let key = |day: &str| keys.key(permit.pool_group(), (credential, secret), (day, permit.region()));
            sign(&mut headers, permit, (&body.sha256, now), (access_key, session_token.as_ref(), &key))?;
        }
        BackendCredential::Bearer { token, service_instance_id } => {
            bear(&mut headers, permit, token, service_instance_id.as_deref())?;
        }
        BackendCredential::Anonymous => {}
    }
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

const IBM_SERVICE_INSTANCE_ID: HeaderName = HeaderName::from_static("ibm-service-instance-id");

/// The token in place of a signature (IBM COS, "Compatibility API"). Where nobody has said that it may be read on the way, it
/// is not sent there: whoever names somebody else's credential does not choose to show it.
fn bear(headers: &mut HeaderMap, permit: &Permit, token: &SecretKey, instance: Option<&str>) -> Result<(), Denial> {
    let upstream = permit.upstream();
    let is_readable = !permit.endpoint().tls || upstream.trust == Trust::Insecure;
    if is_readable && upstream.source.namespace != permit.route().name.namespace {
        return Err(CredentialFault::Exposed.into());
    }
    #[expect(clippy::disallowed_methods, reason = "the token goes into its header")]
    let mut header = token.with_exposed(|token| value(["Bearer ", token].concat()))?;
    header.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, header);
    let is_about_no_bucket = matches!(permit.operation().kind(), Kind::ListBuckets | Kind::CreateBucket);
    if let Some(instance) = instance.filter(|_| is_about_no_bucket) {
        headers.insert(IBM_SERVICE_INSTANCE_ID, value(instance.to_owned())?);
    }
    Ok(())
}

/// What a signature is made with: the key id, the session token, and the derived key of a day.
type SignedWith<'a> = (&'a AccessKeyId, Option<&'a SecretKey>, &'a dyn Fn(&str) -> Arc<BackendKey>);

fn sign(
    headers: &mut HeaderMap,
    permit: &Permit,
    (sha256, now): (&str, Timestamp),
    (access_key, session_token, key): SignedWith<'_>,
) -> Result<(), Denial> {
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
    let key = key(day);
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
