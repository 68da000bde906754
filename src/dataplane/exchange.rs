//! Requests that OSP itself makes, on a connector and a pool of their own, each under a permit: `DeleteObjects`,
//! `CreateBucket`, the lists of buckets of patterns, and the connections of [`crate::post_object`] and [`crate::copying`].

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, header};
use osp_core::Denial;
use osp_core::access::{DecidedBatch, PendingBatch, PendingBuckets, PendingCreation, Permit};
use osp_core::payload::{Gate, content_md5};
use osp_core::s3::{DeleteOutcome, ErrorBody, ListedBucket, Meaning, ToldBuckets, is_ambiguous};
use osp_core::table::RouteTable;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_error::{Error, ErrorType};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use crate::attempt::Failure;
use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::refusal::Held;
use crate::respond::Answer;
use crate::settings::{COMPLETION_TIME, EXCHANGE_ANSWER_BYTES, EXCHANGE_TIME, MAX_INTERIM};
use crate::stage::{forward, route, sign};

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
    let body = proved_body(gateway, session, batch.gate(), flight).await?;
    let DecidedBatch { permit, body, refused, quiet } = batch.decide(&body, &*gateway.hooks).await?;
    flight.facts.allowed = true;
    let mut outcomes = refused;
    if let Some(mut permit) = permit {
        gateway.regions.apply(&mut permit);
        let body: Bytes = body.into();
        let mut answered = send(gateway, &permit, body.clone(), flight).await?;
        if let Some(Meaning::Elsewhere(region)) = answered.meaning(&permit)
            && gateway.found(&mut permit, &region)
        {
            // refused for its region, it has deleted nothing yet
            answered = send(gateway, &permit, body, flight).await?;
        }
        outcomes.extend(answered.outcomes(&permit, flight)?);
    }
    Ok(Answer::new(200, DeleteOutcome::render_result(&outcomes, quiet)))
}

/// Most pages of one backend's list of buckets: ten thousand buckets each at AWS, and a million is AWS's largest quota.
const MAX_PAGES: usize = 100;

/// Proves the document of a `CreateBucket`, and makes the bucket at the backend with a document of OSP's own.
///
/// # Errors
/// Those of the gate and of [`PendingCreation::decide`]; `Upstream*` when the backend fails.
pub async fn create_bucket(
    gateway: &Gateway,
    session: &mut Session,
    flight: &mut Flight,
    creation: PendingCreation,
) -> Result<Answer, Denial> {
    let body = proved_body(gateway, session, creation.gate(), flight).await?;
    let (permit, body) = creation.decide(&body, &gateway.settings.region)?;
    flight.facts.allowed = true;
    let answered = send(gateway, &permit, body.into(), flight).await?;
    if answered.status() != 200 {
        return Err(answered.error(&permit, flight));
    }
    let location = Some(format!("/{}", client_bucket(&permit)));
    Ok(Answer { location, ..Answer::new(200, Vec::new()) })
}

fn client_bucket(permit: &Permit) -> String {
    permit.operation().bucket().map(ToString::to_string).unwrap_or_default()
}

/// Asks every backend for its buckets, and merges what they say.
///
/// # Errors
/// [`Denial::BucketsUnknown`] as soon as one of them fails: a list is complete or it is none.
pub async fn list_buckets(
    gateway: &Gateway,
    flight: &mut Flight,
    mut pending: PendingBuckets,
    table: &RouteTable,
) -> Result<Vec<ListedBucket>, Denial> {
    flight.facts.allowed = true;
    let mut told = Vec::with_capacity(pending.count());
    for index in 0..pending.count() {
        told.push(pages(gateway, flight, &mut pending, index).await.map_err(|denial| {
            tracing::warn!(request_id = %flight.id, reason = denial.row().reason, "a backend does not list its buckets");
            Denial::BucketsUnknown
        })?);
    }
    Ok(pending.merge(&told, table))
}

/// Every page of one backend's list.
async fn pages(
    gateway: &Gateway,
    flight: &mut Flight,
    pending: &mut PendingBuckets,
    index: usize,
) -> Result<Vec<ToldBuckets>, Denial> {
    let mut pages: Vec<ToldBuckets> = Vec::new();
    while pages.len() < MAX_PAGES {
        let token = pages.last().and_then(|page| page.continuation_token.as_deref());
        let permit = pending.permit(index, token).ok_or(Denial::Internal("a list was asked for that is not needed"))?;
        let answered = send(gateway, permit, Bytes::new(), flight).await?;
        if answered.status() != 200 {
            return Err(Denial::UpstreamRefused);
        }
        let page = ToldBuckets::parse(&answered.body)?;
        let is_last = page.continuation_token.is_none();
        pages.push(page);
        if is_last {
            return Ok(pages);
        }
    }
    Err(Denial::UpstreamMisbehaved)
}

/// The answer of a backend, whole.
pub struct Answered {
    /// Its head.
    pub head: ResponseHeader,
    /// Its body.
    pub body: Bytes,
}

impl Answered {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    fn held(&self, permit: &Permit) -> Held {
        let mut held = Held::new(&self.head, permit);
        held.push(&self.body);
        held
    }

    /// Whose business it is, where the status leaves that open.
    pub fn meaning(&self, permit: &Permit) -> Option<Meaning> {
        is_ambiguous(self.status()).then(|| self.held(permit).judge(permit))
    }

    /// What became of each key, in the client's names.
    fn outcomes(&self, permit: &Permit, flight: &mut Flight) -> Result<Vec<DeleteOutcome>, Denial> {
        if self.status() == 200 {
            return DeleteOutcome::parse_result(&self.body, &permit.backend().mapping);
        }
        Err(self.error(permit, flight))
    }

    /// A refusal, in the client's names.
    fn error(&self, permit: &Permit, flight: &mut Flight) -> Denial {
        let mut error = ErrorBody::default();
        error.push(&self.body);
        flight.facts.backend_code = error.backend_code();
        match (self.status(), self.meaning(permit)) {
            (_, Some(Meaning::Client(denial))) => denial,
            (_, Some(Meaning::Elsewhere(_) | Meaning::Gateway)) => Denial::UpstreamRefused,
            (404, _) => Denial::NoSuchBucket(client_bucket(permit)),
            (status @ 402..=599, _) => error.denial(status, permit.operation()),
            _ => Denial::UpstreamMisbehaved,
        }
    }
}

/// Reads the client's whole body through a gate; the obligation has bounded its length.
///
/// # Errors
/// Those of the gate; [`Denial::IncompleteBody`] when the client does not send all of it, [`Denial::RequestTimeout`] when
/// it pauses too long or sends too slowly.
pub async fn proved_body(
    gateway: &Gateway,
    session: &mut Session,
    mut gate: Gate,
    flight: &mut Flight,
) -> Result<Bytes, Denial> {
    let stall = gateway.settings.client.stall;
    let mut body = BytesMut::new();
    loop {
        match pingora_timeout::timeout(stall, session.read_request_body()).await {
            Ok(Ok(Some(piece))) => {
                body.extend_from_slice(&gate.push(piece)?);
                flight.facts.bytes_in = Some(gate.decoded_bytes());
                forward::demand_rate(flight, gateway.observer.clock.monotonic(), stall)?;
            }
            Ok(Ok(None)) => break,
            // over HTTP/1 pingora's own time-out, as long as this one, may come first
            Ok(Err(error)) if *error.etype() == ErrorType::ReadTimedout => return Err(Denial::RequestTimeout),
            Ok(Err(_)) => return Err(Denial::IncompleteBody),
            Err(_) => return Err(Denial::RequestTimeout),
        }
    }
    body.extend_from_slice(&gate.finish()?);
    flight.facts.bytes_in = Some(gate.decoded_bytes());
    Ok(body.freeze())
}

/// Sends one small request under a permit; tries another connection when one could not be made.
///
/// # Errors
/// Those of [`connect`]; [`Denial::UpstreamTimeout`], [`Denial::UpstreamMisbehaved`].
pub async fn send(gateway: &Gateway, permit: &Permit, body: Bytes, flight: &mut Flight) -> Result<Answered, Denial> {
    flight.facts.backend = Some(Arc::clone(&permit.backend().name));
    let (connection, peer) = connect(gateway, permit, &flight.id, &mut flight.attempts.count).await?;
    // the body names keys to delete: once it may have left, it is not sent again
    let head = head_of(gateway, permit, &body).await?;
    let first_byte = route::first_byte(permit.upstream());
    let limit = if permit.operation().may_take_minutes() { COMPLETION_TIME } else { EXCHANGE_TIME };
    converse(&gateway.connector, connection, (&peer, first_byte, limit), (head, body)).await
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
    for attempt in 0..attempts(gateway, permit) {
        *count = attempt + 1;
        if let Some(retries) = retries.filter(|_| attempt > 0) {
            tokio::time::sleep(retries.delay(*count, gateway.observer.ids.random())).await;
        }
        let peer = route::peer(permit, &*gateway.resolver, &gateway.egress, &gateway.settings, attempt).await?;
        match gateway.connector.get_http_session(&*peer).await {
            Ok((connection, _)) => return Ok((connection, peer)),
            Err(error) => tracing::warn!(request_id, endpoint = %permit.upstream().endpoint, %error, "no connection"),
        }
    }
    Err(Denial::UpstreamUnreachable)
}

/// How often a request of OSP's own may be sent, the first time included.
pub(crate) fn attempts(gateway: &Gateway, permit: &Permit) -> usize {
    let retries = permit.route().backends.retries();
    retries.map_or(gateway.settings.max_attempts, |retries| retries.attempts).max(1)
}

/// Backends differ in which proof of a delete body they demand: all of them accept `Content-MD5` (RS-7).
async fn head_of(gateway: &Gateway, permit: &Permit, body: &[u8]) -> Result<RequestHeader, Denial> {
    if body.is_empty() {
        // a GET, or a PUT whose document says nothing
        return sign::regenerate(permit, sign::Body::empty(permit), &gateway.signer, gateway.observer.clock.now())
            .await;
    }
    let digest =
        HeaderValue::from_str(&content_md5(body)).map_err(|_| Denial::Internal("an MD5 is no header value"))?;
    let headers = vec![
        (HeaderName::from_static("content-md5"), digest),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/xml")),
    ];
    let sha256 = osp_core::payload::sha256_hex(body).into();
    let announced = sign::Body { content_length: Some(body.len() as u64), sha256, headers, aws_chunked: false };
    sign::regenerate(permit, announced, &gateway.signer, gateway.observer.clock.now()).await
}

async fn converse(
    connector: &Connector,
    mut connection: HttpSession,
    (peer, first_byte, limit): (&HttpPeer, Option<Duration>, Duration),
    (head, body): (RequestHeader, Bytes),
) -> Result<Answered, Denial> {
    connection.set_write_timeout(peer.options.write_timeout);
    let exchanged = async {
        connection.write_request_header(Box::new(head)).await?;
        if !body.is_empty() {
            connection.write_request_body(body, true).await?;
        }
        connection.finish_request_body().await?;
        let head = answer_head(&mut connection, peer, first_byte).await?;
        Ok::<_, Box<Error>>((head, answer_body(&mut connection).await?))
    };
    let (head, body) = match pingora_timeout::timeout(limit, exchanged).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::warn!(kind = ?error.etype(), "an exchange with a backend failed");
            return Err(failure(&error).1);
        }
        Err(_) => return Err(Denial::UpstreamTimeout),
    };
    release(connector, connection, peer).await;
    Ok(Answered { head, body })
}

/// What it means that a backend's connection failed, and how that is counted.
pub(crate) fn failure(error: &Error) -> (Failure, Denial) {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => (Failure::Timeout, Denial::UpstreamTimeout),
        _ => (Failure::Broken, Denial::UpstreamMisbehaved),
    }
}

/// The head of a backend's answer; interim ones (1xx) are passed over. Waits for it as long as the route wants
/// (`first_byte`), and from then on for every piece of the body as long as for any backend.
pub(crate) async fn answer_head(
    connection: &mut HttpSession,
    peer: &HttpPeer,
    first_byte: Option<Duration>,
) -> pingora_error::Result<ResponseHeader> {
    connection.set_read_timeout(first_byte.or(peer.options.read_timeout));
    for _ in 0..=MAX_INTERIM {
        connection.read_response_header().await?;
        if let Some(head) = connection.response_header().filter(|head| !head.status.is_informational()) {
            let head = head.clone();
            connection.set_read_timeout(peer.options.read_timeout);
            return Ok(head);
        }
    }
    Error::e_explain(ErrorType::InvalidHTTPHeader, "too many interim answers")
}

/// The whole body of a short answer.
pub(crate) async fn answer_body(connection: &mut HttpSession) -> pingora_error::Result<Bytes> {
    let mut answer = BytesMut::new();
    while let Some(piece) = connection.read_response_body().await? {
        answer.extend_from_slice(&piece);
        if answer.len() > EXCHANGE_ANSWER_BYTES {
            return Error::e_explain(ErrorType::InternalError, "answer too long");
        }
    }
    Ok(answer.freeze())
}

/// Gives back a connection whose answer has been read whole.
pub(crate) async fn release(connector: &Connector, mut connection: HttpSession, peer: &HttpPeer) {
    if let HttpSession::H1(http1) = &mut connection {
        // without it the connection is not reused
        http1.respect_keepalive();
    }
    connector.release_http_session(connection, peer, peer.idle_timeout()).await;
}
