//! The shape of a plan.

use chimera_domain::{Channel, TaskState, TaskType, VideoTier};
use chimera_testkit::{SeededAmbient, fixtures};

use super::*;

fn planned(channels: Vec<Channel>) -> Vec<AgentTask> {
    planned_by(channels, &VideoRule::default())
}

fn planned_by(channels: Vec<Channel>, video: &VideoRule) -> Vec<AgentTask> {
    let ambient = SeededAmbient::new(1);
    let agent = fixtures::agent(&ambient);
    let campaign = Campaign { channels, ..fixtures::campaign(&ambient, &agent) };
    let signal = fixtures::signal(&ambient, &campaign, &agent);
    plan_posts(seed(&campaign, &agent, &signal, video), &ambient)
}

fn seed<'a>(campaign: &'a Campaign, agent: &'a Agent, signal: &'a TrendSignal, video: &'a VideoRule) -> PlanSeed<'a> {
    PlanSeed { campaign, agent, signal, seed: 7, video, trending: false, left: &[] }
}

#[test]
fn a_video_waits_for_its_picture_and_the_post_for_all() {
    let tasks = planned(vec![Channel::Instagram]);
    let types: Vec<_> = tasks.iter().map(|t| t.task_type).collect();
    assert_eq!(
        types,
        [TaskType::GenerateText, TaskType::GenerateImage, TaskType::GenerateVideo, TaskType::AssemblePost]
    );
    let (post, parts) = tasks.split_last().unwrap();
    let [words, picture, video] = parts else { panic!("{types:?}") };
    assert!([words, picture].iter().all(|p| p.state == TaskState::Ready && p.depends_on.is_empty()));
    assert_eq!((video.state, video.depends_on.as_slice()), (TaskState::Pending, [picture.id].as_slice()));
    assert_eq!(post.state, TaskState::Pending);
    assert_eq!(post.depends_on, parts.iter().map(|p| p.id).collect::<Vec<_>>());
}

#[test]
fn each_channel_gets_a_post_of_its_own() {
    let tasks = planned(vec![Channel::X, Channel::TikTok]);
    let posts: Vec<_> = tasks.iter().filter(|t| t.task_type == TaskType::AssemblePost).map(|t| t.channel).collect();
    assert_eq!(posts, [Channel::X, Channel::TikTok]);
    for post in tasks.iter().filter(|t| t.task_type == TaskType::AssemblePost) {
        for part in tasks.iter().filter(|t| post.depends_on.contains(&t.id)) {
            assert_eq!(part.channel, post.channel);
        }
    }
}

#[test]
fn nothing_begins_where_the_operator_looks_first() {
    let ambient = SeededAmbient::new(1);
    let agent = fixtures::agent(&ambient);
    let mut campaign = fixtures::campaign(&ambient, &agent);
    campaign.limits.plan_review = true;
    let signal = fixtures::signal(&ambient, &campaign, &agent);
    let tasks = plan_posts(seed(&campaign, &agent, &signal, &VideoRule::default()), &ambient);
    assert!(tasks.len() > 1 && tasks.iter().all(|task| task.state == TaskState::Draft));
}

#[test]
fn a_video_is_a_daily_one_unless_the_rule_says_otherwise_and_costs_what_its_tier_may() {
    let dear = VideoRule {
        hero_from: Some(Score::ZERO),
        hero_usd: Some(Usd::cents(40)),
        daily_usd: Some(Usd::cents(10)),
        ..VideoRule::default()
    };
    let cheap = VideoRule { hero_from: None, ..dear };
    for (rule, tier, cap) in [(dear, VideoTier::Hero, Usd::cents(40)), (cheap, VideoTier::Daily, Usd::cents(10))] {
        for channel in [Channel::Instagram, Channel::TikTok, Channel::YoutubeShorts] {
            let tasks = planned_by(vec![channel], &rule);
            let [_, picture, video, post] = tasks.as_slice() else { panic!("{channel}: {} tasks", tasks.len()) };
            assert_eq!(picture.task_type, TaskType::GenerateImage, "a video begins with a picture, on {channel} too");
            assert_eq!((video.video_tier(), video.budget_cap_usd), (Some(tier), cap));
            assert_eq!(video.payload.video, Some(VideoPlan::of(tier, rule.daily_usd)));
            assert!(tasks.iter().filter(|task| task.id != video.id).all(|task| task.payload.video.is_none()));
            assert_eq!(post.depends_on.len(), 3);
        }
    }
}

#[test]
fn every_node_says_what_its_result_must_be() {
    for task in planned(Channel::ALL.to_vec()) {
        let wanted = Criterion::of(task.task_type, task.channel, task.channel.rules().modalities);
        assert_eq!(task.payload.acceptance, wanted);
        assert!(!wanted.is_empty());
    }
}

#[test]
fn chance_depends_on_seed_item_and_channel_only() {
    assert_eq!(chance(1, "a", Channel::X), chance(1, "a", Channel::X));
    let others = [chance(2, "a", Channel::X), chance(1, "b", Channel::X), chance(1, "a", Channel::Blog)];
    assert!(others.iter().all(|o| *o != chance(1, "a", Channel::X)));
    assert!(others.iter().all(|o| *o < 1 << 32));
}
