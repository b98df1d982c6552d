//! Bad disks, bad files, bad rows: errors that say what to do.

use std::error::Error as _;

use chimera_store::{RowKind, Store, StoreConfig, StoreError, Unreachable};
use chimera_testkit::{Stop, TestPostgres, fixtures};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};

use crate::world::World;

fn config(url: impl Into<String>) -> StoreConfig {
    StoreConfig { connections_max: 1, statement_timeout_ms: 300, acquire_timeout_ms: 300, ..StoreConfig::new(url) }
}

#[tokio::test]
async fn a_url_of_no_known_database_is_refused() {
    for url in ["mysql://localhost/x", "postgres://me:secret@[half/x", ""] {
        let refused = Store::connect(&config(url)).await.unwrap_err();
        assert!(matches!(refused, StoreError::UnknownUrl), "{refused:?}");
        assert!(refused.to_string().contains("sqlite://"), "{refused}");
        assert!(!format!("{refused:?}").contains("secret"), "a password in an error ends up in a log");
    }
}

#[tokio::test]
async fn what_can_not_be_opened_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/chimera.db");
    // Nobody listens on the discard port of the loopback interface.
    let urls = [
        format!("sqlite://{}?mode=rwc", missing.display()),
        format!("sqlite://{}", folder.path().join("missing.db").display()),
        "postgres://postgres@127.0.0.1:9/none".to_owned(),
    ];
    for url in urls {
        let refused = Store::connect(&config(url.as_str())).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable { .. }), "{url}: {refused:?}");
        assert!(refused.source().is_some(), "the driver's reason is kept");
        assert!(refused.is_retryable());
    }
}

/// What is told of an address that gives no connection: the kind, and words that name the place but no password.
async fn told(url: &str) -> (Unreachable, String) {
    // The pool hides why, the direct way does not; both say the same.
    let direct = Store::reach(&config(url)).await.unwrap_err();
    let refused = Store::connect(&config(url)).await.unwrap_err();
    assert_eq!(refused.to_string(), direct.to_string(), "{url}");
    assert!(!format!("{refused:?}").contains("s3cret"), "{refused:?}");
    let StoreError::Unavailable { why, .. } = refused else { panic!("{url}: {refused:?}") };
    (why, direct.to_string())
}

#[tokio::test]
async fn a_server_that_can_not_be_reached_is_named_with_why() {
    // Nobody listens on the discard port of the loopback interface.
    let (why, text) = told("postgres://ada:s3cret@127.0.0.1:9/none").await;
    assert_eq!(why, Unreachable::NobodyListens);
    assert!(text.contains("127.0.0.1:9") && text.contains("database.url"), "{text}");
    let (why, text) = told("postgres://ada:s3cret@no-such-host.invalid:5432/none").await;
    assert_eq!(why, Unreachable::UnknownHost);
    assert!(text.contains("no-such-host.invalid"), "{text}");
}

#[tokio::test]
async fn a_server_that_refuses_a_connection_is_named_with_why() {
    let database = TestPostgres::shared().database().unwrap();
    let stranger = database.url.replace("postgres@", "nobody_known:s3cret@");
    assert_ne!(stranger, database.url);
    let (why, text) = told(&stranger).await;
    assert_eq!(why, Unreachable::Credentials);
    assert!(text.contains("password"), "{text}");
    let (server, _) = database.url.rsplit_once('/').unwrap();
    let (why, text) = told(&format!("{server}/nowhere")).await;
    assert_eq!(why, Unreachable::NoDatabase);
    assert!(text.contains("nowhere"), "{text}");
    let admin = Store::connect(&config(database.url.as_str())).await.unwrap();
    let db = Database::connect(database.url.as_str()).await.unwrap();
    db.execute_unprepared("CREATE ROLE lonely LOGIN CONNECTION LIMIT 1").await.unwrap();
    let lonely = database.url.replace("postgres@", "lonely@");
    let _only = Database::connect(ConnectOptions::new(lonely.clone()).max_connections(1).to_owned()).await.unwrap();
    let (why, text) = told(&lonely).await;
    assert_eq!(why, Unreachable::Full);
    assert!(text.contains("connections_max"), "{text}");
    admin.close().await;
}

#[tokio::test]
async fn a_server_that_went_away_is_told_from_a_pool_in_use() {
    let server = TestPostgres::start_durable().unwrap();
    let store = Store::connect(&config(server.database().unwrap().url)).await.unwrap();
    store.migrate().await.unwrap();
    server.stop(Stop::Fast).unwrap();
    let mut all = vec![];
    // The first to ask finds the connection cut; whoever comes next finds nobody there.
    for _ in 0..3 {
        all.push(store.agents().await.unwrap_err());
    }
    let last = all.pop().unwrap();
    assert!(matches!(last, StoreError::Unavailable { why: Unreachable::NobodyListens, .. }), "{last:?}");
    assert!(last.to_string().contains("127.0.0.1:"), "{last}");
    assert!(all.iter().all(|e| matches!(e, StoreError::Unavailable { .. })), "{all:?}");
    server.start_again().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while let Err(error) = store.agents().await {
        assert!(error.is_retryable() && std::time::Instant::now() < until, "{error:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.db");
    std::fs::write(&junk, "this is no database, and long enough to be told from one: ".repeat(40)).unwrap();
    assert_damaged(&Store::connect(&config(format!("sqlite://{}", junk.display()))).await.unwrap_err());
}

#[tokio::test]
async fn a_file_broken_inside_is_damaged() {
    let world = World::sqlite().await;
    world.store.close().await;
    let path = world.config.url.strip_prefix("sqlite://").unwrap().strip_suffix("?mode=rwc").unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    // The first page, 4 KiB long, tells that this is a database; what it points to is gone.
    assert!(bytes.len() > 8_192, "closing has moved the log into the file");
    bytes.iter_mut().skip(4_096).for_each(|byte| *byte = 0xff);
    std::fs::write(path, bytes).unwrap();
    let read = async { Store::connect(&config(world.config.url.as_str())).await?.agents().await };
    assert_damaged(&read.await.unwrap_err());
}

fn assert_damaged(refused: &StoreError) {
    assert!(matches!(refused, StoreError::DamagedFile { .. }), "{refused:?}");
    assert!(refused.to_string().contains("restore a copy"), "{refused}");
    assert!(refused.source().is_some(), "the driver's reason is kept");
    assert!(!refused.is_retryable());
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let world = World::sqlite().await;
    let url = world.config.url.replace("mode=rwc", "mode=ro");
    let store = Store::connect(&config(url)).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [world.agent.clone()]);
    let refused = store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_full_disk_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", folder.path().join("small.db").display()));
    options.max_connections(1);
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared("CREATE TABLE t (x BLOB); PRAGMA max_page_count = 4").await.unwrap();
    let full = db.execute_unprepared("INSERT INTO t VALUES (randomblob(1000000))").await.unwrap_err();
    let told = StoreError::from(full);
    assert!(matches!(told, StoreError::DiskFull { .. }), "{told:?}");
    assert!(told.to_string().contains("free some space"), "{told}");
}

#[tokio::test]
async fn a_locked_database_says_so_in_time() {
    let world = World::sqlite().await;
    let mut options = ConnectOptions::new(world.config.url.clone());
    options.max_connections(1);
    let other = Database::connect(options).await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let store = Store::connect(&config(world.config.url.as_str())).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), [world.agent.clone()], "readers never wait");
    let refused = store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy { .. }), "{refused:?}");
    other.execute_unprepared("ROLLBACK").await.unwrap();
    store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    let world = World::sqlite().await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    db.execute_unprepared("UPDATE agents SET presence = 'ASLEEP'").await.unwrap();
    let refused = world.store.agents().await.unwrap_err();
    let StoreError::Corrupt { entity, id, column, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((*entity, *id, *column), (RowKind::Agent, world.agent.id.as_uuid(), "presence"));
    assert!(refused.source().unwrap().to_string().contains("ASLEEP"));
    assert!(!refused.to_string().contains("ASLEEP"), "causes are told once, by the chain");
}
