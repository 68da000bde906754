//! Bodies both ways: the client's through its gate, the backend's through the rewriter; and what may be tried again.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use osp_core::Denial;
use osp_core::s3::{ErrorBody, ErrorContext, Kind, ResponseNames, ResponseXml, XmlDocument};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use crate::flight::{AnswerBody, Flight, Passage};
use crate::settings::{MAX_INTERIM, MIN_BODY_RATE, Settings};

/// Passes a piece of the client's body through the gate. What is held back leaves as an empty piece, never as no piece:
/// `None` would end a chunked upstream body.
///
/// # Errors
/// Those of [`osp_core::payload::Gate`].
pub fn release(body: &mut Option<Bytes>, end: bool, flight: &mut Flight) -> Result<(), Denial> {
    let passage = flight.passage()?;
    let Some(gate) = &mut passage.gate else {
        // nothing to prove: the framing said length 0, so more than that is a bug of somebody
        return if body.as_ref().is_none_or(Bytes::is_empty) { Ok(()) } else { Err(Denial::IncompleteBody) };
    };
    let piece = body.take().unwrap_or_default();
    let mut released = if piece.is_empty() { piece } else { gate.push(piece)? };
    if end {
        let tail = gate.finish()?;
        released = join(released, tail);
    }
    let seen = gate.decoded_bytes();
    *body = Some(released);
    flight.facts.bytes_in = Some(seen);
    Ok(())
}

/// How much longer than the piece that it comes with a rewritten piece usually is at most, in bytes: the beginning of a list
/// entry that was held back, and names that are longer than the backend's.
const REWRITING_ROOM: usize = 1024;

/// Turns a backend's answer head into the client's: names, identities and framing are OSP's; here, because pingora
/// decides the framing right after. `base_url` gives `scheme://authority` under which the client reached OSP; asked only
/// for documents that may name it.
///
/// # Errors
/// [`Denial::UpstreamMisbehaved`] for a success while the client's body is not proved (trap 4).
pub fn translate_head(
    head: &mut ResponseHeader,
    flight: &mut Flight,
    settings: &Settings,
    base_url: impl FnOnce() -> String,
) -> Result<(), Denial> {
    let id = flight.id.clone();
    let passage = flight.passage()?;
    let (status, permit) = (head.status, &passage.permit);
    let is_head = permit.operation().method() == Method::HEAD;
    if status.is_success() && !passage.is_body_proved() {
        return Err(Denial::UpstreamMisbehaved);
    }
    // the phrase, too, is the backend's: it is gone with the spelling of the names
    keep_only_known(head, &id, &settings.server_name)?;
    if permit.operation().kind() == Kind::HeadBucket {
        set(head, "x-amz-bucket-region", value(&settings.region)?)?;
    }
    let document = XmlDocument::of(permit.operation());
    let bodiless = is_head || status == StatusCode::NOT_MODIFIED;
    passage.answer = if bodiless || (status == StatusCode::NO_CONTENT && document.is_none()) {
        AnswerBody::Plain
    } else if status.as_u16() >= 300 {
        AnswerBody::Error(ErrorBody::default(), status.as_u16())
    } else if let Some(document) = document {
        let names = ResponseNames {
            mapping: Arc::clone(&permit.backend().mapping),
            key: permit.operation().key().map(|key| key.as_str().to_owned()),
            base_url: base_url(),
            query: permit.query().clone(),
            request_id: id,
        };
        AnswerBody::Xml(Box::new(ResponseXml::new(document, names)))
    } else {
        AnswerBody::Plain
    };
    refuse_absent_body(head, status, passage)?;
    if !matches!(passage.answer, AnswerBody::Plain) {
        // an error in the middle then shows as a missing last chunk, never as a clean end
        head.remove_header(&header::CONTENT_LENGTH);
        head.remove_header("content-md5");
        set(head, "content-type", HeaderValue::from_static("application/xml"))?;
    }
    Ok(())
}

/// Passes a piece of the backend's body on, rewritten where the document needs it.
///
/// # Errors
/// [`Denial::UpstreamMisbehaved`] for a document that is not what it should be.
pub fn translate_body(body: &mut Option<Bytes>, end: bool, flight: &mut Flight) -> Result<(), Denial> {
    let piece = body.take().unwrap_or_default();
    let out = match &mut flight.passage()?.answer {
        AnswerBody::Plain => piece,
        AnswerBody::Xml(rewriter) => {
            let mut out = Vec::with_capacity(piece.len() + REWRITING_ROOM);
            rewriter.push(&piece, &mut out)?;
            if end {
                rewriter.finish(&mut out)?;
                let code = rewriter.embedded_error().map(str::to_owned);
                flight.facts.backend_code = code;
            }
            out.into()
        }
        AnswerBody::Error(collected, status) => {
            collected.push(&piece);
            let (collected, status) = (end.then(|| std::mem::take(collected)), *status);
            collected.map_or_else(|| Ok(Bytes::new()), |collected| finish_error(collected, status, flight))?
        }
        AnswerBody::Pending => return Err(Denial::Internal("an answer's body came before its head")),
        // nothing before the whole is known, and nothing after
        AnswerBody::Held(_) | AnswerBody::Ended => Bytes::new(),
    };
    *body = Some(out);
    Ok(())
}

/// The client's body for the error that the backend has now told in full.
fn finish_error(collected: ErrorBody, status: u16, flight: &mut Flight) -> Result<Bytes, Denial> {
    flight.passage()?.answer = AnswerBody::Ended;
    flight.facts.backend_code = collected.backend_code();
    let resource = flight.facts.resource();
    let context = ErrorContext { resource: &resource, request_id: &flight.id };
    Ok(collected.finish(status, flight.permitted()?.operation(), context).into())
}

/// The least that a client must send once it has had the time of a whole `stall`: slower ones hold a backend connection for
/// days (fault R).
///
/// # Errors
/// [`Denial::RequestTimeout`] below [`MIN_BODY_RATE`].
pub fn demand_rate(flight: &Flight, now: Duration, stall: Duration) -> Result<(), Denial> {
    let elapsed = now.saturating_sub(flight.started);
    let seen = flight.facts.bytes_in.unwrap_or(0);
    let too_slow = elapsed > stall && seen < elapsed.as_secs() * MIN_BODY_RATE;
    if too_slow { Err(Denial::RequestTimeout) } else { Ok(()) }
}

/// True when sending the request again, after it may have reached the backend, does no harm: the operation changes
/// nothing. Writes are the client's to repeat, also those that pingora calls idempotent.
#[must_use]
pub fn may_retry(flight: &Flight) -> bool {
    flight.denial.is_none() && flight.permitted().is_ok_and(|permit| permit.operation().is_replayable())
}

/// Keeps an interim answer (1xx) from the client: it invites its body itself, and needs nothing else of the kind. Pingora
/// writes none on HTTP/2.
///
/// # Errors
/// [`Denial::UpstreamMisbehaved`] for another protocol, and for more of them than any server has a reason for.
pub fn pass_over(head: &mut ResponseHeader, session: &mut Session, flight: &mut Flight) -> Result<(), Denial> {
    flight.attempts.interim += 1;
    if head.status == StatusCode::SWITCHING_PROTOCOLS || flight.attempts.interim > MAX_INTERIM {
        return Err(Denial::UpstreamMisbehaved);
    }
    session.set_ignore_info_resp(true);
    *head = ResponseHeader::build_no_case(head.status, None).map_err(|_| Denial::Internal("no head for a status"))?;
    Ok(())
}

/// Answer headers that clients may see; everything else is the backend's own business (B-4).
const PASSED_ON: [&str; 17] = [
    "accept-ranges",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "transfer-encoding",
    "vary",
];

/// The same of `x-amz-*`, by what follows: what is about the object and names nothing of the backend.
const PASSED_ON_AMZ: [&str; 22] = [
    "abort-date",
    "abort-rule-id",
    "checksum-type",
    "copy-source-version-id",
    "delete-marker",
    "expiration",
    "missing-meta",
    "mp-parts-count",
    "object-lock-legal-hold",
    "object-lock-mode",
    "object-lock-retain-until-date",
    "object-size",
    "replication-status",
    "request-charged",
    "restore",
    "server-side-encryption",
    "server-side-encryption-bucket-key-enabled",
    "server-side-encryption-customer-algorithm",
    "server-side-encryption-customer-key-md5",
    "storage-class",
    "tagging-count",
    "version-id",
];

fn is_known(name: &str) -> bool {
    match name.strip_prefix("x-amz-") {
        Some(rest) => PASSED_ON_AMZ.contains(&rest) || rest.starts_with("meta-") || rest.starts_with("checksum-"),
        None => PASSED_ON.contains(&name),
    }
}

/// A body that has to be rewritten must be there: pingora calls no body filter for `Content-Length: 0`, so an error
/// would go out without its XML, and a success of which nothing is known would look like one (trap 10).
fn refuse_absent_body(head: &ResponseHeader, status: StatusCode, passage: &Passage) -> Result<(), Denial> {
    let absent = status == StatusCode::NO_CONTENT
        || head.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == b"0");
    match &passage.answer {
        AnswerBody::Xml(_) if absent => Err(Denial::UpstreamMisbehaved),
        AnswerBody::Error(..) if absent => Err(ErrorBody::absent(status.as_u16(), passage.permit.operation())),
        _ => Ok(()),
    }
}

/// Headers that OSP puts its own values into, whatever the backend sent.
pub(crate) const OWN: [HeaderName; 3] =
    [HeaderName::from_static("x-amz-request-id"), HeaderName::from_static("x-amz-id-2"), header::SERVER];

/// Removes what clients may not see and writes [`OWN`] over the backend's. The names lose the backend's spelling, which is
/// its own business as well: pingora keeps it in a second map that every change would have to look into.
fn keep_only_known(head: &mut ResponseHeader, id: &str, server_name: &str) -> Result<(), Denial> {
    let (id, server) = (value(id)?, value(server_name)?);
    let (blank, ()) = http::Response::new(()).into_parts();
    let mut parts = http::response::Parts::from(std::mem::replace(head, blank.into()));
    let keeps = |name: &&HeaderName| is_known(name.as_str()) || OWN.contains(name);
    let unknown: Vec<HeaderName> = parts.headers.keys().filter(|name| !keeps(name)).cloned().collect();
    for name in unknown {
        parts.headers.remove(name);
    }
    for (name, value) in OWN.into_iter().zip([id.clone(), id, server]) {
        parts.headers.insert(name, value);
    }
    *head = parts.into();
    Ok(())
}

/// Names are given as text: pingora reads a [`HeaderName`] anew all the same, after it has copied it.
fn set(head: &mut ResponseHeader, name: &'static str, value: HeaderValue) -> Result<(), Denial> {
    head.insert_header(name, value).map_err(|_| UNWRITABLE)
}

fn value(text: &str) -> Result<HeaderValue, Denial> {
    HeaderValue::from_str(text).map_err(|_| UNWRITABLE)
}

const UNWRITABLE: Denial = Denial::Internal("an answer header could not be written");

fn join(first: Bytes, second: Bytes) -> Bytes {
    if first.is_empty() {
        return second;
    }
    if second.is_empty() {
        return first;
    }
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(&first);
    both.extend_from_slice(&second);
    both.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_4_only_known_headers_reach_clients() {
        let mut head = ResponseHeader::build(200, None).unwrap();
        head.set_reason_phrase(Some("Secret")).unwrap();
        for (name, value) in [
            ("ETAG", "\"a\""),
            ("x-amz-meta-a", "b"),
            ("x-amz-id-2", "secret"),
            ("server", "secret"),
            ("set-cookie", "a=b"),
            ("x-rgw-object-type", "Normal"),
            ("location", "http://backend/"),
            ("x-amz-bucket-region", "backend-region"),
            ("x-amz-error-message", "real-bucket is private"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-de:1:key/2"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("alt-svc", "h3"),
            ("server", "secret again"),
        ] {
            head.append_header(name, value).unwrap();
        }
        let before = head.headers.clone();
        keep_only_known(&mut head, "ID", "OSP\n").unwrap_err();
        assert_eq!(head.headers, before, "all of it or nothing");
        keep_only_known(&mut head, "ID", "OSP").unwrap();
        let mut left: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["etag", "server", "x-amz-checksum-crc32", "x-amz-id-2", "x-amz-meta-a", "x-amz-request-id"]);
        for (own, value) in [("server", "OSP"), ("x-amz-id-2", "ID"), ("x-amz-request-id", "ID")] {
            assert_eq!(head.headers.get_all(own).iter().collect::<Vec<_>>(), [value], "none of the backend's {own}");
        }
        assert_eq!((head.status.as_u16(), head.get_reason_phrase()), (200, Some("OK")));
        let mut wire = Vec::new();
        head.header_to_h1_wire(&mut wire);
        let wire = String::from_utf8(wire).unwrap();
        assert!(wire.contains("etag: \"a\"\r\n") && !wire.contains("ETAG"), "nor its spelling: {wire}");
    }
}
