//! `chimera bench`: what this machine makes of the fleet, in figures that anyone can repeat.
//!
//! The real roles do the real work on a database and queues of their own; only the tools and the mind have nothing to do.
//! Beside each figure stands what a bare client reaches on the same database in the same run: a ratio survives a change
//! of machine, a figure does not.

mod budget;
mod child;
mod common;
mod fleet;
mod ground;
mod idle;
mod machine;
mod mcp;
mod memory;
mod pipeline;
mod planner;
mod quantiles;
mod review;
mod start;
mod sustained;
mod wire;

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
    /// From nothing to ready: this very program, as `chimera up`
    Start(start::Options),
    /// A fleet with nothing to do: memory, processor time and statements
    Fleet(fleet::Options),
    /// Headlines read, scored, and planned or let go
    Planner(planner::Options),
    /// Money set aside, while everybody wants the same agent's
    Budget(budget::Options),
    /// The queue of posts that wait for a person, however long it is
    Review(review::Options),
    /// Calls of a tool that does nothing: in this process, over pipes and over HTTP
    Mcp(mcp::Options),
    /// The server that does nothing, over standard input and output
    #[command(hide = true)]
    Idle(mcp::Idle),
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Pipeline(options) => Box::pin(options.run(global)).await,
            Command::Memory(options) => options.run(global).await,
            Command::Start(options) => options.run(global).await,
            Command::Fleet(options) => options.run(global).await,
            Command::Planner(options) => options.run(global).await,
            Command::Budget(options) => options.run(global).await,
            Command::Review(options) => options.run(global).await,
            Command::Mcp(options) => options.run(global).await,
            Command::Idle(options) => options.run().await,
        }
    }
}
