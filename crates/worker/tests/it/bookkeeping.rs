//! The spend counters follow the ledger, whatever gets lost on the way.

use std::sync::Arc;

use chimera_bus::{InProcessSpend, Queue, RedisConfig, RedisLink, RedisSpend, Spend, SpendError};
use chimera_domain::{
    AgentTask, Ambient as _, ReservationId, Reserved, SpendCaps, SpendRequest, SpendUse, TaskId, TaskState, ToolCall,
    ToolCallId, Usd,
};
use chimera_mcp::Cost;
use chimera_store::{Claim, Release, Store};
use chimera_testkit::{TestRedis, fixtures};
use chimera_worker::{Bookkeeper, SpendNews};
use tokio_util::sync::CancellationToken;

use crate::{
    money::{dollar_words, ends},
    world::{LEASE, MOMENT, World, eventually},
};

/// Counters as this column has them.
async fn counters(world: &World) -> Arc<dyn Spend> {
    match world.redis() {
        None => Arc::new(InProcessSpend::new()),
        Some(config) => Arc::new(RedisSpend::new(RedisLink::open(config).await.unwrap())),
    }
}

/// A process of its own: a store whose writings its bookkeeper hears of.
fn process(world: &World, counters: &Arc<dyn Spend>) -> (Store, Bookkeeper) {
    let news = SpendNews::default();
    let store = world.store.clone().telling(news.observer());
    let bookkeeper = Bookkeeper::new(store.clone(), counters.clone(), news, world.ambient.clone());
    (store, bookkeeper)
}

async fn ledger_says(world: &World) -> SpendUse {
    world.store.spend_use(&[world.agent.id], world.ambient.now()).await.unwrap()[&world.agent.id]
}

async fn counters_say(world: &World, counters: &Arc<dyn Spend>) -> SpendUse {
    counters.used(world.agent.id, world.ambient.now()).await.unwrap()
}

/// A task given back, with what its attempt cost.
fn given_back(task: &AgentTask, tool_calls: Vec<ToolCall>) -> Release {
    Release {
        task_id: task.id,
        version: task.state_version,
        error: "no".to_owned(),
        exhausted: false,
        uncounted: false,
        tool_calls,
    }
}

/// A question to the mind.
fn question(world: &World, cost: Usd) -> ToolCall {
    ToolCall {
        id: ToolCallId::generate(&*world.ambient),
        trace_id: chimera_domain::TraceId::generate(&*world.ambient),
        task_id: None,
        agent_id: Some(world.agent.id),
        server: "mind".to_owned(),
        tool: "relevance".to_owned(),
        status: chimera_domain::ToolStatus::Success,
        latency_ms: 5,
        cost_usd: cost,
        arguments_hash: String::new(),
        attempts: 1,
        error: None,
        called_at: world.ambient.now(),
    }
}

pub(crate) async fn counters_follow_what_workers_and_minds_spend(world: World) {
    let mut world = world.with_cost(&Cost::Fixed(Usd::cents(40)));
    let counters = counters(&world).await;
    let (store, bookkeeper) = process(&world, &counters);
    world.store = store;
    let cancel = CancellationToken::new();
    let books = tokio_util::task::TaskTracker::new().spawn(bookkeeper.serve(cancel.clone()));
    let tasks = dollar_words(&world, 4).await;
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &tasks).await;
    assert_eq!(ends(&world, &tasks).await, (4, 0));
    pool.stop().await;
    world.store.tool_calls_record(&[question(&world, Usd::cents(7))]).await.unwrap();
    let all = Usd::cents(4 * 40 + 7);
    assert_eq!(ledger_says(&world).await, SpendUse { today: all, this_hour: all });
    eventually("the counters have heard of it", || async {
        let said = counters.used(world.agent.id, world.ambient.now()).await.ok()?;
        (said == SpendUse { today: all, this_hour: all }).then_some(())
    })
    .await;
    // What is written while it ends is told, too.
    world.store.tool_calls_record(&[question(&world, Usd::cents(1))]).await.unwrap();
    cancel.cancel();
    books.await.unwrap();
    assert_eq!(counters_say(&world, &counters).await, ledger_says(&world).await);
}

pub(crate) async fn what_nobody_told_is_found_by_comparing(world: World) {
    let counters = counters(&world).await;
    let (store, mut bookkeeper) = process(&world, &counters);
    // Nothing spent, nothing to count.
    assert_eq!(bookkeeper.compare().await.unwrap(), []);
    assert!(matches!(
        counters.used(world.agent.id, world.ambient.now()).await.unwrap_err(),
        SpendError::NotStarted { .. }
    ));
    store.tool_calls_record(&[question(&world, Usd::cents(5))]).await.unwrap();
    bookkeeper.tell().await.unwrap();
    assert_eq!(counters_say(&world, &counters).await.today, Usd::cents(5));
    // A process that was killed before it could tell.
    world.store.tool_calls_record(&[question(&world, Usd::cents(6))]).await.unwrap();
    assert_eq!(bookkeeper.compare().await.unwrap(), [], "it may be on its way");
    assert_eq!(counters_say(&world, &counters).await.today, Usd::cents(5));
    assert_eq!(bookkeeper.compare().await.unwrap(), [world.agent.id]);
    assert_eq!(counters_say(&world, &counters).await, ledger_says(&world).await);
    assert_eq!(bookkeeper.compare().await.unwrap(), []);
    // Counters that were lost are started at once.
    counters.forget(world.agent.id).await.unwrap();
    assert_eq!(bookkeeper.compare().await.unwrap(), [world.agent.id]);
    assert_eq!(counters_say(&world, &counters).await.today, Usd::cents(11));
}

/// What is written late, or again, or in any order is told as it stands: no comparison is needed.
pub(crate) async fn a_late_result_is_told_like_any_other(world: World) {
    let counters = counters(&world).await;
    let (store, bookkeeper) = process(&world, &counters);
    let (heir, heirs) = process(&world, &counters);
    let task = dollar_words(&world, 1).await.remove(0);
    let claim = Claim::new("worker", LEASE, world.ambient.now());
    let held = store.task_claim(&[task.id], claim).await.unwrap().tasks.remove(0);
    let call = |cents| ToolCall { cost_usd: Usd::cents(cents), ..fixtures::tool_call(&*world.ambient, &held) };
    let cut = ToolCall { status: chimera_domain::ToolStatus::Unknown, ..call(0) };
    for (calls, wanted) in [(vec![call(30), cut], 100), (vec![call(80)], 110), (vec![], 110)] {
        // What the first has to tell is told after what the second has.
        heir.task_release(vec![given_back(&held, calls)], vec![], world.ambient.now()).await.unwrap();
        heirs.tell().await.unwrap();
        bookkeeper.tell().await.unwrap();
        assert_eq!(counters_say(&world, &counters).await.today, Usd::cents(wanted));
        assert_eq!(counters_say(&world, &counters).await, ledger_says(&world).await);
    }
}

/// When there is too much to tell, the ledger is read.
pub(crate) async fn a_flood_of_news_starts_the_counters_afresh(world: World) {
    let counters = counters(&world).await;
    let (store, bookkeeper) = process(&world, &counters);
    store.tool_calls_record(&[question(&world, Usd::cents(1))]).await.unwrap();
    bookkeeper.tell().await.unwrap();
    // Something that the ledger knows nothing of.
    let ghost = SpendRequest {
        agent_id: world.agent.id,
        reservation: ReservationId::new("ghost"),
        amount: Usd::from_micros(1),
        caps: SpendCaps::NONE,
        at: world.ambient.now(),
    };
    assert_eq!(counters.reserve(&ghost).await.unwrap(), Reserved::Granted);
    let some: Vec<ToolCall> = (0..900).map(|_| question(&world, Usd::from_micros(3))).collect();
    store.tool_calls_record(&some).await.unwrap();
    bookkeeper.tell().await.unwrap();
    assert_eq!(counters_say(&world, &counters).await.today, Usd::from_micros(10_000 + 2_700 + 1));
    let many: Vec<ToolCall> = (0..1_200).map(|_| question(&world, Usd::from_micros(7))).collect();
    store.tool_calls_record(&many).await.unwrap();
    bookkeeper.tell().await.unwrap();
    assert_eq!(counters_say(&world, &counters).await.today, Usd::from_micros(10_000 + 2_700 + 8_400));
    assert_eq!(counters_say(&world, &counters).await, ledger_says(&world).await);
}

/// Several processes claim, hand back, record and vanish; they tell at random, or never; counters are lost at random. In
/// the end, two comparisons later, counters and ledger are equal to the micro-dollar.
pub(crate) async fn random_histories_end_with_equal_counters(world: World) {
    let shared = counters(&world).await;
    let mut processes: Vec<(Store, Bookkeeper)> = (0..3).map(|_| process(&world, &shared)).collect();
    let tasks = dollar_words(&world, 12).await;
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let mut held: Vec<AgentTask> = Vec::new();
    for _ in 0..150 {
        let [what, which, amount, ..] = world.ambient.random();
        let (store, bookkeeper) = &processes[usize::from(which) % 3];
        match what % 8 {
            0 | 1 => {
                let from = usize::from(amount) % ids.len();
                let lease = if amount % 4 == 0 { MOMENT } else { LEASE };
                let claim = Claim::new("worker", lease, world.ambient.now());
                held.extend(store.task_claim(&ids[from..(from + 2).min(ids.len())], claim).await.unwrap().tasks);
            }
            2 if !held.is_empty() => {
                let task = held.swap_remove(usize::from(which) % held.len());
                let cost = Usd::from_micros(i64::from(amount) * 5_003);
                let call = ToolCall { cost_usd: cost, ..fixtures::tool_call(&*world.ambient, &task) };
                let tool_calls = if amount % 3 == 0 { vec![] } else { vec![call] };
                store.task_release(vec![given_back(&task, tool_calls)], vec![], world.ambient.now()).await.unwrap();
                if amount % 5 == 0 {
                    // It will be heard of again, long after its end.
                    held.push(task);
                }
            }
            3 => store.tool_calls_record(&[question(&world, Usd::from_micros(i64::from(amount)))]).await.unwrap(),
            4 => {
                world.sweeper(world.bus.clone()).sweep().await.unwrap();
            }
            5 | 6 => bookkeeper.tell().await.unwrap(),
            _ if amount % 8 == 0 => shared.forget(world.agent.id).await.unwrap(),
            _ => {}
        }
    }
    // One process is killed with news that it never told; the others tell theirs.
    processes.pop();
    for (_, bookkeeper) in &processes {
        bookkeeper.tell().await.unwrap();
    }
    let (_, bookkeeper) = &mut processes[0];
    bookkeeper.compare().await.unwrap();
    bookkeeper.compare().await.unwrap();
    let ledger = ledger_says(&world).await;
    assert!(ledger.today > Usd::ZERO);
    assert_eq!(counters_say(&world, &shared).await, ledger);
    let check = world.store.spend_check(&[world.agent.id], world.ambient.now()).await.unwrap()[&world.agent.id];
    assert!(check.is_in_order(), "{check:?}");
    assert_eq!(check.used, ledger);
    assert_eq!([check.settled, check.presumed, check.open].into_iter().sum::<Usd>(), ledger.today);
    assert_eq!(
        world.states(&tasks).await.iter().filter(|s| **s == TaskState::Executing).count(),
        held_now(&world).await
    );
}

/// How many attempts have money set aside.
async fn held_now(world: &World) -> usize {
    let entries = world.ledger().await;
    entries.iter().filter(|entry| entry.state == chimera_domain::EntryState::Open).count()
}

#[tokio::test]
async fn a_flushed_redis_is_filled_again_from_the_ledger() {
    let world = World::over(chimera_testkit::Backends::production()).await;
    let server = TestRedis::start().unwrap();
    let config = RedisConfig { prefix: "books".to_owned(), ..RedisConfig::new(server.url()) };
    let counters: Arc<dyn Spend> = Arc::new(RedisSpend::new(RedisLink::open(&config).await.unwrap()));
    let (store, mut bookkeeper) = process(&world, &counters);
    let tasks = dollar_words(&world, 2).await;
    let claim = Claim::new("worker", LEASE, world.ambient.now());
    let held = store.task_claim(&[tasks[0].id], claim).await.unwrap().tasks.remove(0);
    bookkeeper.tell().await.unwrap();
    assert_eq!(counters_say(&world, &counters).await.today, Usd::dollars(1));
    server.flush().unwrap();
    // The next that is told finds nothing, and reads the ledger.
    store.task_claim(&[tasks[1].id], claim).await.unwrap();
    bookkeeper.tell().await.unwrap();
    assert_eq!(counters_say(&world, &counters).await.today, Usd::dollars(2));
    server.flush().unwrap();
    let call = ToolCall { cost_usd: Usd::cents(30), ..fixtures::tool_call(&*world.ambient, &held) };
    store.task_release(vec![given_back(&held, vec![call])], vec![], world.ambient.now()).await.unwrap();
    // Nobody is told anything, and the next comparison finds them gone.
    assert_eq!(bookkeeper.compare().await.unwrap(), [world.agent.id]);
    bookkeeper.tell().await.unwrap();
    assert_eq!(counters_say(&world, &counters).await.today, Usd::cents(130));
    assert_eq!(counters_say(&world, &counters).await, ledger_says(&world).await);
    // While it is away, the ledger goes on alone, and what it wrote is kept to be told.
    store.tool_calls_record(&[question(&world, Usd::cents(1))]).await.unwrap();
    server.stop();
    assert!(bookkeeper.compare().await.is_err());
    assert!(bookkeeper.tell().await.is_err());
    store.tool_calls_record(&[question(&world, Usd::cents(2))]).await.unwrap();
    server.start_again().unwrap();
    eventually("it is reached again", || async { bookkeeper.tell().await.ok() }).await;
    assert_eq!(counters_say(&world, &counters).await.today, Usd::cents(133));
    assert_eq!(counters_say(&world, &counters).await, ledger_says(&world).await);
}
