//! Every statement of the store, as it is really sent, must find its rows by an index once the tables have grown.
//!
//! A database is filled with finished posts, every method of the store is called, and what it sent is explained with
//! the values that were bound. A new method that is not called here fails the test. Beside that, what work costs is
//! measured before and after the tables grow.

mod acts;
mod explain;
mod fill;
mod flat;
mod methods;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
};

use chimera_store::{Answered, Backend, Store};
use sea_orm::{ConnectOptions, Database, Statement};

use crate::world::World;

/// Finished posts in the database, three tasks each, when it is small.
const FEW: u32 = 330;

/// And when it has grown.
const MANY: u32 = 12_000;

/// Methods that change or look at the schema or the connection, not at rows; and those that read everything by design.
const NOT_ABOUT_ROWS: [&str; 20] = [
    "add_unindexed",
    "audit_verify",
    "backup",
    "build_index",
    "check_backup",
    "close",
    "connect",
    "connect_observed",
    "get",
    "link",
    "migrate",
    "migrations",
    "ping",
    "put",
    "reach",
    "reach_again",
    "restorable",
    "restore",
    "rollback",
    "rollback_preview",
];

/// What was sent, and on whose behalf.
#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    statement: Statement,
}

/// Notes statements down under the name of the method that is being called.
#[derive(Debug, Default)]
struct Log {
    method: &'static str,
    sent: Vec<Sent>,
}

/// A store whose statements are noted down.
struct Noted {
    store: Store,
    log: Arc<Mutex<Log>>,
}

impl Noted {
    async fn over(world: &World) -> Self {
        let log: Arc<Mutex<Log>> = Arc::default();
        let notes = log.clone();
        let observer = move |answered: Answered<'_>| {
            let mut log = notes.lock().unwrap();
            assert!(!answered.failed(), "{}: {}", log.method, answered.statement());
            let sent = Sent { method: log.method, statement: answered.statement().clone() };
            log.sent.push(sent);
        };
        let store = Store::connect_observed(&world.config, Arc::new(observer)).await.unwrap();
        Self { store, log }
    }

    /// The store, to call this method of it.
    fn calls(&self, method: &'static str) -> &Store {
        self.log.lock().unwrap().method = method;
        &self.store
    }

    fn sent(&self) -> Vec<Sent> {
        self.log.lock().unwrap().sent.clone()
    }
}

pub(crate) async fn every_statement_finds_its_rows_by_an_index_however_many_there_are(world: World) {
    let noted = Noted::over(&world).await;
    let template = acts::finished_posts(&world).await;
    let mut options = ConnectOptions::new(world.config.url.clone());
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap();
    fill::keep_template(&db).await;
    fill::grow(&db, world.store.backend(), 1..=FEW).await;
    let small = flat::times(&world).await;
    fill::grow(&db, world.store.backend(), FEW + 1..=MANY).await;
    let large = flat::times(&world).await;
    let called = methods::call_all(&world, &noted, &template).await;
    let missing: Vec<String> = methods_of_store().into_iter().filter(|name| !called.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not explained: {missing:?}; call them in `plans/methods.rs`");

    let mut faults = explain::faults(&db, world.store.backend(), &noted.sent()).await;
    // Until somebody runs ANALYZE, SQLite plans without knowing the tables; it must do well either way.
    if world.store.backend() == Backend::Sqlite {
        fill::analyse(&db, Backend::Sqlite).await;
        faults.extend(explain::faults(&db, Backend::Sqlite, &noted.sent()).await);
    }
    flat::compare(&small, &large);
    assert!(faults.is_empty(), "{} statements\n{}", faults.len(), faults.join("\n\n"));
}

/// The names of the store's public asynchronous methods, read from its source. Benchmarks read all they left behind, in
/// databases of their own.
fn methods_of_store() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with("yardstick")).then_some(path));
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let begun = text.lines().filter_map(|line| line.trim_start().strip_prefix("pub async fn "));
            names.extend(begun.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned));
        }
    }
    assert!(names.len() > 40, "{names:?}");
    names.retain(|name| !NOT_ABOUT_ROWS.contains(&name.as_str()));
    names
}
