//! What a campaign's own limits and words do to planning.

use chimera_bus::Queue;
use chimera_domain::{
    Agent, AlertKind, Ambient as _, Calibration, Campaign, CampaignLimits, CampaignTerms, Channel, GovernorLimits,
    MonotoneMap, Score,
    SignalOutcome::{BelowThreshold, Deferred, Planned},
    TaskState, Usd,
    policy::calibration::CalibrationMethod,
};
use chimera_llm::ItemText;
use chimera_planner::{PlannerConfig, Replay, rescore};
use chimera_store::{DraftFilter, Drafts};
use chrono::Duration;

use crate::world::{FEED, World, item, told};

/// The campaign with other limits.
async fn limited(world: &World, limits: CampaignLimits) -> Campaign {
    world.store.campaign_save(&Campaign { limits, ..world.campaign.clone() }).await.unwrap()
}

async fn alerts(world: &World) -> Vec<(String, String)> {
    let open = world.store.alerts_open(99).await.unwrap();
    let caps = open.into_iter().filter(|alert| alert.kind == AlertKind::GovernorCap);
    caps.map(|alert| (alert.subject, alert.reason_code)).collect()
}

fn news(count: usize) -> Vec<chimera_domain::contracts::FeedItem> {
    (0..count).map(|n| item(&n.to_string(), &format!("Silk {n}"), &format!("0.{}", 80 + n))).collect()
}

pub(crate) async fn quiet_hours_hold_back_and_lose_nothing(world: World) {
    // The clock of these tests begins at 10:20 UTC, which is 15:50 in Kolkata.
    let hours = "15:00-16:00 Asia/Kolkata".parse().unwrap();
    limited(&world, CampaignLimits { quiet_hours: Some(hours), ..CampaignLimits::default() }).await;
    world.feeds.set(FEED, &news(2));
    assert_eq!(world.tick().await.tasks, 0);
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk 0", Deferred), ("Silk 1", Deferred)]));
    let signals = world.signals(&world.campaign).await;
    assert_eq!(signals[0].note.as_deref(), Some("held back: quiet_hours until 2026-11-22 10:30 UTC"));
    assert_eq!(alerts(&world).await, [], "as wished");
    assert_eq!(world.tick().await.released, 0);

    let now = world.ambient.now();
    let waiting = world.store.signals_waiting(&[world.campaign.id]).await.unwrap();
    assert_eq!(waiting.iter().map(|held| (held.agent_id, held.count)).collect::<Vec<_>>(), [(world.agent.id, 2)]);
    assert_eq!(waiting[0].since, signals[0].ingested_at);
    assert!(world.store.planned_first(&[world.agent.id], now).await.unwrap().is_empty());

    world.ambient.advance(Duration::minutes(10));
    assert_eq!(world.tick().await.released, 2);
    let planned = world.store.planned_first(&[world.agent.id], world.ambient.now()).await.unwrap();
    assert!(planned[&world.agent.id] > now);
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk 0", Planned), ("Silk 1", Planned)]));
    assert!(world.signals(&world.campaign).await.iter().all(|signal| signal.note.is_none()));
    assert_eq!(world.tasks().await.len(), 8);
}

pub(crate) async fn a_campaigns_cap_holds_for_all_its_news_and_turns_at_midnight(world: World) {
    limited(&world, CampaignLimits { daily_task_cap: Some(2), ..CampaignLimits::default() }).await;
    world.feeds.set(FEED, &news(5));
    world.tick().await;
    let planned =
        async || world.outcomes(&world.campaign).await.iter().filter(|(_, outcome)| *outcome == Planned).count();
    assert_eq!(planned().await, 2);
    assert_eq!(alerts(&world).await, [(world.campaign.slug.clone(), "campaign_daily_task_cap".to_owned())]);
    world.ambient.advance(Duration::hours(13));
    assert_eq!(world.tick().await.released, 0, "still the same day");
    world.ambient.advance(Duration::hours(1));
    assert_eq!(world.tick().await.released, 2);
    assert_eq!(planned().await, 4);
    // The hottest of those that waited came first.
    let left = world.signals(&world.campaign).await.into_iter().find(|signal| signal.outcome == Deferred).unwrap();
    assert_eq!(left.item.title, "Silk 2");
}

pub(crate) async fn a_campaigns_budget_covers_whole_posts(world: World) {
    let budget = world.campaign.post_budget_usd.saturating_add(world.campaign.post_budget_usd);
    // A little less than two posts may cost; the parts of a post are rounded down to the millionth.
    let one_less = Usd::from_micros(budget.micros() - 100);
    limited(&world, CampaignLimits { daily_budget_usd: Some(one_less), ..CampaignLimits::default() }).await;
    world.feeds.set(FEED, &news(3));
    world.tick().await;
    let outcomes = world.outcomes(&world.campaign).await;
    assert_eq!(outcomes, told(&[("Silk 0", Planned), ("Silk 1", Deferred), ("Silk 2", Deferred)]));
    assert_eq!(alerts(&world).await, [(world.campaign.slug.clone(), "campaign_daily_budget".to_owned())]);
    // Another campaign of the same agent has money of its own.
    let other = world.another(|campaign| campaign.channels = vec![Channel::X]).await;
    world.tick().await;
    assert_eq!(world.outcomes(&other).await.iter().filter(|(_, outcome)| *outcome == Planned).count(), 3);
    // A larger budget takes one more, and counts what the first was given.
    limited(&world, CampaignLimits { daily_budget_usd: Some(budget), ..CampaignLimits::default() }).await;
    assert_eq!(world.tick().await.released, 1);
    assert_eq!(world.tick().await.released, 0);
}

pub(crate) async fn plans_wait_for_their_operator_and_not_for_ever(world: World) {
    let limits = CampaignLimits { plan_review: true, ..CampaignLimits::default() };
    assert_eq!(limited(&world, limits.clone()).await.limits, limits);
    world.feeds.set(FEED, &news(2));
    assert_eq!(world.tick().await.tasks, 8);
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk 0", Planned), ("Silk 1", Planned)]));
    assert!(world.tasks().await.iter().all(|task| task.state == TaskState::Draft));
    assert_eq!(world.bus.depth(Queue::Task).await.unwrap(), 0);
    let plans = world.store.draft_plans(&DraftFilter { limit: 9, ..DraftFilter::default() }).await.unwrap();
    let first = Drafts { signals: &[plans[0].signal.id], channel: None, seen: None };
    assert_eq!(world.store.drafts_start(first, world.ambient.now()).await.unwrap().len(), 2);
    world.ambient.advance(Duration::hours(25));
    world.tick().await;
    let count = async |state| world.tasks().await.iter().filter(|task| task.state == state).count();
    assert_eq!((count(TaskState::Ready).await, count(TaskState::Pending).await), (2, 2), "what was started stays");
    assert_eq!((count(TaskState::Draft).await, count(TaskState::Cancelled).await), (0, 4));
}

pub(crate) async fn what_is_far_from_the_goal_is_let_go_unasked(world: World) {
    let goal = "Find fresh fashion stories: collections, street style, designers, runway looks".to_owned();
    let sewing = CampaignTerms { allow: vec!["senate".to_owned()], ..CampaignTerms::default() };
    let campaign = Campaign { goal, ..world.campaign.clone() };
    world.store.campaign_save(&campaign).await.unwrap();
    let kind = world.another(|other| (other.goal, other.terms) = (campaign.goal.clone(), sewing)).await;
    let dull = world.another(|other| other.goal = "the of and".to_owned()).await;
    let news = [
        item("1", "Designer shows linen gowns on a Paris runway", "0.9"),
        item("2", "Senate votes on a bill about oil pipelines", "0.9"),
    ];
    world.feeds.set(FEED, &news);
    let config = PlannerConfig { ask_from: Score::percent(30), ..PlannerConfig::default() };
    let report = world.planner_with(config).tick().await.unwrap();
    assert_eq!(report.signals, 6);
    let (gown, bill) = (news[0].title.as_str(), news[1].title.as_str());
    let outcomes = async |campaign| {
        let mut outcomes = world.outcomes(campaign).await;
        outcomes.sort();
        outcomes
    };
    assert_eq!(outcomes(&world.campaign).await, told(&[(gown, Planned), (bill, BelowThreshold)]));
    let unasked = world.signals(&world.campaign).await.into_iter().find(|signal| signal.item.title == bill).unwrap();
    assert!(unasked.why.starts_with("settled at the first look: "), "{}", unasked.why);
    // What the campaign always takes is taken, and a goal of no subject settles nothing.
    assert_eq!(outcomes(&kind).await, told(&[(gown, Planned), (bill, Planned)]));
    assert_eq!(outcomes(&dull).await, told(&[(gown, Planned), (bill, Planned)]));
    let mut asked = world.mind.asked();
    asked.sort();
    let (gown, bill) = (gown.to_owned(), bill.to_owned());
    assert_eq!(asked, [vec![gown.clone()], vec![gown.clone(), bill.clone()], vec![gown, bill]]);
}

pub(crate) async fn an_agents_day_has_a_cap_too(world: World) {
    let limits = GovernorLimits { max_tasks_per_day: Some(3), ..world.agent.governor_limits };
    let agent = world.store.agent_save(&Agent { governor_limits: limits, ..world.agent.clone() }).await.unwrap();
    assert_eq!(agent.governor_limits, limits);
    world.feeds.set(FEED, &news(4));
    world.tick().await;
    assert_eq!(alerts(&world).await, [(agent.persona_slug.clone(), "daily_task_cap".to_owned())]);
    world.ambient.advance(Duration::hours(2));
    assert_eq!(world.tick().await.released, 0, "it is no cap of the hour");
    world.ambient.advance(Duration::hours(12));
    assert_eq!(world.tick().await.released, 1);
    let now = world.ambient.now();
    let used = world.store.governor_use(&[agent.id], &[agent.id], now).await.unwrap();
    assert_eq!(used[&agent.id].planned_today, 1);
}

pub(crate) async fn own_words_deny_without_asking_and_lift(world: World) {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let terms = CampaignTerms {
        keywords: list(&["silk"]),
        allow: list(&["mending circle"]),
        deny: list(&["fur"]),
        ..CampaignTerms::default()
    };
    world.store.campaign_save(&Campaign { terms, ..world.campaign.clone() }).await.unwrap();
    let items = [
        item("1", "Fur is back", "0.99"),
        item("2", "Silk is back", "0.6"),
        item("3", "Steel is back", "0.6"),
        item("4", "A mending circle is back", "0.1"),
    ];
    world.feeds.set(FEED, &items);
    world.tick().await;
    let mut outcomes = world.outcomes(&world.campaign).await;
    outcomes.sort();
    let wanted = [
        ("A mending circle is back", Planned),
        ("Fur is back", BelowThreshold),
        ("Silk is back", Planned),
        ("Steel is back", BelowThreshold),
    ];
    assert_eq!(outcomes, told(&wanted));
    assert_eq!(world.mind.asked(), [["Silk is back", "Steel is back", "A mending circle is back"]]);
    let denied = world.signals(&world.campaign).await.into_iter().find(|signal| signal.item.id == "1").unwrap();
    assert_eq!(denied.why, "contains `Fur`, which the campaign denies");
}

pub(crate) async fn a_calibration_changes_what_is_planned_and_a_replay_tells_it_before(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk", "0.80"), item("2", "Wool", "0.70"), item("3", "Steel", "0.20")]);
    world.tick().await;
    let before = world.signals(&world.campaign).await;
    let outcomes = world.outcomes(&world.campaign).await;
    assert_eq!(outcomes, told(&[("Silk", Planned), ("Wool", BelowThreshold), ("Steel", BelowThreshold)]));
    let knots = vec![(Score::ZERO, Score::ZERO), (Score::percent(70), Score::percent(90)), (Score::ONE, Score::ONE)];
    let calibration = Calibration {
        map: MonotoneMap::through(knots).unwrap(),
        method: CalibrationMethod::Isotonic,
        model: "scripted-1".to_owned(),
        examples: 100,
        error_before: Score::percent(20),
        error_after: Score::percent(2),
        fitted_at: world.ambient.now(),
    };
    let (id, now) = (world.campaign.id, world.ambient.now());
    let calibrated =
        world.store.campaign_calibrate(id, world.campaign.state_version, Some(&calibration), now).await.unwrap();
    // What would come of it, before a new headline comes in.
    let items: Vec<ItemText> = before
        .iter()
        .map(|signal| ItemText { title: signal.item.title.clone(), summary: signal.item.summary.clone() })
        .collect();
    let mut replays = Vec::new();
    for _ in 0..2 {
        let (scores, _) = rescore(&*world.mind, &calibrated, None, &items, 2).await.unwrap();
        let mut replay = Replay::default();
        replay.add(calibrated.relevance_threshold, before.clone(), scores);
        replays.push(replay);
    }
    assert_eq!(replays[0], replays[1], "the same signals, the same answer");
    let headlines =
        |list: &[chimera_planner::Redecided]| -> Vec<String> { list.iter().map(|one| one.headline.clone()).collect() };
    let replay = &replays[0];
    assert_eq!((replay.signals, headlines(&replay.newly_relevant)), (3, vec!["Wool".to_owned()]));
    assert_eq!(headlines(&replay.other_score), ["Silk", "Steel"]);
    assert!(replay.no_longer_relevant.is_empty());
    assert_eq!(world.signals(&world.campaign).await, before, "nothing was written");

    world.feeds.set(FEED, &[item("4", "Wool again", "0.70")]);
    world.tick().await;
    let wool = world.signals(&world.campaign).await.pop().unwrap();
    assert_eq!((wool.outcome, wool.relevance), (Planned, Score::percent(90)));
    assert_eq!(wool.why, "its summary says 0.70; calibrated from 0.70 to 0.90");
    // Another model's scores mean something else.
    let elsewhere = Calibration { model: "another-1".to_owned(), ..calibration };
    world.store.campaign_calibrate(id, calibrated.state_version, Some(&elsewhere), now).await.unwrap();
    world.feeds.set(FEED, &[item("5", "Wool for ever", "0.70")]);
    world.tick().await;
    assert_eq!(world.signals(&world.campaign).await.pop().unwrap().outcome, BelowThreshold);
}
