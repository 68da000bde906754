//! Requests that OSP itself makes, on a connector and a pool of their own, each under a permit: `DeleteObjects`, and the
//! connections of [`crate::post_object`].

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, header};
use osp_core::Denial;
use osp_core::access::{DecidedBatch, PendingBatch, Permit};
use osp_core::payload::{Gate, content_md5};
use osp_core::s3::DeleteOutcome;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_error::{Error, ErrorType};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::respond::Answer;
use crate::settings::{CLIENT_STALL, EXCHANGE_ANSWER_BYTES, EXCHANGE_TIME};
use crate::stage::{route, sign};

/// Proves the body of a `DeleteObjects`, decides each key, deletes the allowed ones at the backend and merges the answers
/// (D03). All keys refused is still a 200 with errors, as at AWS.
///
/// # Errors
/// Those of the gate and of [`PendingBatch::decide`]; `Upstream*` when the backend fails as a whole.
pub async fn delete_objects(
    gateway: &Gateway,
    session: &mut Session,
    flight: &mut Flight,
    batch: PendingBatch,
) -> Result<Answer, Denial> {
    let body = proved_body(session, batch.gate(), flight).await?;
    let DecidedBatch { permit, body, refused, quiet } = batch.decide(&body)?;
    flight.facts.allowed = true;
    let mut outcomes = refused;
    if let Some(permit) = permit {
        let (status, answer) = send(gateway, &permit, body.into(), flight).await?;
        match status {
            200 => outcomes.extend(DeleteOutcome::parse_result(&answer, &permit.backend().mapping)?),
            404 => return Err(Denial::NoSuchBucket(permit.route().bucket.to_string())),
            300..=499 => return Err(Denial::UpstreamRefused),
            _ => return Err(Denial::UpstreamMisbehaved),
        }
    }
    Ok(Answer::new(200, DeleteOutcome::render_result(&outcomes, quiet)))
}

/// Reads the client's whole body through a gate; the obligation has bounded its length.
///
/// # Errors
/// Those of the gate; [`Denial::IncompleteBody`] when the client does not send all of it.
pub async fn proved_body(session: &mut Session, mut gate: Gate, flight: &mut Flight) -> Result<Bytes, Denial> {
    let mut body = BytesMut::new();
    loop {
        match pingora_timeout::timeout(CLIENT_STALL, session.read_request_body()).await {
            Ok(Ok(Some(piece))) => body.extend_from_slice(&gate.push(piece)?),
            Ok(Ok(None)) => break,
            Ok(Err(_)) => return Err(Denial::IncompleteBody),
            Err(_) => return Err(Denial::RequestTimeout),
        }
    }
    body.extend_from_slice(&gate.finish()?);
    flight.facts.bytes_in = Some(gate.decoded_bytes());
    Ok(body.freeze())
}

/// Sends one small request under a permit; tries another connection when one could not be made.
async fn send(gateway: &Gateway, permit: &Permit, body: Bytes, flight: &mut Flight) -> Result<(u16, Bytes), Denial> {
    flight.facts.backend = Some(Arc::clone(&permit.backend().name));
    let (connection, peer) = connect(gateway, permit, &flight.id, &mut flight.attempts.count).await?;
    // the body names keys to delete: once it may have left, it is not sent again
    let head = head_of(gateway, permit, &body)?;
    let first_byte = route::first_byte(permit.upstream());
    converse(&gateway.connector, connection, (&peer, first_byte), (head, body)).await
}

/// A connection to the backend of a permit; tries again, at the next address, when one could not be made, and counts.
///
/// # Errors
/// [`Denial::UpstreamUnreachable`], and those of [`route::peer`].
pub async fn connect(
    gateway: &Gateway,
    permit: &Permit,
    request_id: &str,
    count: &mut usize,
) -> Result<(HttpSession, Box<HttpPeer>), Denial> {
    let retries = permit.route().backends.retries();
    for attempt in 0..retries.map_or(gateway.settings.max_attempts, |retries| retries.attempts).max(1) {
        *count = attempt + 1;
        if let Some(retries) = retries.filter(|_| attempt > 0) {
            tokio::time::sleep(retries.delay(*count, gateway.observer.ids.random())).await;
        }
        let peer = route::peer(permit, &*gateway.resolver, &gateway.egress, attempt).await?;
        match gateway.connector.get_http_session(&*peer).await {
            Ok((connection, _)) => return Ok((connection, peer)),
            Err(error) => tracing::warn!(request_id, endpoint = %permit.upstream().endpoint, %error, "no connection"),
        }
    }
    Err(Denial::UpstreamUnreachable)
}

/// Backends differ in which proof of a delete body they demand: all of them accept `Content-MD5` (RS-7).
fn head_of(gateway: &Gateway, permit: &Permit, body: &[u8]) -> Result<RequestHeader, Denial> {
    let digest =
        HeaderValue::from_str(&content_md5(body)).map_err(|_| Denial::Internal("an MD5 is no header value"))?;
    let headers = vec![
        (HeaderName::from_static("content-md5"), digest),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/xml")),
    ];
    let sha256 = osp_core::payload::sha256_hex(body).into();
    let announced = sign::Body { content_length: Some(body.len() as u64), sha256, headers, aws_chunked: false };
    sign::regenerate(permit, announced, &gateway.keys, gateway.observer.clock.now())
}

async fn converse(
    connector: &Connector,
    mut connection: HttpSession,
    (peer, first_byte): (&HttpPeer, Option<Duration>),
    (head, body): (RequestHeader, Bytes),
) -> Result<(u16, Bytes), Denial> {
    connection.set_read_timeout(first_byte.or(peer.options.read_timeout));
    connection.set_write_timeout(peer.options.write_timeout);
    let exchanged = async {
        connection.write_request_header(Box::new(head)).await?;
        connection.write_request_body(body, true).await?;
        connection.finish_request_body().await?;
        loop {
            connection.read_response_header().await?;
            if !connection.response_header().is_some_and(|head| head.status.is_informational()) {
                break;
            }
        }
        connection.set_read_timeout(peer.options.read_timeout);
        let mut answer = BytesMut::new();
        while let Some(piece) = connection.read_response_body().await? {
            answer.extend_from_slice(&piece);
            if answer.len() > EXCHANGE_ANSWER_BYTES {
                return Error::e_explain(ErrorType::InternalError, "answer too long");
            }
        }
        Ok(answer.freeze())
    };
    let answer = match pingora_timeout::timeout(EXCHANGE_TIME, exchanged).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::warn!(kind = ?error.etype(), "an exchange with a backend failed");
            let late = matches!(error.etype(), ErrorType::ReadTimedout | ErrorType::WriteTimedout);
            return Err(if late { Denial::UpstreamTimeout } else { Denial::UpstreamMisbehaved });
        }
        Err(_) => return Err(Denial::UpstreamTimeout),
    };
    let status = connection.response_header().map_or(0, |head| head.status.as_u16());
    if let HttpSession::H1(http1) = &mut connection {
        // without it the connection is not reused
        http1.respect_keepalive();
    }
    connector.release_http_session(connection, peer, peer.idle_timeout()).await;
    Ok((status, answer))
}
