//! Where it goes: the peer of a permit. One of the two files that may make an `HttpPeer`, and it takes the evidence.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use osp_core::Denial;
use osp_core::access::Permit;
use osp_core::model::Timeouts;
use osp_core::table::{Trust, Upstream};
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy, PeerOptions};

use crate::egress::Egress;
use crate::resolver::Resolver;
use crate::settings::{BACKEND_IDLE, BACKEND_READ, BACKEND_WRITE, CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT, Settings};
use crate::tunnel::Tunnel;

/// The peer for one attempt: attempts walk through the addresses of the name.
///
/// # Errors
/// [`Denial::UpstreamUnreachable`] when the name has no allowed address, [`Denial::RouteBroken`] for an unusable CA set.
pub async fn peer(
    permit: &Permit,
    resolver: &dyn Resolver,
    egress: &Egress,
    settings: &Settings,
    attempt: usize,
) -> Result<Box<HttpPeer>, Denial> {
    let upstream = permit.upstream();
    let (endpoint, proxy) = (permit.endpoint(), upstream.proxy.as_ref());
    let next_hop = proxy.map_or(endpoint, |proxy| &proxy.endpoint);
    let addresses = resolver.resolve(&next_hop.host, next_hop.port).await?;
    let address =
        addresses.get(attempt.checked_rem(addresses.len()).unwrap_or(0)).copied().ok_or(Denial::UpstreamUnreachable)?;
    let mut peer = build(address, endpoint.tls, server_name(permit));
    // connections are never shared across trust settings or credentials, which pingora's own key leaves out
    peer.group_key = permit.pool_group();
    match &upstream.trust {
        Trust::System => {}
        Trust::Roots(ders) => peer.options.ca = Some(egress.trust.roots(upstream, ders)?),
        Trust::Insecure => (peer.options.verify_cert, peer.options.verify_hostname) = (false, false),
    }
    if let Some(certificate) = &upstream.client_certificate {
        peer.client_cert_key = Some(egress.trust.client_key(upstream, certificate)?);
    }
    limit(&mut peer.options, permit, settings.client.silence_of_backends());
    let tap = first_byte(upstream).map(|_| egress.sockets.tap(&mut peer.options));
    if let Some(proxy) = proxy {
        let target = authority(permit);
        // a tunnel leads to one host, and the bucket may be a part of its name
        peer.group_key = tunnel_group(permit.pool_group(), &target);
        let limit = upstream.timeouts.connect.unwrap_or(HANDSHAKE_TIMEOUT);
        peer.options.custom_l4 = Some(Arc::new(Tunnel { proxy: Arc::clone(proxy), target, limit, tap }));
    }
    Ok(Box::new(peer))
}

/// The time from the end of the request to the head of the answer, where the backend has one that is shorter than the
/// longest silence of a connection.
#[must_use]
pub fn first_byte(upstream: &Upstream) -> Option<Duration> {
    upstream.timeouts.first_byte.filter(|limit| *limit < silence(upstream))
}

/// Longest silence while a body moves.
fn silence(upstream: &Upstream) -> Duration {
    let Timeouts { first_byte, idle, .. } = upstream.timeouts;
    idle.unwrap_or(BACKEND_READ.max(first_byte.unwrap_or_default()))
}

/// The backend's own time-outs; `while_sent_to` is how long its silence is borne while it is sent a body.
fn limit(options: &mut PeerOptions, permit: &Permit, while_sent_to: Duration) {
    let upstream = permit.upstream();
    if let Some(connect) = upstream.timeouts.connect {
        (options.connection_timeout, options.total_connection_timeout) = (Some(connect), Some(connect));
    }
    if let Some(idle) = upstream.timeouts.idle {
        options.write_timeout = Some(idle);
    }
    let silence = silence(upstream);
    options.read_timeout = Some(if permit.expects_body() { silence.max(while_sent_to) } else { silence });
}

/// What connections through a proxy are pooled by.
fn tunnel_group(pool_group: u64, target: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (pool_group, target).hash(&mut hasher);
    hasher.finish()
}

/// `host:port` of the backend for a tunnel.
fn authority(permit: &Permit) -> String {
    let endpoint = permit.endpoint();
    let host = host(permit);
    if host.contains(':') { format!("[{host}]:{}", endpoint.port) } else { format!("{host}:{}", endpoint.port) }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a socket address cannot block or fail to resolve, and a permit was shown"
)]
fn build(address: SocketAddr, tls: bool, server_name: String) -> HttpPeer {
    let mut peer = HttpPeer::new(address, tls, server_name);
    let options = &mut peer.options;
    options.connection_timeout = Some(CONNECT_TIMEOUT);
    options.total_connection_timeout = Some(HANDSHAKE_TIMEOUT);
    options.write_timeout = Some(BACKEND_WRITE);
    options.idle_timeout = Some(BACKEND_IDLE);
    // the head is regenerated, so nothing of the client's needs stripping; upgrades are never forwarded
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    peer
}

/// The name that the certificate must carry: never empty, because pingora takes that for "verify nothing".
fn server_name(permit: &Permit) -> String {
    permit.upstream().server_name.clone().unwrap_or_else(|| host(permit))
}

/// The host that the request is for.
fn host(permit: &Permit) -> String {
    let host = &permit.endpoint().host;
    match &permit.outgoing().bucket_label {
        Some(label) if host.parse::<IpAddr>().is_err() => format!("{label}.{host}"),
        _ => host.clone(),
    }
}
