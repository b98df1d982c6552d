//! Signals that the governor held back.

use chimera_domain::{
    Agent, Ambient as _, CampaignStatus, GovernorLimits,
    SignalOutcome::{Deferred, Duplicate, Planned, Stale},
    TrendSignal,
};
use chimera_store::{HeldPlan, PlanError, SignalFilter};
use chimera_testkit::fixtures;

use crate::world::World;

/// Signals of these relevances that are held back, in the order of `relevances`.
async fn held(world: &World, relevances: &[u8]) -> Vec<TrendSignal> {
    let signal = |relevance: &u8| {
        world.ambient.advance(chrono::Duration::seconds(1));
        let relevance = chimera_domain::Score::percent(*relevance);
        TrendSignal { relevance, outcome: Deferred, ..world.signal() }
    };
    let signals: Vec<_> = relevances.iter().map(signal).collect();
    world.store.plan_commit(&world.plan(signals.clone(), vec![])).await.unwrap();
    signals
}

fn plan(world: &World, signals: &[TrendSignal]) -> HeldPlan {
    let now = world.ambient.now();
    let planned: Vec<_> =
        signals.iter().cloned().map(|signal| TrendSignal { outcome: Planned, decided_at: now, ..signal }).collect();
    HeldPlan {
        campaign_id: world.campaign.id,
        campaign_version: world.campaign.state_version,
        tasks: planned.iter().flat_map(|s| fixtures::dag(&world.ambient, &world.campaign, &world.agent, s)).collect(),
        planned,
        told: vec![],
        refused: vec![],
        decided_at: now,
    }
}

async fn stored(world: &World, signal: &TrendSignal) -> TrendSignal {
    let all = SignalFilter { campaign: None, outcome: None, limit: 1_000 };
    world.store.signals(&all).await.unwrap().into_iter().find(|found| found.id == signal.id).unwrap()
}

pub(crate) async fn what_was_held_back_is_decided_once(world: World) {
    let signals = held(&world, &[80, 95, 80, 85]).await;
    let of = [world.campaign.id];
    let best: Vec<_> = world.store.signals_held(&of, 3).await.unwrap().into_iter().map(|signal| signal.id).collect();
    assert_eq!(best, [signals[1].id, signals[3].id, signals[0].id]);
    assert_eq!(world.store.signals_held(&[], 3).await.unwrap(), []);

    world.ambient.advance(chrono::Duration::minutes(1));
    let one = plan(&world, &signals[1..2]);
    let ready = world.store.plan_held(&one).await.unwrap();
    assert_eq!(ready, [one.tasks[0].id, one.tasks[1].id]);
    assert_eq!(stored(&world, &signals[1]).await, one.planned[0]);
    let again = world.store.plan_held(&plan(&world, &signals[1..3])).await.unwrap_err();
    assert!(matches!(again, PlanError::AlreadyPlanned { .. }), "{again:?}");
    assert_eq!(stored(&world, &signals[2]).await.outcome, Deferred, "all or nothing");

    world.store.plan_held(&HeldPlan { told: vec![signals[2].id], ..plan(&world, &[]) }).await.unwrap();
    let told = stored(&world, &signals[2]).await;
    assert_eq!((told.outcome, told.note.is_some()), (Duplicate, true));

    let until = signals[0].ingested_at + chrono::Duration::milliseconds(1);
    let now = world.ambient.now();
    let expire = || world.store.signals_expire(until, "too late", 9, now);
    assert_eq!((expire().await.unwrap(), expire().await.unwrap()), (1, 0));
    let stale = stored(&world, &signals[0]).await;
    assert_eq!((stale.outcome, stale.note.as_deref(), stale.decided_at), (Stale, Some("too late"), now));
    assert_eq!(world.store.signals_held(&of, 9).await.unwrap(), [signals[3].clone()]);
}

pub(crate) async fn what_is_held_back_is_planned_under_the_checks_of_every_plan(world: World) {
    let signals = held(&world, &[90, 90, 90]).await;
    let limits = GovernorLimits { max_tasks_per_hour: 1, ..world.agent.governor_limits };
    world.store.agent_save(&Agent { governor_limits: limits, ..world.agent.clone() }).await.unwrap();
    let refused = world.store.plan_held(&plan(&world, &signals[..2])).await.unwrap_err();
    assert!(matches!(refused, PlanError::OverCap { reason_code: "hourly_task_cap", .. }), "{refused:?}");
    world.store.plan_held(&plan(&world, &signals[..1])).await.unwrap();
    // It counts from when it was planned, however long ago it was read.
    let used = world.store.governor_use(&[world.agent.id], &[], world.ambient.now()).await.unwrap();
    assert_eq!(used[&world.agent.id].planned_last_hour, 1);
    let refused = world.store.plan_held(&plan(&world, &signals[1..2])).await.unwrap_err();
    assert!(matches!(refused, PlanError::OverCap { .. }), "{refused:?}");

    world.ambient.advance(chrono::Duration::hours(2));
    let (id, version) = (world.campaign.id, world.campaign.state_version);
    world.store.campaign_set_status(id, version, CampaignStatus::Paused, world.ambient.now()).await.unwrap();
    let refused = world.store.plan_held(&plan(&world, &signals[1..2])).await.unwrap_err();
    assert!(matches!(refused, PlanError::CampaignMoved { .. }), "{refused:?}");
    assert_eq!(stored(&world, &signals[1]).await.outcome, Deferred);
}
