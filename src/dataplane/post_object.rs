//! Uploads by a form, from the head to the answer. The body has been begun when its sender is known, so pingora cannot
//! forward it: OSP makes the request to the backend itself and streams the file into it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, header};
use osp_core::Denial;
use osp_core::access::Permit;
use osp_core::s3::{FormReader, Meaning, RawHead, Receipt, Target, Told, is_ambiguous};
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use crate::attempt::Failure;
use crate::client::{base_url, invite_body, is_tls};
use crate::cors;
use crate::exchange;
use crate::flight::{AnswerBody, Flight};
use crate::gateway::Gateway;
use crate::refusal::Held;
use crate::respond::Answer;
use crate::settings::EXCHANGE_TIME;
use crate::stage::{form, forward, listener, route, sign};

/// What every such upload is called in the log: it was read from a form before anything else is known of it.
const POST_OBJECT: &str = "PostObject";

/// Largest file that is sent again when its bucket turns out to be in another region: as much as pingora keeps of other bodies.
const KEPT_BYTES: usize = 64 << 10;

/// A form whose policy allows it and whose sender may store its file.
pub(crate) struct Posted {
    permit: Permit,
    receipt: Receipt,
    /// The beginning of the file, as far as it came with the fields.
    begun: Bytes,
}

/// What the backend was sent, as long as it is little.
struct Sent {
    bytes: BytesMut,
    is_kept: bool,
}

impl Default for Sent {
    fn default() -> Self {
        Self { bytes: BytesMut::new(), is_kept: true }
    }
}

impl Sent {
    fn keep(&mut self, piece: &[u8]) {
        self.is_kept &= self.bytes.len() + piece.len() <= KEPT_BYTES;
        if self.is_kept {
            self.bytes.extend_from_slice(piece);
        } else {
            self.bytes = BytesMut::new();
        }
    }
}

impl Gateway {
    /// Fields -> proof -> decision; the way to a permit for what has nothing but a form to show.
    pub(crate) async fn admit_form(
        &self,
        session: &mut Session,
        flight: &mut Flight,
        (head, target, content_length): (RawHead, &Target, Option<u64>),
    ) -> Result<Posted, Denial> {
        flight.facts.operation = Some(POST_OBJECT);
        let reader = FormReader::new(&head, target, content_length)?;
        if listener::expects_continue(&head) {
            invite_body(session).await?;
        }
        let secure = is_tls(session);
        flight.head = Some(head);
        let (form, begun) = form::fields(session, reader, self.settings.client.stall).await?;
        // The time is that of the whole form, and so is the table: meanwhile its policy may have expired, and its sender's
        // secret or grant may be gone (C-3, K08).
        let now = self.observer.clock.now();
        let table = self.table.pin().ok_or(Denial::NotReady)?;
        let lookup = self.key_lookup.as_deref();
        let proved = form::verify((form, target), &table, lookup, now, &mut flight.facts).await?;
        cors::note_sender(target, &table, flight);
        let (permit, receipt) = form::decide(proved, (target, secure), &table, &*self.hooks, &mut flight.facts).await?;
        Ok(Posted { permit, receipt, begun })
    }

    /// Streams the file to the backend and says how that ended. Whatever is wrong with the body, the backend gets a short
    /// one: the gate keeps the last bytes until everything is proved (trap 4).
    ///
    /// # Errors
    /// Those of the gate and of [`exchange::connect`]; `Upstream*` when the backend fails.
    pub(crate) async fn post_object(
        &self,
        session: &mut Session,
        flight: &mut Flight,
        posted: Posted,
    ) -> Result<Answer, Denial> {
        let Posted { mut permit, receipt, begun } = posted;
        self.regions.apply(&mut permit);
        let before_sending = permit.proves_before_sending();
        flight.permit(permit);
        flight.passage()?.renew_gate();
        let mut file = Some(begun);
        let mut sent = Sent::default();
        if before_sending {
            // an empty file: the backend would have all of it before the proof
            self.pass(session, flight, (None, &mut sent), &mut file).await?;
        }
        let (mut backend, peer) = self.open(flight).await?;
        let whole = before_sending || self.pass(session, flight, (Some(&mut backend), &mut sent), &mut file).await?;
        let told = match self.finish_upload(session, flight, (backend, &peer), whole).await {
            // refused for its region, it has stored nothing yet
            Err(Denial::UpstreamElsewhere) if whole && sent.is_kept => {
                let (mut backend, peer) = self.open(flight).await?;
                if !sent.bytes.is_empty() {
                    let written = backend.write_request_body(sent.bytes.freeze(), false).await;
                    written.map_err(|error| self.broken(flight, &error))?;
                }
                self.finish_upload(session, flight, (backend, &peer), true).await
            }
            told => told,
        };
        let (head, body) = told?;
        Ok(answer(head, body, |etag| receipt.tell(&base_url_of(session, flight), etag)))
    }

    /// Connects to the backend and sends the head of its request.
    async fn open(&self, flight: &mut Flight) -> Result<(HttpSession, Box<HttpPeer>), Denial> {
        let mut count = flight.attempts.count;
        flight.facts.backend = Some(Arc::clone(&flight.permitted()?.backend().name));
        let connected = exchange::connect(self, flight.permitted()?, &flight.id, &mut count).await;
        flight.attempts.count = count;
        let (mut backend, peer) = connected.inspect_err(|_| self.failed(flight, Failure::Connect))?;
        let permit = flight.permitted()?;
        let (body, now) = (sign::Body::of(permit), self.observer.clock.now());
        let head = sign::regenerate(permit, body, &self.signer, now).await?;
        backend.set_write_timeout(peer.options.write_timeout);
        match backend.write_request_header(Box::new(head)).await {
            Ok(()) => Ok((backend, peer)),
            Err(error) => Err(self.broken(flight, &error)),
        }
    }

    /// Passes the client's body through the gate to its end; what is released goes to the backend. Without one, nothing may
    /// be released: that is an empty file. `false` when the backend takes no more of it: then its answer says why.
    async fn pass(
        &self,
        session: &mut Session,
        flight: &mut Flight,
        (mut backend, sent): (Option<&mut HttpSession>, &mut Sent),
        begun: &mut Option<Bytes>,
    ) -> Result<bool, Denial> {
        let stall = self.settings.client.stall;
        let mut piece = begun.take();
        loop {
            let end = piece.is_none();
            forward::release(&mut piece, end, flight)?;
            if !end {
                forward::demand_rate(flight, self.observer.clock.monotonic(), stall)?;
            }
            let released = piece.take().unwrap_or_default();
            if !released.is_empty() {
                let backend = backend.as_deref_mut().ok_or(Denial::Internal("an empty file has bytes"))?;
                sent.keep(&released);
                match backend.write_request_body(released, false).await {
                    Ok(()) => {}
                    Err(error) if *error.etype() == ErrorType::WriteTimedout => return Err(self.broken(flight, &error)),
                    Err(_) => return Ok(false),
                }
            }
            if end {
                return Ok(true);
            }
            piece = match pingora_timeout::timeout(stall, session.read_request_body()).await {
                Ok(Ok(piece)) => piece,
                Ok(Err(error)) => return Err(form::broken(&error)),
                Err(_) => return Err(Denial::RequestTimeout),
            };
        }
    }

    /// Ends the backend's request, if it got the `whole` of it, and reads its answer, which comes back as the client may see
    /// it. The body is empty after a success: the receipt takes its place.
    async fn finish_upload(
        &self,
        session: &Session,
        flight: &mut Flight,
        (mut backend, peer): (HttpSession, &HttpPeer),
        whole: bool,
    ) -> Result<(ResponseHeader, Bytes), Denial> {
        let first_byte = route::first_byte(flight.permitted()?.upstream());
        let exchanged = async {
            if whole {
                backend.finish_request_body().await?;
            }
            let head = exchange::answer_head(&mut backend, peer, first_byte).await?;
            let answered = self.observer.clock.monotonic();
            Ok::<_, Box<Error>>((head, answered, exchange::answer_body(&mut backend).await?))
        };
        // a backend that drips is never silent
        let limit = EXCHANGE_TIME + first_byte.or(peer.options.read_timeout).unwrap_or_default();
        let exchanged = match pingora_timeout::timeout(limit, exchanged).await {
            Ok(exchanged) => exchanged,
            Err(_) => Error::e_explain(ErrorType::ReadTimedout, "the answer does not end"),
        };
        let (mut head, answered, told) = exchanged.map_err(|error| self.broken(flight, &error))?;
        flight.facts.backend_answered = Some(answered);
        if whole {
            exchange::release(&self.connector, backend, peer).await;
        }
        // writes are the client's to repeat: this only tells the metrics
        let _ = self.is_worth_another_try(flight, head.status.as_u16());
        if is_ambiguous(head.status.as_u16()) {
            return Err(self.refused(flight, &head, &told)?);
        }
        let url = base_url_of(session, flight);
        forward::translate_head(&mut head, flight, &self.settings, || url)?;
        let mut body = Some(told);
        forward::translate_body(&mut body, true, flight)?;
        let is_error = matches!(flight.passage()?.answer, AnswerBody::Ended);
        Ok((head, body.filter(|_| is_error).unwrap_or_default()))
    }

    /// Whose business an answer is that may be about OSP itself. [`Denial::UpstreamElsewhere`] when the bucket has turned out to
    /// be in another region: the permit now leads there, and so does that of the next form.
    fn refused(&self, flight: &mut Flight, head: &ResponseHeader, told: &[u8]) -> Result<Denial, Denial> {
        let first = !std::mem::replace(&mut flight.attempts.moved, true);
        let permit = &mut flight.passage()?.permit;
        let mut held = Held::new(head, permit);
        held.push(told);
        let denial = match held.judge(permit) {
            Meaning::Client(denial) => denial,
            Meaning::Elsewhere(region) if first && self.found(permit, &region) => Denial::UpstreamElsewhere,
            Meaning::Elsewhere(_) | Meaning::Gateway => Denial::UpstreamRefused,
        };
        flight.facts.backend_code = held.backend_code();
        Ok(denial)
    }

    /// What a failure of the backend's connection means.
    fn broken(&self, flight: &mut Flight, error: &Error) -> Denial {
        tracing::warn!(request_id = %flight.id, kind = ?error.etype(), "an upload to a backend failed");
        let (failure, denial) = exchange::failure(error);
        self.failed(flight, failure);
        denial
    }
}

fn base_url_of(session: &Session, flight: &Flight) -> String {
    let label = flight.facts.bucket.as_ref().filter(|_| flight.facts.virtual_host);
    base_url(session, flight.head.as_ref(), label)
}

/// The answer for the client: of a success what the form asked for, of an error what has become of the backend's. `head` has
/// nothing in it but what clients may see.
fn answer(head: ResponseHeader, body: Bytes, tell: impl FnOnce(&str) -> Told) -> Answer {
    if !head.status.is_success() {
        return Answer::new(head.status.as_u16(), body.into());
    }
    let etag = head.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
    let Told { status, location, body } = tell(etag);
    let about_object = |name: &HeaderName| {
        *name == header::ETAG || (name.as_str().starts_with("x-amz-") && !forward::OWN.contains(name))
    };
    let kept = head.headers.iter().filter(|(name, _)| about_object(name));
    let headers: Vec<(HeaderName, HeaderValue)> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    Answer { headers, location: Some(location), ..Answer::new(status, body) }
}
