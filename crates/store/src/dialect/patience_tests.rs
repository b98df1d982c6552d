//! What takes too long is given up in time, with an error that may be tried again; here, because only the crate reaches
//! the connections.

use std::time::Duration;

use chimera_testkit::TestPostgres;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{Store, StoreConfig, StoreError};

/// Far longer than any limit here.
const FOR_EVER: &str = "SELECT pg_sleep(600)";

fn config() -> StoreConfig {
    StoreConfig { connections_max: 2, ..StoreConfig::new(TestPostgres::shared().database().unwrap().url) }
}

/// What a query with one number gives.
async fn number(store: &Store, sql: &str) -> i64 {
    let row = store.db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Asks until the answer is `wanted`, for at most a minute.
async fn until(store: &Store, sql: &str, wanted: i64) {
    for _ in 0..6_000 {
        if number(store, sql).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {wanted}: {sql}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up() {
    let store = Store::connect(&StoreConfig { statement_timeout_ms: 200, ..config() }).await.unwrap();
    let told = StoreError::from(store.db.execute_unprepared(FOR_EVER).await.unwrap_err());
    assert!(matches!(told, StoreError::TimedOut { .. }), "{told:?}");
    assert!(told.is_retryable() && told.to_string().contains("statement_timeout_ms"), "{told}");
    assert_eq!(number(&store, "SELECT 1::bigint").await, 1, "the connection is as good as before");
}

#[tokio::test]
async fn a_wait_for_a_lock_that_takes_too_long_is_given_up() {
    let config = config();
    let holder = Store::connect(&config).await.unwrap();
    holder.db.execute_unprepared("CREATE TABLE held (x int)").await.unwrap();
    let tx = holder.begin().await.unwrap();
    tx.execute_unprepared("LOCK TABLE held IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let store = Store::connect(&StoreConfig { lock_timeout_ms: 200, ..config }).await.unwrap();
    let told = StoreError::from(store.db.execute_unprepared("SELECT * FROM held").await.unwrap_err());
    assert!(matches!(told, StoreError::Busy { .. }) && told.is_retryable(), "{told:?}");
    tx.commit().await.unwrap();
    store.db.execute_unprepared("SELECT * FROM held").await.unwrap();
}

#[tokio::test]
async fn a_pool_of_which_all_is_in_use_says_so() {
    let store = Store::connect(&StoreConfig { connections_max: 1, acquire_timeout_ms: 200, ..config() }).await.unwrap();
    let tx = store.begin().await.unwrap();
    let told = StoreError::from(store.db.execute_unprepared("SELECT 1").await.unwrap_err());
    assert!(matches!(told, StoreError::AllInUse { .. }) && told.is_retryable(), "{told:?}");
    assert!(told.to_string().contains("connections_max"), "{told}");
    tx.commit().await.unwrap();
    store.db.execute_unprepared("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_transaction_in_which_nothing_happens_loses_its_locks() {
    let config = StoreConfig { application: "chimera/watcher".to_owned(), ..config() };
    let watcher = Store::connect(&config).await.unwrap();
    let idler = StoreConfig { idle_transaction_timeout_ms: 200, application: "chimera/idler".to_owned(), ..config };
    let idler = Store::connect(&idler).await.unwrap();
    let tx = idler.begin().await.unwrap();
    tx.execute_unprepared("CREATE TABLE held (x int)").await.unwrap();
    let of_idler = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chimera/idler'";
    until(&watcher, of_idler, 0).await;
    let told = tx.commit().await.unwrap_err();
    assert!(matches!(told, StoreError::Unavailable { .. }) && told.is_retryable(), "{told:?}");
    assert_eq!(number(&watcher, "SELECT count(*) FROM pg_tables WHERE tablename = 'held'").await, 0);
    assert_eq!(number(&idler, "SELECT 1::bigint").await, 1, "the pool has a new connection");
}

#[tokio::test]
async fn a_schema_change_waits_for_another_one_longer_than_any_statement_may_take() {
    let config = config();
    let (first, watcher) = (Store::connect(&config).await.unwrap(), Store::connect(&config).await.unwrap());
    let changing = first.begin_migration().await.unwrap();
    let hasty = StoreConfig { statement_timeout_ms: 200, lock_timeout_ms: 200, ..config };
    let second = Store::connect(&hasty).await.unwrap();
    let waiting = tokio::task::JoinSet::from_iter([async move { second.migrate().await.unwrap() }]);
    let patient = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event = 'advisory' AND clock_timestamp() - query_start > interval '600 milliseconds'";
    until(&watcher, patient, 1).await;
    changing.commit().await.unwrap();
    let applied: Vec<u32> = waiting.join_all().await;
    assert!(applied.iter().all(|count| *count > 0), "{applied:?}");
}

/// What a setting is within a transaction.
async fn setting(db: &impl ConnectionTrait, name: &str) -> String {
    let sql = format!("SELECT current_setting('{name}')");
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_reading_of_everything_takes_its_time() {
    let hasty = StoreConfig { statement_timeout_ms: 200, idle_transaction_timeout_ms: 200, ..config() };
    let store = Store::connect(&hasty).await.unwrap();
    let reading = store.snapshot().await.unwrap();
    for limit in ["statement_timeout", "idle_in_transaction_session_timeout"] {
        assert_eq!(setting(&reading, limit).await, "0");
    }
    reading.commit().await.unwrap();
    assert_eq!(setting(&store.db, "statement_timeout").await, "200ms", "ordinary work has its limits again");
}

#[tokio::test]
async fn the_servers_own_isolation_is_not_relied_upon() {
    let config = config();
    let first = Store::connect(&config).await.unwrap();
    let database = name_of_database(&first).await;
    let sql = format!("ALTER DATABASE \"{database}\" SET default_transaction_isolation = 'serializable'");
    first.db.execute_unprepared(&sql).await.unwrap();
    let later = Store::connect(&config).await.unwrap();
    let writing = later.begin().await.unwrap();
    assert_eq!(setting(&*writing, "transaction_isolation").await, "read committed");
    writing.commit().await.unwrap();
}

async fn name_of_database(store: &Store) -> String {
    let sql = Statement::from_string(DbBackend::Postgres, "SELECT current_database()::text");
    store.db.query_one_raw(sql).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}
