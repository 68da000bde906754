//! Copies from one storage backend to another, from the plan to the answer: OSP reads the source and writes the target, every
//! request under a permit that the one decision about the copy gave. Memory: two pieces of a body.

mod progress;
mod transfer;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use osp_core::access::{PendingCopy, Permit, PlannedCopy, StoredPart};
use osp_core::s3::{ErrorBody, Meaning, is_ambiguous, upload_id, upload_result};
use osp_core::{CopyFault, Denial};
use pingora_error::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use self::progress::Progress;
use self::transfer::{Reading, Stored, modified};
use crate::attempt::Failure;
use crate::exchange::{Answered, attempts, send};
use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::refusal::Held;
use crate::respond::{self, Document, Late, SILENCE};
use crate::settings::COPY_TIME;

/// What of a target's answer is about the new object, and the client's business.
const TOLD: [&str; 6] = [
    "x-amz-expiration",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key-md5",
    "x-amz-version-id",
];

/// What one copy is made with.
struct Copier<'a> {
    gateway: &'a Gateway,
    flight: &'a mut Flight,
    progress: &'a Progress,
}

/// Makes the copy and answers. Returns `true`: the answer is sent, or nobody is left who waits for it.
///
/// # Errors
/// The client cannot be answered.
pub async fn copy(gateway: &Gateway, session: &mut Session, flight: &mut Flight, copy: PendingCopy) -> Result<bool> {
    flight.facts.allowed = true;
    let Ok(_place) = gateway.copies.try_acquire() else {
        return respond::deny(session, flight, CopyFault::TooMany.into(), &gateway.observer).await;
    };
    let deadline = gateway.observer.clock.monotonic() + COPY_TIME;
    let progress = Progress::default();
    let planned = Copier { gateway, flight, progress: &progress }.plan(copy).await;
    let mut planned = match planned {
        Ok(planned) => planned,
        Err(denial) => return respond::deny(session, flight, denial, &gateway.observer).await,
    };
    let version = planned.source_version().cloned();
    let headers = version.map(|version| (HeaderName::from_static("x-amz-copy-source-version-id"), version));
    let late = Late::new(flight, &gateway.observer, headers.into_iter().collect())?;
    let mut client = Client { session, late, progress: &progress, deadline };
    let outcome = client.attend(Copier { gateway, flight, progress: &progress }.make(&mut planned)).await;
    if let Some(upload) = progress.unfinished() {
        // nothing else would ever take away what is stored of it
        progress.enter();
        client.attend(Copier { gateway, flight, progress: &progress }.give_up(&planned, &upload)).await;
    }
    if let Some((_, bytes)) = &mut flight.facts.copied {
        *bytes = progress.bytes();
    }
    let Client { session, late, .. } = client;
    let stopped = progress.stopped().unwrap_or(Denial::Internal("a copy ended without a word"));
    if stopped == Denial::ClientGone {
        session.set_keepalive(None);
        flight.denial = Some(stopped);
        return Ok(true);
    }
    if gateway.is_draining() {
        session.set_keepalive(None);
    }
    late.end(session, flight, outcome.unwrap_or(Err(stopped))).await
}

/// Who waits for the copy.
struct Client<'a> {
    session: &'a mut Session,
    late: Late<'a>,
    progress: &'a Progress,
    /// On the monotonic clock.
    deadline: Duration,
}

impl Client<'_> {
    /// Does some work, and tells the client now and then that it goes on. Stops when the client is gone or the time is over,
    /// unless the work is at a point where nobody could clean up after it. `None` = it was stopped.
    async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let Self { session, late, progress, deadline } = self;
        let mut work = pin!(work);
        while progress.stopped().is_none() {
            tokio::select! {
                done = &mut work => return Some(done),
                // the request has no body: all that can come is the end of the connection
                _ = session.read_body_or_idle(true) => progress.stop(Denial::ClientGone),
                () = tokio::time::sleep(SILENCE) => {
                    if late.breathe(session).await.is_err() {
                        progress.stop(Denial::ClientGone);
                    } else if late.now() > *deadline {
                        progress.stop(Denial::UpstreamTimeout);
                    }
                }
            }
        }
        if progress.must_go_on() { Some(work.await) } else { None }
    }
}

impl Copier<'_> {
    /// Looks at the source.
    async fn plan(mut self, copy: PendingCopy) -> std::result::Result<PlannedCopy, Denial> {
        let permit = copy.look()?.into_permit();
        self.flight.facts.copied = Some((Arc::clone(&permit.backend().name), 0));
        let (_, answered) = self.ask(permit, Bytes::new()).await?;
        copy.plan(&answered.head.headers)
    }

    /// Makes the whole copy: in one request, or as an upload in parts.
    async fn make(mut self, planned: &mut PlannedCopy) -> std::result::Result<Document, Denial> {
        let first = self.open(planned, 0).await?;
        if planned.needs_tags(&first.head.headers) {
            let (_, answered) = self.ask(planned.read_tags()?.into_permit(), Bytes::new()).await?;
            planned.take_tags(&answered.body)?;
        }
        if planned.pieces() > 1 {
            return self.make_of_parts(planned, first).await;
        }
        let stored = self.carry((planned, 0), first, planned.put()?).await?;
        let checksum = stored.part.checksum.as_deref();
        let document = planned.result(&stored.part.etag, self.modified(&stored.head), checksum);
        Ok((document, about_object(&stored.head)))
    }

    async fn make_of_parts(mut self, planned: &PlannedCopy, first: Reading) -> std::result::Result<Document, Denial> {
        self.progress.enter();
        let (_, created) = self.ask(planned.create()?.into_permit(), Bytes::new()).await?;
        let upload = upload_id(&created.body)?;
        self.progress.begun(&upload);
        let mut parts: Vec<StoredPart> = Vec::with_capacity(planned.pieces().into());
        let mut first = Some(first);
        for index in 0..planned.pieces() {
            self.progress.check()?;
            let reading = match first.take() {
                Some(first) => first,
                None => self.open(planned, index).await?,
            };
            let Stored { part, .. } = self.carry((planned, index), reading, planned.part(&upload, index)?).await?;
            parts.push(part);
        }
        // from here on it is the target that knows whether there is a new object
        self.progress.enter();
        let (permit, document) = planned.complete(&upload, &parts)?;
        let (permit, completed) = self.ask(permit.into_permit(), document.into()).await?;
        let etag = upload_result(&completed.body, permit.operation())?;
        self.progress.finished();
        let document = planned.result(&etag, self.modified(&completed.head), None);
        Ok((document, about_object(&completed.head)))
    }

    /// Gives up the upload that OSP began.
    async fn give_up(mut self, planned: &PlannedCopy, upload: &str) {
        let told = self.flight.facts.backend_code.take();
        let given_up = match planned.abort(upload) {
            Ok(permit) => self.ask(permit.into_permit(), Bytes::new()).await.map(drop),
            Err(denial) => Err(denial),
        };
        // what the log says is why the copy failed
        self.flight.facts.backend_code = told;
        // the target may have completed it although its answer was lost
        if let Err(denial) =
            given_up.or_else(|denial| if denial.row().code == "NoSuchUpload" { Ok(()) } else { Err(denial) })
        {
            let (id, reason) = (&self.flight.id, denial.row().reason);
            tracing::warn!(request_id = %id, reason, "an upload could not be given up: its parts stay at the backend");
        }
    }

    /// Sends a small request; once more if its bucket turns out to be in another region, since it has changed nothing then.
    async fn ask(&mut self, mut permit: Permit, body: Bytes) -> std::result::Result<(Permit, Answered), Denial> {
        self.gateway.regions.apply(&mut permit);
        let mut answered = match send(self.gateway, &permit, body.clone(), self.flight).await {
            // a kept connection may end at any time, and reading changes nothing
            Err(Denial::UpstreamMisbehaved)
                if permit.operation().is_replayable() && attempts(self.gateway, &permit) > 1 =>
            {
                send(self.gateway, &permit, body.clone(), self.flight).await?
            }
            answered => answered?,
        };
        if let Some(Meaning::Elsewhere(region)) = answered.meaning(&permit)
            && self.gateway.found(&mut permit, &region)
        {
            answered = send(self.gateway, &permit, body, self.flight).await?;
        }
        if (200..300).contains(&answered.status()) {
            return Ok((permit, answered));
        }
        Err(self.refused(&permit, &answered.head, &answered.body))
    }

    /// What the refusal of a backend means to the client.
    fn refused(&mut self, permit: &Permit, head: &ResponseHeader, body: &[u8]) -> Denial {
        let status = head.status.as_u16();
        if matches!(status, 500 | 502 | 503 | 504) {
            self.failed(permit, Failure::Status);
        }
        let mut held = Held::new(head, permit);
        held.push(body);
        self.flight.facts.backend_code = held.backend_code();
        if is_ambiguous(status) {
            return match held.judge(permit) {
                Meaning::Client(denial) => denial,
                Meaning::Elsewhere(_) | Meaning::Gateway => Denial::UpstreamRefused,
            };
        }
        let mut error = ErrorBody::default();
        error.push(body);
        if status >= 402 { error.denial(status, permit.operation()) } else { Denial::UpstreamMisbehaved }
    }

    /// A backend did not do its part.
    fn failed(&self, permit: &Permit, failure: Failure) {
        self.gateway.observer.metrics.failed(Some(&permit.route().bucket), &permit.backend().name, failure);
    }

    /// When the target says that it has stored the object.
    fn modified(&self, head: &ResponseHeader) -> osp_core::Timestamp {
        modified(head).unwrap_or_else(|| self.gateway.observer.clock.now())
    }
}

fn about_object(head: &ResponseHeader) -> Vec<(HeaderName, HeaderValue)> {
    let told = head.headers.iter().filter(|(name, _)| TOLD.contains(&name.as_str()));
    told.map(|(name, value)| (name.clone(), value.clone())).collect()
}
