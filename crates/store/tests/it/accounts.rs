//! Money.

use chimera_domain::{AgentId, Ambient as _, TaskType, ToolCall, ToolCallId, Usd, policy::GovernorUse};
use chimera_testkit::fixtures;
use uuid::Uuid;

use crate::world::World;

pub(crate) async fn money_is_counted_once(world: World) {
    assert_eq!(world.store.spend_total(None).await.unwrap(), Usd::ZERO);
    let task = world.ready(TaskType::AssemblePost).await;
    let held = world.claimed(task.id, "worker").await;
    let mut artifact = fixtures::artifact(&world.ambient, &held);
    // Costs of 100,003 hold one logged call of 30,001; that call is handed in as well, with another of 30,001.
    let mut submission = world.submission(&held, &artifact);
    submission.tool_calls.extend(artifact.tool_log.clone());
    world.store.task_submit(vec![submission.clone()], world.ambient.now()).await.unwrap();
    let spent = Usd::from_micros(100_003 + 30_001);
    assert_eq!(world.store.spend_total(None).await.unwrap(), spent);
    assert_eq!(world.store.spend_total(Some(world.campaign.id)).await.unwrap(), spent);

    // Handed in again after it was taken: recorded calls stay recorded once.
    world.store.task_submit(vec![submission], world.ambient.now()).await.unwrap();
    world.store.tool_calls_record(&artifact.tool_log).await.unwrap();
    assert_eq!(world.store.spend_total(None).await.unwrap(), spent);

    // A call without a task belongs to no campaign; an artifact whose calls cost more than it says adds nothing.
    let mut stray = fixtures::tool_call(&world.ambient, &held);
    stray.task_id = None;
    world.store.tool_calls_record(&[stray.clone()]).await.unwrap();
    assert_eq!(world.store.spend_total(Some(world.campaign.id)).await.unwrap(), spent);
    assert_eq!(world.store.spend_total(None).await.unwrap(), spent.saturating_add(stray.cost_usd));
    let nobody = chimera_domain::CampaignId::from_uuid(Uuid::from_u128(9));
    assert_eq!(world.store.spend_total(Some(nobody)).await.unwrap(), Usd::ZERO);

    let cheap = world.ready(TaskType::AssemblePost).await;
    let held = world.claimed(cheap.id, "worker").await;
    artifact = fixtures::artifact(&world.ambient, &held);
    artifact.costs = chimera_domain::Costs::default();
    let mut submission = world.submission(&held, &artifact);
    submission.tool_calls = vec![];
    world.store.task_submit(vec![submission], world.ambient.now()).await.unwrap();
    let with_its_call = spent.saturating_add(Usd::from_micros(30_001));
    assert_eq!(world.store.spend_total(Some(world.campaign.id)).await.unwrap(), with_its_call);
}

pub(crate) async fn the_governor_sees_spent_and_reserved_money_and_the_last_hour(world: World) {
    let now = world.ambient.now();
    let stranger = AgentId::from_uuid(Uuid::from_u128(9));
    let ids = [world.agent.id, stranger];
    let nothing = ids.iter().map(|id| (*id, GovernorUse::default())).collect();
    assert_eq!(world.store.governor_use(&ids, &[], now).await.unwrap(), nothing);
    assert!(world.store.governor_use(&[], &[], now).await.unwrap().is_empty());

    let task = world.ready(TaskType::AssemblePost).await;
    let cap = task.budget_cap_usd;
    let use_at = async |now| world.store.governor_use(&ids, &[], now).await.unwrap()[&world.agent.id];
    assert_eq!(
        use_at(world.ambient.now()).await,
        GovernorUse { planned_last_hour: 1, spent_today: cap, ..GovernorUse::default() }
    );
    world.in_review(task.id).await;
    // The cap is free again; what was spent counts: 100,003 for the artifact and one more call of 30,001.
    let spent = Usd::from_micros(130_004);
    assert_eq!(
        use_at(world.ambient.now()).await,
        GovernorUse { planned_last_hour: 1, spent_today: spent, ..GovernorUse::default() }
    );
    // A call without a task, such as scoring, counts to the agent it names; one that names nobody, to nobody.
    let stray = fixtures::tool_call(&world.ambient, &task);
    let scoring = ToolCall { id: ToolCallId::generate(&world.ambient), task_id: None, ..stray.clone() };
    let nobodys = ToolCall { id: ToolCallId::generate(&world.ambient), agent_id: None, ..scoring.clone() };
    // One that names its task only counts to the task's agent.
    let by_task = ToolCall { agent_id: None, ..stray };
    world.store.tool_calls_record(&[scoring, nobodys, by_task]).await.unwrap();
    let spent = spent.saturating_add(Usd::from_micros(2 * 30_001));
    assert_eq!(use_at(world.ambient.now()).await.spent_today, spent);
    assert_eq!(world.store.spend_total(None).await.unwrap(), spent.saturating_add(Usd::from_micros(30_001)));
    let later = world.ambient.now() + chrono::Duration::minutes(61);
    assert_eq!(use_at(later).await, GovernorUse { planned_last_hour: 0, spent_today: spent, ..GovernorUse::default() });
    let tomorrow = world.ambient.now() + chrono::Duration::hours(14);
    assert_eq!(use_at(tomorrow).await, GovernorUse::default());
    assert_eq!(world.store.governor_use(&ids, &[], later).await.unwrap()[&stranger], GovernorUse::default());
}
