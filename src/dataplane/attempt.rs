//! One attempt after the other: which backend a request goes to, what it tells about that backend, and whether it is
//! tried again.

use std::sync::Arc;
use std::time::Duration;

use osp_core::Denial;
use osp_core::table::{Admission, Change, Outcome, ServedBackend, Tried, choose};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorSource, ErrorType};

use crate::first_byte::Timer;
use crate::flight::Flight;
use crate::gateway::{Gateway, stop};
use crate::stage::{forward, route};

/// Answers that another attempt may better (kubernetes.md 2.3): what S3 servers say when they are overloaded or broken.
/// `SlowDown` is a 503. 501 and the like are about the request.
const WORTH_ANOTHER_TRY: [u16; 4] = [500, 502, 503, 504];

/// What a request knows of its attempts.
#[derive(Debug, Default)]
pub struct Attempts {
    /// How many there were.
    pub count: usize,
    tried: Tried,
    /// How the running attempt came to its backend, until the attempt has told something.
    admission: Option<Admission>,
    /// The answer that just came is not passed on: the request is tried again.
    pub(crate) again: bool,
    /// The backend has named the region of its bucket: it may do so once.
    pub(crate) moved: bool,
    /// Interim answers (1xx) that were passed over.
    pub(crate) interim: usize,
    /// The socket of the running attempt, when it has a time-out of its own for the first byte.
    pub socket: Option<Arc<std::net::TcpStream>>,
    /// The running time-out for the first byte.
    pub timer: Option<Timer>,
}

/// Kinds of failures, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Broken,
    /// 500, 502, 503 or 504.
    Status,
}

impl Failure {
    /// Value of the `kind` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Status => "status",
        }
    }
}

impl Gateway {
    /// The peer of the next attempt. A backend that cannot be resolved is a failed attempt.
    pub(crate) async fn next_peer(&self, flight: &mut Flight) -> pingora_error::Result<Box<HttpPeer>> {
        let previous = flight.attempts.count;
        flight.attempts.count += 1;
        self.aim(flight).map_err(|denial| stop(flight, denial))?;
        if previous > 0 {
            self.wait(flight).await;
        }
        let peer = match flight.permitted() {
            Ok(permit) => route::peer(permit, &*self.resolver, &self.egress, &self.settings, previous).await,
            Err(denial) => Err(denial),
        };
        match peer {
            Ok(peer) => Ok(peer),
            Err(denial @ (Denial::UpstreamUnreachable | Denial::RouteBroken)) => {
                self.failed(flight, Failure::Connect);
                let elsewhere = flight.permitted().is_ok_and(|permit| permit.candidates().len() > 1);
                if elsewhere && self.may_try_again(flight) {
                    let mut error = Error::explain(ErrorType::ConnectError, denial.row().reason);
                    error.as_up();
                    error.set_retry(true);
                    Err(error)
                } else {
                    Err(stop(flight, denial))
                }
            }
            Err(denial) => Err(stop(flight, denial)),
        }
    }

    /// Chooses the backend, where there is a choice.
    fn aim(&self, flight: &mut Flight) -> Result<(), Denial> {
        let (first, tried) = (flight.attempts.count == 1, flight.attempts.tried);
        let permit = &mut flight.passage()?.permit;
        let backends = &permit.route().backends;
        if first && backends.retries().is_some() {
            self.health.deposit(permit.upstream().pool_group);
        }
        // the only backend is asked whatever is known of it
        let mut admission = None;
        if backends.usable().len() > 1 {
            // and so is the one that writes have to go to
            admission = Some(Admission::Forced);
            if let ([_, _, ..], Some(key)) = (permit.candidates(), permit.operation().key()) {
                let now = self.observer.clock.monotonic();
                let admit = |backend: &ServedBackend| {
                    // a key that is too long there must not use up its probe
                    backend.mapping.backend_key(key).ok()?;
                    self.health.admit(permit.upstream_of(backend).pool_group, now)
                };
                let chosen = choose(permit.candidates(), backends.reads(), key.as_str(), tried, admit);
                let (backend, how) = chosen.ok_or(Denial::Internal("a route without a backend was served"))?;
                admission = Some(how);
                let backend = Arc::clone(backend);
                permit.redirect(&backend)?;
            }
        }
        self.regions.apply(permit);
        let name = Arc::clone(&permit.backend().name);
        flight.facts.backend = Some(name);
        flight.attempts.admission = admission;
        Ok(())
    }

    /// Waits before the same backend is asked again; another one may be asked at once.
    async fn wait(&self, flight: &mut Flight) {
        let Ok(permit) = flight.permitted() else { return };
        let Some(retries) = permit.route().backends.retries() else { return };
        if flight.attempts.tried.contains(permit.backend()) {
            let delay = retries.delay(flight.attempts.count, self.observer.ids.random());
            tokio::time::sleep(delay).await;
        }
    }

    /// True when the request may be sent once more: there are attempts left, and the backend is not flooded with
    /// repetitions. Nothing is asked about the request itself.
    pub(crate) fn may_try_again(&self, flight: &mut Flight) -> bool {
        let attempts = flight.attempts.count;
        let Ok(permit) = flight.permitted() else { return false };
        let group = permit.upstream().pool_group;
        let may = match permit.route().backends.retries() {
            Some(retries) => attempts < retries.attempts && self.health.withdraw(group),
            None => attempts < self.settings.max_attempts.max(1),
        };
        if may {
            let backend = Arc::clone(permit.backend());
            flight.attempts.tried.add(&backend);
            self.observer.metrics.retried(flight.facts.label.as_ref());
        }
        may
    }

    /// Looks at the status of an answer: what it says of the backend, and whether the request goes out again instead of
    /// this answer to the client.
    pub(crate) fn is_worth_another_try(&self, flight: &mut Flight, status: u16) -> bool {
        if !WORTH_ANOTHER_TRY.contains(&status) {
            self.learn(flight, Outcome::Answered);
            return false;
        }
        self.failed(flight, Failure::Status);
        let wanted = flight.permitted().is_ok_and(|permit| permit.route().backends.retries().is_some());
        let again = wanted && forward::may_retry(flight) && self.may_try_again(flight);
        flight.attempts.again = again;
        again
    }

    /// Decides about an attempt that ended with an error: `true` = once more.
    pub(crate) fn after_error(
        &self,
        flight: &mut Flight,
        error: &mut Error,
        (unanswered, reused): (bool, bool),
    ) -> bool {
        if std::mem::take(&mut flight.attempts.again) {
            return true;
        }
        if flight.attempts.timer.take().is_some_and(|timer| timer.has_fired()) {
            error.etype = ErrorType::ReadTimedout;
        }
        if *error.esource() != ErrorSource::Upstream {
            self.learn(flight, Outcome::Unknown);
            return false;
        }
        if *error.etype() == ErrorType::ReadTimedout && !flight.is_body_proved() {
            // the backend still waits for the client: pingora has no time-out for silence in a body over HTTP/2, and
            // a client that stalls must not make a backend look broken
            self.learn(flight, Outcome::Unknown);
            flight.denial = Some(Denial::RequestTimeout);
            return false;
        }
        let late = matches!(error.etype(), ErrorType::ReadTimedout | ErrorType::WriteTimedout);
        match late {
            true => self.failed(flight, Failure::Timeout),
            // a kept connection may end at any time: that says nothing of the backend
            false if reused && unanswered => self.learn(flight, Outcome::Unknown),
            false => self.failed(flight, Failure::Broken),
        }
        unanswered && forward::may_retry(flight) && self.may_try_again(flight)
    }

    /// The backend did not do its part.
    pub(crate) fn failed(&self, flight: &mut Flight, failure: Failure) {
        if let Ok(permit) = flight.permitted() {
            self.observer.metrics.failed(flight.facts.label.as_ref(), &permit.backend().name, failure);
        }
        self.learn(flight, Outcome::Failed);
    }

    /// Tells the health of the backend what this attempt has shown, once.
    pub(crate) fn learn(&self, flight: &mut Flight, outcome: Outcome) {
        flight.attempts.timer = None;
        let Some(admission) = flight.attempts.admission.take() else { return };
        let Ok(permit) = flight.permitted() else { return };
        let (route, backend, endpoint) = (&permit.route().name, &permit.backend().name, &permit.upstream().endpoint);
        let now = self.observer.clock.monotonic();
        match self.health.record(permit.upstream().pool_group, admission, outcome, now) {
            Some(Change::Ejected(length)) => {
                tracing::warn!(%route, %backend, %endpoint, ?length, "a backend fails and is left out of reads");
                self.observer.metrics.ejected(flight.facts.label.as_ref(), backend);
            }
            Some(Change::Restored) => tracing::info!(%route, %backend, %endpoint, "a backend is back"),
            None => {}
        }
    }

    /// The request has been sent: the time to the first byte begins.
    pub(crate) fn request_sent(&self, flight: &mut Flight) {
        let Some(socket) = flight.attempts.socket.take() else { return };
        let limit = flight.permitted().ok().and_then(|permit| route::first_byte(permit.upstream()));
        flight.attempts.timer = limit.map(|limit: Duration| Timer::start(socket, limit));
    }
}
