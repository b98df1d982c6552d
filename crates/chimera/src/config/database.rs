//! The database, and with how much patience it is used.

use std::fmt;

use chimera_store::StoreConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::redacted_url;

/// The database. Every process has connections of its own: PostgreSQL's `max_connections` must be enough for all.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseConfig {
    /// `postgres://...`, or `sqlite://...`; `chimera.db` in the data folder where nothing is said. How PostgreSQL is
    /// reached by TLS is said in the URL: `?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem` takes a server only with a
    /// certificate of that authority for its name; `prefer`, the default, takes any.
    pub(crate) url: Option<String>,
    /// Connections kept at the most, 1 or more; on SQLite no more than four.
    pub(crate) connections_max: u32,
    /// Connections kept even when there is nothing to do.
    pub(crate) connections_min: u32,
    /// How long to wait for a connection, in milliseconds, 100 or more.
    pub(crate) acquire_timeout_ms: u64,
    /// A connection unused for so long is closed, in milliseconds. PostgreSQL only.
    pub(crate) idle_timeout_ms: u64,
    /// A connection as old as this is closed and made anew, in milliseconds. PostgreSQL only.
    pub(crate) lifetime_max_ms: u64,
    /// A statement that takes longer is given up, in milliseconds, 100 or more. PostgreSQL only; schema changes may take
    /// as long as they need.
    pub(crate) statement_timeout_ms: u64,
    /// A statement that waits longer for someone else's lock is given up, in milliseconds; on SQLite for the one writer.
    pub(crate) lock_timeout_ms: u64,
    /// A transaction in which nothing happens for so long is ended, in milliseconds, lest a process that hangs keep its
    /// locks. PostgreSQL only.
    pub(crate) idle_transaction_timeout_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        let store = StoreConfig::new("");
        Self {
            url: None,
            connections_max: store.connections_max,
            connections_min: store.connections_min,
            acquire_timeout_ms: store.acquire_timeout_ms,
            idle_timeout_ms: store.idle_timeout_ms,
            lifetime_max_ms: store.lifetime_max_ms,
            statement_timeout_ms: store.statement_timeout_ms,
            lock_timeout_ms: store.lock_timeout_ms,
            idle_transaction_timeout_ms: store.idle_transaction_timeout_ms,
        }
    }
}

impl DatabaseConfig {
    /// How the store at `url` is reached by a program of this name.
    pub(super) fn store(&self, url: String, application: String) -> StoreConfig {
        StoreConfig {
            connections_max: self.connections_max,
            connections_min: self.connections_min,
            acquire_timeout_ms: self.acquire_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
            lifetime_max_ms: self.lifetime_max_ms,
            statement_timeout_ms: self.statement_timeout_ms,
            lock_timeout_ms: self.lock_timeout_ms,
            idle_transaction_timeout_ms: self.idle_transaction_timeout_ms,
            application,
            ..StoreConfig::new(url)
        }
    }

    /// The key and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.connections_max == 0 {
            return Err(("database.connections_max", "at least 1 connection is needed"));
        }
        if self.connections_min > self.connections_max {
            return Err(("database.connections_min", "it must not be above `connections_max`"));
        }
        let times = [
            self.acquire_timeout_ms,
            self.idle_timeout_ms,
            self.lifetime_max_ms,
            self.statement_timeout_ms,
            self.lock_timeout_ms,
            self.idle_transaction_timeout_ms,
        ];
        if times.iter().any(|millis| *millis < 100) {
            return Err((
                "database.*_timeout_ms, database.lifetime_max_ms",
                "each must be at least 100 milliseconds; a healthy database needs some of them",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, connections_max, connections_min, statement_timeout_ms, lock_timeout_ms, .. } = self;
        f.debug_struct("DatabaseConfig")
            .field("url", &url.as_deref().map(redacted_url))
            .field("connections_max", connections_max)
            .field("connections_min", connections_min)
            .field("statement_timeout_ms", statement_timeout_ms)
            .field("lock_timeout_ms", lock_timeout_ms)
            .finish_non_exhaustive()
    }
}
