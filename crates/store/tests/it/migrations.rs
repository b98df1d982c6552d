//! Migrating from outside.

use chimera_store::{MigrationState, Store};

use crate::world::World;

pub(crate) async fn migrating_is_counted_reported_and_undone(world: World) {
    let store = &world.store;
    let states = store.migrations().await.unwrap();
    assert!(states.iter().all(|state| state.applied));
    assert!(states.is_sorted_by_key(|state| &state.name));
    assert_eq!(store.migrate().await.unwrap(), 0, "nothing left to do");

    assert_eq!(store.rollback(2).await.unwrap(), 2);
    let (kept, undone) = states.split_at(states.len() - 2);
    let undone: Vec<_> = undone.iter().map(|s| MigrationState { applied: false, ..s.clone() }).collect();
    assert_eq!(store.migrations().await.unwrap(), [kept, &undone].concat());
    assert_eq!(store.agents().await.unwrap(), [world.agent.clone()]);
    assert!(store.alerts_open(1).await.is_err());

    assert_eq!(usize::try_from(store.rollback(99).await.unwrap()).unwrap(), kept.len());
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
