//! The same story in other words.

use chimera_domain::{Agent, Campaign, GovernorLimits, Score, SignalOutcome};
use chimera_planner::PlannerConfig;

use crate::world::{FEED, World, item, told};

use SignalOutcome::{BelowThreshold, Deferred, Duplicate, Planned};

/// One story in the words of ten editors.
const WORDINGS: [&str; 10] = [
    "Paris Fashion Week opens with a tribute to Vivienne Westwood",
    "Paris Fashion Week opens with tribute to Vivienne Westwood",
    "PARIS FASHION WEEK OPENS WITH VIVIENNE WESTWOOD TRIBUTE",
    "Vivienne Westwood tribute opens Paris Fashion Week",
    "Paris Fashion Week opens with a tribute to Vivienne Westwood - The Courier",
    "Watch: Paris Fashion Week opens with a tribute to Vivienne Westwood",
    "A tribute to Vivienne Westwood opens the Paris Fashion Week",
    "Fashion week in Paris opens with a tribute to the late Vivienne Westwood",
    "Paris Fashion Week: opening with a Vivienne Westwood tribute",
    "Tribute to Vivienne Westwood as Paris Fashion Week opens",
];

/// Makes the campaign watch so many feeds, each with one of the wordings.
async fn ten_feeds(world: &World) -> Campaign {
    let names: Vec<String> = (0..WORDINGS.len()).map(|n| format!("feed://paper{n}")).collect();
    for (name, wording) in names.iter().zip(WORDINGS) {
        world.feeds.set(name, &[item("1", wording, "0.9")]);
    }
    let resources = names.iter().map(|name| format!("mcp://feeds/{name}")).collect();
    world.store.campaign_save(&Campaign { resources, ..world.campaign.clone() }).await.unwrap()
}

pub(crate) async fn the_same_story_from_ten_feeds_is_one_signal_with_ten_sources(world: World) {
    let campaign = ten_feeds(&world).await;
    assert_eq!(world.tick().await.signals, 10);
    let signals = world.signals(&campaign).await;
    let of = |outcome| signals.iter().filter(move |s| s.outcome == outcome).collect::<Vec<_>>();
    assert_eq!((of(Planned).len(), of(Duplicate).len()), (1, 9), "{:?}", world.outcomes(&campaign).await);
    let planned = of(Planned)[0];
    assert_eq!(planned.story_id, planned.id);
    assert!(of(Duplicate).iter().all(|s| s.story_id == planned.id && s.why.contains("in other words")));
    assert_eq!(world.mind.asked().concat().len(), 1, "one wording is paid for");

    // Whichever of them an operator asks about.
    for signal in &signals {
        let sources = world.store.trace(signal.trace_id).await.unwrap().unwrap().sources;
        let mut uris: Vec<&str> = sources.iter().map(|s| s.resource_uri.as_str()).collect();
        uris.sort_unstable();
        assert_eq!(uris, campaign.resources.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(sources.is_sorted_by_key(|s| s.read_at));
    }
}

pub(crate) async fn two_wordings_in_one_document_are_planned_once(world: World) {
    let items = [item("1", WORDINGS[0], "0.9"), item("2", WORDINGS[3], "0.95"), item("3", WORDINGS[3], "0.95")];
    world.feeds.set(FEED, &items);
    world.tick().await;
    let wanted = [(WORDINGS[0], Planned), (WORDINGS[3], Duplicate), (WORDINGS[3], Duplicate)];
    assert_eq!(world.outcomes(&world.campaign).await, told(&wanted));
    let signals = world.signals(&world.campaign).await;
    assert!(signals.iter().all(|s| s.story_id == signals[0].id), "a copy of a wording tells the story, too");
}

pub(crate) async fn a_restart_forgets_no_story(world: World) {
    world.feeds.set(FEED, &[item("1", WORDINGS[0], "0.9")]);
    world.tick().await;
    world.ambient.advance(chrono::Duration::hours(71));
    world.feeds.set(FEED, &[item("2", WORDINGS[4], "0.9")]);
    let restarted = world.planner_with(PlannerConfig::default());
    restarted.tick().await.unwrap();
    assert_eq!(world.outcomes(&world.campaign).await, told(&[(WORDINGS[0], Planned), (WORDINGS[4], Duplicate)]));
    // In time it is news again, for this planner as for one that begins.
    world.ambient.advance(chrono::Duration::hours(2));
    world.feeds.set(FEED, &[item("3", WORDINGS[8], "0.9")]);
    restarted.tick().await.unwrap();
    assert_eq!(world.outcomes(&world.campaign).await[2..], told(&[(WORDINGS[8], Planned)]));
}

pub(crate) async fn planners_learn_of_each_others_stories(world: World) {
    let other = world.planner_with(PlannerConfig::default());
    other.tick().await.unwrap();
    world.feeds.set(FEED, &[item("1", WORDINGS[0], "0.9")]);
    world.tick().await;
    world.feeds.set(FEED, &[item("2", WORDINGS[3], "0.9")]);
    // Its last reading failed, once: it reads again at once.
    other.tick().await.unwrap();
    assert_eq!(world.outcomes(&world.campaign).await, told(&[(WORDINGS[0], Planned), (WORDINGS[3], Duplicate)]));
}

pub(crate) async fn what_was_not_relevant_in_other_words_is_scored_in_these(world: World) {
    for (n, (wording, score)) in WORDINGS.iter().zip(["0.2", "0.3", "0.9", "0.95"]).enumerate() {
        world.feeds.set(FEED, &[item(&n.to_string(), wording, score)]);
        world.tick().await;
    }
    let wanted = [BelowThreshold, BelowThreshold, Planned, Duplicate].into_iter();
    let wanted: Vec<_> = WORDINGS.iter().copied().zip(wanted).collect();
    assert_eq!(world.outcomes(&world.campaign).await, told(&wanted));
    let signals = world.signals(&world.campaign).await;
    assert!(signals.iter().all(|s| s.story_id == signals[0].id));
}

pub(crate) async fn a_wording_that_may_be_an_attack_keeps_no_honest_one_out(world: World) {
    let attack = format!("{} at www.evil.test", WORDINGS[0]);
    world.feeds.set(FEED, &[item("1", &attack, "0.99")]);
    world.tick().await;
    world.feeds.set(FEED, &[item("2", WORDINGS[0], "0.9")]);
    world.tick().await;
    // And none that comes after the honest one is planned, attack or not; after a restart neither.
    let restarted = world.planner_with(PlannerConfig::default());
    world.feeds.set(FEED, &[item("3", &format!("{attack}/again"), "0.99"), item("4", WORDINGS[3], "0.9")]);
    restarted.tick().await.unwrap();
    let outcomes: Vec<_> = world.outcomes(&world.campaign).await.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Planned, Planned, Duplicate, Duplicate]);
    let signals = world.signals(&world.campaign).await;
    assert_eq!((signals[0].story_id, signals[1].story_id), (signals[0].id, signals[1].id));
    assert!(signals[2..].iter().all(|s| s.story_id == signals[1].id));
}

pub(crate) async fn each_campaign_plans_a_story_for_itself(world: World) {
    let strict = world.another(|c| c.relevance_threshold = Score::percent(92)).await;
    world.feeds.set(FEED, &[item("1", WORDINGS[0], "0.9")]);
    world.tick().await;
    world.feeds.set(FEED, &[item("2", WORDINGS[3], "0.95")]);
    world.tick().await;
    assert_eq!(world.outcomes(&world.campaign).await, told(&[(WORDINGS[0], Planned), (WORDINGS[3], Duplicate)]));
    assert_eq!(world.outcomes(&strict).await, told(&[(WORDINGS[0], BelowThreshold), (WORDINGS[3], Planned)]));
    let (ours, theirs) = (world.signals(&world.campaign).await, world.signals(&strict).await);
    let stories: std::collections::HashSet<_> = ours.iter().chain(&theirs).map(|s| s.story_id).collect();
    assert_eq!(stories.len(), 1, "one story, whoever sees it");
    let sources = world.store.story_sources(&ours[..1]).await.unwrap();
    assert!(sources.iter().all(|s| s.campaign_id == world.campaign.id) && sources.len() == 2);
}

pub(crate) async fn what_is_held_back_needs_no_second_telling(world: World) {
    let limits = GovernorLimits { max_tasks_per_hour: 1, ..world.agent.governor_limits };
    world.store.agent_save(&Agent { governor_limits: limits, ..world.agent.clone() }).await.unwrap();
    world.feeds.set(FEED, &[item("0", "Silk", "0.99"), item("1", WORDINGS[0], "0.9")]);
    world.tick().await;
    world.feeds.set(FEED, &[item("2", WORDINGS[3], "0.95")]);
    world.tick().await;
    let wanted = [("Silk", Planned), (WORDINGS[0], Deferred), (WORDINGS[3], Duplicate)];
    assert_eq!(world.outcomes(&world.campaign).await, told(&wanted));
    world.ambient.advance(chrono::Duration::minutes(61));
    assert_eq!(world.tick().await.released, 1);
}

pub(crate) async fn only_copies_are_known_where_stories_are_off(world: World) {
    let planner = world.planner_with(PlannerConfig { story_hours: 0, ..PlannerConfig::default() });
    let items =
        [item("1", WORDINGS[0], "0.9"), item("2", WORDINGS[2], "0.9"), item("3", &WORDINGS[0].to_lowercase(), "0.9")];
    world.feeds.set(FEED, &items);
    planner.tick().await.unwrap();
    let outcomes: Vec<_> = world.outcomes(&world.campaign).await.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Planned, Planned, Duplicate]);
}
