//! The only place where a [`Denial`] becomes bytes, and where OSP's own answers are written.

mod late;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use osp_core::Denial;
use osp_core::s3::{ErrorContext, error_xml};
use pingora_error::{Error, ErrorSource, ErrorType};
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, Session};

pub use self::late::{Document, Late, SILENCE};
use crate::cors;
use crate::flight::Flight;
use crate::settings::{DRAIN_BYTES, DRAIN_TIME};
use crate::stage::Observer;

/// Seconds that clients are asked to wait before they repeat a request that got 503.
const RETRY_AFTER: &str = "1";

/// An answer that OSP makes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// XML body; empty where there is none.
    pub body: Vec<u8>,
    /// `x-amz-bucket-region`, of `HeadBucket`.
    pub bucket_region: Option<String>,
    /// `Location`, of `CreateBucket` (a path) and of `PostObject` (a URL).
    pub location: Option<String>,
    /// Headers about a new object.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    /// Status and body.
    #[must_use]
    pub const fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, bucket_region: None, location: None, headers: Vec::new() }
    }
}

/// Answers a request that is refused before anything was forwarded. Returns `true`: the answer is sent.
pub async fn deny(
    session: &mut Session,
    flight: &mut Flight,
    denial: Denial,
    observer: &Observer,
) -> pingora_error::Result<bool> {
    let body = render(&denial, flight);
    let status = denial.row().status;
    flight.denial = Some(denial);
    write(session, flight, observer, Answer::new(status, body)).await?;
    Ok(true)
}

/// Answers by OSP itself. Returns `true`: the answer is sent.
pub async fn answer(
    session: &mut Session,
    flight: &mut Flight,
    answer: Answer,
    observer: &Observer,
) -> pingora_error::Result<bool> {
    write(session, flight, observer, answer).await?;
    Ok(true)
}

/// Answers a request that failed on its way: with the denial that a stage left in the flight, or with what pingora's
/// error means. When the answer had already begun, the connection just ends, never cleanly.
pub async fn failure(session: &mut Session, error: &Error, flight: &mut Flight, observer: &Observer) -> FailToProxy {
    let denial = flight.denial.take().unwrap_or_else(|| {
        // the error's text may carry what the client or the backend sent, its kind does not
        tracing::warn!(request_id = %flight.id, kind = ?error.etype(), source = ?error.esource(), "a request failed");
        match meaning(error) {
            // a client that leaves while it is answered has not sent too little
            Denial::IncompleteBody if flight.is_body_proved() => Denial::ClientGone,
            denial => denial,
        }
    });
    let status = denial.row().status;
    let answered = session.response_written().is_some_and(|head| !head.status.is_informational());
    // pingora ends the connection, whatever this says (`FailToProxy`): the answer must say so, or the next request meets a
    // reset
    session.set_keepalive(None);
    if !answered && denial != Denial::ClientGone {
        let body = render(&denial, flight);
        let _ = write(session, flight, observer, Answer::new(status, body)).await;
    }
    if let Denial::Internal(what) = &denial {
        tracing::error!(request_id = %flight.id, what, "internal error");
    }
    // what the backend refused is in `backend_code`: OSP did not stop it
    flight.denial = Some(denial).filter(|denial| !matches!(denial, Denial::BackendError { .. }));
    FailToProxy { error_code: status, can_reuse_downstream: false }
}

/// The bytes of a denial that the front writes by itself, with the head.
#[must_use]
pub fn raw_denial(observer: &Observer, id: &str, denial: &Denial, is_head: bool) -> Vec<u8> {
    let status = denial.row().status;
    let body = error_xml(denial, ErrorContext { resource: "", request_id: id });
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let mut out = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nDate: {}\r\n\
         Server: {}\r\nx-amz-request-id: {id}\r\nx-amz-id-2: {id}\r\nConnection: close\r\n\r\n",
        body.len(),
        observer.clock.now().imf_fixdate(),
        observer.server_name,
    )
    .into_bytes();
    if !is_head {
        out.extend_from_slice(&body);
    }
    out
}

fn render(denial: &Denial, flight: &Flight) -> Vec<u8> {
    error_xml(denial, ErrorContext { resource: &flight.facts.resource(), request_id: &flight.id })
}

async fn write(
    session: &mut Session,
    flight: &Flight,
    observer: &Observer,
    answer: Answer,
) -> pingora_error::Result<()> {
    let is_head = session.req_header().method == http::Method::HEAD;
    let unread = !session.is_body_done();
    if unread {
        // what is left of the body must not be taken for the next request
        session.set_keepalive(None);
    }
    let mut head = own_head(answer.status, &flight.id, observer)?;
    if let Some(region) = &answer.bucket_region {
        head.insert_header(HeaderName::from_static("x-amz-bucket-region"), region.as_str())?;
    }
    if let Some(location) = &answer.location {
        head.insert_header(header::LOCATION, location.as_str())?;
    }
    if answer.status == 503 {
        head.insert_header(header::RETRY_AFTER, RETRY_AFTER)?;
    }
    for (name, value) in answer.headers {
        head.append_header(name, value)?;
    }
    mark(&mut head, flight);
    if !is_head && !answer.body.is_empty() {
        head.insert_header(header::CONTENT_TYPE, "application/xml")?;
    }
    // a 204 has no body, and so no length of one
    if !is_head && answer.status != 204 {
        head.insert_header(header::CONTENT_LENGTH, answer.body.len())?;
    }
    // neither HTTP/2 nor answers to HEAD apply it by themselves
    let limit = session.get_write_timeout().unwrap_or(DRAIN_TIME);
    let sending = async {
        session.write_response_header(Box::new(head), is_head).await?;
        if is_head { Ok(()) } else { session.write_response_body(Some(Bytes::from(answer.body)), true).await }
    };
    let in_time = pingora_timeout::timeout(limit, sending).await;
    in_time.map_err(|_| Error::new_down(ErrorType::WriteTimedout))??;
    if unread && !waits_for_continue(session) {
        drain(session).await;
    }
    Ok(())
}

/// What every answer of OSP's own says.
fn own_head(status: u16, id: &str, observer: &Observer) -> pingora_error::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(status, Some(8))?;
    for name in ["x-amz-request-id", "x-amz-id-2"] {
        head.insert_header(HeaderName::from_static(name), id)?;
    }
    head.insert_header(header::SERVER, observer.server_name.as_str())?;
    head.insert_header(header::DATE, observer.clock.now().imf_fixdate())?;
    Ok(head)
}

/// For pages of other origins.
fn mark(head: &mut ResponseHeader, flight: &Flight) {
    if let Err(denial) = cors::mark(head, flight) {
        // a browser then keeps the answer to itself, which harms nobody
        tracing::error!(request_id = %flight.id, %denial, "an answer is not marked for other origins");
    }
}

/// A client that still waits for `100 Continue` sends nothing that could be drained.
fn waits_for_continue(session: &Session) -> bool {
    !session.is_http2() && session.req_header().headers.contains_key(header::EXPECT)
}

/// Reads at most [`DRAIN_BYTES`] of the unread body for at most [`DRAIN_TIME`], so that no reset eats the answer; beyond
/// that a reset is expected.
async fn drain(session: &mut Session) {
    let reading = async {
        let mut left = DRAIN_BYTES;
        while left > 0 {
            match session.read_request_body().await {
                Ok(Some(piece)) => left = left.saturating_sub(piece.len().max(1)),
                Ok(None) | Err(_) => return,
            }
        }
    };
    let _ = pingora_timeout::timeout(DRAIN_TIME, reading).await;
}

/// What an error of pingora means to the client.
fn meaning(error: &Error) -> Denial {
    match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Denial::RequestTimeout,
        (ErrorSource::Downstream, ErrorType::ConnectionClosed | ErrorType::ReadError) => Denial::IncompleteBody,
        (ErrorSource::Downstream, ErrorType::InvalidHTTPHeader) => Denial::MalformedHead("invalid header"),
        (ErrorSource::Downstream, _) => Denial::ClientGone,
        (
            ErrorSource::Upstream,
            ErrorType::ConnectTimedout
            | ErrorType::ConnectRefused
            | ErrorType::ConnectNoRoute
            | ErrorType::ConnectError
            | ErrorType::ConnectProxyFailure
            | ErrorType::TLSHandshakeFailure
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::InvalidCert
            | ErrorType::HandshakeError
            | ErrorType::SocketError
            | ErrorType::BindError,
        ) => Denial::UpstreamUnreachable,
        (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Denial::UpstreamTimeout,
        (ErrorSource::Upstream, _) => Denial::UpstreamMisbehaved,
        (ErrorSource::Internal | ErrorSource::Unset, _) => Denial::Internal("an unclassified error of the proxy"),
    }
}
