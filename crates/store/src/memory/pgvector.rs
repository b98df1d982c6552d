//! Memories on PostgreSQL with pgvector.
//!
//! The numbers lie in a `real[]` column, which needs no extension: so the schema is the same everywhere, and without
//! pgvector only this part of Chimera says no. The index over them is made with the first memory of its length: HNSW over
//! half-precision numbers (half the memory, and up to 4,000 dimensions where `vector` stops at 2,000), for each number of
//! dimensions one. PostgreSQL keeps it true, whoever writes.
//!
//! HNSW knows nothing of agents: it gives what is nearest of all agents' memories, and filters come after. So
//! - an agent with few memories is searched exactly, by the index over agents: that is quicker, too;
//! - one with many is searched by HNSW with iterative scans, and exactly when that ends before it has found enough.
//!
//! What was found is compared once more in full precision.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult as _, Statement, Value};
use tokio::sync::OnceCell;

use chimera_domain::{AgentId, FoundMemory, Memory, MemoryKind};

use super::{Embedded, Forget, MemoryError, MemoryIndex, MemorySearch, rows};
use crate::{
    Store,
    codec::{Mapped as _, time},
    entity::memories::{Entity, Model},
    vector,
};

/// Candidates that HNSW looks at, at least; pgvector's `hnsw.ef_search`, 1..=1,000.
const EF_SEARCH: usize = 100;
/// Oldest pgvector with iterative scans.
const VERSION_MIN: (u32, u32) = (0, 8);

/// See the module's opening.
#[derive(Debug)]
pub struct PgvectorMemory {
    store: Store,
    /// The schema that the extension lies in, quoted.
    home: OnceCell<String>,
    /// Numbers of dimensions of which this process knows that there is an index.
    indexed: Mutex<BTreeSet<u16>>,
}

impl PgvectorMemory {
    /// Up to so many memories an agent is searched exactly.
    pub const EXACT_ROWS_MAX: u32 = 10_000;

    /// Over this store, which must be on PostgreSQL. Asks nothing yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, home: OnceCell::new(), indexed: Mutex::default() }
    }

    /// Where the extension lies. Adds it to the database when it is not there and the server gives leave.
    async fn home(&self) -> Result<&str, MemoryError> {
        let home = self.home.get_or_try_init(|| async {
            if let Some(found) = self.installed().await? {
                return Ok(found);
            }
            let made =
                self.store.db.execute_unprepared("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public").await;
            // Another process may have made it at the same moment: then this one failed, and it is there.
            match self.installed().await? {
                Some(found) => Ok(found),
                None => Err(MemoryError::NoPgvector { source: made.err() }),
            }
        });
        Ok(home.await?.as_str())
    }

    async fn installed(&self) -> Result<Option<String>, MemoryError> {
        let sql = "SELECT extnamespace::regnamespace::text, extversion FROM pg_extension WHERE extname = 'vector'";
        let row = self.store.db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let Some(row) = row else { return Ok(None) };
        let (home, version): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        if is_too_old(&version) {
            return Err(MemoryError::OldPgvector { found: version });
        }
        Ok(Some(home))
    }

    /// Sees to it that there is an index over vectors of this length.
    async fn ensure_index(&self, home: &str, dims: u16) -> Result<(), MemoryError> {
        if self.indexed.lock().unwrap_or_else(PoisonError::into_inner).contains(&dims) {
            return Ok(());
        }
        let is_there = format!("SELECT to_regclass('{}') IS NOT NULL", index_name(dims));
        let row = self.store.db.query_one_raw(Statement::from_string(DbBackend::Postgres, is_there)).await?;
        let is_there: bool = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        if !is_there {
            // Over many rows, as after a restore, this takes minutes, and who writes memories waits.
            let tx = self.store.begin_migration().await?;
            tx.execute_unprepared(&create_index(home, dims)).await?;
            tx.commit().await?;
        }
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner).insert(dims);
        Ok(())
    }

    /// Keeps memories without an index over their vectors: for whoever brings very many at once and calls
    /// [`Self::build_index`] then. Until then searches read all that an agent remembers.
    ///
    /// # Errors
    /// As for [`MemoryIndex::add`].
    pub async fn add_unindexed(&self, memories: &[Embedded]) -> Result<usize, MemoryError> {
        rows::add(&self.store, memories).await
    }

    /// Makes the index over vectors of this length, if there is none: with so much memory for each of PostgreSQL's workers
    /// (in MiB; 256 bytes and more a memory spare it the slow way over the disk), and without a limit of time. Who writes
    /// memories waits meanwhile.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub async fn build_index(&self, dims: u16, memory_mib: u32, workers: u32) -> Result<(), MemoryError> {
        let home = self.home().await?;
        let tx = self.store.begin_migration().await?;
        tx.execute_unprepared(&format!(
            "SET LOCAL maintenance_work_mem = '{memory_mib}MB'; SET LOCAL max_parallel_maintenance_workers = {workers}; {}",
            create_index(home, dims)
        ))
        .await?;
        tx.commit().await?;
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner).insert(dims);
        Ok(())
    }

    /// Exactly, by the index over agents.
    async fn exact(&self, search: &MemorySearch, home: &str) -> Result<Vec<FoundMemory>, MemoryError> {
        found(self.store.db.query_all_raw(statement(search, home, &self.store, Way::Exact)).await?)
    }

    /// By HNSW; may give fewer than there are.
    async fn by_index(&self, search: &MemorySearch, home: &str) -> Result<Vec<FoundMemory>, MemoryError> {
        let tx = self.store.db.begin(sea_orm::TransactionOptions::default()).await?;
        let ef = (search.limit() * 2).max(EF_SEARCH);
        tx.execute_unprepared(&format!(
            "SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = {ef}"
        ))
        .await?;
        let rows = tx.query_all_raw(statement(search, home, &self.store, Way::Index)).await?;
        tx.commit().await?;
        found(rows)
    }
}

/// How rows are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Exact,
    Index,
}

/// The name of the index over vectors of this length.
fn index_name(dims: u16) -> String {
    format!("agent_memories_near_{dims}")
}

/// The statement that makes it.
fn create_index(home: &str, dims: u16) -> String {
    // Vectors have length 1, so the inner product is the cosine.
    format!(
        "CREATE INDEX IF NOT EXISTS {} ON agent_memories USING hnsw ((embedding::{home}.halfvec({dims})) \
         {home}.halfvec_ip_ops) WHERE dims = {dims}",
        index_name(dims)
    )
}

fn is_too_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) < VERSION_MIN
}

/// The nearest memories with all their columns and how near they are.
fn statement(search: &MemorySearch, home: &str, store: &Store, way: Way) -> Statement {
    let model = search.near.model();
    let dims = model.dims;
    let mut values: Vec<Value> = vec![
        vector::to_text(search.near.values(), vector::VECTOR).into(),
        search.agent_id.as_uuid().into(),
        store.tenant.as_uuid().into(),
        model.name.clone().into(),
    ];
    let mut filters = String::new();
    if let Some(kind) = search.kind {
        values.push(kind.as_str().into());
        filters = format!("{filters} AND kind = ${}", values.len());
    }
    if let Some(since) = search.since {
        values.push(time(since).into());
        filters = format!("{filters} AND created_at >= ${}", values.len());
    }
    let limit = search.limit();
    // What half precision may have moved past each other is told apart by the exact numbers.
    let candidates = limit * 2 + 16;
    // An order that no index has is sorted out.
    let sorted_out = if way == Way::Exact { " + 0" } else { "" };
    let sql = format!(
        "WITH near AS MATERIALIZED ( \
           SELECT * FROM agent_memories \
           WHERE agent_id = $2 AND tenant_id = $3 AND model = $4 AND dims = {dims}{filters} \
           ORDER BY (embedding::{home}.halfvec({dims}) OPERATOR({home}.<#>) $1::text::{home}.halfvec({dims})){sorted_out} \
           LIMIT {candidates}) \
         SELECT near.*, \
           -(embedding::{home}.vector({dims}) OPERATOR({home}.<#>) $1::text::{home}.vector({dims})) AS similarity \
         FROM near ORDER BY similarity DESC, id DESC LIMIT {limit}"
    );
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

fn found(rows: Vec<sea_orm::QueryResult>) -> Result<Vec<FoundMemory>, MemoryError> {
    let read = |row: sea_orm::QueryResult| {
        let memory = Entity::read(Model::from_query_result(&row, "")?)?;
        let similarity: f64 = row.try_get("", "similarity")?;
        Ok(FoundMemory { memory, similarity: similarity.clamp(-1.0, 1.0) })
    };
    rows.into_iter().map(read).collect()
}

#[async_trait]
impl MemoryIndex for PgvectorMemory {
    async fn add(&self, memories: &[Embedded]) -> Result<usize, MemoryError> {
        let lengths: BTreeSet<u16> = memories.iter().map(|(_, vector)| vector.model().dims).collect();
        let home = self.home().await?;
        for dims in lengths {
            self.ensure_index(home, dims).await?;
        }
        rows::add(&self.store, memories).await
    }

    async fn search(&self, search: &MemorySearch) -> Result<Vec<FoundMemory>, MemoryError> {
        let home = self.home().await?;
        let Some(head) = rows::head(&self.store, search.agent_id).await? else { return Ok(vec![]) };
        if search.limit() == 0 {
            return Ok(vec![]);
        }
        if head.live > Self::EXACT_ROWS_MAX.into() {
            let found = self.by_index(search, home).await?;
            if found.len() == search.limit() {
                return Ok(found);
            }
        }
        self.exact(search, home).await
    }

    async fn recent(
        &self,
        agent_id: AgentId,
        kind: MemoryKind,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Memory>, MemoryError> {
        rows::recent(&self.store, agent_id, kind, since, limit).await
    }

    async fn forget(&self, what: &Forget) -> Result<u64, MemoryError> {
        rows::forget(&self.store, what).await
    }

    async fn count(&self, agent_id: AgentId) -> Result<u64, MemoryError> {
        rows::count(&self.store, agent_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (version, old) in [("0.7.4", true), ("0.8.0", false), ("0.10.1", false), ("1.0", false), ("x", true)] {
            assert_eq!(is_too_old(version), old, "{version}");
        }
    }
}
