//! What a search for memories is measured against: the barest statement that the database itself could be asked.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, TransactionOptions};

use chimera_domain::MemoryVector;

use crate::{Backend, Result, Store, vector};

/// Bytes that memories take on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryDisk {
    /// Of everything: rows, their indices, and the index over vectors.
    pub whole: u64,
    /// Of the index over vectors, where there is one on disk.
    pub vectors: u64,
}

impl MemoryDisk {
    /// As the database tells it; on SQLite of the whole file.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn of(store: &Store) -> Result<Self> {
        let (backend, sql) = match store.backend {
            Backend::Sqlite => {
                (DbBackend::Sqlite, "SELECT page_count * page_size, 0 FROM pragma_page_count(), pragma_page_size()")
            }
            Backend::Postgres => (
                DbBackend::Postgres,
                "SELECT pg_total_relation_size('agent_memories'), coalesce((SELECT sum(pg_relation_size(indexrelid)) \
                 FROM pg_index WHERE indrelid = 'agent_memories'::regclass AND indexprs IS NOT NULL), 0)::bigint",
            ),
        };
        let row = store.db.query_one_raw(Statement::from_string(backend, sql)).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("a statement without a table".to_owned()))?;
        let bytes = |column| row.try_get_by_index::<i64>(column).map(i64::unsigned_abs);
        Ok(Self { whole: bytes(0)?, vectors: bytes(1)? })
    }
}

/// Ten ids by the index over vectors alone: whoever's they are, in half precision, no row read beyond its id. PostgreSQL
/// only. Returns how many came.
///
/// # Errors
/// [`crate::StoreError`] when the database fails.
pub async fn bare_nearest(store: &Store, near: &MemoryVector, ef_search: u32) -> Result<usize> {
    let dims = near.model().dims;
    let sql = format!(
        "SELECT id FROM agent_memories WHERE dims = {dims} \
         ORDER BY embedding::public.halfvec({dims}) OPERATOR(public.<#>) $1::text::public.halfvec({dims}) LIMIT 10"
    );
    let values = [vector::to_text(near.values(), vector::VECTOR).into()];
    let tx = store.db.begin(TransactionOptions::default()).await?;
    tx.execute_unprepared(&format!("SET LOCAL hnsw.ef_search = {ef_search}")).await?;
    let rows = tx.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)).await?;
    tx.commit().await?;
    Ok(rows.len())
}
