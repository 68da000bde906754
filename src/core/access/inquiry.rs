//! What hooks are asked, and the only place where their answers count.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use super::{Pairs, Principal};
use crate::model::{HookMode, RouteHook};
use crate::s3::{CopySource, Operation, Query, Semantics};
use crate::sigv4::{AccessKeyId, SecretVersion};
use crate::table::ServedRoute;
use crate::{Denial, HookFailure, HookFault};

/// An SDK sends fewer.
const USUAL_HEADERS: usize = 16;
/// Query parameters of presigned URLs: another value in every URL, and one of them is a session token.
const SIGNATURE_PREFIX: &str = "x-amz-";

/// Everything that a policy could want to know of one request. Holds no credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// Access key id that the request was signed with.
    pub token: String,
    /// As the client names it.
    pub bucket: String,
    /// Decoded; empty for requests on a bucket.
    pub key: String,
    /// The identity, `namespace/name`.
    pub principal: String,
    /// HTTP method; `PUT` for what came in a form, `GET` for the source of a copy.
    pub method: String,
    /// S3's name of what is asked for; of the source of a copy `GetObject`.
    pub operation: String,
    /// Decoded; without what belongs to a signature.
    pub query: Pairs,
    /// By lower-case name; without credentials. Presigned ones are among them.
    pub headers: Pairs,
    /// Address of the client, if it is known.
    pub source_ip: Option<IpAddr>,
    /// The keys of a `DeleteObjects`.
    pub keys: Option<Vec<String>>,
    /// No input of a policy: another number after every change of the route or of the client's secret. What was decided for
    /// another one must not be used.
    pub version: u64,
}

/// The answer of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Yes. Nothing else is one.
    Allow,
    /// No: 403. The text is for the log.
    Deny(String),
    /// Of a `DeleteObjects`: one for each of its keys, in their order.
    Split(Vec<bool>),
}

/// What comes of asking.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Ruling, HookFailure>> + Send + 'a>>;

/// Whoever runs hooks.
pub trait Hooks: Send + Sync {
    /// Asks a hook. Must end within the deadline.
    fn decide<'a>(&'a self, hook: &'a RouteHook, inquiry: &'a Arc<Inquiry>) -> Answering<'a>;

    /// Asks a hook whose answer decides nothing, and records it. Does not wait.
    fn shadow(&self, hook: &RouteHook, inquiry: &Arc<Inquiry>);
}

/// There are no hooks: whatever names one has no answer.
#[derive(Debug, Clone, Copy)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn decide<'a>(&'a self, _hook: &'a RouteHook, _inquiry: &'a Arc<Inquiry>) -> Answering<'a> {
        Box::pin(std::future::ready(Err(HookFailure::NoAnswer("no_hook"))))
    }

    fn shadow(&self, _hook: &RouteHook, _inquiry: &Arc<Inquiry>) {}
}

/// Who asks, beside what they ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) principal: &'a Principal,
    pub(super) access_key: &'a AccessKeyId,
    pub(super) secret: SecretVersion,
    pub(super) address: Option<IpAddr>,
}

/// What all inquiries about one request have in common.
#[derive(Debug)]
pub(super) struct Draft {
    common: Inquiry,
    secret: SecretVersion,
}

impl Draft {
    pub(super) fn new(sender: Sender<'_>, operation: &Operation, query: &Query, semantics: &Semantics<'_>) -> Self {
        let query = query.pairs().filter(|(name, _)| !is_of_signature(name));
        let common = Inquiry {
            token: sender.access_key.as_str().to_owned(),
            bucket: operation.bucket().map(|bucket| bucket.as_str().to_owned()).unwrap_or_default(),
            key: operation.key().map(|key| key.as_str().to_owned()).unwrap_or_default(),
            principal: sender.principal.identity().parts().concat(),
            method: operation.method().as_str().to_owned(),
            operation: operation.name().to_owned(),
            query: query.collect(),
            headers: told(semantics),
            source_ip: sender.address,
            keys: None,
            version: 0,
        };
        Self { common, secret: sender.secret }
    }

    /// Another number when the route or the client's secret is another one.
    fn version(&self, route: &ServedRoute) -> u64 {
        // both are hashes already
        route.version().rotate_left(1) ^ self.secret.number()
    }

    /// About the request as a whole; of a copy, about its target.
    fn about(&self, route: &ServedRoute) -> Inquiry {
        Inquiry { version: self.version(route), ..self.common.clone() }
    }

    /// About the source of a copy: a read of it, without the headers, which are about the target.
    fn about_source(&self, route: &ServedRoute, source: &CopySource) -> Inquiry {
        let version = source.version.as_ref().map(|version| ("versionId", version));
        Inquiry {
            bucket: source.bucket.to_string(),
            key: source.key.as_str().to_owned(),
            method: "GET".to_owned(),
            operation: "GetObject".to_owned(),
            query: version.into_iter().collect(),
            headers: Pairs::default(),
            ..self.about(route)
        }
    }

    /// Asks the hooks of a route about the request as a whole: the only route, or the last one.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn ask_at_last(self, hooks: &dyn Hooks, route: &ServedRoute) -> Result<(), Denial> {
        let version = self.version(route);
        each(hooks, route, Inquiry { version, ..self.common }).await
    }

    /// Asks the hooks of a route about the request as a whole.
    ///
    /// # Errors
    /// [`Denial::Hook`].
    pub(super) async fn ask(&self, hooks: &dyn Hooks, route: &ServedRoute) -> Result<(), Denial> {
        each(hooks, route, self.about(route)).await
    }

    /// Asks the hooks of the route that a copy reads from.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn ask_source(
        &self,
        hooks: &dyn Hooks,
        route: &ServedRoute,
        source: &CopySource,
    ) -> Result<(), Denial> {
        each(hooks, route, self.about_source(route, source)).await
    }

    /// Asks the hooks of a route about keys that are to be deleted: for each of them whether all say yes.
    ///
    /// # Errors
    /// [`Denial::Hook`].
    pub(super) async fn ask_keys(
        &self,
        hooks: &dyn Hooks,
        route: &ServedRoute,
        keys: Vec<String>,
    ) -> Result<Vec<bool>, Denial> {
        let mut allowed = vec![true; keys.len()];
        let inquiry = Arc::new(Inquiry { keys: Some(keys), ..self.about(route) });
        for hook in route.hooks.iter() {
            match put(hooks, hook, &inquiry).await? {
                Ruling::Allow => {}
                Ruling::Deny(_) => allowed.fill(false),
                Ruling::Split(each) if each.len() == allowed.len() => {
                    allowed.iter_mut().zip(each).for_each(|(allowed, said)| *allowed &= said);
                }
                Ruling::Split(_) => allowed.fill(false),
            }
        }
        Ok(allowed)
    }
}

/// All hooks of a route must say yes, one after the other: the first no, or the first without an answer, ends it.
async fn each(hooks: &dyn Hooks, route: &ServedRoute, inquiry: Inquiry) -> Result<(), Denial> {
    let inquiry = Arc::new(inquiry);
    for hook in route.hooks.iter() {
        match put(hooks, hook, &inquiry).await? {
            Ruling::Allow => {}
            Ruling::Deny(why) => return Err(HookFault::Denied { hook: hook.name.clone(), why }.into()),
            Ruling::Split(_) => {
                let why = "an answer for single keys, where none were asked about".to_owned();
                return Err(HookFault::Denied { hook: hook.name.clone(), why }.into());
            }
        }
    }
    Ok(())
}

/// One hook. One in shadow says yes, whatever it would have said.
async fn put(hooks: &dyn Hooks, hook: &RouteHook, inquiry: &Arc<Inquiry>) -> Result<Ruling, Denial> {
    match hook.mode {
        HookMode::Shadow => {
            hooks.shadow(hook, inquiry);
            Ok(Ruling::Allow)
        }
        HookMode::Enforce => {
            let failed = |why| HookFault::Failed { hook: hook.name.clone(), why }.into();
            hooks.decide(hook, inquiry).await.map_err(failed)
        }
    }
}

/// The headers that policies may be told.
fn told(semantics: &Semantics<'_>) -> Pairs {
    let mut seen: Vec<(&str, &[u8])> = Vec::with_capacity(USUAL_HEADERS);
    let mut is_repeated = false;
    for (name, value) in semantics.headers().filter(|(name, _)| !is_secret_header(name)) {
        is_repeated |= seen.iter().any(|(earlier, _)| *earlier == name);
        seen.push((name, value));
    }
    let bytes = seen.iter().map(|(name, value)| name.len() + value.len()).sum();
    let mut pairs = Pairs::with_capacity(seen.len(), bytes);
    if !is_repeated {
        seen.into_iter().for_each(|(name, value)| push(&mut pairs, name, value));
        return pairs;
    }
    // as HTTP joins them
    let mut joined: Vec<(&str, Vec<u8>)> = Vec::new();
    for (name, value) in seen {
        match joined.iter_mut().find(|(earlier, _)| *earlier == name) {
            Some((_, all)) => all.extend([b",", value].concat()),
            None => joined.push((name, value.to_owned())),
        }
    }
    joined.iter().for_each(|(name, value)| push(&mut pairs, name, value));
    pairs
}

/// Most values are text, and looking is cheaper than repairing.
fn push(pairs: &mut Pairs, name: &str, value: &[u8]) {
    match std::str::from_utf8(value) {
        Ok(text) => pairs.push(name, text),
        Err(_) => pairs.push(name, &String::from_utf8_lossy(value)),
    }
}

/// True for headers that policies are never told: credentials of the client, and keys of SSE-C, of the object and of a copy's
/// source.
#[must_use]
pub fn is_secret_header(name: &str) -> bool {
    let is_key = || name.ends_with("-customer-key") || name.ends_with("-customer-key-md5");
    matches!(name, "authorization" | "proxy-authorization" | "cookie" | "x-amz-mfa" | "x-amz-security-token")
        || is_key()
}

/// True for query parameters that policies are never told.
#[must_use]
pub fn is_of_signature(name: &str) -> bool {
    name.get(..SIGNATURE_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(SIGNATURE_PREFIX))
}
