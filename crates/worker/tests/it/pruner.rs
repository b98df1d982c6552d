//! Old rows go, once in a while, by whichever process it falls to.

use chimera_domain::{Ambient as _, SignalOutcome, TrendSignal};
use chimera_store::{Plan, Prunable};
use chimera_worker::{Pruned, Pruner, RetentionConfig};
use chrono::Duration;
use tokio_util::sync::CancellationToken;

use crate::world::World;

fn pruner(world: &World, name: &str, config: &RetentionConfig) -> Pruner {
    Pruner::new(name.to_owned(), world.store.clone(), world.blobs.clone(), world.ambient.clone(), config.clone())
}

/// Stores signals that came to nothing.
async fn forgettable(world: &World, count: usize) {
    let outcome = SignalOutcome::BelowThreshold;
    let signals = (0..count).map(|_| TrendSignal { outcome, ..world.signal() }).collect();
    let plan = Plan {
        campaign_id: world.campaign.id,
        campaign_version: world.campaign.state_version,
        signals,
        tasks: vec![],
        alerts: vec![],
        calls: vec![],
    };
    world.store.plan_commit(&plan).await.unwrap();
}

pub(crate) async fn of_many_pruners_one_prunes_and_not_again_for_hours(world: World) {
    forgettable(&world, 25).await;
    world.ambient.advance(Duration::days(31));
    forgettable(&world, 3).await;
    let config = RetentionConfig { signals_days: Some(30), batch: 10, ..RetentionConfig::default() };
    let mut done = vec![];
    for turn in 1..=2 {
        for name in ["a", "b", "c"] {
            done.extend(pruner(&world, name, &config).round(turn).await.unwrap());
        }
    }
    assert_eq!(done, [Pruned { signals: 25, ..Pruned::default() }]);
    assert_eq!(world.store.signal_counts(None).await.unwrap()[&SignalOutcome::BelowThreshold], 3);
}

pub(crate) async fn what_nobody_limits_stays_for_ever(world: World) {
    forgettable(&world, 5).await;
    world.ambient.advance(Duration::days(9_000));
    let cancel = CancellationToken::new();
    cancel.cancel();
    pruner(&world, "a", &RetentionConfig::default()).serve(cancel).await;
    let limits_others = RetentionConfig { tool_calls_days: Some(7), ..RetentionConfig::default() };
    assert_eq!(pruner(&world, "a", &limits_others).round(1).await.unwrap(), Some(Pruned::default()));
    assert_eq!(world.store.prunable(Prunable::Signals, world.ambient.now()).await.unwrap(), 5);
}
