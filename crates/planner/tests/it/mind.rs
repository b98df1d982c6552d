//! Minds that fail.

use chimera_domain::{SignalOutcome, Usd};
use chimera_planner::PlannerConfig;

use crate::{
    fake::{Fate, PRICE},
    world::{FEED, World, item, told},
};

use SignalOutcome::{BelowThreshold, Duplicate, Planned};

fn in_twos() -> PlannerConfig {
    PlannerConfig { score_batch: 2, ..PlannerConfig::default() }
}

pub(crate) async fn what_could_not_be_scored_is_planned_in_the_next_round(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    world.mind.script(&[Fate::RateLimited, Fate::Unavailable]);
    for why in ["quota", "can't be reached"] {
        let report = world.tick().await;
        assert_eq!(report.signals, 0);
        assert!(report.mind_trouble.is_some_and(|trouble| trouble.contains(why)));
        assert_eq!(world.cursor().await, None);
    }
    assert_eq!(world.tick().await.signals, 1);
    assert_eq!(world.outcomes(&world.campaign).await, told(&[("Silk again", Planned)]));
    assert_eq!(world.mind.asked().len(), 3);
}

pub(crate) async fn what_was_scored_before_the_failure_is_kept(world: World) {
    let items: Vec<_> = (1..=6).map(|n| item(&n.to_string(), &format!("Silk {n}"), "0.9")).collect();
    world.feeds.set(FEED, &items);
    world.mind.script(&[Fate::Scores, Fate::RateLimited]);
    let planner = world.planner_with(in_twos());
    assert_eq!(planner.tick().await.unwrap().signals, 2);
    assert_eq!(world.mind.asked().len(), 2, "after the failure nothing more is asked");
    assert_eq!(planner.tick().await.unwrap().signals, 4);
    let wanted: Vec<_> = (1..=6).map(|n| (format!("Silk {n}"), Planned)).collect();
    assert_eq!(world.outcomes(&world.campaign).await, wanted);
    assert_eq!(world.mind.asked()[2], ["Silk 3", "Silk 4"], "what is scored is not paid for again");
}

pub(crate) async fn one_item_that_the_mind_refuses_holds_back_no_other(world: World) {
    let items = [
        item("1", "Silk", "0.9"),
        item("2", "Linen", "0.8"),
        item("3", "UNSPEAKABLE", "0.9"),
        item("4", "Wool", "0.2"),
    ];
    world.feeds.set(FEED, &items);
    assert_eq!(world.tick().await.signals, 4);
    let mut outcomes = world.outcomes(&world.campaign).await;
    outcomes.sort();
    let mut wanted =
        told(&[("Silk", Planned), ("Linen", Planned), ("UNSPEAKABLE", BelowThreshold), ("Wool", BelowThreshold)]);
    wanted.sort();
    assert_eq!(outcomes, wanted);
    let refused = world.signals(&world.campaign).await.into_iter().find(|s| s.item.id == "3").unwrap();
    assert!(refused.why.contains("safety filter"), "{}", refused.why);
    // All four, both halves, and both quarters of the half that was refused: each paid for.
    assert_eq!(world.mind.asked().len(), 5);
    assert_eq!(world.store.spend_total(None).await.unwrap(), (0..5).map(|_| PRICE).sum::<Usd>());
    assert_eq!(world.tick().await.signals, 0);
}

pub(crate) async fn a_mind_out_of_order_blames_no_item(world: World) {
    let items: Vec<_> = (1..=64).map(|n| item(&n.to_string(), &format!("Silk {n}"), "0.9")).collect();
    world.feeds.set(FEED, &items);
    // As many as are asked in one round: the whole batch, and 24 parts of it.
    world.mind.script(&[Fate::Malformed; 25]);
    assert_eq!(world.tick().await.signals, 0, "no item is given up");
    assert_eq!(world.mind.asked().len(), 25);
    assert_eq!(world.tick().await.signals, 64);
    assert_eq!(world.mind.asked().len(), 26);
    assert!(world.outcomes(&world.campaign).await.iter().all(|(_, outcome)| *outcome == Planned));
}

pub(crate) async fn a_mind_that_answers_too_little_loses_no_item(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk", "0.9"), item("2", "Linen", "0.9"), item("3", "Wool", "0.9")]);
    world.mind.script(&[Fate::Short]);
    world.tick().await;
    assert_eq!(
        world.outcomes(&world.campaign).await,
        told(&[("Silk", Planned), ("Linen", Planned), ("Wool", Planned)])
    );
}

pub(crate) async fn a_copy_of_an_unscored_story_does_not_make_it_known(world: World) {
    let items = [
        item("1", "Linen", "0.9"),
        item("2", "Wool", "0.1"),
        item("3", "Silk again", "0.9"),
        item("4", "SILK again", "0.9"),
    ];
    world.feeds.set(FEED, &items);
    world.mind.script(&[Fate::Scores, Fate::RateLimited]);
    let planner = world.planner_with(in_twos());
    assert_eq!(planner.tick().await.unwrap().signals, 2);
    planner.tick().await.unwrap();
    let wanted = [("Linen", Planned), ("Wool", BelowThreshold), ("Silk again", Planned), ("SILK again", Duplicate)];
    assert_eq!(world.outcomes(&world.campaign).await, told(&wanted));
}
