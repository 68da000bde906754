//! Where it goes: the peer of a permit. One of the two files that may make an `HttpPeer`, and it takes the evidence.

use std::net::{IpAddr, SocketAddr};

use osp_core::Denial;
use osp_core::access::Permit;
use osp_core::table::Trust;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

use crate::resolver::Resolver;
use crate::settings::{BACKEND_IDLE, BACKEND_READ, BACKEND_WRITE, CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT};
use crate::trust::TrustStores;

/// The peer for one attempt: attempts walk through the addresses of the name.
///
/// # Errors
/// [`Denial::UpstreamUnreachable`] when the name has no allowed address, [`Denial::RouteBroken`] for an unusable CA set.
pub async fn peer(
    permit: &Permit,
    resolver: &dyn Resolver,
    trust: &TrustStores,
    attempt: usize,
) -> Result<Box<HttpPeer>, Denial> {
    let upstream = permit.upstream();
    let endpoint = &upstream.endpoint;
    let addresses = resolver.resolve(&endpoint.host, endpoint.port).await?;
    let address = addresses
        .get(attempt.checked_rem(addresses.len()).unwrap_or(0))
        .copied()
        .ok_or(Denial::UpstreamUnreachable)?;
    let mut peer = build(address, endpoint.tls, server_name(permit));
    // connections are never shared across trust settings or credentials, which pingora's own key leaves out
    peer.group_key = upstream.pool_group;
    match &upstream.trust {
        Trust::System => {}
        Trust::Roots(ders) => peer.options.ca = Some(trust.roots(upstream, ders)?),
        Trust::Insecure => (peer.options.verify_cert, peer.options.verify_hostname) = (false, false),
    }
    Ok(Box::new(peer))
}

#[expect(clippy::disallowed_methods, reason = "a socket address cannot block or fail to resolve, and a permit was shown")]
fn build(address: SocketAddr, tls: bool, server_name: String) -> HttpPeer {
    let mut peer = HttpPeer::new(address, tls, server_name);
    let options = &mut peer.options;
    options.connection_timeout = Some(CONNECT_TIMEOUT);
    options.total_connection_timeout = Some(HANDSHAKE_TIMEOUT);
    options.read_timeout = Some(BACKEND_READ);
    options.write_timeout = Some(BACKEND_WRITE);
    options.idle_timeout = Some(BACKEND_IDLE);
    // the head is regenerated, so nothing of the client's needs stripping; upgrades are never forwarded
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    peer
}

/// The name that the certificate must carry: never empty, because pingora takes that for "verify nothing".
fn server_name(permit: &Permit) -> String {
    let host = &permit.upstream().endpoint.host;
    match &permit.outgoing().bucket_label {
        Some(label) if host.parse::<IpAddr>().is_err() => format!("{label}.{host}"),
        _ => host.clone(),
    }
}
