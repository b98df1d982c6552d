//! Judges side by side, and in a loop.

use std::time::Duration;

use chimera_bus::Queue;
use chimera_domain::{Ambient as _, TaskEvent, TaskState, Verdict};
use chimera_judge::JudgeConfig;
use chimera_store::Ruling;
use chimera_testkit::fixtures;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    fake::Fate,
    world::{World, config},
};

pub(crate) async fn of_two_judges_one_verdict_counts(world: World) {
    let mut posts = vec![];
    for _ in 0..4 {
        posts.push(world.post("Silk").await);
    }
    let ids: Vec<_> = posts.iter().map(|t| t.id).collect();
    let other = world.another_judge();
    let (first, second) = tokio::join!(world.judge.round(&ids), other.round(&ids));
    first.unwrap();
    second.unwrap();
    for post in &posts {
        assert_eq!(world.stored(post.id).await.state, TaskState::Approved);
        assert_eq!(world.trace(post).await.decisions.len(), 1);
    }
}

/// However long it thinks: heartbeats keep the lease up.
pub(crate) async fn of_two_judges_one_asks_the_mind(world: World) {
    let task = world.post("Silk").await;
    world.mind.script(&[Fate::Slow]);
    let ids = [task.id];
    let judge = world.judge_named("slow", JudgeConfig { lease_ms: 6_000, ..config() });
    let meanwhile = async {
        world.mind.until_thinking(1).await;
        let first = world.lease_end(&task).await;
        for _ in 0..1_000 {
            world.another_judge().round(&ids).await.unwrap();
            if world.lease_end(&task).await > first {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(world.lease_end(&task).await > first, "no heartbeat keeps it up");
        world.mind.let_go(1);
    };
    let (done, ()) = tokio::join!(judge.round(&ids), meanwhile);
    done.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Approved);
    assert_eq!((world.mind.asked().len(), world.trace(&task).await.decisions.len()), (1, 1));
}

pub(crate) async fn what_a_vanished_judge_weighed_is_weighed_by_another(world: World) {
    let task = world.post("Silk").await;
    let moment = Duration::from_millis(1);
    assert_eq!(world.store.review_reserve(&[task.id], "the departed", moment).await.unwrap(), [task.id]);
    for _ in 0..4_000 {
        world.another_judge().round(&[task.id]).await.unwrap();
        if world.stored(task.id).await.state == TaskState::Approved {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it waits for the departed");
}

pub(crate) async fn what_is_left_for_later_is_anybodys(world: World) {
    let task = world.post("Silk").await;
    world.mind.script(&[Fate::RateLimited]);
    world.round(&task).await;
    let stored = world.stored(task.id).await;
    assert_eq!((stored.state, stored.lease_owner), (TaskState::JudgeReview, None));
    world.another_judge().round(&[task.id]).await.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Approved);
}

pub(crate) async fn a_verdict_on_what_has_moved_on_is_dropped(world: World) {
    let task = world.post("Silk").await;
    world.mind.script(&[Fate::Slow]);
    let ids = [task.id];
    let meanwhile = async {
        world.mind.until_thinking(1).await;
        let artifact = world.trace(&task).await.artifacts.remove(0);
        let ruling = Ruling {
            decision: fixtures::decision(&*world.ambient, &task, &artifact, Verdict::Reject),
            task_version: task.state_version,
            event: TaskEvent::Reject,
            ticket: None,
            replan: vec![],
        };
        world.store.task_decide(vec![ruling], world.ambient.now()).await.unwrap();
        world.mind.let_go(1);
    };
    let (done, ()) = tokio::join!(world.judge.round(&ids), meanwhile);
    done.unwrap();
    assert_eq!(world.stored(task.id).await.state, TaskState::Rejected);
    assert_eq!(world.trace(&task).await.decisions.len(), 1);
    assert!(world.queued(Queue::Publish).await.is_empty());
}

pub(crate) async fn one_result_that_cannot_be_read_spoils_no_other(world: World) {
    let first = world.post("Silk").await;
    let broken = world.post("Linen").await;
    let last = world.post("Wool").await;
    world.damage_result(&broken).await;
    world.judge.round(&[first.id, broken.id, last.id]).await.unwrap();
    assert_eq!(world.stored(first.id).await.state, TaskState::Approved);
    assert_eq!(world.stored(broken.id).await.state, TaskState::Failed);
    assert_eq!(world.stored(last.id).await.state, TaskState::Approved);
    assert_eq!(world.mind.asked().len(), 2);
}

pub(crate) async fn a_judge_at_work_takes_results_from_the_queue(world: World) {
    let task = world.post("Silk").await;
    let cancel = CancellationToken::new();
    let running = TaskTracker::new().spawn(world.judge.clone().serve(cancel.clone()));
    world.bus.push(Queue::Review, &[task.id]).await.unwrap();
    let patience = std::time::Duration::from_secs(20);
    let judged = async {
        while world.stored(task.id).await.state != TaskState::Approved {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(patience, judged).await.expect("it was never judged");
    cancel.cancel();
    tokio::time::timeout(patience, running).await.expect("it does not stop").unwrap();
}
