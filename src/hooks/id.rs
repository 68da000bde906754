//! Which text of a hook it is.

/// Which text of a hook is in force: another one after every change of its file. Part of every cache key, so that what an
/// older text decided is not used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(crate) u64);
