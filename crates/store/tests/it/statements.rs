//! How many statements work costs. Every figure is a ceiling: one statement for each item would break it at once.

use chimera_domain::{Ambient as _, TaskEvent, TaskId, TaskType};
use chimera_store::{Claim, PublishOutcome, Queued, Settlement, Statistics, Store, SweepLimits};
use chimera_testkit::fixtures;

use crate::world::{LEASE, World};

/// Statements and commits of one step, whatever the size of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    step: &'static str,
    statements: u64,
    commits: u64,
}

const fn at_most(step: &'static str, statements: u64, commits: u64) -> Cost {
    Cost { step, statements, commits }
}

/// A batch of posts without parts, from the plan to the platform. Three statements of `decide`, `begin` and `settle` are
/// the audit log's; two of `decide` hold campaigns and agents against edits.
const POSTS: [Cost; 9] = [
    at_most("plan", 7, 1),
    // Two for the claim itself; three set its money aside.
    at_most("claim", 5, 1),
    at_most("orders", 2, 0),
    // One, as of `decide`, says on PostgreSQL that the commit need not wait for the disk.
    at_most("submit", 6, 1),
    at_most("take", 6, 0),
    at_most("decide", 9, 1),
    at_most("begin", 11, 1),
    // Two of them enter what the platform charged.
    at_most("settle", 11, 1),
    at_most("sweep", 8, 1),
];

/// A batch of inner tasks; two of them start the post that waits for both.
const PARTS: [Cost; 5] = [
    // Two for the claim itself; three set its money aside.
    at_most("claim", 5, 1),
    at_most("orders", 2, 0),
    at_most("submit", 6, 1),
    // No part is set aside.
    at_most("take", 5, 0),
    at_most("decide", 12, 1),
];

/// Measures steps.
struct Meter<'a> {
    store: &'a Store,
    before: Statistics,
    costs: Vec<Cost>,
}

impl<'a> Meter<'a> {
    fn new(store: &'a Store) -> Self {
        Self { store, before: store.statistics(), costs: vec![] }
    }

    fn step(&mut self, step: &'static str) {
        let now = self.store.statistics();
        let (statements, commits) = (now.statements - self.before.statements, now.commits - self.before.commits);
        assert_eq!((now.failed, now.rollbacks), (0, 0));
        self.costs.push(Cost { step, statements, commits });
        self.before = now;
    }

    fn check(self, what: &str, tasks: usize, ceilings: &[Cost]) -> Vec<Cost> {
        let all: u64 = self.costs.iter().map(|cost| cost.statements).sum();
        let per_task = all as f64 / tasks as f64;
        println!("{what}: {all} statements for {tasks} tasks, {per_task:.2} for each: {:?}", self.costs);
        for (cost, ceiling) in self.costs.iter().zip(ceilings) {
            assert_eq!(cost.step, ceiling.step);
            let fits = cost.statements <= ceiling.statements && cost.commits <= ceiling.commits;
            assert!(fits, "{what} of {tasks}: {cost:?}, and at most {ceiling:?}");
        }
        self.costs
    }
}

pub(crate) async fn a_batch_of_posts_costs_a_few_statements_whatever_its_size(world: World) {
    let small = posts(&world, 32).await;
    world.ambient.advance(chrono::Duration::hours(2));
    assert_eq!(posts(&world, 64).await, small, "twice the tasks, no more statements");
}

async fn posts(world: &World, size: usize) -> Vec<Cost> {
    let store = world.store.counted_apart();
    let mut meter = Meter::new(&store);
    let signals: Vec<_> = (0..size).map(|_| world.signal()).collect();
    let tasks: Vec<_> = signals.iter().map(|s| world.task(s, TaskType::AssemblePost, vec![])).collect();
    let ids = store.plan_commit(&world.plan(signals, tasks)).await.unwrap();
    meter.step("plan");
    review(world, &store, &mut meter, &ids).await;

    let new_ids: Vec<_> = ids.iter().map(|_| chimera_domain::PublicationId::generate(&world.ambient)).collect();
    let cases = store.publish_begin(&ids, "publisher", LEASE, world.ambient.now(), &new_ids).await.unwrap();
    assert_eq!(cases.len(), size);
    meter.step("begin");
    let settlements = cases.iter().enumerate().map(|(index, case)| Settlement {
        task_id: case.task.id,
        task_version: case.task.state_version,
        publication_id: case.publication.id,
        publication_version: case.publication.state_version,
        outcome: PublishOutcome::Confirmed { external_id: format!("{index}"), url: None },
        tool_calls: vec![fixtures::tool_call(&world.ambient, &case.task)],
        ticket: None,
        alert: None,
    });
    let settled = store.publish_settle(settlements.collect(), world.ambient.now()).await.unwrap();
    assert_eq!(settled.published.len(), size);
    meter.step("settle");
    let wait = std::time::Duration::from_secs(60);
    let limits = SweepLimits {
        vanished_max: 3,
        ready_older_than: wait,
        review_older_than: wait,
        batch: 500,
        queued: Queued::default(),
    };
    store.sweep(limits, world.ambient.now()).await.unwrap();
    meter.step("sweep");
    meter.check("posts", size, &POSTS)
}

pub(crate) async fn a_batch_of_parts_costs_a_few_statements_whatever_its_size(world: World) {
    let small = parts(&world, 32).await;
    world.ambient.advance(chrono::Duration::hours(2));
    assert_eq!(parts(&world, 64).await, small, "twice the tasks, no more statements");
}

/// Half of the tasks are words, half pictures: the posts start in the same breath.
async fn parts(world: &World, size: usize) -> Vec<Cost> {
    let signals: Vec<_> = (0..size / 2).map(|_| world.signal()).collect();
    let dags = signals
        .iter()
        .flat_map(|s| fixtures::dag(&world.ambient, &world.campaign, &world.agent, s))
        .collect::<Vec<_>>();
    let ids = world.store.plan_commit(&world.plan(signals, dags)).await.unwrap();
    let store = world.store.counted_apart();
    let mut meter = Meter::new(&store);
    let ready = review(world, &store, &mut meter, &ids).await;
    assert_eq!(ready.len(), size / 2, "the posts");
    meter.check("parts", size, &PARTS)
}

/// From claim to approval; gives what may be claimed then.
async fn review(world: &World, store: &Store, meter: &mut Meter<'_>, ids: &[TaskId]) -> Vec<TaskId> {
    let claim = Claim::new("worker", LEASE, world.ambient.now());
    let claimed = store.task_claim(ids, claim).await.unwrap().tasks;
    assert_eq!(claimed.len(), ids.len());
    meter.step("claim");
    let orders = store.work_orders(&claimed).await.unwrap();
    meter.step("orders");
    let results = orders.iter().map(|o| world.submission(&o.task, &fixtures::artifact(&world.ambient, &o.task)));
    let submitted = store.task_submit(results.collect(), world.ambient.now()).await.unwrap();
    assert_eq!(submitted.accepted.len(), ids.len());
    meter.step("submit");
    let cases = store.review_take(ids, "judge", LEASE).await.unwrap();
    assert_eq!(cases.len(), ids.len());
    meter.step("take");
    let rulings = cases.iter().map(|case| world.ruling(&case.task, &case.artifact, TaskEvent::Approve));
    let decided = store.task_decide(rulings.collect(), world.ambient.now()).await.unwrap();
    assert_eq!(decided.applied.len(), ids.len());
    meter.step("decide");
    decided.ready
}
