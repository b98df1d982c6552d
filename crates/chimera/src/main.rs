//! The `chimera` binary: the command line, and the composition root that wires one role or all of them.

mod cli;
mod commands;
mod compose;
mod config;
mod lifecycle;
mod output;
mod role;
mod seed;
mod system;

use std::{process::ExitCode, time::Duration};

use clap::Parser as _;

use crate::lifecycle::{Disorder, EXIT_FAILED};

/// A post is thousands of small allocations on many threads; see docs/benchmarks.md for what this one saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the last traces may take to their collector.
const TRACES_MAX: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            let code = error.downcast_ref::<Disorder>().map_or(EXIT_FAILED, Disorder::exit_code);
            output::last_words(&error, code);
            ExitCode::from(code)
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<ExitCode> {
    // The one place that chooses the TLS implementation; it can fail only by having been chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(cli.run());
    // The runtime still runs: it carries the last traces.
    chimera_telemetry::end_traces(TRACES_MAX);
    // Whatever a role left on the blocking pool must not keep a finished command alive.
    runtime.shutdown_timeout(Duration::from_millis(500));
    code
}
