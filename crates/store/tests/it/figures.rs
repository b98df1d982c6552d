//! What metrics tell of the fleet.

use std::collections::BTreeMap;

use chimera_domain::{Agent, AgentId, AlertKind, Ambient as _, GovernorLimits, TaskState, TaskType, Usd};
use chimera_store::{FleetSpend, Standing};
use chimera_testkit::fixtures;
use chrono::Duration;

use crate::world::{LEASE, World};

pub(crate) async fn live_tasks_and_dead_letters_are_told_with_how_long_they_stand_there(world: World) {
    assert!(world.store.tasks_standing().await.unwrap().is_empty());
    let (_, tasks) = world.planned().await;
    let (post, _) = world.approved().await;
    let later = world.ready(TaskType::GenerateText).await;
    // It ends, so it is told no more.
    world.done(tasks[0].id).await;
    let before = world.store.statistics().statements;
    let standing = world.store.tasks_standing().await.unwrap();
    assert_eq!(world.store.statistics().statements - before, 1);
    assert_eq!(standing[&TaskState::Ready].count, 2, "{standing:?}");
    assert_eq!(standing[&TaskState::Ready].since, tasks[1].updated_at.min(later.updated_at));
    let approved = world.stored(post.id).await;
    assert_eq!(standing[&TaskState::Approved], Standing { count: 1, since: approved.updated_at });
    assert!(!standing.contains_key(&TaskState::Done) && !standing.contains_key(&TaskState::Executing), "{standing:?}");
}

pub(crate) async fn open_alerts_are_told_by_kind(world: World) {
    assert!(world.store.alerts_standing().await.unwrap().is_empty());
    let alert = |kind, subject| fixtures::alert(&world.ambient, kind, subject);
    let alerts = [
        alert(AlertKind::FeedDown, "a"),
        alert(AlertKind::FeedDown, "b"),
        alert(AlertKind::DeadLetter, "c"),
        alert(AlertKind::DeadLetter, "c"),
    ];
    world.store.alerts_raise(&alerts).await.unwrap();
    let wanted = BTreeMap::from([(AlertKind::FeedDown, 2), (AlertKind::DeadLetter, 1)]);
    assert_eq!(world.store.alerts_standing().await.unwrap(), wanted);
}

pub(crate) async fn the_money_of_all_agents_is_told_together(world: World) {
    let capped = |agent: Agent, daily: Usd| Agent {
        governor_limits: GovernorLimits { max_daily_spend: daily, ..agent.governor_limits },
        ..agent
    };
    world.store.agent_save(&capped(world.agent.clone(), Usd::dollars(40))).await.unwrap();
    let idle = fixtures::agent(&world.ambient);
    let idle = Agent { id: AgentId::generate(&world.ambient), persona_slug: "idle".to_owned(), ..idle };
    world.store.agent_save(&capped(idle, Usd::dollars(60))).await.unwrap();
    let now = world.ambient.now();
    let nothing = FleetSpend { caps: Usd::dollars(100), ..FleetSpend::default() };
    assert_eq!(world.store.fleet_spend(now).await.unwrap(), nothing);

    // One task settles with what its calls cost, one is under way with its whole cap set aside.
    let settled = world.ready(TaskType::GenerateText).await;
    world.in_review(settled.id).await;
    let under_way = world.ready(TaskType::GenerateText).await;
    world.claim(under_way.id, "worker", LEASE).await.unwrap();
    let now = world.ambient.now();
    let spend = world.store.fleet_spend(now).await.unwrap();
    let used = world.store.spend_use(&[world.agent.id], now).await.unwrap()[&world.agent.id].today;
    assert!(used > under_way.budget_cap_usd, "the fixture's calls cost something");
    let wanted =
        FleetSpend { today: used, reserved: under_way.budget_cap_usd, caps: Usd::dollars(100), fullest: spend.fullest };
    assert_eq!(spend, wanted);
    let part = used.micros() as f64 / Usd::dollars(40).micros() as f64;
    assert!((spend.fullest - part).abs() < 1e-9, "{} {part}", spend.fullest);
    // Another day is another budget; what is under way stays set aside.
    let tomorrow = world.store.fleet_spend(world.ambient.now() + Duration::days(1)).await.unwrap();
    assert_eq!((tomorrow.today, tomorrow.reserved), (Usd::ZERO, under_way.budget_cap_usd));
}
