//! Campaigns and personas that move while their posts are on the way.

use chimera_bus::Queue;
use chimera_domain::{
    Agent, AgentTask, Campaign, CancelReason, NextAction, PersonaLock, Resolution, TaskState, TaskType, Verdict,
    sha256_hex,
};

use crate::{fake::Fate, world::World};

async fn edit_persona(world: &World, change: impl Fn(&mut Agent)) -> Agent {
    let mut agent = world.store.agents_by_ids(&[world.agent.id]).await.unwrap().remove(0);
    agent.soul_hash = sha256_hex(agent.soul_hash.as_bytes());
    change(&mut agent);
    world.store.agent_save(&agent).await.unwrap()
}

/// Words and a picture that are done, and the post of them.
async fn with_parts(world: &World, headline: &str) -> [AgentTask; 3] {
    let (signal, words) = world.bare(headline, TaskType::GenerateText, vec![]);
    let mut picture = world.bare(headline, TaskType::GenerateImage, vec![]).1;
    let mut post = world.bare(headline, TaskType::AssemblePost, vec![words.id, picture.id]).1;
    for task in [&mut picture, &mut post] {
        (task.signal_id, task.trace_id) = (signal.id, signal.trace_id);
    }
    let parts = [words, picture, post];
    world.plan(vec![signal], parts.to_vec()).await;
    world.hand_in(&parts[0], |artifact| artifact.media.clear()).await;
    world.hand_in(&parts[1], |artifact| artifact.text.clear()).await;
    world.judge.round(&[parts[0].id, parts[1].id]).await.unwrap();
    parts
}

/// The tasks planned in place of these three.
async fn replacements(world: &World, post: &AgentTask) -> Vec<AgentTask> {
    world.trace(post).await.tasks.split_off(3)
}

pub(crate) async fn a_post_of_an_edited_campaign_is_withdrawn_unjudged(world: World) {
    let task = world.post("Silk").await;
    let goal = "Wool and nothing else".to_owned();
    world.store.campaign_save(&Campaign { goal, ..world.campaign.clone() }).await.unwrap();
    world.round(&task).await;
    let stored = world.stored(task.id).await;
    assert_eq!((stored.state, stored.cancel_reason), (TaskState::Cancelled, Some(CancelReason::CampaignEdited)));
    let decision = world.decision(&task).await;
    assert_eq!((decision.verdict, decision.next_action), (Verdict::Reject, NextAction::Stop));
    assert_eq!(decision.safety_flags, ["outdated"]);
    let why = &decision.reasoning_trace;
    assert!(why.contains("v1 of its campaign") && why.contains("edited in v2"), "{why}");
    assert!(world.mind.asked().is_empty());
}

pub(crate) async fn a_post_of_an_edited_persona_is_planned_anew(world: World) {
    let [words, picture, post] = with_parts(&world, "Silk").await;
    world.hand_in(&post, |_| {}).await;
    world.queued(Queue::Task).await;
    let agent = edit_persona(&world, |_| {}).await;
    world.round(&post).await;
    let stored = world.stored(post.id).await;
    assert_eq!((stored.state, stored.cancel_reason), (TaskState::Cancelled, Some(CancelReason::PersonaChanged)));
    let decision = world.decision(&post).await;
    assert_eq!((decision.verdict, decision.next_action), (Verdict::Reject, NextAction::Replan));
    let (old, new) = (&post.persona_lock.soul_hash[..12], &agent.soul_hash[..12]);
    assert!(decision.reasoning_trace.contains(old) && decision.reasoning_trace.contains(new), "both are named");
    assert!(world.mind.asked().is_empty());

    let again = replacements(&world, &post).await;
    let [new_words, new_post] = again.as_slice() else { panic!("{again:?}") };
    assert_eq!((new_words.task_type, new_words.budget_cap_usd), (TaskType::GenerateText, words.budget_cap_usd));
    assert_eq!(new_post.depends_on, [new_words.id, picture.id], "the face is the same");
    for task in &again {
        assert_eq!((&task.persona_lock, task.payload.replans), (&PersonaLock::of(&agent), 1));
    }
    assert_eq!(world.queued(Queue::Task).await, [new_words.id]);
    world.hand_in(new_words, |artifact| artifact.media.clear()).await;
    world.round(new_words).await;
    world.hand_in(new_post, |_| {}).await;
    world.round(new_post).await;
    assert_eq!(world.stored(new_post.id).await.state, TaskState::Approved);
}

pub(crate) async fn a_part_that_no_longer_fits_the_face_is_made_anew(world: World) {
    let [_, _, post] = with_parts(&world, "Silk").await;
    // Nobody has put the post together yet; the sweeper brings it.
    let agent = edit_persona(&world, |agent| agent.soul.character_reference_id = "a-new-face".to_owned()).await;
    world.round(&post).await;
    assert_eq!(world.stored(post.id).await.state, TaskState::Cancelled);
    let again = replacements(&world, &post).await;
    let [new_words, new_picture, new_post] = again.as_slice() else { panic!("{again:?}") };
    assert_eq!(new_picture.task_type, TaskType::GenerateImage);
    assert_eq!(new_post.depends_on, [new_words.id, new_picture.id]);
    assert_eq!(new_picture.persona_lock, PersonaLock::of(&agent));
}

pub(crate) async fn a_persona_edited_while_the_mind_thinks_counts(world: World) {
    let task = world.post("Silk").await;
    world.mind.script(&[Fate::Slow]);
    let ids = [task.id];
    let meanwhile = async {
        world.mind.until_thinking(1).await;
        edit_persona(&world, |_| {}).await;
        world.mind.let_go(1);
    };
    let (done, ()) = tokio::join!(world.judge.round(&ids), meanwhile);
    done.unwrap();
    let stored = world.stored(task.id).await;
    assert_eq!((stored.state, stored.cancel_reason), (TaskState::Cancelled, Some(CancelReason::PersonaChanged)));
    let decisions = world.trace(&task).await.decisions;
    assert_eq!(decisions.len(), 1, "the verdict on what is void is not on record: {decisions:?}");
    assert!(world.queued(Queue::Publish).await.is_empty());
}

pub(crate) async fn a_post_that_waits_for_a_person_is_planned_anew_too(world: World) {
    let task = world.post("Silk 0.8").await;
    world.round(&task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::HitlQueue);
    edit_persona(&world, |_| {}).await;
    world.round(&task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::Cancelled);
    let trace = world.trace(&task).await;
    assert_eq!(trace.tickets[0].resolution, Some(Resolution::Withdrawn));
    assert_eq!(trace.tasks.len(), 2);
    assert_eq!(trace.tasks[1].state, TaskState::Ready);
    // Delivered once more, it is nobody's business.
    world.round(&task).await;
    assert_eq!(world.trace(&task).await.tasks.len(), 2);
}

pub(crate) async fn a_post_is_planned_anew_so_often_and_no_more(world: World) {
    let replanned = |task: &mut AgentTask| task.payload.replans = 1;
    let (_, task) = world.post_with("Silk", replanned, |_| {}).await;
    edit_persona(&world, |_| {}).await;
    world.round(&task).await;
    assert_eq!(world.stored(task.id).await.state, TaskState::Cancelled);
    assert_eq!(world.decision(&task).await.next_action, NextAction::Stop);
    assert_eq!(world.trace(&task).await.tasks.len(), 1);
}
