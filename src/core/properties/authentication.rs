//! Who asks.

use crate::Timestamp;
use crate::access::Principal;
use crate::model::{ClientSecret, ObjectName};
use crate::s3::{BaseHosts, RawHead, parse};
use crate::sigv4::{SecretKey, claim};

/// The day of the scopes in the corpus.
const NOON: i64 = 1_369_396_800;

/// S: whatever an `Authorization` header says, without the secret it proves nothing.
pub fn authorization(data: &[u8]) {
    let lines = b"x-amz-date: 20130524T120000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: ";
    let head = [b"GET /bucket/key HTTP/1.1\r\nHost: s3.test\r\n".as_slice(), lines, data, b"\r\n\r\n"].concat();
    refuse(&head);
}

/// S: whatever a query says, without the secret it proves nothing.
pub fn presigned_query(data: &[u8]) {
    refuse(&[b"GET /bucket/key?".as_slice(), data, b" HTTP/1.1\r\nHost: s3.test\r\n\r\n"].concat());
}

fn refuse(head: &[u8]) {
    let Ok((head, _)) = RawHead::parse_http1(head) else { return };
    let Ok(target) = parse(&head, &BaseHosts::default()) else { return };
    let secret = |name: &str, text: &str| {
        let principal = Principal::new(ObjectName::new("default", name));
        ClientSecret::new(principal, SecretKey::new(text.to_owned()).unwrap())
    };
    let secrets = [secret("a", "one secret that nobody knows"), secret("b", "another secret of the same key")];
    for known in [0, 1, 2] {
        let Ok(claim) = claim(&head, &target) else { return };
        // S20: what the log will carry is one line
        assert!(claim.access_key().as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        let verified = claim.verify(&secrets[..known], Timestamp::from_unix_seconds(NOON));
        assert!(verified.is_err(), "verified without a secret: {:?}", String::from_utf8_lossy(head.target()));
    }
}
