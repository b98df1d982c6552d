//! Claims, leases, results.

use std::collections::HashSet;

use chimera_domain::{
    AlertKind, Ambient as _, CampaignStatus, StateVersion, TaskEvent, TaskId, TaskState, TaskType, ToolCall, Usd,
};
use chimera_store::{Claim, Release, Released, ReviewCase, WorkOrder};
use chimera_testkit::fixtures;

use crate::world::{LEASE, World, sorted};

pub(crate) async fn each_task_is_claimed_by_one_of_many_workers(world: World) {
    let signals: Vec<_> = (0..60).map(|_| world.signal()).collect();
    let tasks: Vec<_> = signals.iter().map(|s| world.task(s, TaskType::GenerateText, vec![])).collect();
    world.store.plan_commit(&world.plan(signals, tasks.clone())).await.unwrap();
    let ids: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..8_usize {
        let (store, mut ids) = (world.store.clone(), ids.clone());
        let (worker, now) = (format!("worker-{number}"), world.ambient.now());
        // Each sees the queue in an order of its own, in batches that overlap.
        ids.rotate_left(number * 7);
        if number % 2 == 1 {
            ids.reverse();
        }
        workers.spawn(async move {
            let mut mine = Vec::new();
            for batch in ids.chunks(16) {
                mine.extend(store.task_claim(batch, Claim::new(&worker, LEASE, now)).await.unwrap().tasks);
            }
            mine
        });
    }
    let claimed: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let distinct: HashSet<TaskId> = claimed.iter().map(|t| t.id).collect();
    assert_eq!((claimed.len(), distinct.len()), (60, 60));
    for task in claimed {
        assert_eq!((task.state, task.attempts), (TaskState::Executing, 1));
        assert_eq!(task.state_version, StateVersion::FIRST.next());
        assert!(task.lease_owner.as_ref().unwrap().starts_with("worker-"));
        assert_eq!(world.stored(task.id).await, task);
    }
}

pub(crate) async fn a_paused_campaigns_tasks_are_not_claimed(world: World) {
    let task = world.ready(TaskType::GenerateText).await;
    let campaign = &world.campaign;
    let (version, now) = (campaign.state_version, world.ambient.now());
    world.store.campaign_set_status(campaign.id, version, CampaignStatus::Paused, now).await.unwrap();
    assert_eq!(world.claim(task.id, "worker", LEASE).await, None);
    assert_eq!(world.stored(task.id).await, task);
    world.store.campaign_set_status(campaign.id, version.next(), CampaignStatus::Active, now).await.unwrap();
    assert!(world.claim(task.id, "worker", LEASE).await.is_some());
}

pub(crate) async fn a_late_result_is_fenced_but_its_calls_are_paid_for(world: World) {
    let task = world.ready(TaskType::AssemblePost).await;
    let late = world.claimed(task.id, "slow").await;
    let release = Release {
        task_id: task.id,
        version: late.state_version,
        error: "given up".to_owned(),
        exhausted: false,
        uncounted: false,
        tool_calls: vec![],
    };
    world.store.task_release(vec![release.clone()], vec![], world.ambient.now()).await.unwrap();
    let holder = world.claimed(task.id, "quick").await;
    assert_eq!((holder.attempts, holder.state_version), (2, StateVersion::new(4)));

    let stale = world.submission(&late, &fixtures::artifact(&world.ambient, &late));
    let good = world.submission(&holder, &fixtures::artifact(&world.ambient, &holder));
    let unknown = {
        let mut unknown = stale.clone();
        unknown.task_id = TaskId::generate(&world.ambient);
        unknown.tool_calls = vec![];
        unknown
    };
    let twice = {
        let mut twice = good.clone();
        twice.artifact.id = chimera_domain::ArtifactId::generate(&world.ambient);
        twice
    };
    let now = world.ambient.now();
    let handed_in = vec![stale.clone(), good.clone(), unknown.clone(), twice];
    let submitted = world.store.task_submit(handed_in, now).await.unwrap();
    assert_eq!(submitted.accepted, [task.id]);
    assert_eq!(submitted.fenced, [task.id, unknown.task_id, task.id]);

    let view = world.store.trace(task.trace_id).await.unwrap().unwrap();
    assert_eq!(view.artifacts, [good.artifact.clone()]);
    let mut wanted = [stale.tool_calls, good.artifact.tool_log.clone(), good.tool_calls].concat();
    wanted.sort_by_key(|call| call.called_at);
    assert_eq!(view.tool_calls, wanted);
    let reviewed = chimera_domain::AgentTask {
        state: TaskState::JudgeReview,
        state_version: StateVersion::new(5),
        lease_owner: None,
        last_error: Some("given up".to_owned()),
        result_artifact: Some(good.artifact.id),
        updated_at: now,
        ..holder
    };
    assert_eq!(world.stored(task.id).await, reviewed);
    // Given back too late, too.
    let alert = fixtures::alert(&world.ambient, AlertKind::DeadLetter, &task.id.to_string());
    let released = world.store.task_release(vec![release], vec![alert], now).await.unwrap();
    assert_eq!(released, Released { fenced: vec![task.id], ..Released::default() });
    assert_eq!(world.store.alerts_open(9).await.unwrap(), []);
}

pub(crate) async fn a_lease_is_kept_alive_by_its_holder_only(world: World) {
    let task = world.ready(TaskType::GenerateText).await;
    let held = world.claimed(task.id, "holder").await;
    let (good, stale) = ((task.id, held.state_version), (task.id, task.state_version));
    let beat = async |held, worker| world.store.task_heartbeat(&[held], worker, LEASE).await.unwrap();
    assert_eq!(beat(good, "holder").await, [task.id]);
    assert_eq!(beat(good, "thief").await, []);
    assert_eq!(beat(stale, "holder").await, []);
    assert_eq!(world.stored(task.id).await, held, "a heartbeat is no write of the row");
    world
        .store
        .task_submit(vec![world.submission(&held, &fixtures::artifact(&world.ambient, &held))], held.updated_at)
        .await
        .unwrap();
    assert_eq!(beat(good, "holder").await, []);
}

pub(crate) async fn a_task_given_back_is_ready_or_a_dead_letter(world: World) {
    let (_, kept) = world.planned().await;
    let (_, lost) = world.planned().await;
    let (again, dead) = (world.claimed(kept[0].id, "w").await, world.claimed(lost[1].id, "w").await);
    let release = |task: &chimera_domain::AgentTask, error: &str, exhausted| Release {
        task_id: task.id,
        version: task.state_version,
        error: error.to_owned(),
        exhausted,
        uncounted: false,
        tool_calls: vec![fixtures::tool_call(&world.ambient, task)],
    };
    let releases = vec![release(&again, "busy", false), release(&dead, "refused", true)];
    let calls = [releases[0].tool_calls.clone(), releases[1].tool_calls.clone()];
    let alert = fixtures::alert(&world.ambient, AlertKind::DeadLetter, &dead.id.to_string());
    let now = world.ambient.now();
    let released = world.store.task_release(releases, vec![alert.clone()], now).await.unwrap();
    let (ready, failed, cancelled) = (vec![again.id], vec![dead.id], vec![lost[2].id]);
    let wanted = Released { ready, failed, cancelled, ..Released::default() };
    assert_eq!(released, wanted);
    use TaskState::{Cancelled, Failed, Pending, Ready};
    assert_eq!(world.states(&kept).await, [Ready, Ready, Pending]);
    assert_eq!(world.states(&lost).await, [Ready, Failed, Cancelled]);
    let back = world.stored(again.id).await;
    assert_eq!((back.attempts, back.lease_owner, back.last_error.as_deref()), (1, None, Some("busy")));
    let post = world.stored(lost[2].id).await;
    assert!(post.last_error.unwrap().contains("depends on"));
    assert_eq!(world.store.alerts_open(9).await.unwrap(), [alert]);
    for (task, calls) in [&again, &dead].into_iter().zip(calls) {
        assert_eq!(world.store.trace(task.trace_id).await.unwrap().unwrap().tool_calls, calls);
    }
}

pub(crate) async fn a_task_handed_back_keeps_its_attempts(world: World) {
    let task = world.ready(TaskType::GenerateText).await;
    let held = world.claimed(task.id, "worker").await;
    let release = Release {
        task_id: task.id,
        version: held.state_version,
        error: "cut off".to_owned(),
        exhausted: false,
        uncounted: true,
        tool_calls: vec![fixtures::tool_call(&world.ambient, &held)],
    };
    let calls = release.tool_calls.clone();
    let now = world.ambient.now();
    let released = world.store.task_release(vec![release.clone()], vec![], now).await.unwrap();
    assert_eq!(released, Released { ready: vec![task.id], ..Released::default() });
    let back = world.stored(task.id).await;
    assert_eq!((back.state, back.attempts, back.state_version), (TaskState::Ready, 0, StateVersion::new(3)));
    assert_eq!((back.lease_owner, back.last_error.as_deref()), (None, Some("cut off")));
    assert_eq!(world.store.trace(task.trace_id).await.unwrap().unwrap().tool_calls, calls);
    // Somebody else has it by now: the word of the first one comes too late.
    let next = world.claimed(task.id, "other").await;
    assert_eq!(next.attempts, 1);
    let late = world.store.task_release(vec![release], vec![], now).await.unwrap();
    assert_eq!(late.fenced, [task.id]);
    assert_eq!(world.stored(task.id).await, next);
}

pub(crate) async fn leases_end_with_whoever_held_them(world: World) {
    let (post, _) = world.approved().await;
    assert_eq!(world.begin(&[post.id], "leaver", LEASE).await.len(), 1);
    let tasks = [world.ready(TaskType::GenerateText).await, world.ready(TaskType::GenerateText).await];
    let (left, kept) = (world.claimed(tasks[0].id, "leaver").await, world.claimed(tasks[1].id, "other").await);
    assert_eq!(world.store.leases_end("leaver").await.unwrap(), 2);
    assert_eq!(world.store.leases_end("leaver").await.unwrap(), 0, "they have ended already");
    assert_eq!(world.stored(kept.id).await, kept);
    assert_eq!(world.stored(left.id).await.state, TaskState::Executing, "the sweeper moves it");
    let swept = crate::sweeping::sweep(&world).await;
    assert_eq!((swept.ready, swept.stale_publishing), (vec![left.id], 1));
    let stale = world.store.publish_stale("other", LEASE, 9).await.unwrap();
    assert_eq!(stale.iter().map(|case| case.task.id).collect::<Vec<_>>(), [post.id]);
}

pub(crate) async fn work_orders_hold_everything_a_worker_needs(world: World) {
    let (_, tasks) = world.planned().await;
    let mut inputs = Vec::new();
    for part in &tasks[..2] {
        let (task, artifact) = world.in_review(part.id).await;
        let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
        world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
        inputs.push(artifact);
    }
    let post = world.claimed(tasks[2].id, "worker").await;
    let lone = world.ready(TaskType::GenerateText).await;
    let orders = world.store.work_orders(&[post.clone(), lone.clone()]).await.unwrap();
    let wanted = WorkOrder { task: post, inputs, agent: world.agent.clone(), campaign: world.campaign.clone() };
    assert_eq!(orders[0], wanted);
    assert_eq!((orders[1].task.clone(), orders[1].inputs.len()), (lone, 0));
    assert_eq!(world.store.work_orders(&[]).await.unwrap(), []);
}

pub(crate) async fn review_cases_hold_everything_a_judge_needs(world: World) {
    let (_, tasks) = world.planned().await;
    let mut inputs = Vec::new();
    for part in &tasks[..2] {
        let (task, artifact) = world.in_review(part.id).await;
        let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
        world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
        inputs.push(artifact);
    }
    let (post, artifact) = world.in_review(tasks[2].id).await;
    let ids = sorted(&tasks.iter().map(|t| t.id).collect::<Vec<_>>());
    let cases = world.store.review_cases(&ids).await.unwrap();
    let wanted =
        ReviewCase { task: post, artifact, inputs, agent: world.agent.clone(), campaign: world.campaign.clone() };
    assert_eq!(cases, [wanted], "those that are done already are left out");
}

pub(crate) async fn busy_counts_what_the_fleet_can_still_move(world: World) {
    assert_eq!(world.store.fleet_busy().await.unwrap(), 0);
    world.waiting_for_a_person().await;
    assert_eq!(world.store.fleet_busy().await.unwrap(), 0, "a person's turn");
    let (_, tasks) = world.planned().await;
    assert_eq!(world.store.fleet_busy().await.unwrap(), 3);
    world.done(tasks[0].id).await;
    world.claimed(tasks[1].id, "worker").await;
    assert_eq!(world.store.fleet_busy().await.unwrap(), 2);
    assert!(world.store.spend_total(None).await.unwrap() > Usd::ZERO);
}

/// Of a part nobody asks the mind, so two judges may look at it; of a post one asks.
pub(crate) async fn a_judge_takes_posts_for_itself_and_parts_for_anybody(world: World) {
    let (_, tasks) = world.planned().await;
    let (part, _) = world.in_review(tasks[0].id).await;
    let post = world.ready(TaskType::AssemblePost).await;
    let (post, _) = world.in_review(post.id).await;
    let ids = sorted(&[part.id, post.id]);
    let taken = async |judge: &str| {
        let cases = world.store.review_take(&ids, judge, LEASE).await.unwrap();
        sorted(&cases.iter().map(|case| case.task.id).collect::<Vec<_>>())
    };
    assert_eq!(taken("one").await, ids);
    assert_eq!(taken("another").await, [part.id]);
    assert_eq!(world.stored(post.id).await.lease_owner.as_deref(), Some("one"));
    assert_eq!(world.stored(part.id).await.lease_owner, None);
    world.store.review_release(&[post.id], "one").await.unwrap();
    assert_eq!(taken("another").await, ids);
}

/// What a verdict took is recorded with it, once, and even when the verdict comes too late.
pub(crate) async fn what_a_verdict_took_is_recorded_with_it(world: World) {
    let task = world.ready(TaskType::GenerateText).await;
    let (task, artifact) = world.in_review(task.id).await;
    let ruling = world.ruling(&task, &artifact, TaskEvent::Approve);
    let before = world.store.spend_total(None).await.unwrap();
    let asked = || ToolCall { cost_usd: Usd::cents(3), ..fixtures::tool_call(&world.ambient, &task) };
    let (first, second) = (asked(), asked());
    let now = world.ambient.now();
    let decided = world.store.task_decide_recording(&[ruling.clone()], &[first.clone()], now).await.unwrap();
    assert_eq!(decided.applied, [task.id]);
    let late = world.store.task_decide_recording(&[ruling], &[first, second], now).await.unwrap();
    assert_eq!(late.conflicts, [task.id]);
    let spent = world.store.spend_total(None).await.unwrap();
    assert_eq!(spent.saturating_sub(before), Usd::cents(6));
}
