//! A rejected post gets another chance, and not a third.

use chimera_bus::Queue;
use chimera_domain::{NextAction, TaskState, TaskType};

use crate::world::World;

pub(crate) async fn a_weak_post_is_written_again_once_with_the_reason(world: World) {
    let (signal, words) = world.bare("Silk 0.2", TaskType::GenerateText, vec![]);
    let mut parts = vec![words];
    for task_type in [TaskType::GenerateImage, TaskType::AssemblePost] {
        let needs = if task_type.is_publishable() { parts.iter().map(|t| t.id).collect() } else { vec![] };
        let mut task = world.bare("Silk 0.2", task_type, needs).1;
        (task.signal_id, task.trace_id) = (signal.id, signal.trace_id);
        parts.push(task);
    }
    let [words, picture, post] = <[_; 3]>::try_from(parts.clone()).unwrap();
    world.plan(vec![signal], parts).await;
    world.hand_in(&words, |artifact| artifact.media.clear()).await;
    world.hand_in(&picture, |artifact| artifact.text.clear()).await;
    world.judge.round(&[words.id, picture.id]).await.unwrap();
    world.hand_in(&post, |_| {}).await;
    world.queued(Queue::Task).await;
    world.round(&post).await;

    assert_eq!(world.stored(post.id).await.state, TaskState::Rejected);
    let decision = world.decision(&post).await;
    assert_eq!(decision.next_action, NextAction::Replan);
    let tasks = world.trace(&post).await.tasks;
    assert_eq!(tasks.len(), 5);
    let (new_words, new_post) = (&tasks[3], &tasks[4]);
    assert_eq!((new_words.task_type, new_words.state), (TaskType::GenerateText, TaskState::Ready));
    assert_eq!((new_post.task_type, new_post.state), (TaskType::AssemblePost, TaskState::Pending));
    // The picture was paid for, and nothing was wrong with it.
    assert_eq!(new_post.depends_on, [new_words.id, picture.id]);
    for task in [new_words, new_post] {
        assert_eq!(task.payload.correction.as_ref(), Some(&decision.reasoning_trace));
        assert_eq!((task.payload.replans, task.attempts, task.result_artifact), (1, 0, None));
    }
    assert_eq!(world.queued(Queue::Task).await, [new_words.id]);

    world.hand_in(new_words, |artifact| artifact.media.clear()).await;
    world.round(new_words).await;
    world.hand_in(new_post, |_| {}).await;
    world.round(new_post).await;
    assert_eq!(world.stored(new_post.id).await.state, TaskState::Rejected);
    assert_eq!(world.decision(new_post).await.next_action, NextAction::Stop);
    assert_eq!(world.trace(&post).await.tasks.len(), 5, "it ends here");
}
