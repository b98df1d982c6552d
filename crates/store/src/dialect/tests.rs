//! What the pool does with a connection whose rollback failed; here, because only the crate reaches the pool itself.

use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;

use crate::{Result, Store, StoreConfig, StoreError};

/// Two stores on one file, each with one connection, as two processes would have them.
async fn two_stores() -> (Store, Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("chimera.db").display());
    let config = StoreConfig { connections_max: 1, statement_timeout_ms: 300, ..StoreConfig::new(url) };
    let store = Store::connect(&config).await.unwrap();
    store.db.execute_unprepared("CREATE TABLE filling (bytes BLOB NOT NULL)").await.unwrap();
    let other = Store::connect(&config).await.unwrap();
    (store, other, folder)
}

/// Writes two rows in one transaction, the second of a megabyte.
async fn fill(store: &Store) -> Result<()> {
    let tx = store.begin().await?;
    tx.execute_unprepared("INSERT INTO filling VALUES (x'00')").await?;
    tx.execute_unprepared("INSERT INTO filling VALUES (randomblob(1000000))").await?;
    tx.commit().await
}

/// Lets the database grow no further than it is.
async fn fill_disk(store: &Store) {
    store.db.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
}

/// Gives the space back.
async fn free_disk(store: &Store) {
    store.db.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
}

async fn rows(store: &Store) -> i64 {
    let counted = store.db.query_one_raw(sea_orm::Statement::from_string(
        sea_orm::DbBackend::Sqlite,
        "SELECT COUNT(*) AS n FROM filling",
    ));
    counted.await.unwrap().unwrap().try_get("", "n").unwrap()
}

#[tokio::test]
async fn writes_succeed_again_once_a_full_disk_has_space() {
    let (store, other, _folder) = two_stores().await;
    for _ in 0..2 {
        fill_disk(&store).await;
        let full = fill(&store).await.unwrap_err();
        assert!(matches!(full, StoreError::DiskFull { .. }), "{full:?}");
    }
    free_disk(&store).await;
    // The failures leave the driver's count wrong; the next transaction given up would then keep the write lock.
    let given_up = store.begin().await.unwrap();
    given_up.execute_unprepared("INSERT INTO filling VALUES (x'00')").await.unwrap();
    drop(given_up);
    assert_eq!(rows(&store).await, 0, "what was not committed leaves nothing");
    fill(&other).await.unwrap();
    assert_eq!(rows(&store).await, 2, "no old snapshot is read");
    fill(&store).await.unwrap();
    assert_eq!(rows(&other).await, 4);
}

#[tokio::test]
async fn a_connection_is_kept_after_an_ordinary_rollback() {
    let (store, _other, _folder) = two_stores().await;
    // A temporary table lives as long as its connection.
    store.db.execute_unprepared("CREATE TEMP TABLE mark (x)").await.unwrap();
    let tx = store.begin().await.unwrap();
    tx.execute_unprepared("INSERT INTO filling VALUES (x'00')").await.unwrap();
    drop(tx);
    assert_eq!(rows(&store).await, 0);
    store.db.execute_unprepared("INSERT INTO mark VALUES (1)").await.unwrap();
}
