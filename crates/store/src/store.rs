//! The handle: one tenant's view of one database.

use std::sync::Arc;

use chimera_domain::TenantId;
use sea_orm::DatabaseConnection;

/// Which database, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// `sqlite://path/to/file.db?mode=rwc` or `postgres://user:password@host:port/database`.
    pub url: String,
    /// The most connections held open, 1 or more.
    pub connections_max: u32,
    /// How long one statement, or the wait for a lock, may take, in milliseconds.
    pub statement_timeout_ms: u64,
    /// Whose rows this store reads and writes.
    pub tenant: TenantId,
}

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// An SQLite file.
    Sqlite,
    /// A PostgreSQL server, 16 or newer.
    Postgres,
}

/// One tenant's view of one database. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: DatabaseConnection,
    pub(crate) tenant: TenantId,
    pub(crate) backend: Backend,
    /// SQLite has one writer; waiting here is fair and quick, where its own busy handler polls.
    pub(crate) writer: Option<Arc<tokio::sync::Mutex<()>>>,
}
