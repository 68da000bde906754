//! One fetch of one source: whom to ask, and what the answer is worth.

use std::sync::Arc;
use std::time::Duration;

use osp_core::model::BackendCredential;
use osp_core::sigv4::{AccessKeyId, SecretKey};
use osp_core::table::{FetchedKind, FetchedSource};
use ring::digest::{Context, SHA256};

use crate::iam::{Exchange, Token};
use crate::shelf::Whom;
use crate::sources::Shared;
use crate::{Boxed, Failure, HookAnswer, Moment};

/// A credential with its end.
#[derive(Debug, Clone)]
pub struct Held {
    pub(crate) credential: Arc<BackendCredential>,
    /// It is not used from then on.
    pub(crate) ends: Moment,
}

/// Longest time for one fetch, whatever it is made of.
const FETCH_TIME: Duration = Duration::from_secs(15);

/// Fetches once. Boxed, because a hook's API key makes it fetch through an entry of its own.
pub fn once<'a>(
    shared: &'a Arc<Shared>,
    source: &'a Arc<FetchedSource>,
    whom: Option<&'a Whom>,
) -> Boxed<'a, Result<Held, Failure>> {
    Box::pin(async move {
        let fetched = async {
            match (&source.kind, whom) {
                (FetchedKind::IbmIam { api_key, endpoint, proxy, service_instance_id }, _) => {
                    let exchange = Exchange { api_key, endpoint, proxy: proxy.as_ref() };
                    let asked = (shared.nature.now)();
                    let Token { token, lifetime } = shared.issuer.exchange(exchange).await?;
                    let service_instance_id = service_instance_id.clone();
                    let credential = Arc::new(BackendCredential::Bearer { token, service_instance_id });
                    Ok(Held { credential, ends: asked.after(lifetime) })
                }
                (FetchedKind::Python { hook, parameters }, Some(whom)) => {
                    let hooks = shared.hooks.as_ref().ok_or(Failure::NoHook)?;
                    let asked = (shared.nature.now)();
                    let answer = hooks.fetch(hook, whom.borrow(), parameters).await?;
                    of_hook(shared, source, asked, answer).await
                }
                (FetchedKind::Python { .. }, None) => Err(Failure::NoHook),
            }
        };
        tokio::time::timeout(FETCH_TIME, fetched).await.unwrap_or(Err(Failure::Timeout))
    })
}

/// What a hook's answer is worth, and how long: as long as it says, else as long as the process keeps such answers.
async fn of_hook(
    shared: &Arc<Shared>,
    source: &Arc<FetchedSource>,
    asked: Moment,
    answer: HookAnswer,
) -> Result<Held, Failure> {
    let kept = asked.after(shared.settings.ttl.max(SHORTEST_TTL));
    match answer {
        HookAnswer::Keys { access_key, secret, session_token, expires_at } => {
            let access_key = AccessKeyId::parse(&access_key).ok_or(Failure::Malformed)?;
            let ends = match expires_at {
                None => kept,
                Some(seconds) => {
                    let left = seconds.saturating_sub(asked.wall.unix_seconds().unsigned_abs());
                    asked.after(Duration::from_secs(left).min(LONGEST_OF_HOOK))
                }
            };
            let credential = Arc::new(BackendCredential::Keys { access_key, secret, session_token });
            Ok(Held { credential, ends })
        }
        HookAnswer::ApiKey(api_key) => {
            let inner = Arc::new(of_api_key(shared, source, api_key)?);
            let token = shared.obtain(&inner, None).await.map_err(Failure::of)?;
            let ends = if token.ends.is_before(kept) { token.ends } else { kept };
            Ok(Held { ends, ..token })
        }
    }
}

/// A TTL of nothing asks for every request: what it gets is for that request alone.
const SHORTEST_TTL: Duration = Duration::from_secs(1);
/// Whatever a hook says of an end.
const LONGEST_OF_HOOK: Duration = Duration::from_secs(24 * 60 * 60);

/// The source that a hook's API key makes. It belongs to the hook's document, so no other one shares its tokens.
fn of_api_key(shared: &Shared, source: &FetchedSource, api_key: SecretKey) -> Result<FetchedSource, Failure> {
    let mut context = Context::new(&SHA256);
    context.update(b"api key of a hook\n");
    context.update(&source.digest);
    context.update(&crate::iam::form(&api_key));
    let mut digest = [0; 32];
    digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    let (endpoint, proxy) = shared.settings.token_endpoint.clone().ok_or(Failure::Refused)?;
    let kind = FetchedKind::IbmIam { api_key, endpoint, proxy, service_instance_id: None };
    Ok(FetchedSource { source: source.source.clone(), digest, kind })
}
