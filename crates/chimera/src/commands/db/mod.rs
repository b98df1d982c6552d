//! `chimera db`: one file for each thing done to the database.

mod audit;
mod backup;
mod prune;
mod restore;
mod schema;
mod verify;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::Global;

/// The database: its schema, the audit log, backups, and what is kept.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the schema up to date
    Migrate(schema::Migrate),
    /// Undo the newest migrations, with the data they added
    Rollback(schema::Rollback),
    /// List the migrations
    Status(schema::Status),
    /// List what was decided and done, and by whom
    Audit(audit::Audit),
    /// Check that the audit log was not tampered with
    Verify(verify::Verify),
    /// Save all rows and media in one archive, while the fleet runs
    Backup(backup::Backup),
    /// Fill an empty database from an archive, taken from either kind of database
    Restore(restore::Restore),
    /// Delete old rows and media that nobody needs any more
    Prune(prune::Prune),
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        match self.command {
            Command::Migrate(options) => options.run(&config).await,
            Command::Rollback(options) => options.run(&config).await,
            Command::Status(options) => options.run(&config).await,
            Command::Audit(options) => options.run(&config).await,
            Command::Verify(options) => options.run(&config).await,
            Command::Backup(options) => options.run(&config).await,
            Command::Restore(options) => options.run(&config).await,
            Command::Prune(options) => options.run(&config).await,
        }
    }
}
