//! Planning: all or nothing, once.

use chimera_domain::{
    AlertKind, Ambient as _, CampaignStatus, GovernorLimits, SignalOutcome, StateVersion, TaskState, TaskType,
    ToolCall, Usd,
};
use chimera_store::{Plan, PlanError, Release, SignalFilter};
use chimera_testkit::fixtures;

use crate::world::World;

const ALL: SignalFilter = SignalFilter { campaign: None, outcome: None, limit: 1_000 };

pub(crate) async fn a_plan_is_committed_whole_and_gives_the_ready_tasks(world: World) {
    let signal = world.signal();
    let tasks = fixtures::dag(&world.ambient, &world.campaign, &world.agent, &signal);
    let alert = fixtures::alert(&world.ambient, AlertKind::GovernorCap, "nova");
    let call = ToolCall { cost_usd: Usd::cents(2), ..fixtures::tool_call(&world.ambient, &tasks[0]) };
    let whole = world.plan(vec![signal.clone()], tasks.clone());
    let plan = Plan { alerts: vec![alert.clone()], calls: vec![call], ..whole };
    let ready = world.store.plan_commit(&plan).await.unwrap();
    assert_eq!(ready, [tasks[0].id, tasks[1].id]);
    assert_eq!(world.store.tasks_by_trace(signal.trace_id).await.unwrap(), tasks);
    assert_eq!(world.store.signals(&ALL).await.unwrap(), [signal]);
    assert_eq!(world.store.alerts_open(9).await.unwrap(), [alert]);
    assert_eq!(world.store.spend_total(None).await.unwrap(), Usd::cents(2), "what planning took");
}

pub(crate) async fn a_paused_or_changed_campaign_plans_nothing(world: World) {
    let (id, first) = (world.campaign.id, world.campaign.state_version);
    let now = world.ambient.now();
    world.store.campaign_set_status(id, first, CampaignStatus::Paused, now).await.unwrap();
    let plan = world.plan(vec![world.signal()], vec![]);
    let refused = world.store.plan_commit(&plan).await.unwrap_err();
    let PlanError::CampaignMoved { expected, found, status, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((expected, found, status), (first, first.next(), CampaignStatus::Paused));
    // Even who has read the pause plans nothing.
    let read = Plan { campaign_version: first.next(), ..plan.clone() };
    let refused = world.store.plan_commit(&read).await.unwrap_err();
    assert!(matches!(refused, PlanError::CampaignMoved { .. }), "{refused:?}");
    world.store.campaign_set_status(id, first.next(), CampaignStatus::Active, now).await.unwrap();
    // Resumed, but what was planned before the pause is planned on an old version.
    assert!(world.store.plan_commit(&plan).await.is_err());
    assert_eq!(world.store.signals(&ALL).await.unwrap(), []);
    world.store.plan_commit(&Plan { campaign_version: StateVersion::new(3), ..plan }).await.unwrap();
    assert_eq!(world.store.signals(&ALL).await.unwrap().len(), 1);
}

pub(crate) async fn planning_again_changes_nothing(world: World) {
    let (signal, tasks) = world.planned().await;
    // The same item read again, with new ids, beside a new one.
    let mut again = world.signal();
    again.resource_uri.clone_from(&signal.resource_uri);
    again.event_key.clone_from(&signal.event_key);
    let dag = fixtures::dag(&world.ambient, &world.campaign, &world.agent, &again);
    let plan = world.plan(vec![world.signal(), again.clone()], dag);
    let refused = world.store.plan_commit(&plan).await.unwrap_err();
    let PlanError::AlreadyPlanned { event_keys } = refused else { panic!("{refused:?}") };
    assert_eq!(event_keys, [signal.event_key.clone()]);
    assert_eq!(world.store.signals(&ALL).await.unwrap(), [signal.clone()]);
    assert_eq!(world.store.tasks_by_trace(signal.trace_id).await.unwrap(), tasks);
    assert_eq!(world.store.tasks_by_trace(again.trace_id).await.unwrap(), []);
}

pub(crate) async fn one_story_is_planned_once_whatever_the_resource(world: World) {
    let (signal, _) = world.planned().await;
    let mut elsewhere = world.signal();
    elsewhere.resource_uri = "file:///elsewhere.xml".to_owned();
    elsewhere.content_hash.clone_from(&signal.content_hash);
    let refused = world.store.plan_commit(&world.plan(vec![elsewhere.clone()], vec![])).await.unwrap_err();
    let PlanError::AlreadyPlanned { event_keys } = refused else { panic!("{refused:?}") };
    assert_eq!(event_keys, [elsewhere.event_key.clone()]);
    elsewhere.outcome = SignalOutcome::Duplicate;
    world.store.plan_commit(&world.plan(vec![elsewhere.clone()], vec![])).await.unwrap();
    assert_eq!(world.store.signals(&ALL).await.unwrap(), [elsewhere, signal]);
}

pub(crate) async fn a_story_is_planned_once_in_whatever_words(world: World) {
    let (signal, _) = world.planned().await;
    let mut reworded = world.signal();
    reworded.story_id = signal.story_id;
    let fresh = world.signal();
    let plan = world.plan(vec![reworded.clone(), fresh.clone()], vec![]);
    let refused = world.store.plan_commit(&plan).await.unwrap_err();
    let PlanError::AlreadyPlanned { event_keys } = refused else { panic!("{refused:?}") };
    assert_eq!(event_keys, [reworded.event_key.clone()]);
    reworded.outcome = SignalOutcome::Duplicate;
    world.store.plan_commit(&world.plan(vec![reworded.clone(), fresh.clone()], vec![])).await.unwrap();

    let campaign = world.campaign.id;
    let stories = [signal.story_id, fresh.story_id, reworded.id];
    let told = world.store.stories_told(campaign, &stories).await.unwrap();
    assert_eq!(told, [signal.story_id, fresh.story_id].into());
    let ids = |sources: Vec<chimera_store::StorySource>| sources.into_iter().map(|s| s.signal_id).collect::<Vec<_>>();
    let sources = world.store.story_sources(std::slice::from_ref(&reworded)).await.unwrap();
    assert_eq!(ids(sources), [signal.id, reworded.id]);
    let since = world.store.stories_since(signal.ingested_at, 99).await.unwrap();
    assert_eq!(since, [], "what carries a taint tells no story, and those of the fixture do");
}

pub(crate) async fn of_many_planners_one_wins(world: World) {
    let seen = world.signal();
    let mut planners = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut signal = world.signal();
        signal.resource_uri.clone_from(&seen.resource_uri);
        signal.event_key.clone_from(&seen.event_key);
        let tasks = fixtures::dag(&world.ambient, &world.campaign, &world.agent, &signal);
        let (store, plan) = (world.store.clone(), world.plan(vec![signal], tasks));
        planners.spawn(async move { store.plan_commit(&plan).await });
    }
    let outcomes = planners.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    let beaten = |o: &&Result<_, _>| matches!(o, Err(PlanError::AlreadyPlanned { .. }));
    assert_eq!(outcomes.iter().filter(beaten).count(), 7, "{outcomes:?}");
    assert_eq!(world.store.signals(&ALL).await.unwrap().len(), 1);
    assert_eq!(world.store.tasks_in(TaskState::ALL, 99).await.unwrap().len(), 3);
}

pub(crate) async fn the_governors_cap_holds_between_planners(world: World) {
    let mut strict = world.agent.clone();
    strict.governor_limits =
        GovernorLimits { max_daily_spend: Usd::dollars(50), max_tasks_per_hour: 3, ..GovernorLimits::default() };
    world.store.agent_save(&strict).await.unwrap();
    let mut planners = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, plan) = (world.store.clone(), world.plan(vec![world.signal()], vec![]));
        planners.spawn(async move { store.plan_commit(&plan).await });
    }
    let outcomes = planners.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 3, "{outcomes:?}");
    let capped = |o: &&Result<_, _>| matches!(o, Err(PlanError::OverCap { agent_id, reason_code: "hourly_task_cap" }) if *agent_id == strict.id);
    assert_eq!(outcomes.iter().filter(capped).count(), 5, "{outcomes:?}");

    // An hour later there is room again, but not the money.
    world.ambient.advance(chrono::Duration::minutes(61));
    let signal = world.signal();
    let mut task = world.task(&signal, TaskType::GenerateText, vec![]);
    task.budget_cap_usd = Usd::from_micros(50_000_001);
    let refused = world.store.plan_commit(&world.plan(vec![signal.clone()], vec![task.clone()])).await.unwrap_err();
    assert!(matches!(refused, PlanError::OverCap { reason_code: "daily_spend_cap", .. }), "{refused:?}");
    task.budget_cap_usd = Usd::dollars(50);
    world.store.plan_commit(&world.plan(vec![signal], vec![task])).await.unwrap();
}

pub(crate) async fn a_task_that_depends_on_a_dead_end_is_stored_cancelled(world: World) {
    let dead = world.ready(TaskType::GenerateImage).await;
    let claimed = world.claimed(dead.id, "worker").await;
    let release = Release {
        task_id: dead.id,
        version: claimed.state_version,
        error: "no".to_owned(),
        exhausted: true,
        uncounted: false,
        tool_calls: vec![],
    };
    world.store.task_release(vec![release], vec![], world.ambient.now()).await.unwrap();
    let signal = world.signal();
    let child = world.task(&signal, TaskType::AssemblePost, vec![dead.id]);
    let grandchild = world.task(&signal, TaskType::ReplyComment, vec![child.id]);
    // Given last first: the order in the list means nothing.
    let plan = world.plan(vec![signal], vec![grandchild.clone(), child.clone()]);
    assert_eq!(world.store.plan_commit(&plan).await.unwrap(), []);
    assert_eq!(world.states(&[child, grandchild]).await, [TaskState::Cancelled, TaskState::Cancelled]);

    let stray = world.signal();
    let nowhere = chimera_domain::TaskId::generate(&world.ambient);
    let orphan = world.task(&stray, TaskType::AssemblePost, vec![nowhere]);
    let refused = world.store.plan_commit(&world.plan(vec![stray], vec![orphan])).await.unwrap_err();
    let named = matches!(&refused, PlanError::Store(chimera_store::StoreError::NotFound { id, .. }) if *id == nowhere.as_uuid());
    assert!(named, "{refused:?}");
}

/// Plans of one story by agents and campaigns of their own. Planners that read an item at the same moment each give its story
/// a name of their own; later ones know its name, and have other words.
async fn plans_of_one_story(world: &World, by_name: bool) -> Vec<Plan> {
    let told = world.signal();
    let mut plans = vec![];
    for _ in 0..6 {
        let agent = world.store.agent_save(&fixtures::agent(&world.ambient)).await.unwrap();
        let campaign = world.store.campaign_save(&fixtures::campaign(&world.ambient, &agent)).await.unwrap();
        let mut signal = fixtures::signal(&world.ambient, &campaign, &agent);
        if by_name {
            signal.story_id = told.story_id;
        } else {
            signal.content_hash.clone_from(&told.content_hash);
        }
        let post = fixtures::task(&world.ambient, &campaign, &agent, &signal, TaskType::AssemblePost, vec![]);
        let mut plan = world.plan(vec![signal], vec![post]);
        (plan.campaign_id, plan.campaign_version) = (campaign.id, campaign.state_version);
        plans.push(plan);
    }
    plans
}

pub(crate) async fn no_more_agents_than_may_take_up_a_story_whoever_plans(world: World) {
    let store = world.store.clone().same_story_at_most(2);
    for by_name in [false, true] {
        let plans = plans_of_one_story(&world, by_name).await;
        let mut planners = tokio::task::JoinSet::new();
        for plan in plans.clone() {
            let store = store.clone();
            planners.spawn(async move { store.plan_commit(&plan).await });
        }
        let outcomes = planners.join_all().await;
        let refused = |o: &&Result<_, _>| matches!(o, Err(PlanError::ToldByOthers { .. }));
        assert_eq!(outcomes.iter().filter(refused).count(), 4, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 2, "{outcomes:?}");
        let signal = &plans[0].signals[0];
        let (story, wording) = ([signal.story_id], [signal.content_hash.clone()]);
        let (story, wording) = if by_name { (&story[..], &[][..]) } else { (&[][..], &wording[..]) };
        let heard = store.story_voices(story, wording).await.unwrap();
        assert_eq!(heard.len(), 2, "{heard:?}");
        // Without the limit there is a place for each.
        let late =
            plans.iter().find(|plan| heard.iter().all(|voice| voice.agent_id != plan.signals[0].agent_id)).unwrap();
        assert!(matches!(store.plan_commit(late).await, Err(PlanError::ToldByOthers { .. })));
        world.store.plan_commit(late).await.unwrap();
    }
}
