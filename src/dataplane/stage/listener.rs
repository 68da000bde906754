//! What arrived: the raw head, who sent it, how long its body is.

use std::time::Duration;

use http::Method;
use osp_core::Denial;
use osp_core::s3::{Framing, Protocol, RawHead};
use pingora_proxy::Session;

use crate::flight::{Facts, Flight};
use crate::settings::Settings;

/// Longest wait for the end of an HTTP/2 request without a body, or with an empty one.
const END_OF_STREAM: Duration = Duration::from_secs(2);

/// The head of this request and the declared length of its body (`None` = not declared). On HTTP/1 the front has read
/// it; on HTTP/2 it is built from what pingora decoded.
///
/// # Errors
/// Those of [`RawHead::from_http2`]; [`Denial::Internal`] when an HTTP/1 head is missing.
pub async fn head(
    session: &mut Session,
    flight: &mut Flight,
    settings: &Settings,
) -> Result<(RawHead, Option<u64>), Denial> {
    let (head, length) = match flight.received.take() {
        Some((head, Framing::Length(length))) => (head, Some(length)),
        Some((head, Framing::Chunked)) => (head, None),
        // boxed: HTTP/1 is not to carry its future
        None if session.is_http2() => Box::pin(http2_head(session)).await?,
        None => return Err(Denial::Internal("a head did not come through the front")),
    };
    describe(session, &head, &mut flight.facts, settings);
    if head.protocol() == Protocol::Http1 && head.field("expect").is_some() && !expects_continue(&head) {
        return Err(Denial::MalformedHead("the only expectation is 100-continue"));
    }
    Ok((head, length))
}

/// True when the client waits for `100 Continue` before it sends the body. HTTP/2 knows no 1xx here (pingora drops them).
pub fn expects_continue(head: &RawHead) -> bool {
    head.protocol() == Protocol::Http1
        && head.text("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
}

async fn http2_head(session: &mut Session) -> Result<(RawHead, Option<u64>), Denial> {
    let without_body = session.is_body_empty();
    let request = session.req_header();
    let authority = request.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    // :path is what follows the authority in the target that pingora kept
    let path = request.uri.path_and_query().map_or_else(|| request.raw_path(), |path| path.as_str().as_bytes());
    let fields = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let head = RawHead::from_http2(request.method.clone(), path, authority, fields)?;
    let length = head.text("content-length").map(str::parse::<u64>).transpose();
    let declared = match length.map_err(|_| Denial::MalformedHead("content-length is no number"))? {
        // an empty object would be stored before the bytes came that were not announced
        Some(0) if !ended(session).await => {
            return Err(Denial::MalformedHead("the body is longer than content-length"));
        }
        Some(length) => Some(length),
        None if without_body => Some(0),
        // GET and the like may end in a frame of their own: wait for that end, and for nothing else
        None if !matches!(*head.method(), Method::PUT | Method::POST) => ended(session).await.then_some(0),
        None => None,
    };
    Ok((head, declared))
}

async fn ended(session: &mut Session) -> bool {
    matches!(pingora_timeout::timeout(END_OF_STREAM, session.read_request_body()).await, Ok(Ok(None)))
}

fn describe(session: &Session, head: &RawHead, facts: &mut Facts, settings: &Settings) {
    facts.method = method_label(head.method());
    let peer = session.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
    facts.client = match peer {
        Some(peer) if settings.trusts(peer) => forwarded_for(head, settings).or(Some(peer)),
        other => other,
    };
}

/// The last address of `X-Forwarded-For` that is no trusted proxy itself.
fn forwarded_for(head: &RawHead, settings: &Settings) -> Option<std::net::IpAddr> {
    let hops = head.text("x-forwarded-for")?;
    let mut from_the_right = hops.rsplit(',').map(|hop| hop.trim().parse());
    from_the_right.find_map(|hop| match hop {
        Ok(address) if settings.trusts(address) => None,
        Ok(address) => Some(Some(address)),
        // what cannot be read ends the search: everything before it is hearsay
        Err(_) => Some(None),
    })?
}

/// A finite set for labels.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
