//! The compiled routing table: pure [`compile`], immutable [`RouteTable`], and the one `ArcSwap` that it lives in.

mod bucket;
mod compile;
mod live;
mod route_table;

pub use bucket::Asker;
pub use compile::{Compiled, Rejection, compile};
pub use live::{Publisher, Reader, live};
pub(crate) use route_table::Part;
pub use route_table::{Lookup, RouteTable, ServedRoute, Trust, Upstream};
