//! What connections to backends are made with, shared by all of them.

use crate::first_byte::Sockets;
use crate::trust::TrustStores;

/// Parsed certificates and open sockets.
#[derive(Debug, Default)]
pub struct Egress {
    pub(crate) trust: TrustStores,
    pub(crate) sockets: Sockets,
}
