//! `chimera db migrate`, `rollback` and `status`

use std::process::ExitCode;

use chimera_store::Store;
use clap::Args;

use crate::{cli::By, compose, config::Config, output};

/// Bring the schema up to date, or make it: in --data-dir, or at `database.url`. Safe to run many at once.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    by: By,
}

/// Undo the newest migrations.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// How many, the newest first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Yes, drop the data; without it, only what would go is shown
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
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
        let store = Store::connect(&config.store()).await?.acting_as(self.by.operator());
        let applied = store.migrate().await?;
        output::note(&format!("{applied} migrations applied; the schema is up to date"));
        Ok(ExitCode::SUCCESS)
    }
}

impl Rollback {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let store = compose::open_unchecked(config).await?;
        if !self.yes {
            return refuse(&store.rollback_preview(self.steps).await?);
        }
        let undone = store.acting_as(self.by.operator()).rollback(self.steps).await?;
        tell(&undone);
        output::note(&format!("{} migrations undone", undone.migrations.len()));
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

/// Says what would be lost, and that nothing was.
fn refuse(preview: &chimera_store::Rollback) -> anyhow::Result<ExitCode> {
    if preview.migrations.is_empty() {
        output::note("no migration is applied, so there is none to undo");
        return Ok(ExitCode::SUCCESS);
    }
    tell(preview);
    let rows: u64 = preview.tables.iter().map(|(_, rows)| rows).sum();
    anyhow::bail!(
        "this rollback would undo {} migrations and drop {} tables with {rows} rows, and {} columns, for good, so \
         nothing was done; back up first, and add --yes if that is meant",
        preview.migrations.len(),
        preview.tables.len(),
        preview.columns.len()
    )
}

/// What a rollback takes away, a line each.
fn tell(rollback: &chimera_store::Rollback) {
    for migration in &rollback.migrations {
        output::note(&format!("undo  {migration}"));
    }
    for (table, rows) in &rollback.tables {
        output::note(&format!("drop  table {table}, {rows} rows"));
    }
    for (column, rows) in &rollback.columns {
        output::note(&format!("drop  column {column}, in {rows} rows"));
    }
}
