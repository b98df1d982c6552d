//! Schema changes, in order. Append only: a change that has been released is never edited, a new one follows it.

mod m0001_agents_and_campaigns;
mod m0002_signals;
mod m0003_tasks;
mod m0004_artifacts;
mod m0005_reviews;
mod m0006_publications;
mod m0007_alerts;
mod m0008_audit;
mod m0009_spend_ledger;
mod m0010_duties;
mod m0011_task_protocol;
mod m0012_indices;
mod m0013_retention;
mod m0014_failures_and_rests;
mod m0016_held_signals;
mod m0017_memories;
mod m0018_spend_totals;
mod m0019_stories;
mod m0020_campaigns;
mod m0021_credentials;
mod m0022_marks;
mod m0023_judge_calibration;
mod m0024_plan_review;
mod m0025_pacing;
mod m0026_webhook;
mod m0027_replies;
mod m0028_story_voices;

use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager,
    prelude::{
        ColumnDef, DbErr, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, Table, TableCreateStatement,
    },
    schema::{big_integer, text, timestamp_with_time_zone, uuid},
};

/// The migration that makes the audit log.
pub(crate) const AUDIT: &str = "m0008_audit";

/// Every migration of this program.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_agents_and_campaigns::Migration),
            Box::new(m0002_signals::Migration),
            Box::new(m0003_tasks::Migration),
            Box::new(m0004_artifacts::Migration),
            Box::new(m0005_reviews::Migration),
            Box::new(m0006_publications::Migration),
            Box::new(m0007_alerts::Migration),
            Box::new(m0008_audit::Migration),
            Box::new(m0009_spend_ledger::Migration),
            Box::new(m0010_duties::Migration),
            Box::new(m0011_task_protocol::Migration),
            Box::new(m0012_indices::Migration),
            Box::new(m0013_retention::Migration),
            Box::new(m0014_failures_and_rests::Migration),
            Box::new(m0016_held_signals::Migration),
            Box::new(m0017_memories::Migration),
            Box::new(m0018_spend_totals::Migration),
            Box::new(m0019_stories::Migration),
            Box::new(m0020_campaigns::Migration),
            Box::new(m0021_credentials::Migration),
            Box::new(m0022_marks::Migration),
            Box::new(m0023_judge_calibration::Migration),
            Box::new(m0024_plan_review::Migration),
            Box::new(m0025_pacing::Migration),
            Box::new(m0026_webhook::Migration),
            Box::new(m0027_replies::Migration),
            Box::new(m0028_story_voices::Migration),
        ]
    }
}

/// A table with an id and a tenant, followed by `columns`.
fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut id = uuid("id");
    id.primary_key();
    let mut table = Table::create();
    table.table(name).col(id).col(uuid("tenant_id"));
    for column in columns {
        table.col(column);
    }
    table.take()
}

/// What every mutable row ends with.
fn versioned() -> [ColumnDef; 3] {
    [big_integer("state_version"), timestamp_with_time_zone("created_at"), timestamp_with_time_zone("updated_at")]
}

/// A trace id: 32 hex digits.
fn trace() -> ColumnDef {
    text("trace_id")
}

/// Makes `table` hold its `column` to the ids of `to`.
fn references(table: &mut TableCreateStatement, name: &'static str, column: &'static str, to: &'static str) {
    let mut key = ForeignKey::create();
    key.name(name).from_col(column).to(to, "id").on_delete(ForeignKeyAction::Restrict);
    table.foreign_key(&mut key);
}

/// An index over `columns` of `table`.
fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index.take()
}

/// Creates a table with its indices.
async fn create(
    manager: &SchemaManager<'_>,
    table: TableCreateStatement,
    indices: impl IntoIterator<Item = IndexCreateStatement>,
) -> Result<(), DbErr> {
    manager.create_table(table).await?;
    for index in indices {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Drops tables, in the order given, with their indices.
async fn drop(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(*table).take()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
