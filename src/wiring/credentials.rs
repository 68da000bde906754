//! Joins fetched credentials with time, metrics, the network and hooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use osp_core::model::HookName;
use osp_core::table::{Credentials, ForWhom};
use osp_credentials::{
    Boxed, Failure as Unfetched, HookAnswer, Hooks, HttpIssuer, Metrics as Refreshes, Moment, Nature, Settings, Sources,
};
use osp_dataplane::{Clock, RequestIds};
use osp_hooks::{BackendCredentials, NoAnswer};

use super::failure;
use crate::telemetry::Metrics;
use crate::{Config, Failure};

/// Hooks that give credentials of backends.
#[derive(Debug)]
pub(super) struct OfHooks(pub(super) osp_hooks::Hooks);

impl Hooks for OfHooks {
    fn revision(&self, hook: &HookName) -> Option<String> {
        let inputs = self.0.pin().credential_inputs(hook, ("", ""), &BTreeMap::new());
        inputs.ok().map(|inputs| format!("{:?}", inputs.revision()))
    }

    fn fetch<'a>(
        &'a self,
        hook: &'a HookName,
        whom: ForWhom<'a>,
        parameters: &'a BTreeMap<String, String>,
    ) -> Boxed<'a, Result<HookAnswer, Unfetched>> {
        Box::pin(async move {
            let answer = self.0.fetch_credentials(hook, (whom.access_key, whom.bucket), parameters).await;
            match answer {
                Ok(BackendCredentials::Keys { access_key, secret_key: secret, session_token, expires_at }) => {
                    Ok(HookAnswer::Keys { access_key, secret, session_token, expires_at })
                }
                Ok(BackendCredentials::ApiKey(key)) => Ok(HookAnswer::ApiKey(key)),
                Err(NoAnswer::NoHook | NoAnswer::NoCallable) => Err(Unfetched::NoHook),
                Err(NoAnswer::Timeout) => Err(Unfetched::Timeout),
                Err(NoAnswer::Overflow) => Err(Unfetched::Busy),
                // the hooks have counted and logged why
                Err(_) => Err(Unfetched::Hook),
            }
        })
    }
}

/// What fetches credentials for the data plane. Without `hooks`, sources of hooks have nothing to give: 503.
pub(super) fn credentials(
    config: &Config,
    metrics: &Metrics,
    clock: &Arc<dyn Clock>,
    hooks: Option<Arc<dyn Hooks>>,
) -> Result<Arc<dyn Credentials>, Failure> {
    let refreshes = Refreshes::register(metrics.registry()).map_err(failure)?;
    let issuer = Arc::new(HttpIssuer::default());
    let sources = Sources::new(settings(config), nature(clock), refreshes, (issuer, hooks));
    metrics.registry().register(Box::new(sources.expiries())).map_err(failure)?;
    Ok(Arc::new(sources))
}

/// API keys of hooks go only where this process may connect to.
fn settings(config: &Config) -> Settings {
    let endpoint = &config.credentials.token_endpoint;
    let allowed = &config.allowed_endpoints;
    let is_allowed = allowed.is_empty() || allowed.iter().any(|one| one.is_of(&endpoint.endpoint));
    let proxy = config.proxies.to(&endpoint.endpoint).cloned();
    Settings { ttl: config.credentials.ttl, token_endpoint: is_allowed.then(|| (endpoint.clone(), proxy)) }
}

fn nature(clock: &Arc<dyn Clock>) -> Nature {
    let clock = Arc::clone(clock);
    // replicas that start in the same second are told apart by their process id
    let seed = clock.now().unix_seconds().unsigned_abs() << 24 ^ u64::from(std::process::id());
    let ids = RequestIds::new(seed);
    Nature {
        now: Arc::new(move || Moment { wall: clock.now(), monotonic: clock.monotonic() }),
        random: Arc::new(move || ids.random()),
    }
}
