use osp_core::sigv4::Verified;
use osp_core::{Denial, Timestamp};
use osp_dataplane::stage::sign;

async fn sign(verified: &Verified, body: sign::Body, signer: &sign::Signer) -> Result<(), Denial> {
    sign::regenerate(verified, body, signer, Timestamp::from_unix_seconds(0)).await.map(|_| ())
}

fn main() {
    let _ = sign;
}
