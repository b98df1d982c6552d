//! Claims against an agent's caps: who gets money, who waits for it, and who is a dead letter.

use chimera_domain::{AlertKind, Ambient as _, EntryState, SpendUse, TaskId, TaskState, TaskType, ToolStatus, Usd};
use chimera_store::{Claim, StoreError};
use chrono::Duration;

use crate::{
    spending::{DOLLAR, call, dollar_tasks, entries, limit, release, result, used, used_at, vanish_with},
    world::{LEASE, World},
};

pub(crate) async fn of_many_pools_none_takes_more_than_is_left(world: World) {
    let tasks = dollar_tasks(&world, 40).await;
    limit(&world, Usd::dollars(7), None).await;
    let ids: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
    let mut pools = tokio::task::JoinSet::new();
    for number in 0..8_usize {
        let (store, mut ids, now) = (world.store.clone(), ids.clone(), world.ambient.now());
        ids.rotate_left(number * 5);
        pools.spawn(async move {
            let (mut held, mut failed) = (vec![], 0);
            for batch in ids.chunks(3) {
                let claimed = store.task_claim(batch, Claim::new("pool", LEASE, now)).await.unwrap();
                held.extend(claimed.tasks);
                failed += claimed.failed.len();
            }
            (held, failed)
        });
    }
    let (held, failed): (Vec<_>, Vec<usize>) = pools.join_all().await.into_iter().unzip();
    let held = held.concat();
    assert_eq!((held.len(), failed.into_iter().sum::<usize>()), (7, 0));
    assert_eq!(used(&world).await, Usd::dollars(7));
    // Much of what is set aside may come back, so the others wait, and nobody needs to hear of it.
    assert_eq!(world.store.task_counts().await.unwrap()[&TaskState::Ready], 33);
    assert_eq!(world.store.alerts_open(99).await.unwrap(), []);
    // It is all spent, for certain.
    let done = held.iter().map(|task| result(&world, task, call(&world, task, DOLLAR, ToolStatus::Success)));
    world.store.task_submit(done.collect(), world.ambient.now()).await.unwrap();
    let claim = Claim::new("pool", LEASE, world.ambient.now());
    assert_eq!(world.store.task_claim(&ids, claim).await.unwrap().failed.len(), 33);
    assert_eq!(world.store.alerts_open(99).await.unwrap().len(), 33);
}

/// A dollar a day, and two tasks that may cost one.
pub(crate) async fn what_comes_back_pays_for_what_waited(world: World) {
    let tasks = dollar_tasks(&world, 2).await;
    limit(&world, Usd::cents(150), None).await;
    let (first, second) = (tasks[0].id, tasks[1].id);
    let claim = || Claim::new("worker", LEASE, world.ambient.now());
    let held = world.claimed(first, "worker").await;
    for _ in 0..3 {
        assert_eq!(world.store.task_claim(&[second], claim()).await.unwrap().waiting, [second]);
    }
    let waiting = world.stored(second).await;
    assert_eq!((waiting.state, waiting.attempts, waiting.failures), (TaskState::Ready, 0, 0));
    assert!(waiting.last_error.unwrap().contains("set aside for other tasks"));
    let cheap = call(&world, &held, Usd::cents(40), ToolStatus::Success);
    world.store.task_submit(vec![result(&world, &held, cheap)], world.ambient.now()).await.unwrap();
    assert_eq!(world.store.task_claim(&[second], claim()).await.unwrap().tasks.len(), 1);
    assert_eq!(world.store.alerts_open(9).await.unwrap(), []);
}

/// It is presumed spent: nobody is at it who could bring it back.
pub(crate) async fn what_a_vanished_worker_had_does_not_come_back(world: World) {
    let tasks = dollar_tasks(&world, 2).await;
    limit(&world, Usd::cents(150), None).await;
    vanish_with(&world, tasks[0].id).await;
    let claim = Claim::new("worker", LEASE, world.ambient.now());
    assert_eq!(world.store.task_claim(&[tasks[1].id], claim).await.unwrap().failed, [tasks[1].id]);
}

/// One claim for each task, all at once, as from a thousand workers.
pub(crate) async fn of_a_thousand_dollars_wished_for_at_once_exactly_fifty_are_granted(world: World) {
    limit(&world, Usd::dollars(1_000), None).await;
    let tasks = dollar_tasks(&world, 1_000).await;
    limit(&world, Usd::dollars(50), None).await;
    let mut workers = tokio::task::JoinSet::new();
    for task in &tasks {
        let (store, id, now) = (world.store.clone(), task.id, world.ambient.now());
        workers.spawn(async move {
            loop {
                match store.task_claim(&[id], Claim::new("worker", LEASE, now)).await {
                    // So many stand in line for a connection that the wait for one may end; nothing was done.
                    Err(StoreError::Busy { .. }) => {}
                    claimed => return claimed.unwrap(),
                }
            }
        });
    }
    let claims = workers.join_all().await;
    let granted: Vec<TaskId> = claims.iter().flat_map(|claimed| &claimed.tasks).map(|task| task.id).collect();
    let refused: usize = claims.iter().map(|claimed| claimed.failed.len() + claimed.waiting.len()).sum();
    assert_eq!((granted.len(), refused), (50, 950));
    let all = Usd::dollars(50);
    assert_eq!(used_at(&world, world.ambient.now()).await, SpendUse { today: all, this_hour: all });
    let entries = entries(&world).await;
    assert_eq!(entries.len(), 50);
    assert!(entries.iter().all(|entry| entry.state == EntryState::Open && entry.counted == DOLLAR));
    assert!(entries.iter().all(|entry| entry.task_id.is_some_and(|id| granted.contains(&id))));
}

pub(crate) async fn a_task_that_the_day_has_no_money_for_is_a_dead_letter(world: World) {
    let signal = world.signal();
    let mut words = world.task(&signal, TaskType::GenerateText, vec![]);
    words.budget_cap_usd = DOLLAR;
    let post = world.task(&signal, TaskType::AssemblePost, vec![words.id]);
    world.store.plan_commit(&world.plan(vec![signal], vec![words.clone(), post.clone()])).await.unwrap();
    limit(&world, Usd::cents(99), None).await;
    let claim = Claim::new("worker", LEASE, world.ambient.now());
    let claimed = world.store.task_claim(&[words.id], claim).await.unwrap();
    assert_eq!((claimed.tasks, claimed.failed, claimed.waiting), (vec![], vec![words.id], vec![]));
    assert_eq!(entries(&world).await, []);
    let dead = world.stored(words.id).await;
    assert_eq!((dead.state, dead.attempts, dead.lease_owner), (TaskState::Failed, 0, None));
    assert!(dead.last_error.unwrap().contains("raise the agent's daily cap"));
    assert_eq!(world.stored(post.id).await.state, TaskState::Cancelled);
    let alerts = world.store.alerts_open(9).await.unwrap();
    let told: Vec<_> = alerts.iter().map(|a| (a.kind, a.subject.as_str(), a.reason_code.as_str())).collect();
    assert_eq!(told, [(AlertKind::DeadLetter, words.id.to_string().as_str(), "daily_spend_cap")]);
    assert_eq!(alerts[0].trace_id, Some(words.trace_id));

    // Retried too early it fails again; with a higher cap it is worked on.
    let retried = world.store.task_retry_failed(&[words.id], world.ambient.now()).await.unwrap();
    assert_eq!((retried.ready, retried.revived), (vec![words.id], vec![post.id]));
    assert_eq!(world.claim(words.id, "worker", LEASE).await, None);
    limit(&world, DOLLAR, None).await;
    world.store.task_retry_failed(&[words.id], world.ambient.now()).await.unwrap();
    assert_eq!(world.claimed(words.id, "worker").await.attempts, 1);
}

pub(crate) async fn a_new_day_brings_new_money(world: World) {
    let tasks = dollar_tasks(&world, 2).await;
    limit(&world, DOLLAR, None).await;
    let held = world.claimed(tasks[0].id, "worker").await;
    world.ambient.advance(Duration::hours(14));
    assert_eq!(used(&world).await, Usd::ZERO);
    let tomorrow = world.claimed(tasks[1].id, "worker").await;
    // What was set aside yesterday counts yesterday, whenever it is settled.
    let late = result(&world, &held, call(&world, &held, Usd::cents(30), ToolStatus::Success));
    world.store.task_submit(vec![late], world.ambient.now()).await.unwrap();
    assert_eq!(used(&world).await, DOLLAR);
    // A process whose clock is behind counts in the day that has begun: it finds no second dollar in the old one.
    let yesterday = world.ambient.now() - Duration::hours(14);
    assert_eq!(used_at(&world, yesterday).await, SpendUse { today: DOLLAR, this_hour: DOLLAR });
    let another = dollar_tasks(&world, 0).await;
    assert!(another.is_empty());
    world.store.task_release(vec![release(&tomorrow, vec![])], vec![], world.ambient.now()).await.unwrap();
    let behind = Claim::new("slow clock", LEASE, yesterday);
    assert_eq!(world.store.task_claim(&[tasks[1].id], behind).await.unwrap().tasks.len(), 1);
    assert_eq!(used(&world).await, DOLLAR, "it counts today");
}

pub(crate) async fn work_that_the_hour_has_no_money_for_waits(world: World) {
    let tasks = dollar_tasks(&world, 3).await;
    limit(&world, Usd::dollars(50), Some(Usd::dollars(2))).await;
    let ids: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
    let claim = || Claim::new("worker", LEASE, world.ambient.now());
    let claimed = world.store.task_claim(&ids, claim()).await.unwrap();
    assert_eq!((claimed.tasks.len(), &claimed.failed, &claimed.waiting), (2, &vec![], &vec![tasks[2].id]));
    for _ in 0..3 {
        assert_eq!(world.store.task_claim(&ids, claim()).await.unwrap().waiting, [tasks[2].id]);
    }
    let waiting = world.stored(tasks[2].id).await;
    assert_eq!((waiting.state, waiting.attempts), (TaskState::Ready, 0), "waiting is no attempt");
    assert_eq!(world.store.alerts_open(9).await.unwrap(), [], "it is only set aside");
    let done = claimed.tasks.iter().map(|task| result(&world, task, call(&world, task, DOLLAR, ToolStatus::Success)));
    world.store.task_submit(done.collect(), world.ambient.now()).await.unwrap();
    assert_eq!(world.store.task_claim(&ids, claim()).await.unwrap().waiting, [tasks[2].id]);
    let alerts = world.store.alerts_open(9).await.unwrap();
    let told: Vec<_> = alerts.iter().map(|a| (a.kind, a.subject.clone(), a.reason_code.as_str())).collect();
    assert_eq!(told, [(AlertKind::GovernorCap, world.agent.persona_slug.clone(), "hourly_spend_cap")]);
    world.ambient.advance(Duration::hours(1));
    assert_eq!(world.store.task_claim(&ids, claim()).await.unwrap().tasks.len(), 1);
    assert_eq!(used_at(&world, world.ambient.now()).await, SpendUse { today: Usd::dollars(3), this_hour: DOLLAR });
}

pub(crate) async fn nothing_is_set_aside_for_free_tools(world: World) {
    let tasks = dollar_tasks(&world, 2).await;
    limit(&world, Usd::ZERO, None).await;
    let free = Claim { free: &[TaskType::GenerateText], ..Claim::new("worker", LEASE, world.ambient.now()) };
    let held = world.store.task_claim(&[tasks[0].id], free).await.unwrap().tasks.remove(0);
    assert_eq!(entries(&world).await, []);
    world.store.task_release(vec![release(&held, vec![])], vec![], world.ambient.now()).await.unwrap();
    assert_eq!(entries(&world).await, []);
    // Another kind of task pays.
    let pictures = Claim { free: &[TaskType::GenerateImage], ..free };
    assert_eq!(world.store.task_claim(&[tasks[1].id], pictures).await.unwrap().failed, [tasks[1].id]);
}
