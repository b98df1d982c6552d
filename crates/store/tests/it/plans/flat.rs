//! What a batch costs, in time, whatever lies finished beside it.

use std::time::{Duration, Instant};

use chimera_domain::{Ambient as _, PublicationId, TaskEvent, TaskType};
use chimera_store::{Claim, PublishOutcome, Queued, Settlement, SweepLimits, TicketFilter};
use chimera_testkit::fixtures;

use crate::world::{LEASE, World};

/// Posts that go from the plan to the platform together.
const BATCH: usize = 16;

/// Of so many rounds the best counts: others use the machine too.
const ROUNDS: usize = 7;

/// Beyond this the times of a large database and a small one are not compared.
const NOISE: Duration = Duration::from_millis(40);

/// How much more a step may take with sixty times the rows.
const RATIO_MAX: f64 = 5.0;

type Times = Vec<(&'static str, Duration)>;

/// The best time of each step.
pub(super) async fn times(world: &World) -> Times {
    let mut best = round(world).await;
    for _ in 1..ROUNDS {
        for (best, (_, again)) in best.iter_mut().zip(round(world).await) {
            best.1 = best.1.min(again);
        }
    }
    best
}

/// Fails when a step takes longer the more there is that it has nothing to do with.
pub(super) fn compare(small: &Times, large: &Times) {
    let mut grown = Vec::new();
    for ((step, few), (_, many)) in small.iter().zip(large) {
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("{step}: {few:.1?} beside few finished posts, {many:.1?} beside many: {ratio:.2} times");
        if ratio > RATIO_MAX && *many > NOISE {
            grown.push(format!("{step}: {few:?} became {many:?}"));
        }
    }
    assert!(grown.is_empty(), "these grow with what is finished: {grown:#?}");
}

async fn round(world: &World) -> Times {
    let (store, ambient) = (&world.store, &world.ambient);
    let mut times = Times::new();
    let mut begun = Instant::now();
    let mut done = |step: &'static str, times: &mut Times| {
        times.push((step, begun.elapsed()));
        begun = Instant::now();
    };
    let signals: Vec<_> = (0..BATCH).map(|_| world.signal()).collect();
    let tasks = signals.iter().map(|s| world.task(s, TaskType::AssemblePost, vec![])).collect();
    let ids = store.plan_commit(&world.plan(signals, tasks)).await.unwrap();
    done("plan", &mut times);
    let claimed = store.task_claim(&ids, Claim::new("worker", LEASE, ambient.now())).await.unwrap().tasks;
    done("claim", &mut times);
    let held: Vec<_> = claimed.iter().map(|t| (t.id, t.state_version)).collect();
    store.task_heartbeat(&held, "worker", LEASE).await.unwrap();
    done("heartbeat", &mut times);
    let orders = store.work_orders(&claimed).await.unwrap();
    done("orders", &mut times);
    let results = orders.iter().map(|o| world.submission(&o.task, &fixtures::artifact(ambient, &o.task))).collect();
    store.task_submit(results, ambient.now()).await.unwrap();
    done("submit", &mut times);
    let cases = store.review_cases(&ids).await.unwrap();
    done("cases", &mut times);
    let rulings = cases.iter().map(|case| world.ruling(&case.task, &case.artifact, TaskEvent::Approve)).collect();
    store.task_decide(rulings, ambient.now()).await.unwrap();
    done("decide", &mut times);
    let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(ambient)).collect();
    let posts = store.publish_begin(&ids, "publisher", LEASE, ambient.now(), &new_ids).await.unwrap();
    done("begin", &mut times);
    let settlements = posts.iter().map(|case| Settlement {
        task_id: case.task.id,
        task_version: case.task.state_version,
        publication_id: case.publication.id,
        publication_version: case.publication.state_version,
        outcome: PublishOutcome::Confirmed { external_id: case.task.id.to_string(), url: None },
        tool_calls: vec![fixtures::tool_call(ambient, &case.task)],
        ticket: None,
        alert: None,
    });
    store.publish_settle(settlements.collect(), ambient.now()).await.unwrap();
    done("settle", &mut times);
    let (wait, queued) = (Duration::from_secs(60), Queued { ready: 1, review: 1, approved: 1 });
    let limits = SweepLimits { vanished_max: 3, ready_older_than: wait, review_older_than: wait, batch: 500, queued };
    store.sweep(limits, ambient.now()).await.unwrap();
    done("sweep", &mut times);
    store.tickets_open(&TicketFilter { limit: 50, ..TicketFilter::default() }).await.unwrap();
    store.alerts_open(50).await.unwrap();
    store.posts(50).await.unwrap();
    done("lists", &mut times);
    times
}
