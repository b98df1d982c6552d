//! `chimera db`

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::{cli::Global, compose, output};

/// The database's schema.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the schema up to date
    Migrate,
    /// Undo the newest migrations, with the data they added
    Rollback {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Yes, drop the data
        #[arg(long)]
        yes: bool,
    },
    /// List the migrations
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(true, None)?;
        match self.command {
            Command::Migrate => {
                compose::make_folder(&config.data_dir.0)?;
                let store = chimera_store::Store::connect(&config.store()).await?;
                let applied = store.migrate().await?;
                output::note(&format!("{applied} migrations applied; the schema is up to date"));
            }
            Command::Rollback { steps, yes } => {
                anyhow::ensure!(
                    yes,
                    "a rollback drops the tables of the undone migrations with all that is in them; add --yes if that is meant"
                );
                let store = compose::open_unchecked(&config).await?;
                let undone = store.rollback(steps).await?;
                output::note(&format!("{undone} migrations undone"));
            }
            Command::Status { json } => {
                let store = compose::open_unchecked(&config).await?;
                let states = store.migrations().await?;
                if json {
                    let rows: Vec<_> =
                        states.iter().map(|m| serde_json::json!({"name": m.name, "applied": m.applied})).collect();
                    output::json(&rows)?;
                } else {
                    let rows =
                        states.into_iter().map(|m| [m.name, if m.applied { "applied" } else { "pending" }.into()]);
                    output::table(["migration", "state"], rows);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
