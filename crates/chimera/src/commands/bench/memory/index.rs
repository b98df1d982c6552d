//! What is measured: the memory of whichever database it is.

use anyhow::Context as _;
use chimera_domain::{AgentId, MemoryVector};
use chimera_llm::DIMS;
use chimera_store::{
    Backend, MemoryDisk, Store, bare_nearest,
    memory::{Embedded, EmbeddedMemory, MemoryIndex, MemorySearch, PgvectorMemory},
};
use tokio::time::Instant;

use super::{SEARCHES, TOP, millis};
use crate::commands::bench::quantiles::Quantiles;

/// Candidates of the bare statement, as many as a search takes.
const EF_SEARCH: u32 = 100;
/// What PostgreSQL's builders of the index may take together, in MiB.
const BUILD_MIB: u32 = 2_048;

/// Memories in a database.
pub(super) enum Index {
    Sqlite(Box<EmbeddedMemory>),
    Postgres(Box<PgvectorMemory>, Box<Store>),
}

impl Index {
    pub(super) fn over(store: Store) -> Self {
        match store.backend() {
            Backend::Sqlite => Self::Sqlite(Box::new(EmbeddedMemory::new(store))),
            Backend::Postgres => Self::Postgres(Box::new(PgvectorMemory::new(store.clone())), Box::new(store)),
        }
    }

    /// Adds many; on PostgreSQL without the index over vectors, which [`Self::finish`] makes: one by one it takes most of
    /// the time, and nobody remembers thousands of things a second.
    pub(super) async fn add(&mut self, batch: &[Embedded]) -> anyhow::Result<()> {
        let added = match self {
            Self::Sqlite(index) => index.add(batch).await,
            Self::Postgres(index, _) => index.add_unindexed(batch).await,
        };
        anyhow::ensure!(added? == batch.len(), "some memories were there already");
        Ok(())
    }

    /// The index is left out where each agent has so few memories that it would not be asked.
    pub(super) async fn finish(&mut self, rows_of_each: usize) -> anyhow::Result<()> {
        if let Self::Postgres(index, _) = self
            && rows_of_each > usize::try_from(PgvectorMemory::EXACT_ROWS_MAX)?
        {
            let workers = u32::try_from(std::thread::available_parallelism().map_or(1, usize::from))?;
            index.build_index(u16::try_from(DIMS)?, BUILD_MIB, workers.saturating_sub(1)).await?;
        }
        Ok(())
    }

    /// How near the ten are that were found.
    pub(super) async fn search(&self, agent: AgentId, near: &MemoryVector) -> anyhow::Result<Vec<f64>> {
        let search = MemorySearch::new(agent, near.clone(), TOP);
        let found = match self {
            Self::Sqlite(index) => index.search(&search).await,
            Self::Postgres(index, _) => index.search(&search).await,
        };
        Ok(found?.iter().map(|one| one.similarity).collect())
    }

    /// Times of the barest statement over the same index, where there is one.
    pub(super) async fn bare(&self, queries: &[MemoryVector]) -> anyhow::Result<Option<Quantiles>> {
        let Self::Postgres(_, store) = self else { return Ok(None) };
        if MemoryDisk::of(store).await?.vectors == 0 {
            return Ok(None);
        }
        let mut took = Vec::with_capacity(SEARCHES);
        for query in queries {
            let began = Instant::now();
            let found = bare_nearest(store, query, EF_SEARCH).await.context("asking the barest statement")?;
            took.push(millis(began));
            anyhow::ensure!(found == TOP, "the barest statement found {found} of {TOP}");
        }
        Ok(Some(Quantiles::of(took)))
    }

    /// Bytes that the index takes in this process.
    pub(super) fn bytes(&self) -> Option<usize> {
        match self {
            Self::Sqlite(index) => Some(index.bytes()),
            Self::Postgres(..) => None,
        }
    }
}
