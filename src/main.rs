//! The command line: what was typed -> what it means -> do it -> exit code.

use std::process::ExitCode;

use clap::Parser;
use osp::Args;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // hooks run in processes that are started anew from this program
    if let Some(code) = osp::serve_if_hook_worker() {
        return code;
    }
    let command = Args::parse().command;
    osp::telemetry::start_logging(command.log_level());
    match osp::execute(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            osp::report(&failure);
            ExitCode::FAILURE
        }
    }
}
