//! What one process at a time does.

use chimera_domain::StateVersion;
use chimera_store::{Duty, Store};

use crate::world::{LEASE, MOMENT, World, eventually};

pub(crate) async fn of_two_contenders_one_holds_a_duty_until_it_lays_it_down(world: World) {
    let store = &world.store;
    let hold = |owner| store.duty_hold(Duty::Sweep, owner, LEASE);
    assert_eq!(hold("a").await.unwrap(), Some(StateVersion::FIRST));
    assert_eq!(hold("b").await.unwrap(), None);
    assert_eq!(hold("a").await.unwrap(), Some(StateVersion::FIRST), "prolonged, not taken anew");
    assert!(!store.duty_release(Duty::Sweep, "b").await.unwrap(), "it is not b's to lay down");
    assert_eq!(hold("b").await.unwrap(), None);
    assert!(store.duty_release(Duty::Sweep, "a").await.unwrap());
    assert_eq!(hold("b").await.unwrap(), Some(StateVersion::FIRST.next()));
    assert_eq!(hold("a").await.unwrap(), None);
    assert!(!store.duty_release(Duty::Sweep, "a").await.unwrap());
}

pub(crate) async fn a_duty_of_one_that_vanished_goes_to_the_next(world: World) {
    let store = &world.store;
    assert!(store.duty_hold(Duty::Sweep, "mayfly", MOMENT).await.unwrap().is_some());
    let taken = eventually("the lease's end", || async { store.duty_hold(Duty::Sweep, "heir", LEASE).await.unwrap() });
    assert_eq!(taken.await, StateVersion::FIRST.next());
    assert_eq!(store.duty_hold(Duty::Sweep, "mayfly", LEASE).await.unwrap(), None);
}

pub(crate) async fn of_many_contenders_at_once_one_holds_the_duty(world: World) {
    let mut contenders = tokio::task::JoinSet::new();
    for number in 0..16 {
        // Each with connections of its own, as processes have.
        let config = world.config.clone();
        contenders.spawn(async move {
            let store = Store::connect(&config).await.unwrap();
            store.duty_hold(Duty::Sweep, &format!("contender-{number}"), LEASE).await.unwrap()
        });
    }
    let holders = contenders.join_all().await.into_iter().flatten().count();
    assert_eq!(holders, 1);
}
