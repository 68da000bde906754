//! The data plane: bytes come in at [`Front`] and [`Proxy`], and leave for a backend only under a permit.
//!
//! Read in this order: `gateway.rs` (one request, top to bottom; `admit` is the security of the product), `stage/`
//! (one file a step), `respond.rs` (the only place where a denial becomes bytes), `front.rs` (raw heads, deadlines,
//! drain), `exchange.rs`, `post_object.rs` and `copying.rs` (requests that OSP itself makes), `refusal.rs` (what backends
//! say about OSP itself), `cors.rs` (what browsers are told). This crate and the root's `wiring.rs` are the only users of
//! pingora.

mod access_log;
mod alarm;
mod attempt;
mod chunk_scan;
mod client;
mod clock;
mod copying;
mod cors;
mod drain;
mod egress;
mod exchange;
mod first_byte;
mod flight;
mod front;
mod front_io;
mod gateway;
mod health;
mod listen;
mod metrics;
mod outline;
mod post_object;
mod refusal;
mod regions;
mod request_id;
mod resolver;
mod respond;
mod settings;
mod signing_keys;
pub mod stage;
mod tls;
mod trust;
mod tunnel;

pub use access_log::{AccessLog, AccessRecord, LogFormat};
pub use clock::{Clock, SystemClock};
pub use drain::{Drain, DrainWatch};
pub use egress::Egress;
pub use front::Front;
pub use gateway::{Gateway, Proxy, Suppliers};
pub use health::BackendHealth;
pub use listen::PreBound;
pub use metrics::Metrics;
pub use request_id::RequestIds;
pub use resolver::{Resolver, SystemResolver};
pub use settings::{ClientTimeouts, Settings, server_conf};
pub use stage::Observer;
pub use tls::{CertificateFiles, CertificateStore};
