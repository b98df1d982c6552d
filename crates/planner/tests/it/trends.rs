//! Subjects that are told of much more often than they use to be.

use chimera_domain::{Alert, AlertKind, Ambient as _, Campaign, TrendState, contracts::FeedItem};
use chimera_planner::{PlannerConfig, TrendConfig, TrendReport};
use chrono::Duration;

use crate::world::{World, item};

/// One subject, in words too different to be one story.
const SUBJECT: [&str; 8] = [
    "Wildfire forces evacuation of tourists from hotels on Rhodes",
    "Rhodes wildfire: thousands flee beaches as flames near hotels",
    "Greek island wildfire out of control, say firefighters",
    "Tourists stranded on Rhodes as wildfire spreads to villages",
    "Greece battles wildfires on Rhodes in record heat",
    "Airlines cancel flights to Rhodes because of the wildfire",
    "Firefighters from across Europe join battle against Greek wildfires",
    "Hotels burn as wildfire reaches the coast of Rhodes",
];
/// Everything else.
const OTHERS: [&str; 4] = [
    "Oat milk sales overtake soy",
    "New tram line for Lisbon",
    "Museum buys a lost Vermeer",
    "Chess champion retires at 31",
];

async fn watch(world: &World, feeds: usize) -> Campaign {
    let resources = (0..feeds).map(|n| format!("mcp://feeds/feed://paper{n}")).collect();
    world.store.campaign_save(&Campaign { resources, ..world.campaign.clone() }).await.unwrap()
}

/// The subject over four feeds, two items each, beside something else.
fn tell(world: &World, extra: &[FeedItem]) {
    for n in 0..4 {
        let mut items = vec![
            item(&format!("a{n}"), SUBJECT[2 * n], "0.1"),
            item(&format!("b{n}"), SUBJECT[2 * n + 1], "0.1"),
            item(&format!("c{n}"), OTHERS[n], "0.1"),
        ];
        items.extend_from_slice(extra);
        world.feeds.set(&format!("feed://paper{n}"), &items);
    }
}

async fn alerts(world: &World) -> Vec<Alert> {
    let open = world.store.alerts_open(99).await.unwrap();
    open.into_iter().filter(|alert| alert.kind == AlertKind::Trend).collect()
}

/// A day without news, so that it is known what is usual.
async fn quiet_day(world: &World) {
    for n in 0..4 {
        world.feeds.set(&format!("feed://paper{n}"), &[item("0", "Nothing happened on the first day", "0.1")]);
    }
    world.tick().await;
    world.planner.spot_trends("first").await.unwrap();
    world.ambient.advance(Duration::hours(24));
}

pub(crate) async fn a_trend_is_told_once_and_ends_by_itself(world: World) {
    watch(&world, 4).await;
    quiet_day(&world).await;
    tell(&world, &[]);
    world.tick().await;
    let report = world.planner.spot_trends("first").await.unwrap();
    assert_eq!((report.risen, report.ended), (1, 0), "{report:?}");
    let trends = world.store.trends(true, 9).await.unwrap();
    assert_eq!(trends.len(), 1);
    assert!(trends[0].items >= 5 && trends[0].sources == 4 && trends[0].z > 3.0, "{:?}", trends[0]);
    assert!(trends[0].members.iter().all(|m| SUBJECT.contains(&m.headline.as_str())), "{:?}", trends[0].members);
    let told = alerts(&world).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].message.contains("from 4 resources within 60 minutes"), "{}", told[0].message);

    // It goes on: nothing new is told. Nor to another process, which has to wait for the duty.
    world.ambient.advance(Duration::minutes(5));
    assert_eq!(world.planner.spot_trends("first").await.unwrap(), TrendReport::default());
    let other = world.planner_with(PlannerConfig::default());
    assert_eq!(other.spot_trends("second").await.unwrap(), TrendReport::default());
    assert_eq!(alerts(&world).await, told);

    world.ambient.advance(Duration::minutes(70));
    assert_eq!(world.planner.spot_trends("first").await.unwrap(), TrendReport { items: 0, risen: 0, ended: 1 });
    assert_eq!(alerts(&world).await, []);
    assert_eq!(world.store.trends(true, 9).await.unwrap(), []);
    let over = world.store.trends(false, 9).await.unwrap().remove(0);
    assert_eq!((over.state, over.id, over.ended_at.is_some()), (TrendState::Over, trends[0].id, true));
    assert_eq!(world.planner.spot_trends("first").await.unwrap(), TrendReport::default());
}

pub(crate) async fn a_restart_or_another_planner_goes_on_with_the_same_trend(world: World) {
    watch(&world, 4).await;
    quiet_day(&world).await;
    tell(&world, &[]);
    world.tick().await;
    world.planner.spot_trends("first").await.unwrap();
    let (trends, told) = (world.store.trends(true, 9).await.unwrap(), alerts(&world).await);
    world.store.duty_release(chimera_store::Duty::Trends, "first").await.unwrap();

    let other = world.planner_with(PlannerConfig::default());
    let report = other.spot_trends("second").await.unwrap();
    assert_eq!((report.risen, report.ended), (0, 0), "{report:?}");
    assert_eq!(alerts(&world).await, told);
    let now: Vec<_> = world.store.trends(true, 9).await.unwrap().into_iter().map(|t| (t.id, t.items)).collect();
    assert_eq!(now, trends.iter().map(|t| (t.id, t.items)).collect::<Vec<_>>());
    world.ambient.advance(Duration::minutes(70));
    assert_eq!(other.spot_trends("second").await.unwrap().ended, 1);
    assert_eq!(alerts(&world).await, []);
}

pub(crate) async fn what_is_as_usual_or_old_is_no_trend(world: World) {
    watch(&world, 4).await;
    // All of it was published days ago, and the feeds are new.
    let published_at = Some(world.ambient.now() - Duration::days(3));
    for n in 0..4 {
        let old = |m: usize| FeedItem { published_at, ..item(&format!("{n}-{m}"), SUBJECT[2 * n + m], "0.1") };
        world.feeds.set(&format!("feed://paper{n}"), &[old(0), old(1)]);
    }
    world.tick().await;
    let report = world.planner.spot_trends("first").await.unwrap();
    assert_eq!((report.items, report.risen), (8, 0));
    // An hour like every hour.
    for hour in 0..30 {
        for n in 0..4 {
            let each_hour =
                |m: usize| item(&format!("{hour}-{n}-{m}"), &format!("{} {hour}", SUBJECT[2 * n + m]), "0.1");
            world.feeds.set(&format!("feed://paper{n}"), &[each_hour(0), each_hour(1)]);
        }
        world.tick().await;
        let report = world.planner.spot_trends("first").await.unwrap();
        assert!(hour < 6 || report.risen == 0, "hour {hour}: {report:?}");
        world.ambient.advance(Duration::hours(1));
    }
    assert_eq!(alerts(&world).await, []);
    // Off is off.
    let trends = TrendConfig { window_minutes: 0, ..TrendConfig::default() };
    let off = world.planner_with(PlannerConfig { trends, ..PlannerConfig::default() });
    assert_eq!(off.spot_trends("first").await.unwrap(), TrendReport::default());
}

pub(crate) async fn a_signal_says_which_trend_it_is_part_of(world: World) {
    let campaign = watch(&world, 4).await;
    quiet_day(&world).await;
    tell(&world, &[]);
    world.tick().await;
    world.planner.spot_trends("first").await.unwrap();
    let late = [
        item("late", "Wildfire on Rhodes: hotels reopen their doors to tourists", "0.9"),
        item("x", "Silk is back", "0.9"),
    ];
    tell(&world, &late);
    world.tick().await;
    let signals = world.signals(&campaign).await;
    let of = |title: &str| signals.iter().find(|s| s.item.title == title).unwrap();
    let part = of(&late[0].title);
    assert!(part.reasons().contains("part of a trend: \u{201c}"), "{}", part.reasons());
    assert_eq!(part.relevance.get(), 0.9, "heat raises no score");
    assert_eq!(of("Silk is back").note, None);
}
