//! Bringing the schema up to date, and undoing that.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder};
use sea_orm_migration::{MigratorTrait, seaql_migrations};
use tokio::time::Instant;

use crate::{
    Backend, Result, Store, StoreError,
    dialect::catalogue::{self, Table},
    migration::Migrator,
    store::WriteTx,
};

/// Where the migrations that were applied are on record.
pub(crate) const LEDGER: &str = "seaql_migrations";

/// How long a schema change waits for another one, or for whoever writes; on PostgreSQL its lock says the same.
const PATIENCE: Duration = Duration::from_secs(300);

/// One schema change, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name; names sort in the order of application.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// What a rollback takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// The migrations that are undone, the newest first.
    pub migrations: Vec<String>,
    /// Tables that go, with the number of rows in each, by name.
    pub tables: Vec<(String, u64)>,
    /// Columns that go from tables that stay, as `table.column`, with the number of rows of the table.
    pub columns: Vec<(String, u64)>,
}

impl Store {
    /// Applies every migration that the database lacks, all or none; returns how many.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database was made by a newer program; [`StoreError::Schema`] when a
    /// migration fails.
    pub async fn migrate(&self) -> Result<u32> {
        let tx = self.begin_migration().await?;
        let count = self.bring_up_to_date(&tx).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Applies every migration that is pending, and logs that; returns how many.
    pub(crate) async fn bring_up_to_date(&self, tx: &WriteTx) -> Result<u32> {
        let before = applied(&**tx, self.backend).await?;
        let pending: Vec<String> = known().into_iter().filter(|name| !before.contains(name)).collect();
        Migrator::up(&**tx, None).await.map_err(failed)?;
        self.audit_migrated(&**tx, &pending).await?;
        Ok(u32::try_from(pending.len()).unwrap_or(u32::MAX))
    }

    /// Undoes the last `steps` migrations, all or none, and says what went with them. The data in what they made is
    /// lost.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database was made by a newer program; [`StoreError::Schema`] when a step
    /// fails.
    pub async fn rollback(&self, steps: u32) -> Result<Rollback> {
        let (undone, tx) = self.roll_back(steps).await?;
        self.audit_rolled_back(&*tx, &undone.migrations).await?;
        tx.commit().await?;
        Ok(undone)
    }

    /// What [`Self::rollback`] would take away. The steps are taken in a transaction that is given up: nothing is
    /// written, but others wait meanwhile.
    ///
    /// # Errors
    /// As for [`Self::rollback`].
    pub async fn rollback_preview(&self, steps: u32) -> Result<Rollback> {
        let (undone, tx) = self.roll_back(steps).await?;
        tx.abandon().await?;
        Ok(undone)
    }

    /// Every migration of this program, and whether the database has it. Writes nothing.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when the database was made by a newer program.
    pub async fn migrations(&self) -> Result<Vec<MigrationState>> {
        let applied: BTreeSet<String> = applied(&self.db, self.backend).await?.into_iter().collect();
        Ok(known().into_iter().map(|name| MigrationState { applied: applied.contains(&name), name }).collect())
    }

    /// A transaction that changes the schema; others that would wait for its end, however long it takes within reason.
    pub(crate) async fn begin_migration(&self) -> Result<WriteTx> {
        let patience = Instant::now() + PATIENCE;
        let tx = loop {
            match self.begin().await {
                Err(StoreError::Busy { .. }) if Instant::now() < patience => {
                    tracing::info!("another process writes to the database; the schema change waits for it");
                }
                begun => break begun?,
            }
        };
        if let Some(lock) = self.backend.migration_lock() {
            tx.execute_unprepared(lock).await?;
        }
        Ok(tx)
    }

    async fn roll_back(&self, steps: u32) -> Result<(Rollback, WriteTx)> {
        let tx = self.begin_migration().await?;
        let mut migrations = applied(&*tx, self.backend).await?;
        migrations.reverse();
        migrations.truncate(usize::try_from(steps).unwrap_or(usize::MAX));
        let before = catalogue::tables(&*tx, self.backend).await?;
        let mut rows = BTreeMap::new();
        for name in before.keys() {
            rows.insert(name.clone(), catalogue::count(&*tx, name).await?);
        }
        Migrator::down(&*tx, Some(steps)).await.map_err(failed)?;
        let after = catalogue::tables(&*tx, self.backend).await?;
        let count = |table: &str| rows.get(table).copied().unwrap_or_default();
        let tables = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), count(name)));
        let columns = before.iter().flat_map(|(name, table)| {
            let gone = gone(table, after.get(name));
            gone.into_iter().map(move |column| (format!("{name}.{column}"), count(name)))
        });
        Ok((Rollback { migrations, tables: tables.collect(), columns: columns.collect() }, tx))
    }
}

/// Columns of a table that it no longer has.
fn gone(before: &Table, after: Option<&Table>) -> Vec<String> {
    let Some(after) = after else { return vec![] };
    let stays = |name: &str| after.columns.iter().any(|column| column.name == name);
    before.columns.iter().filter(|column| !stays(&column.name)).map(|column| column.name.clone()).collect()
}

/// The names of this program's migrations, in order.
pub(crate) fn known() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// The names of the migrations that the database has, in order; all of them known to this program.
pub(crate) async fn applied(db: &impl ConnectionTrait, backend: Backend) -> Result<Vec<String>> {
    if !catalogue::has_table(db, backend, LEDGER).await? {
        return Ok(vec![]);
    }
    let rows = seaql_migrations::Entity::find().order_by_asc(seaql_migrations::Column::Version).all(db).await?;
    let (known, applied): (_, Vec<String>) = (known(), rows.into_iter().map(|row| row.version).collect());
    let unknown: Vec<String> = applied.iter().filter(|name| !known.contains(name)).cloned().collect();
    if unknown.is_empty() { Ok(applied) } else { Err(StoreError::NewerSchema { unknown }) }
}

/// Names a failed migration as such, unless the cause lies with the disk or the server.
pub(crate) fn failed(source: DbErr) -> StoreError {
    match StoreError::from(source) {
        StoreError::Database { source } => StoreError::Schema { source },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::catalogue::Column;

    fn table(columns: &[&str]) -> Table {
        let column =
            |name: &&str| Column { name: (*name).to_owned(), type_name: "text".to_owned(), nullable: true, key: None };
        Table { columns: columns.iter().map(column).collect() }
    }

    #[test]
    fn a_column_that_goes_from_a_table_that_stays_is_named() {
        let before = table(&["id", "mood", "name"]);
        assert_eq!(gone(&before, Some(&table(&["id", "name", "other"]))), ["mood"]);
        assert!(gone(&before, Some(&before)).is_empty());
        assert!(gone(&before, None).is_empty(), "the table is named then, not its columns");
    }
}
