//! Money is set aside before the tools are called.

use chimera_bus::Queue;
use chimera_domain::{AgentTask, AlertKind, EntryState, TaskState, TaskType, Usd};
use chimera_mcp::Cost;

use crate::{
    fake::Fate,
    world::{LEASE, MOMENT, World, eventually},
};

const DOLLAR: Usd = Usd::dollars(1);

/// Text tasks that may cost a dollar each, READY, at a dollar a call.
pub(crate) async fn dollar_words(world: &World, count: usize) -> Vec<AgentTask> {
    let mut tasks = Vec::new();
    for _ in 0..count {
        let planned = world.planned_with(&[TaskType::GenerateText], |task| {
            task.budget_cap_usd = if task.task_type == TaskType::GenerateText { DOLLAR } else { Usd::ZERO };
        });
        tasks.push(planned.await.remove(0));
    }
    tasks
}

/// Waits until none of them can move by itself; how many came to an end, and how many gave up.
pub(crate) async fn ends(world: &World, tasks: &[AgentTask]) -> (usize, usize) {
    eventually("all are at an end", || async {
        // Those that waited for money come again.
        world.sweeper(world.bus.clone()).sweep().await.unwrap();
        let states = world.states(tasks).await;
        let count = |state| states.iter().filter(|s| **s == state).count();
        let (done, failed) = (count(TaskState::JudgeReview), count(TaskState::Failed));
        (done + failed == tasks.len()).then_some((done, failed))
    })
    .await
}

pub(crate) async fn the_days_money_pays_for_three_of_five(world: World) {
    let world = world.with_cost(&Cost::Fixed(DOLLAR));
    let tasks = dollar_words(&world, 5).await;
    world.limit(Usd::dollars(3)).await;
    world.push(Queue::Task, &tasks).await;
    let pool = world.pool("pool", 4, LEASE);
    assert_eq!(ends(&world, &tasks).await, (3, 2));
    pool.stop().await;
    assert_eq!(world.fake.count("generate_text"), 3);
    assert_eq!(world.spent().await, Usd::dollars(3));
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), 3);
    assert!(ledger.iter().all(|e| e.state == EntryState::Settled && e.cost == DOLLAR && e.counted == DOLLAR));
    let alerts = world.alerts().await;
    let told = |reason| alerts.iter().filter(|a| a.kind == AlertKind::DeadLetter && a.reason_code == reason).count();
    assert_eq!((alerts.len(), told("daily_spend_cap")), (2, 2));
}

pub(crate) async fn two_pools_race_for_the_last_dollar(world: World) {
    let world = world.with_cost(&Cost::Fixed(DOLLAR));
    let tasks = dollar_words(&world, 6).await;
    world.limit(DOLLAR).await;
    // The first call waits, so that the dollar is set aside, and not yet spent, while the others are claimed.
    world.fake.script("generate_text", &[Fate::Wait]);
    let pools = [world.pool("one", 2, LEASE), world.pool("two", 2, LEASE)];
    world.push(Queue::Task, &tasks).await;
    eventually("all but one wait for it", || async {
        let mut waiting = 0;
        for task in &tasks {
            let why = world.stored(task.id).await.last_error.unwrap_or_default();
            waiting += usize::from(why.contains("set aside for other tasks"));
        }
        (waiting == 5).then_some(())
    })
    .await;
    assert_eq!(world.alerts().await, []);
    world.fake.let_go(1);
    assert_eq!(ends(&world, &tasks).await, (1, 5));
    for pool in pools {
        pool.stop().await;
    }
    assert_eq!((world.fake.count("generate_text"), world.spent().await), (1, DOLLAR));
}

pub(crate) async fn a_worker_killed_in_the_middle_is_counted_in_full_until_it_is_heard_of(world: World) {
    let world = world.with_cost(&Cost::Fixed(Usd::cents(40)));
    let task = dollar_words(&world, 1).await.remove(0);
    world.fake.script("generate_text", &[Fate::Wait]);
    let frozen = world.pool("frozen", 1, MOMENT);
    world.push(Queue::Task, &[task.clone()]).await;
    world.fake.until_waiting(1).await;
    frozen.cancel();
    let sweeper = world.sweeper(world.bus.clone());
    eventually("the sweeper puts the task back", || async {
        sweeper.sweep().await.unwrap().ready.contains(&task.id).then_some(())
    })
    .await;
    let fresh = world.pool("fresh", 1, LEASE);
    world.until(task.id, TaskState::JudgeReview).await;
    let counted = |ledger: &[chimera_domain::LedgerEntry]| ledger.iter().map(|e| e.counted).sum::<Usd>();
    let ledger = world.ledger().await;
    let states: Vec<EntryState> = ledger.iter().map(|e| e.state).collect();
    assert_eq!(states, [EntryState::Presumed, EntryState::Settled]);
    assert_eq!(counted(&ledger), Usd::cents(140));

    world.fake.let_go(1);
    frozen.stop().await;
    fresh.stop().await;
    let ledger = world.ledger().await;
    assert!(ledger.iter().all(|e| e.state == EntryState::Settled));
    assert_eq!((counted(&ledger), world.spent().await), (Usd::cents(80), Usd::cents(80)));
}

pub(crate) async fn free_tools_leave_the_ledger_empty(world: World) {
    let world = world.with_cost(&Cost::None);
    let tasks = dollar_words(&world, 3).await;
    world.limit(Usd::ZERO).await;
    world.push(Queue::Task, &tasks).await;
    let pool = world.pool("pool", 4, LEASE);
    assert_eq!(ends(&world, &tasks).await, (3, 0));
    pool.stop().await;
    assert_eq!(world.ledger().await, []);
}
