//! The planner's loop.

use std::time::Duration;

use chimera_planner::{PlannerConfig, serve};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::world::{FEED, World, item};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn it_plans_until_cancelled(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    let cancel = CancellationToken::new();
    let planner = world.planner_with(PlannerConfig { poll_interval_ms: 5, ..PlannerConfig::default() });
    let running = TaskTracker::new().spawn(serve(planner, cancel.clone()));
    let planned = async {
        while world.tasks().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, planned).await.expect("it never planned");
    cancel.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it does not stop").unwrap();
}

pub(crate) async fn a_read_that_hangs_does_not_hold_up_the_end(world: World) {
    world.feeds.hang();
    let cancel = CancellationToken::new();
    let running = TaskTracker::new().spawn(serve(world.planner.clone(), cancel.clone()));
    tokio::time::timeout(PATIENCE, world.feeds.until_hanging()).await.expect("it never read");
    cancel.cancel();
    // The server is silent for a minute before the host gives up on it.
    tokio::time::timeout(PATIENCE, running).await.expect("it waits for the read").unwrap();
    assert_eq!(world.cursor().await, None, "a read that was cut short is no failure of the resource");
}
