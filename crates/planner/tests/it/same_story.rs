//! No more agents of the fleet take up a story than may, and the most relevant of them do.

use chimera_domain::{
    Agent, Campaign, Channel,
    SignalOutcome::{self, Deferred, Planned, Refused},
};
use chimera_planner::{Planner, PlannerConfig};
use chimera_testkit::fixtures;
use chrono::Duration;

use crate::world::{FEED, World, item};

/// A campaign with an agent of its own, to which every item is as relevant as its goal says.
async fn campaign(world: &World, goal: &str, change: impl FnOnce(&mut Agent, &mut Campaign)) -> Campaign {
    let limits = world.agent.governor_limits;
    let mut agent = Agent { governor_limits: limits, ..fixtures::agent(&*world.ambient) };
    let (mut changed, channels) = (world.campaign.clone(), vec![Channel::X]);
    (changed.goal, changed.agents, changed.channels) = (goal.to_owned(), vec![agent.id], channels);
    change(&mut agent, &mut changed);
    world.store.agent_save(&agent).await.unwrap();
    world.another(|campaign| *campaign = Campaign { id: campaign.id, slug: campaign.slug.clone(), ..changed }).await
}

fn at_most(world: &World, agents: u32) -> Planner {
    world.planner_with(PlannerConfig { same_story_max: agents, ..PlannerConfig::default() })
}

/// What became of the only signal of each campaign, and what is noted on it.
async fn fates(world: &World, campaigns: &[Campaign]) -> Vec<(SignalOutcome, Option<String>)> {
    let mut fates = vec![];
    for campaign in campaigns {
        let signals = world.signals(campaign).await;
        assert_eq!(signals.len(), 1, "{signals:#?}");
        fates.extend(signals.into_iter().map(|signal| (signal.outcome, signal.note)));
    }
    fates
}

pub(crate) async fn the_most_relevant_campaigns_take_up_a_story(world: World) {
    let mut campaigns = vec![];
    for goal in ["0.80", "0.95", "0.85", "0.60", "0.90"] {
        campaigns.push(campaign(&world, goal, |_, _| {}).await);
    }
    world.feeds.set(FEED, &[item("1", "Silk again", "0.1")]);
    let planner = at_most(&world, 2);
    planner.tick().await.unwrap();
    let refused = Some("refused: enough agents of the fleet post about this story".to_owned());
    let wanted = [
        (Refused, refused.clone()),
        (Planned, None),
        (Refused, refused.clone()),
        (SignalOutcome::BelowThreshold, None),
        (Planned, None),
    ];
    assert_eq!(fates(&world, &campaigns).await, wanted);
    // Who comes late finds the places taken, however relevant it is; and nobody is asked about it again.
    let late = campaign(&world, "0.99", |_, _| {}).await;
    planner.tick().await.unwrap();
    assert_eq!(fates(&world, std::slice::from_ref(&late)).await, [(Refused, refused)]);
    let asked = world.mind.asked().len();
    planner.tick().await.unwrap();
    assert_eq!(world.mind.asked().len(), asked);
    // Another planner, which has read nothing of that, finds the places taken in other words, too.
    let other = campaign(&world, "0.98", |_, _| {}).await;
    at_most(&world, 2).tick().await.unwrap();
    assert_eq!(fates(&world, &[other]).await[0].0, Refused);
}

pub(crate) async fn each_channel_has_places_of_its_own(world: World) {
    let first = campaign(&world, "0.95", |_, _| {}).await;
    let both = campaign(&world, "0.90", |_, campaign| campaign.channels = vec![Channel::X, Channel::Bluesky]).await;
    world.feeds.set(FEED, &[item("1", "Silk again", "0.1")]);
    at_most(&world, 1).tick().await.unwrap();
    let note = Some("left to others of the fleet on x".to_owned());
    assert_eq!(fates(&world, &[first.clone(), both.clone()]).await, [(Planned, None), (Planned, note)]);
    let channels = |campaign: &Campaign, tasks: &[chimera_domain::AgentTask]| {
        let of = tasks.iter().filter(|task| task.campaign_id == campaign.id);
        let mut channels: Vec<Channel> = of.map(|task| task.channel).collect();
        channels.dedup();
        channels
    };
    let tasks = world.tasks().await;
    assert_eq!((channels(&first, &tasks), channels(&both, &tasks)), (vec![Channel::X], vec![Channel::Bluesky]));
}

pub(crate) async fn what_was_held_back_finds_the_places_taken(world: World) {
    let busy = campaign(&world, "0.95", |agent, _| agent.governor_limits.max_tasks_per_hour = 1).await;
    world.feeds.set(FEED, &[item("1", "Steel again", "0.1")]);
    let planner = at_most(&world, 1);
    planner.tick().await.unwrap();
    world.feeds.set(FEED, &[item("2", "Silk again", "0.1")]);
    planner.tick().await.unwrap();
    let outcomes = async || world.signals(&busy).await.into_iter().map(|signal| signal.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes().await, [Planned, Deferred]);
    let other = campaign(&world, "0.80", |_, _| {}).await;
    planner.tick().await.unwrap();
    assert_eq!(fates(&world, &[other]).await[0].0, Planned);
    world.ambient.advance(Duration::minutes(61));
    assert_eq!(planner.tick().await.unwrap().released, 0);
    assert_eq!(outcomes().await, [Planned, Refused]);
}

pub(crate) async fn without_a_limit_all_take_it_up(world: World) {
    let mut campaigns = vec![];
    for _ in 0..4 {
        campaigns.push(campaign(&world, "0.80", |_, _| {}).await);
    }
    world.feeds.set(FEED, &[item("1", "Silk again", "0.1")]);
    at_most(&world, 0).tick().await.unwrap();
    assert!(fates(&world, &campaigns).await.iter().all(|(outcome, _)| *outcome == Planned));
}
