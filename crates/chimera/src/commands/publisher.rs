//! `chimera publisher`

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::{cli::Global, commands::serve, lifecycle::EXIT_CODES_OF_PUBLISHER, role::Role};

/// The publisher as a process of its own.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish what was approved, until told to end. The only role that calls the platforms: give their credentials to
    /// no other. Needs PostgreSQL and Redis
    #[command(after_help = EXIT_CODES_OF_PUBLISHER)]
    Serve(serve::Options),
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let Command::Serve(options) = self.command;
        options.run(Role::Publisher, global, None).await
    }
}
