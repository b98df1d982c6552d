//! Everything in which SQLite and PostgreSQL differ.

pub(crate) mod catalogue;

use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DbBackend, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode,
    SqlxError, TransactionOptions,
    sea_query::{Expr, IntoColumnRef, Query, SelectStatement, extension::postgres::PgExpr as _},
    sqlx::{Connection as _, SqliteConnection},
};

use chimera_domain::TenantId;
use serde_json::json;

use crate::{Backend, Result, StoreConfig, StoreError};

/// The most values bound in one statement: SQLite allows 32,766 (`SQLITE_MAX_VARIABLE_NUMBER`), PostgreSQL 65,535.
pub(crate) const BINDS_MAX: usize = 32_000;

/// The most values listed in one statement. Lists are padded to a power of two, and other values are bound beside them.
pub(crate) const LISTED_MAX: usize = 16_384;

/// A connection that was in use so shortly ago is lent again without asking it for a sign of life, which takes a round trip
/// of its own. One that broke meanwhile fails its first statement, and whoever sent that tries again.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Prepared statements that a connection keeps. A batch of another size is another statement; when they are dropped too
/// soon, each is prepared again, which on PostgreSQL takes a round trip of its own.
const STATEMENTS_KEPT: usize = 400;

/// The most connections to an SQLite file. Twice as many took a tenth more of the processor's time for each post, and a
/// tenth more memory; see `docs/benchmarks.md`.
const SQLITE_CONNECTIONS_MAX: u32 = 4;
/// Of those, the ones whose commits do not wait for the disk: there is one writer at a time.
const SQLITE_RELAXED: u32 = 1;

/// What one transaction at a time may do, for an agent mostly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Setting money aside.
    Money = 1,
    /// Planning under the governor's caps.
    Planning = 2,
    /// Publishing at a pace.
    Pacing = 3,
    /// Planning of a story.
    Story = 4,
}

impl Backend {
    /// The kind of database that a URL names.
    pub(crate) fn of_url(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres)
        } else {
            Err(StoreError::UnknownUrl)
        }
    }

    /// The kind of database at the other end.
    pub(crate) fn of(db: &impl ConnectionTrait) -> Self {
        match db.get_database_backend() {
            DbBackend::Sqlite => Self::Sqlite,
            _ => Self::Postgres,
        }
    }

    /// How connections are opened.
    ///
    /// SQLite: write-ahead log, so readers never wait for the writer; foreign keys on; `synchronous = FULL`, because
    /// "PUBLISHING is committed before the call" must hold through a power cut too.
    pub(crate) fn connect_options(self, config: &StoreConfig) -> ConnectOptions {
        self.options(config, self.connections_max(config), "FULL")
    }

    /// How connections are opened whose commits do not wait for the disk; `None` where one transaction can say so of itself.
    /// In the write-ahead log `synchronous = NORMAL` is as consistent as `FULL`: a power cut takes the newest commits in
    /// turn, and none that a full commit came after (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
    pub(crate) fn relaxed_options(self, config: &StoreConfig) -> Option<ConnectOptions> {
        (self == Self::Sqlite).then(|| self.options(config, SQLITE_RELAXED, "NORMAL"))
    }

    /// What a transaction says so that its commit does not wait for the disk. PostgreSQL writes its log in order, too, within
    /// three times `wal_writer_delay`, 0.6 s as it comes (<https://www.postgresql.org/docs/16/wal-async-commit.html>).
    pub(crate) const fn relax(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SET LOCAL synchronous_commit = off"),
        }
    }

    fn options(self, config: &StoreConfig, connections_max: u32, synchronous: &'static str) -> ConnectOptions {
        let millis = Duration::from_millis;
        let lock_timeout = config.lock_timeout();
        let mut options = ConnectOptions::new(config.url.clone());
        options
            .max_connections(connections_max)
            .min_connections(config.connections_min.min(connections_max))
            .acquire_timeout(millis(config.acquire_timeout_ms))
            .test_before_acquire_if_idle_for(TRUSTED_FOR)
            .sqlx_logging(false);
        match self {
            Self::Sqlite => {
                options.idle_timeout(None).max_lifetime(None);
                options.map_sqlx_sqlite_opts(move |sqlite| {
                    sqlite
                        .statement_cache_capacity(STATEMENTS_KEPT)
                        .busy_timeout(lock_timeout)
                        .foreign_keys(true)
                        .pragma("journal_mode", "WAL")
                        .pragma("synchronous", synchronous)
                });
                options.map_sqlx_sqlite_pool_opts(|pool| {
                    pool.after_release(|connection, _| Box::pin(is_outside_transactions(connection)))
                });
            }
            Self::Postgres => {
                options.idle_timeout(millis(config.idle_timeout_ms)).max_lifetime(millis(config.lifetime_max_ms));
                options
                    .statement_timeout(millis(config.statement_timeout_ms))
                    .set_application_name(config.application.clone());
                let idle = millis(config.idle_transaction_timeout_ms);
                options.map_sqlx_postgres_opts(move |postgres| {
                    postgres.statement_cache_capacity(STATEMENTS_KEPT).options([
                        ("lock_timeout", lock_timeout.as_millis().to_string()),
                        ("idle_in_transaction_session_timeout", idle.as_millis().to_string()),
                        // What was locked second is read as it is after the wait: whatever the server's own default is.
                        ("default_transaction_isolation", "read committed".to_owned()),
                        // Every statement finds its rows by keys. One that was planned while its table was empty, or before
                        // the server knew how large it had grown, must not go on reading it whole.
                        ("enable_seqscan", "off".to_owned()),
                        // What reads a whole table all the same looks dear then, and compiling it would really be.
                        ("jit", "off".to_owned()),
                    ])
                });
            }
        }
        options
    }

    /// How many connections are opened at most. On SQLite a few do as much as many: one writes at a time, each has a thread,
    /// pages and prepared statements of its own, and what is read is read by this machine's cores.
    fn connections_max(self, config: &StoreConfig) -> u32 {
        match self {
            Self::Sqlite => config.connections_max.clamp(1, SQLITE_CONNECTIONS_MAX - SQLITE_RELAXED),
            Self::Postgres => config.connections_max.max(1),
        }
    }

    /// How a writing transaction begins: SQLite takes the write lock at once, so that it never has to give up half-way.
    pub(crate) const fn write_options(self) -> TransactionOptions {
        TransactionOptions {
            isolation_level: None,
            access_mode: None,
            sqlite_transaction_mode: match self {
                Self::Sqlite => Some(SqliteTransactionMode::Immediate),
                Self::Postgres => None,
            },
        }
    }

    /// How a transaction begins that reads everything as of one moment: its first statement's.
    pub(crate) const fn snapshot_options(self) -> TransactionOptions {
        match self {
            // A reader of the write-ahead log sees the state of its first reading until it ends.
            Self::Sqlite => TransactionOptions {
                isolation_level: None,
                access_mode: None,
                sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
            },
            Self::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                sqlite_transaction_mode: None,
            },
        }
    }

    /// Statements that free a transaction of the limits on time.
    pub(crate) const fn unlimited(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
                     SET LOCAL enable_seqscan = on",
            ),
        }
    }

    /// The database's clock, in Unix milliseconds.
    pub(crate) fn clock_ms(self) -> Expr {
        Expr::cust(match self {
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        })
    }

    /// The database's clock, as a timestamp in the form that columns hold.
    pub(crate) fn clock(self) -> Expr {
        Expr::cust(match self {
            Self::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
            Self::Postgres => "clock_timestamp()",
        })
    }

    /// Whether an id is one of the few that a subquery gives. PostgreSQL looks each of them up by its key then; otherwise it
    /// might read the whole table to join it with them.
    pub(crate) fn is_one_of(self, id: Expr, few: SelectStatement) -> Expr {
        use sea_orm::sea_query::ExprTrait;
        match self {
            Self::Sqlite => id.in_subquery(few),
            Self::Postgres => {
                let few = Expr::SubQuery(None, Box::new(few.into()));
                Expr::cust_with_exprs("$1 = ANY(ARRAY($2))", [id, few])
            }
        }
    }

    /// The selected rows of agents, each once no other transaction has its agent for this purpose; and none will until this
    /// one ends. Nobody who reads or edits the rows waits for that. SQLite has one writer anyway.
    pub(crate) fn one_at_a_time(
        self,
        mut agents: SelectStatement,
        columns: impl IntoIterator<Item = impl IntoColumnRef>,
        purpose: Purpose,
    ) -> SelectStatement {
        match self {
            Self::Sqlite => agents,
            // The offset keeps the two apart: rows are found and put in order first.
            Self::Postgres => Query::select()
                .columns(columns)
                .expr_as(
                    Expr::cust(format!("pg_advisory_xact_lock(hashtextextended(CAST(id AS TEXT), {}))", purpose as u8)),
                    "held",
                )
                .from_subquery(agents.offset(0).take(), "agents")
                .take(),
        }
    }

    /// What a transaction asks to be the only one of its tenant for this purpose until it ends; `None` where one writes
    /// at a time anyway.
    pub(crate) fn alone(self, tenant: TenantId, purpose: Purpose) -> Option<SelectStatement> {
        let (tenant, purpose) = (tenant.as_uuid(), purpose as u8);
        let lock = format!("pg_advisory_xact_lock(hashtextextended('{tenant}', {purpose}))");
        (self == Self::Postgres).then(|| Query::select().expr(Expr::cust(lock)).take())
    }

    /// Whether a list of sensitive topics names this one.
    pub(crate) fn names_topic(self, topics: Expr, topic: &str) -> Expr {
        match self {
            Self::Sqlite => {
                let sql = "EXISTS (SELECT 1 FROM json_each(?) WHERE value ->> 'topic' = ?)";
                Expr::cust_with_exprs(sql, [topics, Expr::val(topic)])
            }
            Self::Postgres => topics.contains(Expr::val(json!([{ "topic": topic }]))),
        }
    }

    /// Statements that hold off every other migration until the transaction ends, and wait for one under way. The limits
    /// of ordinary work are off: an index over a million rows takes its time. SQLite's write lock does already.
    pub(crate) const fn migration_lock(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
                 SET LOCAL lock_timeout = '300s'; SET LOCAL enable_seqscan = on; SELECT pg_advisory_xact_lock(4848372940013)",
            ),
        }
    }
}

/// Whether a connection that comes back may be lent again; the pool closes it otherwise, which ends its transaction.
///
/// A full disk makes SQLite roll back by itself (<https://www.sqlite.org/lang_transaction.html>, section 3). The
/// driver's own rollback then fails and it goes on counting one open transaction: its next "begin" would be a
/// savepoint, whose rollback keeps the write lock for good.
async fn is_outside_transactions(connection: &mut SqliteConnection) -> Result<bool, SqlxError> {
    // A dropped transaction only asks for its rollback; the answer to a ping comes after that.
    connection.ping().await?;
    let outside = !connection.is_in_transaction();
    if !outside {
        tracing::debug!("a transaction could not be rolled back; closing its connection");
    }
    Ok(outside)
}

/// A name written into the statement itself: an index over some rows only is used where its condition is in the text.
pub(crate) fn literal(name: &'static str) -> Expr {
    Expr::Constant(name.into())
}

/// A text column that no index is looked up by. Where ids are listed, the ids are to lead, not a state that thousands may
/// be in; statistics that are older than a sudden backlog say otherwise.
pub(crate) fn unindexed(text: Expr) -> Expr {
    use sea_orm::sea_query::{BinOper, ExprTrait};
    text.binary(BinOper::Custom("||"), Expr::cust("''"))
}

/// A whole-number sum, 0 over no rows. PostgreSQL would widen it to NUMERIC.
pub(crate) fn sum(of: impl Into<Expr>) -> Expr {
    use sea_orm::sea_query::{ExprTrait, Func};
    Expr::expr(Func::coalesce([of.into().sum(), Expr::val(0_i64)])).cast_as("BIGINT")
}

/// Whether two transactions met and the database sent one of them back; the other won, so trying again helps.
/// SQLSTATE 40001 serialisation failure, 40P01 deadlock. SQLite has one writer and no such thing.
pub(crate) fn is_collision(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e))) = error else {
        return false;
    };
    e.as_database_error().and_then(|e| e.code()).is_some_and(|code| matches!(&*code, "40001" | "40P01"))
}

#[cfg(test)]
mod lasting_tests;
#[cfg(test)]
mod patience_tests;
#[cfg(test)]
mod tests;
