//! Which commits wait for the disk, and what a crash takes; here, because only the crate begins transactions.

use chimera_testkit::{Stop, TestPostgres};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tempfile::TempDir;

use crate::{Store, StoreConfig, store::WriteTx};

async fn asked(db: &impl ConnectionTrait, backend: DbBackend, sql: &str) -> String {
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn insert(tx: WriteTx, row: u8) {
    tx.execute_unprepared(&format!("INSERT INTO kept VALUES ({row})")).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn postgres_is_told_for_one_transaction_only() {
    let url = TestPostgres::shared().database().unwrap().url;
    let store = Store::connect(&StoreConfig { connections_max: 1, ..StoreConfig::new(url) }).await.unwrap();
    let waits = async |tx: &WriteTx| asked(&**tx, DbBackend::Postgres, "SHOW synchronous_commit").await;
    let before = store.begin().await.unwrap();
    let usual = waits(&before).await;
    before.commit().await.unwrap();
    let relaxed = store.begin_relaxed().await.unwrap();
    assert_eq!(waits(&relaxed).await, "off");
    relaxed.commit().await.unwrap();
    assert_eq!(waits(&store.begin().await.unwrap()).await, usual, "the connection is as it was");
}

#[tokio::test]
async fn sqlite_has_a_connection_for_either() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("chimera.db").display());
    let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
    let waits = async |tx: WriteTx| {
        let level = asked(&*tx, DbBackend::Sqlite, "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await;
        tx.commit().await.unwrap();
        level
    };
    assert_eq!(waits(store.begin().await.unwrap()).await, "2", "FULL");
    assert_eq!(waits(store.begin_relaxed().await.unwrap()).await, "1", "NORMAL");
    assert_eq!(waits(store.begin().await.unwrap()).await, "2", "FULL");
}

#[tokio::test]
async fn what_a_waiting_commit_came_after_outlives_a_crash() {
    let server = TestPostgres::start_durable().unwrap();
    let config = StoreConfig::new(server.database().unwrap().url);
    let store = Store::connect(&config).await.unwrap();
    store.db.execute_unprepared("CREATE TABLE kept (number int)").await.unwrap();
    insert(store.begin_relaxed().await.unwrap(), 1).await;
    insert(store.begin().await.unwrap(), 2).await;
    insert(store.begin_relaxed().await.unwrap(), 3).await;
    server.stop(Stop::Immediate).unwrap();
    server.start_again().unwrap();
    let after = Store::connect(&config).await.unwrap();
    let sql = "SELECT string_agg(CAST(number AS text), ' ' ORDER BY number) FROM kept";
    let kept = asked(&after.db, DbBackend::Postgres, sql).await;
    // The third may have been written in time.
    assert!(kept == "1 2" || kept == "1 2 3", "{kept}");
}
