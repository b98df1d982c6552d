//! `chimera db migrate`, `rollback` and `status`

use std::process::ExitCode;

use chimera_store::Store;
use clap::Args;

use crate::{compose, config::Config, output};

/// Bring the schema up to date.
#[derive(Debug, Args)]
pub(super) struct Migrate;

/// Undo the newest migrations.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// How many
    #[arg(long, default_value_t = 1)]
    steps: u32,
    /// Yes, drop the data
    #[arg(long)]
    yes: bool,
}

/// List the migrations.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        compose::make_folder(&config.data_dir.0)?;
        let store = Store::connect(&config.store()).await?;
        let applied = store.migrate().await?;
        output::note(&format!("{applied} migrations applied; the schema is up to date"));
        Ok(ExitCode::SUCCESS)
    }
}

impl Rollback {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(
            self.yes,
            "a rollback drops the tables of the undone migrations with all that is in them; add --yes if that is meant"
        );
        let store = compose::open_unchecked(config).await?;
        let undone = store.rollback(self.steps).await?;
        output::note(&format!("{undone} migrations undone"));
        Ok(ExitCode::SUCCESS)
    }
}

impl Status {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let store = compose::open_unchecked(config).await?;
        let states = store.migrations().await?;
        if self.json {
            let rows: Vec<_> =
                states.iter().map(|m| serde_json::json!({"name": m.name, "applied": m.applied})).collect();
            output::json(&rows)?;
        } else {
            let rows = states.into_iter().map(|m| [m.name, if m.applied { "applied" } else { "pending" }.into()]);
            output::table(["migration", "state"], rows);
        }
        Ok(ExitCode::SUCCESS)
    }
}
