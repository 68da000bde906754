//! The worker of the tests. The product's own worker is `osp`, which calls the same function first.

use std::process::ExitCode;

fn main() -> ExitCode {
    osp_hooks::serve_if_worker().unwrap_or(ExitCode::FAILURE)
}
