//! Damaged rows: each harms itself alone.

use chimera_domain::{AlertKind, Ambient as _, Severity, TaskId, TaskState, TaskType};
use chimera_store::{Claim, SweepLimits};
use sea_orm::{ConnectionTrait as _, Database};

use crate::{
    sweeping::LIMITS,
    world::{LEASE, MOMENT, World, eventually},
};

/// Runs a statement that no method of the store would.
async fn damage(world: &World, sql: String) {
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    assert_eq!(db.execute_unprepared(&sql).await.unwrap().rows_affected(), 1, "{sql}");
}

pub(crate) async fn a_result_that_can_not_be_read_is_a_dead_letter_and_holds_no_other_back(world: World) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.ready(TaskType::GenerateText).await.id);
    }
    let (first, _) = world.in_review(ids[0]).await;
    let (hurt, broken) = world.in_review(ids[1]).await;
    let (last, _) = world.in_review(ids[2]).await;
    damage(&world, format!("UPDATE artifacts SET channel = 'NOWHERE' WHERE text = '{}'", broken.text)).await;

    let cases = world.store.review_cases(&[last.id, hurt.id, first.id]).await.unwrap();
    let read: Vec<_> = cases.into_iter().map(|case| case.task).collect();
    assert_eq!(read, [first, last]);
    let buried = world.stored(hurt.id).await;
    assert_eq!((buried.state, buried.state_version), (TaskState::Failed, hurt.state_version.next()));
    let why = buried.last_error.unwrap();
    assert!(why.contains("channel is damaged") && why.contains("NOWHERE"), "{why}");
    let alerts = world.store.alerts_open(9).await.unwrap();
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, &alert.subject), (AlertKind::DeadLetter, &hurt.id.to_string()));
    assert_eq!((alert.trace_id, alert.reason_code.as_str()), (Some(hurt.trace_id), "unreadable"));
    assert!(alert.message.contains("NOWHERE"), "{}", alert.message);

    // The sweeper does not bring it back; retried, it is made anew and can be judged.
    world.ambient.advance(chrono::Duration::hours(1));
    let swept = world.store.sweep(LIMITS, world.ambient.now()).await.unwrap();
    assert!(!swept.review.contains(&hurt.id), "{swept:?}");
    assert_eq!(world.store.task_retry_failed(&[hurt.id], world.ambient.now()).await.unwrap().ready, [hurt.id]);
    let (again, _) = world.in_review(hurt.id).await;
    assert_eq!(world.store.review_cases(&[hurt.id]).await.unwrap()[0].task, again);
}

pub(crate) async fn a_task_that_can_not_be_read_holds_no_other_back(world: World) {
    let (hurt, whole) = (world.ready(TaskType::GenerateText).await, world.ready(TaskType::GenerateText).await);
    damage(&world, format!("UPDATE agent_tasks SET channel = 'NOWHERE' WHERE trace_id = '{}'", hurt.trace_id)).await;
    let claimed = world
        .store
        .task_claim(&[hurt.id, whole.id], Claim::new("worker", MOMENT, world.ambient.now()))
        .await
        .unwrap()
        .tasks;
    assert_eq!(claimed.iter().map(|task| task.id).collect::<Vec<_>>(), [whole.id]);

    // Its lease lapses like any other, and its attempts are used up.
    let limits = SweepLimits { vanished_max: 1, ..LIMITS };
    let failed = eventually("the lease's end", || async {
        let swept = world.store.sweep(limits, world.ambient.now()).await.unwrap();
        swept.failed.contains(&hurt.id).then_some(swept.failed)
    })
    .await;
    assert!(failed.contains(&hurt.id));

    // One that can't even be moved stays, and the sweep goes on.
    let (stuck, other) = (world.ready(TaskType::GenerateText).await, world.ready(TaskType::GenerateText).await);
    world.store.task_claim(&[stuck.id, other.id], Claim::new("worker", MOMENT, world.ambient.now())).await.unwrap();
    damage(&world, format!("UPDATE agent_tasks SET task_type = 'NOTHING' WHERE trace_id = '{}'", stuck.trace_id)).await;
    let swept = eventually("the other lease's end", || async {
        let swept = world.store.sweep(LIMITS, world.ambient.now()).await.unwrap();
        swept.ready.contains(&other.id).then_some(swept)
    })
    .await;
    assert!(!swept.ready.contains(&stuck.id) && !swept.failed.contains(&stuck.id), "{swept:?}");
    world.claimed(other.id, "worker").await;
}

pub(crate) async fn a_publication_that_can_not_be_read_holds_no_look_up_back(world: World) {
    let ((hurt, artifact), (whole, _)) = (world.approved().await, world.approved().await);
    for id in [hurt.id, whole.id] {
        world.begin(&[id], "dead", MOMENT).await;
    }
    damage(&world, format!("UPDATE artifacts SET channel = 'NOWHERE' WHERE text = '{}'", artifact.text)).await;
    let before = world.stored(hurt.id).await;
    // Only one is asked for, and the damaged one is the first in line.
    let taken = eventually("both leases' end", || async {
        let cases = world.store.publish_stale("next", LEASE, 1).await.unwrap();
        (!cases.is_empty()).then_some(cases)
    })
    .await;
    assert_eq!(taken.iter().map(|case| case.task.id).collect::<Vec<_>>(), [whole.id]);
    assert_eq!(world.stored(hurt.id).await, before, "it may be out: nothing is decided about it");
    told_once(&world, hurt.id).await;
}

/// An operator hears of this task, and of nothing else.
async fn told_once(world: &World, hurt: TaskId) {
    let alerts = world.store.alerts_open(9).await.unwrap();
    let [alert] = alerts.as_slice() else { panic!("{alerts:?}") };
    assert_eq!((alert.kind, alert.severity), (AlertKind::Unreadable, Severity::Critical));
    assert_eq!((alert.subject.clone(), alert.reason_code.as_str()), (hurt.to_string(), "unreadable"));
    assert!(alert.message.contains("NOWHERE") && alert.message.contains("backup"), "{}", alert.message);
}

pub(crate) async fn an_approved_post_that_can_not_be_read_is_told_of_once_and_holds_no_other_back(world: World) {
    let ((hurt, artifact), (whole, _), (last, _)) =
        (world.approved().await, world.approved().await, world.approved().await);
    damage(&world, format!("UPDATE artifacts SET channel = 'NOWHERE' WHERE text = '{}'", artifact.text)).await;
    let before = world.stored(hurt.id).await;
    for other in [whole, last] {
        let begun = world.begin(&[hurt.id, other.id], "publisher", LEASE).await;
        assert_eq!(begun.iter().map(|case| case.task.id).collect::<Vec<_>>(), [other.id]);
        assert_eq!(world.begin(&[hurt.id], "publisher", LEASE).await, []);
        assert_eq!(world.stored(hurt.id).await, before);
        told_once(&world, hurt.id).await;
    }
    // Mended, it goes on by itself.
    damage(&world, format!("UPDATE artifacts SET channel = '{}' WHERE channel = 'NOWHERE'", artifact.channel)).await;
    assert_eq!(world.begin(&[hurt.id], "publisher", LEASE).await.len(), 1);
}

pub(crate) async fn an_outdated_post_that_can_not_be_read_holds_no_other_back(world: World) {
    let ((hurt, artifact), (whole, _)) = (world.approved().await, world.approved().await);
    world.edit_persona().await;
    damage(&world, format!("UPDATE artifacts SET channel = 'NOWHERE' WHERE text = '{}'", artifact.text)).await;
    for _ in 0..2 {
        let posts = world.store.outdated_posts(&[hurt.id, whole.id]).await.unwrap();
        assert_eq!(posts.iter().map(|post| post.task.id).collect::<Vec<_>>(), [whole.id]);
        told_once(&world, hurt.id).await;
    }
}
