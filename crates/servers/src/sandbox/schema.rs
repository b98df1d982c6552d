//! Opens the sandbox's file and brings its schema up to date.

use std::{path::Path, time::Duration};

use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::error::SandboxError;

/// Marks the file as ours ("CHSB"), so that no foreign database is written to by mistake.
const APPLICATION_ID: i64 = 0x4348_5342;
/// How long a writer waits for another process before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections for reading; there is one for writing, as SQLite has one writer.
const READERS_MAX: u32 = 4;

/// Append only. Each script ends by setting `user_version` to its own number, counted from 1.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE post (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        account TEXT NOT NULL,
        channel TEXT NOT NULL,
        idempotency_key TEXT NOT NULL,
        -- The same key again where the platform honours it, else null, which no uniqueness applies to.
        honoured_key TEXT,
        content_hash TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        deleted_at_ms INTEGER,
        UNIQUE (account, honoured_key)
    ) STRICT;
    CREATE INDEX post_by_key ON post (idempotency_key);
    CREATE INDEX post_by_account ON post (account, seq);
    CREATE INDEX post_by_content ON post (account, channel, content_hash);
    CREATE TABLE media (
        sha256 TEXT PRIMARY KEY,
        mime TEXT NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE mention (
        account TEXT NOT NULL,
        seq INTEGER NOT NULL REFERENCES post (seq),
        -- The post of the account that is answered; null where the account is only named.
        about_seq INTEGER REFERENCES post (seq),
        PRIMARY KEY (account, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE call (
        tool TEXT PRIMARY KEY,
        calls INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 1128813378;
    PRAGMA user_version = 1;
"];

/// One connection that writes and several that read.
#[derive(Debug, Clone)]
pub(super) struct Pools {
    pub(super) writer: SqlitePool,
    pub(super) reader: SqlitePool,
}

pub(super) async fn open(path: &Path) -> Result<Pools, SandboxError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(|source| SandboxError::Folder { path: folder.to_owned(), source })?;
    }
    let failed = |source| SandboxError::Open { path: path.to_owned(), source };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // A killed process loses nothing that was committed; only a power cut may cost the last moments.
        .synchronous(SqliteSynchronous::Normal);
    // The mode is kept in the file, and switching to it needs the file alone: done once, before the pools.
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
    check_ours(&mut connection, path).await?;
    let options = options.journal_mode(SqliteJournalMode::Wal);
    connection.close().await.map_err(failed)?;
    let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
    migrate(&writer, path).await?;
    let reader = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(options);
    Ok(Pools { writer, reader })
}

async fn check_ours(connection: &mut SqliteConnection, path: &Path) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Open { path: path.to_owned(), source };
    let (id, things) = sqlx::query_as::<_, (i64, i64)>(
        "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id",
    )
    .fetch_one(connection)
    .await
    .map_err(failed)?;
    if id == APPLICATION_ID || (id == 0 && things == 0) {
        Ok(())
    } else {
        Err(SandboxError::NotASandbox { path: path.to_owned() })
    }
}

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Open { path: path.to_owned(), source };
    // Begun as a writer, so that of two processes that open a new file at once one waits for the other.
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let found = sqlx::query_scalar::<_, i64>("SELECT user_version FROM pragma_user_version")
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
    let newer = || SandboxError::TooNew {
        path: path.to_owned(),
        found,
        known: i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
    };
    let pending = usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found..)).ok_or_else(newer)?;
    for script in pending {
        sqlx::raw_sql(*script).execute(&mut *tx).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_migration_leaves_its_own_number_and_our_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/x.sqlite");
        let pools = open(&path).await.unwrap();
        let version = sqlx::query_as::<_, (i64, i64, String)>(
            "SELECT user_version, application_id, journal_mode
             FROM pragma_user_version, pragma_application_id, pragma_journal_mode",
        );
        let expected = (MIGRATIONS.len() as i64, APPLICATION_ID, "wal".to_owned());
        assert_eq!(version.fetch_one(&pools.reader).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_newer_file_and_a_foreign_one_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sqlite");
        let pools = open(&path).await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 99").execute(&pools.writer).await.unwrap();
        assert!(matches!(open(&path).await, Err(SandboxError::TooNew { found: 99, .. })));

        let foreign = folder.path().join("foreign.sqlite");
        let options = SqliteConnectOptions::new().filename(&foreign).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("CREATE TABLE theirs (x)").execute(&mut connection).await.unwrap();
        assert!(matches!(open(&foreign).await, Err(SandboxError::NotASandbox { .. })));

        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "This is no database at all, but long enough to look like a broken one. ".repeat(20))
            .unwrap();
        assert!(matches!(open(&text).await, Err(SandboxError::Open { .. })));
        assert!(matches!(open(&text.join("below")).await, Err(SandboxError::Folder { .. })));
    }

    #[tokio::test]
    async fn many_may_open_a_new_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sqlite");
        let opened = futures::future::join_all((0..8).map(|_| open(&path))).await;
        for pools in opened {
            pools.unwrap();
        }
    }
}
