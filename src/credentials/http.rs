//! The one place where this crate speaks HTTP.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use osp_core::model::{ProcessProxy, forbidden_address};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Proxy, redirect};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::iam::{self, Exchange, Issuer, Token};
use crate::{Boxed, Failure};

/// Issuers answer within a second; requests wait for two, and the next one finds what came later.
const TIME: Duration = Duration::from_secs(10);
/// Connecting, TLS included.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// Answers have about 4 KiB.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Exchanges API keys by HTTPS, with the system's certificates. Follows no redirect and reads no proxy from the
/// environment: an answer does not decide where a key is sent.
#[derive(Default)]
pub struct HttpIssuer {
    /// Read once, when first needed.
    tls: OnceCell<ClientConfig>,
}

impl fmt::Debug for HttpIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpIssuer").finish_non_exhaustive()
    }
}

impl Issuer for HttpIssuer {
    fn exchange<'a>(&'a self, exchange: Exchange<'a>) -> Boxed<'a, Result<Token, Failure>> {
        Box::pin(async move {
            match tokio::time::timeout(TIME, self.post(exchange)).await {
                Ok(answered) => answered,
                Err(_) => Err(Failure::Timeout),
            }
        })
    }
}

impl HttpIssuer {
    async fn post(&self, Exchange { api_key, endpoint, proxy }: Exchange<'_>) -> Result<Token, Failure> {
        // a client of its own: it is needed once an hour, and proxies differ
        let client = self.client(proxy).await.ok_or(Failure::Unreachable)?;
        let request = client
            .post(endpoint.to_string())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(iam::form(api_key).to_vec());
        let mut answer = request.send().await.map_err(|error| failure(&error))?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = answer.chunk().await.map_err(|error| failure(&error))? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(Failure::Malformed);
            }
        }
        iam::read(answer.status().as_u16(), &body)
    }

    async fn client(&self, proxy: Option<&ProcessProxy>) -> Option<Client> {
        let tls =
            self.tls.get_or_try_init(|| async { tokio::task::spawn_blocking(tls).await.ok().flatten().ok_or(()) });
        let builder = Client::builder()
            .tls_backend_preconfigured(tls.await.ok()?.clone())
            .no_proxy()
            .redirect(redirect::Policy::none())
            .dns_resolver(Arc::new(Allowed))
            .connect_timeout(CONNECT_TIME)
            .pool_max_idle_per_host(0)
            .http1_only();
        let builder = match proxy {
            None => builder,
            Some(given) => builder.proxy(through(given)?),
        };
        builder.build().ok()
    }
}

fn through(given: &ProcessProxy) -> Option<Proxy> {
    let proxy = Proxy::all(given.endpoint.to_string()).ok()?;
    let Some(authorization) = &given.authorization else { return Some(proxy) };
    #[expect(clippy::disallowed_methods, reason = "the password goes into its header")]
    let mut header = authorization.with_exposed(|text| HeaderValue::from_str(text).ok())?;
    header.set_sensitive(true);
    Some(proxy.custom_http_auth(header))
}

fn tls() -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(versions.with_root_certificates(roots).with_no_client_auth())
}

/// What is known of the error stays here: its text may show the URL, and nothing else of it is of use.
fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() { Failure::Timeout } else { Failure::Unreachable }
}

/// The machine's resolver, without link-local and metadata addresses (B-1): a name is checked when it is resolved.
#[derive(Debug)]
struct Allowed;

impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| !forbidden_address(address.ip())).collect();
            if allowed.is_empty() {
                return Err("the name has no address that may be used".into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}
