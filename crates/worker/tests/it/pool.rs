//! Claimed tasks become artifacts.

use chimera_bus::Queue;
use chimera_domain::{AlertKind, Severity, TaskState, TaskType, Usd};
use chimera_media::Credentials;
use serde_json::json;

use crate::{
    fake::{Fate, PICTURE, VIDEO},
    world::{LEASE, MOMENT, World, eventually},
};

const PARTS: [TaskType; 3] = [TaskType::GenerateText, TaskType::GenerateImage, TaskType::GenerateVideo];

pub(crate) async fn words_picture_and_video_become_a_post_and_every_call_is_paid_for(world: World) {
    let tasks = world.planned(&PARTS).await;
    let (post, parts) = tasks.split_last().unwrap();
    let pool = world.pool("pool", 4, LEASE);
    world.push(Queue::Task, parts).await;
    for part in parts {
        world.until(part.id, TaskState::JudgeReview).await;
        world.accept(part.id).await;
    }
    let done = world.until(post.id, TaskState::JudgeReview).await;
    pool.stop().await;

    let view = world.trace(post).await;
    let made = view.artifacts.iter().find(|a| Some(a.id) == done.result_artifact).unwrap();
    assert_eq!(made.text, "Mend it, wear it, love it.\n\nI am an AI.");
    assert_eq!(made.hashtags, ["mending", "silk"]);
    assert_eq!(made.disclosure.models, ["fake-painter", "fake-writer"]);
    assert!(made.is_intact() && made.character_reference_id == world.agent.soul.character_reference_id);
    let mimes: Vec<&str> = made.media.iter().map(|m| m.mime.as_str()).collect();
    assert_eq!(mimes, ["image/png", "video/mp4"]);
    let video = made.media.last().unwrap();
    assert_eq!((video.width, video.height, video.duration_ms), (720, 1_280, 6_000));
    assert_eq!(video.captions_vtt.as_deref(), Some("WEBVTT\n"));
    for medium in &made.media {
        // What the tool made, and in it who made it.
        let bytes = world.blobs.get(&medium.sha256, &medium.mime).await.unwrap();
        assert_eq!(medium.bytes, bytes.len() as u64);
        let (frames, slug) = (
            if medium.mime == "video/mp4" { &VIDEO[VIDEO.len() - 6..] } else { &PICTURE[8..33] },
            &world.agent.persona_slug,
        );
        assert!(bytes.windows(frames.len()).any(|part| part == frames), "{}", medium.mime);
        Credentials::check(bytes, &medium.mime, slug, post.trace_id).await.unwrap();
    }

    // 0.0001 for words, 0.02 for the picture, 0.3 for the video, each on record once and counted once.
    assert_eq!(world.spent().await, Usd::from_micros(320_100));
    assert_eq!(view.tool_calls.len(), 3);
    assert!(view.tool_calls.iter().all(|call| call.trace_id == post.trace_id && call.task_id.is_some()));
    for (task, tool) in parts.iter().zip(["generate_text", "generate_image", "generate_video"]) {
        let given = &world.fake.arguments(tool)[0];
        assert_eq!(given["character"], json!(world.agent.soul.character_reference_id));
        assert_eq!(given["trace"], json!(task.trace_id));
        assert_eq!(given["budget"], json!(task.budget_cap_usd));
    }
}

pub(crate) async fn a_call_without_a_character_is_refused_and_becomes_a_dead_letter(world: World) {
    let nameless = |task: &mut chimera_domain::AgentTask| task.persona_lock.character_reference_id.clear();
    let tasks = world.planned_with(&[TaskType::GenerateImage], nameless).await;
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &tasks[..1]).await;
    let failed = world.until(tasks[0].id, TaskState::Failed).await;
    pool.stop().await;
    assert_eq!(failed.attempts, 1, "a refusal is not repeated");
    assert!(failed.last_error.unwrap().contains("a character reference is needed"));
    assert_eq!(world.states(&tasks).await, [TaskState::Failed, TaskState::Cancelled]);
    let alerts = world.alerts().await;
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].kind, alerts[0].severity), (AlertKind::DeadLetter, Severity::Warning));
    assert_eq!((alerts[0].reason_code.as_str(), alerts[0].trace_id), ("not_retryable", Some(tasks[0].trace_id)));
    assert_eq!(world.fake.count("generate_image"), 1);
}

pub(crate) async fn a_persona_that_changed_is_not_spoken_for(mut world: World) {
    let tasks = world.planned(&[TaskType::GenerateText]).await;
    let edited = chimera_domain::Agent { soul_hash: "f".repeat(64), ..world.agent.clone() };
    world.agent = world.store.agent_save(&edited).await.unwrap();
    let (_, fine) = world.words().await;
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &[tasks[0].clone(), fine.clone()]).await;
    world.until(fine.id, TaskState::JudgeReview).await;
    pool.stop().await;
    assert_eq!(world.stored(tasks[0].id).await, tasks[0], "nobody takes it");

    // The persona may change between the claim and the work.
    let (_, late) = world.words().await;
    let claimed = world.claim(late.id, "worker", LEASE).await;
    let order = world.store.work_orders(&[claimed]).await.unwrap().remove(0);
    let agent = chimera_domain::Agent { soul_hash: "e".repeat(64), ..order.agent.clone() };
    let finished = world.executor().execute(&chimera_store::WorkOrder { agent, ..order }).await;
    let refused = finished.outcome.unwrap_err();
    assert!(refused.to_string().contains("planned under SOUL.md ffffffffffff"), "{refused}");
    assert_eq!(world.fake.count("generate_text"), 1);
}

pub(crate) async fn a_failing_tool_is_tried_again_and_the_attempts_are_counted(world: World) {
    let (_, task) = world.words().await;
    world.fake.script("generate_text", &[Fate::Busy, Fate::CutBefore]);
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &[task.clone()]).await;
    let done = world.until(task.id, TaskState::JudgeReview).await;
    pool.stop().await;
    assert_eq!(done.attempts, 3);
    // What the failed attempts called is on record too.
    assert_eq!(world.trace(&task).await.tool_calls.len(), 3);
    assert!(world.alerts().await.is_empty());
}

pub(crate) async fn a_tool_that_always_fails_is_given_up_after_its_attempts(world: World) {
    let tasks = world.planned(&[TaskType::GenerateText]).await;
    world.fake.script("generate_text", &[Fate::Busy; 9]);
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &tasks[..1]).await;
    let failed = world.until(tasks[0].id, TaskState::Failed).await;
    pool.stop().await;
    assert_eq!((failed.attempts, world.fake.count("generate_text")), (3, 3));
    assert_eq!(world.states(&tasks).await, [TaskState::Failed, TaskState::Cancelled]);
    let reasons: Vec<String> = world.alerts().await.into_iter().map(|a| a.reason_code).collect();
    assert_eq!(reasons, ["attempts_exhausted"]);
}

pub(crate) async fn a_tool_may_name_its_fields_as_it_likes(world: World) {
    let (_, task) = world.words().await;
    world.fake.script("generate_text", &[Fate::Foreign]);
    let pool = world.pool("pool", 1, LEASE);
    world.push(Queue::Task, &[task.clone()]).await;
    world.until(task.id, TaskState::JudgeReview).await;
    pool.stop().await;
    assert_eq!(world.trace(&task).await.artifacts[0].text, "Said otherwise.");
}

pub(crate) async fn a_strangers_links_and_mentions_stay_out_of_the_picture(world: World) {
    let lure = |task: &mut chimera_domain::AgentTask| {
        task.payload.headline = "Silk by @ben at https://evil.test or WWW.evil.test #silk".to_owned();
    };
    let tasks = world.planned_with(&[TaskType::GenerateImage], lure).await;
    let pool = world.pool("pool", 1, LEASE);
    world.push(Queue::Task, &tasks[..1]).await;
    world.until(tasks[0].id, TaskState::JudgeReview).await;
    pool.stop().await;
    assert_eq!(world.fake.arguments("generate_image")[0]["headline"], "Silk by ben at or silk");
}

pub(crate) async fn nothing_is_claimed_that_nobody_can_begin(world: World) {
    let mut tasks = vec![];
    for _ in 0..5 {
        tasks.push(world.words().await.1);
    }
    world.fake.script("generate_text", &[Fate::Wait; 5]);
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &tasks).await;
    world.fake.until_waiting(2).await;
    let mut states = world.states(&tasks).await;
    states.sort();
    let (ready, executing) = (TaskState::Ready, TaskState::Executing);
    assert_eq!(states, [ready, ready, ready, executing, executing]);
    world.fake.let_go(5);
    for task in &tasks {
        assert_eq!(world.until(task.id, TaskState::JudgeReview).await.attempts, 1);
    }
    pool.stop().await;
}

pub(crate) async fn work_in_hand_is_finished_at_shutdown_and_nothing_else_is_begun(world: World) {
    let (_, first) = world.words().await;
    let (_, second) = world.words().await;
    world.fake.script("generate_text", &[Fate::Wait]);
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &[first.clone()]).await;
    world.fake.until_waiting(1).await;
    pool.cancel();
    world.push(Queue::Task, &[second.clone()]).await;
    assert!(!pool.is_over(), "it left its work behind");
    assert_eq!(world.states(&[first.clone(), second.clone()]).await, [TaskState::Executing, TaskState::Ready]);
    world.fake.let_go(1);
    pool.stop().await;
    assert_eq!(world.states(&[first, second]).await, [TaskState::JudgeReview, TaskState::Ready]);
}

pub(crate) async fn what_outlasts_patience_is_handed_back_at_once_and_does_not_count(world: World) {
    let (_, task) = world.words().await;
    world.fake.script("generate_text", &[Fate::Wait]);
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, &[task.clone()]).await;
    world.fake.until_waiting(1).await;
    pool.cancel();
    pool.abandon();
    pool.stop().await;
    let back = world.stored(task.id).await;
    assert_eq!((back.state, back.attempts, back.lease_owner.as_deref()), (TaskState::Ready, 0, None));
    assert!(back.last_error.unwrap().contains("ended before"));
    let calls = world.trace(&task).await.tool_calls;
    assert_eq!(calls.len(), 1, "the call that was cut off is on record: {calls:?}");
    // It was delivered again, without a sweeper and without a rest.
    let fresh = world.pool("fresh", 1, LEASE);
    assert_eq!(world.until(task.id, TaskState::JudgeReview).await.attempts, 1);
    fresh.stop().await;
}

pub(crate) async fn a_lapsed_lease_is_taken_over_and_the_late_result_is_fenced(world: World) {
    let (_, task) = world.words().await;
    world.fake.script("generate_text", &[Fate::Wait]);
    let frozen = world.pool("frozen", 1, MOMENT);
    world.push(Queue::Task, &[task.clone()]).await;
    world.fake.until_waiting(1).await;
    frozen.cancel();
    // Nothing but the sweeper may bring it to the second pool.
    let sweeper = world.sweeper(world.bus.clone());
    let taken = eventually("the sweeper puts the task back", || async {
        let swept = sweeper.sweep().await.unwrap();
        swept.ready.contains(&task.id).then_some(())
    });
    taken.await;
    let fresh = world.pool("fresh", 1, LEASE);
    let done = world.until(task.id, TaskState::JudgeReview).await;
    assert_eq!(done.attempts, 2);
    let made = done.result_artifact;

    world.fake.let_go(1);
    frozen.stop().await;
    fresh.stop().await;
    let after = world.stored(task.id).await;
    assert_eq!((after.state, after.result_artifact, after.state_version), (done.state, made, done.state_version));
    let view = world.trace(&task).await;
    assert_eq!(view.artifacts.len(), 1, "the late result was taken");
    assert_eq!(view.tool_calls.len(), 2, "the late call is paid for all the same");
}

pub(crate) async fn one_task_that_cannot_be_read_spoils_no_other(world: World) {
    let tasks = world.planned(&[TaskType::GenerateText]).await;
    let [part, broken] = tasks.as_slice() else { panic!("{tasks:?}") };
    let claimed = world.claim(part.id, "worker", LEASE).await;
    world.submit(&claimed).await;
    world.accept(part.id).await;
    world.damage_result(part).await;
    let (_, sound) = world.words().await;
    world.push(Queue::Task, &[broken.clone(), sound.clone()]).await;
    let pool = world.pool("pool", 4, LEASE);
    world.until(sound.id, TaskState::JudgeReview).await;
    let failed = world.until(broken.id, TaskState::Failed).await;
    pool.stop().await;
    assert!(failed.last_error.unwrap().contains("restore it from a backup"));
    let subjects: Vec<String> = world.alerts().await.into_iter().map(|a| a.subject).collect();
    assert_eq!(subjects, [broken.id.to_string()]);
}
