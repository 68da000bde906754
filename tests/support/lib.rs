//! Doubles with behaviour for the integration tests of the whole binary: a fake S3 backend that verifies signatures
//! strictly and can misbehave, a client that signs by its own code and can break every rule, and the gateway as a child
//! process. [`World`] puts them together and carries the threefold oracle: what the client got, what the backend saw,
//! what the log says.

pub mod backend;
pub mod certificate;
pub mod checksum;
pub mod connection;
pub mod documents;
pub mod form;
pub mod gateway;
pub mod http2;
pub mod proxy;
pub mod request;
pub mod sigv4;
mod world;

pub use backend::{Answer, Backend, Fault, Latch, Rule, Seen};
pub use connection::{Connection, Response};
pub use form::UploadForm;
pub use request::{Key, Payload, Request, Signer};
pub use world::{ALICE, BACKEND, BASE_HOST, BOB, STRANGER, World, wait_until};
