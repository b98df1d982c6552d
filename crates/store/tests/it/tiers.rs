//! Videos that would come to nothing are made a tier lower: whoever pays for them finds the ledger right to the cent.

use chimera_domain::{
    AgentTask, AlertKind, Ambient as _, Channel, EntryState, Shortfall, TaskState, TaskType, ToolStatus, Usd,
    VideoPlan, VideoTier,
};
use chimera_store::{Claim, Release};
use chimera_testkit::fixtures;

use crate::{
    spending::{DOLLAR, call, entries, limit, release, used},
    world::{LEASE, World},
};

/// What a daily video may cost.
const DAILY: Usd = Usd::cents(20);

/// A hero video of at most a dollar for this channel, READY, and the post that waits for it.
async fn hero(world: &World, channel: Channel) -> (AgentTask, AgentTask) {
    let signal = world.signal();
    let mut video =
        AgentTask { channel, budget_cap_usd: DOLLAR, ..world.task(&signal, TaskType::GenerateVideo, vec![]) };
    video.payload.video = Some(VideoPlan::of(VideoTier::Hero, Some(DAILY)));
    let post = AgentTask { channel, ..world.task(&signal, TaskType::AssemblePost, vec![video.id]) };
    world.store.plan_commit(&world.plan(vec![signal], vec![video.clone(), post.clone()])).await.unwrap();
    (video, post)
}

fn way(task: &AgentTask) -> Vec<(VideoTier, Shortfall)> {
    let plan = task.payload.video.as_ref().unwrap();
    assert_eq!(plan.wanted, VideoTier::Hero, "what was wanted stays on record");
    plan.steps.iter().map(|step| (step.to, step.cause)).collect()
}

pub(crate) async fn a_tool_that_fails_for_good_takes_a_video_down_tier_by_tier(world: World) {
    let (video, post) = hero(&world, Channel::Instagram).await;
    let now = world.ambient.now();
    let mut spent = Usd::ZERO;
    for (tier, reserved, next) in [
        (VideoTier::Hero, DOLLAR, Some(VideoTier::Daily)),
        (VideoTier::Daily, DAILY, Some(VideoTier::Picture)),
        (VideoTier::Picture, Usd::ZERO, None),
    ] {
        let held = world.claimed(video.id, "worker").await;
        assert_eq!((held.video_tier(), held.budget_cap_usd), (Some(tier), reserved));
        assert_eq!((held.attempts, held.failures), (1, 0), "each tier has all its attempts");
        assert_eq!(used(&world).await, spent.saturating_add(reserved));
        let cost = Usd::cents(7).min(reserved);
        spent = spent.saturating_add(cost);
        let paid = call(&world, &held, cost, ToolStatus::Failed);
        let given_up = Release { exhausted: true, ..release(&held, vec![paid]) };
        let alert = fixtures::alert(&world.ambient, AlertKind::DeadLetter, &video.id.to_string());
        let released = world.store.task_release(vec![given_up.clone()], vec![alert], now).await.unwrap();
        let steps: Vec<_> = released.lowered.iter().map(|(id, step)| (*id, step.from, step.to)).collect();
        let alerts = world.store.alerts_open(9).await.unwrap().len();
        match next {
            Some(next) => {
                assert_eq!((steps, released.ready), (vec![(video.id, tier, next)], vec![video.id]));
                assert_eq!((released.failed, alerts), (vec![], 0), "nobody is told of a dead letter");
            }
            None => assert_eq!((steps, released.failed, alerts), (vec![], vec![video.id], 1)),
        }
        assert_eq!(used(&world).await, spent, "what was set aside and not spent is back");
        let late = world.store.task_release(vec![given_up], vec![], now).await.unwrap();
        assert_eq!((late.fenced, late.lowered), (vec![video.id], vec![]), "a late word lowers nothing");
    }
    let dead = world.stored(video.id).await;
    let tool = Shortfall::Tool;
    assert_eq!(way(&dead), [(VideoTier::Daily, tool), (VideoTier::Picture, tool)]);
    assert_eq!(dead.payload.video.unwrap().steps[0].why, "no");
    assert_eq!(world.stored(post.id).await.state, TaskState::Cancelled);
    assert!(entries(&world).await.iter().all(|entry| entry.state == EntryState::Settled));
}

pub(crate) async fn a_video_that_the_day_has_no_money_for_is_made_cheaper(world: World) {
    let (video, post) = hero(&world, Channel::TikTok).await;
    let (other, other_post) = hero(&world, Channel::YoutubeShorts).await;
    let claim = || Claim::new("worker", LEASE, world.ambient.now());
    limit(&world, Usd::cents(25), None).await;
    let claimed = world.store.task_claim(&[video.id], claim()).await.unwrap();
    assert_eq!((claimed.tasks, claimed.failed, claimed.waiting), (vec![], vec![], vec![]));
    assert_eq!(
        claimed.lowered.iter().map(|(id, step)| (*id, step.to)).collect::<Vec<_>>(),
        [(video.id, VideoTier::Daily)]
    );
    let ready = world.stored(video.id).await;
    assert_eq!((ready.state, ready.attempts, ready.lease_owner), (TaskState::Ready, 0, None));
    assert_eq!((ready.budget_cap_usd, entries(&world).await.len()), (DAILY, 0));

    // A daily one can be paid for.
    let held = world.claimed(video.id, "worker").await;
    assert_eq!((held.video_tier(), used(&world).await), (Some(VideoTier::Daily), DAILY));
    world.store.task_release(vec![release(&held, vec![])], vec![], world.ambient.now()).await.unwrap();
    limit(&world, Usd::cents(1), None).await;
    let claimed = world.store.task_claim(&[video.id], claim()).await.unwrap();
    assert_eq!(claimed.lowered.len(), 1);
    // The picture that is there already costs nothing.
    let free = world.claimed(video.id, "worker").await;
    assert_eq!(
        (free.video_tier(), free.budget_cap_usd, used(&world).await),
        (Some(VideoTier::Picture), Usd::ZERO, Usd::ZERO)
    );
    let money = Shortfall::Money;
    assert_eq!(way(&free), [(VideoTier::Daily, money), (VideoTier::Picture, money)]);
    assert!(free.payload.video.unwrap().steps[0].why.contains("raise the agent's daily cap"));
    assert_eq!(world.stored(post.id).await.state, TaskState::Pending);
    assert_eq!(world.store.alerts_open(9).await.unwrap(), []);

    // Shorts are videos: there the last step is missing.
    assert_eq!(world.store.task_claim(&[other.id], claim()).await.unwrap().lowered.len(), 1);
    assert_eq!(world.store.task_claim(&[other.id], claim()).await.unwrap().failed, [other.id]);
    assert_eq!(world.stored(other_post.id).await.state, TaskState::Cancelled);
    assert_eq!(world.store.alerts_open(9).await.unwrap()[0].reason_code, "daily_spend_cap");
}

pub(crate) async fn a_video_waits_for_money_that_may_come_back(world: World) {
    let ((first, _), (second, _)) = (hero(&world, Channel::Instagram).await, hero(&world, Channel::Instagram).await);
    limit(&world, Usd::cents(150), None).await;
    let held = world.claimed(first.id, "worker").await;
    let claim = Claim::new("worker", LEASE, world.ambient.now());
    let claimed = world.store.task_claim(&[second.id], claim).await.unwrap();
    assert_eq!((claimed.waiting, claimed.lowered), (vec![second.id], vec![]));
    world.store.task_release(vec![release(&held, vec![])], vec![], world.ambient.now()).await.unwrap();
    assert_eq!(world.claimed(second.id, "worker").await.video_tier(), Some(VideoTier::Hero));
}
