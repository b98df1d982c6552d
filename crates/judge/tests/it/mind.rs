//! Minds that fail, and what asking them costs.

use chimera_domain::{TaskState, TaskType, Usd};
use chrono::Duration;

use crate::{
    fake::{Fate, PRICE},
    world::World,
};

pub(crate) async fn without_an_opinion_a_person_decides(world: World) {
    let task = world.post("Silk").await;
    world.mind.script(&[Fate::Blocked]);
    world.round(&task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    let decision = world.decision(&task).await;
    assert_eq!(decision.safety_flags, ["unjudged"]);
    assert!(decision.reasoning_trace.contains("The mind could not be asked."), "{}", decision.reasoning_trace);
}

pub(crate) async fn a_mind_that_asks_for_a_rest_gets_it(world: World) {
    let (first, second) = (world.post("Silk").await, world.post("Linen").await);
    let (signal, part) = world.bare("Wool", TaskType::GenerateText, vec![]);
    world.plan(vec![signal], vec![part.clone()]).await;
    world.hand_in(&part, |artifact| artifact.media.clear()).await;
    world.mind.script(&[Fate::RateLimited]);
    world.round(&first).await;
    for task in [&first, &second, &part] {
        world.round(task).await;
    }
    assert_eq!(world.mind.asked().len(), 1, "it asked for a minute");
    assert_eq!(world.stored(first.id).await, first, "the result waits as it is");
    assert_eq!(world.stored(second.id).await, second);
    assert_eq!(world.stored(part.id).await.state, TaskState::Done, "what needs no mind does not wait for it");
    let failures = world.trace(&first).await.tool_calls.into_iter().filter(|c| c.error.is_some()).count();
    assert_eq!(failures, 1, "the failed question is on record");

    world.ambient.advance(Duration::seconds(61));
    world.judge.round(&[first.id, second.id]).await.unwrap();
    for task in [first, second] {
        assert_eq!(world.stored(task.id).await.state, TaskState::Approved);
    }
    assert_eq!(world.mind.asked().len(), 3);
}

pub(crate) async fn a_mind_that_garbles_is_asked_so_often_and_no_more(world: World) {
    let task = world.post("Silk").await;
    world.mind.script(&[Fate::Malformed; 9]);
    for asked in 1..=2 {
        world.round(&task).await;
        assert_eq!((world.stored(task.id).await.state, world.mind.asked().len()), (TaskState::JudgeReview, asked));
    }
    world.round(&task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    assert_eq!(world.decision(&task).await.safety_flags, ["unjudged"]);
    assert_eq!(world.mind.asked().len(), 3);
}

pub(crate) async fn a_slow_opinion_holds_back_no_other_post(world: World) {
    let (slow, quick) = (world.post("Silk").await, world.post("Linen").await);
    world.mind.script(&[Fate::Slow]);
    let ids = [slow.id, quick.id];
    let watch = async {
        world.mind.until_thinking(1).await;
        while world.stored(quick.id).await.state != TaskState::Approved {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(world.stored(slow.id).await.state, TaskState::JudgeReview);
        world.mind.let_go(1);
    };
    let patience = std::time::Duration::from_secs(20);
    let both = async { tokio::join!(world.judge.round(&ids), watch) };
    let (done, ()) = tokio::time::timeout(patience, both).await.expect("the quick post waits for the slow one");
    done.unwrap();
    assert_eq!(world.stored(slow.id).await.state, TaskState::Approved);
}

pub(crate) async fn every_opinion_is_paid_for_once(world: World) {
    let made = Usd::from_micros(100_003);
    let task = world.post("Silk").await;
    world.round(&task).await;
    // Delivered again, it is not judged again.
    world.round(&task).await;
    assert_eq!(world.store.spend_total(None).await.unwrap(), [made, PRICE].into_iter().sum::<Usd>());
    let other = world.post("Linen").await;
    world.mind.script(&[Fate::Blocked]);
    world.round(&other).await;
    let wanted = [made, PRICE, made, PRICE].into_iter().sum::<Usd>();
    assert_eq!(world.store.spend_total(None).await.unwrap(), wanted, "a refusal costs as well");
    let calls = world.trace(&other).await.tool_calls;
    assert!(calls.iter().any(|c| c.server == "mind" && c.tool == "scripted/opine" && c.task_id == Some(other.id)));
}
