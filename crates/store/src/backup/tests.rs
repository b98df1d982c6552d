//! The one list against the real tables, and rows against their lines.

use std::collections::BTreeSet;

use chimera_testkit::TestPostgres;
use sea_orm::{ConnectionTrait as _, Statement};

use super::{
    Kind,
    rows::{Sheet, testing},
    tables::{ARTIFACT_MEDIA, ARTIFACTS, TABLES, kept},
};
use crate::{Backend, Store, StoreConfig, dialect::catalogue, schema};

async fn migrated(url: String) -> Store {
    let config = StoreConfig { connections_max: 2, ..StoreConfig::new(url) };
    let store = Store::connect(&config).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Pairs of a table and one that it refers to.
async fn references(store: &Store) -> Vec<(String, String)> {
    let sql = match store.backend {
        Backend::Sqlite => {
            "SELECT m.name, f.\"table\" FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"
        }
        Backend::Postgres => {
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        }
    };
    let statement = Statement::from_string(store.db.get_database_backend(), sql);
    let rows = store.db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

async fn the_list_is_complete(store: Store) {
    let real = catalogue::tables(&store.db, store.backend).await.unwrap();
    let listed: BTreeSet<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    let there: BTreeSet<&str> = real.keys().map(String::as_str).filter(|name| *name != schema::LEDGER).collect();
    assert_eq!(there, listed, "every table must be in the list of backup/tables.rs, and only those");
    assert_eq!(listed.len(), TABLES.len(), "a table is listed twice");

    let place = |table: &str| TABLES.iter().position(|(name, _)| *name == table).unwrap();
    let references = references(&store).await;
    assert!(!references.is_empty());
    for (table, parent) in references {
        assert!(place(&parent) < place(&table), "{parent} must come before {table}, which refers to it");
    }

    for name in kept() {
        let sheet = Sheet::of(name, &real[name], store.backend).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let keys = testing::key_kinds(&sheet);
        assert!(!keys.is_empty(), "{name} has no primary key to page by");
        let ordered = keys.iter().all(|kind| matches!(kind, Kind::Uuid | Kind::Text | Kind::Integer));
        assert!(ordered, "{name} has a key whose order differs between databases: {keys:?}");
    }
    let artifacts = Sheet::of(ARTIFACTS, &real[ARTIFACTS], store.backend).unwrap();
    assert!(artifacts.place(ARTIFACT_MEDIA).is_some() && artifacts.place("trace_id").is_some());
}

#[tokio::test]
async fn the_list_is_complete_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("chimera.db").display());
    the_list_is_complete(migrated(url).await).await;
}

#[tokio::test]
async fn the_list_is_complete_on_postgres() {
    the_list_is_complete(migrated(TestPostgres::shared().database().unwrap().url).await).await;
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("chimera.db").display());
    let (sqlite, postgres) = (migrated(url).await, migrated(TestPostgres::shared().database().unwrap().url).await);
    let here = catalogue::tables(&sqlite.db, sqlite.backend).await.unwrap();
    let there = catalogue::tables(&postgres.db, postgres.backend).await.unwrap();
    for name in kept() {
        let here = Sheet::of(name, &here[name], sqlite.backend).unwrap();
        let there = Sheet::of(name, &there[name], postgres.backend).unwrap();
        assert_eq!(here.columns, there.columns, "{name}");
        assert_eq!(testing::key(&here), testing::key(&there), "{name}");
    }
}
