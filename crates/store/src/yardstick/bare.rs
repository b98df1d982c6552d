//! Statements that are ready, sent as fast as they can be.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, Statement,
};
use tokio::time::Instant;

use crate::{Backend, Result, Store, StoreError, batch};

/// What a bare client wrote.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct BareFigures {
    /// What it wrote, in the unit of the benchmark: signals, or claims.
    pub written: usize,
    /// Of these in one transaction.
    pub batch: usize,
    /// Transactions at the same time.
    pub lanes: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Statements sent, without begin and commit.
    pub statements: usize,
    /// Transactions committed.
    pub commits: usize,
}

/// One transaction, ready to be sent.
pub(super) type Ready = Vec<Statement>;

/// Sends chains of transactions, each chain in its order and `lanes` of them at the same time. SQLite has one writer.
pub(super) async fn send(
    into: &Store,
    ready: Vec<Vec<Ready>>,
    written: usize,
    batch: usize,
    lanes: usize,
) -> Result<BareFigures> {
    let lanes = if into.backend == Backend::Sqlite { 1 } else { lanes.max(1) };
    let (commits, statements) = (ready.iter().map(Vec::len).sum(), ready.iter().flatten().map(Vec::len).sum());
    let began = Instant::now();
    stream::iter(ready)
        .map(|chain| async move {
            for transaction in chain {
                let tx = into.begin().await?;
                for statement in transaction {
                    tx.execute_raw(statement).await?;
                }
                tx.commit().await?;
            }
            Ok::<_, StoreError>(())
        })
        .buffer_unordered(lanes)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(BareFigures { written, batch, lanes, seconds: began.elapsed().as_secs_f64(), statements, commits })
}

/// Statements that insert these rows, each as long as it may be.
pub(super) fn inserts<E>(backend: DbBackend, rows: impl IntoIterator<Item = E::Model>) -> Vec<Statement>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    let mut statements = Vec::new();
    let mut rows = rows.into_iter().collect::<Vec<_>>().into_iter();
    while rows.len() > 0 {
        let together = batch::rows_together::<E>(rows.len());
        let mut insert = E::insert_many(rows.by_ref().take(together).map(IntoActiveModel::into_active_model));
        statements.push(backend.build(sea_orm::QueryTrait::query(&mut insert)));
    }
    statements
}
