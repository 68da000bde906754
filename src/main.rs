//! The command line: what was typed -> what it means -> do it -> exit code.

use std::process::ExitCode;

use clap::Parser;
use osp::{Args, Command, Config};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Args::parse().command;
    osp::telemetry::start_logging(command.log_level());
    let outcome = match command {
        Command::Serve(typed) => Config::read(&typed).map_err(osp::Failure::from).and_then(osp::run),
        Command::Check(typed) => osp::check(&typed),
        Command::Crds(typed) => osp::crds(typed.write.as_deref()),
        Command::Operations(typed) => osp::operations(typed.write.as_deref()),
        Command::Explain(typed) => osp::explain(&typed).and_then(|text| osp::print(&text)),
        Command::Keygen(typed) => osp::keygen(&typed).and_then(|text| osp::print(&text)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            osp::report(&failure);
            ExitCode::FAILURE
        }
    }
}
