use osp_core::sigv4::Verified;
use osp_core::{Denial, Timestamp};
use osp_dataplane::SigningKeys;
use osp_dataplane::stage::sign;

fn sign(verified: &Verified, body: sign::Body, keys: &SigningKeys) -> Result<(), Denial> {
    sign::regenerate(verified, body, keys, Timestamp::from_unix_seconds(0)).map(|_| ())
}

fn main() {
    let _ = sign;
}
