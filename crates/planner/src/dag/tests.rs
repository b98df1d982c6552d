//! The shape of a plan.

use chimera_domain::{Channel, TaskState, TaskType};
use chimera_testkit::{SeededAmbient, fixtures};

use super::*;

fn planned(channels: Vec<Channel>) -> Vec<AgentTask> {
    let ambient = SeededAmbient::new(1);
    let agent = fixtures::agent(&ambient);
    let campaign = Campaign { channels, ..fixtures::campaign(&ambient, &agent) };
    let signal = fixtures::signal(&ambient, &campaign, &agent);
    plan_posts(PlanSeed { campaign: &campaign, agent: &agent, signal: &signal, seed: 7 }, &ambient)
}

#[test]
fn parts_run_side_by_side_and_the_post_waits_for_all() {
    let tasks = planned(vec![Channel::Instagram]);
    let types: Vec<_> = tasks.iter().map(|t| t.task_type).collect();
    assert_eq!(
        types,
        [TaskType::GenerateText, TaskType::GenerateImage, TaskType::GenerateVideo, TaskType::AssemblePost]
    );
    let (post, parts) = tasks.split_last().unwrap();
    assert!(parts.iter().all(|p| p.state == TaskState::Ready && p.depends_on.is_empty()));
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
    let tasks = plan_posts(PlanSeed { campaign: &campaign, agent: &agent, signal: &signal, seed: 7 }, &ambient);
    assert!(tasks.len() > 1 && tasks.iter().all(|task| task.state == TaskState::Draft));
}

#[test]
fn chance_depends_on_seed_item_and_channel_only() {
    assert_eq!(chance(1, "a", Channel::X), chance(1, "a", Channel::X));
    let others = [chance(2, "a", Channel::X), chance(1, "b", Channel::X), chance(1, "a", Channel::Blog)];
    assert!(others.iter().all(|o| *o != chance(1, "a", Channel::X)));
    assert!(others.iter().all(|o| *o < 1 << 32));
}
