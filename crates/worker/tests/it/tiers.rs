//! Videos by their tiers: which tool makes them, and what becomes of those that would come to nothing.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_bus::Queue;
use chimera_domain::{AgentTask, Artifact, EntryState, Modality, Shortfall, TaskState, Usd, VideoTier};
use chimera_mcp::Cost;

use crate::{
    fake::Fate,
    world::{LEASE, World},
};

const CALL: Usd = Usd::cents(5);
const DAILY: Usd = Usd::cents(10);

/// Brings a picture, the video that begins with it and their post to where a judge has the post; what it shows.
async fn run(world: &World, tasks: &[AgentTask; 3]) -> (AgentTask, Artifact) {
    let [picture, video, post] = tasks;
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, std::slice::from_ref(picture)).await;
    for part in [picture, video] {
        world.until(part.id, TaskState::JudgeReview).await;
        world.accept(part.id).await;
    }
    let done = world.until(post.id, TaskState::JudgeReview).await;
    pool.stop().await;
    let made = world.trace(post).await.artifacts.into_iter().find(|made| Some(made.id) == done.result_artifact);
    (world.stored(video.id).await, made.unwrap())
}

fn shown(post: &Artifact) -> Vec<Modality> {
    post.media.iter().map(|medium| medium.modality).collect()
}

fn steps(video: &AgentTask) -> Vec<(VideoTier, Shortfall)> {
    video.payload.video.as_ref().unwrap().steps.iter().map(|step| (step.to, step.cause)).collect()
}

/// Nothing is set aside any more, and the ledger has what was called.
async fn balanced(world: &World, charged: Usd) {
    let ledger = world.ledger().await;
    let over = |state| matches!(state, EntryState::Settled | EntryState::Released);
    assert!(ledger.iter().all(|entry| over(entry.state)), "{ledger:?}");
    assert_eq!(ledger.iter().map(|entry| entry.counted).sum::<Usd>(), charged);
    assert_eq!(world.spent().await, charged, "to the cent");
}

pub(crate) async fn a_daily_video_begins_with_the_posts_own_picture(world: World) {
    let tasks = world.filmed(VideoTier::Daily, None).await;
    let (video, post) = run(&world, &tasks).await;
    assert_eq!((world.fake.count("generate_video"), world.fake.count("animate_image")), (0, 1));
    assert_eq!((shown(&post), steps(&video)), (vec![Modality::Image, Modality::Video], vec![]));
    let given = &world.fake.arguments("animate_image")[0]["image"];
    let picture = &post.media[0];
    assert_eq!(given["sha256"], picture.sha256.as_str());
    assert_eq!(given["mime"], "image/png");
    assert_eq!(given["alt_text"], "A coat");
    let bytes = BASE64_STANDARD.decode(given["base64"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, world.blobs.get(&picture.sha256, &picture.mime).await.unwrap(), "signed as it is");
    let path = given["uri"].as_str().unwrap().strip_prefix("file://").unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

pub(crate) async fn a_hero_video_is_made_from_words(world: World) {
    let tasks = world.filmed(VideoTier::Hero, None).await;
    let (video, post) = run(&world, &tasks).await;
    assert_eq!((world.fake.count("generate_video"), world.fake.count("animate_image")), (1, 0));
    assert_eq!((shown(&post), steps(&video)), (vec![Modality::Image, Modality::Video], vec![]));
}

pub(crate) async fn tools_that_fail_for_good_leave_the_picture_and_a_balanced_ledger(world: World) {
    let world = world.with_cost(&Cost::Fixed(CALL));
    let tasks = world.filmed(VideoTier::Hero, Some(DAILY)).await;
    // Three attempts of which nobody knows the end, then a clear no.
    world.fake.script("generate_video", &[Fate::CutBefore; 3]);
    world.fake.script("animate_image", &[Fate::Refuse]);
    let (video, post) = run(&world, &tasks).await;
    assert_eq!((world.fake.count("generate_video"), world.fake.count("animate_image")), (3, 1));
    let tool = Shortfall::Tool;
    assert_eq!(steps(&video), [(VideoTier::Daily, tool), (VideoTier::Picture, tool)]);
    assert!(video.payload.video.unwrap().steps[1].why.contains("breaks the rules of the house"));
    assert_eq!((shown(&post), video.attempts), (vec![Modality::Image], 1));
    assert_eq!(world.alerts().await, [], "no dead letter");
    // The picture, and what the three calls may have cost.
    balanced(&world, Usd::cents(20)).await;
}

pub(crate) async fn a_video_that_is_not_what_was_planned_is_made_otherwise(world: World) {
    let world = world.with_cost(&Cost::Fixed(CALL));
    let tasks = world.filmed(VideoTier::Hero, Some(DAILY)).await;
    world.fake.script("generate_video", &[Fate::Mute]);
    let (video, post) = run(&world, &tasks).await;
    assert_eq!(steps(&video), [(VideoTier::Daily, Shortfall::Tool)]);
    let why = &video.payload.video.as_ref().unwrap().steps[0].why;
    assert!(why.contains("captions: ") && why.contains("WebVTT"), "{why}");
    assert_eq!(shown(&post), [Modality::Image, Modality::Video]);
    balanced(&world, Usd::cents(15)).await;
}

pub(crate) async fn a_video_beyond_the_days_money_is_a_cheaper_one_or_the_picture(world: World) {
    let world = world.with_cost(&Cost::Fixed(CALL));
    let money = Shortfall::Money;
    let to_daily = world.filmed(VideoTier::Hero, Some(DAILY)).await;
    let to_picture = world.filmed(VideoTier::Hero, Some(DAILY)).await;
    // Five cents go to the picture, which leaves ten for the video.
    world.limit(Usd::cents(15)).await;
    let (video, post) = run(&world, &to_daily).await;
    assert_eq!((steps(&video), shown(&post).len()), (vec![(VideoTier::Daily, money)], 2));
    balanced(&world, Usd::cents(10)).await;
    // What is left pays for the next picture.
    let (video, post) = run(&world, &to_picture).await;
    assert_eq!(steps(&video), [(VideoTier::Daily, money), (VideoTier::Picture, money)]);
    assert_eq!(shown(&post), [Modality::Image]);
    balanced(&world, Usd::cents(15)).await;
    assert_eq!((world.fake.count("generate_video"), world.fake.count("animate_image")), (0, 1));
    assert_eq!(world.alerts().await, []);
}

pub(crate) async fn where_a_post_needs_its_video_it_is_a_dead_letter_as_ever(world: World) {
    let tasks = world.filmed_for(chimera_domain::Channel::YoutubeShorts, VideoTier::Hero, None).await;
    let [picture, video, post] = &tasks;
    world.fake.script("generate_video", &[Fate::Refuse]);
    world.fake.script("animate_image", &[Fate::Refuse]);
    let pool = world.pool("pool", 2, LEASE);
    world.push(Queue::Task, std::slice::from_ref(picture)).await;
    world.until(picture.id, TaskState::JudgeReview).await;
    world.accept(picture.id).await;
    let dead = world.until(video.id, TaskState::Failed).await;
    pool.stop().await;
    assert_eq!(steps(&dead), [(VideoTier::Daily, Shortfall::Tool)]);
    assert_eq!(world.stored(post.id).await.state, TaskState::Cancelled);
    assert_eq!(world.alerts().await[0].reason_code, "not_retryable");
}
