//! `SigV4`: the canonical form (once, for verifying and for signing), verification of clients, chunk signatures.
//!
//! Source: AWS "Authenticating Requests (AWS Signature Version 4)" (`sig-v4-authenticating-requests.html`).

mod access_key;
mod authorization;
mod canonical;
mod chunk_chain;
mod claim;
mod content_sha256;
mod date;
mod post_policy;
mod presigned;
mod scope;
mod secret;
mod signed_headers;
mod signing_key;

pub use access_key::AccessKeyId;
pub use canonical::{CanonicalRequest, canonical_value, join_values, replace_by_string_to_sign};
pub use chunk_chain::ChunkChain;
pub(crate) use claim::Signer;
pub use claim::{Claim, FormClaim, ProvedForm, Scheme, Verified, claim, claim_form, plus_as_space};
pub(crate) use presigned::is_signed_query;
pub use scope::Scope;
pub use secret::{SecretKey, SecretVersion};
pub use signing_key::SigningKey;
