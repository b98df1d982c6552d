//! What was lost is delivered again.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chimera_bus::{Bus as _, InProcessBus, Queue};
use chimera_domain::{AlertKind, Ambient as _, CampaignStatus, TaskEvent, TaskState, TaskType, Verdict};
use chimera_store::{Claim, Ruling, TicketFilter};
use chimera_testkit::fixtures;
use chimera_worker::SweeperConfig;

use crate::{
    fake::Fate,
    world::{LEASE, MOMENT, World, eventually},
};

/// Work waits longer than a sweep's patience whenever there is more of it than hands. A queue that is filled again and
/// again with what it holds already only grows, and new work waits behind all the copies.
pub(crate) async fn what_waits_in_the_queue_is_not_delivered_again(world: World) {
    let mut ids = vec![];
    for _ in 0..6 {
        ids.push(world.words().await.1.id);
    }
    world.bus.push(Queue::Task, &ids).await.unwrap();
    // As many processes would, or one in the course of time.
    for _ in 0..5 {
        let swept = world.sweeper(world.bus.clone()).sweep().await.unwrap();
        assert_eq!(swept.ready, []);
    }
    assert_eq!(world.bus.depth(Queue::Task).await.unwrap(), 6);

    // Two are taken by someone who dies of it: exactly those are missing, and come again.
    let lost = world.bus.take(Queue::Task, 2, Duration::ZERO).await.unwrap();
    let lost: Vec<_> = lost.into_iter().map(|delivery| delivery.task_id).collect();
    assert_eq!(world.sweeper(world.bus.clone()).sweep().await.unwrap().ready, lost);
    assert_eq!(world.bus.depth(Queue::Task).await.unwrap(), 6);

    // New work that keeps the queue from running dry does not hide for ever what is missing from it.
    world.bus.take(Queue::Task, 3, Duration::ZERO).await.unwrap();
    let mut left: HashSet<_> = ids.into_iter().collect();
    for _ in 0..20 {
        let new = world.words().await.1.id;
        world.bus.push(Queue::Task, &[new]).await.unwrap();
        left.insert(new);
    }
    for _ in 0..26 {
        world.sweeper(world.bus.clone()).sweep().await.unwrap();
        assert!(world.bus.depth(Queue::Task).await.unwrap() <= left.len());
        for delivery in world.bus.take(Queue::Task, 2, Duration::ZERO).await.unwrap() {
            let claim = Claim::new("worker", LEASE, world.ambient.now());
            world.store.task_claim(&[delivery.task_id], claim).await.unwrap();
            left.remove(&delivery.task_id);
        }
    }
    assert!(left.is_empty(), "{left:?}");
}

/// The process died after the commit and before the push: the database knows, the queues don't.
pub(crate) async fn what_a_lossy_queue_dropped_is_delivered_again(world: World) {
    let (_, ready) = world.words().await;
    let (_, reviewed) = world.words().await;
    let claimed = world.claim(reviewed.id, "worker", LEASE).await;
    world.submit(&claimed).await;
    let (_, approved) = world.approved().await;
    let swept = world.sweeper(world.bus.clone()).sweep().await.unwrap();
    assert_eq!((swept.ready, swept.review, swept.approved), (vec![ready.id], vec![reviewed.id], vec![approved.id]));
    for (queue, wanted) in [(Queue::Task, ready.id), (Queue::Review, reviewed.id), (Queue::Publish, approved.id)] {
        let delivered = world.bus.take(queue, 9, Duration::ZERO).await.unwrap();
        assert_eq!(delivered.iter().map(|d| d.task_id).collect::<Vec<_>>(), [wanted]);
    }
    // Swept twice, it is delivered twice at most; nothing moves.
    world.sweeper(world.bus.clone()).sweep().await.unwrap();
    let states = world.states(&[ready, reviewed, approved]).await;
    assert_eq!(states, [TaskState::Ready, TaskState::JudgeReview, TaskState::Approved]);
}

pub(crate) async fn a_worker_that_keeps_vanishing_leaves_a_dead_letter(world: World) {
    let tasks = world.planned(&[TaskType::GenerateText]).await;
    let sweeper = world.sweeper(world.bus.clone());
    // More often than a failing task is tried: a killed process is no failure of the task.
    for attempt in 1..=10 {
        assert_eq!(world.claim(tasks[0].id, "mayfly", MOMENT).await.attempts, attempt);
        eventually("its lease lapses", || async {
            sweeper.sweep().await.unwrap();
            (world.stored(tasks[0].id).await.state != TaskState::Executing).then_some(())
        })
        .await;
    }
    assert_eq!(world.states(&tasks).await, [TaskState::Failed, TaskState::Cancelled]);
    let alerts = world.alerts().await;
    assert_eq!((alerts.len(), alerts[0].kind, alerts[0].trace_id), (1, AlertKind::DeadLetter, Some(tasks[0].trace_id)));
    assert!(alerts[0].message.contains("vanished 10 times") && alerts[0].message.contains("mayfly"), "{alerts:?}");
}

/// The tool fails twice and then works: that is within what a failing task is allowed, whatever befell its workers before.
pub(crate) async fn killed_workers_use_up_no_attempt(world: World) {
    let (_, task) = world.words().await;
    let sweeper = world.sweeper(world.bus.clone());
    for _ in 0..5 {
        world.claim(task.id, "mayfly", MOMENT).await;
        eventually("its lease lapses", || async {
            sweeper.sweep().await.unwrap();
            (world.stored(task.id).await.state == TaskState::Ready).then_some(())
        })
        .await;
    }
    world.fake.script("generate_text", &[Fate::Busy, Fate::Busy]);
    let pool = world.pool("pool", 1, LEASE);
    let done = world.until(task.id, TaskState::JudgeReview).await;
    pool.stop().await;
    assert_eq!((done.attempts, done.failures, world.fake.count("generate_text")), (8, 2, 3));
    assert!(world.alerts().await.is_empty());
}

/// Each sweeper delivers to queues of its own here, so that one can tell them apart.
pub(crate) async fn of_two_sweepers_one_sweeps_until_it_ends(world: World) {
    let (_, ready) = world.words().await;
    let buses = [Arc::new(InProcessBus::new()), Arc::new(InProcessBus::new())];
    let delivered = async |bus: &InProcessBus| bus.take(Queue::Task, 9, Duration::ZERO).await.unwrap().len();
    let first = world.sweeping("first", buses[0].clone());
    for _ in 0..3 {
        eventually("the first one sweeps", || async { (delivered(&buses[0]).await > 0).then_some(()) }).await;
    }
    let second = world.sweeping("second", buses[1].clone());
    for _ in 0..3 {
        eventually("the first one goes on", || async { (delivered(&buses[0]).await > 0).then_some(()) }).await;
    }
    assert_eq!(delivered(&buses[1]).await, 0, "two sweep at once");
    first.stop().await;
    delivered(&buses[0]).await;
    eventually("the second one takes over", || async { (delivered(&buses[1]).await > 0).then_some(()) }).await;
    assert_eq!(delivered(&buses[0]).await, 0);
    second.stop().await;
    assert_eq!(world.states(&[ready]).await, [TaskState::Ready]);
}

/// A post that waits for a person until `due`.
async fn asked(world: &World, due: chrono::DateTime<chrono::Utc>) {
    let post = world.planned(&[]).await.remove(0);
    let claimed = world.claim(post.id, "worker", LEASE).await;
    world.submit(&claimed).await;
    let case = world.store.review_cases(&[post.id]).await.unwrap().remove(0);
    let mut ticket = fixtures::ticket(&*world.ambient, &case.task, &case.artifact);
    ticket.sla_expires_at = due;
    let ruling = Ruling {
        decision: fixtures::decision(&*world.ambient, &case.task, &case.artifact, Verdict::HitlQueue),
        task_version: case.task.state_version,
        event: TaskEvent::AskHuman,
        ticket: Some(ticket),
        replan: vec![],
    };
    let decided = world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
    assert_eq!(decided.applied, [post.id]);
}

async fn told(world: &World) -> Vec<AlertKind> {
    let mut kinds: Vec<_> = world.store.alerts_open(99).await.unwrap().into_iter().map(|alert| alert.kind).collect();
    kinds.sort_unstable();
    kinds
}

pub(crate) async fn a_queue_that_grows_beyond_people_and_overdue_answers_are_told(world: World) {
    use AlertKind::{HitlBacklog, HitlOverdue};
    let later = "2999-01-01T00:00:00Z".parse().unwrap();
    for _ in 0..2 {
        asked(&world, later).await;
    }
    let config = SweeperConfig { interval_ms: 20, hitl_waiting_max: 3, ..SweeperConfig::default() };
    let running = world.sweeping_as(config);
    let told_is = |wanted: &'static [AlertKind]| {
        let world = &world;
        eventually("alerts", move || async move { (told(world).await == wanted).then_some(()) })
    };
    asked(&world, later).await;
    told_is(&[HitlBacklog]).await;
    asked(&world, chrono::DateTime::UNIX_EPOCH).await;
    told_is(&[HitlBacklog, HitlOverdue]).await;
    // Seen is seen, while it lasts; one more that is overdue is news.
    let ids: Vec<_> = world.store.alerts_open(9).await.unwrap().into_iter().map(|alert| alert.id).collect();
    world.store.alerts_acknowledge(&ids, world.ambient.now()).await.unwrap();
    asked(&world, chrono::DateTime::UNIX_EPOCH).await;
    told_is(&[HitlOverdue]).await;
    // Answered, and it is over.
    let open = world.store.tickets_open(&TicketFilter { limit: 9, ..TicketFilter::default() }).await.unwrap();
    assert_eq!(open.len(), 5);
    let campaign = &world.campaign;
    let (version, now) = (campaign.state_version, world.ambient.now());
    world.store.campaign_set_status(campaign.id, version, CampaignStatus::Ended, now).await.unwrap();
    told_is(&[]).await;
    running.stop().await;
}
