//! An answer that takes long: 200 and white space until its end is known, as S3 does it (trap 10), so that nobody on the way
//! takes the silence for a failure.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Version, header};
use osp_core::Denial;
use osp_core::s3::{ErrorContext, XML_DECLARATION, late_error_xml};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::{Answer, answer, deny, mark, own_head};
use crate::flight::Flight;
use crate::settings::DRAIN_TIME;
use crate::stage::Observer;

/// How long a client hears nothing: well below the shortest time-out of a client or proxy (10 s). What ends before has a
/// status and headers of its own.
pub const SILENCE: Duration = Duration::from_secs(3);

/// An XML document without its declaration, and headers that go with it.
pub type Document = (Vec<u8>, Vec<(HeaderName, HeaderValue)>);

/// An answer that may have to begin before it is known.
#[derive(Debug)]
pub struct Late<'a> {
    observer: &'a Observer,
    /// What is known of it from the beginning.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The head with which it begins; `None` once it has begun.
    head: Option<Box<ResponseHeader>>,
}

impl<'a> Late<'a> {
    /// Nothing has been sent yet.
    ///
    /// # Errors
    /// A header cannot be written.
    pub fn new(flight: &Flight, observer: &'a Observer, headers: Vec<(HeaderName, HeaderValue)>) -> Result<Self> {
        let mut head = own_head(200, &flight.id, observer)?;
        for (name, value) in &headers {
            head.append_header(name.clone(), value.clone())?;
        }
        mark(&mut head, flight);
        head.insert_header(header::CONTENT_TYPE, "application/xml")?;
        Ok(Self { observer, headers, head: Some(Box::new(head)) })
    }

    /// The monotonic clock.
    pub fn now(&self) -> Duration {
        self.observer.clock.monotonic()
    }

    /// Breaks the silence: with the head and the declaration of the document, then with white space.
    ///
    /// # Errors
    /// The client is gone, or takes nothing.
    pub async fn breathe(&mut self, session: &mut Session) -> Result<()> {
        let Some(mut head) = self.head.take() else {
            return send(session, Bytes::from_static(b" "), false).await;
        };
        if !session.is_http2() && session.req_header().version == Version::HTTP_11 {
            head.insert_header(header::TRANSFER_ENCODING, "chunked")?;
        } else if !session.is_http2() {
            // then the end of the connection is the end of the answer
            session.set_keepalive(None);
        }
        let limit = limit(session);
        let sent = pingora_timeout::timeout(limit, session.write_response_header(head, false)).await;
        sent.map_err(|_| Error::new_down(ErrorType::WriteTimedout))??;
        send(session, Bytes::from_static(XML_DECLARATION.as_bytes()), false).await
    }

    /// Says how it ended: with a document without a declaration and the headers that go with it, or with an error. Returns
    /// `true`: the answer is sent.
    ///
    /// # Errors
    /// As [`Self::breathe`].
    pub async fn end(
        self,
        session: &mut Session,
        flight: &mut Flight,
        outcome: std::result::Result<Document, Denial>,
    ) -> Result<bool> {
        let Self { observer, headers, head } = self;
        let has_begun = head.is_none();
        match outcome {
            Ok((document, _)) if has_begun => send(session, document.into(), true).await?,
            Ok((document, more)) => {
                let body = [XML_DECLARATION.as_bytes(), &document].concat();
                let headers = headers.into_iter().chain(more).collect();
                return answer(session, flight, Answer { headers, ..Answer::new(200, body) }, observer).await;
            }
            Err(denial) if has_begun => {
                let context = ErrorContext { resource: &flight.facts.resource(), request_id: &flight.id };
                let document = late_error_xml(&denial, context);
                flight.denial = Some(denial);
                send(session, document.into(), true).await?;
            }
            Err(denial) => return deny(session, flight, denial, observer).await,
        }
        Ok(true)
    }
}

async fn send(session: &mut Session, bytes: Bytes, is_last: bool) -> Result<()> {
    // HTTP/2 does not apply it by itself
    let limit = limit(session);
    let sent = pingora_timeout::timeout(limit, session.write_response_body(Some(bytes), is_last)).await;
    sent.map_err(|_| Error::new_down(ErrorType::WriteTimedout))?
}

fn limit(session: &Session) -> Duration {
    session.get_write_timeout().unwrap_or(DRAIN_TIME)
}
