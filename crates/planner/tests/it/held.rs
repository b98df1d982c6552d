//! What the governor held back is planned when there is room, or dropped with a reason.

use chimera_domain::{
    Agent, CampaignStatus, GovernorLimits,
    SignalOutcome::{Deferred, Planned, Stale},
};
use chimera_planner::PlannerConfig;
use chrono::Duration;

use crate::world::{FEED, World, item, told};

/// A world whose agent may plan two posts an hour.
async fn two_an_hour(world: &World) {
    let limits = GovernorLimits { max_tasks_per_hour: 2, ..world.agent.governor_limits };
    world.store.agent_save(&Agent { governor_limits: limits, ..world.agent.clone() }).await.unwrap();
}

pub(crate) async fn when_the_window_turns_the_hottest_are_planned_first(world: World) {
    two_an_hour(&world).await;
    let relevances = ["0.80", "0.80", "0.80", "0.95", "0.85"];
    let items: Vec<_> =
        relevances.iter().enumerate().map(|(n, r)| item(&n.to_string(), &format!("Silk {n}"), r)).collect();
    world.feeds.set(FEED, &items);
    world.tick().await;
    let rest = [("Silk 2", Deferred), ("Silk 3", Deferred), ("Silk 4", Deferred)];
    let first = told(&[("Silk 0", Planned), ("Silk 1", Planned)]);
    assert_eq!(world.outcomes(&world.campaign).await, [first.clone(), told(&rest)].concat());

    world.ambient.advance(Duration::minutes(61));
    let report = world.tick().await;
    assert_eq!((report.released, report.signals), (2, 0));
    let rest = told(&[("Silk 2", Deferred), ("Silk 3", Planned), ("Silk 4", Planned)]);
    assert_eq!(world.outcomes(&world.campaign).await, [first.clone(), rest].concat());
    let signals = world.signals(&world.campaign).await;
    for signal in signals.iter().filter(|signal| signal.outcome == Planned) {
        let tasks = world.store.tasks_by_trace(signal.trace_id).await.unwrap();
        assert!(tasks.len() == 4 && tasks.iter().all(|task| task.signal_id == signal.id), "{tasks:#?}");
    }
    // They count from when they were planned: there is no more room in this hour.
    world.ambient.advance(Duration::minutes(58));
    assert_eq!(world.tick().await.released, 0);
    world.ambient.advance(Duration::minutes(3));
    assert_eq!(world.tick().await.released, 1);
    assert_eq!(world.tick().await.released, 0, "once");
}

pub(crate) async fn what_waited_too_long_is_dropped_and_says_why(world: World) {
    two_an_hour(&world).await;
    let items: Vec<_> = (0..3).map(|n| item(&n.to_string(), &format!("Silk {n}"), "0.9")).collect();
    world.feeds.set(FEED, &items);
    world.tick().await;
    let planner = world.planner_with(PlannerConfig { held_hours_max: 1, ..PlannerConfig::default() });
    world.ambient.advance(Duration::minutes(61));
    let report = planner.tick().await.unwrap();
    assert_eq!((report.released, report.stale), (0, 1));
    let signals = world.signals(&world.campaign).await;
    assert_eq!(signals[2].outcome, Stale);
    assert_eq!(signals[2].note.as_deref(), Some("held back by the governor for more than 1 hours"));
    assert_eq!(planner.tick().await.unwrap().stale, 0);
}

pub(crate) async fn a_paused_campaign_holds_on_to_what_it_held_back(world: World) {
    two_an_hour(&world).await;
    let items: Vec<_> = (0..3).map(|n| item(&n.to_string(), &format!("Silk {n}"), "0.9")).collect();
    world.feeds.set(FEED, &items);
    world.tick().await;
    world.set_status(&world.campaign, CampaignStatus::Paused).await;
    world.ambient.advance(Duration::minutes(61));
    assert_eq!(world.tick().await.released, 0);
    world.set_status(&world.campaign, CampaignStatus::Active).await;
    assert_eq!(world.tick().await.released, 1);
}

pub(crate) async fn two_planners_release_each_signal_once(world: World) {
    two_an_hour(&world).await;
    let items: Vec<_> = (0..9).map(|n| item(&n.to_string(), &format!("Silk {n}"), "0.9")).collect();
    world.feeds.set(FEED, &items);
    world.tick().await;
    let other = world.planner_with(PlannerConfig::default());
    for hour in 1..4_usize {
        world.ambient.advance(Duration::minutes(61));
        let (one, two) = tokio::join!(world.planner.tick(), other.tick());
        assert_eq!(one.unwrap().released + two.unwrap().released, 2);
        let tasks = world.tasks().await;
        let planned = world.signals(&world.campaign).await.into_iter().filter(|s| s.outcome == Planned).count();
        assert_eq!((planned, tasks.len()), (2 + 2 * hour, 4 * planned));
    }
}
