//! Deterministic authenticated encryption with a key that is derived from the names of a place: AES-256-GCM with a nonce
//! that is a MAC of the plain text and what it is for, so that the same nonce never stands before two different texts.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac::{self, HMAC_SHA256};

use crate::s3::Mapping;

/// The only place where this key is used; a change of what is sealed, or how, gets another text.
const LABEL: &[u8] = b"osp upload ids and list tokens 1";

/// Closes and opens what one backend of one route says.
pub(super) struct Seal {
    seal: LessSafeKey,
    nonce: hmac::Key,
}

impl Seal {
    /// The seal of the backend of `mapping`.
    pub(super) fn of(mapping: &Mapping) -> Option<Self> {
        let names = pieces(&[
            mapping.issuer.as_bytes(),
            mapping.client_bucket.as_str().as_bytes(),
            mapping.client_prefix.as_str().as_bytes(),
            mapping.backend_bucket.as_bytes(),
            mapping.prefix.as_str().as_bytes(),
        ]);
        let root = hmac::Key::new(HMAC_SHA256, hmac::sign(&hmac::Key::new(HMAC_SHA256, LABEL), &names).as_ref());
        let derive = |what: &[u8]| hmac::sign(&root, what);
        let seal = UnboundKey::new(&AES_256_GCM, derive(b"seal").as_ref()).ok()?;
        Some(Self { seal: LessSafeKey::new(seal), nonce: hmac::Key::new(HMAC_SHA256, derive(b"nonce").as_ref()) })
    }

    /// Nonce, encrypted text and tag.
    pub(super) fn close(&self, used_for: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let nonce = hmac::sign(&self.nonce, &pieces(&[used_for, plain]));
        let nonce: [u8; NONCE_LEN] = *nonce.as_ref().first_chunk()?;
        let mut text = plain.to_vec();
        self.seal.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(used_for), &mut text).ok()?;
        Some([&nonce[..], &text].concat())
    }

    /// The plain text of what was closed for exactly this.
    pub(super) fn open(&self, used_for: &[u8], closed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = closed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.seal.open_in_place(nonce, Aad::from(used_for), &mut text).ok()?;
        Some(plain.to_vec())
    }
}

/// One rendering of several texts, each after its length: no two lists have the same.
pub(super) fn pieces(texts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(texts.iter().map(|text| text.len() + 8).sum());
    for text in texts {
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text);
    }
    out
}
