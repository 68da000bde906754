//! One request in the air: Arrived -> Permitted -> Streaming. The only place that holds its permit, and the only way to
//! get at it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use osp_core::access::{Permit, Principal};
use osp_core::payload::Gate;
use osp_core::s3::{BucketMatch, BucketName, ErrorBody, Framing, ObjectKey, RawHead, ResponseXml};
use osp_core::{Blame, Denial};

use crate::attempt::Attempts;
use crate::cors::CrossOrigin;
use crate::refusal::Held;

/// Per-request state. `Send + Sync`, made by `new_ctx` for every request.
#[derive(Debug)]
pub struct Flight {
    /// The same as `x-amz-request-id` and in the access log.
    pub id: String,
    /// When the head was complete, by the monotonic clock.
    pub started: Duration,
    /// Head and framing as the front read them; `None` on HTTP/2 until the listener stage builds it.
    pub received: Option<(RawHead, Framing)>,
    /// The head of an admitted request, for what answers repeat of it.
    pub head: Option<RawHead>,
    /// What the log and the metrics will say.
    pub facts: Facts,
    /// Why it stops, set by whoever finds out and rendered by `respond.rs`.
    pub denial: Option<Denial>,
    /// What is told to the page of another origin that sent it; `None` when none did.
    pub cors: Option<Box<CrossOrigin>>,
    /// Attempts to reach a backend.
    pub attempts: Attempts,
    stage: Stage,
}

/// Facts for the log line, filled in as they become known.
#[derive(Debug, Default)]
pub struct Facts {
    /// Address of the client.
    pub client: Option<IpAddr>,
    /// HTTP method, `OTHER` for unknown ones.
    pub method: &'static str,
    /// Who asks, once verified.
    pub principal: Option<Principal>,
    /// The operation, once classified.
    pub operation: Option<&'static str>,
    /// The bucket that was named, once parsed.
    pub bucket: Option<BucketName>,
    /// The key that was named, once parsed.
    pub key: Option<ObjectKey>,
    /// Bucket and key have been parsed (both may be absent).
    pub named: bool,
    /// What routes call it, a bucket or a pattern: the label of metrics. `None` = no route is about it.
    pub label: Option<BucketMatch>,
    /// The URL was presigned.
    pub presigned: bool,
    /// The policy said yes.
    pub allowed: bool,
    /// Object bytes received, when a gate counted them.
    pub bytes_in: Option<u64>,
    /// The bucket was named by the host, in front of a base host.
    pub virtual_host: bool,
    /// Name in its route of the backend that was asked last.
    pub backend: Option<Arc<str>>,
    /// The S3 error code that it answered with, as far as its body was read.
    pub backend_code: Option<String>,
    /// Name in its route of the backend that a copy was read from, and object bytes that came from it.
    pub copied: Option<(Arc<str>, u64)>,
    /// When the backend's head came, by the monotonic clock.
    pub backend_answered: Option<Duration>,
}

#[derive(Debug)]
enum Stage {
    Arrived,
    Permitted(Box<Passage>),
}

/// A permitted request on its way.
#[derive(Debug)]
pub struct Passage {
    /// The evidence.
    pub permit: Permit,
    /// Proves the body of the current attempt; `None` when there is nothing to prove.
    pub gate: Option<Gate>,
    /// What is done with the backend's body.
    pub answer: AnswerBody,
    proved_before_sending: bool,
}

/// How the backend's answer body is passed on.
#[derive(Debug)]
pub enum AnswerBody {
    /// No head has come yet.
    Pending,
    /// As it is: object data.
    Plain,
    /// Rewritten while it streams.
    Xml(Box<ResponseXml>),
    /// Collected and written anew, with its status.
    Error(ErrorBody, u16),
    /// Kept until it has told whose business it is.
    Held(Box<Held>),
    /// Nothing more may be sent.
    Ended,
}

impl Facts {
    /// Bucket and key as the client named them, for `<Resource>`; empty before they were parsed.
    #[must_use]
    pub fn resource(&self) -> String {
        match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => format!("/{bucket}/{key}"),
            (Some(bucket), None) => format!("/{bucket}"),
            (None, _) if self.named => "/".to_owned(),
            (None, _) => String::new(),
        }
    }
}

impl Flight {
    /// A request that has just arrived.
    pub fn new(id: String, started: Duration) -> Self {
        Self {
            id,
            started,
            received: None,
            head: None,
            facts: Facts { method: "OTHER", ..Facts::default() },
            denial: None,
            cors: None,
            attempts: Attempts::default(),
            stage: Stage::Arrived,
        }
    }

    /// The decision was yes: the request may go.
    pub fn permit(&mut self, permit: Permit) {
        self.facts.allowed = true;
        let passage = Passage { permit, gate: None, answer: AnswerBody::Pending, proved_before_sending: false };
        self.stage = Stage::Permitted(Box::new(passage));
    }

    /// The permit: the only way to a peer or a signature.
    ///
    /// # Errors
    /// [`Denial::Internal`] in any other stage: a bug, answered with 500 and counted.
    pub fn permitted(&self) -> Result<&Permit, Denial> {
        match &self.stage {
            Stage::Permitted(passage) => Ok(&passage.permit),
            Stage::Arrived => Err(Denial::Internal("forwarding without a permit was attempted")),
        }
    }

    /// True when OSP stopped it because of what the client sent, also when only the body showed that.
    pub fn is_refused(&self) -> bool {
        let denial = self.denial.as_ref().filter(|denial| **denial != Denial::ClientGone);
        denial.is_some_and(|denial| denial.row().blame == Blame::Client)
    }

    /// True when nothing of the client's body is missing.
    pub fn is_body_proved(&self) -> bool {
        match &self.stage {
            Stage::Permitted(passage) => passage.is_body_proved(),
            Stage::Arrived => false,
        }
    }

    /// The permitted request, for the streaming stages.
    ///
    /// # Errors
    /// As [`Self::permitted`].
    pub fn passage(&mut self) -> Result<&mut Passage, Denial> {
        match &mut self.stage {
            Stage::Permitted(passage) => Ok(passage),
            Stage::Arrived => Err(Denial::Internal("streaming without a permit was attempted")),
        }
    }
}

impl Passage {
    /// A fresh gate for a fresh attempt.
    pub fn renew_gate(&mut self) {
        let has_to_prove = self.permit.expects_body() && !self.proved_before_sending;
        self.gate = has_to_prove.then(|| self.permit.gate());
    }

    /// The whole body, which holds no object bytes, has passed a gate already.
    pub fn is_proved_before_sending(&mut self) {
        self.proved_before_sending = true;
    }

    /// True when the client's body is proved, or there is none.
    pub fn is_body_proved(&self) -> bool {
        self.gate.as_ref().is_none_or(Gate::is_proved)
    }
}
