//! Plans that wait for their operator.

use chimera_domain::{
    Actor, AgentTask, Ambient as _, AuditAction, Campaign, Channel, Priority, SignalId, TaskId, TaskState, TaskType,
    TraceId, Usd,
};
use chimera_store::{AuditFilter, DraftEdit, DraftError, DraftFilter, DraftPlan, DraftWish, Drafts, Store, StoreError};
use chimera_testkit::fixtures;
use chrono::Duration;

use crate::{
    sweeping::sweep,
    world::{LEASE, World},
};

fn mara(world: &World) -> Store {
    world.store.acting_as(Actor::operator("mara"))
}

/// Stores a plan of words, a picture and a post that nobody has started.
async fn waits(world: &World) -> DraftPlan {
    let signal = world.signal();
    let dag = fixtures::dag(&world.ambient, &world.campaign, &world.agent, &signal);
    let tasks: Vec<_> = dag.into_iter().map(|task| AgentTask { state: TaskState::Draft, ..task }).collect();
    let ready = world.store.plan_commit(&world.plan(vec![signal.clone()], tasks.clone())).await.unwrap();
    assert_eq!(ready, []);
    DraftPlan { signal, tasks }
}

/// The campaign's plans that wait, those of these traces only where any are named.
async fn listed(world: &World, traces: &[TraceId]) -> Vec<DraftPlan> {
    let filter = DraftFilter { campaign: Some(world.campaign.id), traces: traces.to_vec(), after: None, limit: 10 };
    world.store.draft_plans(&filter).await.unwrap()
}

const fn all(signals: &[SignalId]) -> Drafts<'_> {
    Drafts { signals, channel: None, seen: None }
}

/// How often each act on plans was logged as mara's for this post.
async fn acts(world: &World, trace_id: TraceId) -> Vec<(String, usize)> {
    let filter = AuditFilter {
        trace_id: Some(trace_id),
        actor: Some("operator:mara".to_owned()),
        limit: 99,
        ..AuditFilter::default()
    };
    let entries = world.store.audit_entries(&filter).await.unwrap();
    let count = |action: AuditAction| {
        let name = action.to_string();
        let n = entries.iter().filter(|entry| entry.action == name).count();
        (name, n)
    };
    [AuditAction::DraftEdited, AuditAction::DraftStarted, AuditAction::DraftDropped].map(count).to_vec()
}

fn told(edited: usize, started: usize, dropped: usize) -> Vec<(String, usize)> {
    let named = |name: &str, n| (name.to_owned(), n);
    vec![named("draft_edited", edited), named("draft_started", started), named("draft_dropped", dropped)]
}

pub(crate) async fn a_draft_waits_until_it_is_started_once(world: World) {
    let (plan, other) = (waits(&world).await, waits(&world).await);
    let (id, trace) = (plan.signal.id, plan.signal.trace_id);
    assert_eq!(listed(&world, &[]).await.len(), 2);
    let dropped = world.store.drafts_drop(all(&[other.signal.id]), "not ours", world.ambient.now()).await.unwrap();
    assert_eq!(dropped, 3);
    let listed_now = listed(&world, &[trace]).await;
    assert_eq!(listed(&world, &[other.signal.trace_id]).await, []);
    assert_eq!((listed_now.len(), &listed_now[0].signal), (1, &plan.signal));
    let ids = |tasks: &[AgentTask]| tasks.iter().map(|task| task.id).collect::<Vec<_>>();
    let mut wanted = ids(&plan.tasks);
    wanted.sort_unstable();
    let mut found = ids(&listed_now[0].tasks);
    found.sort_unstable();
    assert_eq!(found, wanted);
    assert!(world.claim(plan.tasks[0].id, "worker", LEASE).await.is_none());
    let swept = sweep(&world).await;
    assert!(swept.ready.is_empty() && swept.cancelled.is_empty(), "{swept:?}");
    assert_eq!(world.store.fleet_busy().await.unwrap(), 0);
    // Its money is promised all the same.
    let used = world.store.governor_use(&[world.agent.id], &[], world.ambient.now()).await.unwrap();
    let caps: Usd = plan.tasks.iter().map(|task| task.budget_cap_usd).sum();
    assert_eq!(used[&world.agent.id].spent_today, caps);

    let mut ready = mara(&world).drafts_start(all(&[id]), world.ambient.now()).await.unwrap();
    ready.sort_unstable();
    let mut roots = ids(&plan.tasks[..2]);
    roots.sort_unstable();
    assert_eq!(ready, roots);
    assert_eq!(world.stored(plan.tasks[2].id).await.state, TaskState::Pending);
    assert!(world.claim(plan.tasks[0].id, "worker", LEASE).await.is_some());
    let again = world.store.drafts_start(all(&[id]), world.ambient.now()).await.unwrap_err();
    assert!(matches!(again, DraftError::None(of) if of == id), "{again:?}");
    assert_eq!(listed(&world, &[]).await, []);
    assert_eq!(acts(&world, trace).await, told(0, 3, 0));
}

pub(crate) async fn a_draft_is_edited_at_the_version_that_was_seen(world: World) {
    let plan = waits(&world).await;
    let edit = |task: &AgentTask| DraftEdit {
        task_id: task.id,
        version: task.state_version,
        goal: Some("Say it with linen".to_owned()),
        priority: Some(Priority::High),
        budget_cap_usd: (task.task_type == TaskType::GenerateImage).then(|| Usd::cents(7)),
    };
    let edits: Vec<_> = plan.tasks.iter().map(edit).collect();
    let edited = mara(&world).drafts_edit(&edits, world.ambient.now()).await.unwrap();
    assert_eq!(edited.len(), 3);
    for before in &plan.tasks {
        let after = world.stored(before.id).await;
        assert_eq!(after.payload.goal, "Say it with linen");
        assert_eq!((after.priority, after.state), (Priority::High, TaskState::Draft));
        let cap = edits.iter().find(|edit| edit.task_id == before.id).and_then(|edit| edit.budget_cap_usd);
        assert_eq!(after.budget_cap_usd, cap.unwrap_or(before.budget_cap_usd));
        assert_eq!(after.payload.headline, before.payload.headline, "the rest stays");
    }
    let stale = mara(&world).drafts_edit(&edits[..1], world.ambient.now()).await.unwrap_err();
    assert!(matches!(stale, DraftError::Store(StoreError::Conflict { .. })), "{stale:?}");
    assert_eq!(acts(&world, plan.signal.trace_id).await, told(3, 0, 0));
}

pub(crate) async fn a_draft_is_dropped_by_its_operator_or_by_time(world: World) {
    let (first, second) = (waits(&world).await, waits(&world).await);
    let now = world.ambient.now();
    let elsewhere = Drafts { signals: &[first.signal.id], channel: Some(Channel::Blog), seen: None };
    let none = world.store.drafts_drop(elsewhere, "no", now).await.unwrap_err();
    assert!(matches!(none, DraftError::None(_)), "{none:?}");
    assert_eq!(mara(&world).drafts_drop(all(&[first.signal.id]), "too late", now).await.unwrap(), 3);
    let gone = world.stored(first.tasks[0].id).await;
    assert_eq!((gone.state, gone.last_error.as_deref()), (TaskState::Cancelled, Some("too late")));
    assert_eq!(acts(&world, first.signal.trace_id).await, told(0, 0, 3));
    let expire = async |before| world.store.drafts_expire(before, "nobody came", 10, now).await.unwrap();
    assert_eq!(expire(now - Duration::hours(1)).await, 0);
    assert_eq!(expire(now + Duration::hours(1)).await, 3);
    assert_eq!(world.stored(second.tasks[2].id).await.state, TaskState::Cancelled);
}

pub(crate) async fn a_draft_of_an_edited_campaign_is_void(world: World) {
    let plan = waits(&world).await;
    let edited = Campaign { goal: "Something else".to_owned(), ..world.campaign.clone() };
    world.store.campaign_save(&edited).await.unwrap();
    let refused = world.store.drafts_start(all(&[plan.signal.id]), world.ambient.now()).await.unwrap_err();
    assert!(matches!(refused, DraftError::Outdated { .. }), "{refused:?}");
    assert_eq!(sweep(&world).await.cancelled.len(), 3);
    assert_eq!(listed(&world, &[]).await, []);
}

pub(crate) async fn a_draft_is_started_or_dropped_as_it_was_seen(world: World) {
    let plan = waits(&world).await;
    let (signals, now) = ([plan.signal.id], world.ambient.now());
    let seen = plan.seen(None);
    let as_seen = |seen| Drafts { signals: &signals, channel: None, seen: Some(seen) };
    let edits = plan.edits(None, &DraftWish { goal: Some("Linen".to_owned()), ..DraftWish::default() });
    mara(&world).drafts_edit(&edits[..1], now).await.unwrap();
    let edited = listed(&world, &[]).await.remove(0);
    assert_ne!(edited.version(), plan.version());
    let now_seen = edited.seen(None);
    for other in [&seen[..], &now_seen[1..], &[]] {
        let started = mara(&world).drafts_start(as_seen(other), now).await.unwrap_err();
        assert!(matches!(started, DraftError::Changed(id) if id == plan.signal.id), "{started:?}");
        let dropped = mara(&world).drafts_drop(as_seen(other), "no", now).await.unwrap_err();
        assert!(matches!(dropped, DraftError::Changed(_)), "{dropped:?}");
    }
    // What was seen beyond what there is: one that is gone.
    let more: Vec<_> = now_seen.iter().copied().chain([(TaskId::generate(&world.ambient), now_seen[0].1)]).collect();
    let more = mara(&world).drafts_start(as_seen(&more), now).await.unwrap_err();
    assert!(matches!(more, DraftError::Changed(_)), "{more:?}");
    assert_eq!(acts(&world, plan.signal.trace_id).await, told(1, 0, 0));
    assert_eq!(mara(&world).drafts_start(as_seen(&now_seen), now).await.unwrap().len(), 2);
}

pub(crate) async fn drafts_come_in_pages_whatever_becomes_of_them_meanwhile(world: World) {
    let other = world.store.campaign_save(&fixtures::campaign(&world.ambient, &world.agent)).await.unwrap();
    let mut wanted = Vec::new();
    for n in 0..5 {
        wanted.push(waits(&world).await.signal.trace_id);
        // Some at the same moment, told apart by their ids.
        if n % 2 == 0 {
            world.ambient.advance(Duration::minutes(1));
        }
    }
    assert_eq!(world.store.drafts_waiting(None).await.unwrap(), 5);
    assert_eq!(world.store.drafts_waiting(Some(world.campaign.id)).await.unwrap(), 5);
    assert_eq!(world.store.drafts_waiting(Some(other.id)).await.unwrap(), 0);
    for (counted_max, counted) in [(1, (1, true)), (4, (4, true)), (5, (5, false)), (9, (5, false))] {
        assert_eq!(world.store.drafts_glance(counted_max).await.unwrap(), counted);
    }
    let all: Vec<_> = listed(&world, &[]).await.iter().map(|plan| plan.signal.trace_id).collect();
    let sorted = |traces: &[TraceId]| std::collections::BTreeSet::from_iter(traces.iter().map(TraceId::to_string));
    assert_eq!(sorted(&all), sorted(&wanted));
    let mut found: Vec<TraceId> = Vec::new();
    loop {
        let filter = DraftFilter { after: found.last().copied(), limit: 2, ..DraftFilter::default() };
        let page = world.store.draft_plans(&filter).await.unwrap();
        found.extend(page.iter().map(|plan| plan.signal.trace_id));
        let Some(last) = page.last().filter(|_| page.len() == 2) else { break };
        mara(&world).drafts_drop(self::all(&[last.signal.id]), "no", world.ambient.now()).await.unwrap();
    }
    assert_eq!(found, all);
    assert_eq!(world.store.drafts_waiting(None).await.unwrap(), 3);
    let unknown = DraftFilter { after: Some(TraceId::generate(&world.ambient)), limit: 9, ..DraftFilter::default() };
    assert_eq!(world.store.draft_plans(&unknown).await.unwrap(), []);
}
