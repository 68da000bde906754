//! Error answers that may be about OSP itself. Nothing of them goes to the client before their body has told whose business
//! they are: pingora is given an interim answer in their place, which it does not write, and an error at the end.

use http::{StatusCode, header};
use osp_core::Denial;
use osp_core::access::Permit;
use osp_core::model::Region;
use osp_core::s3::{ErrorBody, Meaning, Refusal};
use pingora_error::{Error, ErrorType};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use crate::flight::{AnswerBody, Flight};
use crate::gateway::{Gateway, stop};

pub use osp_core::s3::is_ambiguous;

/// An answer whose body is awaited.
#[derive(Debug, Default)]
pub struct Held {
    status: u16,
    region: Option<String>,
    code: Option<String>,
    body: ErrorBody,
}

impl Held {
    /// Reads the head of an answer to this permit.
    #[must_use]
    pub fn new(head: &ResponseHeader, permit: &Permit) -> Self {
        let status = head.status.as_u16();
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // beside a 400, the region that the request was signed for tells nothing
        let region = text("x-amz-bucket-region").filter(|region| status != 400 || region != permit.region());
        Self { status, region, code: text("x-minio-error-code"), body: ErrorBody::default() }
    }

    /// Feeds a piece of the body; false once nothing more is needed.
    pub fn push(&mut self, piece: &[u8]) -> bool {
        self.body.push(piece);
        !self.body.is_full()
    }

    /// What the answer means.
    #[must_use]
    pub fn judge(&self, permit: &Permit) -> Meaning {
        let credential = &permit.upstream().credential;
        let (is_temporary, is_personal) = (credential.may_expire(), credential.is_personal());
        let (region, code) = (self.region.as_deref(), self.code.as_deref());
        let refusal = Refusal { status: self.status, region, code, is_temporary, is_personal };
        self.body.judge(refusal, permit.operation(), permit.query())
    }

    /// The backend's own code, for the log.
    #[must_use]
    pub fn backend_code(&self) -> Option<String> {
        self.body.backend_code().or_else(|| self.code.clone())
    }
}

impl Gateway {
    /// Keeps an answer until its body has told, or judges it now if it has none.
    ///
    /// # Errors
    /// As [`Self::conclude`].
    pub(crate) fn hold(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        flight: &mut Flight,
    ) -> pingora_error::Result<()> {
        let held = match flight.passage() {
            Ok(passage) => Held::new(head, &passage.permit),
            Err(denial) => return Err(stop(flight, denial)),
        };
        let is_empty = |length: &http::HeaderValue| length.as_bytes().iter().all(|byte| *byte == b'0');
        let bodiless = flight.permitted().is_ok_and(|permit| permit.operation().method() == http::Method::HEAD);
        if bodiless || head.headers.get(header::CONTENT_LENGTH).is_some_and(is_empty) {
            return Err(self.conclude(&held, session, flight));
        }
        match flight.passage() {
            Ok(passage) => passage.answer = AnswerBody::Held(Box::new(held)),
            Err(denial) => return Err(stop(flight, denial)),
        }
        session.set_ignore_info_resp(true);
        head.set_status(StatusCode::PROCESSING)
    }

    /// Takes a piece of the body of an answer that is kept.
    ///
    /// # Errors
    /// As [`Self::conclude`], once the body has told.
    pub(crate) fn heard(
        &self,
        session: &Session,
        piece: &[u8],
        end: bool,
        flight: &mut Flight,
    ) -> pingora_error::Result<()> {
        let Ok(passage) = flight.passage() else { return Ok(()) };
        let AnswerBody::Held(held) = &mut passage.answer else { return Ok(()) };
        if held.push(piece) && !end {
            return Ok(());
        }
        let held = std::mem::take(held);
        passage.answer = AnswerBody::Pending;
        Err(self.conclude(&held, session, flight))
    }

    /// What becomes of the request: an error for the client, or the request once more, for the region that its bucket turned
    /// out to be in. A refused request has changed nothing, so any method may be repeated, but only once, and only with a
    /// body of which nothing is lost.
    fn conclude(&self, held: &Held, session: &Session, flight: &mut Flight) -> Box<Error> {
        flight.facts.backend_code = held.backend_code();
        let meaning = match flight.permitted() {
            Ok(permit) => held.judge(permit),
            Err(denial) => return stop(flight, denial),
        };
        match meaning {
            Meaning::Client(denial) => stop(flight, denial),
            Meaning::Gateway => stop(flight, Denial::UpstreamRefused),
            Meaning::Elsewhere(region) => {
                let first = !std::mem::replace(&mut flight.attempts.moved, true);
                let found = first && flight.passage().is_ok_and(|passage| self.found(&mut passage.permit, &region));
                if !found {
                    return stop(flight, Denial::UpstreamRefused);
                }
                if session.as_ref().retry_buffer_truncated() {
                    return stop(flight, Denial::UpstreamElsewhere);
                }
                flight.attempts.again = true;
                Error::new_up(ErrorType::HTTPStatus(held.status))
            }
        }
    }

    /// Remembers the region of a bucket and sends the request there; false when it was sent there already.
    pub(crate) fn found(&self, permit: &mut Permit, region: &Region) -> bool {
        let is_new = permit.relocate(region);
        if is_new {
            self.regions.learn(permit, region);
            let (route, backend, upstream) = (&permit.route().name, &permit.backend().name, permit.upstream());
            let (declared, region, endpoint) = (&upstream.region, region.as_str(), permit.endpoint());
            let what = "a bucket is in another region than its route says";
            tracing::warn!(%route, %backend, %declared, region, %endpoint, what);
        }
        is_new
    }
}
