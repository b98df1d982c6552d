//! The planner's loop.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use chimera_domain::{AlertKind, Campaign};
use chimera_mcp::{Host, HostConfig, Revision, ServerConfig, TransportConfig};
use chimera_planner::{Planner, PlannerConfig, ResourceConfig, serve};
use chrono::TimeDelta;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    fake::Feeds,
    world::{FEED, RESOURCE, World, item},
};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn it_plans_until_cancelled(world: World) {
    world.feeds.set(FEED, &[item("1", "Silk again", "0.9")]);
    let cancel = CancellationToken::new();
    let planner = world.planner_with(PlannerConfig { poll_interval_ms: 5, ..PlannerConfig::default() });
    let running = TaskTracker::new().spawn(serve(planner, cancel.clone()));
    let planned = async {
        while world.tasks().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, planned).await.expect("it never planned");
    cancel.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it does not stop").unwrap();
}

pub(crate) async fn a_read_that_hangs_does_not_hold_up_the_end(world: World) {
    world.feeds.hang();
    let cancel = CancellationToken::new();
    let running = TaskTracker::new().spawn(serve(world.planner.clone(), cancel.clone()));
    tokio::time::timeout(PATIENCE, world.feeds.until_hanging()).await.expect("it never read");
    cancel.cancel();
    // The server is silent for a minute before the host gives up on it.
    tokio::time::timeout(PATIENCE, running).await.expect("it waits for the read").unwrap();
    assert_eq!(world.cursor().await, None, "a read that was cut short is no failure of the resource");
}

/// Serves until the condition holds, looking again and again while the clock goes on.
async fn serve_until<F: Future<Output = bool>>(
    world: &World,
    planner: Planner,
    what: &str,
    mut holds: impl FnMut() -> F,
) {
    let cancel = CancellationToken::new();
    let running = TaskTracker::new().spawn(serve(planner, cancel.clone()));
    let looking = async {
        while !holds().await {
            world.ambient.advance(TimeDelta::milliseconds(50));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(3 * PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
    cancel.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it does not stop").unwrap();
}

fn quick() -> PlannerConfig {
    PlannerConfig { poll_interval_ms: 20, reads_at_once: 4, feed_down_after: 2, ..PlannerConfig::default() }
}

async fn watch(world: &World, uris: &[&str]) -> Campaign {
    let resources = uris.iter().map(|uri| (*uri).to_owned()).collect();
    world.store.campaign_save(&Campaign { resources, ..world.campaign.clone() }).await.unwrap()
}

pub(crate) async fn servers_of_every_evil_hold_up_no_other_and_are_told_once(world: World) {
    let wild = Feeds::default();
    let [down, slow, wrong, huge, flapping] =
        ["feed://down", "feed://slow", "feed://wrong", "feed://huge", "feed://flapping"];
    let uris: Vec<String> = [down, slow, wrong, huge, flapping].iter().map(|uri| format!("mcp://wild/{uri}")).collect();
    let mut watched = vec![RESOURCE];
    watched.extend(uris.iter().map(String::as_str));
    let campaign = watch(&world, &watched).await;
    let mut config = HostConfig::default();
    let small = ServerConfig { output_bytes_max: 20_000, ..ServerConfig::new(TransportConfig::InProcess) };
    config.servers.insert("wild".to_owned(), small);
    let host = || {
        let (good, wild) = (world.feeds.clone(), wild.clone());
        let host = Host::builder(config.clone(), world.ambient.clone()).in_process("feeds", move || good.clone());
        host.in_process("wild", move || wild.clone()).build().unwrap()
    };
    wild.stick(slow, true);
    wild.set_text(wrong, "Once upon a time");
    wild.set_text(huge, &"x".repeat(50_000));
    let open = || async {
        let open = world.store.alerts_open(99).await.unwrap();
        let mut down: Vec<String> =
            open.into_iter().filter(|a| a.kind == AlertKind::FeedDown).map(|a| a.subject).collect();
        down.sort();
        down
    };
    // While one hangs and four are in trouble, another brings item after item, each as soon as the last was planned.
    let told = Cell::new(0_usize);
    serve_until(&world, world.planner_over(host(), quick()), "twenty items beside all that", || async {
        if told.get().is_multiple_of(2) {
            wild.set(flapping, &[item("1", "Linen", "0.1")]);
        } else {
            wild.remove(flapping);
        }
        let signals = world.signals(&campaign).await;
        let seen = signals.iter().filter(|s| s.resource_uri == RESOURCE).count();
        if seen == told.get() {
            told.set(seen + 1);
            world.feeds.set(FEED, &[item(&seen.to_string(), &format!("Silk {seen}"), "0.1")]);
        }
        seen >= 20
    })
    .await;
    assert!(wild.reads(slow) > 0);
    serve_until(&world, world.planner_over(host(), quick()), "told of what is down", || async {
        let open = open().await;
        [down, wrong, huge].iter().all(|uri| open.contains(&format!("mcp://wild/{uri}")))
    })
    .await;
    // All is mended, and by and by nothing is told any more.
    wild.stick(slow, false);
    for uri in [down, slow, wrong, huge, flapping] {
        wild.set(uri, &[item("1", uri, "0.1")]);
    }
    serve_until(&world, world.planner_over(host(), quick()), "calm again", || async {
        world.ambient.advance(TimeDelta::minutes(5));
        open().await.is_empty() && world.signals(&campaign).await.iter().any(|s| s.item.title == huge)
    })
    .await;
}

pub(crate) async fn a_resource_has_an_interval_of_its_own(world: World) {
    watch(&world, &[RESOURCE, "mcp://feeds/feed://other"]).await;
    world.feeds.set(FEED, &[item("1", "Silk", "0.1")]);
    world.feeds.set("feed://other", &[item("1", "Linen", "0.1")]);
    let daily = ResourceConfig { poll_interval_ms: Some(86_400_000), ..ResourceConfig::default() };
    let resources = BTreeMap::from([(RESOURCE.to_owned(), daily)]);
    let planner = world.planner_with(PlannerConfig { resources, ..quick() });
    serve_until(&world, planner, "many readings of the other", || async { world.feeds.reads("feed://other") >= 5 })
        .await;
    assert_eq!(world.feeds.reads(FEED), 1);
}

pub(crate) async fn a_server_that_offers_it_says_when_to_read(world: World) {
    for (revision, title) in [(Revision::V20251125, "Silk"), (Revision::V20260728, "Linen")] {
        let mut config = HostConfig::default();
        let speaks = ServerConfig { revision, ..ServerConfig::new(TransportConfig::InProcess) };
        config.servers.insert("feeds".to_owned(), speaks);
        let served = world.feeds.clone();
        let host = Host::builder(config, world.ambient.clone()).in_process("feeds", move || served.clone());
        // Polling alone would come to it in an hour.
        let hourly = PlannerConfig { poll_interval_ms: 3_600_000, subscribe: true, ..PlannerConfig::default() };
        let planner = world.planner_over(host.build().unwrap(), hourly);
        world.feeds.set(FEED, &[item(title, title, "0.1")]);
        let later = format!("{title} again");
        serve_until(&world, planner, "reading what it was told of", || async {
            let titles: Vec<String> = world.signals(&world.campaign).await.into_iter().map(|s| s.item.title).collect();
            if titles.iter().any(|t| t == title) && !titles.contains(&later) {
                world.feeds.set(FEED, &[item(&later, &later, "0.1")]);
            }
            titles.contains(&later)
        })
        .await;
    }
}
