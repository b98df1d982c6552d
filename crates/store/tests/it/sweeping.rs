//! The sweeper.

use std::time::Duration;

use chimera_domain::{AlertKind, Ambient as _, CampaignStatus, Resolution, StateVersion, TaskState, TaskType};
use chimera_store::{Queued, Release, Store, SweepLimits, Swept};
use chimera_testkit::fixtures;

use crate::world::{LEASE, MOMENT, World, eventually, sorted};

pub(crate) const LIMITS: SweepLimits = SweepLimits {
    vanished_max: 2,
    ready_older_than: Duration::from_secs(60),
    review_older_than: Duration::from_secs(120),
    batch: 100,
    queued: Queued { ready: 0, review: 0, approved: 0 },
};

pub(crate) async fn sweep(world: &World) -> Swept {
    world.store.sweep(LIMITS, world.ambient.now()).await.unwrap()
}

/// What this store finds where nothing is too young.
pub(crate) async fn sweep_of(world: &World, store: &Store) -> Swept {
    let limits = SweepLimits { ready_older_than: Duration::ZERO, ..LIMITS };
    store.sweep(limits, world.ambient.now()).await.unwrap()
}

/// Sweeps until something is found.
async fn swept(world: &World) -> Swept {
    eventually("the lease's end", || async { Some(sweep(world).await).filter(|found| *found != Swept::default()) })
        .await
}

pub(crate) async fn a_lapsed_lease_puts_the_task_back_and_fences_the_worker(world: World) {
    let (task, other) = (world.ready(TaskType::GenerateText).await, world.ready(TaskType::GenerateText).await);
    let dead = world.claim(task.id, "dead", MOMENT).await.unwrap();
    world.claimed(other.id, "alive").await;
    let found = swept(&world).await;
    assert_eq!(found, Swept { ready: vec![task.id], ..Swept::default() });
    let back = world.stored(task.id).await;
    assert_eq!((back.state, back.state_version), (TaskState::Ready, StateVersion::new(3)));
    assert_eq!((back.attempts, back.lease_owner.as_deref()), (1, None));
    assert!(back.last_error.unwrap().contains("dead"));
    let late = world.submission(&dead, &fixtures::artifact(&world.ambient, &dead));
    let submitted = world.store.task_submit(vec![late], world.ambient.now()).await.unwrap();
    assert_eq!(submitted.fenced, [task.id]);
    assert_eq!(sweep(&world).await, Swept::default());
}

pub(crate) async fn a_lapsed_task_out_of_attempts_fails_with_its_dependents(world: World) {
    let (_, tasks) = world.planned().await;
    for attempt in 1..=2 {
        assert_eq!(world.claim(tasks[0].id, "dead", MOMENT).await.unwrap().attempts, attempt);
        let found = swept(&world).await;
        if attempt == 1 {
            assert_eq!(found.ready, [tasks[0].id]);
        } else {
            assert_eq!((found.failed, found.cancelled), (vec![tasks[0].id], vec![tasks[2].id]));
        }
    }
    use TaskState::{Cancelled, Failed, Ready};
    assert_eq!(world.states(&tasks).await, [Failed, Ready, Cancelled]);
    let alerts = world.store.alerts_open(9).await.unwrap();
    let told: Vec<_> = alerts.iter().map(|a| (a.kind, a.subject.as_str(), a.reason_code.as_str())).collect();
    assert_eq!(told, [(AlertKind::DeadLetter, tasks[0].id.to_string().as_str(), "workers_vanished")]);
    assert!(alerts[0].message.contains("vanished 2 times"), "{}", alerts[0].message);
    assert_eq!(alerts[0].trace_id, Some(tasks[0].trace_id));
    let why = world.stored(tasks[0].id).await.last_error.unwrap();
    assert!(why.contains("vanished 2 times") && why.contains("the lease of dead lapsed"), "{why}");
}

/// A killed worker is no failure of its task, and a failure is no killed worker.
pub(crate) async fn failures_and_vanished_workers_are_counted_apart(world: World) {
    let task = world.ready(TaskType::GenerateText).await;
    for round in 1..=3 {
        let held = world.claimed(task.id, "worker").await;
        assert_eq!((held.attempts, held.failures), (round, round - 1));
        let release = Release {
            task_id: held.id,
            version: held.state_version,
            error: "no".to_owned(),
            exhausted: false,
            uncounted: false,
            tool_calls: vec![],
        };
        world.store.task_release(vec![release], vec![], world.ambient.now()).await.unwrap();
    }
    // One that is cut off from outside is neither.
    let held = world.claimed(task.id, "worker").await;
    let release = Release {
        task_id: held.id,
        version: held.state_version,
        error: "shut down".to_owned(),
        exhausted: false,
        uncounted: true,
        tool_calls: vec![],
    };
    world.store.task_release(vec![release], vec![], world.ambient.now()).await.unwrap();
    // Three claims failed; the second that vanishes is the last.
    world.claim(task.id, "dead", MOMENT).await.unwrap();
    assert_eq!(swept(&world).await.ready, [task.id]);
    let back = world.stored(task.id).await;
    assert_eq!((back.state, back.attempts, back.failures), (TaskState::Ready, 4, 3));
    world.claim(task.id, "dead", MOMENT).await.unwrap();
    assert_eq!(swept(&world).await.failed, [task.id]);
    world.store.task_retry_failed(&[task.id], world.ambient.now()).await.unwrap();
    let again = world.stored(task.id).await;
    assert_eq!((again.state, again.attempts, again.failures), (TaskState::Ready, 0, 0));
}

pub(crate) async fn what_waits_too_long_is_delivered_again(world: World) {
    let ready = world.ready(TaskType::GenerateText).await;
    let inner = world.ready(TaskType::GenerateText).await;
    let (reviewed, _) = world.in_review(inner.id).await;
    let (approved, _) = world.approved().await;
    let (stale, _) = world.approved().await;
    world.begin(&[stale.id], "dead", MOMENT).await;
    let fresh = eventually("the publisher's lease's end", || async {
        Some(sweep(&world).await).filter(|found| found.stale_publishing == 1)
    })
    .await;
    assert_eq!(fresh, Swept { stale_publishing: 1, ..Swept::default() }, "nothing waits long yet");

    world.ambient.advance(chrono::Duration::seconds(61));
    let found = sweep(&world).await;
    assert_eq!((found.ready, found.approved), (vec![ready.id], vec![approved.id]));
    assert_eq!(found.review, []);
    world.ambient.advance(chrono::Duration::seconds(60));
    assert_eq!(sweep(&world).await.review, [reviewed.id]);

    let (campaign, now) = (&world.campaign, world.ambient.now());
    world.store.campaign_set_status(campaign.id, campaign.state_version, CampaignStatus::Paused, now).await.unwrap();
    let paused = sweep(&world).await;
    assert_eq!((paused.ready.len(), paused.approved.len(), paused.review.len()), (0, 0, 1));
}

/// However much there is to judge and to plan anew, the judges' queue is never given more than it lacks.
pub(crate) async fn judges_are_not_given_what_their_queue_holds(world: World) {
    for _ in 0..2 {
        let post = world.ready(TaskType::AssemblePost).await;
        world.in_review(post.id).await;
    }
    for _ in 0..3 {
        world.approved().await;
    }
    world.edit_persona().await;
    world.ambient.advance(chrono::Duration::seconds(121));
    for (waiting, wanted) in [(0, 5), (1, 4), (4, 1), (5, 0), (9, 0)] {
        let queued = Queued { review: waiting, ..Queued::default() };
        let found = world.store.sweep(SweepLimits { queued, ..LIMITS }, world.ambient.now()).await.unwrap();
        assert_eq!(found.review.len(), wanted, "{waiting} wait");
    }
}

pub(crate) async fn an_ended_campaign_takes_its_tasks_along(world: World) {
    let (_, tasks) = world.planned().await;
    world.claimed(tasks[0].id, "worker").await;
    let (waiting, _, ticket) = world.waiting_for_a_person().await;
    let (publishing, _) = world.approved().await;
    world.begin(&[publishing.id], "publisher", LEASE).await;
    let (campaign, now) = (&world.campaign, world.ambient.now());
    world.store.campaign_set_status(campaign.id, campaign.state_version, CampaignStatus::Ended, now).await.unwrap();
    let found = sweep(&world).await;
    let wanted: Vec<_> = tasks.iter().map(|t| t.id).chain([waiting.id]).collect();
    assert_eq!(sorted(&found.cancelled), sorted(&wanted));
    assert_eq!(world.states(&tasks).await, [TaskState::Cancelled; 3]);
    let closed = world.store.ticket_by_id(ticket.id).await.unwrap().unwrap();
    assert_eq!((closed.resolution, closed.resolved_by.as_deref()), (Some(Resolution::Withdrawn), Some("sweeper")));
    assert_eq!(world.stored(publishing.id).await.state, TaskState::Publishing, "it may be out already");
}
