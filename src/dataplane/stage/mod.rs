//! The steps of a request, one file each. No stage calls another; `gateway.rs` calls them in order.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod form;
pub(crate) mod forward;
pub(crate) mod listener;
pub(crate) mod observe;
pub mod route;
pub mod sign;

pub use observe::Observer;
