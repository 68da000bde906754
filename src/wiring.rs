//! The only file that names all crates. A stub: the data plane and the controller are joined here.

use std::path::Path;

use crate::{Config, Failure};

pub(crate) fn serve(_config: Config) -> Result<(), Failure> {
    Err(Failure::Serve("not wired yet".to_owned()))
}

pub(crate) fn check(_dir: &Path) -> Result<(), Failure> {
    Err(Failure::Serve("not wired yet".to_owned()))
}
