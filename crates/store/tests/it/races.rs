//! Races between transactions, held still at the worst moment. PostgreSQL only: SQLite lets one writer in at a time.

#![expect(clippy::disallowed_methods, reason = "a test watches the one task it spawns, and waits for it")]

use std::time::Duration;

use chimera_domain::{Ambient as _, PublicationId, TaskEvent};
use chimera_store::{Claim, PlanError};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait as _};
use tokio::task::JoinHandle;

use crate::world::{LEASE, World};

/// Waits until `task` has ended or some transaction of this database waits for a lock.
async fn until_stuck_or_done<T>(db: &DatabaseConnection, task: &JoinHandle<T>) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..4_000 {
        let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, waiting)).await.unwrap().unwrap();
        if task.is_finished() || row.try_get_by_index::<i64>(0).unwrap() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("neither stuck nor done");
}

const PAUSE: &str = "UPDATE campaigns SET status = 'PAUSED', state_version = state_version + 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_about_to_commit_holds_publishing_back() {
    let world = World::postgres().await;
    let (task, _) = world.approved().await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let pause = db.begin().await.unwrap();
    pause.execute_unprepared(PAUSE).await.unwrap();
    let (store, now) = (world.store.clone(), world.ambient.now());
    let new_ids = [PublicationId::generate(&world.ambient)];
    let publishing =
        tokio::task::spawn(async move { store.publish_begin(&[task.id], "publisher", LEASE, now, &new_ids).await });
    until_stuck_or_done(&db, &publishing).await;
    assert!(!publishing.is_finished(), "publishing did not wait for the pause");
    pause.commit().await.unwrap();
    assert_eq!(publishing.await.unwrap().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_about_to_commit_holds_planning_back() {
    let world = World::postgres().await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let pause = db.begin().await.unwrap();
    pause.execute_unprepared(PAUSE).await.unwrap();
    let (store, plan) = (world.store.clone(), world.plan(vec![world.signal()], vec![]));
    let planning = tokio::task::spawn(async move { store.plan_commit(&plan).await });
    until_stuck_or_done(&db, &planning).await;
    assert!(!planning.is_finished(), "planning did not wait for the pause");
    pause.commit().await.unwrap();
    let refused = planning.await.unwrap().unwrap_err();
    assert!(matches!(refused, PlanError::CampaignMoved { .. }), "{refused:?}");
}

/// Whoever judges or publishes for an agent holds its row against edits. Claims have nothing to do with that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_waits_for_nobody_who_judges() {
    let world = World::postgres().await;
    let task = world.ready(chimera_domain::TaskType::GenerateText).await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let judge = db.begin().await.unwrap();
    judge.execute_unprepared("SELECT id FROM agents FOR SHARE").await.unwrap();
    let claim = Claim::new("w", LEASE, world.ambient.now());
    assert_eq!(world.store.task_claim(&[task.id], claim).await.unwrap().tasks.len(), 1);
    judge.commit().await.unwrap();
}

/// Purses come before tasks. A claim that held its task while it waits for the purse could stand in a circle with another
/// claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_waits_for_its_agents_purse_with_empty_hands() {
    let world = World::postgres().await;
    let task = world.ready(chimera_domain::TaskType::GenerateText).await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let other = db.begin().await.unwrap();
    let purse = "SELECT pg_advisory_xact_lock(hashtextextended(CAST(id AS TEXT), 1)) FROM agents";
    other.execute_unprepared(purse).await.unwrap();
    let (store, now) = (world.store.clone(), world.ambient.now());
    let claiming = tokio::task::spawn(async move { store.task_claim(&[task.id], Claim::new("w", LEASE, now)).await });
    until_stuck_or_done(&db, &claiming).await;
    assert!(!claiming.is_finished(), "the claim did not wait for its agent's purse");
    // Nobody lowers a cap that it has read.
    let editor = Database::connect(world.config.url.as_str()).await.unwrap();
    editor.execute_unprepared("SELECT id FROM agents FOR NO KEY UPDATE NOWAIT").await.unwrap_err();
    let lock = format!("SELECT id FROM agent_tasks WHERE id = '{}' FOR NO KEY UPDATE NOWAIT", task.id);
    other.execute_unprepared(&lock).await.expect("the claim holds the task");
    other.commit().await.unwrap();
    assert_eq!(claiming.await.unwrap().unwrap().tasks.len(), 1);
}

/// The other parent's judge has moved it to DONE but not committed yet, when this one finishes its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_parents_finishing_at_once_the_second_starts_the_child() {
    let world = World::postgres().await;
    let (_, tasks) = world.planned().await;
    let (words, artifact) = world.in_review(tasks[0].id).await;
    world.in_review(tasks[1].id).await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let other = db.begin().await.unwrap();
    let (picture, post) = (tasks[1].id, tasks[2].id);
    other.execute_unprepared(&format!("UPDATE agent_tasks SET state = 'DONE' WHERE id = '{picture}'")).await.unwrap();
    other
        .execute_unprepared(&format!("SELECT id FROM agent_tasks WHERE id = '{post}' FOR NO KEY UPDATE"))
        .await
        .unwrap();
    let ruling = world.ruling(&words, &artifact, TaskEvent::Approve);
    let (store, now) = (world.store.clone(), world.ambient.now());
    let judging = tokio::task::spawn(async move { store.task_decide(vec![ruling], now).await });
    until_stuck_or_done(&db, &judging).await;
    assert!(!judging.is_finished(), "the child was not locked before its parents were read");
    other.commit().await.unwrap();
    assert_eq!(judging.await.unwrap().unwrap().ready, [post]);
}

/// Two batches lock the same rows in opposite orders; the database sends one back, and it goes through after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_tried_again_not_reported() {
    let world = World::postgres().await;
    let (first, _) = world.in_review(world.ready(chimera_domain::TaskType::AssemblePost).await.id).await;
    let (second, artifact) = world.in_review(world.ready(chimera_domain::TaskType::AssemblePost).await.id).await;
    let db = Database::connect(world.config.url.as_str()).await.unwrap();
    let other = db.begin().await.unwrap();
    // This one is to survive: the store's own transaction finds the deadlock first.
    other.execute_unprepared("SET LOCAL deadlock_timeout = '60s'").await.unwrap();
    let touch = |id| format!("UPDATE agent_tasks SET last_error = 'x' WHERE id = '{id}'");
    other.execute_unprepared(&touch(second.id)).await.unwrap();
    let (store, now) = (world.store.clone(), world.ambient.now());
    let (good, stale) =
        (world.ruling(&second, &artifact, TaskEvent::Approve), world.ruling(&first, &artifact, TaskEvent::Reject));
    let judging = tokio::task::spawn(async move { store.task_decide(vec![good, stale], now).await });
    until_stuck_or_done(&db, &judging).await;
    other.execute_unprepared(&touch(first.id)).await.unwrap();
    other.commit().await.unwrap();
    let decided = judging.await.unwrap().unwrap();
    assert_eq!(decided.applied, [second.id, first.id]);
}
