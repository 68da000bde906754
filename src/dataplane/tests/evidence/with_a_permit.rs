//! The positive twin: with a permit both compile.
use osp_core::access::Permit;
use osp_core::{Denial, Timestamp};
use osp_dataplane::stage::{route, sign};
use osp_dataplane::{Egress, Resolver, Settings};

async fn go(
    permit: &Permit,
    resolver: &dyn Resolver,
    egress: &Egress,
    settings: &Settings,
    signer: &sign::Signer,
) -> Result<(), Denial> {
    let _peer = route::peer(permit, resolver, egress, settings, 0).await?;
    let _head = sign::regenerate(permit, sign::Body::of(permit), signer, Timestamp::from_unix_seconds(0)).await?;
    Ok(())
}

/// Compiling is the proof; this keeps the functions from being unused.
pub fn compiles() {
    let _ = go;
}
