//! The command line: what was typed -> what it means -> do it -> exit code.

use std::process::ExitCode;

use clap::Parser;
use osp::{Args, Command, Config};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    osp::telemetry::start_logging();
    let outcome = match Args::parse().command {
        Command::Serve(typed) => Config::read(&typed).map_err(osp::Failure::from).and_then(osp::run),
        Command::Check(typed) => osp::check(&typed),
        Command::Crds(typed) => osp::crds(typed.write.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            osp::report(&failure);
            ExitCode::FAILURE
        }
    }
}
