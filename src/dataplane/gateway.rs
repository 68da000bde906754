//! One request, top to bottom. Every phase is a few lines and calls one stage; `admit` is the security of the product.

use std::any::Any;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use osp_core::access::{
    Decision, Hooks, KeyLookup, NoHooks, OwnAnswer, PendingBatch, PendingCopy, PendingCreation, Permit,
};
use osp_core::s3::{self, Addressing, Framing, ListBucketsPage, RawHead, Target};
use osp_core::table::{Credentials, Outcome, Reader, RouteTable};
use osp_core::{Denial, Timestamp};
use pingora_core::connectors::http::Connector;
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use tokio::sync::{Semaphore, watch};

use crate::attempt::Failure;
use crate::client::{base_url, invite_body, is_tls};
use crate::copying;
use crate::cors;
use crate::egress::Egress;
use crate::exchange;
use crate::flight::Flight;
use crate::health::{BackendHealth, HealthBook};
use crate::post_object::Posted;
use crate::refusal;
use crate::regions::Regions;
use crate::resolver::Resolver;
use crate::respond::{self, Answer};
use crate::settings::{COPIES, DRAIN_TIME, Settings};
use crate::stage::authenticate::{self, Secrets};
use crate::stage::sign::{self, Signer};
use crate::stage::{Observer, authorize, forward, listener};

/// `CreationDate` of every bucket that OSP lists: stable, and nothing of the backend's.
const BUCKETS_CREATED: Timestamp = Timestamp::from_unix_seconds(1_767_225_600);

/// Everything that requests are served with.
pub struct Gateway {
    /// Fixed for the life of the process.
    pub settings: Settings,
    /// The routing table.
    pub table: Reader,
    /// Log, metrics, clock, ids.
    pub observer: Arc<Observer>,
    /// Names of backends.
    pub resolver: Box<dyn Resolver>,
    /// True while draining.
    pub draining: watch::Receiver<bool>,
    /// Who answers for the hooks of routes.
    pub hooks: Arc<dyn Hooks>,
    /// Who knows keys that the table does not have, if anybody does.
    pub key_lookup: Option<Arc<dyn KeyLookup>>,
    /// For the requests that OSP itself makes.
    pub(crate) connector: Connector,
    pub(crate) signer: Signer,
    pub(crate) egress: Egress,
    pub(crate) health: Arc<HealthBook>,
    pub(crate) regions: Regions,
    /// One for each copy between backends that may be under way.
    pub(crate) copies: Semaphore,
}

/// Whoever is asked while a request waits.
pub struct Suppliers {
    /// For the addresses of backends.
    pub resolver: Box<dyn Resolver>,
    /// For credentials of backends that are not in the table.
    pub credentials: Arc<dyn Credentials>,
}

/// What `admit` decided.
enum Admitted {
    Forward(Permit),
    Batch(PendingBatch),
    Form(Posted),
    Create(PendingCreation),
    Copy(PendingCopy),
    Answer(Answer),
}

/// pingora's view of the [`Gateway`].
pub struct Proxy(pub Gateway);

impl Gateway {
    /// A gateway that reads this table.
    #[must_use]
    pub fn new(
        settings: Settings,
        table: Reader,
        observer: Arc<Observer>,
        Suppliers { resolver, credentials }: Suppliers,
        draining: watch::Receiver<bool>,
    ) -> Self {
        Self {
            settings,
            table,
            observer,
            resolver,
            draining,
            hooks: Arc::new(NoHooks),
            key_lookup: None,
            connector: Connector::new(None),
            signer: Signer::new(credentials),
            egress: Egress::default(),
            health: Arc::default(),
            regions: Regions::default(),
            copies: Semaphore::new(COPIES),
        }
    }

    /// The same gateway with policy from outside of the table.
    #[must_use]
    pub fn with_policy(self, hooks: Arc<dyn Hooks>, key_lookup: Option<Arc<dyn KeyLookup>>) -> Self {
        Self { hooks, key_lookup, ..self }
    }

    /// The state of the backends, for the metrics page.
    #[must_use]
    pub fn backend_health(&self) -> BackendHealth {
        BackendHealth::new(self.table.clone(), Arc::clone(&self.health))
    }

    /// Head -> target -> proof -> operation -> routes -> decision, all against one pinned table. There is no other way
    /// to a permit.
    async fn admit(&self, session: &mut Session, flight: &mut Flight) -> std::result::Result<Admitted, Denial> {
        let (head, content_length) = listener::head(session, flight, &self.settings).await?;
        let table = self.table.pin().ok_or(Denial::NotReady)?;
        let target = s3::parse(&head, &self.settings.base_hosts)?;
        name(flight, &target, &table);
        if head.method() == Method::OPTIONS {
            return cors::preflight(&head, &target, &table, flight).map(Admitted::Answer);
        }
        cors::note(&head, &target, &table, flight);
        if s3::is_form_upload(&head, &target) {
            let form = (head, &target, content_length);
            return Box::pin(self.admit_form(session, flight, form)).await.map(Admitted::Form);
        }
        let now = self.observer.clock.now();
        let secrets = match self.key_lookup.as_deref() {
            None => Secrets::of(&table),
            Some(lookup) => Box::pin(authenticate::look_up((&head, &target), &table, lookup, now)).await?,
        };
        let (verified, target) = authenticate::verify(&head, target, &secrets, now, &mut flight.facts)?;
        cors::note_sender(&target, &table, flight);
        let (secure, hooks) = (is_tls(session), &*self.hooks);
        let asked = authorize::Asked { head: &head, target: &target, content_length, secure, hooks };
        let decision = authorize::decide(verified, asked, &table, &mut flight.facts).await?;
        if !matches!(decision, Decision::Answer(_) | Decision::Buckets(_)) && listener::expects_continue(&head) {
            // boxed like everything else that few requests need: pingora moves this future by value
            Box::pin(invite_body(session)).await?;
        }
        flight.head = Some(head);
        match decision {
            Decision::Forward(permit) => Ok(Admitted::Forward(permit)),
            Decision::Batch(batch) => Ok(Admitted::Batch(batch)),
            Decision::Create(creation) => Ok(Admitted::Create(creation)),
            Decision::Copy(copy) => Ok(Admitted::Copy(copy)),
            Decision::Buckets(pending) => {
                let buckets = Box::pin(exchange::list_buckets(self, flight, pending, &table)).await?;
                Ok(Admitted::Answer(self.own_answer(OwnAnswer::Buckets(buckets), &target, flight)?))
            }
            Decision::Answer(own) => Ok(Admitted::Answer(self.own_answer(own, &target, flight)?)),
        }
    }

    fn own_answer(&self, own: OwnAnswer, target: &Target, flight: &mut Flight) -> std::result::Result<Answer, Denial> {
        flight.facts.allowed = true;
        let body = match own {
            OwnAnswer::Buckets(visible) => {
                let page = ListBucketsPage::cut(&visible, &target.query)?;
                s3::list_buckets_xml(&page, BUCKETS_CREATED, &self.settings.region)
            }
            OwnAnswer::Location => s3::location_xml(&self.settings.region),
            OwnAnswer::Exists => {
                return Ok(Answer {
                    bucket_region: Some(self.settings.region.clone()),
                    ..Answer::new(200, Vec::new())
                });
            }
        };
        Ok(Answer::new(200, body))
    }

    /// Lets a permitted request go; an empty object in frames is proved here, because the backend would have all of it
    /// before the proof.
    async fn forward(&self, session: &mut Session, flight: &mut Flight, permit: Permit) -> Result<bool> {
        let proved = if permit.proves_before_sending() {
            Box::pin(exchange::proved_body(self, session, permit.gate(), flight)).await.map(|_| true)
        } else {
            Ok(false)
        };
        flight.permit(permit);
        match proved.and_then(|proved| Ok((proved, flight.passage()?))) {
            Ok((true, passage)) => passage.is_proved_before_sending(),
            Ok((false, _)) => {}
            Err(denial) => return Box::pin(respond::deny(session, flight, denial, &self.observer)).await,
        }
        Ok(false)
    }

    async fn delete(&self, session: &mut Session, flight: &mut Flight, batch: PendingBatch) -> Result<bool> {
        match exchange::delete_objects(self, session, flight, batch).await {
            Ok(answer) => respond::answer(session, flight, answer, &self.observer).await,
            Err(denial) => respond::deny(session, flight, denial, &self.observer).await,
        }
    }

    async fn post(&self, session: &mut Session, flight: &mut Flight, posted: Posted) -> Result<bool> {
        match self.post_object(session, flight, posted).await {
            Ok(answer) => respond::answer(session, flight, answer, &self.observer).await,
            Err(denial) => respond::deny(session, flight, denial, &self.observer).await,
        }
    }

    async fn create(&self, session: &mut Session, flight: &mut Flight, creation: PendingCreation) -> Result<bool> {
        match exchange::create_bucket(self, session, flight, creation).await {
            Ok(answer) => respond::answer(session, flight, answer, &self.observer).await,
            Err(denial) => respond::deny(session, flight, denial, &self.observer).await,
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    // boxed: pingora moves the context through its futures by value
    type CTX = Box<Flight>;

    fn new_ctx(&self) -> Box<Flight> {
        Box::new(self.0.observer.arrive())
    }

    // pingora's one module would compress answers; OSP passes bodies on as they are
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    fn on_connection_reuse(
        &self,
        _session: &mut Session,
        flight: &mut Box<Flight>,
        from_front: Box<dyn Any + Send + Sync>,
    ) {
        flight.received = from_front.downcast::<(RawHead, Framing)>().ok().map(|received| *received);
    }

    async fn request_filter(&self, session: &mut Session, flight: &mut Box<Flight>) -> Result<bool> {
        let gateway = &self.0;
        if gateway.is_draining() {
            session.set_keepalive(None);
        }
        if session.is_http2() {
            // the front sets them for HTTP/1
            session.set_write_timeout(Some(gateway.settings.client.stall));
            session.set_total_drain_timeout(Some(DRAIN_TIME));
        }
        match gateway.admit(session, flight).await {
            Ok(Admitted::Forward(permit)) => gateway.forward(session, flight, permit).await,
            Ok(Admitted::Batch(batch)) => Box::pin(gateway.delete(session, flight, batch)).await,
            Ok(Admitted::Form(posted)) => Box::pin(gateway.post(session, flight, posted)).await,
            Ok(Admitted::Create(creation)) => Box::pin(gateway.create(session, flight, creation)).await,
            Ok(Admitted::Copy(copy)) => Box::pin(copying::copy(gateway, session, flight, copy)).await,
            Ok(Admitted::Answer(answer)) => Box::pin(respond::answer(session, flight, answer, &gateway.observer)).await,
            Err(denial) => Box::pin(respond::deny(session, flight, denial, &gateway.observer)).await,
        }
    }

    async fn upstream_peer(&self, _session: &mut Session, flight: &mut Box<Flight>) -> Result<Box<HttpPeer>> {
        self.0.next_peer(flight).await
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        peer: &HttpPeer,
        socket: RawFd,
        _digest: Option<&Digest>,
        flight: &mut Box<Flight>,
    ) -> Result<()> {
        // only peers with a time-out of their own are traced
        flight.attempts.socket = peer.options.tracer.as_ref().and_then(|_| self.0.egress.sockets.find(socket));
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        head: &mut RequestHeader,
        flight: &mut Box<Flight>,
    ) -> Result<()> {
        let now = self.0.observer.clock.now();
        let regenerated = match flight.passage() {
            Ok(passage) => {
                passage.renew_gate();
                let body = sign::Body::of(&passage.permit);
                sign::regenerate(&passage.permit, body, &self.0.signer, now).await
            }
            Err(denial) => Err(denial),
        };
        *head = regenerated.map_err(|denial| stop(flight, denial))?;
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        flight: &mut Box<Flight>,
    ) -> Result<()> {
        let now = self.0.observer.clock.monotonic();
        let stall = self.0.settings.client.stall;
        // whoever has sent everything is not slow, however long the backends took until now
        let released = forward::release(body, end, flight);
        let released = released.and_then(|()| if end { Ok(()) } else { forward::demand_rate(flight, now, stall) });
        released.map_err(|denial| stop(flight, denial))?;
        if end {
            self.0.request_sent(flight);
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        flight: &mut Box<Flight>,
    ) -> Result<()> {
        let gateway = &self.0;
        if head.status.is_informational() {
            return forward::pass_over(head, session, flight).map_err(|denial| stop(flight, denial));
        }
        if gateway.is_worth_another_try(flight, head.status.as_u16()) {
            return Err(Error::new_up(ErrorType::HTTPStatus(head.status.as_u16())));
        }
        flight.facts.backend_answered = Some(gateway.observer.clock.monotonic());
        if gateway.is_draining() {
            session.set_keepalive(None);
        }
        if refusal::is_ambiguous(head.status.as_u16()) {
            return gateway.hold(session, head, flight);
        }
        let label = flight.facts.bucket.clone().filter(|_| flight.facts.virtual_host);
        let client_head = flight.head.take();
        let base_url = || base_url(session, client_head.as_ref(), label.as_ref());
        forward::translate_head(head, flight, &gateway.settings, base_url)
            .and_then(|()| cors::mark(head, flight))
            .map_err(|denial| stop(flight, denial))
    }

    fn upstream_response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        flight: &mut Box<Flight>,
    ) -> Result<Option<Duration>> {
        self.0.heard(session, body.as_deref().unwrap_or_default(), end, flight)?;
        forward::translate_body(body, end, flight).map_err(|denial| stop(flight, denial))?;
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        peer: &HttpPeer,
        flight: &mut Box<Flight>,
        mut error: Box<Error>,
    ) -> Box<Error> {
        tracing::warn!(request_id = %flight.id, address = %peer._address, %error, "a backend cannot be reached");
        self.0.failed(flight, Failure::Connect);
        // nothing has been sent: another address may be tried, or another backend
        error.set_retry(self.0.may_try_again(flight));
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        flight: &mut Box<Flight>,
        reused: bool,
    ) -> Box<Error> {
        let unanswered = session.response_written().is_none_or(|head| head.status.is_informational());
        let again = self.0.after_error(flight, &mut error, (unanswered, reused));
        error.set_retry(again);
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, flight: &mut Box<Flight>) -> FailToProxy {
        respond::failure(session, error, flight, &self.0.observer).await
    }

    async fn logging(&self, session: &mut Session, _error: Option<&Error>, flight: &mut Box<Flight>) {
        // a request that ended before its backend told anything
        self.0.learn(flight, Outcome::Unknown);
        self.0.observer.record(session, flight);
    }

    // pingora's own lines carry paths, queries and head bytes: the three below silence them
    fn request_summary(&self, _session: &Session, flight: &Box<Flight>) -> String {
        flight.id.clone()
    }

    fn suppress_error_log(&self, _session: &Session, _flight: &Box<Flight>, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _flight: &Box<Flight>,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// Leaves the denial in the flight, for `respond::failure`, and ends pingora's phase. Never retried.
pub(crate) fn stop(flight: &mut Flight, denial: Denial) -> Box<Error> {
    let mut error = Error::explain(ErrorType::HTTPStatus(denial.row().status), denial.row().reason);
    error.set_retry(false);
    flight.denial = Some(denial);
    error
}

/// Remembers what was named, for the log and the error body.
fn name(flight: &mut Flight, target: &Target, table: &RouteTable) {
    let facts = &mut flight.facts;
    facts.label = target.bucket.as_ref().and_then(|bucket| table.label(bucket));
    facts.bucket.clone_from(&target.bucket);
    facts.key.clone_from(&target.key);
    facts.virtual_host = target.addressing == Addressing::VirtualHost;
    facts.named = true;
}
