//! Migrating from outside.

use chimera_domain::{AlertKind, TaskType};
use chimera_store::{MigrationState, Store, StoreError};
use chimera_testkit::fixtures;
use sea_orm::{ConnectionTrait as _, Database};

use crate::world::World;

pub(crate) async fn migrating_is_counted_reported_and_undone(world: World) {
    let store = &world.store;
    let states = store.migrations().await.unwrap();
    assert!(states.iter().all(|state| state.applied));
    assert!(states.is_sorted_by_key(|state| &state.name));
    assert_eq!(store.migrate().await.unwrap(), 0, "nothing left to do");

    let (kept, undone) = states.split_at(states.iter().position(|state| state.name.contains("alerts")).unwrap());
    let steps = u32::try_from(undone.len()).unwrap();
    assert_eq!(store.rollback(steps).await.unwrap().migrations.len(), undone.len());
    let undone: Vec<_> = undone.iter().map(|s| MigrationState { applied: false, ..s.clone() }).collect();
    assert_eq!(store.migrations().await.unwrap(), [kept, &undone].concat());
    assert_eq!(store.agent_ids().await.unwrap(), [world.agent.id]);
    assert!(store.alerts_open(1).await.is_err(), "their table is gone");

    assert_eq!(store.rollback(99).await.unwrap().migrations.len(), kept.len());
    assert_eq!(usize::try_from(store.migrate().await.unwrap()).unwrap(), states.len());
    assert_eq!(store.agents().await.unwrap(), []);
}

pub(crate) async fn programs_that_start_at_once_migrate_once(world: World) {
    world.store.rollback(99).await.unwrap();
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..4 {
        // Each with connections of its own, as processes have.
        let config = world.config.clone();
        programs.spawn(async move { Store::connect(&config).await.unwrap().migrate().await.unwrap() });
    }
    let applied: Vec<u32> = programs.join_all().await;
    let wanted = u32::try_from(world.store.migrations().await.unwrap().len()).unwrap();
    assert_eq!(applied.iter().sum::<u32>(), wanted, "{applied:?}");
    world.store.ping().await.unwrap();
}

/// Runs a statement that no method of the store would.
async fn run(world: &World, sql: &str) {
    Database::connect(world.config.url.as_str()).await.unwrap().execute_unprepared(sql).await.unwrap();
}

pub(crate) async fn a_database_of_a_newer_program_is_refused(world: World) {
    run(&world, "INSERT INTO seaql_migrations VALUES ('m9998_marvels', 1), ('m9999_wonders', 2)").await;
    let store = &world.store;
    let refusals = [
        store.migrations().await.unwrap_err(),
        store.migrate().await.unwrap_err(),
        store.rollback(1).await.unwrap_err(),
        store.rollback_preview(1).await.unwrap_err(),
    ];
    for refused in refusals {
        let told = refused.to_string();
        let StoreError::NewerSchema { unknown } = refused else { panic!("{refused:?}") };
        assert_eq!(unknown, ["m9998_marvels", "m9999_wonders"]);
        assert!(told.contains("newer") && told.contains("m9999_wonders") && told.contains("backup"), "{told}");
    }
    run(&world, "DELETE FROM seaql_migrations WHERE version LIKE 'm999%'").await;
    assert!(store.migrations().await.unwrap().iter().all(|state| state.applied));
    assert_eq!(store.agents().await.unwrap(), [world.agent]);
}

pub(crate) async fn a_rollback_says_first_what_it_takes(world: World) {
    let store = &world.store;
    let (_, tasks) = world.planned().await;
    world.ready(TaskType::GenerateText).await;
    store.alerts_raise(&[fixtures::alert(&world.ambient, AlertKind::FeedDown, "a")]).await.unwrap();
    let migrations: Vec<_> = store.migrations().await.unwrap().into_iter().rev().map(|state| state.name).collect();
    let all = u32::try_from(migrations.len()).unwrap();

    for steps in 1..=all {
        let preview = store.rollback_preview(steps).await.unwrap();
        assert_eq!(preview.migrations, migrations[..usize::try_from(steps).unwrap()]);
        // Indices hold nothing of their own.
        let of_indices = |name: &String| {
            ["m0012_indices", "m0013_retention", "m0025_pacing", "m0028_story_voices"].contains(&name.as_str())
        };
        let takes_nothing = preview.migrations.iter().all(of_indices);
        assert_eq!(preview.tables.is_empty() && preview.columns.is_empty(), takes_nothing, "{preview:?}");
    }
    let preview = store.rollback_preview(all + 5).await.unwrap();
    for (table, rows) in [("agents", 1), ("campaigns", 1), ("agent_tasks", 4), ("task_dependencies", 2), ("alerts", 1)]
    {
        assert!(preview.tables.contains(&(table.to_owned(), rows)), "{table}: {preview:?}");
    }
    assert_eq!(store.tasks_by_ids(&[tasks[0].id]).await.unwrap().len(), 1, "a preview takes nothing");
    assert_eq!(store.rollback_preview(0).await.unwrap().tables, []);
    assert_eq!(store.rollback(all).await.unwrap(), preview, "more steps than there are are all of them");
    assert!(store.migrations().await.unwrap().iter().all(|state| !state.applied));
}
