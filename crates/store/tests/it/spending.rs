//! The spend ledger: money is set aside with a claim, and every attempt's end is entered once.

use chimera_domain::{
    Agent, AgentTask, AlertKind, Ambient as _, CampaignStatus, EntryState, GovernorLimits, LedgerEntry, ReservationId,
    SpendUse, StateVersion, TaskId, TaskState, TaskType, ToolCall, ToolCallId, ToolStatus, Usd, policy::GovernorUse,
};
use chimera_store::{Claim, Queued, Release, SpendCheck, Submission, SweepLimits};
use chimera_testkit::fixtures;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait as _, Database};

use crate::world::{LEASE, MOMENT, World, eventually};

pub(crate) const DOLLAR: Usd = Usd::dollars(1);

/// The agent may spend so much a day.
pub(crate) async fn limit(world: &World, daily: Usd, hourly: Option<Usd>) -> Agent {
    let limits = GovernorLimits {
        max_daily_spend: daily,
        max_hourly_spend: hourly,
        max_tasks_per_hour: 9_999,
        max_tasks_per_day: None,
    };
    world.store.agent_save(&Agent { governor_limits: limits, ..world.agent.clone() }).await.unwrap()
}

/// Tasks of a dollar each, READY; planned before the agent's cap is lowered.
pub(crate) async fn dollar_tasks(world: &World, count: usize) -> Vec<AgentTask> {
    let signals: Vec<_> = (0..count).map(|_| world.signal()).collect();
    let tasks: Vec<_> = signals
        .iter()
        .map(|signal| AgentTask { budget_cap_usd: DOLLAR, ..world.task(signal, TaskType::GenerateText, vec![]) })
        .collect();
    world.store.plan_commit(&world.plan(signals, tasks.clone())).await.unwrap();
    tasks
}

pub(crate) async fn entries(world: &World) -> Vec<LedgerEntry> {
    world.store.spend_entries(&[world.agent.id], DateTime::UNIX_EPOCH, None, None).await.unwrap()
}

pub(crate) async fn used_at(world: &World, now: DateTime<Utc>) -> SpendUse {
    world.store.spend_use(&[world.agent.id], now).await.unwrap()[&world.agent.id]
}

pub(crate) async fn used(world: &World) -> Usd {
    used_at(world, world.ambient.now()).await.today
}

/// A call for this task.
pub(crate) fn call(world: &World, task: &AgentTask, cost: Usd, status: ToolStatus) -> ToolCall {
    ToolCall { cost_usd: cost, status, ..fixtures::tool_call(&world.ambient, task) }
}

/// A result whose only cost is this call.
pub(crate) fn result(world: &World, task: &AgentTask, call: ToolCall) -> Submission {
    let mut artifact = fixtures::artifact(&world.ambient, task);
    artifact.costs = chimera_domain::Costs { inference_usd: call.cost_usd, ..Default::default() };
    artifact.tool_log = vec![call.clone()];
    Submission { task_id: task.id, version: task.state_version, artifact, tool_calls: vec![call] }
}

pub(crate) fn release(task: &AgentTask, tool_calls: Vec<ToolCall>) -> Release {
    Release {
        task_id: task.id,
        version: task.state_version,
        error: "no".to_owned(),
        exhausted: false,
        uncounted: false,
        tool_calls,
    }
}

pub(crate) async fn sweep(world: &World) {
    let limits = SweepLimits {
        vanished_max: 9,
        ready_older_than: std::time::Duration::from_secs(3_600),
        review_older_than: std::time::Duration::from_secs(3_600),
        batch: 99,
        queued: Queued::default(),
    };
    world.store.sweep(limits, world.ambient.now()).await.unwrap();
}

/// Claims a task whose lease lapses at once, and has the sweeper put it back.
pub(crate) async fn vanish_with(world: &World, id: TaskId) -> AgentTask {
    let lost = world.claim(id, "the departed", MOMENT).await.unwrap();
    eventually("its lease lapses", || async {
        sweep(world).await;
        (world.stored(id).await.state == TaskState::Ready).then_some(())
    })
    .await;
    lost
}

pub(crate) async fn a_claim_sets_its_cap_aside_and_handing_in_enters_the_cost(world: World) {
    let task = dollar_tasks(&world, 1).await.remove(0);
    let held = world.claimed(task.id, "worker").await;
    let open = entries(&world).await.remove(0);
    let wanted = LedgerEntry {
        reservation: ReservationId::of_attempt(task.id, held.state_version),
        agent_id: world.agent.id,
        campaign_id: Some(world.campaign.id),
        task_id: Some(task.id),
        task_version: Some(held.state_version),
        trace_id: Some(task.trace_id),
        purpose: "generate_text".to_owned(),
        reserved: DOLLAR,
        cost: Usd::ZERO,
        counted: DOLLAR,
        state: EntryState::Open,
        reserved_at: open.reserved_at,
        changed_at: open.reserved_at,
        state_version: StateVersion::FIRST,
    };
    assert_eq!(open, wanted);
    assert_eq!(used(&world).await, DOLLAR);
    let governor = world.store.governor_use(&[world.agent.id], &[], world.ambient.now()).await.unwrap();
    assert_eq!(
        governor[&world.agent.id],
        GovernorUse { planned_last_hour: 1, spent_today: DOLLAR, ..GovernorUse::default() }
    );

    let handed_in = result(&world, &held, call(&world, &held, Usd::cents(40), ToolStatus::Success));
    let now = world.ambient.now();
    for _ in 0..2 {
        // The second time, its commit was done and the answer was lost.
        world.store.task_submit(vec![handed_in.clone()], now).await.unwrap();
        let settled = LedgerEntry {
            cost: Usd::cents(40),
            counted: Usd::cents(40),
            state: EntryState::Settled,
            changed_at: now,
            state_version: StateVersion::new(2),
            ..wanted.clone()
        };
        assert_eq!(entries(&world).await, [settled]);
    }
    assert_eq!(used(&world).await, Usd::cents(40));
    assert_eq!(world.store.spend_total(None).await.unwrap(), Usd::cents(40));
    assert_eq!(world.store.alerts_open(9).await.unwrap(), []);
}

pub(crate) async fn a_task_given_back_frees_what_it_did_not_spend(world: World) {
    let tasks = dollar_tasks(&world, 2).await;
    let (idle, busy) = (world.claimed(tasks[0].id, "w").await, world.claimed(tasks[1].id, "w").await);
    assert_eq!(used(&world).await, Usd::dollars(2));
    let failed = call(&world, &busy, Usd::cents(10), ToolStatus::Failed);
    let releases = vec![release(&idle, vec![]), release(&busy, vec![failed])];
    world.store.task_release(releases, vec![], world.ambient.now()).await.unwrap();
    assert_eq!(used(&world).await, Usd::cents(10));
    let mut states: Vec<_> = entries(&world).await.into_iter().map(|e| (e.cost, e.state)).collect();
    states.sort();
    assert_eq!(states, [(Usd::ZERO, EntryState::Released), (Usd::cents(10), EntryState::Settled)]);
    // Each further attempt has an entry of its own.
    world.claimed(tasks[1].id, "w").await;
    assert_eq!(used(&world).await, Usd::cents(110));
    assert_eq!(entries(&world).await.len(), 3);
}

/// The ledger against the records, and where the day's money is.
pub(crate) async fn a_check_finds_what_the_ledger_and_the_records_say_differently(world: World) {
    let tasks = dollar_tasks(&world, 5).await;
    let agent = world.agent.id;
    let check = || async { world.store.spend_check(&[agent], world.ambient.now()).await.unwrap()[&agent] };
    let clean = check().await;
    assert_eq!((clean.used, clean.planned), (SpendUse::default(), Usd::dollars(5)));
    assert!(clean.is_in_order());
    let claimed = |index: usize| world.claimed(tasks[index].id, "worker");
    claimed(0).await;
    let settled = claimed(1).await;
    let done = result(&world, &settled, call(&world, &settled, Usd::cents(40), ToolStatus::Success));
    world.store.task_submit(vec![done], world.ambient.now()).await.unwrap();
    let (cut, freed) = (claimed(2).await, claimed(3).await);
    let unclear = call(&world, &cut, Usd::ZERO, ToolStatus::Unknown);
    let releases = vec![release(&cut, vec![unclear]), release(&freed, vec![])];
    world.store.task_release(releases, vec![], world.ambient.now()).await.unwrap();
    let opinion =
        ToolCall { task_id: None, agent_id: Some(agent), ..call(&world, &settled, Usd::cents(3), ToolStatus::Success) };
    world.store.tool_calls_record(&[opinion.clone()]).await.unwrap();
    let all = Usd::cents(243);
    let wanted = SpendCheck {
        used: SpendUse { today: all, this_hour: all },
        counted: all,
        settled: Usd::cents(43),
        presumed: DOLLAR,
        open: DOLLAR,
        // The one that nobody claimed, and those that were given back.
        planned: Usd::dollars(3),
        ledger_cost: Usd::cents(43),
        recorded_cost: Usd::cents(43),
    };
    assert_eq!(check().await, wanted);
    // A millionth of a dollar too much in either is seen.
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    for (table, cost) in [("spend_ledger", 400_000), ("tool_calls", 30_000)] {
        for (from, to) in [(cost, cost + 1), (cost + 1, cost)] {
            let sql = format!("UPDATE {table} SET cost_micros = {to} WHERE cost_micros = {from}");
            assert_eq!(db.execute_unprepared(&sql).await.unwrap().rows_affected(), 1, "{sql}");
            assert_eq!(check().await.is_in_order(), to == cost, "{sql}");
        }
    }
    for (change, in_order) in [("+ 1", false), ("- 1", true)] {
        let sql = format!("UPDATE spend_totals SET counted_micros = counted_micros {change}");
        assert!(db.execute_unprepared(&sql).await.unwrap().rows_affected() > 0);
        assert_eq!(check().await.is_in_order(), in_order, "{sql}");
    }
}

pub(crate) async fn a_vanished_workers_money_is_presumed_spent_until_it_hands_in(world: World) {
    let task = dollar_tasks(&world, 1).await.remove(0);
    let lost = vanish_with(&world, task.id).await;
    let presumed = entries(&world).await.remove(0);
    assert_eq!((presumed.state, presumed.counted, presumed.cost), (EntryState::Presumed, DOLLAR, Usd::ZERO));
    let again = world.claimed(task.id, "heir").await;
    assert_eq!(used(&world).await, Usd::dollars(2), "the first may have spent it, and the second may");
    // A sweep leaves the money of whoever is at work alone.
    sweep(&world).await;
    assert_eq!(entries(&world).await[0].state, EntryState::Open);

    let late = result(&world, &lost, call(&world, &lost, Usd::cents(25), ToolStatus::Success));
    let good = result(&world, &again, call(&world, &again, Usd::cents(35), ToolStatus::Success));
    let submitted = world.store.task_submit(vec![late.clone(), good], world.ambient.now()).await.unwrap();
    assert_eq!((submitted.fenced, submitted.accepted), (vec![task.id], vec![task.id]));
    world.store.task_submit(vec![late], world.ambient.now()).await.unwrap();
    assert_eq!(used(&world).await, Usd::cents(60));
    assert_eq!(world.store.spend_total(None).await.unwrap(), Usd::cents(60));
    assert!(entries(&world).await.iter().all(|e| e.state == EntryState::Settled));
}

pub(crate) async fn a_cancelled_tasks_money_comes_free_when_its_worker_hands_in(world: World) {
    let task = dollar_tasks(&world, 1).await.remove(0);
    let held = world.claimed(task.id, "worker").await;
    let campaign = &world.campaign;
    let (now, ended) = (world.ambient.now(), CampaignStatus::Ended);
    world.store.campaign_set_status(campaign.id, campaign.state_version, ended, now).await.unwrap();
    sweep(&world).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::Cancelled);
    assert_eq!(entries(&world).await[0].state, EntryState::Presumed);
    let late = result(&world, &held, call(&world, &held, Usd::cents(5), ToolStatus::Success));
    world.store.task_submit(vec![late], world.ambient.now()).await.unwrap();
    assert_eq!(used(&world).await, Usd::cents(5));
}

pub(crate) async fn what_goes_beyond_the_reservation_counts_and_is_told_once(world: World) {
    let tasks = dollar_tasks(&world, 4).await;
    limit(&world, Usd::dollars(4), None).await;
    for (task, cost) in tasks.iter().zip([Usd::cents(150), Usd::cents(250)]) {
        let held = world.claimed(task.id, "worker").await;
        let dear = result(&world, &held, call(&world, &held, cost, ToolStatus::Success));
        world.store.task_submit(vec![dear], world.ambient.now()).await.unwrap();
    }
    assert_eq!(used(&world).await, Usd::dollars(4));
    let alerts = world.store.alerts_open(9).await.unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((alerts[0].kind, &alerts[0].subject), (AlertKind::SpendOverrun, &world.agent.persona_slug));
    assert!(alerts[0].message.contains("generate_text cost $1.5 where $1 had been set aside"));
    assert_eq!(world.claim(tasks[2].id, "worker", LEASE).await, None, "nothing is left");
}

pub(crate) async fn a_call_that_was_cut_off_counts_in_full(world: World) {
    let tasks = dollar_tasks(&world, 2).await;
    let held = world.claimed(tasks[0].id, "worker").await;
    let calls = vec![
        call(&world, &held, Usd::cents(20), ToolStatus::Success),
        call(&world, &held, Usd::ZERO, ToolStatus::Unknown),
    ];
    world.store.task_release(vec![release(&held, calls)], vec![], world.ambient.now()).await.unwrap();
    let entry = entries(&world).await.remove(0);
    assert_eq!((entry.state, entry.cost, entry.counted), (EntryState::Presumed, Usd::cents(20), DOLLAR));
    // One that names its price is as dear as it says.
    let held = world.claimed(tasks[1].id, "worker").await;
    let priced = vec![call(&world, &held, Usd::cents(30), ToolStatus::Unknown)];
    world.store.task_release(vec![release(&held, priced)], vec![], world.ambient.now()).await.unwrap();
    let entry = entries(&world).await.remove(0);
    assert_eq!((entry.state, entry.counted), (EntryState::Settled, Usd::cents(30)));
}

pub(crate) async fn questions_to_the_mind_are_entered_once(world: World) {
    let task = dollar_tasks(&world, 1).await.remove(0);
    let opinion = call(&world, &task, Usd::cents(3), ToolStatus::Success);
    let free = ToolCall { cost_usd: Usd::ZERO, id: ToolCallId::generate(&world.ambient), ..opinion.clone() };
    for _ in 0..2 {
        world.store.tool_calls_record(&[opinion.clone(), free.clone()]).await.unwrap();
    }
    let entry = entries(&world).await;
    let wanted = LedgerEntry {
        reservation: ReservationId::of_call(opinion.id),
        agent_id: world.agent.id,
        campaign_id: Some(world.campaign.id),
        task_id: Some(task.id),
        task_version: None,
        trace_id: Some(task.trace_id),
        purpose: opinion.tool.clone(),
        reserved: Usd::ZERO,
        cost: Usd::cents(3),
        counted: Usd::cents(3),
        state: EntryState::Settled,
        reserved_at: opinion.called_at,
        changed_at: opinion.called_at,
        state_version: StateVersion::FIRST,
    };
    assert_eq!(entry, [wanted]);
    // A call that an attempt reports too counts where it was recorded first.
    let held = world.claimed(task.id, "worker").await;
    let mut handed_in = result(&world, &held, call(&world, &held, Usd::cents(7), ToolStatus::Success));
    handed_in.tool_calls.push(opinion);
    world.store.task_submit(vec![handed_in], world.ambient.now()).await.unwrap();
    assert_eq!(used(&world).await, Usd::cents(10));
    assert_eq!(world.store.spend_total(None).await.unwrap(), Usd::cents(10));
}

/// Claims, results, hand-backs, repeats, vanishing workers and late results in any order: the caps hold but for what tools
/// cost beyond their reservations, and the ledger's costs are the recorded calls' to the micro-dollar.
pub(crate) async fn no_history_overdraws_or_loses_a_cent(world: World) {
    let tasks = dollar_tasks(&world, 30).await;
    let cap = Usd::dollars(12);
    limit(&world, cap, None).await;
    let ids: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
    let (mut held, mut gone): (Vec<AgentTask>, Vec<AgentTask>) = (vec![], vec![]);
    let mut overruns = Usd::ZERO;
    for step in 0..120 {
        let [what, which, cost, ..] = world.ambient.random();
        let cost = Usd::cents(i32::from(cost) / 2);
        let excess = cost.saturating_sub(DOLLAR).max(Usd::ZERO);
        let from = usize::from(which) % ids.len();
        let pick = |tasks: &mut Vec<AgentTask>| {
            (!tasks.is_empty()).then(|| tasks.swap_remove(usize::from(which) % tasks.len()))
        };
        match what % 8 {
            0..=2 => {
                let claim = Claim::new("worker", LEASE, world.ambient.now());
                let batch = &ids[from..(from + 4).min(ids.len())];
                held.extend(world.store.task_claim(batch, claim).await.unwrap().tasks);
            }
            3 => {
                let late = if step % 2 == 0 { &mut gone } else { &mut held };
                let Some(task) = pick(late) else { continue };
                let handed_in = result(&world, &task, call(&world, &task, cost, ToolStatus::Success));
                overruns = overruns.saturating_add(excess);
                for _ in 0..=(which % 2) {
                    world.store.task_submit(vec![handed_in.clone()], world.ambient.now()).await.unwrap();
                }
            }
            4 => {
                let Some(task) = pick(&mut held) else { continue };
                let calls = vec![call(&world, &task, cost, ToolStatus::Failed)];
                overruns = overruns.saturating_add(excess);
                world.store.task_release(vec![release(&task, calls)], vec![], world.ambient.now()).await.unwrap();
            }
            5 => {
                let Some(task) = pick(&mut held) else { continue };
                world.store.task_release(vec![release(&task, vec![])], vec![], world.ambient.now()).await.unwrap();
            }
            6 => {
                let ready = world.store.tasks_in(&[TaskState::Ready], 1).await.unwrap();
                let Some(task) = ready.first() else { continue };
                if let Some(lost) = world.claim(task.id, "the departed", MOMENT).await {
                    eventually("its lease lapses", || async {
                        sweep(&world).await;
                        (world.stored(lost.id).await.state != TaskState::Executing).then_some(())
                    })
                    .await;
                    gone.push(lost);
                }
            }
            _ => {
                let failed = world.store.tasks_in(&[TaskState::Failed], 9).await.unwrap();
                let failed: Vec<TaskId> = failed.iter().map(|t| t.id).collect();
                world.store.task_retry_failed(&failed, world.ambient.now()).await.unwrap();
            }
        }
        let entries = entries(&world).await;
        let counted: Usd = entries.iter().map(|e| e.counted).sum();
        let cost: Usd = entries.iter().map(|e| e.cost).sum();
        assert_eq!(used(&world).await, counted, "step {step}");
        assert_eq!(world.store.spend_total(None).await.unwrap(), cost, "step {step}");
        assert!(counted <= cap.saturating_add(overruns), "step {step}: {counted} of {cap} and {overruns}");
        for entry in entries {
            let wanted = match entry.state {
                EntryState::Open => entry.reserved,
                EntryState::Settled => entry.cost,
                EntryState::Released => Usd::ZERO,
                EntryState::Presumed => entry.reserved.max(entry.cost),
            };
            assert_eq!(entry.counted, wanted, "step {step}: {entry:?}");
        }
    }
}
