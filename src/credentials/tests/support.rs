//! An issuer and hooks that can be told what to do, and a world whose time is tokio's.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use osp_core::Timestamp;
use osp_core::model::{BackendCredential, HookName, ObjectName, TokenEndpoint};
use osp_core::sigv4::SecretKey;
use osp_core::table::{FetchedKind, FetchedSource, ForWhom};
use prometheus::Registry;
use tokio::time::{Instant, sleep};

use crate::iam::{Exchange, Issuer, Token};
use crate::{Boxed, Failure, HookAnswer, Hooks, Metrics, Moment, Nature, Settings, Sources};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const NOBODY: ForWhom<'_> = ForWhom { access_key: "AKIA", bucket: "bucket" };

/// Gives tokens `KEY-token-NUMBER`, or what it is told to.
#[derive(Debug, Default)]
pub struct FakeIssuer {
    pub asked: AtomicUsize,
    pub delay: Mutex<Duration>,
    pub failure: Mutex<Option<Failure>>,
    pub lifetime: Mutex<Option<Duration>>,
    /// When it was asked, since the beginning.
    pub moments: Mutex<Vec<Duration>>,
    pub begun: Mutex<Option<Instant>>,
}

impl Issuer for FakeIssuer {
    fn exchange<'a>(&'a self, exchange: Exchange<'a>) -> Boxed<'a, Result<Token, Failure>> {
        Box::pin(async move {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let begun = *self.begun.lock().unwrap().get_or_insert_with(Instant::now);
            self.moments.lock().unwrap().push(begun.elapsed());
            let delay = *self.delay.lock().unwrap();
            sleep(delay).await;
            if let Some(failure) = *self.failure.lock().unwrap() {
                return Err(failure);
            }
            let text = shown(exchange.api_key);
            let token = SecretKey::new(format!("{text}-token-{number}")).unwrap();
            Ok(Token { token, lifetime: self.lifetime.lock().unwrap().unwrap_or(HOUR) })
        })
    }
}

/// Hooks that answer by name of the hook, access key and bucket.
#[derive(Debug, Default)]
pub struct FakeHooks {
    pub asked: AtomicUsize,
    pub revision: AtomicU64,
    pub answers: Mutex<HashMap<String, Result<HookAnswer, Failure>>>,
    pub expires_at: Mutex<Option<u64>>,
}

impl Hooks for FakeHooks {
    fn revision(&self, _: &HookName) -> Option<String> {
        Some(self.revision.load(Ordering::SeqCst).to_string())
    }

    fn fetch<'a>(
        &'a self,
        hook: &'a HookName,
        whom: ForWhom<'a>,
        parameters: &'a BTreeMap<String, String>,
    ) -> Boxed<'a, Result<HookAnswer, Failure>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if let Some(answer) = self.answers.lock().unwrap().get(whom.access_key) {
                return answer.clone();
            }
            let text = format!("{hook}/{}/{}/{}", whom.access_key, whom.bucket, parameters.len());
            Ok(HookAnswer::Keys {
                access_key: text.clone(),
                secret: SecretKey::new(text).unwrap(),
                session_token: None,
                expires_at: *self.expires_at.lock().unwrap(),
            })
        })
    }
}

/// Everything of one test.
pub struct World {
    pub issuer: Arc<FakeIssuer>,
    pub hooks: Arc<FakeHooks>,
    pub sources: Sources,
    pub registry: Registry,
    /// Seconds by which the wall clock is wrong.
    pub wall: Arc<AtomicU64>,
}

pub const BEGINNING: i64 = 1_700_000_000;

impl World {
    pub fn new(ttl: Duration) -> Self {
        let (issuer, hooks) = (Arc::new(FakeIssuer::default()), Arc::new(FakeHooks::default()));
        let (begun, wall) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        *issuer.begun.lock().unwrap() = Some(begun);
        let wrong = Arc::clone(&wall);
        let now = move || {
            let since = begun.elapsed();
            let seconds = i64::try_from(since.as_secs() + wrong.load(Ordering::SeqCst)).unwrap();
            Moment { wall: Timestamp::from_unix_seconds(BEGINNING + seconds), monotonic: since }
        };
        let nature = Nature { now: Arc::new(now), random: Arc::new(|| u64::MAX / 2) };
        let registry = Registry::new();
        let settings = Settings { ttl, token_endpoint: Some((TokenEndpoint::of_ibm_cloud(), None)) };
        let given: (Arc<dyn Issuer>, Option<Arc<dyn Hooks>>) = (issuer.clone(), Some(hooks.clone()));
        let sources = Sources::new(settings, nature, Metrics::register(&registry).unwrap(), given);
        registry.register(Box::new(sources.expiries())).unwrap();
        Self { issuer, hooks, sources, registry, wall }
    }

    pub fn fail(&self, failure: Option<Failure>) {
        *self.issuer.failure.lock().unwrap() = failure;
    }

    pub fn asked(&self) -> usize {
        self.issuer.asked.load(Ordering::SeqCst)
    }

    pub fn hook_asked(&self) -> usize {
        self.hooks.asked.load(Ordering::SeqCst)
    }

    /// The lines of the metrics page that begin with this.
    pub fn metric(&self, start: &str) -> Vec<String> {
        let page = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        page.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }
}

pub fn iam(document: &str, api_key: &str) -> Arc<FetchedSource> {
    let kind = FetchedKind::IbmIam {
        api_key: SecretKey::new(api_key.to_owned()).unwrap(),
        endpoint: TokenEndpoint::of_ibm_cloud(),
        proxy: None,
        service_instance_id: Some("instance".to_owned()),
    };
    source(document, api_key, kind)
}

pub fn python(document: &str, hook: &str) -> Arc<FetchedSource> {
    source(document, hook, FetchedKind::Python { hook: HookName::new(hook).unwrap(), parameters: BTreeMap::new() })
}

/// The digest is of document and contents, as the table makes it.
fn source(document: &str, contents: &str, kind: FetchedKind) -> Arc<FetchedSource> {
    let mut digest = [0; 32];
    let hash = ring::digest::digest(&ring::digest::SHA256, format!("{document}\n{contents}").as_bytes());
    digest.copy_from_slice(hash.as_ref());
    Arc::new(FetchedSource { source: ObjectName::new("team", document), digest, kind })
}

/// The token, or the access key id.
pub fn text(credential: &BackendCredential) -> String {
    match credential {
        BackendCredential::Bearer { token, .. } => shown(token),
        BackendCredential::Keys { access_key, .. } => access_key.as_str().to_owned(),
        BackendCredential::Anonymous => "anonymous".to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks")]
fn shown(secret: &SecretKey) -> String {
    secret.with_exposed(str::to_owned)
}
