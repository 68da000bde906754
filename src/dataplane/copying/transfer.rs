//! One piece of a source on its way to the target: a `GetObject` on one connection, a write on another, and between them
//! whatever has just come.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use osp_core::access::{Permit, PlannedCopy, SourcePermit, StoredPart, TargetPermit};
use osp_core::payload::Transit;
use osp_core::s3::{Meaning, is_ambiguous};
use osp_core::{Denial, Timestamp};
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType};
use pingora_http::{RequestHeader, ResponseHeader};

use super::Copier;
use crate::attempt::Failure;
use crate::exchange::{answer_body, answer_head, attempts, connect, failure, release};
use crate::refusal::Held;
use crate::stage::{route, sign};

/// A source that has begun to answer.
pub(super) struct Reading {
    permit: SourcePermit,
    connection: HttpSession,
    peer: Box<HttpPeer>,
    /// Its head, which is that of the piece that was asked for.
    pub(super) head: ResponseHeader,
}

/// What a target has stored.
pub(super) struct Stored {
    pub(super) part: StoredPart,
    /// Its answer.
    pub(super) head: ResponseHeader,
}

/// How the bytes of a piece ended.
enum Sent {
    /// The target has all of them; their checksum, if one was asked for.
    Whole(Option<String>),
    /// It takes no more: its answer says why.
    Refused,
}

/// Whose fault it is that bytes do not move, and what it means.
enum Stopped {
    Source(Box<Error>),
    Target(Box<Error>),
    Other(Denial),
}

/// `Date` of an answer.
pub(super) fn modified(head: &ResponseHeader) -> Option<Timestamp> {
    head.headers.get(header::DATE).and_then(|date| date.to_str().ok()).and_then(Timestamp::parse_http)
}

impl Copier<'_> {
    /// Asks the source for a piece, until it begins to answer: a read may be repeated as long as nothing of it has been
    /// used.
    pub(super) async fn open(&mut self, planned: &PlannedCopy, index: u16) -> Result<Reading, Denial> {
        let mut permit = planned.read(index)?;
        self.gateway.regions.apply(&mut permit);
        let attempts = attempts(self.gateway, &permit);
        let mut attempt = 0;
        let (mut connection, peer, head) = loop {
            attempt += 1;
            let (mut connection, peer) = self.connect(&permit).await?;
            let head = sign::regenerate(&permit, sign::Body::empty(&permit), &self.gateway.signer, self.now()).await?;
            match begin(&mut connection, (head, &peer), route::first_byte(permit.upstream())).await {
                Ok(head) => break (connection, peer, head),
                Err(error) => {
                    let denial = self.broken(&permit, &error);
                    if attempt >= attempts || denial == Denial::UpstreamTimeout {
                        return Err(denial);
                    }
                }
            }
        };
        let status = head.status.as_u16();
        if status < 300 || status == 412 {
            planned.check(index, status, &head.headers)?;
            return Ok(Reading { permit, connection, peer, head });
        }
        let told = answer_body(&mut connection).await.map_err(|error| self.broken(&permit, &error))?;
        release(&self.gateway.connector, connection, &peer).await;
        Err(self.refused(&permit, &head, &told))
    }

    /// Carries a piece to the target that the permit leads to. Never repeated: the bytes are gone. Whatever goes wrong, the
    /// target's connection ends before the last byte, so that it stores nothing.
    pub(super) async fn carry(
        &mut self,
        (planned, index): (&PlannedCopy, u16),
        mut reading: Reading,
        mut permit: TargetPermit,
    ) -> Result<Stored, Denial> {
        self.gateway.regions.apply(&mut permit);
        let transit = planned.transit(index, &reading.permit, &permit);
        let head = sign::regenerate(&permit, transit.announcement().into(), &self.gateway.signer, self.now()).await?;
        let (mut target, peer) = self.connect(&permit).await?;
        target.set_write_timeout(peer.options.write_timeout);
        let opened = target.write_request_header(Box::new(head)).await;
        opened.map_err(|error| self.broken(&permit, &error))?;
        let checksum = match self.pump(&mut reading, &mut target, transit).await {
            Ok(Sent::Whole(checksum)) => Some(checksum),
            Ok(Sent::Refused) => None,
            Err(Stopped::Source(error)) => return Err(self.broken(&reading.permit, &error)),
            Err(Stopped::Target(error)) => return Err(self.broken(&permit, &error)),
            Err(Stopped::Other(denial)) => return Err(denial),
        };
        let first_byte = route::first_byte(permit.upstream());
        let heard = hear(&mut target, &peer, (checksum.is_some(), first_byte)).await;
        let (head, told) = heard.map_err(|error| self.broken(&permit, &error))?;
        self.flight.facts.backend_answered = Some(self.gateway.observer.clock.monotonic());
        if !head.status.is_success() {
            return Err(self.refused_write(&mut permit, &head, &told));
        }
        let checksum = checksum.ok_or(Denial::UpstreamMisbehaved)?;
        release(&self.gateway.connector, target, &peer).await;
        release(&self.gateway.connector, reading.connection, &reading.peer).await;
        let etag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let part = StoredPart { etag: etag.ok_or(Denial::UpstreamMisbehaved)?, checksum };
        Ok(Stored { part, head })
    }

    /// Moves bytes as fast as the slower side goes.
    async fn pump(
        &self,
        reading: &mut Reading,
        target: &mut HttpSession,
        mut transit: Transit,
    ) -> Result<Sent, Stopped> {
        while let Some(piece) = reading.connection.read_response_body().await.map_err(Stopped::Source)? {
            self.progress.add(piece.len());
            let released = transit.push(piece).map_err(Stopped::Other)?;
            if !write(target, released).await? {
                return Ok(Sent::Refused);
            }
        }
        let (last, checksum) = transit.finish().map_err(Stopped::Other)?;
        Ok(if write(target, last).await? { Sent::Whole(checksum) } else { Sent::Refused })
    }

    async fn connect(&mut self, permit: &Permit) -> Result<(HttpSession, Box<HttpPeer>), Denial> {
        self.flight.facts.backend = Some(Arc::clone(&permit.backend().name));
        let connected = connect(self.gateway, permit, &self.flight.id, &mut self.flight.attempts.count).await;
        connected.inspect_err(|_| self.failed(permit, Failure::Connect))
    }

    /// As [`Self::refused`], of a write; where its bucket is instead is remembered for the next request.
    fn refused_write(&mut self, permit: &mut Permit, head: &ResponseHeader, told: &[u8]) -> Denial {
        if is_ambiguous(head.status.as_u16()) {
            let mut held = Held::new(head, permit);
            held.push(told);
            if let Meaning::Elsewhere(region) = held.judge(permit)
                && self.gateway.found(permit, &region)
            {
                return Denial::UpstreamElsewhere;
            }
        }
        self.refused(permit, head, told)
    }

    /// What the failure of a connection means.
    fn broken(&self, permit: &Permit, error: &Error) -> Denial {
        let (id, endpoint) = (&self.flight.id, &permit.upstream().endpoint);
        tracing::warn!(request_id = %id, %endpoint, kind = ?error.etype(), "a backend failed in the middle of a copy");
        let (failure, denial) = failure(error);
        self.failed(permit, failure);
        denial
    }

    fn now(&self) -> Timestamp {
        self.gateway.observer.clock.now()
    }
}

/// Sends a request without a body and waits for the head of its answer.
async fn begin(
    connection: &mut HttpSession,
    (head, peer): (RequestHeader, &HttpPeer),
    first_byte: Option<Duration>,
) -> pingora_error::Result<ResponseHeader> {
    connection.set_write_timeout(peer.options.write_timeout);
    connection.write_request_header(Box::new(head)).await?;
    connection.finish_request_body().await?;
    answer_head(connection, peer, first_byte).await
}

/// The whole answer to a write.
async fn hear(
    connection: &mut HttpSession,
    peer: &HttpPeer,
    (is_whole, first_byte): (bool, Option<Duration>),
) -> pingora_error::Result<(ResponseHeader, Bytes)> {
    if is_whole {
        connection.finish_request_body().await?;
    }
    let head = answer_head(connection, peer, first_byte).await?;
    Ok((head, answer_body(connection).await?))
}

/// False when the target takes no more.
async fn write(target: &mut HttpSession, bytes: Bytes) -> Result<bool, Stopped> {
    if bytes.is_empty() {
        return Ok(true);
    }
    match target.write_request_body(bytes, false).await {
        Ok(()) => Ok(true),
        Err(error) if *error.etype() == ErrorType::WriteTimedout => Err(Stopped::Target(error)),
        Err(_) => Ok(false),
    }
}
