//! Which database, for whom, and with what patience.

use std::{fmt, time::Duration};

use chimera_domain::TenantId;

/// Which database, and for whom. All times are in milliseconds; [`Self::new`] has values that are good for most.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// `sqlite://path/to/file.db?mode=rwc` or `postgres://user:password@host:port/database`. On PostgreSQL its
    /// parameters `sslmode` (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`), `sslrootcert`, `sslcert` and
    /// `sslkey` say how the connection is encrypted.
    pub url: String,
    /// The most connections held open, 1 or more; on SQLite no more than three, and one for commits that need not wait for
    /// the disk.
    pub connections_max: u32,
    /// Connections held open even when there is nothing to do, at most `connections_max`.
    pub connections_min: u32,
    /// How long to wait for a connection when all are in use.
    pub acquire_timeout_ms: u64,
    /// After so long without use a connection beyond `connections_min` is closed; never on SQLite, where they
    /// are few and hold a cache.
    pub idle_timeout_ms: u64,
    /// After so long a connection is closed when it comes back, so that a server that has moved is found; never on SQLite.
    pub lifetime_max_ms: u64,
    /// How long one statement may take. PostgreSQL gives it up then. SQLite knows no such limit: there it bounds the wait
    /// for the write lock, where `lock_timeout_ms` is longer.
    pub statement_timeout_ms: u64,
    /// How long a statement may wait for a lock that someone else holds.
    pub lock_timeout_ms: u64,
    /// After so long without a statement PostgreSQL ends a transaction, and with it the connection: a process that hangs
    /// must not keep its locks.
    pub idle_transaction_timeout_ms: u64,
    /// What PostgreSQL shows of this program in `pg_stat_activity`, such as `chimera/worker`.
    pub application: String,
    /// Whose rows this store reads and writes.
    pub tenant: TenantId,
}

impl StoreConfig {
    /// The database at `url` for the default tenant, everything else as it is good for most.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections_max: 8,
            connections_min: 0,
            acquire_timeout_ms: 10_000,
            idle_timeout_ms: 600_000,
            lifetime_max_ms: 1_800_000,
            statement_timeout_ms: 30_000,
            lock_timeout_ms: 10_000,
            idle_transaction_timeout_ms: 60_000,
            application: "chimera".to_owned(),
            tenant: TenantId::DEFAULT,
        }
    }

    /// How long to wait for a lock: a statement's own time is over before a longer one could end.
    pub(crate) fn lock_timeout(&self) -> Duration {
        Duration::from_millis(self.lock_timeout_ms.min(self.statement_timeout_ms))
    }
}

/// The part of an address that holds no password, neither before the host nor among the parameters.
fn place(url: &str) -> &str {
    match url.split_once('?') {
        // Not what is usual, so nobody knows where the password ends.
        Some((_, parameters)) if parameters.contains('@') => "redacted",
        Some((before, _)) => after_password(before),
        None => after_password(url),
    }
}

fn after_password(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, place)| place)
}

impl fmt::Debug for StoreConfig {
    /// Without the part of the URL that may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("place", &place(&self.url))
            .field("connections_max", &self.connections_max)
            .field("connections_min", &self.connections_min)
            .field("acquire_timeout_ms", &self.acquire_timeout_ms)
            .field("idle_timeout_ms", &self.idle_timeout_ms)
            .field("lifetime_max_ms", &self.lifetime_max_ms)
            .field("statement_timeout_ms", &self.statement_timeout_ms)
            .field("lock_timeout_ms", &self.lock_timeout_ms)
            .field("idle_transaction_timeout_ms", &self.idle_transaction_timeout_ms)
            .field("application", &self.application)
            .field("tenant", &self.tenant)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let hidden = [
            "postgres://ada:s3cret@db.example:5432/chimera",
            "postgres://db.example/chimera?user=ada&password=s3cret",
            "postgres://ada:s3c?ret@db.example/chimera",
            "postgres://ada:x@db.example/chimera?password=s3@cret",
            "postgres://ada:s3cret@@db.example/chimera?sslmode=require",
        ];
        for url in hidden {
            let shown = format!("{:?}", StoreConfig::new(url));
            assert!(!shown.contains("s3") && !shown.contains("cret"), "{shown}");
        }
        assert!(format!("{:?}", StoreConfig::new("sqlite:///tmp/a.db?mode=rwc")).contains("sqlite:///tmp/a.db\""));
    }
}
