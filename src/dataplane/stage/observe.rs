//! What is remembered of a request: one log line, its metrics. The only writer of both.

use std::sync::Arc;
use std::time::Duration;

use osp_core::Denial;
use osp_core::s3::{BucketMatch, BucketName};
use pingora_proxy::Session;

use crate::access_log::{AccessLog, AccessRecord};
use crate::clock::Clock;
use crate::flight::Flight;
use crate::metrics::{Finished, Metrics, UNROUTED, blame_label};
use crate::request_id::RequestIds;

/// Everything that watches requests, shared by the front and the gateway.
#[derive(Debug)]
pub struct Observer {
    /// Request metrics.
    pub metrics: Metrics,
    /// The access log.
    pub log: AccessLog,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Request ids.
    pub ids: RequestIds,
    /// `Server` header of answers.
    pub server_name: String,
}

/// What went over the wire.
struct Outcome {
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
}

impl Observer {
    /// A request arrives.
    #[must_use]
    pub fn arrive(&self) -> Flight {
        Flight::new(self.ids.next(), self.clock.monotonic())
    }

    /// A request has ended, one way or the other.
    pub fn record(&self, session: &Session, flight: &Flight) {
        let outcome = Outcome {
            status: session.response_written().map_or(0, |head| head.status.as_u16()),
            bytes_in: flight.facts.bytes_in.unwrap_or(session.body_bytes_read() as u64),
            bytes_out: session.body_bytes_sent() as u64,
        };
        self.finish(flight, &outcome);
    }

    /// A head was refused before pingora saw it.
    pub fn record_refused(&self, flight: &Flight, written: bool, bytes_out: usize) {
        let status = flight.denial.as_ref().filter(|_| written).map_or(0, |denial| denial.row().status);
        self.finish(flight, &Outcome { status, bytes_in: 0, bytes_out: bytes_out as u64 });
    }

    fn finish(&self, flight: &Flight, outcome: &Outcome) {
        let facts = &flight.facts;
        let now = self.clock.monotonic();
        let duration = now.saturating_sub(flight.started);
        if let Some(answered) = facts.backend_answered {
            self.metrics.until_backend_head.observe(answered.saturating_sub(flight.started).as_secs_f64());
            self.metrics.answer.observe(now.saturating_sub(answered).as_secs_f64());
        }
        let bucket = facts.label.as_ref().map_or(UNROUTED, BucketMatch::as_str);
        if let Some((_, bytes)) = facts.copied {
            self.metrics.copied(bucket, bytes);
        }
        self.metrics.count(Finished {
            method: facts.method,
            bucket,
            status: outcome.status,
            denial: flight.denial.as_ref(),
            presigned: facts.presigned,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            seconds: duration.as_secs_f64(),
        });
        if !self.log.push(&self.line(flight, outcome, duration)) {
            self.metrics.log_dropped.inc();
        }
    }

    fn line<'f>(&self, flight: &'f Flight, outcome: &Outcome, duration: Duration) -> AccessRecord<'f> {
        let facts = &flight.facts;
        let row = flight.denial.as_ref().map(Denial::row);
        AccessRecord {
            time: self.clock.now(),
            request_id: &flight.id,
            client: facts.client,
            principal: facts.principal.as_ref(),
            method: facts.method,
            operation: facts.operation,
            bucket: facts.bucket.as_ref().map(BucketName::as_str),
            decision: if facts.allowed && !flight.is_refused() { "allow" } else { "deny" },
            status: outcome.status,
            code: row.map(|row| row.code),
            reason: row.map(|row| row.reason),
            blame: row.map(|row| blame_label(row.blame)),
            hook: match &flight.denial {
                Some(Denial::Hook(fault)) => Some(fault.told()).map(|(hook, says)| (hook.as_str(), says)),
                _ => None,
            },
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration,
            backend: facts.backend.as_deref(),
            backend_code: facts.backend_code.as_deref(),
            copied: facts.copied.as_ref().map(|(source, bytes)| (&**source, *bytes)),
            attempts: flight.attempts.count,
        }
    }
}
