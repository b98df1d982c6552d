//! Resources that can't be read.

use chimera_domain::{AlertKind, Ambient as _, Campaign, CampaignStatus};
use chimera_planner::PlannerConfig;
use chrono::Duration;

use crate::world::{FEED, RESOURCE, World, item};

pub(crate) async fn failures_are_counted_alerted_and_forgotten(world: World) {
    for failures in 1..=4 {
        assert_eq!(world.tick().await.resources_failed, 1);
        let cursor = world.cursor().await.unwrap();
        assert_eq!((cursor.failures, cursor.content_hash), (failures, None));
        assert!(cursor.last_error.unwrap().contains("no such feed"));
        let alerts = world.store.alerts_open(99).await.unwrap();
        assert_eq!(alerts.len(), usize::from(failures >= 3), "an alert after the third failure, and only one");
        if let Some(alert) = alerts.first() {
            assert_eq!((alert.kind, alert.subject.as_str()), (AlertKind::FeedDown, RESOURCE));
            assert!(alert.message.contains("3 times in a row"), "{}", alert.message);
        }
        world.ambient.advance(Duration::hours(1));
    }
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    let report = world.tick().await;
    assert_eq!((report.resources_failed, report.signals), (0, 1));
    let cursor = world.cursor().await.unwrap();
    assert_eq!((cursor.failures, cursor.last_error), (0, None));
    assert_eq!(world.store.alerts_open(99).await.unwrap(), [], "it is down no more");
}

pub(crate) async fn what_nobody_watches_is_down_no_more(world: World) {
    for _ in 0..3 {
        world.tick().await;
        world.ambient.advance(Duration::hours(1));
    }
    assert_eq!(world.store.alerts_open(99).await.unwrap().len(), 1);
    // Acknowledged, it is not told again before it has failed twice as often.
    let id = world.store.alerts_open(99).await.unwrap()[0].id;
    world.store.alerts_acknowledge(&[id], world.ambient.now()).await.unwrap();
    for failures in 4..=6 {
        world.tick().await;
        world.ambient.advance(Duration::hours(1));
        assert_eq!(world.store.alerts_open(99).await.unwrap().len(), usize::from(failures == 6));
    }
    world.set_status(&world.campaign, CampaignStatus::Paused).await;
    world.tick().await;
    assert_eq!(world.store.alerts_open(99).await.unwrap(), []);
}

pub(crate) async fn a_resource_that_falls_silent_is_told_once_until_it_speaks_again(world: World) {
    let stale =
        |alerts: Vec<chimera_domain::Alert>| alerts.into_iter().filter(|a| a.kind == AlertKind::FeedStale).count();
    let mut days = 0..;
    let mut speak = || world.feeds.set(FEED, &[item(&days.next().unwrap().to_string(), "Silk again", "0.1")]);
    for _ in 0..10 {
        speak();
        world.tick().await;
        world.ambient.advance(Duration::days(1));
    }
    // Eight days are its usual gap eight times.
    for day in 2..=12 {
        world.ambient.advance(Duration::days(1));
        world.tick().await;
        let told = stale(world.store.alerts_open(99).await.unwrap());
        assert!(day == 8 || told == usize::from(day > 8), "day {day}: {told}");
    }
    speak();
    world.tick().await;
    assert_eq!(stale(world.store.alerts_open(99).await.unwrap()), 0, "it speaks again");

    // Once seen by a person it is not told again, nor by a planner that begins; a limit that was said counts instead.
    let said = PlannerConfig { stale_hours: Some(2), ..PlannerConfig::default() };
    for hours in [1, 2] {
        world.ambient.advance(Duration::hours(hours));
        world.planner_with(said.clone()).tick().await.unwrap();
    }
    let open = world.store.alerts_open(99).await.unwrap();
    assert!(open[0].message.contains("for more than 2 hours"), "{}", open[0].message);
    world.store.alerts_acknowledge(&[open[0].id], world.ambient.now()).await.unwrap();
    world.ambient.advance(Duration::hours(1));
    world.planner_with(said).tick().await.unwrap();
    assert_eq!(stale(world.store.alerts_open(99).await.unwrap()), 0);
}

pub(crate) async fn what_is_not_there_is_asked_for_at_each_poll(world: World) {
    for reads in 1..=6 {
        assert_eq!(world.tick().await.resources_failed, 1);
        assert_eq!(world.feeds.reads(FEED), reads);
        world.ambient.advance(Duration::seconds(61));
    }
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    assert_eq!(world.tick().await.signals, 1);
}

pub(crate) async fn a_resource_that_keeps_failing_is_left_alone_for_a_while(world: World) {
    world.feeds.set_text(FEED, "Once upon a time");
    for _ in 0..10 {
        world.tick().await;
    }
    assert_eq!(world.feeds.reads(FEED), 2, "the second failure earns a pause");
    world.ambient.advance(Duration::seconds(61));
    world.tick().await;
    assert_eq!(world.feeds.reads(FEED), 3);
    // Now it is two minutes.
    world.ambient.advance(Duration::seconds(61));
    world.tick().await;
    assert_eq!(world.feeds.reads(FEED), 3);
    world.ambient.advance(Duration::seconds(61));
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    assert_eq!(world.tick().await.signals, 1);
    world.feeds.remove(FEED);
    for _ in 0..2 {
        assert_eq!(world.tick().await.resources_failed, 1, "after a recovery it begins anew");
    }
}

pub(crate) async fn what_is_no_feed_or_no_resource_is_said_so(world: World) {
    let odd =
        ["news.xml", "mcp://feeds", "mcp:///feed://news", "mcp://nowhere/feed://news", "mcp://feeds/feed://prose"];
    let resources = odd.iter().map(|r| (*r).to_owned()).collect();
    world.store.campaign_save(&Campaign { resources, ..world.campaign.clone() }).await.unwrap();
    world.feeds.set_text("feed://prose", "Once upon a time");
    assert_eq!(world.tick().await.resources_failed, odd.len());
    let said = |uri: &str| {
        let uris = [uri.to_owned()];
        let store = world.store.clone();
        async move { store.cursors(&uris).await.unwrap().pop().unwrap().last_error.unwrap() }
    };
    for uri in &odd[..3] {
        assert!(said(uri).await.contains("want mcp://SERVER/RESOURCE-URI"), "{}", said(uri).await);
    }
    assert!(said(odd[3]).await.contains("no MCP server \"nowhere\""), "{}", said(odd[3]).await);
    assert!(said(odd[4]).await.contains("no feed document"), "{}", said(odd[4]).await);
}
