//! `chimera bench`: what this machine makes of the fleet, in figures that anyone can repeat.
//!
//! The real roles do the real work on a database and queues of their own; only the tools and the mind have nothing to do.
//! Beside each figure stands what a bare client reaches on the same database in the same run: a ratio survives a change
//! of machine, a figure does not.

mod ground;
mod idle;
mod machine;
mod memory;
mod pipeline;
mod quantiles;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::Global;

/// Measure how fast the fleet works here.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Posts from headline to publication, each in seven durable steps, with tools that do nothing
    Pipeline(pipeline::Options),
    /// An agent's nearest memories: how fast they are found, and how many are missed
    Memory(memory::Options),
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Pipeline(options) => options.run(global).await,
            Command::Memory(options) => options.run(global).await,
        }
    }
}
