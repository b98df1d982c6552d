//! What agents remember, behind one interface: the store's own tables, searched by an index in memory on SQLite and by
//! pgvector on PostgreSQL; or Weaviate.
//!
//! Memories belong to one agent of one tenant, and no operation reaches another agent's. Vectors of different models are
//! never compared: a search finds only memories that were embedded by the model of its own vector.
//!
//! To add a backend: implement [`MemoryIndex`], and run the cases of `tests/it/memory.rs` on it.

mod embedded;
mod error;
mod pgvector;
mod rows;
mod shelf;
mod weaviate;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use chimera_domain::{AgentId, FoundMemory, Memory, MemoryId, MemoryKind, MemoryVector};

use crate::{Backend, Store};

pub use embedded::EmbeddedMemory;
pub use error::MemoryError;
pub use pgvector::PgvectorMemory;
#[cfg(test)]
pub(crate) use rows::insert_rows;
pub use weaviate::{WeaviateConfig, WeaviateError, WeaviateMemory};

/// A memory's words and where they point.
pub type Embedded = (Memory, MemoryVector);

/// What to look for.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySearch {
    /// Whose memories.
    pub agent_id: AgentId,
    /// Near to what; only memories of the same model are looked at.
    pub near: MemoryVector,
    /// Only of this kind.
    pub kind: Option<MemoryKind>,
    /// Only from then on.
    pub since: Option<DateTime<Utc>>,
    /// How many at the most, 1..=[`Self::LIMIT_MAX`]; more are cut to that.
    pub limit: usize,
}

impl MemorySearch {
    /// The most that one search gives.
    pub const LIMIT_MAX: usize = 200;

    /// The memories of an agent that are nearest to this.
    #[must_use]
    pub const fn new(agent_id: AgentId, near: MemoryVector, limit: usize) -> Self {
        Self { agent_id, near, kind: None, since: None, limit }
    }

    fn limit(&self) -> usize {
        self.limit.min(Self::LIMIT_MAX)
    }
}

/// What to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// These memories of this agent.
    Ids(AgentId, Vec<MemoryId>),
    /// Everything that this agent remembers.
    Agent(AgentId),
    /// What this agent remembers from before a moment.
    OlderThan(AgentId, DateTime<Utc>),
}

/// A place where memories are kept and found again, for one tenant.
#[async_trait]
pub trait MemoryIndex: Debug + Send + Sync {
    /// Keeps memories. One whose id is known already is left as it is, so adding again is harmless. Returns how many are
    /// new. Large batches cost least. In a database either all of them are kept or none.
    ///
    /// # Errors
    /// [`MemoryError`].
    async fn add(&self, memories: &[Embedded]) -> Result<usize, MemoryError>;

    /// The agent's memories that are nearest, nearest first.
    ///
    /// # Errors
    /// [`MemoryError`].
    async fn search(&self, search: &MemorySearch) -> Result<Vec<FoundMemory>, MemoryError>;

    /// The agent's newest memories of a kind from `since` on, newest first.
    ///
    /// # Errors
    /// [`MemoryError`].
    async fn recent(
        &self,
        agent_id: AgentId,
        kind: MemoryKind,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Memory>, MemoryError>;

    /// Forgets memories for good, in bounded steps. Returns how many there were.
    ///
    /// # Errors
    /// [`MemoryError`]; then some may be forgotten already.
    async fn forget(&self, what: &Forget) -> Result<u64, MemoryError>;

    /// How many memories the agent has.
    ///
    /// # Errors
    /// [`MemoryError`].
    async fn count(&self, agent_id: AgentId) -> Result<u64, MemoryError>;
}

/// The memories in the store's own database.
#[must_use]
pub fn in_database(store: Store) -> Arc<dyn MemoryIndex> {
    match store.backend() {
        Backend::Sqlite => Arc::new(EmbeddedMemory::new(store)),
        Backend::Postgres => Arc::new(PgvectorMemory::new(store)),
    }
}
