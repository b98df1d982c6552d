//! What was posted before is not said again.

use chimera_domain::{AgentTask, Channel, NextAction, TaskState};
use chimera_judge::{Judge, JudgeConfig};
use chimera_testkit::fixtures;

use crate::world::World;

const COAT: &str = "I would rather mend this coat than buy another one, and its silk lining agrees.\n\nMade by an AI.";

fn strict(world: &World) -> Judge {
    world.judge_named("strict", JudgeConfig::default())
}

async fn post(world: &World, text: &str) -> AgentTask {
    world.post_with("Silk", |_| {}, |artifact| artifact.text = text.to_owned()).await.1
}

pub(crate) async fn what_was_posted_before_is_written_anew(mut world: World) {
    let first = post(&world, COAT).await;
    let judge = strict(&world);
    judge.round(&[first.id]).await.unwrap();
    assert_eq!(world.stored(first.id).await.state, TaskState::Approved);

    let again = post(&world, &COAT.replace("rather", "sooner")).await;
    judge.round(&[again.id]).await.unwrap();
    let decision = world.decision(&again).await;
    assert_eq!(
        (decision.safety_flags.as_slice(), decision.next_action),
        (&["near_repeat".to_owned()][..], NextAction::Replan)
    );
    assert!(decision.reasoning_trace.contains("again what it posted on"), "{}", decision.reasoning_trace);
    assert_eq!(world.stored(again.id).await.state, TaskState::Rejected);
    let tasks = world.trace(&again).await.tasks;
    assert_eq!(tasks.last().unwrap().payload.correction.as_ref(), Some(&decision.reasoning_trace));

    world.agent = world.store.agent_save(&fixtures::agent(&*world.ambient)).await.unwrap();
    let campaign = fixtures::campaign(&*world.ambient, &world.agent);
    world.campaign = world.store.campaign_save(&campaign).await.unwrap();
    let copied = post(&world, COAT).await;
    judge.round(&[copied.id]).await.unwrap();
    let decision = world.decision(&copied).await;
    assert_eq!(decision.safety_flags, ["near_repeat"]);
    assert!(decision.reasoning_trace.contains("again what another agent posted"), "{}", decision.reasoning_trace);

    let own = post(&world, "Linen wrinkles, and so do I would if I had a face.\n\nMade by an AI.").await;
    judge.round(&[own.id]).await.unwrap();
    assert_eq!(world.stored(own.id).await.state, TaskState::Approved);
}

pub(crate) async fn of_two_alike_at_once_one_goes_out(world: World) {
    let posts = [post(&world, COAT).await, post(&world, COAT).await];
    strict(&world).round(&posts.each_ref().map(|post| post.id)).await.unwrap();
    let mut states = [world.stored(posts[0].id).await.state, world.stored(posts[1].id).await.state];
    states.sort_by_key(ToString::to_string);
    assert_eq!(states, [TaskState::Approved, TaskState::Rejected]);
}

pub(crate) async fn posts_that_went_nowhere_are_not_repeated(world: World) {
    let judge = strict(&world);
    let weak = world.post_with("Silk 0.2", |_| {}, |artifact| artifact.text = COAT.to_owned()).await.1;
    let asked = world.post_with("Silk 0.8", |_| {}, |artifact| artifact.text = COAT.to_owned()).await.1;
    for post in [&weak, &asked] {
        judge.round(&[post.id]).await.unwrap();
    }
    let good = post(&world, COAT).await;
    judge.round(&[good.id]).await.unwrap();
    let states = [world.stored(weak.id).await.state, world.stored(asked.id).await.state];
    assert_eq!(states, [TaskState::Rejected, TaskState::HitlQueue]);
    assert_eq!(world.stored(good.id).await.state, TaskState::Approved);
    // A person may say it all the same, and on another channel it is the same post.
    let elsewhere =
        world.post_with("Silk", |task| task.channel = Channel::Mastodon, |artifact| artifact.text = COAT.to_owned());
    let elsewhere = elsewhere.await.1;
    judge.round(&[elsewhere.id]).await.unwrap();
    assert!(!world.decision(&elsewhere).await.safety_flags.contains(&"near_repeat".to_owned()));
}
